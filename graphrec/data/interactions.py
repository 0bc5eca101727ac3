"""Who watched what: the edges of the graph as frozen integer arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from graphrec.data.ids import IdMap


@dataclass(frozen=True, slots=True, eq=False)
class Interactions:
    """User-movie edges, one row per watch, no pair twice.

    Attributes:
        users: ids of all users, U of them.
        movies: ids of all movies, M of them, watched or not.
        user: internal user of each edge, int32, shape [E].
        movie: internal movie of each edge, int32, shape [E].
        rating: of each edge, float32, shape [E], NaN where not known; None if there are none.
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

    @property
    def num_users(self) -> int:
        return len(self.users)

    @property
    def num_movies(self) -> int:
        return len(self.movies)

    @property
    def density(self) -> float:
        """Share of all user-movie pairs that are edges, 0 to 1."""
        return len(self) / max(1, self.num_users * self.num_movies)

    def to_csr(self, rows: np.ndarray | None = None) -> sp.csr_array:
        """The users x movies matrix of ones over `rows` (all by default), indices sorted."""
        user = self.user if rows is None else self.user[rows]
        movie = self.movie if rows is None else self.movie[rows]
        ones = np.ones(len(user), dtype=np.float32)
        matrix = sp.csr_array((ones, (user, movie)), shape=(self.num_users, self.num_movies))
        matrix.sort_indices()
        return matrix

    def movie_degree(self, rows: np.ndarray | None = None) -> np.ndarray:
        """Watches per movie over `rows` (all by default), int64, shape [M]."""
        movie = self.movie if rows is None else self.movie[rows]
        return np.bincount(movie, minlength=self.num_movies)

    def user_degree(self, rows: np.ndarray | None = None) -> np.ndarray:
        """Watches per user over `rows` (all by default), int64, shape [U]."""
        user = self.user if rows is None else self.user[rows]
        return np.bincount(user, minlength=self.num_users)
