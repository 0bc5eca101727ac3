"""The ratings table and the movies table: columns found by name, rows checked and counted."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from graphrec.data.cells import as_known_ids, as_ratings, as_seconds, like_ids, with_ids
from graphrec.data.files import Note, read_frame, warn
from graphrec.data.layouts import imdb
from graphrec.data.layouts.known import shape_of
from graphrec.data.names import (
    COLUMN,
    MOVIE,
    NAMES_IN_MOVIES,
    RATING,
    TIMESTAMP,
    TITLE,
    USER,
    ColumnNames,
    ReadOptions,
    find_columns,
    listed,
)
from graphrec.data.ratings import AUTO, find_scale
from graphrec.errors import ConfigError, DataError, Message, argument

__all__ = [
    "MOVIE",
    "RATING",
    "TIMESTAMP",
    "TITLE",
    "USER",
    "as_known_ids",
    "join_details",
    "like_ids",
    "read_movies",
    "read_ratings",
]


_RATING_NAME = re.compile(
    r"rat(?:e|ed|ing|ings)(?![a-z])|score|stars?(?![a-z])|grade|vote|^(?:dis)?like[sd]?$"
    r"|^labels?$|^values?$|^opinion|^preference|^feedback|^plays?$|_ratio$",
    re.IGNORECASE,
)
_MOST_STEPS = 101  # of a scale of ratings: 0 to 100


def read_ratings(
    source: Any,
    *,
    columns: ColumnNames | None = None,
    min_rating: float | str | None = None,
    encoding: str | None = None,
    note: Note = warn,
) -> pd.DataFrame:
    """Read the interactions, with ratings and times if there are any.

    Args:
        source: path (CSV, TSV, ``::``-separated ``.dat``, Parquet; gzip too) or any data frame.
        columns: names of columns that aren't usual, e.g. ``{"user_id": "viewer"}``.
        min_rating: drop rows rated lower than this, and rows without a rating; ``"auto"`` finds the
            lowest rating that says that a user liked a movie. By default every row is an
            interaction, but for 0 in a column of 0 and 1 or of counts, and dislikes below 0.
        encoding: of a text file; UTF-8 by default, Latin-1 where that fails.
        note: called with one sentence per repair; warns with `GraphrecWarning` by default.

    Returns:
        Columns ``user_id``, ``movie_id`` and, where the table has them, ``rating`` (float32) and
        ``timestamp`` (int64, seconds since 1970). One row per pair: the latest of duplicates.

    Raises:
        DataError: naming the file, column and first row that can't be used.

    >>> read_ratings(pd.DataFrame({"userId": [7, 7], "movieId": [1, 2]}))
       user_id  movie_id
    0        7         1
    1        7         2
    """
    return ratings_of(source, ReadOptions(columns or {}, encoding, note), min_rating)


def read_movies(
    source: Any,
    *,
    columns: ColumnNames | None = None,
    encoding: str | None = None,
    note: Note = warn,
) -> pd.DataFrame:
    """Read the movies' metadata: an id, a title if there is one, and any other columns.

    Args:
        source: path or data frame, as for `read_ratings`.
        columns: names of columns that aren't usual, e.g. ``{"movie_id": "code"}``.
        encoding: of a text file.
        note: called with one sentence per repair.

    Returns:
        ``movie_id`` first, then ``title`` where there is one, then the metadata columns unchanged.

    Raises:
        DataError: if no column holds the movie's id.
    """
    return movies_of(source, ReadOptions(columns or {}, encoding, note))


def ratings_of(
    source: Any, options: ReadOptions, min_rating: float | str | None = None
) -> pd.DataFrame:
    """`read_ratings` with its options in one object."""
    note = options.note
    find = partial(
        find_columns, options=options, required=(USER, MOVIE), optional=(RATING, TIMESTAMP)
    )
    frame, name = read_frame(
        source,
        called="the ratings table",
        as_written=lambda *header: [find(*header)[key] for key in (USER, MOVIE)],
        positions=(USER, MOVIE, RATING, TIMESTAMP),
        encoding=options.encoding,
        note=note,
    )
    found = find(list(frame.columns), name)
    if RATING not in found:
        _note_possible_ratings(frame.drop(columns=list(found.values())), name, options)
    table = pd.DataFrame({key: frame[column] for key, column in found.items()}, copy=False)
    del frame  # of many ratings only what is needed is kept in memory
    for key in (USER, MOVIE):
        table = with_ids(table, name, key, found[key], note)
    if RATING in table:
        table[RATING] = as_ratings(
            table[RATING], name, found[RATING], allow_negative=options.allow_negative
        )
    if TIMESTAMP in table:
        seconds = as_seconds(table.pop(TIMESTAMP), name, found[TIMESTAMP], note)
        table = table if seconds is None else table.assign(**{TIMESTAMP: seconds})
    if _has_repeated_pairs(table):
        repeated = table.duplicated([USER, MOVIE])
        note(f"{name}: rows that repeat a user-movie pair, latest kept: {repeated.sum():,}.")
        if TIMESTAMP in table:
            table = table.sort_values(TIMESTAMP, kind="stable")
        table = table.drop_duplicates([USER, MOVIE], keep="last").sort_index()
    if options.allow_negative or min_rating is not None:  # else ratings are weights
        is_one = _are_interactions(table, name, found.get(RATING), min_rating, note)
        if not is_one.all():
            low = table[~is_one & table[RATING].notna()]
            no_rating = find_scale(table[RATING].to_numpy()).zero_is_none & (low[RATING] == 0)
            options.disliked.append(low.loc[~no_rating, [USER, MOVIE]])
            table = table[is_one]
    return table.reset_index(drop=True)


def _has_repeated_pairs(table: pd.DataFrame) -> bool:
    """Whether a user has a movie twice; a third of the time that `duplicated` takes."""
    (users, _), (movies, distinct) = (pd.factorize(table[key]) for key in (USER, MOVIE))
    pairs = users.astype(np.int64) * len(distinct) + movies
    pairs.sort()
    return bool((pairs[1:] == pairs[:-1]).any())


def movies_of(
    source: Any,
    options: ReadOptions,
    wanted: Callable[[], Collection[str]] | None = None,
    together: Iterable[Any] = (),
) -> pd.DataFrame:
    """`read_movies` with its options in one object.

    Args:
        source: path or data frame.
        options: of the tables.
        wanted: gives keys of movies (`graphrec.data.links.id_keys`); of IMDb's tables, which are
            large, only those are read. All by default.
        together: the tables that are read for the same movies.
    """
    if imdb.is_table(source):
        return imdb.read_titles(Path(source), wanted and wanted(), options.note, together)
    find = partial(
        find_columns,
        options=options,
        required=(MOVIE,),
        optional=(TITLE,),
        names=NAMES_IN_MOVIES,
    )
    frame, name = read_frame(
        source,
        called="the movies table",
        as_written=lambda header, name: header if shape_of(header) else find(header, name).values(),
        positions=(MOVIE, TITLE, "genres"),
        encoding=options.encoding,
        note=options.note,
    )
    if (shape := shape_of(frame.columns)) is not None:
        frame = shape.tidy(frame, name, options.note)
    found = find(list(frame.columns), name)
    table = _with_metadata(frame, name, found, options.note)
    table = with_ids(table, name, MOVIE, found[MOVIE], options.note)
    if TITLE in table:
        table = table.assign(**{TITLE: _as_titles(table[TITLE])})
    repeated = table[MOVIE].duplicated()
    if repeated.any():
        options.note(f"{name}: rows that repeat a movie id, first kept: {repeated.sum():,}.")
    return table[~repeated].reset_index(drop=True)


def join_details(
    movies: pd.DataFrame, details: pd.DataFrame, *, name: str = "details", note: Note = warn
) -> pd.DataFrame:
    """Add the columns of another metadata table, matched by movie id.

    Movies without a row there have missing values; rows of movies that `movies` lacks are counted
    and left out. Of a column that both tables have, that of `movies` is kept.

    Raises:
        DataError: if the two tables share no movie.
    """
    details = details.assign(**{MOVIE: like_ids(details[MOVIE], movies[MOVIE])})
    movies = movies.assign(**{MOVIE: like_ids(movies[MOVIE], details[MOVIE])})
    shared = [column for column in details.columns if column in movies.columns and column != MOVIE]
    if shared:
        note(f"{name}: columns that the tables before it have already, left out: {listed(shared)}.")
        details = details.drop(columns=shared)
    unknown = ~details[MOVIE].isin(movies[MOVIE])
    if unknown.all():
        raise DataError(
            f"{name}: none of its movie ids (such as {details[MOVIE].iloc[0]}) is in the"
            f" movies table (such as {movies[MOVIE].iloc[0]}); check ",
            COLUMN[MOVIE],
            ", or map one kind of id to the other with ",
            argument("links"),
            ".",
        )
    if unknown.any():
        note(f"{name}: rows of movies that no other table has, left out: {unknown.sum():,}.")
    return movies.merge(details, on=MOVIE, how="left")


def _with_metadata(
    frame: pd.DataFrame, name: str, found: Mapping[str, str], note: Note
) -> pd.DataFrame:
    """The found columns under their usual names, then the rest."""
    rest = [column for column in frame.columns if column not in found.values()]
    hidden = [column for column in rest if column in found]
    for column in hidden:
        note(f"{name}: column {column!r} was left out, since {found[column]!r} is the {column}.")
    parts = pd.DataFrame({key: frame[column] for key, column in found.items()})
    return pd.concat([parts, frame[[c for c in rest if c not in hidden]]], axis=1)


def _note_possible_ratings(rest: pd.DataFrame, name: str, options: ReadOptions) -> None:
    """Say which columns that are left out may hold the ratings, by their name or their values."""
    possible = [
        column
        for column in rest.columns
        if _RATING_NAME.search(column) or _is_scale(rest[column].dropna())
    ]
    if possible:
        what = f"{name}: columns not recognised as ratings, left out: {listed(possible)}"
        do = "; if one of them holds ratings, name it with "
        otherwise = "; else every row is an interaction" if options.allow_negative else ""
        options.note(Message(what, do, COLUMN[RATING], f"{otherwise}."))


def _is_scale(values: pd.Series[Any]) -> bool:
    """Whether values may be ratings: a few numbers or yes and no, each of them several times."""
    is_number = values.dtype.kind in "iufb"
    return is_number and 2 <= values.nunique() <= min(_MOST_STEPS, len(values) / 3)


def _as_titles(titles: pd.Series[Any]) -> pd.Series[Any]:
    """Text, missing where there is none."""
    texts = titles.astype(object).map(str).str.strip()
    return texts.where(titles.notna().to_numpy() & (texts != "").to_numpy(), None)


def _are_interactions(
    table: pd.DataFrame, name: str, column: str | None, min_rating: float | str | None, note: Note
) -> pd.Series[Any]:
    """Which rows are interactions, by their ratings; says which are left out, and why."""
    every = pd.Series(True, index=table.index)
    if min_rating is not None and not isinstance(min_rating, (int, float)) and min_rating != AUTO:
        raise ConfigError(
            argument("min_rating"), f" is {min_rating!r}; it must be a number or auto."
        )
    if column is None:
        if min_rating is None:
            return every
        raise DataError(
            f"{name}: ",
            argument("min_rating"),
            " needs a rating column, and none was found; name it with ",
            COLUMN[RATING],
            ".",
        )
    scale = find_scale(table[RATING].to_numpy())
    what = f"{name}: column {column!r} holds {scale}"
    if min_rating == AUTO:
        least = "all above 0 count" if scale.above_zero else "all count as interactions"
        note(f"{what}; {least if scale.liked is None else f'{scale.liked:g} and more count'}.")
        min_rating = scale.liked
    if min_rating is not None:
        return _are_high(table, name, float(min_rating), note)
    is_interaction = table[RATING].isna() | (table[RATING] > 0)
    if not scale.above_zero or is_interaction.all():
        return every
    low = "0" if scale.low == 0 else "0 and less"
    left_out = f"{(~is_interaction).sum():,} of {len(table):,}"
    keeping = argument("min_rating", int(np.floor(scale.low)))
    note(
        Message(
            f"{what}; rows of {low} are no interactions, left out: {left_out} (",
            keeping,
            " keeps them).",
        )
    )
    return is_interaction


def _are_high(table: pd.DataFrame, name: str, min_rating: float, note: Note) -> pd.Series[Any]:
    high = table[RATING] >= min_rating
    if not high.any():
        raise DataError(
            f"{name}: no row is rated {min_rating:g} or more; lower ", argument("min_rating"), "."
        )
    if not high.all():
        note(
            f"{name}: rows not rated {min_rating:g} or more, left out: {(~high).sum():,} of"
            f" {len(table):,}."
        )
    return high
