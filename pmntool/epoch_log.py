"""The metrics of a run's epochs for programs that watch training, written through Fabric's loggers."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from lightning_fabric.loggers import CSVLogger, TensorBoardLogger

from pmntool.errors import PmnError


class EpochLog:
    """The folder `tensorboard` or `csv` of a run. What an earlier command left there is made again, as run.json has it.

    TensorBoard's event files hold a clock and the machine's name, by their format; `csv/metrics.csv` does not.

    Raises
    ------
    PmnError
        The library that writes them is not installed.
    """

    def __init__(self, run: Path, logger: str) -> None:
        if logger == "tensorboard" and not (find_spec("tensorboardX") or find_spec("tensorboard")):
            raise PmnError(
                "--logger tensorboard needs tensorboardX, which is not installed: pip install 'pmntool[tensorboard]'"
            )
        self._run, self._name, self._written = run, logger, 0
        self._logger: CSVLogger | TensorBoardLogger | None = None

    def write(self, epochs: Sequence[Mapping[str, float | None]]) -> None:
        """Append those of a run's epochs that are not written yet; the run's folder is there."""
        if self._logger is None:
            shutil.rmtree(self._run / self._name, ignore_errors=True)
            kind = TensorBoardLogger if self._name == "tensorboard" else CSVLogger
            self._logger = kind(self._run, self._name, version="")
        for row in epochs[self._written :]:
            known = {name: value for name, value in row.items() if name != "epoch" and value is not None}
            self._logger.log_metrics(known, step=row["epoch"])
        self._logger.save()
        self._written = len(epochs)

    def close(self) -> None:
        """End the file."""
        if self._logger is not None:
            self._logger.finalize("success")
