"""`--config FILE`, which every command takes: its options from a YAML file."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from graphrec.cli.helppage import VALUE_ERROR
from graphrec.config import ModelConfig, TrainConfig
from graphrec.console import fail
from graphrec.errors import ConfigError, GraphrecError

if TYPE_CHECKING:
    from graphrec.settings_file import Value

_SHOULD = "Input should be "  # so the library that checks values begins
_NOT_IN_A_FILE = {"config", "help"}


def configurable(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command `--config`; what is typed goes before the file."""
    hints = get_type_hints(command, include_extras=True)
    own = [
        parameter.replace(annotation=hints[name])
        for name, parameter in inspect.signature(command).parameters.items()
    ]
    config = inspect.Parameter(
        "config", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_Config
    )

    @functools.wraps(command)
    def wrapped(*, config: None = None, **options: Any) -> None:  # its callback has read it
        del config
        command(**options)

    wrapped.__signature__ = inspect.Signature([*own, config])  # type: ignore[attr-defined]
    wrapped.__annotations__ = {one.name: one.annotation for one in (*own, config)}
    return wrapped


def _read(context: typer.Context, path: Path | None) -> None:
    """Make the values of the file the options' defaults."""
    if path is None or context.resilient_parsing:
        return
    from graphrec.settings_file import read_settings

    try:
        context.default_map = _values(context, path, read_settings(path))
    except GraphrecError as error:
        fail(error.typed)


_Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="YAML file of options, such as 'epochs: 50'; what is typed goes before it.",
        metavar="FILE",
        is_eager=True,
        callback=_read,
    ),
]


def _values(context: typer.Context, path: Path, settings: dict[str, Value]) -> dict[str, Any]:
    """The defaults that a file's settings make, by the names of the command's parameters.

    Raises:
        ConfigError: naming the file and a name that there isn't, or a value that doesn't fit.
    """
    by_name = {
        option.lstrip("-").replace("-", "_"): parameter
        for parameter in context.command.params
        if parameter.param_type_name == "option"
        for option in parameter.opts
        if option.startswith("--")
    }
    known = [name for name in by_name if name not in _NOT_IN_A_FILE]
    found = {}
    for name, value in settings.items():
        if name not in known:
            meant = _meant(name, known)
            raise ConfigError(f"{path}: '{context.command_path}' has no option {name!r}{meant}")
        parameter = by_name[name]
        is_several = getattr(parameter, "multiple", False)
        given: Any = value
        if is_several and isinstance(value, str):
            given = [value]
        elif not is_several and isinstance(value, list):
            given = ",".join(value)
        try:
            _check_bounds(name, parameter.process_value(context, given))
        except typer.BadParameter as error:
            raise ConfigError(f"{path}: {_complaint(name, given, error.message)}") from error
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from error
        found[parameter.name] = given
    return found


def _check_bounds(name: str, value: Any) -> None:
    """Fail if a setting's value is out of its bounds."""
    for config in (ModelConfig, TrainConfig):
        own = {one.name: one for one in fields(config)}.get(name)
        if own is not None and not isinstance(own.default, tuple):
            config(**{name: value})


def _meant(name: str, known: list[str]) -> str:
    from rapidfuzz import process

    nearest = process.extractOne(name, known)
    return "." if nearest is None else f"; did you mean {nearest[0]!r}?"


def _complaint(name: str, value: Any, message: str) -> str:
    """What is wrong with a value, from what the library that checks values says."""
    message = message.removeprefix(VALUE_ERROR).rstrip(".")
    if message.startswith(_SHOULD):
        wanted = message.removeprefix(_SHOULD).partition(",")[0]
        return f"{name} is {value!r}; it must be {wanted}."
    return f"{name}: {message}."
