"""The metrics of a run's epochs as TensorBoard's event files, written through Fabric's logger."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from lightning_fabric.loggers import TensorBoardLogger

from pmntool.errors import PmnError

FOLDER = "tensorboard"


class EventFiles:
    """The folder `tensorboard` of a run. What an earlier command left there is made again, as run.json has it.

    Event files hold a clock and the machine's name, by their format.

    Raises
    ------
    PmnError
        The library that writes them is not installed.
    """

    def __init__(self, run: Path) -> None:
        if not (find_spec("tensorboardX") or find_spec("tensorboard")):
            raise PmnError("--logger needs tensorboardX, which is not installed: pip install 'pmntool[tensorboard]'")
        self._run, self._written = run, 0
        self._logger: TensorBoardLogger | None = None

    def write(self, epochs: Sequence[Mapping[str, float | None]]) -> None:
        """Append those of a run's epochs that are not written yet; the run's folder is there."""
        if self._logger is None:
            shutil.rmtree(self._run / FOLDER, ignore_errors=True)
            self._logger = TensorBoardLogger(self._run, FOLDER, version="")
        for row in epochs[self._written :]:
            known = {name: value for name, value in row.items() if name != "epoch" and value is not None}
            self._logger.log_metrics(known, step=row["epoch"])
        self._logger.save()
        self._written = len(epochs)

    def close(self) -> None:
        """End the file."""
        if self._logger is not None:
            self._logger.finalize("success")
