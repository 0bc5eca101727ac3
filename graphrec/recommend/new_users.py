"""Histories of users who came after training, read from tables and checked against the model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from graphrec.data.databases import Query
from graphrec.data.files import JSON_SUFFIXES, PARQUET_SUFFIXES, TEXT_SUFFIXES, Note
from graphrec.data.frames import is_frame
from graphrec.data.names import ColumnNames, ReadOptions
from graphrec.data.places import is_address, without_secrets
from graphrec.data.ratings import RatingKind, find_scale, without_dislikes
from graphrec.data.tables import MOVIE, RATING, USER, as_known_ids, ratings_of
from graphrec.errors import ConfigError, DataError
from graphrec.formatting import counted
from graphrec.recommend.lists import Audience, several
from graphrec.recommend.lookup import find_several

if TYPE_CHECKING:
    import scipy.sparse as sp

_SUFFIXES = {*TEXT_SUFFIXES, *JSON_SUFFIXES, *PARQUET_SUFFIXES, ".gz", ".zip"}


def new_users(
    history: Any,
    ratings: Any,
    movies: pd.DataFrame,
    train_ratings: np.ndarray | None,
    *,
    find: Callable[[Any], int],
    columns: ColumnNames,
    remembered: ColumnNames | None = None,
    strict: bool,
    note: Note,
) -> Audience:
    """New users by what they have rated.

    Args:
        history: titles or ids that one user has rated, or a table of many users' as for
            `read_histories`.
        ratings: one for each title or id, or None.
        movies: those of the model.
        train_ratings: of the training, see `rating_weights`.
        find: the internal row of a title or id.
        columns: names of the table's columns that aren't usual.
        remembered: the same, as training was given them; the table needn't have them.
        strict: whether a movie that isn't known is an error; else it is left out.
        note: called with what could not be used.

    Raises:
        ConfigError: if ratings come with a table, or aren't one for each movie.
        DataError: if a rating or the table can't be used, or no movie is known.
    """
    if not is_table(history):
        named, given = several(history), None if ratings is None else several(ratings)
        if given is not None and len(given) != len(named):
            raise ConfigError(
                f"there are {len(given)} ratings for {counted(len(named), 'movie')} of the"
                " history; give one rating for each."
            )
        rows = find_several(named, find, strict=strict, note=note)
        kept = None if given is None else [given[place] for place in rows]
        found = np.array(list(rows.values()), dtype=np.int64)
        return one_history(found, kept, train_ratings, len(movies))
    if ratings is not None:
        raise ConfigError("ratings of a table of histories must be a column of that table.")
    options = ReadOptions(columns, note=note, remembered=remembered or {}, allow_negative=False)
    return read_histories(history, movies, train_ratings, options, strict=strict)


def is_table(history: Any) -> bool:
    """Whether a history is a frame of any library, or the path of a file; else it is titles or ids.

    A text is a path if it ends as tables do and there is such a file, or it is an address.
    """
    if isinstance(history, str):
        is_file = Path(history).suffix.lower() in _SUFFIXES and Path(history).exists()
        return is_file or is_address(history)
    return isinstance(history, (Path, Query)) or is_frame(history)


def read_histories(
    source: Any,
    movies: pd.DataFrame,
    train_ratings: np.ndarray | None,
    options: ReadOptions,
    *,
    strict: bool,
) -> Audience:
    """What new users have rated.

    An interaction has weight 1 or, where the table has ratings, its rating divided by the highest
    in training. One without a rating has the mean weight of those with one.

    Args:
        source: path or data frame, as for `graphrec.read_ratings`.
        movies: those of the model.
        train_ratings: of the training, see `rating_weights`.
        options: of the table; its note is called with the number of movies that the model doesn't
            have.
        strict: whether a movie that the model doesn't have is an error; else it is left out.

    Raises:
        DataError: if no movie is known, or one isn't and `strict`, or a rating is negative.
    """
    name = "the histories"
    if isinstance(source, (str, Path)):
        is_path = not is_address(str(source))
        name = Path(source).name if is_path else without_secrets(str(source))
    note = options.note
    table = ratings_of(source, options)
    table[MOVIE] = as_known_ids(table[MOVIE], movies[MOVIE])
    known = table[MOVIE].isin(movies[MOVIE])
    if not known.any():
        raise DataError(f"{name}: none of its movies is in the model.")
    if strict and not known.all():
        unknown = table.loc[~known, MOVIE]
        raise DataError(
            f"{name}: movies that are not in the model: {unknown.nunique():,}, such as"
            f" {unknown.tolist()[0]!r}."
        )
    if not known.all():
        lost = table[USER].nunique() - table.loc[known, USER].nunique()
        also = f", and {counted(lost, 'user')} without any other" if lost else ""
        note(
            f"{name}: interactions with movies that the model doesn't have, left out:"
            f" {(~known).sum():,}{also}."
        )
    table = table[known]
    users, ids = pd.factorize(table[USER])
    rows = pd.Index(movies[MOVIE]).get_indexer(table[MOVIE])
    weights = np.full(len(table), np.nan)
    if RATING in table:
        rated = table[RATING].notna().to_numpy()
        if rated.any():
            weights[rated] = rating_weights(table[RATING].to_numpy()[rated], train_ratings)
        if not rated.all():
            how = "as the mean of the others" if rated.any() else "fully"
            note(f"{name}: rows without a rating, counted {how}: {(~rated).sum():,}.")
    weights = with_mean_weight(weights)
    history = history_matrix(users, rows, weights, (len(ids), len(movies)))
    return Audience(pd.Series(list(ids), dtype=object).infer_objects().to_numpy(), history)


def one_history(
    movies: np.ndarray, ratings: list[Any] | None, train_ratings: np.ndarray | None, num_movies: int
) -> Audience:
    """One new user without an id.

    Args:
        movies: internal rows of what they have rated.
        ratings: one for each of them, or None.
        train_ratings: of the training, see `rating_weights`.
        num_movies: M.

    Raises:
        ConfigError: if there is no movie.
    """
    if not len(movies):
        raise ConfigError("a history needs at least one movie.")
    weights = np.ones(len(movies))
    if ratings is not None:
        weights = rating_weights(ratings, train_ratings)
    history = history_matrix(np.zeros_like(movies), movies, weights, (1, num_movies))
    return Audience(None, history)


def rating_weights(ratings: ArrayLike, train_ratings: np.ndarray | None) -> np.ndarray:
    """Weights of interactions: the rating divided by the highest in training, at most 1.

    Of likes and dislikes (1 and -1) the latter weigh nothing.

    Where training had counts, every rating of 1 or more has weight 1.

    Raises:
        DataError: if a rating is negative or not a number, or all are 0.
    """
    try:
        ratings = np.asarray(ratings, dtype=float)
    except (TypeError, ValueError):
        ratings = np.array([np.nan])
    ratings = without_dislikes(ratings)
    if not np.isfinite(ratings).all() or (ratings < 0).any():
        raise DataError("ratings must be numbers from 0 up.")
    highest = highest_rating(train_ratings) or float(ratings.max(initial=0))
    if highest <= 0 or not ratings.any():
        raise DataError("all ratings are 0; a history needs at least one above 0.")
    return np.minimum(ratings / highest, 1.0)


def with_mean_weight(weights: np.ndarray) -> np.ndarray:
    """Weights of interactions, NaN without a rating: these get the mean of the others, or 1.

    >>> with_mean_weight(np.array([0.5, np.nan, 1.0])).tolist()
    [0.5, 0.75, 1.0]
    """
    rated = ~np.isnan(weights)
    return np.where(rated, weights, weights[rated].mean() if rated.any() else 1.0)


def highest_rating(train_ratings: np.ndarray | None) -> float:
    """What ratings are divided by to be weights: the highest in training, 1 of counts; 0 of none.

    Args:
        train_ratings: NaN where a row has none.
    """
    scale = None if train_ratings is None else find_scale(train_ratings)
    if scale is None or scale.kind is RatingKind.NONE:
        return 0.0
    return 1.0 if scale.kind is RatingKind.COUNTS else max(scale.high, 0.0)


def history_matrix(
    users: np.ndarray, movies: np.ndarray, weights: np.ndarray, shape: tuple[int, int]
) -> sp.csr_array:
    """Interactions as a matrix; of a movie that is named twice the last weight counts."""
    import scipy.sparse as sp  # slow to load

    keys = np.asarray(users, np.int64) * shape[1] + np.asarray(movies, np.int64)
    distinct, index = np.unique(keys[::-1], return_index=True)
    where = np.divmod(distinct, shape[1])
    values = np.asarray(weights, np.float32)[::-1][index]
    return sp.csr_array((values, where), shape=shape)
