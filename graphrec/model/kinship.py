"""What company would say of movies without watches: what it says of movies that they resemble."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MAX_LANDMARKS = 2048
"""The most watched movies that others are expected from: more cost more and say hardly more."""
_BLOCK = 4096  # movies foretold at a time


@dataclass(frozen=True, slots=True, eq=False)
class Kinship:
    r"""Movies that nobody has watched, each a weighted sum of movies that people have.

    Kernel ridge regression of anything that is known of watched movies, over their metadata:

    .. math:: \hat V = K_{NL} (K_{LL} + \Lambda)^{-1} V_L, \qquad
              K_{ij} = \exp(-\|x_i - x_j\|_1 / 2 m), \qquad \Lambda_{jj} = 1 / \sqrt{d_j}

    with m the median distance of the landmarks L, the most watched movies, and d their watches:
    what few have watched is known less well. The distance counts every feature by itself, so what
    is alike in some ways is not far away for being unlike in others. (A Gaussian kernel, or a
    linear map, is more than a tenth behind it among cold movies: docs/cold.md.)

    A movie without a single feature resembles nobody, and nobody resembles it: its vectors stay
    what they are, zero.

    Attributes:
        movie: the movies that are foretold, int64 [N].
        landmark: the movies that they are made of, int64 [L].
        features: x, of all movies, [M, F].
        scale: 2 m.
        factor: Cholesky's of K + Lambda, [L, L].
    """

    movie: np.ndarray
    landmark: np.ndarray
    features: np.ndarray
    scale: float
    factor: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray, degree: np.ndarray, start: int = 0) -> Kinship:
        """Of all movies without watches.

        Args:
            features: x, [M, F].
            degree: d, watches of each movie, [M].
            start: the first row that may be foretold; rows before it are left alone.
        """
        described = features.any(axis=1)
        movie = start + np.flatnonzero(((degree == 0) & described)[start:])
        watched = np.where(described, degree, 0)
        landmark = np.argsort(-watched, kind="stable")
        landmark = landmark[: min(MAX_LANDMARKS, int((watched > 0).sum()))]
        if not (len(movie) and len(landmark)):
            return cls(movie[:0], landmark, features, 1.0, np.zeros((0, 0)))
        from scipy.linalg import cholesky

        distance = _distances(features[landmark], features[landmark])
        # where most movies are alike the median is 0
        scale = 2 * (float(np.median(distance)) or float(distance.mean()) or 1.0)
        kernel = np.exp(-distance / scale)
        kernel[np.diag_indices_from(kernel)] += 1 / np.sqrt(degree[landmark])
        return cls(movie, landmark, features, scale, cholesky(kernel, lower=True))

    def fill(self, vectors: np.ndarray) -> np.ndarray:
        """The same vectors [M, D], but those of movies without watches as may be expected."""
        if not len(self.movie) or not vectors.shape[1]:
            return vectors
        from scipy.linalg import cho_solve

        filled = vectors.copy()
        weighed = cho_solve((self.factor, True), vectors[self.landmark].astype(np.float64))
        known = self.features[self.landmark]
        for start in range(0, len(self.movie), _BLOCK):
            rows = self.movie[start : start + _BLOCK]
            near = np.exp(-_distances(self.features[rows], known) / self.scale)
            filled[rows] = near @ weighed
        return filled


def _distances(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Sums of absolute differences, float64 [N, L]."""
    from sklearn.metrics.pairwise import manhattan_distances

    return np.asarray(manhattan_distances(left, right), dtype=np.float64)
