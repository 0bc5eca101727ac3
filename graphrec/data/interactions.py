"""Interactions of users and movies, the edges of the graph, as frozen integer arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from graphrec.data.ids import IdMap

if TYPE_CHECKING:
    import scipy.sparse as sp


RATED_LOW = 0.5
"""Of an interaction whose rating is below the user's mean, see docs/similar.md."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Interactions:
    """User-movie pairs, one row each, no pair twice.

    Attributes:
        users: ids of all users, U of them.
        movies: ids of all movies, M of them, with interactions or without.
        user: internal user of each row, int32, shape [E].
        movie: internal movie of each row, int32, shape [E].
        rating: float32, shape [E], NaN where missing; None if there are none.
        timestamp: seconds since 1970, int64, shape [E]; None if there are none.
    """

    users: IdMap
    movies: IdMap
    user: np.ndarray
    movie: np.ndarray
    rating: np.ndarray | None = None
    timestamp: np.ndarray | None = None

    def __post_init__(self) -> None:
        for array in (self.user, self.movie, self.rating, self.timestamp):
            if array is not None:
                array.setflags(write=False)

    def __len__(self) -> int:
        return len(self.user)

    def __repr__(self) -> str:
        size = f"{len(self):,} of {self.num_users:,} users and {self.num_movies:,} movies"
        columns = {"rating": self.rating, "timestamp": self.timestamp}
        present = [name for name, values in columns.items() if values is not None]
        return f"Interactions({size}{', with ' * bool(present)}{' and '.join(present)})"

    @property
    def num_users(self) -> int:
        return len(self.users)

    @property
    def num_movies(self) -> int:
        return len(self.movies)

    @property
    def density(self) -> float:
        """Fraction of all user-movie pairs that are here, 0 to 1."""
        return len(self) / max(1, self.num_users * self.num_movies)

    def only(self, rows: np.ndarray) -> Interactions:
        """The interactions of some rows; all users and movies stay."""
        rating = None if self.rating is None else self.rating[rows]
        timestamp = None if self.timestamp is None else self.timestamp[rows]
        edges = self.user[rows], self.movie[rows], rating, timestamp
        return Interactions(self.users, self.movies, *edges)

    def users_of(self, movie: int) -> np.ndarray:
        """Users of a movie, int64 [V], sorted; none if it isn't among the movies."""
        return np.sort(self.user[self.movie == movie]).astype(np.int64)

    def to_csr(
        self, rows: np.ndarray | None = None, *, num_movies: int | None = None
    ) -> sp.csr_array:
        """The users x movies matrix of ones over `rows` (all by default), indices sorted.

        Where `num_movies` exceeds the number of movies, the columns beyond are empty.
        """
        import scipy.sparse as sp  # slow to load, and `users_of` does without

        user = self.user if rows is None else self.user[rows]
        movie = self.movie if rows is None else self.movie[rows]
        ones = np.ones(len(user), dtype=np.float32)
        shape = (self.num_users, num_movies or self.num_movies)
        matrix = sp.csr_array((ones, (user, movie)), shape=shape)
        matrix.sort_indices()
        return matrix

    def to_liked_csr(self, rows: np.ndarray | None = None) -> sp.csr_array:
        """The same with `RATED_LOW` for what is rated below the user's mean rating.

        Where there are no ratings these are ones.
        """
        matrix = self.to_csr(rows)
        if self.rating is None:
            return matrix
        user, movie, rating = (
            own if rows is None else own[rows] for own in (self.user, self.movie, self.rating)
        )
        given = ~np.isnan(rating)
        total = np.bincount(user[given], rating[given], self.num_users)
        mean = total / np.maximum(np.bincount(user[given], minlength=self.num_users), 1)
        low = rating < mean[user]
        order = np.lexsort((movie, user))
        matrix.data[low[order]] = RATED_LOW
        return matrix

    def movie_degree(self, rows: np.ndarray | None = None) -> np.ndarray:
        """Interactions per movie over `rows` (all by default), int64, shape [M]."""
        movie = self.movie if rows is None else self.movie[rows]
        return np.bincount(movie, minlength=self.num_movies)

    def user_degree(self, rows: np.ndarray | None = None) -> np.ndarray:
        """Interactions per user over `rows` (all by default), int64, shape [U]."""
        user = self.user if rows is None else self.user[rows]
        return np.bincount(user, minlength=self.num_users)
