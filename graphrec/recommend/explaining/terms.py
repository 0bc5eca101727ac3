"""A score as inner products of what a user's watches add up to, part by part of the model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from graphrec.evaluate.ranking import Scorer
from graphrec.evaluate.scorers import (
    EmbeddingScorer,
    ExpectedScorer,
    Mixture,
    SpectralScorer,
    SumScorer,
)

ID, SPECTRAL, METADATA = "id", "spectral", "metadata"
_ONLY_USER = np.array([0])


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
        here: how much of the part's own score of the movie is in the score; the rest is of its mean
            score, towards which the model draws what it says of movies with few watches.
    """

    by_watch: np.ndarray
    own: float
    popularity: float
    here: float


def terms_of(
    scorer: SumScorer, mixture: Mixture, row: int, sums: dict[str, Sum]
) -> dict[str, Term]:
    r"""The terms of one user's score of one movie; with `Mixture.unwatched` they add up to it.

    Where company is drawn towards what metadata let expect (`ExpectedScorer`), a score is

    .. math:: t_i s^C_{ui} + (1 - t_i) (\bar s^C_u + \beta_u (s^M_{ui} - \bar s^M_u))

    and with the slope taken as it is, this is company's own scores, of this movie and on average,
    plus metadata's, of this movie and less their average: what comes through one of them is its.

    Args:
        scorer: of that user alone, as `model_scorer` makes it.
        mixture: what it was made by.
        row: the movie.
        sums: the user's embeddings by part, of length 1 where the part's scores are cosines.
    """
    names = _names(mixture)
    here, mean = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0.0)
    parts: dict[str, Scorer] = {}
    line_weight: Tensor | None = None
    for name, (weight, part) in zip(names, scorer.parts, strict=True):
        if isinstance(part, ExpectedScorer):
            trust, slope = float(part.trust[row]), float(part.line(_ONLY_USER)[3])
            doubt, line_weight, parts[name] = weight * (1 - trust), part.line_weight, part.company
            here[name] += weight * trust
            mean[name] += doubt
            here[METADATA] += doubt * slope
            mean[METADATA] -= doubt * slope
        else:
            here[name] += weight
            parts[name] = part
    return {
        name: _term(sums[name], _movies(parts[name]), row, (here[name], mean[name]), line_weight)
        for name in names
    }


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


def _term(
    user: Sum,
    movies: Tensor,
    row: int,
    amounts: tuple[float, float],
    line_weight: Tensor | None,
) -> Term:
    here, mean = amounts
    direction = here * movies[row].double().numpy()
    if line_weight is not None and mean:
        direction = direction + mean * (line_weight @ movies).double().numpy()
    vector, popularity = np.split(direction, [len(user.whole)])
    by_watch = user.added @ vector
    own = float(user.whole @ vector - by_watch.sum())
    return Term(by_watch, own, float(popularity.sum()), here)
