"""Tables and progress on the terminal: tables to stdout, progress and messages to stderr."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress
from rich.table import Table
from rich.text import Text

from pmntool.bootstrap import FDR
from pmntool.errors import printable
from pmntool.labels import SPLITS, reason_kind
from pmntool.metrics import NAMES, TITLES
from pmntool.progress import Progress
from pmntool.text import as_time, counted

if TYPE_CHECKING:  # the verbs bring torch along, which a table does not need
    from pmntool.verbs.build_dataset import Built
    from pmntool.verbs.evaluate import Evaluation
    from pmntool.verbs.prototypes import Prototypes, SharedTargets

log = logging.getLogger("pmntool")

MOST_PAIRS = 20  # rows of Table 5 on screen
MOST_COLUMNS = 6  # runs whose every pair is tested on screen
SECONDS = 15  # between two lines of progress where there is no terminal


class TerminalProgress(Progress):
    """A bar with rate and time left; plain lines now and then where stderr is no terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar: RichProgress | None = None
        self._what = ""

    def start(self, what: str, total: int, unit: str) -> None:
        """Begin a bar; one that is still open ends."""
        self.finish()
        self._what, self._total, self._unit, self._done, self._note = what, total, unit, 0, ""
        self._began = self._said = time.monotonic()
        if self._console.is_terminal:
            columns = (
                TextColumn("{task.description}", markup=False), BarColumn(bar_width=24), MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}", markup=False), TimeRemainingColumn(),
                TextColumn("{task.fields[note]}", markup=False),
            )  # fmt: skip
            self._bar = RichProgress(*columns, console=self._console, transient=True)
            self._task = self._bar.add_task(what, total=total, rate="", note="")
            self._bar.start()

    def advance(self, count: int, note: str = "") -> None:
        """Move the bar, or write a line when the last is some time ago."""
        self._done += count
        self._note = note or self._note
        now = time.monotonic()
        rate = self._done / max(now - self._began, 1e-9)
        if self._bar is not None:
            self._bar.update(self._task, completed=self._done, rate=f"{rate:,.0f} {self._unit}/s", note=self._note)
        elif now - self._said >= SECONDS and self._done < self._total:
            self._said = now
            left = (self._total - self._done) / rate
            log.info("%s: %d of %d %s, %.0f/s, %s left%s", self._what, self._done, self._total, self._unit, rate,
                     as_time(left), f", {self._note}" if self._note else "")  # fmt: skip

    def finish(self) -> None:
        """End the bar, and the piece of work where there was one."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        if self._what:
            log.debug("%s: %d %s in %.1f s", self._what, self._done, self._unit, time.monotonic() - self._began)
            self._what = ""

    def keep(self, what: str) -> None:
        """Have it said if the command is stopped."""
        self.kept = what


def dataset_tables(built: Built) -> list[Table]:
    """Return the paper's Table 3 for a dataset."""
    rows = []
    for split in SPLITS:
        row = built.meta["splits"][split]
        bound = max(row["bound"], 1)
        shared = f"{row['cobound']:,} ({100 * row['cobound'] / bound:.1f} %)"
        leaking = f"{row['leaking']:,}" if "leaking" in row and split != "train" else "–"
        rows.append(
            (split, f"{row['windows']:,}", f"{row['bound']:,}", shared, f"{row['bindings'] / bound:.2f}", leaking)
        )
    columns = ("split", "windows", "bound", "by more than one TF", "TFs a bound window", "sequence in train too")
    return [_table("The dataset (the paper's Table 3)", columns, rows)]


def dataset_notes(built: Built) -> list[str]:
    """Return what was kept and what was left out, a line each."""
    left_out, total = built.meta["left_out"], built.meta["splits"]
    tiled = sum(row["tiled"] for row in total.values())
    bound = sum(row["bound"] for row in total.values())
    notes = [f"{counted(len(built.meta['tfs']), 'TF')}; {bound:,} of {counted(tiled, 'window')} bound"]
    held = {
        split: ", ".join(chrom for chrom, row in built.meta["chroms"].items() if row["split"] == split)
        for split in ("valid", "test")
    }
    notes.append(f"held out: {held['valid']} for validation, {held['test']} for the test")
    kept = built.meta["kept"]
    parts = [f"{count:,} {what.removeprefix('peaks ')}" for what, count in kept.items() if what != "peaks"]
    notes.append(f"kept: {counted(kept['peaks'], 'peak')}" + (f"; of these, {', '.join(parts)}" if parts else ""))
    notes += [f"left out: {counted(count, 'peak')} {why}" for why, count in left_out["peaks"].items()]
    notes += [f"left out: {counted(count, 'window')} {why}" for why, count in left_out["windows"].items()]
    for why in sorted({reason_kind(reason) for reason in left_out["tfs"].values()}):
        tfs = [tf for tf, reason in left_out["tfs"].items() if reason_kind(reason) == why]
        shown = ", ".join(tfs[:12]) + (", … (all are in dataset.json)" if len(tfs) > 12 else "")
        notes.append(f"left out: {counted(len(tfs), 'TF')} with {why}: {shown}")
    return notes


def evaluation_tables(evaluation: Evaluation) -> list[Table]:
    """Return the paper's Table 4, the tests, what leakage amounts to, and the rarest and commonest TFs."""
    shown = [_table_4(evaluation)]
    if len(evaluation.leakage):
        shown.append(_leakage(evaluation))
    if len(evaluation.table_4) > 1:
        few = len(evaluation.table_4) <= MOST_COLUMNS
        shown += [_tests(evaluation, metric) for metric in NAMES] if few else [_tests_of_baseline(evaluation)]
    if len(evaluation.differences):
        shown.append(_differences(evaluation))
    if len(evaluation.extremes):
        shown.append(_extremes(evaluation))
    return shown


def prototype_tables(found: Prototypes) -> list[Table]:
    """Return the clusters and their members, in the order of the tree's leaves, and the paper's Table 5."""
    clustering, stability, targets = found
    members = clustering.members()
    rows = [[str(number), str(len(tfs)), ", ".join(tfs)] for number, tfs in enumerate(members, start=1)]
    title = f"{counted(len(clustering.tfs), 'prototype')}, {counted(len(members), 'cluster')}"
    columns = ["cluster", "TFs", "members"]
    if stability is not None:
        columns += ["stability", "p", "stable"]
        for row, together, p, stable in zip(rows, *stability[1:4], strict=True):
            row += [_number(together, ".2f"), _number(p, ".3f"), "yes" if stable else "no"]
        title += (
            f", {stability.stable.sum()} of them stable; of a TF's {stability.n_neighbors} nearest, "
            f"{stability.neighbors.mean():.0%} come back in another run ({stability.neighbors_by_chance:.0%} by chance)"
        )
    shown = [_table(title, columns, rows, left=3)]
    return shown if targets is None else [*shown, *_table_5(targets)]


def _table_5(targets: SharedTargets) -> list[Table]:
    best = targets.pairs[targets.pairs["shared"] > 0].sort_values("p", kind="stable").head(MOST_PAIRS)
    rows = [
        (str(row.cluster), row.tf_a, row.tf_b, _number(row.cosine, ".3f"), str(row.targets_a), str(row.targets_b),
         str(row.shared), f"{row.odds_ratio:.1f}", _number(row.p, ".2g"), _number(row.q, ".2g"))
        for row in best.itertuples()
    ]  # fmt: skip
    title = f"Pairs of one cluster that share targets (the paper's Table 5): {len(rows)} of {len(targets.pairs)} tested"
    columns = ("cluster", "TF", "TF", "cosine", "targets", "targets", "shared", "odds ratio", "p", "q")
    pairs, test = _table(title, columns, rows, left=3), targets.mantel
    row = (str(test.tfs), str(test.pairs), _number(test.rho, ".3f"), _number(test.p, ".4f"), str(test.shuffles))
    columns = ("TFs listed", "pairs", "Spearman's rho", "p", "shuffles of the names")
    return [pairs, _table("Do near prototypes share more targets (over all pairs)?", columns, [row], left=0)]


def _table_4(evaluation: Evaluation) -> Table:
    titles = [title for name in NAMES for title in (TITLES[name], "std", "%")]
    rows = []
    for row in evaluation.table_4.to_dict("records"):
        seeds = row["seeds"]
        cells = [row["run"] if seeds == 1 else f"{row['run']} ({seeds} seeds)"]
        for metric in NAMES:
            spread = "" if seeds == 1 else f" ± {_number(row[f'{metric}_spread'], '.4f')}"
            increase = "–" if row["run"] == evaluation.baseline else _number(row[f"{metric}_increase"], "+.2f")
            cells += [_number(row[f"{metric}_mean"], ".4f") + spread, _number(row[f"{metric}_std"], ".3f"), increase]
        rows.append(cells)
    title = f"Means over {counted(evaluation.n_tfs, 'TF')}; %: increase over {evaluation.baseline}"
    if evaluation.table_4["seeds"].max() > 1:
        title += "; ±: standard deviation over seeds"
    return _table(title, ("run", *titles), rows)


def _tests(evaluation: Evaluation, metric: str) -> Table:
    runs = evaluation.table_4["run"].tolist()
    p = evaluation.tests[evaluation.tests["metric"] == metric].set_index(["a", "b"])["p"]
    rows = [(a, *("–" if a == b else _number(p[a, b], ".2g") for b in runs)) for a in runs]
    return _table(f"{TITLES[metric]}: p of a paired t-test, row larger than column", ("run", *runs), rows)


def _tests_of_baseline(evaluation: Evaluation) -> Table:
    """Return p for each run against the baseline, both ways."""
    base = evaluation.baseline
    p = evaluation.tests.set_index(["metric", "a", "b"])["p"]
    rows = [
        (run, *(_number(p[(metric, *pair)], ".2g") for metric in NAMES for pair in ((run, base), (base, run))))
        for run in evaluation.table_4["run"]
        if run != base
    ]
    titles = [f"{TITLES[metric]} {sign} {base}" for metric in NAMES for sign in "><"]
    return _table("p of paired t-tests; those of all pairs are in tests.tsv", ("run", *titles), rows)


def _differences(evaluation: Evaluation) -> Table:
    table = evaluation.differences
    rows = []
    for (run, baseline), part in table.groupby(["run", "baseline"], sort=False):
        cells = [run, baseline]
        for _, of_metric in part.groupby("metric", sort=False):
            change = of_metric["change"].value_counts()
            cells += [str(change.get(kind, 0)) for kind in ("gained", "lost")] + [str(of_metric["p"].notna().sum())]
        rows.append(cells)
    kinds = ("gained", "lost", "of")
    columns = [f"{TITLES[metric]}: {kind}" for metric in table["metric"].unique() for kind in kinds]
    title = f"TFs that gained or lost, at {100 * FDR:g} % FDR: paired bootstrap over blocks of {evaluation.block:,} bp"
    return _table(title, ("run", "against", *columns), rows, left=2)


def _leakage(evaluation: Evaluation) -> Table:
    rows = [
        (row["run"], row["windows"], f"{row['count']:,}", *(_number(row[name], ".4f") for name in NAMES))
        for row in evaluation.leakage.to_dict("records")
    ]
    columns = ("run", "windows", "", *(TITLES[name] for name in NAMES))
    return _table("With and without windows whose sequence stands in train too", columns, rows, left=2)


def _extremes(evaluation: Evaluation) -> Table:
    rows = [
        (f"{row['tfs']} {row['group']}", row["run"], *(_number(row[name], ".4f") for name in NAMES))
        for row in evaluation.extremes.to_dict("records")
    ]
    columns = ("TFs", "run", *(TITLES[name] for name in NAMES))
    return _table("Means over the rarest and the commonest TFs", columns, rows, left=2)


def _table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> Table:
    """Return a table; the first `left` columns are words, the others numbers. A name's [brackets] stay as they are."""
    table = Table(title=Text(title), title_justify="left", title_style="bold")
    for index, column in enumerate(columns):
        table.add_column(Text(column), justify="left" if index < left else "right")
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def _number(value: float, form: str) -> str:
    return format(value, form) if math.isfinite(value) else "nan"


class _Lines(logging.Handler):
    """Write messages to stderr, above a bar where there is one; where `timed`, with the seconds since it began."""

    def __init__(self, console: Console, timed: bool) -> None:
        super().__init__()
        self.console, self.timed, self.began = console, timed, time.monotonic()

    def emit(self, record: logging.LogRecord) -> None:
        prefix = "" if record.levelno < logging.WARNING else f"{record.levelname.lower()}: "
        if self.timed:
            prefix = f"{time.monotonic() - self.began:8.2f} s  {prefix}"
        self.console.print(Text(prefix + printable(record.getMessage())), soft_wrap=True)


def listen(*, quiet: bool, verbose: bool = False) -> Progress:
    """Send pmntool's messages to stderr, and return how progress is shown."""
    console = Console(stderr=True, highlight=False)
    log.handlers = [_Lines(console, timed=verbose)]
    log.setLevel(logging.WARNING if quiet else logging.DEBUG if verbose else logging.INFO)
    log.propagate = False
    return Progress() if quiet else TerminalProgress(console)


def show(tables: Iterable[Table]) -> None:
    """Print tables to stdout, up to 240 columns wide where stdout is no terminal."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=240)
    for table in tables:
        console.print(table)
