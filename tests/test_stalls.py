"""A disk that does not answer is named; nothing else that takes long is."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import mount
from held_disk import LOOKUP, OPEN, READ, HeldDisk

from pmntool import stalls
from pmntool.stalls import awaited, look

SECONDS = 0.6
PMNTOOL = f"""
from functools import partial
from pmntool.cli import main, root
root.stalls.said = partial(root.stalls.said, {SECONDS})
main()
"""
PEAKS = b"chr1\t0\t100\n"
FREEZE, THAW = 0xC0045877, 0xC0045878  # FIFREEZE and FITHAW of Linux's include/uapi/linux/fs.h
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc as Linux has it")


def thread(folder: Path, state: str, waits_in: str = "0", sleeps: int = 7, syscall: str = "running") -> Path:
    """Make a thread's folder as it is in /proc."""
    (folder / "fd").mkdir(parents=True, exist_ok=True)
    (folder / "stat").write_text(f"17 (a) S (b) {state} 1 17 17 0 -1 4194304")
    (folder / "wchan").write_text(waits_in)
    (folder / "status").write_text(f"Name:\ta\nvoluntary_ctxt_switches:\t{sleeps}\nnonvoluntary_ctxt_switches:\t7\n")
    (folder / "syscall").write_text(syscall + "\n")
    return folder


@pytest.mark.parametrize(
    ("seen", "looks"),
    [
        ([("D", "folio_wait_bit", 7)] * 3, 2),
        ([("S", "request_wait_answer", 7)] * 3, 2),
        ([("S", "request_wait_answer", 7), ("D", "request_wait_answer", 8)], 0),  # a signal came
        ([("D", "folio_wait_bit", sleeps) for sleeps in range(9)], 0),  # slow, but it moves
        ([("D", "folio_wait_bit", 7), ("R", "0", 7), ("D", "folio_wait_bit", 7)], 0),
        ([("R", "0", 7)] * 9, None),
        ([("S", "pipe_read", 7)] * 9, None),
        ([("S", "futex_wait_queue", 7)] * 9, None),
    ],
)
def test_a_sleep_counts_while_it_lasts(tmp_path, seen, looks):
    slept = {}
    for state, waits_in, sleeps in seen:
        slept = look([thread(tmp_path / "17", state, waits_in, sleeps), tmp_path / "ended"], slept)
    assert [n for _, n in slept.values()] == ([] if looks is None else [looks])


@pytest.mark.parametrize(
    ("syscall", "path"),
    [
        ("0 0x3 0x40 0x20000 0x0 0x0 0x0 0x7ffd 0x7f7b", "/net/genome.fa"),  # read(3, …)
        ("257 0xffffff9c 0x40 0x80000 0x0 0x0 0x0 0x7ffd 0x7f7b", "peaks/é.bed"),  # openat(AT_FDCWD, "peaks/…")
        ("82 0x40 0x60 0x0 0x0 0x0 0x0 0x7ffd 0x7f7b", "peaks/é.bed"),  # rename("peaks/…", …)
        ("262 0xffffffffffffff9c 0x40 0x0 0x0 0x0 0x0 0x7ffd 0x7f7b", "peaks/é.bed"),
        ("16 0x4 0x40 0x0 0x0 0x0 0x0 0x7ffd 0x7f7b", ""),  # ioctl of /dev/nvidia0
        ("11 0x60 0x40 0x0 0x0 0x0 0x0 0x7ffd 0x7f7b", ""),  # munmap(what is no text, …)
        ("-1 0x40 0x7f7b", ""),  # mapped memory
        ("running", ""),
    ],
)
def test_the_path_is_that_of_the_system_call(tmp_path, syscall, path):
    folder = thread(tmp_path / "17", "D", syscall=syscall)
    (folder / "fd" / "3").symlink_to("/net/genome.fa")
    (folder / "fd" / "4").symlink_to("/dev/nvidia0")
    (folder / "mem").write_bytes(bytes(0x40) + "peaks/é.bed".encode().ljust(32, b"\0") + b"\x7fELF\2\1\1\0")
    assert awaited(folder) == path


@pytest.fixture
def held(tmp_path):
    """Return a function that makes a disk which holds back one kind of answer."""
    if not os.access("/dev/fuse", os.W_OK):
        pytest.skip("no FUSE")
    disks = []

    def make(operation: int) -> HeldDisk:
        disks.append(HeldDisk(tmp_path / "net", {"a.bed": PEAKS}, operation))
        return disks[0]

    yield make
    for disk in disks:
        disk.close()


@pytest.fixture
def frozen(tmp_path):
    """A disk on which whoever writes waits, and what lets him."""
    make = shutil.which("mkfs.ext4", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if make is None:
        pytest.skip("no mkfs.ext4")
    folder, image = tmp_path / "net", tmp_path / "image"
    folder.mkdir()
    image.write_bytes(b"")
    os.truncate(image, 4 << 20)
    subprocess.run([make, "-q", str(image)], check=True)
    mount(folder, "-o", "loop", str(image))
    root = os.open(folder, os.O_RDONLY)
    thawed = threading.Event()

    def thaw():
        if not thawed.is_set():
            fcntl.ioctl(root, THAW, 0)
            thawed.set()

    fcntl.ioctl(root, FREEZE, 0)
    yield folder, thaw
    thaw()
    os.close(root)
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def started(let_go: Callable[[], None], *words: object):
    """Start a command; at the end the disk answers, for which even a kill waits."""
    process = subprocess.Popen(
        [sys.executable, "-c", PMNTOOL, *map(str, words)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        try:
            yield process
        finally:
            let_go()
            process.kill()


def waiting(path: Path) -> str:
    return f"waiting for {path}: the disk has not answered for {SECONDS:g} s; the command goes on when it does\n"


@pytest.mark.parametrize("operation", [LOOKUP, OPEN, READ])
def test_a_stalled_read_is_said_and_goes_on(held, operation):
    disk = held(operation)
    path = disk.folder / "a.bed"
    with started(disk.goes_on.set, "info", path) as process:
        line = process.stderr.readline()  # Typer's own look at a path comes before messages have their form
        assert line == ("" if operation == LOOKUP else "warning: ") + waiting(path)
        time.sleep(2 * SECONDS)
        disk.goes_on.set()
        said = process.stderr.read()
        assert process.wait() == 0 and "1" in process.stdout.read()
    assert said in ("", f"{path}: the disk answers again\n")  # a command that ends at once does not say so


def test_a_stalled_write_is_said_and_a_signal_is_heard_after_it(frozen):
    folder, thaw = frozen
    with started(thaw, "simulate", folder / "out") as process:
        assert process.stderr.readline() == f"warning: {waiting(folder / '.out.lock')}"
        process.send_signal(signal.SIGTERM)
        time.sleep(SECONDS)
        assert process.poll() is None
        thaw()
        said = process.stderr.read()
        assert process.wait() == 143
    assert said.endswith("pmntool: stopped by SIGTERM\n") and "waiting" not in said
    assert not (folder / "out").exists()


def test_a_process_that_works_for_this_one_is_looked_at(held, caplog):
    disk = held(READ)
    path = disk.folder / "a.bed"
    with stalls.said(SECONDS), subprocess.Popen(["cat", path], stdout=subprocess.PIPE) as child:
        stalls.processes.add(child.pid)
        try:
            assert disk.asked.wait(10)
            end = time.monotonic() + 20 * SECONDS
            while not caplog.messages and time.monotonic() < end:
                time.sleep(SECONDS / 10)
        finally:
            stalls.processes.discard(child.pid)
            disk.goes_on.set()
    assert [f"{message}\n" for message in caplog.messages][:1] == [waiting(path)]


def test_a_signal_that_the_first_thread_blocks_stays_blocked():
    code = """
import os, signal, time
from pmntool import stalls
with stalls.said():
    time.sleep(0.2)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.1)
    print(signal.sigpending())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"{ {signal.SIGTERM} }\n")


@linux
@pytest.mark.parametrize(
    "code",
    [
        "open('fifo')",
        "os.read(os.pipe()[0], 1)",
        "os.read(pty.openpty()[1], 1)",
        "fcntl.flock(open('lock'), fcntl.LOCK_EX)",
        "subprocess.run(['sleep', '60'])",
        "a, b = socket.socketpair(); a.recv(1)",
        "threading.Event().wait()",
        "time.sleep(60)",
        "sum(range(10**12))",
    ],
)
def test_what_is_no_disk_is_never_said(code, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    with open(tmp_path / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        code = f"import fcntl, os, pty, socket, subprocess, threading, time\nprint(flush=True)\n{code}"
        with subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=tmp_path, start_new_session=True
        ) as process:
            process.stdout.readline()
            task = Path(f"/proc/{process.pid}/task/{process.pid}")
            slept, most = {}, 0
            for _ in range(5):
                time.sleep(0.05)
                slept = look([task], slept)
                most = max(most, *(looks for _, looks in slept.values()), 0)
            os.killpg(process.pid, signal.SIGKILL)  # which the child of this one hears too
        assert process.returncode == -signal.SIGKILL and most == 0
