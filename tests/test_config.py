"""`--config` and `config.toml`: what a folder says of how it was made makes it again, byte for byte."""

from __future__ import annotations

import enum
import os
import re
import sys
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from test_cli import run
from test_examples import parse

from pmntool import provenance
from pmntool.checkpoint import Run
from pmntool.cli import app, config
from pmntool.errors import InputError
from pmntool.models import Hyperparameters
from pmntool.verbs.train import Settings, train

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

COMMANDS = typer.main.get_command(app).load()
SMALL = ["--channels", "8,8,8", "--batch-size", 64, "--device", "cpu", "-@", 1]
MADE = {  # command → words that make the folder made/x
    "simulate": ["made/x", "--seed", 3, "--chrom-length", 6000],
    "build-dataset": ["genome.fa", "peaks", "-o", "made/x", "--window", 100, "--stride", 40, "--negatives", 0.5,
                      "--peak-windows", "own", "--no-leakage"],
    "train": ["--variant", "pmn", "--lambda", 0, "--epochs", 1, "--seed", 4, "-o", "made/x", *SMALL],
    "evaluate": ["runs/cnn", "runs/pmn-lambda1", "--split", "valid", "--bootstrap", 9, "--all-pairs", "-o", "made/x"],
    "predict": ["genome.fa", "-r", "chr3:1-900", "-r", "chr1:1-90", "--format", "bedgraph", "--decimals", 0, "-o",
                "made/x"],
    "prototypes": ["-k", 3, "--seed", 2, "-o", "made/x"],
    "browse": ["tracks", "--genome", "genome.fa", "--peaks", "peaks", "--export", "made/x", "--tfs", "SimAP1,SimSRF"],
}  # fmt: skip
CHOSEN = {"train": {"dataset"}, "predict": {"model"}, "prototypes": {"runs"}}
FILES = {"report": ("report.html", ["--bootstrap", 5, "--block", 900]), "plot": ("a.svg", ["chr3:1-900", "--top", 1])}
REQUIRED = {"predict": ["genome.fa", "-o", "x"], "plot": ["chr3:1-900", "-o", "a.svg"], "build-dataset": ["-o", "x"]}
FLOATS = [
    (name, key)
    for name, command in COMMANDS.items()
    for key, option in config._options(command).items()
    if option.kind is float
]
NO_OUTPUT = {"info", "verify", "doctor"}  # they write no folder


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def target(command: str, place: str) -> list[str]:
    return [place] if command == "simulate" else ["--export" if command == "browse" else "-o", place]


@pytest.mark.parametrize("command", MADE)
def test_a_folder_is_made_again_from_its_own_config(desk, monkeypatch, capsys, command):
    assert run(monkeypatch, capsys, command, *MADE[command])[0] == 0
    code, _, err = run(monkeypatch, capsys, command, "--config", "made/x/config.toml", *target(command, "again/x"))
    assert code == 0, err
    made, again = content(desk / "made/x"), content(desk / "again/x")
    assert again.pop("config.toml") == made.pop("config.toml").replace(b"made/x", b"again/x")
    assert made == again and len(made) > 2
    options = tomllib.loads(Path("made/x/config.toml").read_text())[command]
    assert CHOSEN.get(command, set()) <= options.keys()  # what was not given


def test_every_command_that_makes_a_folder_is_tried():
    assert set(COMMANDS) - NO_OUTPUT == MADE.keys() | FILES.keys()


@pytest.mark.parametrize("command", FILES)
def test_a_file_is_made_from_a_config_as_from_words(desk, monkeypatch, capsys, command):
    name, words = FILES[command]
    assert run(monkeypatch, capsys, command, *words, "-o", name)[0] == 0
    first = (desk / name).read_bytes()
    lines = {"report": "bootstrap = 5\nblock = 900", "plot": 'region = "chr3:1-900"\ntop = 1'}[command]
    (desk / "p.toml").write_text(f'output = "{name}"\n[{command}]\n{lines}\nforce = true')
    assert run(monkeypatch, capsys, command, "--config", "p.toml")[0] == 0
    assert (desk / name).read_bytes() == first


def another(option, default):
    """Return a value that an option takes and that is not its default, as words and as TOML understands it."""
    if issubclass(option.kind, enum.Enum):
        value = next(member.value for member in option.kind if member is not default)
    elif option.kind in (int, float):
        value = option.kind(max(option.low, 0) + (0.5 if option.kind is float else 3))
    else:
        value = 'a "b"/ä\\'
    return [value, value] if option.several else value


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_option_comes_back_from_the_file_as_it_went_in(tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    options, words, at_the_end = config._options(COMMANDS[command]), [command], []
    for param in COMMANDS[command].params:
        key = next((key for key, option in options.items() if option.name == param.name), None)
        if key is None or key in config._NOT_KEPT:
            continue
        value = True if options[key].kind is bool else another(options[key], param.default)
        for one in value if isinstance(value, list) else [value]:
            if param.param_type_name == "argument":
                at_the_end.append(str(one))
            else:
                words += [f"--{key}"] if one is True else [f"--{key}", str(one)]
    _, given_as_words = parse([*words, *at_the_end])
    Path("config.toml").write_text(config.text(), encoding="utf-8")
    written = tomllib.loads(config.text())[command]
    assert written.keys() == options.keys() - set(config._NOT_KEPT)
    _, given_as_file = parse([command, "--config", "config.toml"])
    assert given_as_file.pop("config") and not given_as_words.pop("config")
    assert given_as_file == given_as_words


def test_the_command_line_wins_over_the_table_and_the_table_over_the_top(tmp_path):
    path = tmp_path / "project.toml"
    path.write_text('seed = 1\nwindow = 300\nruns = "a"\n[train]\nseed = 2\nepochs = 3\n[predict]\nregion = ["a", "b"]')
    assert parse(["train", "--config", str(path)])[1]["seed"] == 2
    assert parse(["train", "--config", str(path), "--seed", "5"])[1]["seed"] == 5
    assert parse(["build-dataset", "--config", str(path)])[1]["seed"] == 1
    assert parse(["evaluate", "--config", str(path)])[1]["runs"] == [Path("a")]
    assert parse(["evaluate", "--config", str(path), "b", "c"])[1]["runs"] == [Path("b"), Path("c")]
    assert list(parse(["predict", "g.fa", "--config", str(path)])[1]["region"]) == ["a", "b"]
    assert list(parse(["predict", "g.fa", "-r", "c", "--config", str(path)])[1]["region"]) == ["c"]


def test_an_option_that_is_called_as_a_command_is_may_stand_at_the_top(tmp_path):
    path = tmp_path / "project.toml"
    path.write_text('prototypes = "p"')
    assert parse(["browse", "--config", str(path)])[1]["prototypes"] == Path("p")


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ("batch_size = 8", "batch_size: unknown; the nearest name is batch-size"),
        ("[train]\nepoch = 8", "[train] epoch: unknown; the nearest name is epochs"),
        ("[train]\nwindow = 8", "[train] window: unknown; the nearest name is"),
        ("config = 'x'", "config: unknown; the nearest name is"),
        ("[trian]", "table trian: unknown; the nearest name is train"),
        ("predict = 3", "predict: expected a table, [predict], with the command's options beneath"),
        ("[[train]]\nepochs = 3", "train: expected a table, [train], with the command's options beneath"),
        ("[predict]\ngenom = 8", "[predict] genom: unknown; the nearest name is genome"),
        ("epochs = 'x'", 'epochs = "x"; expected a whole number'),
        ("epochs = 2.0", "epochs = 2.0; expected a whole number"),
        ("epochs = true", "epochs = true; expected a whole number"),
        ("[train]\nlambda = '1'", '[train] lambda = "1"; expected a number'),
        ("lambda = nan", "lambda = nan; expected a number"),
        ("seed = -1", "seed = -1; expected a whole number of at least 0"),
        ("channels = [8, 8]", "channels = [8, 8]; expected text, in quotes"),
        ("force = 1", "force = 1; expected true or false"),
        ("dataset = 2020-01-01", 'dataset = "2020-01-01"; expected text, in quotes'),
        ("select-by = 'auc'", 'select-by = "auc"; expected one of auroc, aupr, recall_at_fdr, in quotes'),
        ("epochs = 0", "--epochs 0: expected 1 to 2147483647"),  # the command's own sentence
        ("channels = '8,x'\n", "--channels 8,x: expected whole numbers, separated by commas"),
        ("epochs = ", "cannot be read as TOML (Invalid value (at end of document))"),
        ("a = 1\nb", "cannot be read as TOML (Expected "),
        ("a = " + "[" * 9999, "cannot be read as TOML ("),
        ("a = " + "9" * 9999, "cannot be read as TOML ("),
        ("\xff", "cannot be read as TOML ("),
        ("#" * (1 << 22) + "#", "holds more than 4194304 bytes of text; expected a smaller file"),
        ("epochs = '" + "x" * 9999 + "'", f'epochs = "{"x" * 79}; expected a whole number'),
    ],
)  # fmt: skip
def test_a_wrong_file_is_told(desk, monkeypatch, capsys, lines, sentence):
    (desk / "p.toml").write_bytes(lines.encode("latin-1"))
    code, _, err = run(monkeypatch, capsys, "train", "-o", "x", "--config", "p.toml")
    assert code == 1 and f"pmntool: error: p.toml: {sentence}" in err and not (desk / "x").exists()


def test_limits_lists_and_missing_files(desk, monkeypatch, capsys):
    for command, lines, sentence in (
        ("predict", "decimals = 9", "p.toml: decimals = 9; expected a whole number from 0 to 7"),
        ("predict", "[predict]\nregion = [1]", "[predict] region = [1]; expected text, in quotes, or a list of such"),
        ("evaluate", "runs = 1", "p.toml: runs = 1; expected text, in quotes, or a list of such"),
    ):
        (desk / "p.toml").write_text(lines)
        code, _, err = run(monkeypatch, capsys, command, "--config", "p.toml")
        assert code == 1 and sentence in err
    code, _, err = run(monkeypatch, capsys, "train", "--config", "nowhere.toml")
    assert code == 1 and "nowhere.toml: cannot be read (No such file or directory)" in err


@pytest.mark.parametrize("value", ["nan", "inf"])
@pytest.mark.parametrize(("command", "key"), FLOATS)
def test_no_option_takes_what_is_no_number(desk, monkeypatch, capsys, command, key, value):
    code, _, err = run(monkeypatch, capsys, command, *REQUIRED.get(command, []), f"--{key}", value)
    sentence = {1: f"error: --{key} {value}: expected", 2: f"Invalid value for '--{key}'"}[code]
    assert sentence in err


def test_a_message_about_the_command_line_names_no_file(desk, monkeypatch, capsys):
    (desk / "p.toml").write_text("epochs = 0")
    _, _, err = run(monkeypatch, capsys, "train", "-o", "x", "--hops", 0, "--epochs", 0, "--config", "p.toml")
    assert err.startswith("pmntool: error: --epochs 0: expected 1 to 2147483647")


def test_no_absolute_path_no_clock_and_no_user(desk, monkeypatch, capsys):
    words = ["build-dataset", desk / "genome.fa", desk / "peaks", "-o", desk / "there/x", "--quiet"]
    assert run(monkeypatch, capsys, *words)[0] == 0
    text = (desk / "there/x/config.toml").read_text()
    assert 'genome = "genome.fa"\npeaks = ["peaks"]\noutput = "there/x"\n' in text and str(desk) not in text
    assert text.startswith("# pmntool build-dataset, version ") and "quiet" not in text
    assert not re.search(r"\d\d:\d\d|20\d\d-", text)


def test_a_path_that_is_not_utf_8_stands_in_a_comment(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    place = Path(os.fsdecode(b"d\xff"))
    try:
        place.mkdir()
    except OSError:
        pytest.skip("file names are UTF-8 here")
    assert run(monkeypatch, capsys, "simulate", place / "sim", "--chrom-length", 6000)[0] == 0
    content = (place / "sim/config.toml").read_text(encoding="utf-8")
    assert tomllib.loads(content) == {"simulate": {"chrom-length": 6000, "seed": 0}}
    assert '# not UTF-8, as TOML is; give it on the command line: output = "d\\udcff/sim"\n' in content


def test_the_config_is_no_part_of_what_a_dataset_is(desk, world, monkeypatch, capsys):
    """Made by a function, or by a command in another place: the same dataset.json."""
    assert run(monkeypatch, capsys, "build-dataset", "-o", "deep/er")[0] == 0
    assert (desk / "deep/er/dataset.json").read_bytes() == (world / "dataset/dataset.json").read_bytes()
    assert (desk / "deep/er/config.toml").exists() and not (world / "dataset/config.toml").exists()
    assert provenance.options.get() is None


def test_a_resumed_run_says_how_to_make_the_whole_of_it(desk, monkeypatch, capsys):
    words = ["train", "-o", "made/run", *SMALL, "--epochs"]
    assert run(monkeypatch, capsys, *words, 1)[0] == 0
    assert run(monkeypatch, capsys, *words, 2, "--resume")[0] == 0
    assert run(monkeypatch, capsys, "train", "--config", "made/run/config.toml", "-o", "again/run")[0] == 0
    made, again = content(desk / "made/run"), content(desk / "again/run")
    assert made.pop("config.toml") == again.pop("config.toml").replace(b"again", b"made") and made == again
    settings = Settings(**Run("made/run").meta["settings"] | {"epochs": 3, "variant": "pmn"})
    train(Path("dataset"), Path("made/run"), settings, Hyperparameters((8, 8, 8)), device="cpu", resume=True)
    assert not (desk / "made/run/config.toml").exists()  # it would say two epochs


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_text_is_written_as_toml_reads_it(text):
    assert tomllib.loads(f"a = {config._to_toml(text)}") == {"a": text}


@given(st.binary())
def test_noise_is_refused_in_a_sentence(tmp_path_factory, noise):
    path = tmp_path_factory.getbasetemp() / "noise.toml"
    path.write_bytes(noise)
    try:
        config._parse(path)
    except InputError as error:
        assert str(error).startswith(f"{path}: cannot be read as TOML (")
