"""`--config`: options read from a TOML file, and those of the command at work written for `config.toml`.

A key is an option's long name without dashes, or an argument's name. At the top of a file it serves every command that
has it; in a table named after a command it serves this one. The command line wins over the table, the table over the
top. Files hold data alone: nothing in them is executed, and paths in them are relative to the working directory.
"""

from __future__ import annotations

import enum
import inspect
import json
import math
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Any, NamedTuple, get_args, get_origin

import typer

from pmntool import __version__
from pmntool.errors import InputError
from pmntool.provenance import CONFIG
from pmntool.text import is_unicode, read_bytes

MOST_BYTES = 1 << 22  # of a file: Python reads TOML slowly
_NOT_KEPT = ("force", "resume", "quiet", "verbose", "json")  # they change no result
_at_work: list[typer.Context] = []  # of the command, once it has one


class _Option(NamedTuple):
    """What an option or argument is called in the command's function, and what it takes."""

    name: str
    kind: type
    several: bool
    low: float
    high: float


def load(context: typer.Context, path: Path | None) -> Path | None:
    """Take what a file says in place of the command's defaults.

    Raises
    ------
    InputError
        The file cannot be read, is not TOML, has a key that is no option, or a value that its option does not take.
    """
    _at_work[:] = [context]
    if path is not None:
        context.default_map = _read(path, context)
    return path


def settle(**values: Any) -> None:
    """Note what the command chose for options that were not given."""
    _at_work[0].params.update(values)


def text() -> str:
    """Return the content of a `config.toml` that repeats the command at work; what is empty or off is left out."""
    (context,) = _at_work
    command = context.info_name
    lines = [f"# pmntool {command}, version {__version__}; repeat: pmntool {command} --config {CONFIG}", f"[{command}]"]
    for key, option in _options(context.command).items():
        value = context.params[option.name]
        if key not in _NOT_KEPT and value is not False and value not in (None, "", [], ()):
            line = f"{key} = {_to_toml(value, option.kind)}"
            lines.append(line if is_unicode(line) else f"# not UTF-8, as TOML is; give it on the command line: {line}")
    return "\n".join(lines) + "\n"


def blame(message: str) -> str:
    """Return a message about an option with the file in front that it is from."""
    for context in _at_work:
        option = _options(context.command).get(message.partition(" ")[0].removeprefix("--").rstrip(":"))
        source = option and message.startswith("--") and context.get_parameter_source(option.name)
        if source and source.name == "DEFAULT_MAP":
            return f"{context.params['config']}: {message}"
    return message


def _options(command: Any) -> dict[str, _Option]:
    """Return a command's options and arguments by their keys, as its function declares them."""
    declared = inspect.signature(command.callback, eval_str=True).parameters
    found = {}
    for param in command.params:
        kind, about = get_args(declared[param.name].annotation)
        if isinstance(kind, UnionType):
            kind, _ = get_args(kind)
        several = get_origin(kind) is list
        kind = get_args(kind)[0] if several else kind
        low = -math.inf if about.min is None else about.min
        high = math.inf if about.max is None else about.max
        found[max(param.opts, key=len).lstrip("-")] = _Option(param.name, kind, several, low, high)
    found.pop("config", None)
    return found


def _read(path: Path, context: typer.Context) -> dict[str, Any]:
    """Return the values that a file has for the command of a context, by their names in its function."""
    commands = {name: _options(command) for name, command in context.parent.command.load().items()}
    content = _parse(path)
    tables = {name: values for name, values in content.items() if isinstance(values, dict)}
    shared = {key: value for key, value in content.items() if key not in tables}
    known = {key for options in commands.values() for key in options}
    for name in sorted((shared.keys() & commands.keys()) - known):  # prototypes is an option too, of browse
        raise InputError(f"{path}: {name}: expected a table, [{name}], with the command's options beneath")
    _check_names(path, "", shared, known)
    _check_names(path, "table ", tables, commands)
    for name, table in tables.items():
        _check_names(path, f"[{name}] ", table, commands[name])
    here, own = commands[context.info_name], tables.get(context.info_name, {})
    values = {}
    for key, value in (shared | own).items():
        if key in here:
            option = here[key]
            each = value if option.several and isinstance(value, list) else [value]
            if not all(_fits(one, option) for one in each):
                place = f"[{context.info_name}] {key}" if key in own else key
                raise InputError(f"{path}: {place} = {_to_toml(value)[:80]}; expected {_expectation(option)}")
            values[option.name] = each if option.several else value
    return values


def _parse(path: Path) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    content = read_bytes(path, InputError)
    if len(content) > MOST_BYTES:
        raise InputError(f"{path}: holds more than {MOST_BYTES} bytes of text; expected a smaller file")
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read as TOML ({error})") from error


def _check_names(path: Path, place: str, found: Mapping[str, Any], known: Mapping[str, Any] | set[str]) -> None:
    for name in found:
        if name not in known:
            import difflib

            nearest = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0)[0]
            raise InputError(f"{path}: {place}{name}: unknown; the nearest name is {nearest}")


def _fits(value: Any, option: _Option) -> bool:
    if issubclass(option.kind, enum.Enum):
        return value in [member.value for member in option.kind]
    if option.kind in (int, float):
        return type(value) in (int, option.kind) and option.low <= value <= option.high
    return type(value) is (bool if option.kind is bool else str)


def _expectation(option: _Option) -> str:
    if issubclass(option.kind, enum.Enum):
        words = f"one of {', '.join(member.value for member in option.kind)}, in quotes"
    else:
        words = {bool: "true or false", int: "a whole number", float: "a number"}.get(option.kind, "text, in quotes")
    if option.high < math.inf:
        words += f" from {option.low} to {option.high}"
    elif option.low > -math.inf:
        words += f" of at least {option.low}"
    return words + (", or a list of such" if option.several else "")


def _to_toml(value: Any, kind: type = str) -> str:
    """Return a value as TOML; paths become relative to the working directory."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(_to_toml(one, kind) for one in value)}]"
    value = getattr(value, "value", value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if kind is Path and os.path.isabs(value):
        value = os.path.relpath(value)
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
