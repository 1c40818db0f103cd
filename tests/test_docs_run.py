"""The documentation's commands and snippets: each runs, in the page's order, on little data of the names it uses."""

from __future__ import annotations

import gzip
import itertools
import json
import os
import re
import shlex
import shutil
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
import pysam
import pytest
import typer
from test_cli import run
from test_docs import PAGES
from test_examples import ROOT, parse

from pmntool.cli import app
from pmntool.models import Hyperparameters
from pmntool.variants import VARIANTS
from pmntool.verbs import browse
from pmntool.verbs.build_dataset import Options, build_dataset
from pmntool.verbs.predict import predict
from pmntool.verbs.train import Settings, train

STORIES = {  # where an empty folder begins, a page, a section of it or the examples of a command: what lies there
    "README.md": "genome.fa peaks",
    "docs/automation.md": "dataset",
    "docs/automation.md#JSON": "genome.fa peaks dataset",
    "docs/checking.md": "genome.fa dataset runs/pmn-lambda1 tracks",
    "docs/clusters.md": "genome.fa dataset",
    "docs/clusters.md#SLURM": "genome.fa dataset",
    "docs/clusters.md#One job a chromosome": "genome.fa runs/pmn",
    "docs/comparing.md": "genome.fa peaks motifs.meme",
    "docs/encode.md": "hg38.chrom.sizes genome.fa hg38-blacklist.v2.bed peaks",
    "docs/howto.md#A job was killed": "dataset runs/pmn-lambda1",
    "docs/howto.md#Not enough memory": "dataset",
    "docs/howto.md#Too few positives": "genome.fa peaks",
    "docs/howto.md#The GPU is not used": "dataset",
    "docs/howto.md#Another genome than human": "genome.fa peaks other-species runs/pmn-lambda1",
    "docs/howto.md#Tracks are too big": "genome.fa enhancers.bed runs/pmn-lambda1",
    "docs/index.md": "genome.fa peaks",
    "docs/quickstart.md": "",
    "docs/quickstart.md#With yours": "genome.fa peaks hg19.chrom.sizes peaks.tsv genes.bed",
    "docs/reading-prototypes.md": "dataset",
    "docs/report.md": "dataset runs/cnn runs/pmn-lambda1 trrust_rawdata.human.tsv",
    "docs/yeast.md": "genome.fa peaks",
    "pmntool build-dataset --help": "genome.fa peaks hg38.fa.gz peaks.tsv blacklist.bed hg38.chrom.sizes",
    "pmntool train --help": "dataset JASPAR.meme",
    "pmntool evaluate --help": "dataset runs/cnn runs/pmn-lambda1",
    "pmntool predict --help": "genome.fa runs/cnn",
    "pmntool prototypes --help": "runs/pmn-lambda1 runs/seed0 runs/seed1 runs/seed2 trrust_rawdata.human.tsv",
    "pmntool report --help": "dataset runs/cnn runs/pmn-lambda1 trrust_rawdata.human.tsv",
    "pmntool plot --help": "tracks peaks genes.gff3",
    "pmntool browse --help": "genome.fa tracks peaks genes.gff3",
    "pmntool simulate --help": "",
    "pmntool info --help": "dataset runs/pmn-lambda1",
    "pmntool verify --help": "genome.fa dataset runs/pmn-lambda1 tracks",
    "pmntool doctor --help": "",
}
TINY = {  # what makes hours seconds, and fits a dozen TFs and 130 kb; a later option counts
    "simulate": "--chrom-length 20000",
    "build-dataset": "--min-windows 1",
    "train": "--epochs 1 --threads 1",
    "evaluate": "--bootstrap 20",
    "predict": "--threads 1",
    "prototypes": "--clusters 3",
    "report": "--bootstrap 20",
}
TINY_NET = "--channels 8,4,4"  # of variants that have such
INSTEAD = {  # what cannot be here; that torchrun starts a command is left out too, `browse` serves nobody
    "--device cuda": "--device cpu",
    "chr3:45000000-45100000": "chr3:20000-60000",  # chr3 is of 60 kb
    "$SLURM_ARRAY_TASK_ID": "3",
    "$resume": "",  # the shell says: nothing to go on with
}
TFS = ("Reb1", "Abf1", "Fhl1", "Spt5", "CTCF", "RAD21")
SIZES = {f"chr{name}": 60_000 if name == 3 else 3_000 for name in (*range(1, 23), "X")}  # bp


def stories() -> dict[str, str]:
    """Return the text from where a story begins to where the next one does; each page and `--help` begins one."""
    found: dict[str, str] = {}
    for page in PAGES:
        begins = name = str(page.relative_to(ROOT))
        for section in re.split(r"(?m)^(?=## )", page.read_text(encoding="utf-8")):
            here = name + section.split("\n")[0].replace("## ", "#")
            begins = here if here in STORIES else begins
            found[begins] = found.get(begins, "") + section
    for name, command in typer.main.get_command(app).load().items():
        _, _, examples = command.epilog.partition("Examples:\n")
        found[f"pmntool {name} --help"] = f"```\n{textwrap.dedent(examples)}\n```"
    return found


def steps(text: str) -> list[str]:
    """Return what fences hold: Python as it is, and lines of `pmntool` or `cd`, continued ones joined."""
    found = []
    for language, inside in re.findall(r"(?ms)^```(\w*)\n(.*?)^```", text):
        lines = inside.replace("\\\n", " ").splitlines()
        commands = (re.match(r"(?:.*-m )?((?:pmntool|cd) .*)", line) for line in lines)
        found += [inside] if language == "python" else [command[1] for command in commands if command]
    return found


def words_of(step: str) -> list[str]:
    """Return a command's words up to a pipe, as the shell would, with what is here instead of what cannot be."""
    for old, new in INSTEAD.items():
        step = step.replace(old, new)
    words = itertools.takewhile("|".__ne__, shlex.split(step, comments=True))
    return [found for word in words for found in (sorted(map(str, Path().glob(word))) if "*" in word else [word])]


@pytest.fixture(scope="module")
def little(tmp_path_factory):
    """A folder of all that lies there when a story begins."""
    folder = tmp_path_factory.mktemp("little")
    rng = np.random.default_rng(0)
    for name in ("genome.fa", "other.fa"):
        bases = {chrom: "".join(rng.choice(list("ACGT"), size)) for chrom, size in SIZES.items()}
        (folder / name).write_text("".join(f">{chrom}\n{sequence}\n" for chrom, sequence in bases.items()))
    (folder / "peaks").mkdir()
    for tf in TFS:  # 10 columns, as ENCODE's .bed.gz have them
        starts = [(chrom, int(rng.integers(size - 300))) for chrom, size in SIZES.items() for _ in range(size // 1500)]
        rows = [f"{chrom}\t{start}\t{start + 300}\t.\t0\t.\t9\t5\t4\t150\n" for chrom, start in starts]
        (folder / f"peaks/{tf}.bed.gz").write_bytes(gzip.compress("".join(rows).encode()))
    columns = ("File accession", "File assembly", "Output type", "Experiment target")
    kind = ("GRCh38", "IDR thresholded peaks")
    sheet = pd.DataFrame([(tf, *kind, f"{tf}-human") for tf in TFS], columns=columns)
    sheet.to_csv(folder / "peaks/metadata.tsv", sep="\t", index=False)
    matrix = "letter-probability matrix: w= 2\n1 0 0 0\n0 0 0 1\n"
    for names, lines in {
        "hg38.chrom.sizes hg19.chrom.sizes": [f"{chrom}\t{size}" for chrom, size in SIZES.items()],
        "hg38-blacklist.v2.bed blacklist.bed": ["chr3\t0\t500\tLow Mappability"],
        "peaks.tsv": ["tf\tpath", *(f"{tf}\tpeaks/{tf}.bed.gz" for tf in TFS)],
        "genes.bed": ["chr3\t25000\t30000\tABC1\t0\t+"],
        "genes.gff3": ["##gff-version 3", "chr3\t.\tgene\t25001\t30000\t.\t+\t.\tID=g1;Name=ABC1"],
        "enhancers.bed": ["chr3\t1000\t2000", "chr7\t500\t900"],
        "motifs.meme JASPAR.meme": ["MEME version 4", *(f"MOTIF {tf}\n{matrix}" for tf in TFS)],
        "trrust_rawdata.human.tsv": [f"{tf}\t{gene}\tUnknown\t1" for tf in TFS for gene in ("ABC1", tf)],
    }.items():
        for name in names.split():
            (folder / name).write_text("\n".join(lines) + "\n")
    pysam.tabix_compress(str(folder / "genome.fa"), str(folder / "hg38.fa.gz"))
    for name, genome in (("dataset", "genome.fa"), ("other-species", "other.fa")):
        build_dataset(folder / genome, [folder / "peaks"], folder / name, Options())
    pmn = Settings("pmn", 1.0, epochs=1)
    runs = {"cnn": Settings("cnn", 0.0, epochs=1), "pmn-lambda1": pmn, "pmn": pmn}
    runs |= {f"seed{seed}": pmn._replace(seed=seed) for seed in range(3)}
    for name, settings in runs.items():
        train(folder / "dataset", folder / "runs" / name, settings, Hyperparameters(channels=(8, 4, 4)))
    predict(folder / "genome.fa", folder / "tracks", folder / "runs/pmn-lambda1")
    return folder


def lay(source: Path, target: Path) -> None:
    """Copy a file or folder to where it may be written to."""
    target.parent.mkdir(exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copyfile(source, target)


@pytest.mark.parametrize("begins", STORIES)
def test_every_command_runs(little, begins, tmp_path, monkeypatch, capsys):
    """Each ends well, and what it was to write is there; a JSON that is shown is one."""
    text = stories()[begins]
    monkeypatch.chdir(tmp_path)
    for name in STORIES[begins].split():
        lay(little / name, tmp_path / name)
    for options in re.findall(r"(?ms)^```toml\n(.*?)^```", text):
        Path("project.toml").write_text(options)
    served: list = []
    monkeypatch.setattr(browse, "serve", lambda app, listener: served.append(app))
    monkeypatch.setattr(browse, "_has_screen", lambda: False)
    names: dict = {}
    for step in steps(text):
        if not step.startswith(("pmntool ", "cd ")):
            exec(compile(step, begins, "exec"), names)
            continue
        program, *words = words_of(step)
        if program == "cd":
            monkeypatch.chdir(*words)
            continue
        name, params = parse(words)
        less = TINY.get(name, "").split()
        if name == "train" and "channels" in VARIANTS[params["variant"]].sizes:
            less += TINY_NET.split()
        code, out, err = run(monkeypatch, capsys, *words, *less)
        assert code == 0, f"{step}\n{err}"
        if output := None if params.get("dry_run") else params.get("output") or params.get("export"):
            assert os.path.exists(output), step
        if params.get("as_json"):
            json.loads(out)
        if name == "browse" and not params["export"]:
            assert served.pop(), step


def test_every_fence_is_in_a_story():
    told = {begins: steps(text) for begins, text in stories().items()}
    del told["docs/python.md"]  # test_docs_python.py runs it
    assert {begins for begins, found in told.items() if found} == STORIES.keys()
    commands = [step for found in told.values() for step in found]
    assert len(commands) > 60
    assert [old for old in INSTEAD if not any(old in step for step in commands)] == []
    assert TINY.keys() <= {words_of(step)[1] for step in commands}


def test_steps_are_found():
    text = "```\npmntool train --seed 1 \\\n  --force  # why\nls\n```\npmntool no\n"
    text += "```sh\ncd x\ntorchrun -m pmntool report\n```\n```python\nimport x\n\nx()\n```\n"
    assert steps(text) == ["pmntool train --seed 1    --force  # why", "cd x", "pmntool report", "import x\n\nx()\n"]
    assert words_of(steps(text)[0]) == ["pmntool", "train", "--seed", "1", "--force"]
    assert words_of("pmntool info --device cuda x | jq .") == ["pmntool", "info", "--device", "cpu", "x"]
