"""Paths of three edges: a user, a movie of their history, another user, the scored movie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

_BLOCK = 100_000  # paths whose products are taken at once: 100 MB of 64 columns


@dataclass(frozen=True, slots=True, eq=False)
class Paths:
    """All paths from one user to one movie, in no order.

    Attributes:
        index: of the movie in the user's history, int64 [P].
        user: the other users, int64 [P].
        product: what each pair adds to the inner product of user and movie, float64 [P].
    """

    index: np.ndarray
    user: np.ndarray
    product: np.ndarray

    @classmethod
    def none(cls) -> Paths:
        """No path at all."""
        return cls(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))

    def __len__(self) -> int:
        return len(self.product)


def paths_between(
    known: sp.csr_array,
    history: tuple[np.ndarray, np.ndarray],
    users: tuple[np.ndarray, np.ndarray],
    *,
    without: tuple[int | None, int],
) -> Paths:
    r"""The paths, and what they add.

    With :math:`z_u = o_u + \sum_j a_j` over the history and :math:`z_i = o_i + \sum_v b_v`
    over the movie's users, :math:`z_u \cdot z_i` has one term :math:`a_j \cdot b_v` for every
    pair. Where v has rated j as well, it is a path of the graph.

    Args:
        known: the interactions that the graph is made of, users x movies.
        history: the movies j, [H], and a, [H, D]; movies that `known` doesn't have are on no path.
        users: the users v of the scored movie, [V], and b, [V, D].
        without: the user and the scored movie themselves, which a path doesn't come back to.
    """
    (movies, by_movie), (others, by_other), (user, movie) = history, users, without
    in_graph = np.flatnonzero(movies < known.shape[1])
    other, found = known[others][:, movies[in_graph]].nonzero()
    index = in_graph[found]
    kept = movies[index] != movie
    if user is not None:
        kept &= others[other] != user
    other, index = other[kept], index[kept]
    product = np.zeros(len(other))
    for start in range(0, len(other), _BLOCK):
        block = slice(start, start + _BLOCK)
        product[block] = np.einsum("pd,pd->p", by_movie[index[block]], by_other[other[block]])
    return Paths(index.astype(np.int64), others[other], product)
