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
        shrinkage: kappa of `trust_in_company`, where there is metadata to expect something from.
        unwatched: added to the scores of movies that nobody has watched. How much people look for
            what has just come out is in no watch of it, so validation must say; 0 where it holds no
            such movie.
    """

    id: RankingRule | None = None
    metadata: RankingRule | None = None
    spectral_weight: float = 0.0
    shrinkage: float = 0.0
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


@dataclass(frozen=True, slots=True, eq=False)
class ExpectedScorer:
    r"""What company says of each movie, drawn towards what its metadata lets expect.

    Of a movie with few watches company can say little. For each user, the expected score is what a
    straight line through the user's scores of all watched movies, company's over metadata's, gives
    at the metadata's score of this one:

    .. math:: \hat s_{ui} = \bar s^C_u + \max(0, \beta_u) (s^M_{ui} - \bar s^M_u), \qquad
              s_{ui} = t_i s^C_{ui} + (1 - t_i) \hat s_{ui}

    with line and means weighed by the trust t in movies that have watches. So a movie that few have
    watched stands among the others where movies with such metadata usually stand.

    Attributes:
        company: scores by who watches.
        metadata: scores by what movies are.
        trust: t, float32 [M], 0 to 1.
        watched: bool [M], the movies that have watches; not all without trust.
    """

    company: Scorer
    metadata: Scorer
    trust: Tensor
    watched: Tensor

    @property
    def num_movies(self) -> int:
        return self.company.num_movies

    def score(self, users: np.ndarray) -> Tensor:
        scores, mean, offset, slope = self.line(users)
        return torch.lerp(offset.mul_(slope).add_(mean), scores, self.trust)

    @property
    def line_weight(self) -> Tensor:
        """What each movie counts for line and means, [M]; sums to 1."""
        weight = self.trust * self.watched
        return weight / weight.sum()

    def line(self, users: np.ndarray) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Each user's line: what it goes through, and how steep it is.

        Shapes:
            - returns company's scores [B, M], their mean [B, 1], how far metadata's scores are from
              their mean [B, M], and the slope, 0 or above, [B, 1].
        """
        weight = self.line_weight
        scores, by_metadata = self.company.score(users).cpu(), self.metadata.score(users).cpu()
        mean, middle = (scores @ weight)[:, None], (by_metadata @ weight)[:, None]
        by_metadata -= middle
        slope = (
            ((scores - mean) * by_metadata) @ weight / (by_metadata.square() @ weight).clamp(1e-12)
        )
        return scores, mean, by_metadata, slope.clamp(0)[:, None]


def trust_in_company(degree: Tensor, shrinkage: float) -> Tensor:
    r"""How far a movie's company is to be believed: :math:`t_i = d_i / (d_i + \kappa)`.

    With kappa 0 fully. For a movie without watches it is 1: its company is already what its
    metadata let expect (`graphrec.model.kinship`).

    Args:
        degree: watches of each movie, [M].
        shrinkage: kappa, the number of watches that are believed by half.
    """
    degree = degree.float()
    return torch.where(degree > 0, degree / (degree + shrinkage).clamp(min=1e-12), 1.0)


def mixture_scorer(
    *,
    by_id: tuple[float, Scorer] | None = None,
    by_metadata: tuple[float, Scorer] | None = None,
    spectral: tuple[float, Scorer] | None = None,
    degree: Tensor,
    shrinkage: float = 0.0,
    unwatched: float = 0.0,
) -> SumScorer:
    """The sum of those parts that there are, each with its weight.

    Args:
        by_id, by_metadata, spectral: weight and scorer of each part.
        degree: watches of each movie, [M].
        shrinkage, unwatched: see `Mixture`.
    """
    shift = torch.where(degree == 0, unwatched, 0.0) if unwatched else None
    company = [part for part in (by_id, spectral) if part is not None and part[0]]
    if by_metadata is None or not by_metadata[0]:
        return SumScorer(tuple(company), shift)
    trust = trust_in_company(degree, shrinkage)
    if bool((trust < 1).any()):
        own = by_metadata[1]
        company = [(w, ExpectedScorer(part, own, trust, degree > 0)) for w, part in company]
    return SumScorer((*company, by_metadata), shift)


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
        shrinkage=mixture.shrinkage,
        unwatched=mixture.unwatched,
    )
