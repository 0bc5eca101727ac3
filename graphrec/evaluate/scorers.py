"""Embeddings as scorers, and how the parts of a model add up to one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor
from torch.nn import functional

from graphrec.choices import Scoring
from graphrec.evaluate.ranking import Scorer
from graphrec.model.embeddings import Embeddings
from graphrec.model.spectral import SpectralPart


@dataclass(frozen=True, slots=True)
class RankingRule:
    r"""How the embeddings of one part become scores.

    .. math:: s_{ui} = z_u \cdot z_i \quad\text{or}\quad \cos(z_u, z_i) + w \ln d_i

    with d_i the movie's watches. A softmax over cosines with popular movies as its negatives learns
    how much more a user watches a movie than everybody does; what everybody does is put back by w.
    How much of it helps differs from one data set to the next, so it is chosen on validation.

    Attributes:
        scoring: inner product or cosine.
        popularity_weight: w, for cosine only.
        weight: of the part's scores beside those of the other parts.
    """

    scoring: Scoring = Scoring.DOT
    popularity_weight: float = 0.0
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Mixture:
    """How a model ranks: the weighted sum of its parts' scores, each by a rule of its own.

    Attributes:
        id, metadata: rules of the learned parts; None where the model doesn't have the part.
        spectral_weight: of the spectral part (`graphrec.model.spectral`), 0 without one.
        unwatched: added to the scores of movies that nobody has watched. How much people look for
            what has just come out is in no watch of it, so validation must say; 0 where it holds no
            such movie.
    """

    id: RankingRule | None = None
    metadata: RankingRule | None = None
    spectral_weight: float = 0.0
    unwatched: float = 0.0

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Mixture:
        """The mixture that `dataclasses.asdict` wrote, as JSON brought it back."""
        rules = {
            part: None
            if values[part] is None
            else RankingRule(**values[part] | {"scoring": Scoring(values[part]["scoring"])})
            for part in ("id", "metadata")
        }
        return cls(**values | rules)


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddingScorer:
    """Inner products of user embeddings [U, D] and movie embeddings [M, D]."""

    user: Tensor
    movie: Tensor

    @classmethod
    def by_rule(
        cls, user: Tensor, movie: Tensor, log_popularity: Tensor, rule: RankingRule
    ) -> EmbeddingScorer:
        """Scores by a rule, with the popularity as one more column.

        Shapes:
            - `user` [U, D], `movie` [M, D], `log_popularity` [M].
        """
        if rule.scoring is Scoring.DOT:
            return cls(user, movie)
        user, movie = functional.normalize(user, dim=1), functional.normalize(movie, dim=1)
        popularity = rule.popularity_weight * log_popularity[:, None]
        return cls(
            torch.cat([user, torch.ones_like(user[:, :1])], dim=1),
            torch.cat([movie, popularity], dim=1),
        )

    @property
    def num_movies(self) -> int:
        return len(self.movie)

    def score(self, users: np.ndarray) -> Tensor:
        return self.user[torch.from_numpy(users).to(self.user.device)] @ self.movie.T


@dataclass(frozen=True, slots=True, eq=False)
class SpectralScorer:
    """Scores by the spectral part; `watched` is users x movies, what each user has watched."""

    part: SpectralPart
    watched: sp.csr_array

    @property
    def num_movies(self) -> int:
        return len(self.part.movie)

    def score(self, users: np.ndarray) -> Tensor:
        return torch.from_numpy(self.part.users(self.watched[users]) @ self.part.movie.T)


@dataclass(frozen=True, slots=True, eq=False)
class SumScorer:
    """The weighted sum of several scorers' scores.

    Attributes:
        parts: weight and scorer of each.
        shift: added for each movie, float32 [M]; nothing where None.
    """

    parts: tuple[tuple[float, Scorer], ...]
    shift: Tensor | None = None

    @property
    def num_movies(self) -> int:
        return self.parts[0][1].num_movies

    def score(self, users: np.ndarray) -> Tensor:
        (weight, first), *others = self.parts
        total = self.scaled(weight, first.score(users))
        for weight, part in others:
            total.add_(part.score(users).cpu(), alpha=weight)
        return total if self.shift is None else total.add_(self.shift)

    @staticmethod
    def scaled(weight: float, scores: Tensor) -> Tensor:
        """Fresh scores times a weight, on the CPU."""
        return scores.cpu() if weight == 1 else scores.cpu().mul_(weight)


def mixture_scorer(
    *,
    by_id: tuple[float, Scorer] | None = None,
    by_metadata: tuple[float, Scorer] | None = None,
    spectral: tuple[float, Scorer] | None = None,
    degree: Tensor,
    unwatched: float = 0.0,
) -> SumScorer:
    """The sum of those parts that there are, each with its weight.

    Args:
        by_id, by_metadata, spectral: weight and scorer of each part.
        degree: watches of each movie, [M].
        unwatched: see `Mixture`.
    """
    shift = torch.where(degree == 0, unwatched, 0.0) if unwatched else None
    parts = (part for part in (by_id, spectral, by_metadata) if part is not None and part[0])
    return SumScorer(tuple(parts), shift)


def learned_part(
    embeddings: Embeddings, user: np.ndarray, part: str, rule: RankingRule
) -> tuple[float, EmbeddingScorer]:
    """Weight and scorer of one learned part.

    Args:
        embeddings: the model's.
        user: that part's embeddings [N, D] of the users to score for.
        part: ``id`` or ``metadata``.
        rule: how to rank by it.
    """
    by_id = part == "id"
    movie = embeddings.movie if by_id else embeddings.movie_metadata
    foretold = bool(embeddings.movie_metadata.shape[1])
    popularity = embeddings.expected_log_popularity if foretold else embeddings.log_popularity
    users, movies, log_popularity = map(torch.from_numpy, (user, movie, popularity))
    return rule.weight, EmbeddingScorer.by_rule(users, movies, log_popularity, rule)


def model_scorer(
    embeddings: Embeddings,
    user: np.ndarray,
    user_metadata: np.ndarray,
    watched: sp.csr_array,
    mixture: Mixture,
) -> SumScorer:
    """A trained model's scores for some users.

    Args:
        embeddings: the model's.
        user, user_metadata: embeddings [N, D] to score for, by both parts: the trained users' or
            others.
        watched: what each of them has watched, [N, M].
        mixture: how to rank.
    """
    by_id, by_metadata = (
        None if rule is None else learned_part(embeddings, users, part, rule)
        for part, users, rule in (
            ("id", user, mixture.id),
            ("metadata", user_metadata, mixture.metadata),
        )
    )
    return mixture_scorer(
        by_id=by_id,
        by_metadata=by_metadata,
        spectral=(mixture.spectral_weight, SpectralScorer(embeddings.spectral, watched)),
        degree=torch.from_numpy(embeddings.degree),
        unwatched=mixture.unwatched,
    )
