"""run.json, which says what a run is (docs/formats.md): read, checked, and a model's sizes as it holds them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pmntool.dataset import are_chroms
from pmntool.errors import CheckpointError
from pmntool.kinds import nearest
from pmntool.models import BUILDERS, Hyperparameters
from pmntool.text import are_names, is_count, is_measure, is_text, misfit, parse_json, read_plain
from pmntool.variants import STRANDS

FORMAT = "pmntool-run"
FORMAT_VERSION = 1
MOST_HOPS = 1000
LARGEST_SIZE = 1 << 20  # of a layer


def read(folder: Path) -> dict[str, Any]:
    """Return run.json's content where it is of this format and version.

    Raises
    ------
    CheckpointError
        The folder holds none, or it is of another version, incomplete, or not what a run holds.
    """
    path = folder / "run.json"
    try:
        meta = parse_json(read_plain(path))
        found = meta["format"], meta["format_version"]
    except OSError as error:
        raise CheckpointError(f"{folder}: no run there (run.json: {error.strerror}); {nearest(folder)}") from error
    except (ValueError, TypeError, KeyError) as error:
        raise CheckpointError(f"{path}: not a run's JSON") from error
    if found != (FORMAT, FORMAT_VERSION):
        raise CheckpointError(
            f"{path}: format {found[0]!r} version {found[1]!r}; this pmntool reads {FORMAT!r} version {FORMAT_VERSION}"
        )
    needed = ("variant", "hyperparameters", "tfs", "window", "stride", "dataset", "settings", "epochs", "best", "last")
    missing = [key for key in needed if key not in meta]
    if missing:
        raise CheckpointError(f"{path}: lacks {', '.join(missing)}")
    if meta["variant"] not in list(BUILDERS):  # it may be anything that JSON has
        raise CheckpointError(f"{path}: variant {meta['variant']!r}; this pmntool has {', '.join(BUILDERS)}")
    _check_values(path, meta)
    return meta


def _check_values(path: Path, meta: dict[str, Any]) -> None:
    """Refuse values that are not of their kind."""
    weights = all(isinstance(meta[w], dict) and {"file", "sha256"} <= meta[w].keys() for w in ("best", "last"))
    rules = {
        "tfs": are_names(meta["tfs"]),
        "hyperparameters": _are_sizes(meta["hyperparameters"]),
        "best and last": weights and all(Path(str(meta[w]["file"])).name == meta[w]["file"] for w in ("best", "last")),
        "window and stride": is_count(meta["window"], 1)
        and is_count(meta["stride"], 1)
        and meta["stride"] <= meta["window"] <= LARGEST_SIZE,
        "settings": isinstance(meta["settings"], dict)
        and all(is_count(meta["settings"].get(name, 0)) for name in ("epochs", "patience")),
        "best_epochs": misfit(meta.get("best_epochs", []), [is_count]) is None,
        "dataset": misfit(meta["dataset"], {"chroms": are_chroms, "sha256": is_text}) is None,
        "epochs": misfit(meta["epochs"], [{str: is_measure}]) is None,
    }
    wrong = [name for name, good in rules.items() if not good]
    if wrong:
        raise CheckpointError(f"{path}: {', '.join(wrong)}: not what a run holds there")


def _are_sizes(known: Any) -> bool:
    """Say whether a value of JSON holds a model's sizes, within reason."""
    if not isinstance(known, dict) or known.keys() != sizes(Hyperparameters()).keys():
        return False
    lists, numbers = (known["channels"], known["widths"]), (known["dropout"], known["sharpness"])
    return (
        all(
            isinstance(some, list) and all(is_count(size, 1) and size <= LARGEST_SIZE for size in some)
            for some in lists
        )
        and len(known["channels"]) == len(known["widths"]) > 0
        and all(isinstance(number, int | float) for number in numbers)
        and 0 <= known["dropout"] < 1
        and known["sharpness"] > 0
        and is_count(known["hops"], 1)
        and known["hops"] <= MOST_HOPS
        and known["strands"] in STRANDS
    )


def hyperparameters(meta: dict[str, Any]) -> Hyperparameters:
    """Return the model's sizes as run.json holds them."""
    known = meta["hyperparameters"] | {"window": meta["window"]}
    return Hyperparameters(
        **{name: tuple(value) if isinstance(value, list) else value for name, value in known.items()}
    )


def sizes(hp: Hyperparameters) -> dict[str, Any]:
    """Return what run.json holds under "hyperparameters": all but the window, which stands beside them."""
    known = {name: list(value) if isinstance(value, tuple) else value for name, value in hp._asdict().items()}
    del known["window"]
    return known
