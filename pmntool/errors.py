"""The exceptions that pmntool raises on purpose; each message is complete as it stands.

PmnError                  what a person can put right
├── InputError            a file is wrong: path, line where known, what was found, what was expected
│   ├── PeakFormatError
│   ├── GenomeError
│   ├── DatasetError
│   ├── MotifError
│   └── CheckpointError
├── MismatchError         two good inputs do not fit each other
└── OutputError           a target exists already, or cannot be written

`Stopped` is none of them: nothing is wrong, somebody wants the command to end. Anything else that escapes is a bug and
keeps its traceback.
"""

import signal


class PmnError(Exception):
    """Report something that a person can put right; ``str(error)`` is the whole message."""


class InputError(PmnError):
    """Report a file or value that is wrong."""


class PeakFormatError(InputError):
    """Report a BED, narrowPeak or broadPeak file, or a sheet of them, that cannot be read."""


class GenomeError(InputError):
    """Report a FASTA or a table of chromosome sizes that cannot be read."""


class DatasetError(InputError):
    """Report a dataset folder that is incomplete, damaged or of another version."""


class MotifError(InputError):
    """Report a file of motifs that cannot be read."""


class CheckpointError(InputError):
    """Report a run folder that is incomplete, damaged or of another version."""


class MismatchError(PmnError):
    """Report two good inputs that do not fit: chromosome names, windows, TFs."""


class OutputError(PmnError):
    """Report a target that exists already or a place that cannot be written."""


class Stopped(BaseException):
    """Report the signal by which somebody ends the command: SIGTERM, SIGHUP, or SIGINT (Ctrl-C)."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.signal = signal.Signals(number)


def printable(text: str) -> str:
    """Return a message as a terminal may have it: what a file or name smuggles in does not move its cursor.

    Examples
    --------
    >>> printable("peaks/\\x1b[2J.bed: line 3")
    'peaks/\\\\x1b[2J.bed: line 3'
    """
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)
