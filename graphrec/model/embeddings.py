"""The finished embeddings that a trained model leaves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphrec.model.spectral import SpectralPart


@dataclass(frozen=True, slots=True, eq=False)
class Embeddings:
    """What a trained model leaves behind: all that asking needs. float32 throughout.

    Attributes:
        user: [U, D].
        movie: [M, D].
        user_metadata: the part of `user` that comes from movie metadata; the rest is ID. [U, D]
        movie_metadata: the part of `movie` that comes from metadata; the rest is ID. [M, D]
        fold_in: what a watched movie gives to a new user, see `LightGCN.fold_in`. [M, D]
        features: metadata features as they went in, to compare movies by. [M, F]
        log_popularity: ln of each movie's watches, 0 for none. [M]
        spectral_movie, spectral_watch_weight, spectral_filter: the arrays of `spectral`,
            [M, K], [M], [K]; K is 0 without one.
    """

    user: np.ndarray
    movie: np.ndarray
    user_metadata: np.ndarray
    movie_metadata: np.ndarray
    fold_in: np.ndarray
    features: np.ndarray
    log_popularity: np.ndarray
    spectral_movie: np.ndarray
    spectral_watch_weight: np.ndarray
    spectral_filter: np.ndarray

    @property
    def spectral(self) -> SpectralPart:
        """The spectral part of the scores."""
        return SpectralPart(self.spectral_movie, self.spectral_watch_weight, self.spectral_filter)
