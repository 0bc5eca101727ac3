"""The finished embeddings that a trained model leaves."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from graphrec.model.kinship import Kinship
from graphrec.model.popularity import expected_log_popularity, log_popularity
from graphrec.model.spectral import SpectralPart


@dataclass(frozen=True, slots=True, eq=False)
class PartEmbeddings:
    """What one learned part leaves, float32.

    Attributes:
        user: [U, D].
        movie: [M, D].
        fold_in: what a watched movie gives to a new user, see `graphrec.model.folding`. [M, D]
        of_features: what each metadata feature gives to a movie without watches, [F, D]; no rows
            for the ID part.
    """

    user: np.ndarray
    movie: np.ndarray
    fold_in: np.ndarray
    of_features: np.ndarray

    @classmethod
    def none(cls, num_users: int, num_movies: int) -> PartEmbeddings:
        """No columns at all."""
        sizes = (num_users, num_movies, num_movies, 0)
        return cls(*(np.zeros((size, 0), dtype=np.float32) for size in sizes))


@dataclass(frozen=True, slots=True, eq=False)
class Embeddings:
    """What a trained model leaves behind: all that asking needs. float32 throughout.

    The parts stand side by side. One that the model doesn't have has 0 columns. With a metadata
    part, what the others say of a movie without watches is foretold (`graphrec.model.kinship`), and
    it says nothing of who watches it: its `spectral_watch_weight` is 0.

    Attributes:
        user, movie, fold_in: of the ID part, see `PartEmbeddings`. [U, D], [M, D], [M, D]
        user_metadata, movie_metadata, fold_in_metadata: of the metadata part, likewise.
        of_features: of the metadata part. [F, D]
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
    of_features: np.ndarray
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
            of_features=by_metadata.of_features,
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

    def is_foretold(self, row: int) -> bool:
        """Whether a movie's company is what its metadata let expect, as nobody has watched it."""
        described = len(self.of_features) and self.features[row].any()
        return bool(described and not self.degree[row])

    def foretold(self, start: int = 0) -> Embeddings:
        """With what company may be expected to say of movies from a row on without watches."""
        kinship = Kinship.of(self.features, self.degree, start)
        spectral = self.spectral.foretold(kinship)
        return replace(
            self,
            movie=kinship.fill(self.movie),
            spectral_movie=spectral.movie,
            spectral_watch_weight=spectral.watch_weight,
        )

    def with_new_movies(self, features: np.ndarray) -> Embeddings:
        """The same with more movies at the end, of which nothing but the metadata is known.

        They are embedded as any movie without watches is, and a new user who has watched one gets
        from it what such metadata give (the linear map that `graphrec.model.folding` fitted, found
        again from what the other movies give).

        Args:
            features: of the new movies, float32 [N, F].
        """
        number = len(features)
        movie = features @ self.of_features if len(self.of_features) else self._nothing(number)
        unit = _unit(self.movie_metadata)
        fitted = np.linalg.lstsq(unit.T @ unit, unit.T @ self.fold_in_metadata, rcond=None)[0]
        given = _unit(movie) @ fitted
        every = np.concatenate([self.features, features])
        degree = np.concatenate([self.degree, np.zeros(number, np.float32)])
        longer = replace(
            self,
            movie=_longer(self.movie, number),
            fold_in=_longer(self.fold_in, number),
            movie_metadata=np.concatenate([self.movie_metadata, movie]).astype(np.float32),
            fold_in_metadata=np.concatenate([self.fold_in_metadata, given]).astype(np.float32),
            features=every,
            degree=degree,
            expected_log_popularity=expected_log_popularity(every, degree),
            spectral_movie=_longer(self.spectral_movie, number),
            spectral_watch_weight=_longer(self.spectral_watch_weight, number),
        )
        return longer.foretold(len(self.features)) if len(self.of_features) else longer

    def _nothing(self, number: int) -> np.ndarray:
        return np.zeros((number, self.movie_metadata.shape[1]), dtype=np.float32)

    @property
    def by_id(self) -> PartEmbeddings:
        """The ID part."""
        nothing = np.zeros((0, self.movie.shape[1]), dtype=np.float32)
        return PartEmbeddings(self.user, self.movie, self.fold_in, nothing)

    @property
    def by_metadata(self) -> PartEmbeddings:
        """The metadata part."""
        return PartEmbeddings(
            self.user_metadata, self.movie_metadata, self.fold_in_metadata, self.of_features
        )

    @property
    def spectral(self) -> SpectralPart:
        """The spectral part of the scores."""
        return SpectralPart(self.spectral_movie, self.spectral_watch_weight, self.spectral_filter)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12))


def _longer(array: np.ndarray, number: int) -> np.ndarray:
    """With so many rows of zeros at the end."""
    return np.concatenate([array, np.zeros((number, *array.shape[1:]), dtype=array.dtype)])
