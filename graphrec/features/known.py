"""Comparing movies by what is known of both: a missing value makes nobody alike, or unlike.

(Gower, A general coefficient of similarity, Biometrics 1971: a variable that is missing on either
side is left out, and the rest is rescaled.) A column is known of a movie if any of its features
isn't 0, the mean.
"""

from __future__ import annotations

import numpy as np


def known_columns(features: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Which columns are known of each movie, float64 [M, C] of zeros and ones.

    Args:
        features: [M, F].
        column: the number of the metadata column that each feature is of, int64 [F].

    >>> known_columns(np.array([[0.5, 0, 0], [0, 0, -1]]), np.array([0, 0, 1])).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    return np.asarray(_by_column(features != 0, column) > 0, dtype=np.float64)


class KnownFeatures:
    """Features that movies are compared by, with what doesn't depend on the movie made once.

    Args:
        features: [M, F].
        column: as for `known_columns`.
    """

    def __init__(self, features: np.ndarray, column: np.ndarray) -> None:
        self._features, self._column = features, column
        self._known = known_columns(features, column)
        self._squared = _by_column(features**2, column)

    def cosine_to(
        self, row: int, rows: np.ndarray | None = None, *, columns: np.ndarray | None = None
    ) -> np.ndarray:
        """Cosine of movies' features with one's, over columns known of both.

        Args:
            row: the one.
            rows: the others, int64 [n]; all by default.
            columns: the columns to compare by, bool [C]; all by default.

        Returns:
            float64 [n], 0 where no column is known of both.
        """
        of = slice(None) if rows is None else rows
        own, known, squared = self._features, self._known, self._squared
        features, its_known, its_squared = own[row], known[row], squared[row]
        if columns is not None:
            features = features * columns[self._column]
            its_known, its_squared = its_known * columns, its_squared * columns
        length = np.sqrt((squared[of] @ its_known) * (known[of] @ its_squared))
        return np.asarray((own[of] @ features) / np.maximum(length, 1e-12), dtype=np.float64)


def cosine_of_known(features: np.ndarray, column: np.ndarray, row: int) -> np.ndarray:
    """The same of features that are asked for once.

    >>> features = np.array([[1.0, 2.0], [2.0, 0.0], [0.0, 0.0], [0.0, -4.0]])
    >>> cosine_of_known(features, np.array([0, 1]), 0).tolist()
    [1.0, 1.0, 0.0, -1.0]
    """
    return KnownFeatures(features, column).cosine_to(row)


def _by_column(values: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Sums over the features of each column, float64 [M, C]."""
    member = np.zeros((len(column), int(column.max(initial=-1)) + 1))
    member[np.arange(len(column)), column] = 1
    return np.asarray(values @ member, dtype=np.float64)
