"""What company would say of movies without watches: what it says of movies that they resemble."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MAX_LANDMARKS = 2048
"""The most watched movies that others are expected from: more cost more and say hardly more."""
_BLOCK = 4096


@dataclass(frozen=True, slots=True, eq=False)
class Kinship:
    r"""Movies that nobody has watched, each a weighted sum of movies that people have.

    Kernel ridge regression of anything that is known of watched movies, over their metadata:

    .. math:: \hat V = K_{NL} (K_{LL} + \Lambda)^{-1} V_L, \qquad
              K_{ij} = \exp(-\|x_i - x_j\|_1 / 2 m), \qquad \Lambda_{jj} = 1 / \sqrt{d_j}

    with m the median distance of the landmarks L, the most watched movies, and d their watches:
    what few have watched is known less well. The distance counts every feature by itself, so what
    is alike in some ways is not far away for being unlike in others. (A Gaussian kernel, or a
    linear map, is 8 to 10 % behind it among cold movies: docs/cold.md.)

    Attributes:
        movie: the movies without watches, int64 [N].
        landmark: the movies that they are made of, int64 [L].
        weight: float32 [N, L].
    """

    movie: np.ndarray
    landmark: np.ndarray
    weight: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray, degree: np.ndarray) -> Kinship:
        """Of all movies without watches.

        Args:
            features: x, [M, F].
            degree: d, watches of each movie, [M].
        """
        movie = np.flatnonzero(degree == 0)
        landmark = np.argsort(-degree, kind="stable")[: min(MAX_LANDMARKS, int((degree > 0).sum()))]
        if not (len(movie) and len(landmark) and features.shape[1]):
            return cls(movie[:0], landmark, np.zeros((0, len(landmark)), np.float32))
        from scipy.linalg import cho_factor, cho_solve
        from sklearn.metrics.pairwise import manhattan_distances

        known = features[landmark].astype(np.float64)
        distance = manhattan_distances(known)
        scale = -2 * max(float(np.median(distance)), 1e-12)
        kernel = np.exp(distance / scale)
        kernel[np.diag_indices_from(kernel)] += 1 / np.sqrt(degree[landmark])
        factor = cho_factor(kernel, overwrite_a=True)
        weight = np.empty((len(movie), len(landmark)), dtype=np.float32)
        for start in range(0, len(movie), _BLOCK):
            block = slice(start, start + _BLOCK)
            near = np.exp(manhattan_distances(features[movie[block]], known) / scale)
            weight[block] = cho_solve(factor, near.T).T
        return cls(movie, landmark, weight)

    def fill(self, vectors: np.ndarray) -> np.ndarray:
        """The same vectors [M, D], but those of movies without watches as may be expected."""
        if not len(self.movie):
            return vectors
        filled = vectors.copy()
        filled[self.movie] = self.weight @ vectors[self.landmark]
        return filled
