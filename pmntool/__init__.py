"""pmntool: which transcription factors bind where, and together with which others.

Every command is a function here too: ``pmntool.train(dataset, output)`` is ``pmntool train``; ``pmntool.load(run)`` is
a trained model as an object. Importing this package imports nothing heavy; the module of a function is imported when
the function is first asked for.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "build_dataset": "verbs.build_dataset",
    "train": "verbs.train",
    "evaluate": "verbs.evaluate",
    "predict": "verbs.predict",
    "prototypes": "verbs.prototypes",
    "report": "verbs.report",
    "plot": "verbs.plot",
    "browse": "verbs.browse",
    "simulate": "verbs.simulate",
    "info": "verbs.info",
    "verify": "verbs.verify",
    "doctor": "verbs.doctor",
    "load": "trained",
}
__all__ = [*_HOMES]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"pmntool.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'pmntool' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
