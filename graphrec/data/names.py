"""Which column of a table is which: the usual names, and those that the user gives."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pandas as pd

from graphrec.data.files import Note, warn
from graphrec.errors import DataError

USER, MOVIE, RATING, TIMESTAMP, TITLE = "user_id", "movie_id", "rating", "timestamp", "title"

COLUMN_NAMES: dict[str, tuple[str, ...]] = {
    USER: ("user_id", "user", "uid", "viewer_id", "viewer", "customer_id", "member_id"),
    MOVIE: ("movie_id", "movie", "item_id", "item", "iid", "film_id", "film", "mid"),
    RATING: ("rating", "ratings", "stars", "score", "rate"),
    TIMESTAMP: ("timestamp", "time", "ts", "date", "datetime", "rated_at", "watched_at"),
    TITLE: ("title", "movie_title", "film_title", "name", "movie_name", "film_name"),
}
"""Usual names of each column, in any case and punctuation (``userId`` is ``user_id``)."""

NAMES_IN_MOVIES = COLUMN_NAMES | {MOVIE: (*COLUMN_NAMES[MOVIE], "id")}
"""The same for a movies table, where ``id`` can only be the movie's."""

_PUNCTUATION = re.compile(r"[^a-z0-9]")

OPTION = {
    USER: "--user-column",
    MOVIE: "--movie-column",
    RATING: "--rating-column",
    TIMESTAMP: "--timestamp-column",
    TITLE: "--title-column",
}


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What the user says about the tables, and where notes of repairs go.

    Attributes:
        columns: names of columns that aren't usual, such as ``{"user_id": "viewer"}``.
        encoding: of text files.
        note: called with one sentence per repair.
        shared: True if `columns` is for several tables, which needn't all have every one.
        used: the keys of `columns` that some table has.
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
    options: ReadOptions,
    *,
    required: tuple[str, ...],
    optional: tuple[str, ...],
    names: Mapping[str, tuple[str, ...]] = COLUMN_NAMES,
) -> dict[str, str]:
    """The frame's column of each part, by the user's `columns` or else by `names`.

    Raises:
        DataError: if a required part or a named column is missing, or one is named twice.
    """
    columns, found = list(frame.columns), dict[str, str]()
    for part in (*required, *optional):
        wanted = options.columns.get(part)
        if wanted in columns:
            if wanted in found.values():
                raise DataError(
                    f"{frame_name}: column {wanted!r} is given twice; check {OPTION[part]}."
                )
            found[part] = str(wanted)
            options.used.add(part)
        elif wanted is not None and not options.shared:
            raise DataError(
                f"{frame_name}: there is no column {wanted!r} ({OPTION[part]});"
                f" it has {listed(columns)}."
            )
    for part in (*required, *optional):
        column = match(columns, names[part], taken=found.values())
        if part not in found and column is not None:
            found[part] = column
        elif part not in found and part in required:
            raise DataError(_not_found(columns, frame_name, part, names[part]))
    return {part: found[part] for part in (*required, *optional) if part in found}


def parts_in(
    columns: list[str],
    parts: tuple[str, ...],
    options: ReadOptions,
    names: Mapping[str, tuple[str, ...]] = COLUMN_NAMES,
) -> set[str]:
    """The columns that may be one of these parts."""
    chosen = {options.columns.get(part) for part in parts}
    chosen |= {match(columns, names[part]) for part in parts}
    return {column for column in chosen if column in columns}


def match(columns: list[str], names: tuple[str, ...], taken: Iterable[str] = ()) -> str | None:
    """The column of the first of the names that some column has, in any case and punctuation."""
    by_name: dict[str, str] = {}
    for column in columns:
        if column not in set(taken):
            by_name.setdefault(_PUNCTUATION.sub("", column.lower()), column)
    wanted = (_PUNCTUATION.sub("", name) for name in names)
    return next((by_name[name] for name in wanted if name in by_name), None)


def listed(columns: list[str], most: int = 12) -> str:
    """Column names for a message."""
    shown = ", ".join(columns[:most])
    return shown if len(columns) <= most else f"{shown} and {len(columns) - most} more"


def _not_found(columns: list[str], frame_name: str, part: str, names: tuple[str, ...]) -> str:
    if len(columns) == 1:
        return (
            f"{frame_name}: there is one column only, {columns[0]!r}; columns are separated by a"
            " comma, tab, semicolon, | or ::."
        )
    return (
        f"{frame_name}: no column for {part} (looked for {', '.join(names[:4])}, ...); it has"
        f" {listed(columns)}. Name it with {OPTION[part]}, or add a header line if there is none."
    )
