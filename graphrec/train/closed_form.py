"""The parts of a model in closed form: what validation chooses of them, and making them anew."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from graphrec.config import ModelConfig
from graphrec.evaluate.scorers import ModelScorer
from graphrec.nn.hybrid import Blend, HybridModel
from graphrec.nn.paths import LinkPropagation, PathsSettings
from graphrec.nn.spectral import Decomposition, Spectral, SpectralSettings
from graphrec.train.validation import Validator

EXPONENTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
COARSE_DIM = 256
"""Columns by which exponents are compared: far cheaper than all, with the same order."""
SMALLEST_DIM = 8


@dataclass(frozen=True, slots=True, eq=False)
class ClosedForm:
    """The parts in closed form of some interactions.

    Attributes:
        spectral, paths: without columns and without interactions where they are left out.
        spectral_settings: what validation chose; None without a spectral part.
        paths_settings: None without paths.
    """

    spectral: Spectral
    paths: LinkPropagation
    spectral_settings: SpectralSettings | None = None
    paths_settings: PathsSettings | None = None

    @classmethod
    def choose(cls, validator: Validator, config: ModelConfig, seed: int) -> ClosedForm:
        """Those that `config` wants, of the training interactions and as validation likes them."""
        chosen = cls.empty(validator.matrix.shape[1])
        if config.spectral:
            settings, spectral = choose_spectral(validator, config.spectral_dim, seed)
            chosen = replace(chosen, spectral=spectral, spectral_settings=settings)
        if config.paths:
            settings_of_paths = PathsSettings()
            paths = LinkPropagation.fit(validator.matrix, settings_of_paths)
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
        """The same of other interactions, users x movies."""
        spectral, paths = self.spectral, self.paths
        if self.spectral_settings is not None:
            spectral = Spectral.fit(matrix, self.spectral_settings, seed)
        if self.paths_settings is not None:
            paths = LinkPropagation.fit(matrix, self.paths_settings)
        return replace(self, spectral=spectral, paths=paths)


# --- the spectral part


@dataclass(frozen=True, slots=True, eq=False)
class _Candidate:
    ndcg: float
    settings: SpectralSettings
    spectral: Spectral


def choose_spectral(validator: Validator, dim: int, seed: int) -> tuple[SpectralSettings, Spectral]:
    """The best spectral part of the training interactions, of at most `dim` columns.

    First the two exponents, one after the other, each moved to whichever side is better, with few
    columns; then, with all of them, how many to keep. Without validation the defaults are taken.
    """
    start = SpectralSettings(min(dim, COARSE_DIM))
    if not validator.can_score:
        spectral = Spectral.fit(validator.matrix, start, seed)
        return replace(start, dim=spectral.dim), spectral
    best = _best_size(validator, start, _coarse(validator, start, seed))
    for name in ("movie_exponent", "user_exponent"):
        best = _move(validator, best, name, seed)
    whole = replace(best.settings, dim=dim)
    best = _best_size(validator, whole, Decomposition.fit(validator.matrix, whole, seed))
    return best.settings, best.spectral


def _coarse(validator: Validator, settings: SpectralSettings, seed: int) -> Decomposition:
    """Good enough to compare exponents by."""
    return Decomposition.fit(validator.matrix, settings, seed, iterations=2)


def _move(validator: Validator, best: _Candidate, name: str, seed: int) -> _Candidate:
    """Move one exponent down, or else up, for as long as that helps."""
    begin = EXPONENTS.index(getattr(best.settings, name))
    for step in (-1, 1):
        index = begin + step
        while 0 <= index < len(EXPONENTS):
            exponent: dict[str, Any] = {name: EXPONENTS[index]}
            settings = replace(best.settings, **exponent)
            other = _try(validator, _coarse(validator, settings, seed), settings)
            if other.ndcg <= best.ndcg:
                break
            best, index = other, index + step
        if getattr(best.settings, name) != EXPONENTS[begin]:
            break
    return best


def _best_size(
    validator: Validator, settings: SpectralSettings, decomposition: Decomposition
) -> _Candidate:
    """The best of one decomposition: half as many columns for as long as it helps."""
    dim, best = len(decomposition.singular), None
    while best is None or dim >= SMALLEST_DIM:
        other = _try(validator, decomposition, replace(settings, dim=dim))
        if best is not None and other.ndcg <= best.ndcg:
            break
        best, dim = other, dim // 2
    return best


def _try(
    validator: Validator, decomposition: Decomposition, settings: SpectralSettings
) -> _Candidate:
    spectral = Spectral.from_decomposition(decomposition, validator.matrix, settings)
    degree = np.asarray(validator.matrix.sum(axis=0))
    nothing = np.zeros((len(degree), 0), np.float32)
    blend = Blend(spectral=1.0)
    model = HybridModel.assemble({}, spectral, features=nothing, degree=degree, blend=blend)
    ndcg = validator.ndcg(ModelScorer(model, validator.history))
    return _Candidate(ndcg, settings, spectral)
