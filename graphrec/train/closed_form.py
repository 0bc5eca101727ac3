"""The parts of a model in closed form: what validation chooses of them, and making them anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import scipy.sparse as sp

from graphrec.config import ModelConfig
from graphrec.evaluate.scorers import ModelScorer
from graphrec.nn.hybrid import Blend, HybridModel
from graphrec.nn.paths import LinkPropagation, PathsSettings
from graphrec.nn.spectral import Decomposition, Spectral, SpectralSettings, most_columns
from graphrec.train.validation import QUICK_USERS, Validator, choose_blend, ndcg_beside

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
        others: what `beside` chooses among.
    """

    spectral: Spectral
    paths: LinkPropagation
    spectral_settings: SpectralSettings | None = None
    paths_settings: PathsSettings | None = None
    others: SpectralCandidates | None = field(default=None, repr=False)

    @classmethod
    def choose(cls, validator: Validator, config: ModelConfig, seed: int) -> ClosedForm:
        """Those that `config` wants, of the training interactions and as validation likes them."""
        chosen = cls.empty(validator.matrix.shape[1])
        if config.spectral:
            others = SpectralCandidates.of(validator, config.spectral_dim, seed)
            settings = others.settings[0]
            chosen = replace(chosen, spectral=others.make(settings), spectral_settings=settings)
            chosen = replace(chosen, others=others)
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

    def beside(
        self, validator: Validator, learned: HybridModel, popularity: Sequence[float]
    ) -> ClosedForm:
        """The same with the spectral part that is best beside learned parts, not alone.

        Args:
            validator: with the training interactions that all parts were made of.
            learned: the learned parts alone.
            popularity: candidates for popularity's weight, see `choose_blend`.
        """
        if self.others is None or not validator.among(validator.is_rated).can_score:
            return self
        quick = replace(validator, users=validator.users[:QUICK_USERS])
        blend, _ = choose_blend(quick, learned, popularity)
        make, settings = self.others.make, self.others.settings
        ndcgs = [ndcg_beside(quick, learned.with_spectral(make(own)), blend) for own in settings]
        best = settings[int(np.argmax(ndcgs))]
        return replace(self, spectral=make(best), spectral_settings=best)

    def fit(self, matrix: sp.csr_array, seed: int) -> ClosedForm:
        """The same of other interactions, users x movies."""
        spectral, paths = self.spectral, self.paths
        if self.spectral_settings is not None:
            spectral = Spectral.fit(matrix, self.spectral_settings, seed)
        if self.paths_settings is not None:
            paths = LinkPropagation.fit(matrix, self.paths_settings)
        return replace(self, spectral=spectral, paths=paths, others=None)


# --- the spectral part


@dataclass(frozen=True, slots=True, eq=False)
class SpectralCandidates:
    """Spectral parts of the training interactions, of one decomposition for each kind.

    Attributes:
        matrix: these interactions, users x movies.
        truncated, ridge: the decompositions, of the most columns; None where no ridge regression
            is tried.
        settings: the candidates; first what is best alone.
    """

    matrix: sp.csr_array
    truncated: Decomposition
    ridge: Decomposition | None = None
    settings: tuple[SpectralSettings, ...] = ()

    @classmethod
    def of(cls, validator: Validator, dim: int, seed: int) -> SpectralCandidates:
        """Those with about as many columns, or about such a penalty, as are best alone.

        Half as many columns, or half the rank of the penalty, for as long as that is better; then
        the best, twice and half as many of both kinds. A ridge regression is tried where the
        columns are at least `RIDGE_FRACTION` of all there are: it lives on many of them. Without
        validation there is one, of `DIM` columns at most.
        """
        matrix, can_score = validator.matrix, validator.can_score
        dim = most_columns(dim, sum(matrix.shape))
        truncated = SpectralSettings(dim if can_score else min(dim, DIM))
        made = cls(matrix, Decomposition.fit(matrix, truncated, seed))
        truncated = replace(truncated, dim=len(made.truncated.singular))
        if not can_score:
            return replace(made, settings=(truncated,))
        kinds = [[replace(truncated, dim=dim) for dim in _halves(truncated.dim)]]
        if dim >= RIDGE_FRACTION * min(matrix.shape) and len(ranks := _halves(truncated.dim)) > 1:
            exponent = RIDGE_EXPONENT
            ridge = replace(truncated, user_exponent=exponent, movie_exponent=exponent)
            made = replace(made, ridge=Decomposition.fit(matrix, ridge, seed))
            kinds.append([replace(ridge, ridge=rank) for rank in ranks[1:]])
        chosen = list[tuple[float, list[SpectralSettings]]]()
        for candidates in kinds:
            ndcgs = list[float]()
            for own in candidates:
                ndcgs.append(made.ndcg(validator, own))
                if len(ndcgs) > 1 and not ndcgs[-1] > ndcgs[-2]:
                    break
            best = int(np.argmax(ndcgs))
            beside = candidates[best + 1 : best + 2] + candidates[max(best - 1, 0) : best]
            chosen.append((ndcgs[best], [candidates[best], *beside]))
        chosen.sort(key=lambda pair: -pair[0])
        return replace(made, settings=tuple(own for _, each in chosen for own in each))

    def make(self, settings: SpectralSettings) -> Spectral:
        """One of them."""
        decomposition = self.ridge if settings.ridge and self.ridge else self.truncated
        return Spectral.from_decomposition(decomposition, self.matrix, settings)

    def ndcg(self, validator: Validator, settings: SpectralSettings) -> float:
        """Validation NDCG@20 of one alone, by some of the users."""
        degree = np.asarray(self.matrix.sum(axis=0))
        nothing = np.zeros((len(degree), 0), np.float32)
        blend, part = Blend(spectral=1.0), self.make(settings)
        model = HybridModel.assemble({}, part, features=nothing, degree=degree, blend=blend)
        return validator.ndcg(ModelScorer(model, validator.history))


def _halves(most: int) -> list[int]:
    """A number, its half and so on, down to `SMALLEST_DIM`."""
    found = [most]
    while found[-1] // 2 >= SMALLEST_DIM:
        found.append(found[-1] // 2)
    return found
