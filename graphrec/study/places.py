"""Where a study measures: movies with many ratings, few, or none, each among its own kind."""

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
PLACES = ("warm", "tail", "cold", "all")
TAIL_SHARE = 0.8
"""The tail are the movies outside the most watched fifth of the warm ones."""
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
FEWEST_MOVIES = 2 * K
"""Among fewer movies a list of 20 says nothing."""
FEWEST_USERS = 20
METRICS = {"ndcg": ndcg_at_k, "recall": recall_at_k}


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Some movies, ranked among themselves, and the held-out watches of them.

    Attributes:
        movies: which, bool [M].
        target: their held-out watches, users x movies.
        users: those who have any, int64.
    """

    movies: np.ndarray
    target: sp.csr_array
    users: np.ndarray

    @property
    def chance(self) -> float:
        """Recall@20 of a list drawn by lot, if nobody had watched any of these movies before."""
        return min(1.0, K / int(self.movies.sum()))


def find_places(interactions: Interactions, split: Split) -> dict[str, Place]:
    """The places of one split by name, `PLACES` and `BUCKETS`; too small ones are left out.

    A movie is cold if it has held-out watches and none that a finished model may know; such without
    any watch at all are nowhere.

    Raises:
        ConfigError: if even the warm movies are too few.
    """
    degree = interactions.movie_degree(split.known)
    held_out = interactions.movie_degree(split.test)
    warm, cold = degree > 0, (degree == 0) & (held_out > 0)
    masks = {"warm": warm, "cold": cold, "all": warm | cold}
    masks["tail"] = warm & (degree <= np.quantile(degree[warm], TAIL_SHARE))
    masks |= {name: inside & (warm | cold) for name, inside in by_ratings(degree).items()}
    target = interactions.to_csr(split.test)
    places = {name: _place(masks[name], target) for name in (*PLACES, *BUCKETS)}
    enough = {
        name: place
        for name, place in places.items()
        if place.movies.sum() >= FEWEST_MOVIES and len(place.users) >= FEWEST_USERS
    }
    if "warm" not in enough:
        raise ConfigError(
            f"the data are too small to study: lists of {K} need {FEWEST_MOVIES} movies with"
            f" ratings and {FEWEST_USERS} users with held-out ones."
        )
    return enough


def by_ratings(degree: np.ndarray) -> dict[str, np.ndarray]:
    """The movies of each of `BUCKETS`, bool [M], by their number of ratings [M]."""
    return {
        name: (degree >= fewest) & (degree <= (np.inf if most is None else most))
        for name, (fewest, most) in BUCKETS.items()
    }


def _place(movies: np.ndarray, target: sp.csr_array) -> Place:
    inside = sp.csr_array(target @ sp.diags_array(movies.astype(np.float32)))
    inside.eliminate_zeros()
    return Place(movies, inside, np.flatnonzero(np.diff(inside.indptr)))


def measure(
    scorer: Scorer, places: Mapping[str, Place], watched: sp.csr_array, seed: int
) -> dict[str, dict[str, np.ndarray]]:
    """NDCG@20 and recall@20 in every place, for each of its users.

    Args:
        scorer: what to measure.
        places: where.
        watched: users x movies, what is not ranked again.
        seed: of the draw among equal scores.

    Returns:
        By place ``users`` int64 [n], ``ndcg`` and ``recall`` float64 [n], and ``luck`` float64 [M]:
        how far each movie pulls the mean NDCG from what it would be without it, sum 0. With G what
        a movie adds to the mean and R its share in what users look for, it is G - mean R.
    """
    everyone = np.unique(np.concatenate([place.users for place in places.values()]))
    masks = [torch.from_numpy(~place.movies) for place in places.values()]

    def score(users: np.ndarray) -> Iterable[Tensor]:
        scores = scorer.score(users).cpu()
        return (scores.masked_fill(mask, -torch.inf) for mask in masks)

    found: dict[str, list[tuple[np.ndarray, ...]]] = {name: [] for name in places}
    gain = {name: np.zeros(scorer.num_movies) for name in places}
    for blocks in rank_all(score, scorer.num_movies, everyone, K, history=watched, seed=seed):
        for (name, place), block in zip(places.items(), blocks, strict=True):
            right = hits(block, place.target)
            relevant = np.diff(place.target.indptr)[block.users]
            here = relevant > 0
            values = (metric(right[here], relevant[here], K) for metric in METRICS.values())
            found[name].append((block.users[here], *values))
            gain[name] += _gain(block.movies[here], right[here], relevant[here], scorer.num_movies)
    measured = {
        name: dict(
            zip(("users", *METRICS), map(np.concatenate, zip(*parts, strict=True)), strict=True)
        )
        for name, parts in found.items()
    }
    for name, arrays in measured.items():
        target, number = places[name].target, len(arrays["users"])
        wanted = sp.diags_array(1 / np.maximum(np.diff(target.indptr), 1)) @ target
        share = np.asarray(wanted.sum(axis=0)) / number
        arrays["luck"] = gain[name] / number - arrays["ndcg"].mean() * share
    return measured


def _gain(
    movies: np.ndarray, right: np.ndarray, num_relevant: np.ndarray, num_movies: int
) -> np.ndarray:
    """What each movie adds to the sum of NDCG over users, [M]; see `ndcg_at_k`."""
    discount = 1 / np.log2(np.arange(2, right.shape[1] + 2))
    ideal = np.cumsum(discount)[np.minimum(num_relevant, len(discount)) - 1]
    share = discount / ideal[:, None]
    return np.bincount(movies[right], weights=share[right], minlength=num_movies)
