"""The command line's frame: every error class and signal has its exit code and its sentence; no error ends with 0."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import pmntool
from pmntool import errors
from pmntool.cli import main
from pmntool.cli.root import watch
from pmntool.progress import Progress


def test_the_version_is_said_whatever_the_environment_says():
    words, environment = [sys.executable, "-m", "pmntool", "--version"], os.environ | {"RANK": "x"}
    done = subprocess.run(words, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stdout) == (0, f"pmntool {pmntool.__version__}\n")


def below(kind: type) -> list[type]:
    """Return a class and all that come of it."""
    return [kind, *(found for child in kind.__subclasses__() for found in below(child))]


class Kept(Progress):
    kept = "epoch 3 is kept"


@pytest.fixture(autouse=True)
def usual_handlers():
    """Signals are not ignored, as they are in what a shell without a terminal starts in the background."""
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL, signal.SIGHUP: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def ends(monkeypatch, capsys, tmp_path):
    """Return how `simulate` ends, by exit code and stderr, when its verb does something."""

    def run(do):
        monkeypatch.setattr(sys, "argv", ["pmntool", "simulate", str(tmp_path / "out")])
        monkeypatch.setattr("pmntool.verbs.simulate.simulate", lambda *args, **kwargs: do())
        with pytest.raises(SystemExit) as stop:
            main()
        assert os.listdir(tmp_path) == []
        return stop.value.code, capsys.readouterr().err

    return run


def throw(error: BaseException):
    raise error


@pytest.mark.parametrize("kind", below(errors.PmnError))
def test_every_error_class_ends_with_1(ends, kind):
    assert ends(lambda: throw(kind("x.bed, line 2: [no]"))) == (1, "pmntool: error: x.bed, line 2: [no]\n")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.ENOENT, errno.EIO, errno.EROFS, errno.ESTALE])
def test_what_the_system_refuses_names_the_file(ends, number):
    code, said = ends(lambda: throw(OSError(number, os.strerror(number), "data/x.fa")))
    assert (code, said) == (1, f"pmntool: error: data/x.fa: {os.strerror(number)}\n")


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
    ],
)
def test_too_little_memory_ends_with_1(ends, error):
    assert ends(lambda: throw(error))[0] == 1


@pytest.mark.parametrize("error", [errors.OutputError("out: cannot be written"), errors.Stopped(signal.SIGTERM)])
def test_what_is_kept_is_said(ends, error):
    assert ends(lambda: watch(Kept()) and throw(error))[1].endswith("; epoch 3 is kept\n")
    assert "kept" not in ends(lambda: throw(error))[1]


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_with_128_and_its_number(ends, name):
    number = signal.Signals[name]
    assert ends(lambda: signal.raise_signal(number)) == (128 + number, f"pmntool: stopped by {name}\n")


@pytest.mark.parametrize(
    "words",
    [
        ["simulate", "out"],
        ["build-dataset", "no.fa", "-o", "out"],
        ["train", "-d", "no", "-o", "out"],
        ["train", "-d", "no", "-o", "out", "--resume"],
        ["evaluate", "no", "-o", "out"],
        ["predict", "no.fa", "-m", "no", "-o", "out"],
        ["prototypes", "no", "-o", "out"],
    ],
)
def test_the_second_command_at_one_target_is_told_before_anything_is_read(monkeypatch, capsys, tmp_path, words):
    monkeypatch.chdir(tmp_path)
    code = "import sys\nfrom pathlib import Path\nfrom pmntool.staging import claim\n"
    code += "with claim(Path('out')):\n    print(flush=True)\n    sys.stdin.read()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], **pipes) as first:
        first.stdout.readline()
        monkeypatch.setattr(sys, "argv", ["pmntool", *words])
        with pytest.raises(SystemExit, match="1"):
            main()
        assert f"pmntool: error: out: another pmntool command is at work on it (process {first.pid} on" in (
            capsys.readouterr().err
        )
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "words",
    [
        ["predict", "out/genome.fa", "-m", "run", "-o", "out"],
        ["build-dataset", "genome.fa", "out/../out/peaks", "-o", "./out"],
        ["evaluate", "link", "-d", "dataset", "-o", "out"],
    ],
)
def test_force_removes_nothing_that_the_command_reads(monkeypatch, capsys, tmp_path, words):
    for name in ("genome.fa", "tracks.json", "dataset.json", "evaluation.json", "run/run.json", "peaks/A.bed"):
        (tmp_path / "out" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "out" / name).write_text("dear")
    (tmp_path / "link").symlink_to("out/run")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["pmntool", *words, "--force"])
    with pytest.raises(SystemExit, match="1"):
        main()
    read = {"predict": "out/genome.fa", "build-dataset": "out/../out/peaks/A.bed", "evaluate": "link"}[words[0]]
    assert capsys.readouterr().err == f"pmntool: error: out holds {read}, which the command reads; give another -o\n"
    assert len(list((tmp_path / "out").rglob("*"))) == 8


def test_a_signal_that_comes_twice_does_not_disturb_the_clearing_up(ends):
    cleared = []

    def work():
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGTERM)
            cleared.append(True)

    assert ends(work)[0] == 143 and cleared == [True]


def test_a_signal_that_nohup_ignores_stays_ignored(ends):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert ends(lambda: signal.raise_signal(signal.SIGHUP) or throw(errors.InputError("later")))[0] == 1
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_the_handlers_from_before_come_back(ends):
    ends(lambda: throw(errors.InputError("x")))
    assert signal.getsignal(signal.SIGINT) == signal.default_int_handler


def test_a_bug_keeps_its_traceback_and_ends_with_1(tmp_path):
    code = """
import sys
import pmntool.verbs.simulate
from pmntool.cli import main
pmntool.verbs.simulate.simulate = lambda *args, **kwargs: 1 / 0
sys.argv = ["pmntool", "simulate", "x"]
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1 and "this is a bug" in done.stderr and "ZeroDivisionError" in done.stderr
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_a_table_that_cannot_be_printed_is_an_error():
    with open("/dev/full", "w") as full:
        words = [sys.executable, "-m", "pmntool", "--version"]
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr == "pmntool: error: a file or the standard output: No space left on device\n"


def test_a_reader_that_went_away_is_no_bug():
    words = f"{sys.executable} -m pmntool --help | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", words], capture_output=True, text=True)
    assert done.returncode in (0, 1) and "Traceback" not in done.stderr


def test_a_working_directory_that_was_removed_is_said(tmp_path):
    words = 'cd "$1" && rmdir "$1" && exec "$2" -c "from pmntool.cli import main; main()" info /'
    environment = os.environ | {"PYTHONPATH": str(Path(pmntool.__file__).parents[1])}
    command = ["sh", "-c", words, "sh", tmp_path, sys.executable]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    told = "pmntool: error: the working directory: No such file or directory; change to another\n"
    assert (done.returncode, done.stderr) == (1, told)


def test_a_backend_of_matplotlib_that_there_is_not_disturbs_no_figure(tmp_path):
    code = """
import sys
import pmntool.verbs.simulate
from pmntool import plots
from pmntool.cli import main
pmntool.verbs.simulate.simulate = lambda output, **kwargs: plots.save(plots.new_figure(1, 1)[0], output) or sys.exit(0)
sys.argv = ["pmntool", "simulate", "x.png"]
main()
"""
    environment = os.environ | {"MPLBACKEND": "nonsense"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert (done.returncode, os.listdir(tmp_path)) == (0, ["x.png"]), done.stderr


@pytest.mark.parametrize("ranks", ["x 1", "1 ", " 2", "2 2", "0 0", "0 2"])
def test_a_rank_that_no_torchrun_has_set(ranks, tmp_path, monkeypatch, capsys):
    for name in ("LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in zip(("RANK", "WORLD_SIZE"), ranks.split(" "), strict=True):
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "argv", ["pmntool", "predict", "genome.fa", "-o", str(tmp_path / "out")])
    with pytest.raises(SystemExit) as end:
        main()
    said = capsys.readouterr().err
    assert end.value.code == 1 and said.startswith("pmntool: error: the environment has RANK=") and "unset both" in said
    assert not list(tmp_path.iterdir())
