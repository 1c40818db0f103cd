"""The command line as a person uses it: the three commands, their outputs, exit codes and sentences."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pyBigWig
import pytest
import typer

from pmntool.cli import app, main, root
from pmntool.dataset import Dataset
from pmntool.genome import Genome
from pmntool.metrics import evaluate_labels

COMMANDS = (
    *("build-dataset", "train", "evaluate", "predict", "prototypes", "report", "plot", "browse", "simulate"),
    *("info", "verify", "doctor"),
)


def run(monkeypatch, capsys, *words):
    """Run pmntool in this process; return exit code, stdout and stderr."""
    monkeypatch.setattr(sys, "argv", ["pmntool", *map(str, words)])
    log = logging.getLogger("pmntool")
    before = log.handlers, log.level, log.propagate
    try:
        main()
        code = 0
    except SystemExit as stop:
        code = stop.code or 0
    finally:
        log.handlers, level, log.propagate = before
        log.setLevel(level)  # an assignment would leave what the logger remembers of the old one
    return code, *capsys.readouterr()


@pytest.fixture
def here(world, tmp_path, monkeypatch):
    """A working folder with links to the shared inputs, to write in."""
    for name in ("genome.fa", "peaks", "dataset"):
        (tmp_path / name).symlink_to(world / name)
    (tmp_path / "runs").symlink_to(world / "runs")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", [(), *[(name,) for name in COMMANDS]])
def test_help_says_defaults_and_an_example(monkeypatch, capsys, command):
    code, out, _ = run(monkeypatch, capsys, *command, "--help")
    assert code == 0 and "Usage: pmntool" in out
    assert f"pmntool {command[0]}" in out.split("Examples:")[1] if command else all(name in out for name in COMMANDS)
    assert max(map(len, out.splitlines())) <= 120


def test_help_says_each_command_in_one_whole_line(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    _, out, _ = run(monkeypatch, capsys, "--help")
    lines = out.split("Commands:\n")[1].split("\n\n")[0].splitlines()
    assert [line.split()[0] for line in lines] == list(COMMANDS)
    assert all(line.endswith(".") and not line.endswith("...") for line in lines)


def test_help_says_of_each_command_what_the_command_says():
    commands = typer.main.get_command(app).load()
    assert {name: command.get_short_help_str(80) for name, command in commands.items()} == root.COMMANDS


def test_help_imports_no_command_and_nothing_heavy():
    heavy = ("torch", "pandas", "sklearn", "scipy", "matplotlib", "pmntool.cli.options")
    code = f"""
import sys
from pmntool.cli import main
sys.argv = ["pmntool", "--help"]
try:
    main()
except SystemExit:
    print([name for name in {heavy} if name in sys.modules])
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.splitlines()[-1] == "[]"


def test_the_three_commands_work_as_they_stand(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert (
        run(monkeypatch, capsys, "simulate", ".", "--force", "--chrom-length", 5000)[0] == 1
    )  # not over a folder in use
    assert run(monkeypatch, capsys, "simulate", "x", "--chrom-length", 30_000)[0] == 0
    monkeypatch.chdir(tmp_path / "x")
    code, out, err = run(monkeypatch, capsys, "build-dataset")
    assert code == 0 and "by more than one TF" in out and "wrote dataset/" in err
    assert f"up to about {len(Dataset('dataset')):,} windows, " in err
    small = ["--channels", "8,8,8", "--epochs", 1]
    code, _, err = run(monkeypatch, capsys, "train", "--variant", "pmn", "--lambda", 1, *small)
    assert code == 0 and "epoch 1/1" in err and os.path.exists("runs/pmn-lambda1/run.json")
    code, _, err = run(monkeypatch, capsys, "predict", "genome.fa", "-o", "tracks/")
    assert code == 0 and "taking the newest run, runs/pmn-lambda1" in err and "bound windows only" in err
    with Genome("genome.fa") as genome:
        held = [chrom for chrom in genome.sizes if chrom in ("chr3", "chr12", "chr17")]
    assert f"held out {', '.join(held)}\n" in err and "what was scanned, to the model: trained on chr" in err
    table = pd.read_csv("tracks/tracks.tsv", sep="\t")
    assert len(table) == len(json.loads((tmp_path / "x/runs/pmn-lambda1/run.json").read_text())["tfs"])
    assert all(os.path.exists(f"tracks/{name}") for name in table["file"])


def test_report_takes_all_runs_and_writes_one_file(here, monkeypatch, capsys):
    code, out, err = run(monkeypatch, capsys, "report", "--bootstrap", 20, "--block", 1000)
    assert code == 0 and out == "" and "wrote report.html (" in err
    page = (here / "report.html").read_text(encoding="utf-8")
    assert "pmntool report runs/cnn runs/pmn-lambda1 -d dataset --bootstrap 20 --block 1000" in page
    assert {path.name for path in here.iterdir()} - {"report.html"} == {"genome.fa", "peaks", "dataset", "runs", "mine"}


def test_evaluate_writes_tables_and_figures(here, monkeypatch, capsys):
    code, out, err = run(monkeypatch, capsys, "evaluate", "runs/cnn", "runs/pmn-lambda1")
    assert code == 0 and "increase over cnn" in out and "paired t-test" in out
    assert {path.name for path in (here / "evaluation").iterdir()} == {
        "tfs.tsv", "table4.tsv", "tests.tsv", "extremes.tsv", "differences.tsv", "leakage.tsv", "evaluation.json",
        "curves.png", "scatter.png", "config.toml",
    }  # fmt: skip
    assert err.endswith("tables as TSV and JSON, curves.png and scatter.png\n")
    table = pd.read_csv("evaluation/table4.tsv", sep="\t").set_index("run")
    per_tf = pd.read_csv("evaluation/tfs.tsv", sep="\t")
    for name, part in per_tf.groupby("run"):
        assert table.loc[name, "auroc_mean"] == pytest.approx(part["auroc"].mean())
        assert table.loc[name, "aupr_std"] == pytest.approx(part["aupr"].std())
    ratio = table.loc["pmn-lambda1", "auroc_mean"] / table.loc["cnn", "auroc_mean"]
    assert table.loc["pmn-lambda1", "auroc_increase"] == pytest.approx(100 * (ratio - 1))
    assert json.loads((here / "evaluation/evaluation.json").read_text())["baseline"] == "cnn"


def test_evaluate_names_no_figure_that_it_did_not_draw(here, monkeypatch, capsys):
    shutil.copytree("runs/cnn", "seed1")
    meta = json.loads((here / "seed1/run.json").read_text())
    meta["settings"]["seed"] = 1
    (here / "seed1/run.json").write_text(json.dumps(meta))
    code, _, err = run(monkeypatch, capsys, "evaluate", "runs/cnn", "seed1")  # one row, of two seeds
    assert code == 0 and err.endswith("tables as TSV and JSON, curves.png\n")
    assert not (here / "evaluation/scatter.png").exists()


@pytest.mark.parametrize("kind", ["bigwig", "bedgraph"])
def test_tracks_give_the_same_auroc_as_evaluate(here, monkeypatch, capsys, kind):
    data = Dataset("dataset")
    windows = data.windows()[data.windows()["split"] == "test"]
    chroms = ",".join(windows["chrom"].unique())
    words = ["predict", "genome.fa", "--chroms", chroms, "--model", "runs/pmn-lambda1", "--format", kind]
    assert run(monkeypatch, capsys, *words)[0] == 0
    assert run(monkeypatch, capsys, "evaluate", "runs/pmn-lambda1")[0] == 0
    table = pd.read_csv("tracks/tracks.tsv", sep="\t")
    start = windows["start"] + (data.window - data.stride) // 2
    values = np.empty((len(windows), len(table)))
    for column, name in enumerate(table["file"]):
        if kind == "bigwig":
            with pyBigWig.open(f"tracks/{name}") as track:
                read = [track.values(c, s, s + 1)[0] for c, s in zip(windows["chrom"], start, strict=True)]
        else:
            names = ["chrom", "start", "end", "value"]
            lines = pd.read_csv(f"tracks/{name}", sep="\t", names=names, dtype={"chrom": str})
            assert ((lines["end"] - lines["start"]) == data.stride).all()
            read = lines.set_index(["chrom", "start"])["value"].loc[list(zip(windows["chrom"], start, strict=True))]
        values[:, column] = read
    auroc = pd.read_csv("evaluation/tfs.tsv", sep="\t").set_index("tf").loc[data.tfs, "auroc"]
    np.testing.assert_allclose(evaluate_labels(data.targets("test"), values).auroc, auroc, atol=1e-4)


def test_regions_that_tile_a_chromosome_share_its_windows(here, monkeypatch, capsys):
    base = ["predict", "genome.fa", "-m", "runs/cnn"]
    assert run(monkeypatch, capsys, *base, "--chroms", "chr3", "-o", "whole")[0] == 0
    assert run(monkeypatch, capsys, *base, "-r", "chr3:1-10,013", "-o", "left")[0] == 0
    (here / "right.bed").write_text("chr3\t10013\t20000\nchr3\t15000\t60000\n".replace("60000", str(20_010)))
    assert run(monkeypatch, capsys, *base, "-R", "right.bed", "-o", "right")[0] == 0
    name = pd.read_csv("whole/tracks.tsv", sep="\t")["file"][0]
    entries = {}
    for folder in ("whole", "left", "right"):
        with pyBigWig.open(f"{folder}/{name}") as track:
            entries[folder] = track.intervals("chr3")
    parts = [*entries["left"], *entries["right"]]
    whole = entries["whole"][: len(parts)]
    assert [entry[:2] for entry in parts] == [entry[:2] for entry in whole]
    np.testing.assert_allclose([e[2] for e in parts], [e[2] for e in whole], atol=1e-5)


@pytest.mark.parametrize("variant", ["pwm", "kmer", "gc"])
def test_a_variant_without_parameters_is_a_run_like_any_other(here, monkeypatch, capsys, variant):
    """The made-up TFs' own motifs find their sites."""
    truth = json.loads((here / "genome.fa").resolve().with_name("truth.json").read_text())["tfs"]
    known = {tf: about["pwm"] for tf, about in truth.items() if "pwm" in about}
    with open("known.meme", "w") as file:
        print("MEME version 4", file=file)
        for tf, rows in known.items():
            print(f"MOTIF {tf}", f"letter-probability matrix: w= {len(rows)}", sep="\n", file=file)
            print(*(" ".join(map(str, row)) for row in rows), sep="\n", file=file)
    more = ("--motifs", "known.meme") if variant == "pwm" else ()
    assert run(monkeypatch, capsys, "train", "--variant", variant, "-o", "new", *more)[0] == 0
    assert run(monkeypatch, capsys, "evaluate", "new")[0] == 0
    auroc = pd.read_csv("evaluation/tfs.tsv", sep="\t").set_index("tf")["auroc"]
    assert len(auroc) == len(Dataset("dataset").tfs) and auroc.notna().all()
    code, _, err = run(monkeypatch, capsys, "predict", "genome.fa", "-m", "new", "-r", "chr3:1-9000", "-o", "near")
    assert code == 0 and "wrote near/" in err
    if variant == "pwm":
        assert auroc[list(known)].mean() > 0.7


def test_prototypes_writes_clusters_tree_and_figures(here, monkeypatch, capsys):
    code, out, _ = run(monkeypatch, capsys, "prototypes", "--clusters", 3)
    assert code == 0 and "3 clusters" in out
    members = pd.read_csv("prototypes/clusters.tsv", sep="\t")
    assert sorted(members["tf"]) == sorted(Dataset("dataset").tfs) and set(members["cluster"]) == {1, 2, 3}
    tree = (here / "prototypes/tree.nwk").read_text()
    assert (
        tree.endswith(";\n") and tree.count("(") == len(members) - 1 and all(f"'{tf}'" in tree for tf in members["tf"])
    )
    for name in ("dendrogram.png", "dendrogram.svg", "plane.png", "plane.svg"):
        assert (here / "prototypes" / name).stat().st_size > 5000
    first = {path.name: path.read_bytes() for path in (here / "prototypes").iterdir()}
    assert run(monkeypatch, capsys, "prototypes", "--clusters", 3, "--force")[0] == 0
    assert first == {path.name: path.read_bytes() for path in (here / "prototypes").iterdir()}  # no clock, no chance


def test_prototypes_of_several_runs_with_trrust(here, monkeypatch, capsys):
    train = ["train", "--variant", "pmn", "--lambda", 1, "--channels", "16,8,8", "--epochs", 1, "--seed", 5, "-o", "b"]
    assert run(monkeypatch, capsys, *train)[0] == 0
    tfs = Dataset("dataset").tfs
    (here / "trrust.tsv").write_text("".join(f"{tf}\tg{i}\tUnknown\t1\n" for i, tf in enumerate(tfs) for i in (i, 99)))
    code, out, _ = run(monkeypatch, capsys, "prototypes", "runs/pmn-lambda1", "b", "--trrust", "trrust.tsv", "-k", 3)
    assert code == 0 and "of them stable; of a TF's 5 nearest" in out and "stability" in out
    assert "share targets (the paper's Table 5)" in out and "Spearman's rho" in out
    assert {"stability", "p", "stable", "neighbors_back"} <= set(pd.read_csv("prototypes/clusters.tsv", sep="\t"))
    table = pd.read_csv("prototypes/trrust.tsv", sep="\t")
    assert (table["shared"] == 1).all() and (table["background"] == len(tfs) + 1).all()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["build-dataset"], "dataset is a link, not a folder; it is left as it is, even with --force"),
        (["build-dataset", "-o", "genome.fa"], "genome.fa is a link, not a folder; it is left as it is, even with"),
        (["build-dataset", "-o", "x", "--valid-chroms", "I"],
         "--valid-chroms: no chromosome I in the genome (it has chr1, chr2, chr3, chr4, chr5, chr6, …)"),
        (["build-dataset", "nowhere.fa", "-o", "x"], "nowhere.fa: cannot be read (No such file or directory)"),
        (["build-dataset", "genome.fa", "peeks", "-o", "x"], "peeks: no such file or folder; expected a folder, <TF>"),
        (["train", "-d", "nowhere", "-o", "x"], "nowhere: no dataset there (dataset.json: No such file or directory); "
         "`pmntool build-dataset` makes one"),
        (["train", "--variant", "cnn", "--lambda", "1", "-o", "x"],
         "--lambda: cnn has no prototypes; the variants that have are pmn-no-lstm, pmn-softmax, pmn"),
        (["train", "--channels", "8,x,8", "-o", "x"], "--channels 8,x,8: expected whole numbers, separated by commas"),
        (["train", "--variant", "pwm", "-o", "x"], "--motifs: pwm needs a file of known motifs"),
        (["train", "--variant", "pwm", "--motifs", "no.meme", "-o", "x"],
         "no.meme: cannot be read (No such file or directory)"),
        (["train", "--variant", "pwm", "--motifs", "genome.fa", "-o", "x"],
         "genome.fa, line 2: expected counts of A, one a position; found"),
        (["train", "--epochs", "0", "-o", "x"], "--epochs 0: expected 1 to 2147483647"),
        (["report", "-o", "mine", "--force"], "mine is no plain file; it is left as it is, even with --force"),
        (["evaluate", "runs/nothing"], "runs/nothing: no run there (run.json: No such file or directory); no"),
        (["evaluate", "runs"], "runs: no run there (run.json: No such file or directory); it holds runs/cnn (a run)"),
        (["train", "-d", "runs/cnn", "-o", "x"],
         "runs/cnn: no dataset there (dataset.json: No such file or directory); it is a run"),
        (["evaluate", "runs/cnn", "--baseline", "pmn"], "--baseline pmn: expected one of the runs, cnn"),
        (["predict", "genome.fa", "-m", "runs/cnn", "-r", "3:1-500"],
         "region '3:1-500': no chromosome 3 in the genome (it has chr1, chr12, chr2, chr3, chr4, chr5, …: "
         "'3' here is 'chr3' there)"),
        (["predict", "genome.fa", "-m", "runs/cnn", "-r", "chr3:9-5"], "region 'chr3:9-5': its end is before its"),
        (["predict", "genome.fa", "-m", "runs/cnn", "-r", "chr3:0-5"], "region 'chr3:0-5': holds no base of chr3"),
        (["train", "--resume", "--force"], "--resume goes on with a run and --force replaces it: give one of them"),
        (["evaluate", "runs/cnn", "-o", "genome.fa/x"], "genome.fa/x: cannot be written (genome.fa is no folder)"),
        (["evaluate", "runs/cnn", "-o", "mine", "--force"], "mine holds no evaluation.json, so it was not made by"),
        (["prototypes", "runs/pmn-lambda1", "--seed", "5000000000"], "--seed 5000000000: expected 0 to 4294967295"),
        (["build-dataset", "--min-log10p", "nan", "-o", "x"], "--min-log10p nan: expected a finite number"),
        (["build-dataset", "--window", "100000000000000000000", "-o", "x"], "--window 100000000000000000000: expected"),
        (["predict", "genome.fa", "-m", "runs/cnn", "-r", "chr3:1-20"],
         "genome.fa: no window of 200 bp has its center in what is to be scanned"),
        (["predict", "genome.fa", "-m", "runs/cnn", "--tfs", "Nope"], "runs/cnn: no TF Nope in the model; it has"),
        (["predict", "genome.fa", "-m", "runs/cnn", "--tfs", '"A,B'],
         '"A,B: expected words separated by commas (a name that holds one: '),
        (["predict", "genome.fa", "-m", "runs/cnn", "--chroms", " ,"],
         "' ,': expected words separated by commas (a name that holds one: "),
        (["prototypes", "runs/cnn"],
         "runs/cnn: the variant cnn has no prototypes; those that have are pmn-no-lstm, pmn-softmax, pmn"),
        (["prototypes", "runs/pmn-lambda1", "-k", "99"], "--clusters 99: expected 2 to"),
        (["prototypes", "runs/pmn-lambda1", "runs/pmn-lambda1"],
         "a run is named twice: runs/pmn-lambda1, runs/pmn-lambda1"),
        (["prototypes", "runs/pmn-lambda1", "--trrust", "genome.fa"],
         "genome.fa, line 1: '>chr1'; expected TF, target, Activation or Repression or Unknown, PubMed numbers"),
    ],
)  # fmt: skip
def test_an_error_is_one_sentence_and_exit_code_1(here, monkeypatch, capsys, words, sentence):
    code, out, err = run(monkeypatch, capsys, *words)
    assert code == 1 and out == ""
    assert err.splitlines()[-1].startswith(f"pmntool: error: {sentence}")
    assert not any(name.startswith(".") for name in os.listdir(here)) and not (here / "x").exists()


@pytest.mark.parametrize("words", [["trane"], ["train", "--variant", "gru"], ["predict"], ["train", "--seed", "-1"]])
def test_wrong_usage_is_exit_code_2(monkeypatch, capsys, words):
    code, _, err = run(monkeypatch, capsys, *words)
    assert code == 2 and "Usage" in err


def test_a_bug_keeps_its_traceback_and_says_so(here, monkeypatch, capsys):
    monkeypatch.setattr("pmntool.verbs.prototypes.cluster", lambda *a, **k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(monkeypatch, capsys, "prototypes")
    assert "this is a bug" in capsys.readouterr().err


def test_a_name_cannot_move_the_cursor(tmp_path, monkeypatch, capsys):
    """A terminal's commands in the name of a file or chromosome are shown, not carried out."""
    (tmp_path / "a.sizes").write_text("chr1\t9\n")
    (tmp_path / "A.bed").write_text("\x1b[2Jchr\t1\t9\n")
    code, _, err = run(monkeypatch, capsys, "build-dataset", tmp_path / "a.sizes", tmp_path / "A.bed", "--dry-run",
                       "--valid-chroms", "\x1b]0;x")  # fmt: skip
    assert code == 1 and "\x1b" not in err and r"\x1b]0;x" in err
    code, _, err = run(monkeypatch, capsys, "build-dataset", tmp_path / "\x1b[2J.fa", "-n")
    assert code == 1 and "\x1b" not in err


def test_of_the_default_held_out_chromosomes_those_taken_are_said(tmp_path, monkeypatch, capsys):
    (tmp_path / "g.fa").write_text("".join(f">chr{number}\n{'ACGT' * 100}\n" for number in (1, 2, 3, 12)))
    (tmp_path / "A.bed").write_text("".join(f"chr{number}\t100\t300\n" for number in (1, 2, 3)))
    words = ("build-dataset", tmp_path / "g.fa", tmp_path / "A.bed", "--dry-run")
    code, _, err = run(monkeypatch, capsys, *words)
    assert code == 0 and "held out: chr1 for validation, chr3, chr12 for the test\n" in err
