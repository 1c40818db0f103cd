"""The processes that torchrun has started for one command: what is whose, and how they wait for one another."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from types import TracebackType

import torch
from torch import distributed

from pmntool.device import choose_device
from pmntool.errors import OutputError

LONGEST = timedelta(days=30)  # that one waits for another
LOOK = 0.05  # seconds between two looks whether the others have come


class Ranks:
    """This process among all of its command; alone where torchrun has not started it. Use as a context manager.

    Attributes
    ----------
    count : int
        How many there are.
    first : bool
        Whether this one is the first, which does what is done once.
    share : slice
        What is this one's of anything that is dealt out.
    """

    def __init__(self) -> None:
        rank, self.count = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
        self.first, self.share = rank == 0, slice(rank, None, self.count)

    def own(self, device: torch.device) -> torch.device:
        """Return the device of this process: of GPUs each process of a machine takes its own."""
        if self.count == 1 or device.type != "cuda":
            return device
        return choose_device(f"cuda:{os.environ['LOCAL_RANK']}")

    def __enter__(self) -> Ranks:
        if self.count > 1:
            distributed.init_process_group("gloo", timeout=LONGEST)
        return self

    def wait(self) -> None:
        """Return when all processes have come as far; signals are heard meanwhile.

        Raises
        ------
        OutputError
            Another process has ended before.
        """
        if self.count == 1:
            return
        try:
            coming = distributed.barrier(async_op=True)
            while not coming.is_completed():
                time.sleep(LOOK)
            coming.wait()
        except RuntimeError as error:
            raise OutputError("another process of this command ended before its part was done") from error

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None):
        if self.count > 1 and error is None:
            distributed.destroy_process_group()
