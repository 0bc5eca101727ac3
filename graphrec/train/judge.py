"""What validation decides: how good embeddings are, how to rank with them, how parts combine."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from torch import Tensor

from graphrec.choices import Loss, Scoring
from graphrec.data.interactions import Interactions
from graphrec.data.split import Split
from graphrec.evaluate.metrics import ndcg_at_k
from graphrec.evaluate.ranking import EmbeddingScorer, RankingRule, Scorer, SpectralScorer, rank_all
from graphrec.evaluate.report import hits
from graphrec.model.spectral import SpectralPart
from graphrec.train.config import TrainConfig

VALID_K = 20
POPULARITY_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the temperature, see `RankingRule`
SPECTRAL_SHARES = (0.0, 0.1, 0.15, 0.2, 0.3, 0.45, 0.7, 1.0, 1.5)  # of the learned scores' spread
QUICK_USERS = 2_000
"""Enough users to see an epoch's progress by; the last choices look at all of validation."""
_SPREAD_USERS = 256


@dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """Mean NDCG@20 of the validation watches, all movies ranked but those of the training part.

    Attributes:
        watched: training watches, users x movies.
        target: validation watches, users x movies.
        users: those with validation watches, int64, in random order.
        seed: of the draw among equal scores.
    """

    watched: sp.csr_array
    target: sp.csr_array
    users: np.ndarray
    seed: int

    @classmethod
    def of(cls, interactions: Interactions, split: Split, seed: int) -> Judge:
        """The judge of one split."""
        target = interactions.to_csr(split.valid)
        users = np.random.default_rng(seed).permutation(np.flatnonzero(np.diff(target.indptr)))
        return cls(interactions.to_csr(split.train), target, users, seed)

    @property
    def can_judge(self) -> bool:
        """Whether there is anything to judge by."""
        return len(self.users) > 0

    def quality(self, scorer: Scorer) -> float:
        """NDCG@20 of one scorer, by some of the users."""
        return float(self._qualities(lambda users: [scorer.score(users)], QUICK_USERS)[0])

    def best_rule(
        self, user: Tensor, movie: Tensor, rules: list[RankingRule], log_popularity: Tensor
    ) -> tuple[int, float]:
        """The place of the best of some rules, and its quality, by some of the users."""
        scorers = [EmbeddingScorer.by_rule(user, movie, r, log_popularity) for r in rules]
        values = self._qualities(lambda users: (s.score(users) for s in scorers), QUICK_USERS)
        return int(values.argmax()), float(values.max())

    def combine(
        self,
        user: Tensor,
        movie: Tensor,
        rules: list[RankingRule],
        log_popularity: Tensor,
        spectral: SpectralPart,
    ) -> tuple[RankingRule, float]:
        """The best rule with its best weight of the spectral part, and its quality by all users.

        First the weight, with the first of the rules; then the rule. The weights tried are shares
        of the spread that the learned scores have over movies; the spectral scores' own is 1.
        """
        learned = [EmbeddingScorer.by_rule(user, movie, r, log_popularity) for r in rules]
        added = SpectralScorer(spectral, self.watched)
        spread = float(learned[0].score(self.users[:_SPREAD_USERS]).std(dim=1).mean())
        weights = [share * spread for share in SPECTRAL_SHARES]

        def by_weight(users: np.ndarray) -> Iterable[Tensor]:
            own, other = learned[0].score(users).cpu(), added.score(users)
            return (own + weight * other for weight in weights)

        weight = weights[int(self._qualities(by_weight, len(self.users)).argmax())]

        def by_rule(users: np.ndarray) -> Iterable[Tensor]:
            other = weight * added.score(users)
            return (scorer.score(users).cpu() + other for scorer in learned)

        values = self._qualities(by_rule, len(self.users))
        rule = rules[int(values.argmax())]
        return replace(rule, spectral_weight=weight), float(values.max())

    def _qualities(
        self, score: Callable[[np.ndarray], Iterable[Tensor]], num_users: int
    ) -> np.ndarray:
        """NDCG@20 by several scorings of the first users."""
        users = np.sort(self.users[:num_users])
        if not len(users):
            return np.array([math.nan])
        relevant = np.diff(self.target.indptr)
        blocks = rank_all(
            score, self.target.shape[1], users, VALID_K, watched=self.watched, seed=self.seed
        )
        total: np.ndarray | float = 0.0
        for ranked in blocks:
            total = total + np.array(
                [
                    ndcg_at_k(hits(block, self.target), relevant[block.users], VALID_K).sum()
                    for block in ranked
                ]
            )
        return np.asarray(total) / len(users)


def ranking_rules(config: TrainConfig) -> list[RankingRule]:
    """The ranking rules that validation chooses from, alike ones side by side."""
    dot = [RankingRule(Scoring.DOT)]
    if config.scoring is Scoring.DOT or (config.scoring is None and config.loss is Loss.BPR):
        return dot
    weights = [share * config.temperature for share in POPULARITY_SHARES]
    cosine = [RankingRule(Scoring.COSINE, weight) for weight in weights]
    return cosine if config.scoring is Scoring.COSINE else [*cosine, *dot]


def neighbours(place: int, rules: list[RankingRule]) -> list[int]:
    """A rule's place and those beside it."""
    return [p for p in (place - 1, place, place + 1) if 0 <= p < len(rules)]
