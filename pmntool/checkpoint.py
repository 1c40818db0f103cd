"""A run: a trained model on disk, complete and safe to open.

```
run.json               what it is: variant, sizes, settings, TFs, window, dataset, metrics of each epoch, checksums
best-NNNN.safetensors  the weights that were best on the validation split, last improved in epoch NNNN
last-NNNN.safetensors  the weights and the optimizer's moments after epoch NNNN, to go on from
epochs.tsv, epochs.png the metrics of each epoch, and their curves
```
run.json names the two weight files and holds their SHA-256. It is replaced in one step after they are whole and
before older ones go: whenever a run is cut short, what run.json names is there.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as to_bytes
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from pmntool.checksums import file_checksum, require_written
from pmntool.device import use_precision
from pmntool.errors import CheckpointError, InputError
from pmntool.models import build
from pmntool.run_json import FORMAT, FORMAT_VERSION, hyperparameters, read
from pmntool.staging import new_file, write_json
from pmntool.text import is_unicode, read_plain

log = logging.getLogger("pmntool")

_OPTIMIZER = "optimizer."
_NO_FIT = "the weights do not fit the model that run.json describes"


class _Unfilled(TorchFunctionMode):
    """Build a model without drawing its weights: torch loads for seconds to do that where there is no memory."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function is Tensor.normal_:
            return args[0]
        return (torch.empty if function is torch.randn else function)(*args, **kwargs or {})


class Run:
    """A run folder, opened.

    Attributes
    ----------
    meta : dict
        The content of run.json.
    variant : str
    tfs : list of str
        L names, in label order.
    window, stride : int
        bp.

    Raises
    ------
    CheckpointError
        The folder is no run, is of another version, or incomplete.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.meta = read(self.path)
        self.variant: str = self.meta["variant"]
        self.tfs: list[str] = self.meta["tfs"]
        self.window: int = self.meta["window"]
        self.stride: int = self.meta["stride"]
        log.debug("opened %s: %s, %d TFs, %d epochs", self.path, self.variant, len(self.tfs), len(self.meta["epochs"]))

    @property
    def name(self) -> str:
        """The folder's name."""
        return Path(os.path.realpath(self.path)).name

    def checksums(self) -> dict[str, str]:
        """Return what an output says of the run that it was made from: SHA-256 of run.json and of the best weights."""
        return {
            "sha256": file_checksum(self.path / "run.json", CheckpointError),
            "weights": self.meta["best"]["sha256"],
        }

    def model(self, device: torch.device, precision: str = "32") -> nn.Module:
        """Return the model with its best weights, in evaluation mode, that computes in `precision`.

        Raises
        ------
        CheckpointError
            The weights are missing, not as they were written, or do not fit run.json.
        """
        tensors = self.tensors("best")
        self._check_weights(tensors)
        model = build(self.variant, self.tfs, hyperparameters(self.meta))
        fill(model, tensors, self.path)
        use_precision(model, precision, device)
        return model.to(device).eval()

    def _check_weights(self, tensors: dict[str, Tensor]) -> None:
        """Refuse weights that are no numbers, and sizes in run.json that ask for more memory than the weights fill."""
        with torch.device("meta"), _Unfilled():
            wanted = dict(build(self.variant, self.tfs, hyperparameters(self.meta)).named_parameters())
        if any(name not in tensors or tensors[name].shape != weight.shape for name, weight in wanted.items()):
            raise CheckpointError(f"{self.path}: {_NO_FIT}")
        if not all(tensor.isfinite().all() for tensor in tensors.values()):
            raise CheckpointError(f"{self.path}: holds weights that are not numbers")

    def tensors(self, which: str) -> dict[str, Tensor]:
        """Return the tensors of the "best" or the "last" weight file, checked."""
        entry = self.meta[which]
        path = self.path / entry["file"]
        try:
            content = read_plain(path)
        except (OSError, ValueError) as error:  # a ValueError of a name that holds a NUL
            why = getattr(error, "strerror", None) or error
            raise CheckpointError(f"{path}: cannot be read ({why}), but run.json names it") from error
        require_written(path, hashlib.sha256(content).hexdigest(), entry["sha256"], "run.json", CheckpointError)
        try:
            return load_tensors(content)
        except Exception as error:  # its reading of a header ends in more ways than it tells
            raise CheckpointError(f"{path}: not a safetensors file ({error})") from error


def save(
    folder: Path,
    meta: dict[str, Any],
    *,
    epoch: int,
    best_epoch: int,
    best: dict[str, Tensor],
    model: nn.Module,
    optimizer: torch.optim.Optimizer | None,
) -> None:
    """Write the state after an epoch; `meta` gains the names and checksums of the weight files."""
    last = dict(model.state_dict())
    for index, moments in optimizer.state_dict()["state"].items() if optimizer else ():
        last |= {f"{_OPTIMIZER}{index}.{name}": torch.as_tensor(value) for name, value in moments.items()}
    for which, tensors, number in (("best", best, best_epoch), ("last", last, epoch)):
        name = f"{which}-{number:04d}.safetensors"
        if meta.get(which, {}).get("file") != name:
            content = to_bytes({key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()})
            with new_file(folder / name) as partial:
                partial.write_bytes(content)
            meta[which] = {"file": name, "epoch": number, "sha256": hashlib.sha256(content).hexdigest()}
    write_json(folder / "run.json", {"format": FORMAT, "format_version": FORMAT_VERSION} | meta)
    clear(folder, meta)


def clear(folder: Path, meta: dict[str, Any]) -> None:
    """Remove weights that run.json does not name, and what a killed command left half-written."""
    named = {meta["best"]["file"], meta["last"]["file"]}
    for path in (*folder.glob("*.safetensors"), *folder.glob(".*.partial")):
        if path.name not in named:
            path.unlink()


def restore(run: Run, model: nn.Module, optimizer: torch.optim.Optimizer | None) -> None:
    """Bring model and optimizer to where they were after the run's last epoch."""
    tensors = run.tensors("last")
    fill(model, {name: tensor for name, tensor in tensors.items() if not name.startswith(_OPTIMIZER)}, run.path)
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        if key.startswith(_OPTIMIZER):
            index, name = key.removeprefix(_OPTIMIZER).split(".")
            state.setdefault(int(index), {})[name] = tensor
    if optimizer:
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def fill(model: nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    """Load weights that must fit the model exactly."""
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise CheckpointError(f"{path}: {_NO_FIT}") from error


def but_for_seed(run: Run) -> dict[str, Any]:
    """Return what a run was made of, less its seed: runs that agree in all of it differ by chance alone."""
    settings = {name: value for name, value in run.meta["settings"].items() if name != "seed"}
    made = {"variant": run.variant, "tfs": run.tfs, "dataset": run.meta["dataset"].get("sha256")}
    return made | settings | run.meta["hyperparameters"] | {"motifs": run.meta.get("motifs")}


def run_names(paths: Sequence[Path]) -> list[str]:
    """Return a name for each run: its folder's, or the path as given where two folders are called alike.

    Raises
    ------
    InputError
        There is no run, one is named twice, or a name is not UTF-8, as tables are.
    """
    if not paths:
        raise InputError("no run is given")
    real = [os.path.realpath(path) for path in paths]  # Path.resolve raises where links lead in a circle
    names = [os.path.basename(path) for path in real]
    names = [name if names.count(name) == 1 else str(path) for name, path in zip(names, paths, strict=True)]
    odd = next((path for path, name in zip(paths, names, strict=True) if not is_unicode(name)), None)
    if odd is not None:
        raise InputError(f"{odd}: the name is not UTF-8, as the tables are that would hold it; rename the folder")
    if len(set(real)) < len(paths):
        raise InputError(f"a run is named twice: {', '.join(map(str, paths))}")
    return names


def find_newest(folder: Path, variants: Sequence[str]) -> Path:
    """Return the run under `folder`, of one of `variants`, that was written last.

    Raises
    ------
    CheckpointError
        There is none, or a run there cannot be read.
    """
    found = sorted(folder.glob("[!.]*/run.json"), key=lambda path: (path.stat().st_mtime_ns, path), reverse=True)
    newest = next((path.parent for path in found if read(path.parent)["variant"] in variants), None)
    if newest is None:
        which = f"no run of {', '.join(variants)}" if found else "no run"
        raise CheckpointError(f"{folder}: {which} there; `pmntool train` makes one")
    return newest
