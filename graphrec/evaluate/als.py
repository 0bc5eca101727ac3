"""Matrix factorisation by alternating least squares."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor
from torch.nn import functional

_BLOCK_FLOATS = 1_000_000
"""Floats of one batch: 4 MB, which stay in the cache."""
_PADDING = 1.15
"""The longest row of a batch is at most so many times as long as the shortest."""


@dataclass(frozen=True, slots=True, eq=False)
class ALS:
    r"""Factors of the interactions, in which every pair without one is a weak 0.

    .. math:: \min \sum_{ui} c_{ui} (r_{ui} - x_u \cdot y_i)^2 + \lambda \Big(
              \sum_u \|x_u\|^2 + \sum_i \|y_i\|^2\Big), \quad c_{ui} = \alpha
              \text{ for an interaction, else } 1

    With the movies' factors fixed, each user's are a ridge regression, and the other way round; the
    two are solved in turn. Users and movies without interactions have the zero vector. (Hu, Koren &
    Volinsky, ICDM 2008, eq. 3 and 4, but for alpha, which is 1 + their alpha.)

    Attributes:
        history: users x movies, by which users are scored.
        movie: y, float32 [M, D].
        regularization: lambda.
        alpha: the weight of an interaction.
    """

    history: sp.csr_array
    movie: Tensor
    regularization: float
    alpha: float

    @classmethod
    def fit(
        cls,
        matrix: sp.csr_array,
        *,
        factors: int,
        regularization: float,
        alpha: float,
        iterations: int,
        seed: int,
    ) -> ALS:
        """Solve for users and movies in turn, `iterations` times."""
        generator = torch.Generator().manual_seed(seed)
        movie = 0.01 * torch.rand(matrix.shape[1], factors, generator=generator)
        by_movie = sp.csr_array(matrix.T)
        for _ in range(iterations):
            user = weighted_ridge(matrix, movie, regularization, alpha)
            movie = weighted_ridge(by_movie, user, regularization, alpha)
        return cls(matrix, movie, regularization, alpha)

    @staticmethod
    def memory(num_users: int, num_movies: int, factors: int) -> float:
        """Bytes that `fit` takes at its peak."""
        return 4.0 * (6 * (num_users + num_movies) * factors + 8 * _BLOCK_FLOATS)

    @property
    def num_movies(self) -> int:
        return len(self.movie)

    @property
    def user(self) -> Tensor:
        """x of every user of the history, float32 [U, D]."""
        return weighted_ridge(self.history, self.movie, self.regularization, self.alpha)

    def score(self, users: np.ndarray) -> Tensor:
        return replace(self, history=self.history[users]).user @ self.movie.T


def weighted_ridge(
    matrix: sp.csr_array, table: Tensor, regularization: float, alpha: float
) -> Tensor:
    r"""A ridge regression of each row of zeros and ones on the rows y of a table.

    .. math:: x_u = A_u^{-1} \alpha \sum_{i \in H_u} y_i, \qquad
              A_u = Y^\top Y + \lambda I + (\alpha - 1) Y_u^\top Y_u

    where Y_u are the d rows of u's ones. If these are fewer than columns, a d x d system is solved
    instead, with :math:`A_0 = Y^\top Y + \lambda I` (Woodbury):

    .. math:: x_u = \alpha A_0^{-1} Y_u^\top (I + (\alpha - 1) Y_u A_0^{-1} Y_u^\top)^{-1} 1

    Args:
        matrix: of zeros and ones, [N, M].
        table: Y, float32 [M, D].
        regularization: lambda.
        alpha: the weight of a one; a zero weighs 1.

    Returns:
        x, float32 [N, D]; zeros for a row without ones.
    """
    dim = table.shape[1]
    shared = table.T @ table + regularization * torch.eye(dim)
    padded = torch.cat([table, torch.zeros(1, dim)])  # so that rows of one batch are equally long
    solved = padded @ torch.linalg.inv(shared)
    starts, degree = matrix.indptr[:-1], np.diff(matrix.indptr)
    indices = np.append(matrix.indices, len(table))
    result = torch.zeros(len(degree), dim)
    for rows in _similar_degree(degree, dim):
        slots = np.arange(degree[rows].max())
        places = np.where(slots < degree[rows, None], starts[rows, None] + slots, -1)
        which = torch.from_numpy(indices[places].astype(np.int64))
        own = functional.embedding(which, padded)
        if len(slots) <= dim:
            other = functional.embedding(which, solved)
            ones = torch.ones(len(rows), len(slots), 1)
            small = torch.eye(len(slots)) + (alpha - 1) * (own @ other.mT)
            result[rows] = alpha * (other * _solve(small, ones)).sum(dim=1)
        else:
            normal = shared + (alpha - 1) * (own.mT @ own)
            result[rows] = alpha * _solve(normal, own.sum(dim=1)[..., None])[..., 0]
    return result


def _solve(matrices: Tensor, right: Tensor) -> Tensor:
    """A^-1 b of symmetric positive definite matrices [B, N, N] and columns [B, N, 1]."""
    return torch.cholesky_solve(right, torch.linalg.cholesky(matrices))


def _similar_degree(degree: np.ndarray, dim: int) -> Iterator[np.ndarray]:
    """Batches of rows that have ones, of about as many, as long as they fit into the cache."""
    order = np.argsort(degree, kind="stable")
    order = order[np.searchsorted(degree[order], 1) :]
    sizes = degree[order]
    start = 0
    while start < len(order):
        end = int(np.searchsorted(sizes, _PADDING * sizes[start], side="right"))
        floats = int(sizes[end - 1]) * dim
        end = min(end, start + max(1, _BLOCK_FLOATS // floats))
        yield order[start:end]
        start = end
