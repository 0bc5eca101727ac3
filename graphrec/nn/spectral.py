"""A closed-form part of the score: singular vectors of the interaction matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from graphrec.graph import csr_tensor
from graphrec.nn.propagation import spmm
from graphrec.processes import all_sum, evenly, first_s, mean_std, shape_of, sum_rows_

if TYPE_CHECKING:
    import scipy.sparse as sp

MAX_FLOATS = 2**29  # of the vectors, 2 GiB
MANY_FLOATS, FEW_COLUMNS = 50_000_000, 1024
"""Of the vectors of users and movies, and how many columns are made even where that is more: more
columns are better where users and movies are many, and cost time and memory."""
OVERSAMPLES = 64  # with scikit-learn's 10, the last of few vectors are poor ones
ITERATIONS, ITERATIONS_FROM_START = 5, 2
"""Power iterations, from a random start and from vectors of nearly the same matrix. With these,
NDCG is within a thousandth of the exact decomposition's."""
SHRINKAGE = 0.5
"""Exponent of the filter; choosing it on validation gained nothing, see docs/engine.md."""
SMALLEST_REST = 1e-3  # of a movie's column that others leave unexplained
_STD_USERS = 256


def most_columns(dim: int, num_nodes: int) -> int:
    """Singular vectors that are made at most of so many users and movies, if `dim` are allowed."""
    floats = min(max(MANY_FLOATS, FEW_COLUMNS * num_nodes), MAX_FLOATS)
    return min(dim, floats // num_nodes or 1)


@dataclass(frozen=True, slots=True)
class SpectralSettings:
    r"""What it is made with.

    Choosing the exponents on validation gained nothing, see docs/engine.md.

    Attributes:
        dim: K, singular vectors kept; validation chooses it.
        ridge: 0, or n for a ridge regression whose penalty is the square of the n-th singular
            value; validation chooses it.
        user_exponent: alpha; the higher, the less users with many interactions count.
        movie_exponent: beta; the higher, the less movies with many interactions count.
    """

    dim: int
    ridge: int = 0
    user_exponent: float = 0.4
    movie_exponent: float = 0.4


@dataclass(frozen=True, slots=True, eq=False)
class Decomposition:
    """Singular values [K], descending, and right singular vectors [M, K] of one matrix."""

    singular: np.ndarray
    vectors: np.ndarray

    @classmethod
    def fit(
        cls,
        matrix: sp.csr_array,
        settings: SpectralSettings,
        seed: int,
        start: np.ndarray | None = None,
    ) -> Decomposition:
        r"""Decompose :math:`D_u^{-\alpha} R D_i^{-\beta}`, where D are row and column sums.

        Subspace iteration from a random start (Halko, Martinsson & Tropp, SIAM Review 2011), then
        the best vectors within the subspace as a generalised eigenproblem: a third of the time of
        scikit-learn's `randomized_svd`, which also makes the left vectors, see docs/engine.md.

        Args:
            matrix: R, interactions, users x movies.
            settings: K vectors (fewer where the matrix has fewer), alpha and beta.
            seed: of the random start.
            start: right singular vectors of nearly the same matrix, [M, any], if they are at hand:
                fewer iterations do then.
        """
        import scipy.sparse as sp  # slow to load, as is the next
        from scipy.linalg import eigh, lu

        by_user = np.maximum(np.asarray(matrix.sum(axis=1)), 1.0)
        by_movie = np.maximum(all_sum(np.asarray(matrix.sum(axis=0))), 1.0)
        scaled = sp.diags_array(by_user**-settings.user_exponent) @ matrix
        scaled = scaled @ sp.diags_array(by_movie**-settings.movie_exponent)
        users, movies = (_as_torch(sp.csr_array(a, dtype=np.float32)) for a in (scaled, scaled.T))
        shape = shape_of(matrix)
        dim = min(settings.dim, *shape, MAX_FLOATS // sum(shape) or 1)
        size = min(dim + OVERSAMPLES, *shape)
        generator = torch.Generator().manual_seed(seed)
        basis = torch.randn(matrix.shape[1], size, generator=generator)
        if start is not None:
            known = torch.from_numpy(start)[:, :size]
            basis = torch.cat([known, basis[:, known.shape[1] :]], dim=1)
        for _ in range(ITERATIONS if start is None else ITERATIONS_FROM_START):
            basis = sum_rows_(spmm(movies, spmm(users, basis)), 0)
            lower = lu(basis.numpy(), permute_l=True, check_finite=False)[0]
            basis = first_s(torch.from_numpy(np.ascontiguousarray(lower)))
        reached = spmm(users, basis)
        squares = all_sum(reached.T @ reached), basis.T @ basis
        squared, inside = eigh(*(square.double().numpy() for square in squares))
        largest = np.argsort(-squared, kind="stable")[:dim]
        vectors = basis @ torch.from_numpy(inside[:, largest].astype(np.float32))
        vectors *= vectors.gather(0, vectors.abs().argmax(dim=0, keepdim=True)).sign()  # as good
        singular = np.sqrt(np.maximum(squared[largest], 0)).astype(np.float32)
        return cls(first_s(torch.from_numpy(singular)).numpy(), first_s(vectors).numpy())


def _as_torch(matrix: sp.csr_array) -> Tensor:
    pointer, column, value = map(torch.from_numpy, (matrix.indptr, matrix.indices, matrix.data))
    return csr_tensor(pointer, column, value, matrix.shape)


class Spectral(nn.Module):
    r"""Closed-form vectors of movies, and of users as sums over their histories.

    With V the right singular vectors and s their singular values, of which the last is t,

    .. math:: z_i = \frac{d_i^\beta}{h_i} V_i, \qquad
              z_u \propto \sum_{i \in H_u} d_i^{-\beta} V_i f(s)

    and z_u has length 1. The filter f is one of two:

    - :math:`f(s) = (1 - t^2 / s^2)^{1/2}`, the shrinkage of probabilistic PCA, and h = 1. (With
      none of it and alpha = beta = 1/2 it is the ideal low-pass filter of GF-CF, Shen et al.,
      CIKM 2021.)
    - :math:`f(s) = s^2 / (s^2 + \lambda)` and :math:`h_i = 1 - \sum_k V_{ik}^2 f(s_k)`: a ridge
      regression of each movie's column on all others (EASE, Steck, WWW 2019), exact with all
      singular vectors. Division by h is what leaves the movie itself out.

    Scores are scaled so that their standard deviation over a user's movies is 1 on average. A
    user's vector is linear in the history but for its length, so a new user is treated like any
    other.

    Attributes:
        movie: z_i, float32 [M, K].
        history_weight: what turns z_i into a movie's summand of z_u but for `filter`, [M].
        filter: the weight of each vector in users, [K].
    """

    movie: Tensor
    history_weight: Tensor
    filter: Tensor

    def __init__(self, movie: Tensor, history_weight: Tensor, filter: Tensor) -> None:
        super().__init__()
        self.register_buffer("movie", movie)
        self.register_buffer("history_weight", history_weight)
        self.register_buffer("filter", filter)

    @classmethod
    def from_decomposition(
        cls, decomposition: Decomposition, matrix: sp.csr_array, settings: SpectralSettings
    ) -> Spectral:
        """Of the first singular vectors of `matrix`, users x movies, as `settings` say."""
        interactions = all_sum(np.asarray(matrix.sum(axis=0)))
        degree = np.maximum(interactions, 1.0)
        singular = decomposition.singular[: settings.dim]
        vectors = decomposition.vectors[:, : settings.dim]
        root = degree**settings.movie_exponent * (interactions > 0)  # unrated: exactly 0
        rest: np.ndarray | float = 1.0
        if settings.ridge:
            penalty = singular[min(settings.ridge, len(singular)) - 1] ** 2
            kept = singular**2 / np.maximum(singular**2 + penalty, np.finfo(np.float32).tiny)
            rest = np.maximum(1 - np.square(vectors) @ kept, SMALLEST_REST)
        else:
            weakest = singular[-1] / np.maximum(singular, np.finfo(np.float32).tiny)
            kept = np.maximum(1 - weakest**2, 0.0) ** SHRINKAGE
        weight = degree ** (-2 * settings.movie_exponent) * rest
        arrays = (vectors * (root / rest)[:, None], weight, kept)
        part = cls(*(torch.from_numpy(array.astype(np.float32)) for array in arrays))
        some = evenly(np.flatnonzero(np.diff(matrix.indptr)), _STD_USERS)
        scores = part.user_vectors(matrix[some]) @ part.movie.T
        part.movie /= mean_std(scores) or 1.0
        return part

    @classmethod
    def fit(
        cls,
        matrix: sp.csr_array,
        settings: SpectralSettings,
        seed: int,
        start: np.ndarray | None = None,
    ) -> Spectral:
        """Of the singular vectors of `matrix`, users x movies: `Decomposition.fit` makes them."""
        decomposition = Decomposition.fit(matrix, settings, seed, start)
        return cls.from_decomposition(decomposition, matrix, settings)

    @classmethod
    def empty(cls, num_movies: int) -> Spectral:
        """No columns at all; every score is 0."""
        return cls(*(torch.zeros(shape) for shape in ((num_movies, 0), (num_movies,), (0,))))

    @property
    def dim(self) -> int:
        """K."""
        return self.movie.shape[1]

    def user_vectors(self, history: sp.csr_array) -> Tensor:
        """Vectors of the users whose interactions are the rows of `history`, [N, K]."""
        weighted = history.multiply(self.history_weight.numpy()).tocsr().astype(np.float32)
        state = torch.from_numpy(np.asarray(weighted @ self.movie.numpy())) * self.filter
        return functional.normalize(state, dim=1)
