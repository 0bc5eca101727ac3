"""The best movies of many users, under each other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from graphrec.data.tables import MOVIE, TITLE
from graphrec.errors import ConfigError, argument
from graphrec.recommend.diversity import POOL, diversify

if TYPE_CHECKING:
    import scipy.sparse as sp

    from graphrec.evaluate.ranking import Scorer


@dataclass(frozen=True, slots=True, eq=False)
class Audience:
    """Users to recommend to.

    Attributes:
        ids: of each, [N]; None for one new user, who has none.
        history: weight of each interaction, [N, M].
        users: which training users they are, int64 [N]; None for new users.
    """

    ids: np.ndarray | None
    history: sp.csr_array
    users: np.ndarray | None = None


def lists_of(
    scorer: Scorer,
    num_users: int,
    k: int,
    hidden: sp.csr_array | None,
    allowed: np.ndarray | None,
    *,
    diversity: float = 0.0,
    vectors: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Movies, scores and ranks from 1 of all users' lists, each [N, k]; [0, 0] for no users.

    Where a user has fewer than k movies left, the rank is 0.

    Args:
        scorer: of N users.
        num_users: N.
        k: length of the lists.
        hidden: what not to list, users x movies.
        allowed: bool [M], the only movies to list; all where None.
        diversity, vectors: as for `graphrec.recommend.diversity.diversify`; by score alone where
            there are no vectors.
    """
    from graphrec.evaluate.ranking import rank  # loads torch, which other questions don't need

    if not num_users:
        return np.zeros((0, 0), np.int64), np.zeros((0, 0)), np.zeros((0, 0), np.int64)
    pool = k if vectors is None else POOL * k
    found = []
    for block in rank(scorer, np.arange(num_users), pool, history=hidden, allowed=allowed):
        movies, scores = block.movies, block.scores
        if vectors is not None:
            k = min(k, movies.shape[1])
            picked = diversify(movies, scores, vectors, k, diversity)
            movies, scores = (np.take_along_axis(own, picked, axis=1) for own in (movies, scores))
        found.append((movies, scores))
    movies, scores = (np.concatenate(part) for part in zip(*found, strict=True))
    ranks = np.arange(1, movies.shape[1] + 1) * ~np.isneginf(scores)
    return movies, scores, ranks


def movie_table(
    movies: pd.DataFrame, num_new: int, rows: np.ndarray, scores: np.ndarray
) -> pd.DataFrame:
    """Ids, titles and scores of some movies, and which are new where some of all are.

    Args:
        movies: all of them, the `num_new` new ones last.
        rows: which, int64 [n].
        scores: of each, [n].
    """
    table = pd.DataFrame(
        {
            MOVIE: movies[MOVIE].to_numpy()[rows],
            TITLE: movies[TITLE].to_numpy()[rows],
            "score": scores.astype(np.float64),
        }
    )
    return table.assign(new=rows >= len(movies) - num_new) if num_new else table


def several(values: Any) -> list[Any]:
    """A list of ids or titles, also if there is only one."""
    if hasattr(values, "to_pylist"):  # Arrow's arrays, which would give scalars of their own
        return list(values.to_pylist())
    is_one = isinstance(values, str) or not isinstance(values, Iterable)
    return [values] if is_one else list(values)


def check_k(k: Any) -> None:
    """Fail if k isn't a length that a list can have."""
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)):
        raise ConfigError(argument("k"), f" is {k!r}; it must be a whole number.")
    if k < 1:
        raise ConfigError(argument("k"), f" is {k}; it must be 1 or more.")
