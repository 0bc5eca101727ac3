"""The best movies of many users, under each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from graphrec.errors import ConfigError

if TYPE_CHECKING:
    from graphrec.evaluate.ranking import Scorer


def lists_of(
    scorer: Scorer,
    num_users: int,
    k: int,
    hidden: sp.csr_array | None,
    allowed: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Movies, scores and places from 1 of all users' lists, each [N, k]; [0, 0] for no users.

    Where a user has fewer than k movies left, the place is 0.

    Args:
        scorer: of N users.
        num_users: N.
        k: length of the lists.
        hidden: what not to list, users x movies.
        allowed: bool [M], the only movies to list; all where None.
    """
    from graphrec.evaluate.ranking import rank  # loads torch, which other questions don't need

    if not num_users:
        return np.zeros((0, 0), np.int64), np.zeros((0, 0)), np.zeros((0, 0), np.int64)
    users = np.arange(num_users)
    blocks = list(rank(scorer, users, k, watched=hidden, allowed=allowed))
    movies = np.concatenate([block.movies for block in blocks])
    scores = np.concatenate([block.scores for block in blocks])
    place = np.arange(1, movies.shape[1] + 1) * ~np.isneginf(scores)
    return movies, scores, place


def several(values: Any) -> list[Any]:
    """A list of ids or titles, also if there is only one."""
    return [values] if isinstance(values, str) or np.isscalar(values) else list(values)


def check_k(k: int) -> None:
    """Fail if a list is to hold nothing."""
    if k < 1:
        raise ConfigError(f"k is {k}; it must be 1 or more.")
