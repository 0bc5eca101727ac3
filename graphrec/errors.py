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
The command line prints it and exits with code 2.
"""

from __future__ import annotations

from typing import Any


class GraphrecError(Exception):
    """Root of graphrec's own errors."""


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


class DataWarning(UserWarning):
    """A table was repaired harmlessly; the message counts what was done."""
