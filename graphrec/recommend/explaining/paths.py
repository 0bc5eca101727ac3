"""Paths of three edges: from a user to a watched movie, to another user, to the scored movie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

_BLOCK = 100_000  # paths whose products are taken at once: 100 MB of 64 columns


@dataclass(frozen=True, slots=True, eq=False)
class Paths:
    """All paths from one user to one movie, in no order.

    Attributes:
        place: of the watched movie in the user's history, int64 [P].
        user: the other users, int64 [P].
        product: what each pair adds to the inner product of user and movie, float64 [P].
        whole: that inner product.
    """

    place: np.ndarray
    user: np.ndarray
    product: np.ndarray
    whole: float = 0.0

    @classmethod
    def none(cls) -> Paths:
        """No path at all."""
        return cls(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))

    def __len__(self) -> int:
        return len(self.product)


def paths_between(
    known: sp.csr_array,
    history: tuple[np.ndarray, np.ndarray],
    viewers: tuple[np.ndarray, np.ndarray],
    *,
    whole: float,
    without: tuple[int | None, int],
) -> Paths:
    r"""The paths, and what they add.

    With :math:`z_u = o_u + \sum_j a_j` over the watched movies and :math:`z_i = o_i + \sum_v b_v`
    over the movie's viewers, :math:`z_u \cdot z_i` has one term :math:`a_j \cdot b_v` for every
    pair. Where v has watched j it is a path of the graph.

    Args:
        known: the watches that the graph is made of, users x movies.
        history: the watched movies j, [H], and a, [H, D]; movies that `known` doesn't have are on
            no path.
        viewers: the users v who have watched the scored movie, [V], and b, [V, D].
        whole: the inner product of user and movie.
        without: the user and the scored movie themselves, which a path doesn't come back to.
    """
    (movies, by_movie), (users, by_viewer), (user, movie) = history, viewers, without
    in_graph = np.flatnonzero(movies < known.shape[1])
    viewer, found = known[users][:, movies[in_graph]].nonzero()
    place = in_graph[found]
    kept = movies[place] != movie
    if user is not None:
        kept &= users[viewer] != user
    viewer, place = viewer[kept], place[kept]
    product = np.zeros(len(viewer))
    for start in range(0, len(viewer), _BLOCK):
        block = slice(start, start + _BLOCK)
        product[block] = np.einsum("pd,pd->p", by_movie[place[block]], by_viewer[viewer[block]])
    return Paths(place.astype(np.int64), users[viewer], product, whole)
