"""Which movies the same users rate, in closed form: what `similar` compares movies by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from graphrec.nn.spectral import MAX_FLOATS, Decomposition, SpectralSettings
from graphrec.processes import all_rows_of, all_sum, shape_of

if TYPE_CHECKING:
    import scipy.sparse as sp

DIM = 256
"""Singular vectors kept at most; with 256 of ml-latest-small's 671, every list is the same."""
EXACT = 4096
"""Up to so many users or movies the decomposition is exact, else randomised."""
PENALTY = 200.0
"""Lambda over the movies' mean number of ratings, see docs/similar.md."""
POPULARITY = 0.15
"""Gamma, see docs/similar.md."""


class Associations(nn.Module):
    r"""Vectors of movies whose inner products are partial correlations, of low rank.

    With :math:`R = U S V^\top` the interaction matrix and :math:`P = (R^\top R + \lambda I)^{-1}`,
    the inverse of which EASE is made (Steck, WWW 2019), the negative partial correlation of two
    movies is

    .. math:: \frac{-P_{ij}}{\sqrt{P_{ii} P_{jj}}} = \langle y_i, y_j \rangle, \qquad
              y_i = \frac{V_i W^{1/2}}{\sqrt{1 - V_i W V_i^\top}}, \qquad
              W = \frac{S^2}{S^2 + \lambda}

    What two movies share only because both are rated beside a third one is taken out. Vectors are
    multiplied by :math:`d_i^\gamma`, d a movie's interactions: a little of its popularity.
    Lambda is in proportion to the mean d, so it means the same for few users and many.

    A vector is a sum over the users who rated the movie, see `user_summands`.

    Attributes:
        movie: y, float32 [M, K]; zeros for movies without interactions, unless imputed.
        scale: what turns :math:`V_i W^{1/2}` into y, float32 [M].
        singular: the diagonal of S, float32 [K].
    """

    movie: Tensor
    scale: Tensor
    singular: Tensor

    def __init__(self, movie: Tensor, scale: Tensor, singular: Tensor) -> None:
        super().__init__()
        self.register_buffer("movie", movie)
        self.register_buffer("scale", scale)
        self.register_buffer("singular", singular)

    @classmethod
    def fit(
        cls,
        matrix: sp.csr_array,
        seed: int = 0,
        *,
        penalty: float = PENALTY,
        popularity: float = POPULARITY,
    ) -> Associations:
        """Of interactions, users x movies.

        Args:
            matrix: R, [U, M], above 0 where a user has rated a movie.
            seed: of the decomposition, where it is randomised.
            penalty: lambda over the mean of d.
            popularity: gamma.
        """
        degree = all_sum(np.asarray(matrix.sum(axis=0), dtype=np.float64))
        if not degree.any():
            return cls.empty(len(degree))
        singular, vectors = _decompose(matrix, seed)
        squared = singular.astype(np.float64) ** 2
        weight = squared / (squared + penalty * float(degree[degree > 0].mean()))
        own = (vectors**2) @ weight  # what a movie's other movies know of it, below 1
        scale = degree**popularity / np.sqrt(np.maximum(1 - own, 1e-6))
        movie = vectors * np.sqrt(weight) * scale[:, None]
        arrays = (movie, scale, singular)
        return cls(*(torch.from_numpy(np.asarray(one, dtype=np.float32)) for one in arrays))

    @classmethod
    def empty(cls, num_movies: int) -> Associations:
        """No columns at all."""
        return cls(*(torch.zeros(shape) for shape in ((num_movies, 0), (num_movies,), (0,))))

    @property
    def dim(self) -> int:
        """K."""
        return int(self.movie.shape[1])

    def with_movies(self, movie: Tensor) -> Associations:
        """The same with other vectors of movies, and more of them at the end."""
        more = self.scale.new_zeros(len(movie) - len(self.scale))
        return Associations(movie, torch.cat([self.scale, more]), self.singular)

    def user_summands(self, history: sp.csr_array, row: int) -> np.ndarray:
        r"""What each of some users adds to the vector of a movie that they rated.

        As :math:`V = R^\top U S^{-1}` and :math:`U = R V S^{-1}`, user u adds
        :math:`R_{ui} R_u V S^{-2} W^{1/2}` times the movie's scale. With an exact decomposition
        the summands of all its users add up to the vector.

        Args:
            history: the users' rows of R, [N, M].
            row: the movie.

        Returns:
            float64 [N, K].
        """
        scale = self.scale.double().numpy()
        own = self.movie.double().numpy()[: history.shape[1]]
        unscaled = own / np.maximum(scale, 1e-12)[: len(own), None] * (scale > 0)[: len(own), None]
        squared = np.maximum(self.singular.double().numpy() ** 2, 1e-12)
        if row >= history.shape[1]:  # added since, so nobody has rated it
            return np.zeros((history.shape[0], self.dim))
        rated = history[:, [row]].toarray()
        return np.asarray(rated * (history @ unscaled) / squared * scale[row])


def _decompose(matrix: sp.csr_array, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Singular values [K], descending, and right singular vectors [M, K]; no zero among them."""
    from scipy.linalg import eigh  # slow to load

    num_users, num_movies = shape_of(matrix)
    small = min(num_users, num_movies)
    dim = min(DIM, small, MAX_FLOATS // (num_users + num_movies) or 1)
    if small > EXACT:
        found = Decomposition.fit(
            matrix, SpectralSettings(dim, user_exponent=0.0, movie_exponent=0.0), seed
        )
        return found.singular, found.vectors
    by_user = num_users <= num_movies
    matrix = (all_rows_of(matrix) if by_user else matrix).astype(np.float64)
    gram = (matrix @ matrix.T).toarray() if by_user else all_sum((matrix.T @ matrix).toarray())
    squared, vectors = eigh(gram, subset_by_index=[small - dim, small - 1])
    kept = np.flatnonzero(squared > 1e-9 * squared[-1])[::-1]
    singular, vectors = np.sqrt(squared[kept]), vectors[:, kept]
    return singular, np.asarray(matrix.T @ vectors) / singular if by_user else vectors
