"""A score as inner products of what a user's watches add up to, part by part of the model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from graphrec.evaluate.ranking import Scorer
from graphrec.evaluate.scorers import EmbeddingScorer, Mixture, SpectralScorer, SumScorer

ID, SPECTRAL, METADATA = "id", "spectral", "metadata"


@dataclass(frozen=True, slots=True, eq=False)
class Sum:
    """A user's embedding by one part, and what each watched movie adds to it.

    Attributes:
        added: by watched movie, float64 [H, D].
        whole: with what is of no watched movie, float64 [D].
    """

    added: np.ndarray
    whole: np.ndarray

    def unit(self) -> Sum:
        """The same, scaled so that the whole has length 1."""
        length = max(float(np.linalg.norm(self.whole)), 1e-12)
        return Sum(self.added / length, self.whole / length)


@dataclass(frozen=True, slots=True, eq=False)
class Term:
    """What one part of the model has in a score: an inner product, and popularity.

    Attributes:
        by_watch: what each watched movie adds, float64 [H].
        own: what the rest of the user's embedding adds.
        popularity: what the movie's popularity adds.
        here: the part's weight in the score.
    """

    by_watch: np.ndarray
    own: float
    popularity: float
    here: float


def terms_of(
    scorer: SumScorer, mixture: Mixture, row: int, sums: dict[str, Sum]
) -> dict[str, Term]:
    """The terms of one user's score of one movie; with `Mixture.unwatched` they add up to it.

    Args:
        scorer: of that user alone, as `model_scorer` makes it.
        mixture: what it was made by.
        row: the movie.
        sums: the user's embeddings by part, of length 1 where the part's scores are cosines.
    """
    named = zip(_names(mixture), scorer.parts, strict=True)
    return {name: _term(sums[name], _movies(part)[row], weight) for name, (weight, part) in named}


def _names(mixture: Mixture) -> list[str]:
    """The parts that count, in the order in which `mixture_scorer` adds them up."""
    weights = {
        ID: mixture.id and mixture.id.weight,
        SPECTRAL: mixture.spectral_weight,
        METADATA: mixture.metadata and mixture.metadata.weight,
    }
    return [name for name, weight in weights.items() if weight]


def _movies(part: Scorer) -> Tensor:
    """What a part's scores are inner products with, [M, D]; popularity may be one more column."""
    if isinstance(part, SpectralScorer):
        return torch.from_numpy(part.part.movie)
    assert isinstance(part, EmbeddingScorer)
    return part.movie


def _term(user: Sum, movie: Tensor, weight: float) -> Term:
    vector, popularity = np.split(weight * movie.double().numpy(), [len(user.whole)])
    by_watch = user.added @ vector
    own = float(user.whole @ vector - by_watch.sum())
    return Term(by_watch, own, float(popularity.sum()), weight)
