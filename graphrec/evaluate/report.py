"""How well a scorer ranks the held-out interactions, with everything that was counted."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp

from graphrec.data.interactions import Interactions
from graphrec.errors import ConfigError
from graphrec.evaluate.metrics import METRICS
from graphrec.evaluate.ranking import RankedBlock, Scorer, rank
from graphrec.notebook import html_card, html_table

DEFAULT_KS = (5, 10, 20, 50)
POPULAR_FRACTION = 0.1  # "popular" are the most rated tenth of the movies


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """What was measured, and on what.

    Attributes:
        metrics: means over users by name, such as ``ndcg@20``; between 0 and 1, novelty in bits.
        per_user: each per-user metric, float64 [users], in the order of `users`.
        users: internal users who have held-out interactions, int64.
        num_interactions: held-out interactions.
        cold_movies: internal held-out movies without a training interaction, int64; they are ranked
            like all others.
        num_cold_interactions: held-out interactions with those movies.
        num_cold_users: users with held-out interactions but none in training.
    """

    metrics: dict[str, float]
    per_user: dict[str, np.ndarray] = field(repr=False)
    users: np.ndarray = field(repr=False)
    num_interactions: int
    cold_movies: np.ndarray = field(repr=False)
    num_cold_interactions: int
    num_cold_users: int

    def counts(self) -> dict[str, int]:
        """What was ranked, for people and for JSON."""
        return {
            "users": len(self.users),
            "test_interactions": self.num_interactions,
            "cold_movies": len(self.cold_movies),
            "cold_interactions": self.num_cold_interactions,
            "cold_users": self.num_cold_users,
        }

    def _repr_html_(self) -> str:
        names, ks = (dict.fromkeys(n.split("@")[p] for n in self.metrics) for p in (0, 1))
        rows = [[name, *(self.metrics[f"{name}@{k}"] for k in ks)] for name in names]
        counts = [[name.replace("_", " "), count] for name, count in self.counts().items()]
        figures = html_table(rows, columns=["", *(f"@{k}" for k in ks)])
        return html_card("ranking of all movies", figures, html_table(counts))


def evaluate_ranking(
    scorer: Scorer,
    interactions: Interactions,
    *,
    known: np.ndarray,
    held_out: np.ndarray,
    ks: tuple[int, ...] = DEFAULT_KS,
    allowed: np.ndarray | None = None,
    seed: int = 0,
) -> Report:
    """Rank all movies except the known ones, for every user with held-out interactions.

    Args:
        scorer: what to evaluate.
        interactions: all of them.
        known: rows the scorer may have learned from, int64.
        held_out: rows to find again, int64, disjoint from `known`.
        ks: list lengths.
        allowed: bool [M], the only movies that are ranked and looked for; all by default.
        seed: of the order of equal scores.

    Raises:
        ConfigError: if nothing is held out, or a length is below 1.
    """
    if allowed is not None:
        held_out = held_out[allowed[interactions.movie[held_out]]]
    if not len(held_out):
        raise ConfigError("no interaction is held out, so there is nothing to evaluate on.")
    if not ks or min(ks) < 1:
        raise ConfigError(f"list lengths must be 1 or more, not {ks}.")
    history, target = interactions.to_csr(known), interactions.to_csr(held_out)
    num_relevant = np.diff(target.indptr)
    users = np.flatnonzero(num_relevant)
    degree = interactions.movie_degree(known)
    movies, found = [], []
    for block in rank(scorer, users, max(ks), history=history, allowed=allowed, seed=seed):
        movies.append(np.where(np.isneginf(block.scores), -1, block.movies))
        found.append(hits(block, target))
    lists, right = np.concatenate(movies), np.concatenate(found)
    per_user = {
        f"{name}@{k}": metric(right, num_relevant[users], k)
        for k in ks
        for name, metric in METRICS.items()
    }
    metrics = {name: float(values.mean()) for name, values in per_user.items()}
    for k in ks:
        metrics |= _beyond_accuracy(lists[:, :k], degree, interactions.num_users, k)
    cold = degree[interactions.movie[held_out]] == 0
    return Report(
        metrics=metrics,
        per_user=per_user,
        users=users,
        num_interactions=len(held_out),
        cold_movies=np.unique(interactions.movie[held_out][cold]),
        num_cold_interactions=int(cold.sum()),
        num_cold_users=int((np.diff(history.indptr)[users] == 0).sum()),
    )


def hits(block: RankedBlock, target: sp.csr_array) -> np.ndarray:
    """Whether each ranked movie was held out for its user: bool [B, k]."""
    num_movies = target.shape[1]
    own = target[block.users].tocoo()
    keys = own.row.astype(np.int64) * num_movies + own.col
    listed = np.arange(len(block.users))[:, None] * num_movies + block.movies
    return np.isin(listed, keys) & ~np.isneginf(block.scores)


def _beyond_accuracy(
    lists: np.ndarray, degree: np.ndarray, num_users: int, k: int
) -> dict[str, float]:
    """Coverage of the catalogue, novelty in bits, and the fraction of popular movies."""
    shown = lists[lists >= 0]
    num_popular = max(1, round(len(degree) * POPULAR_FRACTION))
    popular = degree >= max(1, np.sort(degree)[-num_popular])
    surprise = -np.log2(np.maximum(degree, 1) / num_users)
    return {
        f"coverage@{k}": len(np.unique(shown)) / len(degree),
        f"novelty@{k}": float(surprise[shown].mean()),
        f"popular_fraction@{k}": float(popular[shown].mean()),
    }
