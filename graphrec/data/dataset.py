"""Ratings and movies joined by integer rows, with a note of each repair."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from graphrec.data.files import Note, warn
from graphrec.data.ids import IdMap
from graphrec.data.interactions import Interactions
from graphrec.data.links import check_met
from graphrec.data.names import ColumnNames, names_of
from graphrec.data.tables import MOVIE, RATING, TIMESTAMP, TITLE, USER, like_ids
from graphrec.errors import DataError


def no_pairs() -> np.ndarray:
    """No internal users and movies, int32 [2, 0]."""
    return np.zeros((2, 0), dtype=np.int32)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Dataset:
    """The tables as training takes them.

    Attributes:
        name: as the user gave it.
        interactions: all of them, those of the test part too.
        movies: one row per internal movie, in that order: ``movie_id``, ``title``, metadata.
        has_titles: False if the titles were generated from the ids.
        given_test: rows of `interactions` that are the data set's own test part, or None.
        notes: one sentence per repair.
        simulated: True if the users are not real people.
        columns: names of columns that the user gave, see `graphrec.read_ratings`; tables of new
            users and new movies may have them too.
        taken: by table, the column that was taken for each part, such as ``user_id``.
        disliked: internal users and movies that the tables rate too low for an interaction, int32
            [2, N]; the movie isn't recommended to the user.
    """

    name: str
    interactions: Interactions
    movies: pd.DataFrame
    has_titles: bool
    given_test: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    simulated: bool = False
    columns: ColumnNames = field(default_factory=dict)
    taken: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    disliked: np.ndarray = field(default_factory=no_pairs)

    def __repr__(self) -> str:
        edges = self.interactions
        return (
            f"Dataset({self.name!r}: {len(edges):,} interactions of {edges.num_users:,} users and"
            f" {edges.num_movies:,} movies, {self.metadata.shape[1]} metadata columns)"
        )

    @property
    def metadata(self) -> pd.DataFrame:
        """The movies table without the id: what features are made from."""
        return self.movies.drop(columns=[MOVIE] if self.has_titles else [MOVIE, TITLE])

    def fingerprint(self) -> str:
        """Twelve characters that change with the interactions or the movies table."""
        digest, own = hashlib.sha256(), self.interactions
        for array in (own.user, own.movie, own.rating, own.timestamp):
            digest.update(b"" if array is None else array.tobytes())
        table = self.movies.astype(str)
        digest.update(pd.util.hash_pandas_object(table, index=False).to_numpy().tobytes())
        digest.update("|".join(map(str, table.columns)).encode())
        return digest.hexdigest()[:12]

    def metadata_names(self, names: Iterable[str]) -> tuple[str, ...]:
        """Metadata columns by their names here; the title column may go by its name in the table.

        >>> import dataclasses
        >>> dataset = make_dataset(pd.DataFrame({"user_id": [7, 8], "movie_id": [1, 2]}))
        >>> named = dataclasses.replace(dataset, columns={"title": "called"})
        >>> named.metadata_names(["called", "genres"])
        ('title', 'genres')
        """
        own = names_of(self.columns, TITLE)
        return tuple(TITLE if name in own else name for name in names)


def make_dataset(
    ratings: pd.DataFrame,
    movies: pd.DataFrame | None = None,
    *,
    test: pd.DataFrame | None = None,
    name: str = "tables",
    disliked: pd.DataFrame | None = None,
    allow_unmatched: bool = False,
    note: Note = warn,
) -> Dataset:
    """Join tables as `read_ratings` and `read_movies` return them.

    Rated movies that the movies table lacks are kept, with missing metadata; movies without ratings
    are kept without interactions. Both are counted in a note.

    Args:
        ratings: ``user_id``, ``movie_id`` and perhaps ``rating``, ``timestamp``.
        movies: ``movie_id`` and perhaps ``title`` and metadata.
        test: the data set's own test part, like `ratings`.
        name: for messages and reports.
        disliked: ``user_id`` and ``movie_id`` of ratings that are too low for an interaction.
        allow_unmatched: also join tables of which less than half of the rated movies meet.
        note: called with one sentence per repair.

    Raises:
        DataError: if there is one user or one movie only, or if less than half of the rated movies
            are in the movies table.
    """
    everything, given_test = (ratings, None) if test is None else _with_test(ratings, test, note)
    if movies is not None:
        everything, movies = _align(everything, movies, note, allow_unmatched)
    users, user = IdMap.factorize(everything[USER], "user")
    rated = everything[MOVIE]
    both = rated if movies is None else pd.concat([rated, movies[MOVIE]])
    movie_ids, movie = IdMap.factorize(both, "movie")
    for noun, count in (("user", len(users)), ("movie", len(movie_ids))):
        if count < 2:
            raise DataError(f"{name}: there is one {noun} only; a graph needs at least two.")
    table = pd.DataFrame({MOVIE: movie_ids.ids})
    if movies is not None:
        table = movies.set_index(MOVIE).reindex(movie_ids.index).rename_axis(MOVIE).reset_index()
    titles = titles_of_ids(table[MOVIE])
    if has_titles := TITLE in table:
        titles = table[TITLE].where(table[TITLE].notna(), titles)
    rest = table.drop(columns=[MOVIE, TITLE], errors="ignore")
    table = pd.concat([table[[MOVIE]], titles.astype(str).rename(TITLE), rest], axis=1)
    rating, timestamp = (everything.get(column) for column in (RATING, TIMESTAMP))
    interactions = Interactions(
        users,
        movie_ids,
        user=user.astype(np.int32),
        movie=movie[: len(rated)].astype(np.int32),
        rating=None if rating is None else rating.to_numpy(np.float32, copy=True),
        timestamp=None if timestamp is None else timestamp.to_numpy(np.int64, copy=True),
    )
    pairs = no_pairs() if disliked is None else _internal(disliked, everything, interactions)
    return Dataset(name, interactions, table, has_titles, given_test, disliked=pairs)


def _internal(
    pairs: pd.DataFrame, everything: pd.DataFrame, interactions: Interactions
) -> np.ndarray:
    """Those of some pairs whose user and movie are known, as rows, int32 [2, N]."""
    known = ((USER, interactions.users), (MOVIE, interactions.movies))
    rows = [
        ids.index.get_indexer(pd.Index(like_ids(pairs[key], everything[key]))) for key, ids in known
    ]
    found = np.array(rows, dtype=np.int32)
    return np.ascontiguousarray(found[:, (found >= 0).all(axis=0)])


def titles_of_ids(ids: pd.Series[Any]) -> pd.Series[Any]:
    """What movies without a title are called, such as ``movie 720``."""
    return "movie " + ids.astype(str)


def _with_test(
    train: pd.DataFrame, test: pd.DataFrame, note: Note
) -> tuple[pd.DataFrame, np.ndarray]:
    """Both parts in one table, no pair twice, and the rows of the test part."""
    for key in (USER, MOVIE):
        test = test.assign(**{key: like_ids(test[key], train[key])})
        train = train.assign(**{key: like_ids(train[key], test[key])})
    shared = [
        column for column in train.columns if column in test.columns
    ]  # times that half the rows lack are no use
    both = pd.concat([train[shared], test[shared]], ignore_index=True)
    seen = both.duplicated([USER, MOVIE]).to_numpy()[len(train) :]
    if seen.all():
        raise DataError("the test part holds no pair that is not in the training part.")
    if seen.any():
        note(f"pairs of the test part that training has too, left out of the test: {seen.sum():,}.")
        both = both[np.append(np.ones(len(train), dtype=bool), ~seen)].reset_index(drop=True)
    return both, np.arange(len(train), len(both))


def _align(
    ratings: pd.DataFrame, movies: pd.DataFrame, note: Note, allow_unmatched: bool
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Bring both tables' movie ids to one type and count who is missing where."""
    ratings = ratings.assign(**{MOVIE: like_ids(ratings[MOVIE], movies[MOVIE])})
    movies = movies.assign(**{MOVIE: like_ids(movies[MOVIE], ratings[MOVIE])})
    rated, ids = ratings[MOVIE].drop_duplicates(), movies[MOVIE]
    check_met(rated, ids, "the movies table", note=note, allow_unmatched=allow_unmatched)
    unrated = ~ids.isin(rated)
    if unrated.any():
        note(f"movies without ratings, kept and ranked by metadata alone: {unrated.sum():,}.")
    return ratings, movies
