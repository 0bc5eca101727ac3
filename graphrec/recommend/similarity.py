"""How similar movies are: collaboratively, by metadata, and by plain features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from graphrec.config import Similarity
from graphrec.errors import ConfigError, DataError, argument
from graphrec.features.known import KnownFeatures
from graphrec.features.matrix import FeatureEncoder
from graphrec.recommend.diversity import POOL, diversify, diversity_vectors
from graphrec.recommend.vectors import MovieEmbeddings
from graphrec.recommend.wording import TitleWords

LEARNED = (Similarity.COLLABORATIVE, Similarity.METADATA)
"""The two learned parts."""
ORDER = (*LEARNED, Similarity.BOTH, Similarity.FEATURES)
_NEEDS = {
    Similarity.COLLABORATIVE: "collaborative part",
    Similarity.METADATA: "metadata part",
    Similarity.FEATURES: "metadata",
}
LABEL_WEIGHT, TITLE_WEIGHT = 0.2, 2.5
"""Of the blend beside 1 for the root of the collaborative similarity, see docs/similar.md."""


class Likeness:
    """What `Similarity.BOTH` compares besides the learned parts: labels, and words of titles.

    Args:
        encoder: of the features.
        features: of all movies.
        titles: of all movies; None if they were made up.
    """

    def __init__(
        self, encoder: FeatureEncoder, features: KnownFeatures, titles: Sequence[str] | None
    ) -> None:
        self._titles = None if titles is None else TitleWords(titles)
        self._features, self._columns = features, encoder.has_labels
        if not self._columns.any():  # the other columns, then
            self._columns = np.ones_like(self._columns)

    def titles(self, row: int) -> np.ndarray | None:
        """How much of its wording each movie's title shares with one's, 0 to 1, float64 [M]."""
        return None if self._titles is None else self._titles.similarity(row)

    def labels(self, row: int) -> np.ndarray | None:
        """Cosine of each movie's labels, such as genres, with one's, float64 [M].

        Without columns of labels it is the cosine of all features; 0 where nothing is known of
        both, which is about the mean.
        """
        if not len(self._columns):
            return None
        return self._features.cosine_to(row, columns=self._columns)


@dataclass(frozen=True, slots=True, eq=False)
class Closest:
    """The movies closest to one or several, closest first.

    Attributes:
        rows: internal movies, int64 [n].
        score: their similarity, float64 [n].
        columns: what else is known of each by name, [n].
        nearest: which of the movies that were asked for is closest to each, int64 [n].
    """

    rows: np.ndarray
    score: np.ndarray
    columns: dict[str, np.ndarray]
    nearest: np.ndarray


def closest(
    embeddings: MovieEmbeddings,
    rows: int | Sequence[int],
    k: int,
    by: Similarity,
    *,
    likeness: Likeness | None = None,
    include_unrated: bool = False,
    among: np.ndarray | None = None,
    diversity: float = 0.0,
) -> Closest:
    """The k movies closest to one or several, in every way; by ``all``, k of each way.

    The similarity to several movies is the mean of the similarities to each. EASE scores a history
    likewise, by a sum; so a movie that is very close to one of them is listed, too.

    Movies without interactions are closest to an unrated movie like any other. To a rated one only
    if asked for: their embeddings are predictions, which vary less than what is learned, so they
    would crowd out movies that people really watch together.

    Args:
        embeddings: of all movies.
        rows: the movie or movies.
        k: how many.
        by: what to compare.
        likeness: as for `compare_to`.
        include_unrated: whether movies without interactions may be closest to a rated one.
        among: bool [M], the only movies to list; all by default.
        diversity: how much the listed movies should differ from each other, 0 to 1, see
            `graphrec.recommend.diversity`.

    Raises:
        ConfigError: if the model has nothing to compare by in that way, or of these movies.
        DataError: if no movie may be listed.
    """
    asked, rated = np.atleast_1d(np.asarray(rows, dtype=np.int64)), embeddings.degree > 0
    by_features = by in (Similarity.FEATURES, Similarity.ALL)
    each = [compare_to(embeddings, row, likeness, features=by_features) for row in asked.tolist()]
    ways = {way: np.array([one[way] for one in each]) for way in each[0]}
    cosines = {way: values.mean(axis=0) for way, values in ways.items()}
    _check(cosines, by, len(asked), embeddings)
    allowed = np.ones_like(rated) if include_unrated or not rated[asked].any() else rated.copy()
    allowed[asked] = False
    if among is not None:
        allowed &= among
    if not allowed.any():
        rated_only = not include_unrated and rated[asked].any()
        add = ("; add ", argument("include_unrated", True), " for those without ratings")
        raise DataError(
            "there is no other movie that may be listed", *(add if rated_only else ()), "."
        )
    best = partial(_best, allowed=allowed, k=k, embeddings=embeddings, diversity=diversity)
    if by is Similarity.ALL:
        found, score, columns = _each_way(cosines, rated, best, asked)
        by = Similarity.BOTH
    else:
        found = best(cosines[by])
        score = cosines[by][found]
        values = {way: of_all[found] for way, of_all in cosines.items()}
        if embeddings.features.shape[1] and not by_features:  # of those listed only: it is slow
            own = embeddings.known_features
            values[Similarity.FEATURES] = np.mean(
                [own.cosine_to(row, found) for row in asked.tolist()], axis=0
            )
        shown = (way for way in ORDER if way in values and way is not Similarity.BOTH)
        columns = {way.value: values[way] for way in shown}
        columns = columns if len(columns) > 1 else {}
    return Closest(found, score, columns, asked[ways[by][:, found].argmax(axis=0)])


def compare_to(
    embeddings: MovieEmbeddings,
    row: int,
    likeness: Likeness | None = None,
    *,
    features: bool = True,
) -> dict[Similarity, np.ndarray]:
    r"""How similar every movie is to one, float64 [M], in each way that the model offers.

    Collaboratively it is the inner product of their associations (`graphrec.nn.associations`), in
    standard deviations from the mean over all rated movies; those of a movie without interactions
    are predicted from metadata (`graphrec.nn.coldstart`). By metadata it is the cosine of what the
    model has learned of them, and by features of the numbers that it was learned from. ``both`` is

    .. math:: \mathrm{sign}(c) \sqrt{|c|} + a g + b t

    with c the collaborative similarity, g the cosine of labels such as genres in standard
    deviations likewise, t how much of their titles' wording two movies share, and a and b constant.
    The root is there since c of the closest movies is tens of standard deviations, beside which
    nothing else would count. Without a collaborative part it is the similarity by metadata.

    Args:
        embeddings: of all movies.
        row: the movie.
        likeness: labels and titles of the movies; by default they don't count.
        features: whether to compare by features, too.
    """
    ways = {}
    if embeddings.metadata.shape[1]:
        unit = embeddings.unit_metadata
        ways[Similarity.METADATA] = np.asarray(unit @ unit[row], dtype=np.float64)
    if features and embeddings.features.shape[1]:
        ways[Similarity.FEATURES] = embeddings.known_features.cosine_to(row)
    if embeddings.compared.shape[1]:
        product = _products(embeddings, row)
        baseline, scale = _spread(product, _others(embeddings, row))
        ways = {Similarity.COLLABORATIVE: (product - baseline) / scale, **ways}
    labels, titles = (
        (None, None) if likeness is None else (likeness.labels(row), likeness.titles(row))
    )
    own = ways.get(Similarity.COLLABORATIVE)
    if own is None or (labels is None and titles is None):
        return {**ways, Similarity.BOTH: next(ways[way] for way in LEARNED if way in ways)}
    blend = np.sign(own) * np.sqrt(np.abs(own))
    if labels is not None:
        mean, std = _spread(labels, _others(embeddings, row))
        blend += LABEL_WEIGHT * (labels - mean) / std
    if titles is not None:
        blend += TITLE_WEIGHT * titles
    return {**ways, Similarity.BOTH: blend}


def collaborative_scale(embeddings: MovieEmbeddings, row: int) -> tuple[float, float]:
    """Mean and standard deviation of the inner products of a movie's vector with all others'.

    They are over the movies with interactions, and are (0, 1) where all products are the same.
    """
    return _spread(_products(embeddings, row), _others(embeddings, row))


def _products(embeddings: MovieEmbeddings, row: int) -> np.ndarray:
    """Collaborative inner products of all movies with one, float64 [M].

    They are made in single precision: converting all vectors would take most of a query's time.
    """
    own = embeddings.compared
    return np.asarray(own @ own[row], dtype=np.float64)


def _others(embeddings: MovieEmbeddings, row: int) -> np.ndarray:
    """Which movies have interactions, but for the one that they are compared with, bool [M]."""
    others = embeddings.degree > 0
    others[row] = False
    return others


def _spread(values: np.ndarray, of: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of some values, 0 and 1 where there is no difference."""
    chosen = values[of]
    std = float(chosen.std()) if len(chosen) else 0.0
    return (
        (float(chosen.mean()), std)
        if std > 1e-9 * float(np.abs(chosen).max(initial=0))
        else (0.0, 1.0)
    )


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


def _check(
    cosines: dict[Similarity, np.ndarray],
    by: Similarity,
    num_asked: int,
    embeddings: MovieEmbeddings,
) -> None:
    if by is not Similarity.ALL and by not in cosines:
        there = {*cosines, *([Similarity.FEATURES] if embeddings.features.shape[1] else [])}
        offered = ", ".join(way for way in ORDER if way in there and way is not Similarity.BOTH)
        raise ConfigError(
            f"this model has no {_NEEDS[by]} to compare movies by; it compares by {offered}."
        )
    if not (np.any(list(cosines.values())) if by is Similarity.ALL else cosines[by].any()):
        these = "this movie has" if num_asked == 1 else "these movies have"
        raise ConfigError(f"{these} neither interactions nor metadata to be compared by ({by}).")


def _each_way(
    cosines: dict[Similarity, np.ndarray],
    rated: np.ndarray,
    best: Callable[[np.ndarray], np.ndarray],
    asked: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Every way's list under the other's: its name, ranks from 1, and what is found by ID only.

    That is a movie which no list by metadata or features holds, if both it and those in question
    have interactions: an ID embedding predicted from metadata adds nothing to these.
    """
    ways = [way for way in ORDER if way in cosines and cosines[way].any()]
    if not set(LEARNED) <= set(ways):
        ways = [way for way in ways if way is not Similarity.BOTH]  # hardly more than the other one
    lists = {way: best(cosines[way]) for way in ways}
    rows = np.concatenate(list(lists.values()))
    others = [lists[way] for way in ways if way not in (Similarity.COLLABORATIVE, Similarity.BOTH)]
    by_id = lists.get(Similarity.COLLABORATIVE, rows[:0])
    only = np.setdiff1d(by_id[rated[by_id]], np.concatenate([rows[:0], *others]))
    columns = {
        "by": np.array([way.value for way, found in lists.items() for _ in found], dtype=object),
        "rank": np.concatenate([np.arange(1, len(found) + 1) for found in lists.values()]),
        "collaborative_only": np.isin(rows, only) & bool(others) & rated[asked].all(),
    }
    scores = [cosines[way][found] for way, found in lists.items()]
    return rows, np.concatenate(scores), columns


def _best(
    cosine: np.ndarray,
    *,
    allowed: np.ndarray,
    k: int,
    embeddings: MovieEmbeddings,
    diversity: float,
) -> np.ndarray:
    """The k best of the allowed rows; among equals the first."""
    others = np.flatnonzero(allowed)
    size = POOL * k if diversity else k
    own = cosine[others]
    if size < len(own):  # sorting all of them would take half of a query's time
        kept = own >= np.partition(own, len(own) - size)[len(own) - size]
        others, own = others[kept], own[kept]
    found = np.asarray(others[np.argsort(-own, kind="stable")[:size]])
    if not diversity:
        return found
    vectors, length = diversity_vectors(embeddings), min(k, len(found))
    picked = diversify(found[None], cosine[found][None], vectors, length, diversity)
    return np.asarray(found[picked[0]])
