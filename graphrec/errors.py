"""Everything graphrec raises on purpose.

    GraphrecError              catch this one to catch them all
    ├── DataError              a file, table, column or row that can't be used as it is
    │   ├── UnknownIdError     a user or movie that isn't in the tables
    │   └── AmbiguousTitleError  a title that several movies have
    ├── DownloadError          a named data set that couldn't be fetched whole
    ├── ConfigError            settings that don't go together
    ├── ArtefactError          a saved model that is missing, damaged or from a newer graphrec
    └── OutputError            a file or folder that can't be written, or may not be replaced

Each message is one sentence for whoever gave the input: what is wrong, where, what to do.
The command line prints it and exits with code 2. In Python it names arguments, on the command line
the options that stand for them.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from enum import Enum
from typing import Any

from graphrec.formatting import printable


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument that a message names.

    Attributes:
        python: as it is written in Python.
        option: as it is typed on the command line.
    """

    python: str
    option: str


def argument(name: str, *value: Any) -> Argument:
    """An argument whose option has the same name, with a value if one is given.

    >>> argument("num_layers").option
    '--num-layers'
    >>> argument("num_neighbors", (15, 10)).python, argument("num_neighbors", (15, 10)).option
    ('num_neighbors=(15, 10)', '--num-neighbors 15,10')
    >>> argument("layers", "sage").python, argument("force", True).option
    ("layers='sage'", '--force')
    """
    option = f"--{name.replace('_', '-')}"
    if not value:
        return Argument(name, option)
    (own,) = value
    own = own.value if isinstance(own, Enum) else own
    if own is True:
        return Argument(f"{name}=True", option)
    text = ",".join(map(str, own)) if isinstance(own, tuple) else str(own)
    return Argument(f"{name}={own!r}", f"{option} {shlex.quote(text)}")


class Message(str):
    """A sentence that names arguments: a plain string in Python's words, see `typed`.

    What it quotes of tables can't steer a terminal or a log, see `graphrec.formatting.printable`.

    >>> sentence = Message(argument("epochs"), " is 0; it must be 1 or more.")
    >>> str(sentence), typed(sentence)
    ('epochs is 0; it must be 1 or more.', '--epochs is 0; it must be 1 or more.')
    """

    typed: str

    def __new__(cls, *parts: str | Argument) -> Message:
        """Put text and arguments together."""
        texts = (part.python if isinstance(part, Argument) else part for part in parts)
        message = super().__new__(cls, printable("".join(texts)))
        message.typed = printable("".join(map(typed, parts)))
        return message


class Grave(Message):
    """A sentence on what probably makes the results wrong: it is shown before others."""


def as_typed(sentence: str) -> str:
    """A sentence in the command line's words, as grave as it was."""
    return Grave(typed(sentence)) if isinstance(sentence, Grave) else typed(sentence)


def typed(part: str | Argument) -> str:
    """A sentence, or a part of one, with the command line's options for arguments."""
    if isinstance(part, Argument):
        return part.option
    return part.typed if isinstance(part, Message) else part


class GraphrecError(Exception):
    """Root of graphrec's own errors.

    Args:
        parts: of the message: text, and the arguments that it names.
    """

    def __init__(self, *parts: str | Argument) -> None:
        super().__init__(Message(*parts))

    @property
    def typed(self) -> str:
        """The message as the command line says it, with options for arguments."""
        return typed(self.args[0])


class DataError(GraphrecError):
    """A file, table, column or row can't be used as it is."""


class UnknownIdError(DataError):
    """A user or movie isn't in the tables."""


class AmbiguousTitleError(DataError):
    """A title that several movies have; `choices` holds (movie_id, title) of each."""

    def __init__(self, message: str, choices: list[tuple[Any, str]]) -> None:
        super().__init__(message)
        self.choices = choices


class DownloadError(GraphrecError):
    """A named data set couldn't be fetched whole."""


class ConfigError(GraphrecError):
    """Settings don't go together."""


class ArtefactError(GraphrecError):
    """A saved model is missing, damaged or written by a newer graphrec."""


class OutputError(GraphrecError):
    """A file or folder can't be written, or something is there that may not be replaced."""


class GraphrecWarning(UserWarning):
    """What there is to know of tables or titles: repairs, what was left out, what was guessed."""
