"""How similar movies are: collaboratively, by metadata, and by plain features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from graphrec.config import Similarity
from graphrec.errors import ConfigError
from graphrec.recommend.vectors import MovieEmbeddings

LEARNED = (Similarity.COLLABORATIVE, Similarity.METADATA)
"""The two learned parts, of which `Similarity.BOTH` is the mean."""
ORDER = (*LEARNED, Similarity.BOTH, Similarity.FEATURES)
_NEEDS = {
    Similarity.COLLABORATIVE: "ID part",
    Similarity.METADATA: "metadata part",
    Similarity.FEATURES: "metadata",
}


@dataclass(frozen=True, slots=True, eq=False)
class Closest:
    """The movies closest to one, closest first.

    Attributes:
        rows: internal movies, int64 [n].
        score: their cosine, or the mean of two, float64 [n].
        columns: what else is known of each by name, [n].
    """

    rows: np.ndarray
    score: np.ndarray
    columns: dict[str, np.ndarray]


def closest(
    embeddings: MovieEmbeddings,
    row: int,
    k: int,
    by: Similarity,
    *,
    include_unrated: bool = False,
) -> Closest:
    """The k movies closest to one, with every way's cosine; by ``all``, k of each way.

    Movies without interactions are closest to an unrated movie like any other. To a rated one only
    if asked for: their embeddings are predictions, which vary less than what is learned, so they
    would crowd out movies that people really watch together.

    Args:
        embeddings: of all movies.
        row: the movie.
        k: how many.
        by: what to compare.
        include_unrated: whether movies without interactions may be closest to a rated one.

    Raises:
        ConfigError: if the model has nothing to compare by in that way, or of that movie.
    """
    cosines, rated = compare_to(embeddings, row), embeddings.degree > 0
    _check(cosines, by)
    allowed = np.ones_like(rated) if include_unrated or not rated[row] else rated.copy()
    allowed[row] = False
    if by is Similarity.ALL:
        return _each_way(cosines, rated, allowed, row, k)
    rows = _best(cosines[by], allowed, k)
    shown = (way for way in ORDER if way in cosines and way is not Similarity.BOTH)
    columns = {way.value: cosines[way][rows] for way in shown}
    return Closest(rows, cosines[by][rows], columns if len(columns) > 1 else {})


def compare_to(embeddings: MovieEmbeddings, row: int) -> dict[Similarity, np.ndarray]:
    """Cosines of every movie with one, float64 [M], in each way that the model offers.

    Collaborative is the embedding by ID, metadata what the model has learned of metadata; features
    are the numbers that it was learned from. The ID embedding of a movie without interactions is
    predicted from metadata (`graphrec.nn.coldstart`). With one of the two learned parts ``both`` is
    that one.
    """
    vectors = {
        Similarity.COLLABORATIVE: embeddings.collaborative,
        Similarity.METADATA: embeddings.metadata,
        Similarity.FEATURES: embeddings.features,
    }
    cosines = {way: _cosine_to(of, row) for way, of in vectors.items() if of.shape[1]}
    learned = [cosines[way] for way in LEARNED if way in cosines]
    return {**cosines, Similarity.BOTH: np.mean(learned, axis=0)}


def overlap(lists: pd.DataFrame) -> pd.DataFrame:
    """How many movies two ways' lists share: a square table of counts, named by the ways.

    Args:
        lists: with columns ``by`` and ``movie_id``, as `Recommender.similar` by ``all`` gives them.

    >>> lists = pd.DataFrame({"by": ["a", "a", "b", "b"], "movie_id": [1, 2, 2, 3]})
    >>> overlap(lists).to_numpy().tolist()
    [[2, 1], [1, 2]]
    """
    ways = list(dict.fromkeys(lists["by"]))
    found = {way: set(lists.loc[lists["by"] == way, "movie_id"]) for way in ways}
    counts = [[len(found[one] & found[other]) for other in ways] for one in ways]
    return pd.DataFrame(counts, index=ways, columns=ways)


def _check(cosines: dict[Similarity, np.ndarray], by: Similarity) -> None:
    if by is not Similarity.ALL and by not in cosines:
        offered = ", ".join(way for way in ORDER if way in cosines and way is not Similarity.BOTH)
        raise ConfigError(
            f"this model has no {_NEEDS[by]} to compare movies by; it compares by {offered}."
        )
    if not (np.any(list(cosines.values())) if by is Similarity.ALL else cosines[by].any()):
        raise ConfigError(
            f"this movie has neither interactions nor metadata that it could be compared by ({by})."
        )


def _each_way(
    cosines: dict[Similarity, np.ndarray],
    rated: np.ndarray,
    allowed: np.ndarray,
    row: int,
    k: int,
) -> Closest:
    """Every way's list under the other's: its name, ranks from 1, and what is found by ID only.

    That is a movie which no list by metadata or features holds, if both it and the one in question
    have interactions: an ID embedding predicted from metadata adds nothing to these.
    """
    ways = [way for way in ORDER if way in cosines and cosines[way].any()]
    if not set(LEARNED) <= set(ways):
        ways = [way for way in ways if way is not Similarity.BOTH]  # it is the other one
    lists = {way: _best(cosines[way], allowed, k) for way in ways}
    rows = np.concatenate(list(lists.values()))
    others = [lists[way] for way in ways if way not in (Similarity.COLLABORATIVE, Similarity.BOTH)]
    by_id = lists.get(Similarity.COLLABORATIVE, rows[:0])
    only = np.setdiff1d(by_id[rated[by_id]], np.concatenate([rows[:0], *others]))
    columns = {
        "by": np.array([way.value for way, found in lists.items() for _ in found], dtype=object),
        "rank": np.concatenate([np.arange(1, len(found) + 1) for found in lists.values()]),
        "collaborative_only": np.isin(rows, only) & bool(others) & rated[row],
    }
    scores = [cosines[way][found] for way, found in lists.items()]
    return Closest(rows, np.concatenate(scores), columns)


def _best(cosine: np.ndarray, allowed: np.ndarray, k: int) -> np.ndarray:
    """The k best of the allowed rows; among equals the first."""
    others = np.flatnonzero(allowed)
    return np.asarray(others[np.argsort(-cosine[others], kind="stable")[:k]])


def _cosine_to(vectors: np.ndarray, row: int) -> np.ndarray:
    """Cosine of every row with one row, float64 [n]; 0 where a row is zero."""
    length = np.maximum(np.linalg.norm(vectors, axis=1), 1e-12)
    return np.asarray((vectors @ vectors[row]) / (length * length[row]), dtype=np.float64)
