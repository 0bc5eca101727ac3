"""For whom and for what a model ranks well, on the validation part: what a plot of it needs."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from graphrec.evaluate.metrics import ndcg_at_k
from graphrec.evaluate.ranking import Scorer
from graphrec.evaluate.report import hits
from graphrec.processes import all_rows, all_sum
from graphrec.train.validation import VALID_K, Tried, Validator

NUM_BINS = 8


@dataclass(frozen=True, slots=True)
class Bin:
    """A mean over users or interactions that are alike.

    Attributes:
        low, high: interactions in the training part that they have, both included.
        count: how many there are.
        mean: of NDCG@20 or recall@20.
        error: its standard error.
    """

    low: int
    high: int
    count: int
    mean: float
    error: float


@dataclass(frozen=True, slots=True)
class Quality:
    """What validation says of a model beside one number.

    Attributes:
        tried: the weights that were compared, in their order.
        by_activity: NDCG@20 of users by the number of their training interactions.
        by_popularity: recall@20 of validation interactions by that of their movies.
    """

    tried: tuple[Tried, ...] = field(repr=False, default=())
    by_activity: tuple[Bin, ...] = field(repr=False, default=())
    by_popularity: tuple[Bin, ...] = field(repr=False, default=())

    @property
    def ndcg(self) -> float:
        """NDCG@20 of all users; NaN without any."""
        users = sum(one.count for one in self.by_activity)
        return sum(one.count * one.mean for one in self.by_activity) / users if users else math.nan


def measure_quality(validator: Validator, scorer: Scorer, tried: list[Tried]) -> Quality:
    """The quality of a model of the training part.

    Args:
        validator: with validation interactions.
        scorer: of the model.
        tried: as `choose_blend` filled it.
    """
    num_movies = validator.target.shape[1]
    users = np.sort(validator.users)
    found = np.zeros(num_movies, dtype=np.int64)
    ndcg = [np.zeros(0)]
    relevant = np.diff(validator.target.indptr)
    for (block,) in validator.ranked(lambda some: [scorer.score(some)], users):
        right = hits(block, validator.target)
        ndcg.append(ndcg_at_k(right, relevant[block.users], VALID_K))
        found += np.bincount(block.movies[right], minlength=num_movies)
    found = all_sum(found)
    wanted = all_sum(np.bincount(validator.target.indices, minlength=num_movies))
    degree = all_sum(np.asarray(validator.matrix.sum(axis=0))).astype(np.int64)
    rank = np.arange(wanted.sum()) - np.repeat(np.cumsum(wanted) - wanted, wanted)
    is_found = rank < np.repeat(found, wanted)  # which of a movie's doesn't matter
    return Quality(
        tuple(tried),
        _bins(all_rows(np.diff(validator.history.indptr)[users]), all_rows(np.concatenate(ndcg))),
        _bins(np.repeat(degree, wanted), is_found.astype(np.float64)),
    )


def _bins(number: np.ndarray, value: np.ndarray) -> tuple[Bin, ...]:
    """Means of values by quantiles of a number, int [N]; 0 has a bin of its own."""
    positive = number[number > 0]
    inner = np.quantile(positive, np.arange(1, NUM_BINS) / NUM_BINS) if len(positive) else []
    edges = np.unique([1, *np.floor(inner).astype(np.int64) + 1])
    index = np.searchsorted(edges, number, side="right")
    bins = []
    for one in np.unique(index):
        own, inside = value[index == one], number[index == one]
        error = float(own.std() / np.sqrt(len(own)))
        low, high = int(inside.min()), int(inside.max())
        bins.append(Bin(low, high, len(own), float(own.mean()), error))
    return tuple(bins)
