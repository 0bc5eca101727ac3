"""Which columns of tables with unknown names hold what, by their values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_float_dtype, is_numeric_dtype

from graphrec.data.cells import like_ids
from graphrec.data.links import FEW
from graphrec.data.names import (
    COLUMN_NAMES,
    MOVIE,
    NAMES_IN_MOVIES,
    RATING,
    TIMESTAMP,
    TITLE,
    USER,
    usual_column,
)

MOST_SCALE = 20
"""Distinct numbers that a rating may have."""
MOST_WORDS = 15
"""Words that a title has on average; a plot has more."""


def guess_columns(ratings: pd.DataFrame, movies: pd.DataFrame | None) -> dict[str, tuple[str, ...]]:
    """Columns of the parts that none has a usual name for; none where values don't tell either.

    The movie is the column of the ratings whose values are found in a column of the movies table
    that has no value twice; the user is the other column of ids; the title is the short text that
    differs from movie to movie.

    Args:
        ratings, movies: as they are read; no movies table is None.

    Returns:
        Names of columns by part, such as ``{"movie_id": ("seen", "film_no")}``; two for the movie
        if the tables have different ones.
    """
    named = _usual(ratings, COLUMN_NAMES)
    found, movie = dict[str, tuple[str, ...]](), named.get(MOVIE)
    if movies is not None:
        named_there = _usual(movies, NAMES_IN_MOVIES)
        movie, key = _movie_and_key(ratings, movies, named, named_there)
        if movie is None or key is None:
            return {}
        unusual = [movie] if movie != named.get(MOVIE) else []
        unusual += [key] if key not in (named_there.get(MOVIE), *unusual) else []
        if movie in movies:  # the table takes the first of the names that it has
            unusual.reverse()
        if unusual:
            found[MOVIE] = tuple(unusual)
        if TITLE not in named_there and (title := guess_title(movies.drop(columns=key))):
            found[TITLE] = (title,)
    if USER not in named and movie is not None:
        taken = {movie, *(named[part] for part in (RATING, TIMESTAMP) if part in named)}
        ids = [name for name in ratings if name not in taken and _is_ids(ratings[name])]
        if ids:
            found[USER] = (str(max(ids, key=lambda name: ratings[name].nunique())),)
    return found


def _usual(table: pd.DataFrame, names: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """The columns that have a usual name, by part."""
    found = {part: usual_column(table.columns[::-1].map(str), own) for part, own in names.items()}
    return {part: name for part, name in found.items() if name is not None}


def _movie_and_key(
    ratings: pd.DataFrame, movies: pd.DataFrame, named: dict[str, str], there: dict[str, str]
) -> tuple[str | None, str | None]:
    """The two columns that meet best, of those that could be ids of movies."""
    keys = [there[MOVIE]] if MOVIE in there else [n for n in movies if movies[n].is_unique]
    others = [n for n in ratings if n not in named.values() and _is_ids(ratings[n])]
    best: tuple[float, str | None, str | None] = FEW, None, None
    for name in [named[MOVIE]] if MOVIE in named else others:
        rated = pd.Series(ratings[name].dropna().unique())
        for key in keys:
            met = float(rated.isin(like_ids(movies[key], rated)).mean())
            if met > best[0]:
                best = met, str(name), str(key)
    return best[1:]


def _is_ids(values: pd.Series[Any]) -> bool:
    """Whether they repeat, and are no scale and no measurements."""
    distinct = values.nunique()
    is_scale = is_numeric_dtype(values) and distinct <= MOST_SCALE
    return 1 < distinct <= 0.7 * len(values) and not is_scale and not is_float_dtype(values)


def guess_title(movies: pd.DataFrame) -> str | None:
    """The column whose values could be titles: the text of few words that differs most."""
    best, found = 0.8, None
    for name in movies:
        values = movies[name].dropna()
        if is_numeric_dtype(values) or not len(values) or not np.isscalar(values.iloc[0]):
            continue
        text = values.astype(str)
        is_title = text.str.contains(r"[^\W\d_]{2}").mean() > 0.9
        is_title &= not text.str.contains("://|^[a-z]{2}[0-9]+$").mean() > 0.1
        is_title &= bool(text.str.count(" ").mean() < MOST_WORDS)
        if is_title and (distinct := text.nunique() / len(text)) > best:
            best, found = distinct, str(name)
    return found
