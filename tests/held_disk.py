"""A file system of a few files whose answers a test holds back: FUSE, spoken without a library."""

from __future__ import annotations

import os
import struct
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path

from conftest import mount

LOOKUP, FORGET, GETATTR, OPEN, READ, RELEASE, FLUSH, INIT, INTERRUPT = 1, 2, 3, 14, 15, 18, 25, 26, 36
BATCH_FORGET = 42
NOT_THERE, NOT_KNOWN = 2, 38  # errno
HEADER = struct.Struct("<IIQQ16x")  # length, operation, the request's number, node


class HeldDisk:
    """A disk that answers nothing of one kind before it `goes_on`.

    The protocol is that of Linux's include/uapi/linux/fuse.h, version 7.31. The folder is node 1, files follow.
    """

    def __init__(self, folder: Path, files: Mapping[str, bytes], held: int) -> None:
        self.folder, self.files, self.held, self.goes_on = folder, list(files.items()), held, threading.Event()
        self.asked = threading.Event()  # for something that is held
        self.file = os.open("/dev/fuse", os.O_RDWR)
        options = f"fd={self.file},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()}"
        folder.mkdir()
        mount(folder, "-i", "-t", "fuse", "-o", options, "held", pass_fds=[self.file])
        self.server = threading.Thread(target=self._serve, daemon=True)
        self.server.start()

    def close(self) -> None:
        self.goes_on.set()
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)
        self.server.join(10)
        os.close(self.file)

    def _serve(self) -> None:
        while True:
            try:
                request = os.read(self.file, 1 << 20)
            except OSError:  # unmounted
                return
            _, operation, number, node = HEADER.unpack_from(request)
            if operation in (FORGET, BATCH_FORGET, INTERRUPT):  # want no answer
                continue
            if operation == self.held:
                self.asked.set()
                self.goes_on.wait()
            answer = self._answer(operation, node, request[HEADER.size :])
            error, answer = (-answer, b"") if isinstance(answer, int) else (0, answer)
            os.write(self.file, struct.pack("<IiQ", 16 + len(answer), error, number) + answer)

    def _answer(self, operation: int, node: int, body: bytes) -> bytes | int:
        if operation == INIT:
            return struct.pack("<4I2H2I2H8I", 7, 31, 1 << 16, 0, 12, 9, 1 << 16, 1, 16, *[0] * 9)
        if operation == LOOKUP:
            names = [name.encode() for name, _ in self.files]
            name = body.rstrip(b"\0")
            return self._entry(names.index(name) + 2) if name in names else NOT_THERE
        if operation == GETATTR:
            return bytes(16) + self._attributes(node)
        if operation == OPEN:
            return bytes(16)
        if operation == READ:
            _, offset, size = struct.unpack_from("<QQI", body)
            return self.files[node - 2][1][offset : offset + size]
        return b"" if operation in (RELEASE, FLUSH) else NOT_KNOWN

    def _entry(self, node: int) -> bytes:
        return struct.pack("<Q32x", node) + self._attributes(node)

    def _attributes(self, node: int) -> bytes:
        size, mode = (0, 0o40755) if node == 1 else (len(self.files[node - 2][1]), 0o100644)
        return struct.pack("<QQQ36xII12xI4x", node, size, 1, mode, 1, 4096)
