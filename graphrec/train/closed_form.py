"""The parts of a model in closed form: what validation chooses of them, and making them anew."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from graphrec.config import ModelConfig
from graphrec.evaluate.scorers import ModelScorer
from graphrec.nn.hybrid import Blend, HybridModel
from graphrec.nn.paths import LinkPropagation, PathsSettings
from graphrec.nn.spectral import Decomposition, Spectral, SpectralSettings
from graphrec.train.validation import Validator

DIM = 256
"""Columns at most where validation can't choose."""
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

    Half as many columns for as long as that is better; without validation, `DIM` at most.
    """
    settings = SpectralSettings(dim if validator.can_score else min(dim, DIM))
    decomposition = Decomposition.fit(validator.matrix, settings, seed)
    dim, best = len(decomposition.singular), None
    while best is None or dim >= SMALLEST_DIM:
        other = _try(validator, decomposition, replace(settings, dim=dim))
        if best is not None and not other.ndcg > best.ndcg:
            break
        best, dim = other, dim // 2
    return best.settings, best.spectral


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
