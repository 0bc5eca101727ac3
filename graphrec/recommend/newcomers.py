"""Movies and users that came after training, read from tables and checked against the model."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from graphrec.choices import Layers
from graphrec.data.files import Note
from graphrec.data.tables import MOVIE, RATING, TITLE, USER, like_ids, read_movies, read_ratings
from graphrec.errors import ConfigError, DataError
from graphrec.features.matrix import FeatureEncoder
from graphrec.features.new_movies import check_new_metadata
from graphrec.model.embeddings import Embeddings
from graphrec.model.folding import fold_in, power_of
from graphrec.recommend.lists import Audience, several

if TYPE_CHECKING:
    import scipy.sparse as sp

_CALLED = "the new movies"


def read_new_movies(
    source: Any, movies: pd.DataFrame, encoder: FeatureEncoder, *, has_titles: bool, note: Note
) -> pd.DataFrame:
    """Movies that the model doesn't have yet, in the shape of those it has.

    Args:
        source: path (a table as for `graphrec.read_movies`, or JSON: one movie as an object or
            several as a list of them) or data frame.
        movies: those of the model.
        encoder: as training fitted it.
        has_titles: whether the model's movies have titles; if so, new ones need theirs.
        note: told of what could not be used.

    Returns:
        ``movie_id``, ``title`` and metadata, one row per new movie.

    Raises:
        DataError: if a movie has no title, an id that is taken, or a cell of another type than
            training saw in that column.
    """
    is_path = isinstance(source, (str, Path))
    name = Path(source).name if is_path else _CALLED
    if is_path and Path(source).suffix.lower() == ".json":
        source = _from_json(Path(source), movies)
    table = read_movies(source, note=note)
    table[MOVIE] = like_ids(table[MOVIE], movies[MOVIE])
    if movies[MOVIE].dtype.kind in "iu" and table[MOVIE].dtype.kind not in "iu":
        raise DataError(
            f"{name}: ids of the model's movies are whole numbers, and {table[MOVIE].iloc[0]!r} is"
            " none; give new ones whole numbers too."
        )
    taken = table[MOVIE].isin(movies[MOVIE])
    if taken.any():
        movie_id = table.loc[taken, MOVIE].iloc[0]
        title = movies.loc[movies[MOVIE] == movie_id, TITLE].iloc[0]
        raise DataError(
            f"{name}: the model has a movie of id {movie_id} already, {title};"
            " give the new one another id, or leave it out."
        )
    if TITLE not in table:
        table.insert(1, TITLE, None)
    untitled = table[TITLE].isna().to_numpy()
    if has_titles and untitled.any():
        raise DataError(
            f"{name}: the movie of id {table[MOVIE].to_numpy()[untitled][0]} has no title; every"
            " new movie needs one."
        )
    table[TITLE] = table[TITLE].where(~untitled, table[MOVIE].map(str))
    check_new_metadata(encoder, table.drop(columns=MOVIE), name, note)
    return table


def _from_json(path: Path, movies: pd.DataFrame) -> pd.DataFrame:
    """One movie or several as a table; one alone needs no id."""
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise DataError(f"{path}: the file can't be read: {error.strerror or error}.") from error
    except ValueError as error:
        raise DataError(f"{path} is not JSON: {error}.") from error
    records = value if isinstance(value, list) else [value]
    if not records or not all(isinstance(record, dict) for record in records):
        raise DataError(f'{path} must hold one movie, such as {{"title": "..."}}, or a list.')
    try:
        json.dumps(records, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise DataError(f"{path} holds half a letter (a lone surrogate); mend its text.") from None
    table = pd.DataFrame(records)
    if not {"movie_id", "movieId", "id"} & set(table.columns):
        if len(table) > 1:
            raise DataError(f"{path} holds {len(table)} movies; each needs an id, as 'movie_id'.")
        table.insert(0, MOVIE, [_free_id(movies[MOVIE])])
    return table


def _free_id(ids: pd.Series[Any]) -> Any:
    """An id that no movie has."""
    return int(ids.max()) + 1 if ids.dtype.kind in "iu" else "new"


@dataclass(frozen=True, slots=True, eq=False)
class Newcomers:
    """Users who came after training.

    Attributes:
        ids: one per user.
        history: weight of each watch, users x movies.
    """

    ids: list[Any]
    history: sp.csr_array

    def embedded(self, embeddings: Embeddings, layers: Layers) -> Audience:
        """With their embeddings, see `graphrec.model.folding`."""
        power = power_of(layers)
        return Audience(
            pd.Series(self.ids, dtype=object).infer_objects().to_numpy() if self.ids else None,
            fold_in(self.history, embeddings.fold_in, power),
            fold_in(self.history, embeddings.fold_in_metadata, power),
            self.history,
        )


def newcomers(
    history: Any,
    ratings: Any,
    movies: pd.DataFrame,
    known_ratings: np.ndarray | None,
    *,
    find: Callable[[Any], int],
    note: Note,
) -> Newcomers:
    """New users by what they have watched.

    Args:
        history: titles or ids that one user has watched, or a table of many users' as for
            `read_histories`.
        ratings: one for each title or id, or None.
        movies: those of the model.
        known_ratings: of the training, see `weigh`.
        find: the internal row of a title or id.
        note: told of what could not be used of a table.

    Raises:
        ConfigError: if ratings come with a table, or aren't one for each movie.
        DataError: if a rating or the table can't be used.
    """
    if not isinstance(history, (pd.DataFrame, Path)):
        rows = np.array([find(movie) for movie in several(history)], dtype=np.int64)
        given = None if ratings is None else several(ratings)
        return one_history(rows, given, known_ratings, len(movies))
    if ratings is not None:
        raise ConfigError("a table of histories has its ratings in a column.")
    return read_histories(history, movies, known_ratings, note)


def read_histories(
    source: Any, movies: pd.DataFrame, known_ratings: np.ndarray | None, note: Note
) -> Newcomers:
    """What new users have watched.

    A watch counts 1; where the table has ratings, as much as the rating is of the highest.

    Args:
        source: path or data frame, as for `graphrec.read_ratings`.
        movies: those of the model.
        known_ratings: of the training, see `weigh`.
        note: told of movies that the model doesn't have, and of users who have watched no other.

    Raises:
        DataError: if no movie is known, or a rating is negative.
    """
    name = Path(source).name if isinstance(source, (str, Path)) else "the histories"
    table = read_ratings(source, note=note)
    table[MOVIE] = like_ids(table[MOVIE], movies[MOVIE])
    known = table[MOVIE].isin(movies[MOVIE])
    if not known.any():
        raise DataError(f"{name}: none of its movies is in the model.")
    if not known.all():
        lost = table[USER].nunique() - table.loc[known, USER].nunique()
        also = f", and with them {lost:,} users who have no other" if lost else ""
        note(
            f"{name}: {(~known).sum():,} watches are of movies that the model doesn't have; left"
            f" out{also}."
        )
    table = table[known]
    users, ids = pd.factorize(table[USER])
    rows = pd.Index(movies[MOVIE]).get_indexer(table[MOVIE])
    weights = (
        weigh(table[RATING].to_numpy(), known_ratings) if RATING in table else np.ones(len(table))
    )
    return Newcomers(list(ids), history_of(users, rows, weights, (len(ids), len(movies))))


def one_history(
    movies: np.ndarray, ratings: list[Any] | None, known_ratings: np.ndarray | None, num_movies: int
) -> Newcomers:
    """One new user without an id.

    Args:
        movies: internal rows of what they have watched.
        ratings: one for each of them, or None.
        known_ratings: of the training, see `weigh`.
        num_movies: M.

    Raises:
        ConfigError: if there is no movie, or not one rating for each.
    """
    if not len(movies):
        raise ConfigError("a history needs at least one movie.")
    weights = np.ones(len(movies))
    if ratings is not None:
        if len(ratings) != len(movies):
            raise ConfigError(
                f"there are {len(ratings)} ratings for {len(movies)} movies of the history."
            )
        weights = weigh(ratings, known_ratings)
    return Newcomers([], history_of(np.zeros_like(movies), movies, weights, (1, num_movies)))


def weigh(ratings: ArrayLike, known_ratings: np.ndarray | None) -> np.ndarray:
    """What watches count by their ratings: their share of the highest known one, 1 at most.

    Raises:
        DataError: if a rating is negative or not a number, or all are 0.
    """
    try:
        ratings = np.asarray(ratings, dtype=float)
    except (TypeError, ValueError):
        ratings = np.array([np.nan])
    if not np.isfinite(ratings).all() or (ratings < 0).any():
        raise DataError("ratings must be numbers from 0 up.")
    highest = 0.0 if known_ratings is None else float(np.nanmax(known_ratings, initial=0))
    highest = highest or float(ratings.max(initial=0))
    if highest <= 0 or not ratings.any():
        raise DataError("all ratings are 0; a history needs one above.")
    return np.minimum(ratings / highest, 1.0)


def history_of(
    users: np.ndarray, movies: np.ndarray, weights: np.ndarray, shape: tuple[int, int]
) -> sp.csr_array:
    """Watches as a matrix; of a movie that is named twice the last weight counts."""
    import scipy.sparse as sp  # slow to load

    keys = np.asarray(users, np.int64) * shape[1] + np.asarray(movies, np.int64)
    distinct, place = np.unique(keys[::-1], return_index=True)
    where = np.divmod(distinct, shape[1])
    values = np.asarray(weights, np.float32)[::-1][place]
    return sp.csr_array((values, where), shape=shape)
