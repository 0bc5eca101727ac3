"""Which column of a table is which: the usual names, and those that the user gives."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from graphrec.data.files import Note, warn
from graphrec.errors import Argument, DataError, Message
from graphrec.formatting import shorten

USER, MOVIE, RATING, TIMESTAMP, TITLE = "user_id", "movie_id", "rating", "timestamp", "title"

COLUMN_NAMES: dict[str, tuple[str, ...]] = {
    USER: ("user_id", "user", "uid", "viewer_id", "viewer", "customer_id", "member_id"),
    MOVIE: ("movie_id", "movie", "item_id", "item", "iid", "film_id", "film", "mid", "tconst"),
    RATING: ("rating", "ratings", "stars", "score", "rate"),
    TIMESTAMP: ("timestamp", "time", "ts", "date", "datetime", "rated_at", "watched_at"),
    TITLE: ("title", "movie_title", "film_title", "name", "movie_name", "film_name"),
}
"""Usual names of each column, in any case and punctuation (``userId`` is ``user_id``)."""

NAMES_IN_MOVIES = COLUMN_NAMES | {MOVIE: (*COLUMN_NAMES[MOVIE], "id")}
"""The same for a movies table, where ``id`` can only be the movie's."""

ColumnNames = Mapping[str, str | Sequence[str]]
"""Names by part, such as ``{"user_id": "viewer"}``; several where tables differ, of which each
table's first counts: ``{"movie_id": ["seen", "film_no"]}``."""

_LONGEST = 60  # characters of a column's name in a message
_PUNCTUATION = re.compile(r"[^a-z0-9]")

COLUMN = {
    part: Argument(f"columns={{{part!r}: ...}}", f"--{name}-column")
    for part, name in {
        USER: "user",
        MOVIE: "movie",
        RATING: "rating",
        TIMESTAMP: "timestamp",
        TITLE: "title",
    }.items()
}
"""What names the column of each part."""


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What the user says about the tables, and where notes of repairs go.

    Attributes:
        columns: names of columns that aren't usual, see `ColumnNames`.
        encoding: of text files.
        note: called with one sentence per repair.
        remembered: the names that training was given, for tables of a trained model: other tables
            may have them or the usual ones. None for training's own tables.
        allow_negative: whether ratings may be below 0; where they may not, they are weights, and no
            row is left out for its rating.
        shared: True if `columns` is for several tables, which needn't all have every one.
        used: the names in `columns` that some table has, with their parts.
        found: by table, the column that was taken for each part.
        disliked: the pairs of each ratings table that are left out since they are rated too low.
    """

    columns: ColumnNames = field(default_factory=dict)
    encoding: str | None = None
    note: Note = warn
    shared: bool = False
    remembered: ColumnNames | None = None
    allow_negative: bool = True
    used: set[tuple[str, str]] = field(default_factory=set)
    found: dict[str, dict[str, str]] = field(default_factory=dict)
    disliked: list[pd.DataFrame] = field(default_factory=list)

    def __post_init__(self) -> None:
        for part in self.columns:
            if part not in COLUMN:
                raise DataError(f"columns: {part!r} is not one of {', '.join(COLUMN)}.")
            names = self.columns[part]
            if not all(isinstance(name, str) for name in ([names] if _is_one(names) else names)):
                raise DataError(f"columns: {part!r} is {names!r}; it must be a name, or several.")

    def unused(self) -> tuple[str, str] | None:
        """A part and a name for it that no table has, if there is one."""
        given = ((part, name) for part in self.columns for name in names_of(self.columns, part))
        return next((one for one in given if one not in self.used), None)


def _is_one(names: object) -> bool:
    return isinstance(names, str) or not isinstance(names, Iterable)


def names_of(columns: ColumnNames, part: str) -> tuple[str, ...]:
    """The names that were given for a part, none or several."""
    given = columns.get(part, ())
    return (str(given),) if _is_one(given) else tuple(given)


def find_columns(
    columns: list[str],
    table_name: str,
    options: ReadOptions,
    *,
    required: tuple[str, ...],
    optional: tuple[str, ...],
    names: Mapping[str, tuple[str, ...]] = COLUMN_NAMES,
) -> dict[str, str]:
    """The table's column of each part, by the user's `columns` or else by `names`.

    Raises:
        DataError: if a required part or a named column is missing, one is named twice, or there
            are no columns.
    """
    if not columns:
        raise DataError(f"{table_name}: no column has a name; add a header line.")
    parts, found = (*required, *optional), dict[str, str]()
    for part in parts:
        given = names_of(options.columns, part)
        of_training = names_of(options.remembered or {}, part)
        wanted = next((name for name in (*given, *of_training) if name in columns), None)
        if wanted is not None:
            if wanted in found.values():
                raise DataError(
                    f"{table_name}: column {wanted!r} is named for two parts; check ",
                    COLUMN[part],
                    ".",
                )
            found[part] = wanted
            options.used.add((part, wanted))
        elif given and not options.shared and options.remembered is None:
            raise DataError(
                f"{table_name}: there is no column {_either(given)} (",
                COLUMN[part],
                f"); it has {listed(columns)}.",
            )
    for part in parts:
        free = [column for column in reversed(columns) if column not in found.values()]
        column = usual_column(free, names[part])
        if part not in found and column is not None:
            found[part] = column
        elif part not in found and part in required:
            raise DataError(_not_found(columns, table_name, part, names[part], options))
    if options.remembered is not None:
        for part in options.columns:
            given = names_of(options.columns, part)
            if part in found and found[part] not in given:
                what = f"{table_name}: there is no column {_either(given)} ("
                options.note(Message(what, COLUMN[part], f"), so {found[part]!r} was taken."))
    options.found[table_name] = {part: found[part] for part in parts if part in found}
    return options.found[table_name]


def usual_column(columns: Iterable[str], names: Iterable[str]) -> str | None:
    """The column that has the first of some names that any has; the last of several alike."""
    by_name = {_PUNCTUATION.sub("", column.lower()): column for column in columns}
    usual = (_PUNCTUATION.sub("", name) for name in names)
    return next((by_name[name] for name in usual if name in by_name), None)


def _either(names: Iterable[str]) -> str:
    return " or ".join(map(repr, names))


def listed(columns: list[str], most: int = 12) -> str:
    """Column names for a message, each only so long as a name may be."""
    names = (shorten(" ".join(column.split()), _LONGEST) for column in columns[:most])
    shown = ", ".join(names)
    return shown if len(columns) <= most else f"{shown} and {len(columns) - most} more"


def _not_found(
    columns: list[str], table_name: str, part: str, names: tuple[str, ...], options: ReadOptions
) -> Message:
    if len(columns) == 1:
        return Message(
            f"{table_name}: there is one column only, {listed(columns)!r}; columns are separated by"
            " a comma, tab, semicolon, | or ::."
        )
    what = Message(f"no column for {part} (looked for {', '.join(names[:4])}, ...)")
    do = Message("Name it with ", COLUMN[part])
    if part in options.columns:
        given = _either(names_of(options.columns, part))
        what = Message(f"there is no column {given} (", COLUMN[part], ")")
        do = Message("Correct the name")
    elif options.remembered and part in options.remembered:
        name = _either(names_of(options.remembered, part))
        what = Message(f"there is no column {name}, which training had for {part}")
    has = f"; it has {listed(columns)}. "
    return Message(
        f"{table_name}: ", what, has, do, ", or add a header line if the table has none."
    )
