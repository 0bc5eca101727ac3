"""How alike movies are, by the company they keep and by what they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from graphrec.choices import Similarity
from graphrec.errors import ConfigError
from graphrec.model.embeddings import Embeddings

SIDES = (Similarity.COMPANY, Similarity.METADATA)
"""The two learned parts, of which `Similarity.BOTH` is the mean."""
ORDER = (*SIDES, Similarity.BOTH, Similarity.FEATURES)
_NEEDS = {
    Similarity.COMPANY: "ID part",
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


def closest(embeddings: Embeddings, row: int, k: int, by: Similarity) -> Closest:
    """The k movies closest to one, with every way's cosine; by ``all``, k of each way.

    Raises:
        ConfigError: if the model has nothing to compare by in that way, or of that movie.
    """
    cosines = compare_to(embeddings, row)
    _check(cosines, by)
    if by is Similarity.ALL:
        return _each(cosines, embeddings.degree > 0, row, k)
    rows = _best(cosines[by], row, k)
    shown = (way for way in ORDER if way in cosines and way is not Similarity.BOTH)
    sides = {way.value: cosines[way][rows] for way in shown}
    return Closest(rows, cosines[by][rows], sides if len(sides) > 1 else {})


def compare_to(embeddings: Embeddings, row: int) -> dict[Similarity, np.ndarray]:
    """Cosines of every movie with one, float64 [M], in each way that the model offers.

    Company is the embedding by ID, metadata what the model has learned of metadata; features are
    the numbers that it was learned from. The company of a movie that nobody has watched is
    foretold (`graphrec.model.kinship`). With one of the two learned parts ``both`` is that one.
    """
    vectors = {
        Similarity.COMPANY: embeddings.movie,
        Similarity.METADATA: embeddings.movie_metadata,
        Similarity.FEATURES: embeddings.features,
    }
    cosines = {way: _cosine_to(of, row) for way, of in vectors.items() if of.shape[1]}
    learned = [cosines[way] for way in SIDES if way in cosines]
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
            f"nothing is known of this movie that it could be compared by ({by}): training has"
            " neither seen it watched nor read its metadata."
        )


def _each(cosines: dict[Similarity, np.ndarray], watched: np.ndarray, row: int, k: int) -> Closest:
    """Every way's list under the other's: its name, places from 1, and what company alone found.

    That is a movie which no list by metadata or features holds, if people have watched both it and
    the one in question: what company is foretold says nothing that metadata don't.
    """
    ways = [way for way in ORDER if way in cosines and cosines[way].any()]
    if not set(SIDES) <= set(ways):
        ways = [way for way in ways if way is not Similarity.BOTH]  # it is the other one
    lists = {way: _best(cosines[way], row, k) for way in ways}
    rows = np.concatenate(list(lists.values()))
    others = [lists[way] for way in ways if way not in (Similarity.COMPANY, Similarity.BOTH)]
    company = lists.get(Similarity.COMPANY, rows[:0])
    alone = np.setdiff1d(company[watched[company]], np.concatenate([rows[:0], *others]))
    columns = {
        "by": np.array([way.value for way, found in lists.items() for _ in found], dtype=object),
        "rank": np.concatenate([np.arange(1, len(found) + 1) for found in lists.values()]),
        "company_alone": np.isin(rows, alone) & bool(others) & watched[row],
    }
    scores = [cosines[way][found] for way, found in lists.items()]
    return Closest(rows, np.concatenate(scores), columns)


def _best(cosine: np.ndarray, row: int, k: int) -> np.ndarray:
    """The k best rows but `row` itself; among equals the first."""
    others = np.delete(np.arange(len(cosine)), row)
    return np.asarray(others[np.argsort(-cosine[others], kind="stable")[:k]])


def _cosine_to(vectors: np.ndarray, row: int) -> np.ndarray:
    """Cosine of every row with one row, float64 [n]; 0 where a row is zero."""
    length = np.maximum(np.linalg.norm(vectors, axis=1), 1e-12)
    return np.asarray((vectors @ vectors[row]) / (length * length[row]), dtype=np.float64)
