"""What validation decides: how good embeddings are, and how to rank with them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from torch import Tensor

from graphrec.choices import Loss, Scoring
from graphrec.data.interactions import Interactions
from graphrec.data.split import Split
from graphrec.evaluate.metrics import ndcg_at_k
from graphrec.evaluate.ranking import RankedBlock, Scorer, rank_all
from graphrec.evaluate.report import hits
from graphrec.evaluate.scorers import EmbeddingScorer, RankingRule
from graphrec.train.config import TrainConfig

VALID_K = 20
POPULARITY_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the temperature, see `RankingRule`
QUICK_USERS = 2_000
"""Enough users to see an epoch's progress by; the last choices look at all of validation."""


@dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """Mean NDCG@20 of the validation watches, all movies ranked but those already watched.

    Attributes:
        learned: training watches, users x movies.
        watched: the same, and what users who are folded in have watched.
        target: validation watches, users x movies.
        users: those with validation watches, int64, in random order.
        seed: of the draw among equal scores.
        allowed: bool [M], the only movies that are ranked; None for all.
    """

    learned: sp.csr_array
    watched: sp.csr_array
    target: sp.csr_array
    users: np.ndarray
    seed: int
    allowed: np.ndarray | None = None

    @classmethod
    def of(cls, interactions: Interactions, split: Split, seed: int) -> Judge:
        """The judge of one split."""
        target = interactions.to_csr(split.valid)
        users = np.random.default_rng(seed).permutation(np.flatnonzero(np.diff(target.indptr)))
        learned = interactions.to_csr(split.train)
        watched = learned
        if len(split.valid_history):
            watched = interactions.to_csr(np.concatenate([split.train, split.valid_history]))
        return cls(learned, watched, target, users, seed)

    def of_warm(self) -> Judge:
        """The judge of those movies alone that training has seen."""
        return self.among(np.asarray(self.learned.sum(axis=0)) > 0)

    def of_cold(self) -> Judge:
        """The judge of those movies alone that are to be found and that training has not seen."""
        is_wanted = np.asarray(self.target.sum(axis=0)) > 0
        return self.among(is_wanted & (np.asarray(self.learned.sum(axis=0)) == 0))

    def among(self, movies: np.ndarray) -> Judge:
        """The judge of some movies alone, bool [M]."""
        target = sp.csr_array(self.target @ sp.diags_array(movies.astype(np.float32)))
        target.eliminate_zeros()
        users = self.users[np.diff(target.indptr)[self.users] > 0]
        return replace(self, target=target, users=users, allowed=movies)

    @property
    def has_unwatched(self) -> bool:
        """Whether movies are to be found that training has not seen."""
        return bool((np.asarray(self.learned.sum(axis=0)) == 0)[self.target.indices].any())

    @property
    def can_judge(self) -> bool:
        """Whether there is anything to judge by."""
        return len(self.users) > 0

    def quality(self, scorer: Scorer) -> float:
        """NDCG@20 of one scorer, by some of the users."""
        return float(self.qualities(lambda users: [scorer.score(users)], QUICK_USERS)[0])

    def best_rule(
        self, user: Tensor, movie: Tensor, rules: list[RankingRule], log_popularity: Tensor
    ) -> tuple[int, float]:
        """The place of the best of some rules, and its quality, by some of the users."""
        scorers = [EmbeddingScorer.by_rule(user, movie, log_popularity, r) for r in rules]
        values = self.qualities(lambda users: (s.score(users) for s in scorers), QUICK_USERS)
        return int(values.argmax()), float(values.max())

    def qualities(
        self, score: Callable[[np.ndarray], Iterable[Tensor]], num_users: int | None = None
    ) -> np.ndarray:
        """NDCG@20 by several scorings, by some of the users or all."""
        users = np.sort(self.users[:num_users])
        if not len(users):
            return np.array([math.nan])
        relevant = np.diff(self.target.indptr)
        total: np.ndarray | float = 0.0
        for ranked in self._ranked(score, users):
            total = total + np.array(
                [
                    ndcg_at_k(hits(block, self.target), relevant[block.users], VALID_K).sum()
                    for block in ranked
                ]
            )
        return np.asarray(total) / len(users)

    def shares(
        self, score: Callable[[np.ndarray], Iterable[Tensor]], movies: np.ndarray
    ) -> np.ndarray:
        """Which part of the first 20 are some movies, bool [M], by several scorings."""
        blocks = [
            [movies[block.movies].mean() for block in ranked]
            for ranked in self._ranked(score, np.sort(self.users[:QUICK_USERS]))
        ]
        return np.asarray(np.mean(blocks, axis=0))

    def _ranked(
        self, score: Callable[[np.ndarray], Iterable[Tensor]], users: np.ndarray
    ) -> Iterator[list[RankedBlock]]:
        return rank_all(
            score,
            self.target.shape[1],
            users,
            VALID_K,
            watched=self.watched,
            allowed=self.allowed,
            seed=self.seed,
        )


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
