"""EASE: the shallow autoencoder in closed form."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
import torch
from scipy.linalg import lapack
from torch import Tensor

from graphrec.errors import ConfigError

_BLOCK_ROWS = 1_024


@dataclass(frozen=True, slots=True, eq=False)
class EASE:
    r"""A ridge regression of each movie on all others.

    .. math:: S = H B, \qquad B_{ij} = -\frac{P_{ij}}{P_{jj}} \; (i \ne j), \qquad B_{jj} = 0,
              \qquad P = (R^\top R + \Lambda)^{-1}

    B minimises :math:`\|R - R B\|^2 + \|\Lambda^{1/2} B\|^2` among matrices with a diagonal of
    zeros. A movie without interactions has no weights and scores 0. EASE has the same penalty for
    all movies (Steck, WWW 2019, eq. 8); with dropout, a popular movie has a larger one, as if each
    interaction had been left out of the inputs at random (EDLAE: Steck, NeurIPS 2020):

    .. math:: \Lambda = \lambda I + \frac{p}{1 - p} \mathrm{diag}(R^\top R)

    Where there are fewer users than movies, the smaller
    :math:`K = (I + R \Lambda^{-1} R^\top)^{-1}` is inverted instead:

    .. math:: P = \Lambda^{-1} - \Lambda^{-1} R^\top K R \Lambda^{-1}, \qquad
              R P = K R \Lambda^{-1}

    Attributes:
        history: H, users x movies, by which users are scored.
        matrix: R, users x movies, what it was fitted to.
        penalty: the diagonal of Lambda, float32 [M].
        inverse: K, float32 [U, U], or P, [M, M], whichever is smaller.
        diagonal: of P, float32 [M].
    """

    history: sp.csr_array
    matrix: sp.csr_array
    penalty: np.ndarray
    inverse: np.ndarray
    diagonal: np.ndarray

    @classmethod
    def fit(cls, matrix: sp.csr_array, l2: float, dropout: float = 0.0) -> EASE:
        """Solve for the weights. It takes `memory` bytes.

        Args:
            matrix: R, users x movies, of ones.
            l2: lambda.
            dropout: p, at least 0 and below 1.

        Raises:
            ConfigError: if `l2` is not above 0, or too small for the matrix to be inverted.
        """
        if not l2 > 0:  # the matrix may then have no inverse, and rounding would hide it
            raise ConfigError(f"EASE can't be solved with an L2 of {l2}; it must be above 0.")
        degree = np.asarray(matrix.sum(axis=0), dtype=np.float32)
        penalty = np.float32(l2) + np.float32(dropout / (1 - dropout)) * degree
        if matrix.shape[0] >= matrix.shape[1]:
            inverse = _inverse_gram(matrix, penalty)
            return cls(matrix, matrix, penalty, inverse, inverse.diagonal().copy())
        scaled = sp.csr_array((matrix @ sp.diags_array(penalty**-0.5)).T)
        inverse = _inverse_gram(scaled, np.ones(matrix.shape[0], np.float32))
        explained = np.zeros(matrix.shape[1], dtype=np.float32)
        for start in range(0, len(inverse), _BLOCK_ROWS):
            rows = slice(start, start + _BLOCK_ROWS)
            explained += matrix[rows].multiply(inverse[rows] @ matrix).sum(axis=0)
        return cls(matrix, matrix, penalty, inverse, (1 - explained / penalty) / penalty)

    @staticmethod
    def memory(num_users: int, num_movies: int) -> float:
        """Bytes that `fit` takes at its peak."""
        smaller = min(num_users, num_movies)
        return 4.0 * smaller * smaller + 12.0 * _BLOCK_ROWS * max(num_users, num_movies)

    @property
    def num_movies(self) -> int:
        return len(self.diagonal)

    @property
    def weights(self) -> np.ndarray:
        """B, float32 [M, M]: as large as the movies' square."""
        one_each = sp.eye_array(self.num_movies, dtype=np.float32, format="csr")
        return replace(self, history=one_each).score(np.arange(self.num_movies)).numpy()

    def score(self, users: np.ndarray) -> Tensor:
        own = self.history[users]
        scores = self._times_inverse(users, own)
        scores /= -self.diagonal
        rows, movies = own.nonzero()
        scores[rows, movies] += 1
        return torch.from_numpy(scores)

    def _times_inverse(self, users: np.ndarray, own: sp.csr_array) -> np.ndarray:
        """H P of some users, float32 [B, M]; `own` are their rows of H."""
        if len(self.inverse) == self.num_movies:
            return np.asarray(own @ self.inverse)
        if self.history is self.matrix:
            return np.asarray((self.inverse[users] @ self.matrix) / self.penalty)
        scaled = own @ sp.diags_array(1 / self.penalty)
        explained = (scaled @ self.matrix.T) @ self.inverse @ self.matrix
        return np.asarray((own.toarray() - explained) / self.penalty)


def _inverse_gram(matrix: sp.csr_array, penalty: np.ndarray) -> np.ndarray:
    """(A^T A + diag(penalty))^-1 of a sparse A [N, M]: float32 [M, M], and no other such matrix."""
    size = matrix.shape[1]
    gram, by_column = np.empty((size, size), np.float32, order="F"), sp.csr_array(matrix.T)
    for start in range(0, size, _BLOCK_ROWS):  # as a sparse matrix, all of it may take more
        rows = slice(start, start + _BLOCK_ROWS)
        gram[:, rows] = (by_column[rows] @ matrix).toarray().T
    gram[np.diag_indices(size)] += penalty
    factor, not_definite = lapack.spotrf(gram, overwrite_a=True)
    if not_definite:
        raise ConfigError(f"EASE can't be solved with an L2 of {penalty.min()}; it must be larger.")
    inverse, _ = lapack.spotri(factor, overwrite_c=True)  # its upper triangle, zeros below
    for start in range(0, size, _BLOCK_ROWS):
        rows = slice(start, start + _BLOCK_ROWS)
        corner = inverse[rows, rows]
        corner += np.triu(corner, 1).T
        inverse[start + _BLOCK_ROWS :, rows] = inverse[rows, start + _BLOCK_ROWS :].T
    return np.asarray(inverse.T)  # symmetric: the same, with contiguous rows
