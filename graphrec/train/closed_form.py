"""The parts of a model in closed form: what validation chooses of them, and making them anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from graphrec.config import ModelConfig
from graphrec.evaluate.scorers import ModelScorer
from graphrec.nn.hybrid import Blend, HybridModel
from graphrec.nn.paths import LinkPropagation, PathsSettings
from graphrec.nn.spectral import (
    OVERSAMPLES,
    Decomposition,
    Spectral,
    SpectralSettings,
    most_columns,
)
from graphrec.processes import all_rows_of, all_sum, shape_of
from graphrec.train.validation import Validator

DIM = 256
"""Columns at most where validation can't choose."""
SMALLEST_DIM = 8
RIDGE_EXPONENT, RIDGE_FRACTION = 0.3, 1 / 3
"""Of users and movies in a ridge regression, and of all singular vectors that it needs."""


@dataclass(frozen=True, slots=True, eq=False)
class ClosedForm:
    """The parts in closed form of some interactions.

    Attributes:
        spectral, paths: without columns and without interactions where they are left out.
        spectral_settings: what validation chose; None without a spectral part.
        paths_settings: None without paths.
        vectors: the right singular vectors of the spectral part, from which `fit` starts;
            None once that is done.
    """

    spectral: Spectral
    paths: LinkPropagation
    spectral_settings: SpectralSettings | None = None
    paths_settings: PathsSettings | None = None
    vectors: np.ndarray | None = None

    @classmethod
    def choose(cls, validator: Validator, config: ModelConfig, seed: int) -> ClosedForm:
        """Those that `config` wants, of the training interactions and as validation likes them."""
        chosen = cls.empty(validator.matrix.shape[1])
        if config.spectral:
            settings, spectral, vectors = choose_spectral(validator, config.spectral_dim, seed)
            chosen = replace(chosen, spectral=spectral, spectral_settings=settings, vectors=vectors)
        if config.paths:
            settings_of_paths = PathsSettings()
            paths = LinkPropagation.fit(all_rows_of(validator.matrix), settings_of_paths)
            chosen = replace(chosen, paths=paths, paths_settings=settings_of_paths)
        return chosen

    @classmethod
    def empty(cls, num_movies: int) -> ClosedForm:
        """None of them."""
        return cls(Spectral.empty(num_movies), LinkPropagation.empty(num_movies))

    @property
    def is_empty(self) -> bool:
        """Whether there is none of them."""
        return not self.spectral.dim and self.paths.is_empty

    def fit(self, matrix: sp.csr_array, seed: int) -> ClosedForm:
        """The same of nearly the same interactions, users x movies."""
        spectral, paths = self.spectral, self.paths
        if self.spectral_settings is not None:
            spectral = Spectral.fit(matrix, self.spectral_settings, seed, self.vectors)
        if self.paths_settings is not None:
            paths = LinkPropagation.fit(all_rows_of(matrix), self.paths_settings)
        return replace(self, spectral=spectral, paths=paths, vectors=None)


# --- the spectral part


def choose_spectral(
    validator: Validator, dim: int, seed: int
) -> tuple[SpectralSettings, Spectral, np.ndarray]:
    """The best spectral part of the training interactions, of at most `dim` columns.

    Its settings, the part, and the right singular vectors that it is made of.

    Of each kind fewer columns, or a higher penalty, for as long as that is better. A ridge
    regression is tried where the columns are at least `RIDGE_FRACTION` of all there are: it lives
    on many of them. Without validation `DIM` columns are kept at most.
    """
    matrix, can_score = validator.matrix, validator.can_score
    shape = shape_of(matrix)
    dim = most_columns(dim, sum(shape))
    settings = SpectralSettings(dim if can_score else min(dim, DIM))
    decomposition = Decomposition.fit(matrix, settings, seed)
    settings = replace(settings, dim=len(decomposition.singular))
    ranks = _ranks(settings.dim) if can_score else [settings.dim]
    candidates = [replace(settings, dim=rank) for rank in ranks]
    best = _best(validator, decomposition, candidates)
    if can_score and dim >= RIDGE_FRACTION * min(shape) and len(ranks) > 1:
        exponent = RIDGE_EXPONENT
        settings = replace(settings, user_exponent=exponent, movie_exponent=exponent)
        decomposition = Decomposition.fit(matrix, settings, seed)
        candidates = [replace(settings, ridge=rank) for rank in ranks[1:]]
        best = max(best, _best(validator, decomposition, candidates), key=lambda own: own.ndcg)
    kept = best.vectors[:, : best.settings.dim + OVERSAMPLES].copy()
    return best.settings, best.spectral, kept


@dataclass(frozen=True, slots=True, eq=False)
class _Candidate:
    ndcg: float
    settings: SpectralSettings
    spectral: Spectral
    vectors: np.ndarray


def _best(
    validator: Validator, decomposition: Decomposition, candidates: Sequence[SpectralSettings]
) -> _Candidate:
    """The first of some whose next one is no better alone, by some of the users."""
    degree = all_sum(np.asarray(validator.matrix.sum(axis=0)))
    nothing = np.zeros((len(degree), 0), np.float32)
    best: _Candidate | None = None
    for settings in candidates:
        part = Spectral.from_decomposition(decomposition, validator.matrix, settings)
        blend = Blend(spectral=1.0)
        model = HybridModel.assemble({}, part, features=nothing, degree=degree, blend=blend)
        ndcg = validator.ndcg(ModelScorer(model, validator.history))
        if best is not None and not ndcg > best.ndcg:
            break
        best = _Candidate(ndcg, settings, part, decomposition.vectors)
    assert best is not None
    return best


def _ranks(most: int) -> list[int]:
    """A number, and the powers of two below it down to `SMALLEST_DIM`."""
    powers = (2**power for power in reversed(range(most.bit_length())))
    return [most, *(power for power in powers if SMALLEST_DIM <= power < most)]
