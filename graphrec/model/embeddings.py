"""The finished embeddings that a trained model leaves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphrec.model.popularity import log_popularity
from graphrec.model.spectral import SpectralPart


@dataclass(frozen=True, slots=True, eq=False)
class PartEmbeddings:
    """What one learned part leaves, float32.

    Attributes:
        user: [U, D].
        movie: [M, D].
        fold_in: what a watched movie gives to a new user, see `LightGCN.fold_in`. [M, D]
    """

    user: np.ndarray
    movie: np.ndarray
    fold_in: np.ndarray

    @classmethod
    def none(cls, num_users: int, num_movies: int) -> PartEmbeddings:
        """No columns at all."""
        sizes = (num_users, num_movies, num_movies)
        return cls(*(np.zeros((size, 0), dtype=np.float32) for size in sizes))


@dataclass(frozen=True, slots=True, eq=False)
class Embeddings:
    """What a trained model leaves behind: all that asking needs. float32 throughout.

    The parts stand side by side. One that the model doesn't have has 0 columns.

    Attributes:
        user, movie, fold_in: of the ID part, see `PartEmbeddings`. [U, D], [M, D], [M, D]
        user_metadata, movie_metadata, fold_in_metadata: of the metadata part, likewise.
        features: metadata features as they went in, to compare movies by. [M, F]
        degree: each movie's watches, float32. [M]
        expected_log_popularity: their logarithm; for a movie without watches, what its metadata
            lets expect. [M]
        spectral_movie, spectral_watch_weight, spectral_filter: the arrays of `spectral`,
            [M, K], [M], [K].
    """

    user: np.ndarray
    movie: np.ndarray
    fold_in: np.ndarray
    user_metadata: np.ndarray
    movie_metadata: np.ndarray
    fold_in_metadata: np.ndarray
    features: np.ndarray
    degree: np.ndarray
    expected_log_popularity: np.ndarray
    spectral_movie: np.ndarray
    spectral_watch_weight: np.ndarray
    spectral_filter: np.ndarray

    @classmethod
    def of(
        cls,
        by_id: PartEmbeddings,
        by_metadata: PartEmbeddings,
        spectral: SpectralPart,
        *,
        features: np.ndarray,
        degree: np.ndarray,
        expected_log_popularity: np.ndarray,
    ) -> Embeddings:
        """All parts in one record."""
        return cls(
            user=by_id.user,
            movie=by_id.movie,
            fold_in=by_id.fold_in,
            user_metadata=by_metadata.user,
            movie_metadata=by_metadata.movie,
            fold_in_metadata=by_metadata.fold_in,
            features=features,
            degree=degree,
            expected_log_popularity=expected_log_popularity,
            spectral_movie=spectral.movie,
            spectral_watch_weight=spectral.watch_weight,
            spectral_filter=spectral.filter,
        )

    @property
    def log_popularity(self) -> np.ndarray:
        """ln of each movie's watches, 0 for none. [M]"""
        return log_popularity(self.degree)

    @property
    def by_id(self) -> PartEmbeddings:
        """The ID part."""
        return PartEmbeddings(self.user, self.movie, self.fold_in)

    @property
    def by_metadata(self) -> PartEmbeddings:
        """The metadata part."""
        return PartEmbeddings(self.user_metadata, self.movie_metadata, self.fold_in_metadata)

    @property
    def spectral(self) -> SpectralPart:
        """The spectral part of the scores."""
        return SpectralPart(self.spectral_movie, self.spectral_watch_weight, self.spectral_filter)
