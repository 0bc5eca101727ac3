"""Movies that are close to those in a user's history: item-kNN, and paths of three hops."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

_BLOCK_MOVIES = 256


@dataclass(frozen=True, slots=True, eq=False)
class MovieNeighbors:
    r"""Scores by similarities of movies: of each movie to its nearest neighbors.

    .. math:: s_{ui} = \sum_{j \in H_u \cap N(i)} w_{ji}

    Attributes:
        history: users x movies, by which users are scored.
        similarity: w, movies x movies, sparse; column i holds N(i).
    """

    history: sp.csr_array
    similarity: sp.csr_array

    @staticmethod
    def memory(num_movies: int, num_neighbors: int) -> float:
        """Bytes that it takes at its peak to find them."""
        return num_movies * (32.0 * num_neighbors + 24.0 * _BLOCK_MOVIES)

    @property
    def num_movies(self) -> int:
        return self.similarity.shape[0]

    def score(self, users: np.ndarray) -> Tensor:
        return torch.from_numpy((self.history[users] @ self.similarity).toarray())


def item_knn(matrix: sp.csr_array, num_neighbors: int, shrinkage: float = 0.0) -> MovieNeighbors:
    r"""Movies with the same users: w is the cosine of two columns of `matrix`.

    .. math:: w_{ji} = \frac{|U_i \cap U_j|}{\sqrt{|U_i| |U_j|} + h}

    (Deshpande & Karypis, TOIS 2004; with shrinkage as in Ferrari Dacrema et al., RecSys 2019.)

    Args:
        matrix: users x movies, of ones.
        num_neighbors: of each movie.
        shrinkage: h, which lowers similarities that few users tell of.
    """
    length = np.sqrt(_degree(matrix, axis=0)).astype(np.float32)
    return MovieNeighbors(matrix, _nearest(matrix, matrix, num_neighbors, length, shrinkage))


def rp3beta(
    matrix: sp.csr_array, *, alpha: float, beta: float, num_neighbors: int
) -> MovieNeighbors:
    r"""Movies that a random walk of three hops ends at, popular ones less.

    .. math:: w_{ji} = \frac{1}{d_i^\beta} \sum_{v \in U_i \cap U_j}
              \frac{1}{d_j^\alpha} \frac{1}{d_v^\alpha}

    From the user the walk goes to a movie j of the history, back to another user v and on to movie
    i, where d is a node's number of interactions; alpha 1 are the walk's own probabilities. A movie
    is not its own neighbor. (Paudel et al., RP3beta, ACM TiiS 2017, with each movie's nearest
    neighbors alone, as in Ferrari Dacrema et al., RecSys 2019.)

    Args:
        matrix: users x movies, of ones.
        alpha: exponent of the transition probabilities.
        beta: how much less popular movies count, 0 for not at all.
        num_neighbors: of each movie.
    """
    movie, user = _degree(matrix, axis=0), _degree(matrix, axis=1)
    first = sp.csr_array(matrix @ sp.diags_array(movie**-alpha)).astype(np.float32)
    last = sp.csr_array(sp.diags_array(user**-alpha) @ matrix @ sp.diags_array(movie**-beta))
    return MovieNeighbors(matrix, _nearest(first, last.astype(np.float32), num_neighbors))


def _degree(matrix: sp.csr_array, axis: int) -> np.ndarray:
    """Interactions of each movie (axis 0) or user (axis 1), at least 1, float64."""
    return np.asarray(np.maximum(matrix.sum(axis=axis, dtype=np.float64), 1))


def _nearest(
    first: sp.csr_array,
    last: sp.csr_array,
    num_neighbors: int,
    length: np.ndarray | None = None,
    shrinkage: float = 0.0,
) -> sp.csr_array:
    """The largest of each column of first.T @ last, without its diagonal: sparse [M, M].

    With the columns' lengths, [M], each product is divided by both of its columns' lengths.
    """
    num_movies = last.shape[1]
    keep = min(num_neighbors, num_movies - 1)
    by_movie, blocks = sp.csr_array(last.T), []
    for start in range(0, num_movies, _BLOCK_MOVIES):
        similarity = (by_movie[start : start + _BLOCK_MOVIES] @ first).toarray()
        rows = np.arange(len(similarity))
        if length is not None:
            similarity /= np.outer(length[start : start + len(rows)], length) + np.float32(
                shrinkage
            )
        similarity[rows, rows + start] = 0
        # not NumPy's argpartition, which takes a hundred times as long where most are 0
        values, best = (t.numpy() for t in torch.topk(torch.from_numpy(similarity), keep))
        indices = best.ravel(), np.arange(len(rows) + 1) * keep
        block = sp.csr_array((values.ravel(), *indices), shape=similarity.shape)
        block.eliminate_zeros()
        blocks.append(block)
    return sp.csr_array(sp.vstack(blocks).T)
