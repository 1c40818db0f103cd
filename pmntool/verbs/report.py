"""One page that says what the data is, how training went, how good each model is and what its prototypes say.

The verbs' own functions give every number; here they are put beside one another. The page is one file without links to
others, and its bytes depend on what goes in alone.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import math
import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
from markupsafe import Markup

from pmntool import __version__, metrics
from pmntool.bootstrap import FDR, Bootstrap
from pmntool.checkpoint import Run, run_names
from pmntool.dataset import Dataset
from pmntool.errors import InputError
from pmntool.labels import SPLITS, reason_kind
from pmntool.progress import Progress
from pmntool.staging import new_file
from pmntool.targets import require_free_file
from pmntool.text import is_count, is_measure, is_number, is_text, misfit
from pmntool.variants import VARIANTS, WITH_PROTOTYPES
from pmntool.verbs.compare import Evaluation
from pmntool.verbs.evaluate import evaluate
from pmntool.verbs.findings import Verdict, cautions, judge
from pmntool.verbs.page import figures
from pmntool.verbs.prototypes import LEAST_TFS, Prototypes, prototypes
from pmntool.verbs.recipe import build_command, report_command, run_path, train_command

log = logging.getLogger("pmntool")

MARKER = b'<meta name="generator" content="pmntool report">'
SCRIPTS = ("draw.js", "training.js", "models.js", "table.js", "tree.js", "page.js")
LIBRARIES = ("numpy", "pandas", "scipy", "scikit-learn", "torch")  # on which the last digits of a number may depend
MOST_PAIRS = 30  # rows of a table of TRRUST's


DATASET = {  # of dataset.json, what the page shows of it
    "peak_windows": is_text,
    "min_overlap": is_number,
    "splits": {str: dict.fromkeys(("windows", "bound", "cobound", "bindings"), is_count)},
    "kept": {str: is_count},
    "left_out": {"tfs": {str: is_text}, "peaks": {str: is_count}, "windows": {str: is_count}},
    "inputs": [{"tf": is_text, "file": is_text, "peaks": is_count, "sha256": is_text}],
    "files": {str: is_text},
    "exclude": lambda value: value is ... or value is None or misfit(value, {"file": is_text}) is None,
}
RUN = {
    "pmntool": is_text,
    "torch": is_text,
    "settings": {"prototype_weight": is_number, "seed": is_number},
    "epochs": [{"valid_auroc": is_measure}],
    "motifs": DATASET["exclude"],
}


class Report(NamedTuple):
    """What the page shows."""

    evaluation: Evaluation
    verdict: Verdict
    prototypes: dict[str, Prototypes]  # by group
    cautions: list[str]  # what the verbs warned of, and what `findings.cautions` adds
    page: str  # HTML


def report(
    runs: Sequence[Path],
    dataset: Path,
    output: Path | None,
    *,
    split: str = "test",
    baseline: str | None = None,
    bootstrap: Bootstrap = Bootstrap(),
    trrust: Path | None = None,
    other_genome: bool = False,
    device: str = "auto",
    precision: str = "auto",
    force: bool = False,
    progress: Progress = Progress(),
) -> Report:
    """Evaluate runs, cluster the prototypes of those that have some, and write it all as one HTML page.

    Prototypes trained with λ = 0 are not shown: they are not tied to the TFs whose names they carry.

    Parameters
    ----------
    runs, dataset, split, baseline, bootstrap, other_genome, device, precision
        As for `evaluate`.
    output
        The page; None writes nothing.
    trrust
        As for `prototypes`, of every group of runs with prototypes.

    Raises
    ------
    InputError, MismatchError
        As for `evaluate` and `prototypes`.
    OutputError
        `output` exists (without `force`) or cannot be written.
    """
    if output is not None:
        require_free_file(output, force=force, marker=MARKER)
    names = run_names(runs)
    paths = dict(zip(names, runs, strict=True))
    data, opened = Dataset(dataset), {name: Run(path) for name, path in paths.items()}
    _check_shown(data, opened)
    with _overheard({path: name for name, path in paths.items()}) as said:
        evaluation = evaluate(
            runs, dataset, None, split=split, baseline=baseline, bootstrap=bootstrap, all_pairs=True,
            other_genome=other_genome, device=device, precision=precision, progress=progress,
        )  # fmt: skip
        found = _cluster(evaluation.groups, opened, trrust, bootstrap.seed)
    verdict = judge(evaluation)
    said += cautions(evaluation, verdict, data, opened, split)
    options = {
        "split": split, "baseline": baseline, "bootstrap": bootstrap.draws, "block": bootstrap.block,
        "seed": bootstrap.seed, "trrust": None if trrust is None else trrust.name, "other_genome": other_genome,
    }  # fmt: skip
    page = _render(
        figures(evaluation, data, opened, found, split), evaluation=evaluation, verdict=verdict, cautions=said,
        data=data, runs=opened, found=found, split=split, draws=bootstrap.draws, options=options,
    )  # fmt: skip
    if output is not None:
        with new_file(output) as partial:
            partial.write_text(page, encoding="utf-8", newline="\n")
    return Report(evaluation, verdict, found, said, page)


class _Listener(logging.Handler):
    """Keep warnings as they are said, but that a path is the run's or file's name."""

    def __init__(self, names: Mapping[Path, str]) -> None:
        super().__init__(logging.WARNING)
        self.names, self.said = names, []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name != log.name:  # of this machine, not of data and runs
            return
        args = (self.names.get(arg, arg.resolve().name) if isinstance(arg, Path) else arg for arg in record.args or ())
        self.said.append(record.msg % tuple(args))


def _check_shown(data: Dataset, runs: Mapping[str, Run]) -> None:
    """Refuse what the page could not show, before anything is computed."""
    wrong = {data.path / "dataset.json": misfit(data.meta, DATASET)}
    for run in runs.values():
        best, n_epochs = run.meta.get("best_epochs", []), len(run.meta["epochs"])
        in_range = all(0 < epoch <= n_epochs for epoch in best)
        wrong[run.path / "run.json"] = misfit(run.meta, RUN) or (None if in_range else "best_epochs")
    for path, place in wrong.items():
        if place is not None:
            raise InputError(f"{path}: {place} is not what pmntool writes there, and the page shows it")


@contextmanager
def _overheard(names: Mapping[Path, str]) -> Iterator[list[str]]:
    """Yield a list that fills with what pmntool warns of."""
    listener = _Listener(names)
    log.addHandler(listener)
    try:
        yield listener.said
    finally:
        log.removeHandler(listener)


def _cluster(
    groups: Mapping[str, Sequence[str]], runs: Mapping[str, Run], trrust: Path | None, seed: int
) -> dict[str, Prototypes]:
    """Cluster the prototypes of each group that has some tied to TFs, and enough of them."""
    found = {}
    for group, names in groups.items():
        run = runs[names[0]]
        tied = run.variant in WITH_PROTOTYPES and run.meta["settings"]["prototype_weight"] > 0
        if tied and len(run.tfs) >= LEAST_TFS:
            found[group] = prototypes([runs[name].path for name in names], None, trrust=trrust, seed=seed)
    return found


def _render(
    content: Mapping[str, Any], *, evaluation: Evaluation, data: Dataset, runs: Mapping[str, Run], options: dict,
    **shown: Any,
) -> str:  # fmt: skip
    """Fill the templates in."""
    loader = jinja2.PackageLoader("pmntool")
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["number"] = _number

    def read(name: str) -> str:
        return loader.get_source(environment, name)[0]

    style = read("page.css")
    script = '"use strict";\n' + "\n".join(map(read, SCRIPTS))
    return environment.get_template("report.html").render(
        style=Markup(style),
        script=Markup(script),
        policy=f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {_hash(script)}",
        content=Markup(json.dumps(content, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")),
        evaluation=evaluation,
        data=data,
        meta=data.meta,
        runs=runs,
        splits=SPLITS,
        with_prototypes=WITH_PROTOTYPES,
        variants={run.variant: VARIANTS[run.variant] for run in runs.values()},
        left_out=_left_out(data),
        metrics=metrics.NAMES,
        titles=metrics.TITLES,
        fdr=FDR,
        chroms_of=lambda split: [chrom for chrom, here in data.meta["chroms"].items() if here["split"] == split],
        drawn="auroc_low" in evaluation.table_4.columns,
        most_pairs=MOST_PAIRS,
        commands=_commands(data, runs, options),
        versions={"pmntool": __version__, "Python": platform.python_version()} | {n: version(n) for n in LIBRARIES},
        run_path=run_path,
        **shown,
    )


def _hash(text: str) -> str:
    """Return a Content-Security-Policy's source for an inline script or style: only this text may run."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _left_out(data: Dataset) -> list[tuple[int, str, list[str]]]:
    """Return what the dataset leaves out: how many, what and why, and for TFs which."""
    left_out = data.meta["left_out"]
    rows = [(n, f"{kind} {why}", []) for kind in ("peaks", "windows") for why, n in left_out[kind].items()]
    kinds: dict[str, list[str]] = {}
    for tf, reason in left_out["tfs"].items():
        kinds.setdefault(reason_kind(reason), []).append(tf)
    return rows + [(len(tfs), f"TFs with {kind}", tfs) for kind, tfs in sorted(kinds.items())]


def _commands(data: Dataset, runs: Mapping[str, Run], options: Mapping[str, Any]) -> list[str]:
    """Return the commands from peaks to this page."""
    defaults = {"split": "test", "baseline": None, "trrust": None, "other_genome": False}
    defaults |= {"bootstrap": Bootstrap().draws, "block": Bootstrap().block, "seed": Bootstrap().seed}
    trained = [train_command(name, run.meta, data) for name, run in runs.items()]
    return [build_command(data.meta), *trained, report_command(list(runs), options, defaults)]


def _number(value: float | None, form: str = ".4f") -> str:
    """Return a number as a cell shows it; what is not defined is a dash."""
    if value is None or math.isnan(value):
        return "–"
    return format(value, form).replace("-", "−")
