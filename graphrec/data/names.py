"""Which column plays which part: the names that tables use, and the person's own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pandas as pd

from graphrec.data.files import Note, warn
from graphrec.errors import DataError

USER, MOVIE, RATING, TIMESTAMP, TITLE = "user_id", "movie_id", "rating", "timestamp", "title"

KNOWN_NAMES: dict[str, tuple[str, ...]] = {
    USER: ("user_id", "user", "uid", "viewer_id", "viewer", "customer_id", "member_id"),
    MOVIE: ("movie_id", "movie", "item_id", "item", "iid", "film_id", "film", "mid"),
    RATING: ("rating", "ratings", "stars", "score", "rate"),
    TIMESTAMP: ("timestamp", "time", "ts", "date", "datetime", "rated_at", "watched_at"),
    TITLE: ("title", "movie_title", "film_title", "name", "movie_name", "film_name"),
}
"""Names of each part, whatever their case and punctuation (``userId`` is ``user_id``)."""

NAMES_IN_MOVIES = KNOWN_NAMES | {MOVIE: (*KNOWN_NAMES[MOVIE], "id")}
"""The same for a movies table, where ``id`` can only be the movie's."""

OPTION = {
    USER: "--user-column",
    MOVIE: "--movie-column",
    RATING: "--rating-column",
    TIMESTAMP: "--timestamp-column",
    TITLE: "--title-column",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """What a person said about the tables, and where their repairs are told.

    Attributes:
        columns: the tables' own names of parts, such as ``{"user_id": "viewer"}``.
        encoding: of text files.
        note: told of each repair.
        shared: True if `columns` is for several tables, any of which may lack one.
        used: the parts of `columns` that some table has.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    encoding: str | None = None
    note: Note = warn
    shared: bool = False
    used: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        for part in self.columns:
            if part not in OPTION:
                raise DataError(f"columns: {part!r} is not one of {', '.join(OPTION)}.")

    def check_used(self) -> None:
        """Raise `DataError` for a name that no table has."""
        for part, name in self.columns.items():
            if part not in self.used:
                raise DataError(f"no table has a column {name!r} for {part} ({OPTION[part]}).")


def find_columns(
    frame: pd.DataFrame,
    frame_name: str,
    reading: Reading,
    *,
    required: tuple[str, ...],
    optional: tuple[str, ...],
    names: Mapping[str, tuple[str, ...]] = KNOWN_NAMES,
) -> dict[str, str]:
    """Which column of the frame plays which part, by `names` or by the person's own.

    Raises:
        DataError: if a required part or a named column is missing, or one is named twice.
    """
    parts = (*required, *optional)
    columns = list(frame.columns)
    found = _named_columns(columns, frame_name, reading, parts)
    for part in parts:
        if part not in found:
            column = match(columns, names[part], taken=found.values())
            if column is not None:
                found[part] = column
            elif part in required:
                raise DataError(_not_found(columns, frame_name, part, names[part]))
    return {part: found[part] for part in parts if part in found}


def parts_in(
    columns: list[str],
    parts: tuple[str, ...],
    reading: Reading,
    names: Mapping[str, tuple[str, ...]] = KNOWN_NAMES,
) -> set[str]:
    """The columns that may play one of these parts."""
    chosen = {reading.columns.get(part) for part in parts}
    chosen |= {match(columns, names[part]) for part in parts}
    return {column for column in chosen if column in columns}


def match(columns: list[str], known: tuple[str, ...], taken: Iterable[str] = ()) -> str | None:
    """The first column that goes by one of the known names."""
    free = [column for column in columns if column not in set(taken)]
    by_simple_name = {_simple(column): column for column in reversed(free)}
    return next((by_simple_name[_simple(k)] for k in known if _simple(k) in by_simple_name), None)


def listed(columns: list[str], most: int = 12) -> str:
    """Column names for a message."""
    shown = ", ".join(columns[:most])
    return shown if len(columns) <= most else f"{shown} and {len(columns) - most} more"


def _simple(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _named_columns(
    columns: list[str], frame_name: str, reading: Reading, parts: tuple[str, ...]
) -> dict[str, str]:
    """The columns that the person named themselves."""
    found: dict[str, str] = {}
    for part in parts:
        wanted = reading.columns.get(part)
        if wanted is None or (reading.shared and wanted not in columns):
            continue
        if wanted not in columns:
            raise DataError(
                f"{frame_name}: there is no column {wanted!r} ({OPTION[part]});"
                f" it has {listed(columns)}."
            )
        if wanted in found.values():
            raise DataError(
                f"{frame_name}: column {wanted!r} is named for two parts; check {OPTION[part]}."
            )
        found[part] = wanted
        reading.used.add(part)
    return found


def _not_found(columns: list[str], frame_name: str, part: str, known: tuple[str, ...]) -> str:
    if len(columns) == 1:
        return (
            f"{frame_name}: there is one column only, {columns[0]!r}; columns are separated by a"
            " comma, tab, semicolon, | or ::."
        )
    return (
        f"{frame_name}: no column for {part} (looked for {', '.join(known[:4])}, ...); it has"
        f" {listed(columns)}. Name it with {OPTION[part]}, or add a header line if there is none."
    )
