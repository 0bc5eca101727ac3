"""How similar users are by their vectors, and what they have rated in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from graphrec.data.tables import USER
from graphrec.recommend.reasons import counted_in_common

if TYPE_CHECKING:
    import scipy.sparse as sp

    from graphrec.nn.hybrid import HybridModel

MOST_TITLES = 3


def user_directions(model: HybridModel, vectors: np.ndarray) -> np.ndarray:
    """The users' vectors at length 1, whose inner products are cosines.

    The blocks that are the same for all users, popularity and the weight of unrated movies, are
    left out.

    Args:
        model: whose blocks they consist of.
        vectors: x of the users, [U, K].

    Returns:
        float32 [U, any], rows of length 1 or 0.
    """
    from graphrec.nn.hybrid import ID, METADATA, SPECTRAL  # loads torch

    own = [vectors[:, model.columns[block]] for block in (ID, METADATA, SPECTRAL)]
    found = np.hstack(own)
    length = np.linalg.norm(found, axis=1, keepdims=True)
    return np.asarray(found / np.maximum(length, 1e-12), dtype=np.float32)


def users_in_common(
    history: sp.csr_array,
    movies: np.ndarray,
    others: np.ndarray,
    ids: np.ndarray,
    titles: Sequence[str],
) -> pd.DataFrame:
    """What some users have rated, and what of it is among the movies of one user, too.

    Args:
        history: users x movies.
        movies: internal rows of what that one has rated.
        others: internal users, int64 [n].
        ids: of all users, [U].
        titles: of all movies, [M].

    Returns:
        ``user_id``, ``rated`` (number of movies), ``in_common``, ``expected`` (how many would be in
        common if the other had rated as many at random, popular movies more often than others) and
        ``why``: the two in words, and the titles in common that fewest users have rated.
    """
    degree = np.bincount(history.indices, minlength=history.shape[1])
    own = np.zeros(history.shape[1], dtype=bool)
    own[movies] = True
    chance = degree[own].sum() / max(degree.sum(), 1)
    rows = []
    for other in others.tolist():
        rated = history[[other]].indices
        common = rated[own[rated]]
        rarest = common[np.argsort(degree[common], kind="stable")[:MOST_TITLES]]
        counts = len(common), float(len(rated) * chance)
        names = "; ".join(titles[movie] for movie in rarest)
        why = ": ".join(filter(None, (counted_in_common(*counts), names)))
        rows.append((len(rated), *counts, why))
    table = pd.DataFrame(rows, columns=["rated", "in_common", "expected", "why"])
    table.insert(0, USER, ids[others])
    return table
