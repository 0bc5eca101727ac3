"""The subsets of movies that a study measures on, by number of ratings; each is ranked alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from graphrec.data.interactions import Interactions
from graphrec.data.split import Split
from graphrec.errors import ConfigError
from graphrec.evaluate.metrics import ndcg_at_k, recall_at_k
from graphrec.evaluate.ranking import Scorer, rank_all
from graphrec.evaluate.report import hits

K = 20
SUBSETS = ("warm", "tail", "cold", "all")
TAIL_FRACTION = 0.8
"""The tail are the warm movies without the most popular fifth."""
BUCKETS: dict[str, tuple[int, int | None]] = {
    "0": (0, 0),
    "1-2": (1, 2),
    "3-5": (3, 5),
    "6-10": (6, 10),
    "11-20": (11, 20),
    "21-50": (21, 50),
    "51+": (51, None),
}
"""Movies by their number of training ratings, fewest and most."""
MIN_MOVIES = 2 * K
"""Among fewer movies a list of 20 says nothing."""
MIN_USERS = 20

Measured = dict[str, dict[str, np.ndarray]]
"""What `measure` gives."""


@dataclass(frozen=True, slots=True, eq=False)
class Subset:
    """Some movies, ranked among themselves, and their held-out interactions.

    Attributes:
        movies: which, bool [M].
        target: their held-out interactions, users x movies.
        users: those who have any, int64.
    """

    movies: np.ndarray
    target: sp.csr_array
    users: np.ndarray

    @property
    def chance(self) -> float:
        """Recall@20 of a random list, if nobody had rated any of these movies before."""
        return min(1.0, K / int(self.movies.sum()))


def find_subsets(interactions: Interactions, split: Split) -> dict[str, Subset]:
    """The subsets of one split by name, `SUBSETS` and `BUCKETS`; too small ones are left out.

    A movie is cold if it has held-out interactions and none that a finished model may be trained
    on; movies without any interaction at all are in no subset.

    Raises:
        ConfigError: if even the warm movies are too few.
    """
    degree = interactions.movie_degree(split.known)
    warm = degree > 0
    cold = ~warm & (interactions.movie_degree(split.test) > 0)
    tail = warm & (degree <= np.quantile(degree[warm], TAIL_FRACTION))
    masks = {"warm": warm, "tail": tail, "cold": cold, "all": warm | cold}
    masks |= {name: inside & (warm | cold) for name, inside in by_ratings(degree).items()}
    target, found = interactions.to_csr(split.test), {}
    for name, movies in masks.items():
        inside = sp.csr_array(target @ sp.diags_array(movies.astype(np.float32)))
        inside.eliminate_zeros()
        users = np.flatnonzero(np.diff(inside.indptr))
        if movies.sum() >= MIN_MOVIES and len(users) >= MIN_USERS:
            found[name] = Subset(movies, inside, users)
    if "warm" not in found:
        raise ConfigError(
            f"the data are too small to study: lists of {K} need at least {MIN_MOVIES} movies"
            f" with ratings, and {MIN_USERS} users with held-out ratings."
        )
    return found


def by_ratings(degree: np.ndarray) -> dict[str, np.ndarray]:
    """The movies of each of `BUCKETS`, bool [M], by their number of ratings [M]."""
    return {
        name: (degree >= fewest) & (degree <= (np.inf if most is None else most))
        for name, (fewest, most) in BUCKETS.items()
    }


def measure(
    scorer: Scorer, subsets: Mapping[str, Subset], history: sp.csr_array, seed: int
) -> Measured:
    """NDCG@20 and recall@20 on every subset, for each of its users.

    Args:
        scorer: what to measure.
        subsets: on which movies.
        history: users x movies, what is not ranked again.
        seed: of the random order of equal scores.

    Returns:
        By subset ``users`` int64 [n], ``ndcg`` and ``recall`` float64 [n], and ``movie_influence``
        float64 [M]: how far each movie pulls the mean NDCG from what it would be without it, sum 0.
        With G what a movie adds to the mean and R its fraction of what users look for, it is
        G - mean R.
    """
    everyone = np.unique(np.concatenate([subset.users for subset in subsets.values()]))
    others = [torch.from_numpy(~subset.movies) for subset in subsets.values()]

    def score(users: np.ndarray) -> Iterable[Tensor]:
        scores = scorer.score(users).cpu()
        return (scores.masked_fill(mask, -torch.inf) for mask in others)

    found: dict[str, list[tuple[np.ndarray, ...]]] = {name: [] for name in subsets}
    gain = {name: np.zeros(scorer.num_movies) for name in subsets}
    for blocks in rank_all(score, scorer.num_movies, everyone, K, history=history, seed=seed):
        for (name, subset), block in zip(subsets.items(), blocks, strict=True):
            relevant = np.diff(subset.target.indptr)[block.users]
            wanted = relevant > 0
            relevant, right = relevant[wanted], hits(block, subset.target)[wanted]
            ndcg, recall = ndcg_at_k(right, relevant, K), recall_at_k(right, relevant, K)
            found[name].append((block.users[wanted], ndcg, recall))
            gain[name] += _gain(block.movies[wanted], right, relevant, scorer.num_movies)
    measured: Measured = {}
    for name, subset in subsets.items():
        users, ndcg, recall = map(np.concatenate, zip(*found[name], strict=True))
        relevant = np.maximum(np.diff(subset.target.indptr), 1)
        looked_for = (sp.diags_array(1 / relevant) @ subset.target).sum(axis=0)
        influence = (gain[name] - ndcg.mean() * np.asarray(looked_for)) / len(users)
        measured[name] = {
            "users": users,
            "ndcg": ndcg,
            "recall": recall,
            "movie_influence": influence,
        }
    return measured


def _gain(
    movies: np.ndarray, right: np.ndarray, num_relevant: np.ndarray, num_movies: int
) -> np.ndarray:
    """What each movie adds to the sum of NDCG over users, [M]; see `ndcg_at_k`."""
    discount = 1 / np.log2(np.arange(2, right.shape[1] + 2))
    ideal = np.cumsum(discount)[np.minimum(num_relevant, len(discount)) - 1]
    weights = discount / ideal[:, None]
    return np.bincount(movies[right], weights=weights[right], minlength=num_movies)
