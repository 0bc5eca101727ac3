"""A part of the embeddings that needs no training: singular vectors of the watches."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from graphrec.model.kinship import Kinship

if TYPE_CHECKING:
    import scipy.sparse as sp

MAX_FLOATS = 2**29  # of the vectors, 2 GiB
OVERSAMPLES = 64  # with the usual 10, the last of few vectors are poor ones
_SPREAD_USERS = 256
SHRINKAGE = 0.5
"""Exponent of the filter: weak singular vectors count less, as in probabilistic PCA. Choosing it on
validation from 0, 1/2 and 1 gained nothing on any of seven data sets: docs/engine.md."""


def most_columns(wanted: int, num_users: int, num_movies: int) -> int:
    """So many columns, or as many as there are and memory is meant to hold."""
    return min(wanted, num_users, num_movies, MAX_FLOATS // (num_users + num_movies) or 1)


@dataclass(frozen=True, slots=True)
class SpectralSettings:
    r"""What validation chooses about the spectral part.

    Attributes:
        dim: singular vectors kept.
        user_exponent: alpha; how far busy users are held down in the decomposition.
        movie_exponent: beta; how far popular movies are.
    """

    dim: int
    user_exponent: float = 0.4
    movie_exponent: float = 0.4


@dataclass(frozen=True, slots=True, eq=False)
class Decomposition:
    """Singular values [K], descending, and right singular vectors [M, K] of one matrix."""

    singular: np.ndarray
    vectors: np.ndarray

    @classmethod
    def fit(
        cls, watched: sp.csr_array, settings: SpectralSettings, seed: int, *, iterations: int = 4
    ) -> Decomposition:
        r"""Decompose :math:`D_u^{-\alpha} R D_i^{-\beta}`, the watches with busy rows held down.

        (Randomised SVD: Halko, Martinsson & Tropp, SIAM Review 2011.)

        Args:
            watched: R, users x movies.
            settings: K vectors (fewer where the matrix has fewer), alpha and beta.
            seed: of the random start.
            iterations: power iterations; 4 come within a thousandth of the exact one's quality.
        """
        import scipy.sparse as sp  # slow to load, as is the next, and asking needs neither
        from sklearn.utils.extmath import randomized_svd

        by_user, by_movie = (np.maximum(np.asarray(watched.sum(axis=a)), 1.0) for a in (1, 0))
        scaled = sp.diags_array(by_user**-settings.user_exponent) @ watched
        scaled = scaled @ sp.diags_array(by_movie**-settings.movie_exponent)
        dim = most_columns(settings.dim, *watched.shape)
        _, singular, vectors = randomized_svd(
            sp.csr_array(scaled, dtype=np.float32),
            dim,
            n_oversamples=OVERSAMPLES,
            n_iter=iterations,
            random_state=seed,
        )
        return cls(singular, np.ascontiguousarray(vectors.T))


@dataclass(frozen=True, slots=True, eq=False)
class SpectralPart:
    r"""Closed-form embeddings of movies, and of users as sums over their watches.

    With V the right singular vectors and s their singular values, of which the last is t,

    .. math:: z_i = d_i^\beta V_i, \qquad
              z_u \propto \sum_{i \in H_u} d_i^{-\beta} V_i \left(1 - t^2 / s^2\right)^{1/2}

    and z_u has length 1. The last factor is the shrinkage of probabilistic PCA; without it and with
    alpha = beta = 1/2 it is the ideal low-pass filter of GF-CF (Shen et al., CIKM 2021). Scores are
    scaled so that their standard deviation over a user's movies is 1 on average. A user is linear
    in their history but for the length, so a new user is treated like a known one.

    Attributes:
        movie: z_i, float32 [M, K].
        watch_weight: what turns z_i into a watch's share of z_u but for `filter`, float32 [M].
        filter: the weight of each vector in users, float32 [K].
    """

    movie: np.ndarray
    watch_weight: np.ndarray
    filter: np.ndarray

    @classmethod
    def of(
        cls, decomposition: Decomposition, watched: sp.csr_array, settings: SpectralSettings
    ) -> SpectralPart:
        """The part that the decomposition of `watched` makes by `settings`."""
        watches = np.asarray(watched.sum(axis=0))
        degree = np.maximum(watches, 1.0)
        singular = decomposition.singular[: settings.dim]
        weakest = singular[-1] / np.maximum(singular, np.finfo(np.float32).tiny)
        root = (degree**settings.movie_exponent * (watches > 0))[:, None]  # no watches: exactly 0
        part = cls(
            (decomposition.vectors[:, : settings.dim] * root).astype(np.float32),
            (degree ** (-2 * settings.movie_exponent)).astype(np.float32),
            (np.maximum(1 - weakest**2, 0.0) ** SHRINKAGE).astype(np.float32),
        )
        return replace(part, movie=part.movie / np.float32(max(part._spread(watched), 1e-12)))

    @classmethod
    def fit(cls, watched: sp.csr_array, settings: SpectralSettings, seed: int) -> SpectralPart:
        """The part that `settings` make of `watched`, decomposed anew."""
        return cls.of(Decomposition.fit(watched, settings, seed), watched, settings)

    @classmethod
    def none(cls, num_movies: int) -> SpectralPart:
        """No columns at all; every score is 0."""
        return cls(*(np.zeros(shape, np.float32) for shape in ((num_movies, 0), num_movies, 0)))

    def foretold(self, kinship: Kinship) -> SpectralPart:
        """With vectors of movies without watches, which say nothing of who watches them."""
        weight = self.watch_weight.copy()
        weight[kinship.movie] = 0
        return replace(self, movie=kinship.fill(self.movie), watch_weight=weight)

    def users(self, watched: sp.csr_array) -> np.ndarray:
        """Embeddings of the users whose watches are the rows of `watched`, float32 [N, K]."""
        state = np.asarray(watched.multiply(self.watch_weight) @ self.movie) * self.filter
        return np.asarray(state / np.maximum(np.linalg.norm(state, axis=1, keepdims=True), 1e-12))

    def _spread(self, watched: sp.csr_array) -> float:
        """Mean over some users of the standard deviation of their scores."""
        busy = np.flatnonzero(np.diff(watched.indptr))
        chosen = busy[:: max(1, len(busy) // _SPREAD_USERS)]
        return float((self.users(watched[chosen]) @ self.movie.T).std(axis=1).mean())
