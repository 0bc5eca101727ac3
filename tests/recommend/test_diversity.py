"""Lists whose movies differ from each other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from graphrec import Recommender
from graphrec.errors import ConfigError
from graphrec.recommend.diversity import diversify, diversity_vectors


def _one_by_one(scores: np.ndarray, vectors: np.ndarray, k: int, diversity: float) -> list[int]:
    """Maximal marginal relevance as its formula says it, for one list."""
    there = [place for place, score in enumerate(scores) if np.isfinite(score)]
    low, high = min(scores[there]), max(scores[there])
    picked: list[int] = []
    while len(picked) < min(k, len(there)):
        rest = [place for place in there if place not in picked]
        worth = [
            (1 - diversity) * (scores[place] - low) / (high - low)
            - diversity * max((vectors[place] @ vectors[one] for one in picked), default=0)
            for place in rest
        ]
        picked.append(rest[int(np.argmax(worth))])
    return picked


@pytest.mark.parametrize("diversity", [0.0, 0.3, 0.7, 1.0])
def test_it_is_maximal_marginal_relevance(diversity: float) -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(60, 4))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    movies = np.array([rng.permutation(60)[:30] for _ in range(5)])
    scores = -np.sort(rng.normal(size=(5, 30)))
    scores[4, 6:] = -np.inf  # a list of six
    picked = diversify(movies, scores, vectors, 10, diversity)
    for row in range(5):
        expected = _one_by_one(scores[row], vectors[movies[row]], 10, diversity)
        assert picked[row, : len(expected)].tolist() == expected
        assert len(set(picked[row].tolist())) == 10


def test_some_lists_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    vectors, scores = rng.normal(size=(20, 4)), -np.sort(rng.normal(size=(7, 20)))
    movies = np.array([rng.permutation(20) for _ in range(7)])
    whole = diversify(movies, scores, vectors, 5, 0.5)
    monkeypatch.setattr("graphrec.recommend.diversity._AT_ONCE", 200)  # two lists
    np.testing.assert_array_equal(diversify(movies, scores, vectors, 5, 0.5), whole)


def test_equal_scores_are_no_error() -> None:
    movies, scores = np.array([[2, 0, 1]]), np.zeros((1, 3))
    assert diversify(movies, scores, np.eye(3), 2, 0.5).tolist() == [[0, 1]]


def test_lists_grow_more_diverse(recommender: Recommender) -> None:
    vectors = diversity_vectors(recommender.embeddings)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)

    def alike(movies: np.ndarray) -> float:
        return float((vectors[movies] @ vectors[movies].T)[np.triu_indices(len(movies), 1)].mean())

    lists = [
        recommender.recommend([3], k=4, filter_viewed=False, diversity=d)["movie_id"].to_numpy()
        for d in (0.0, 0.5, 1.0)
    ]
    plain = recommender.recommend([3], k=4, filter_viewed=False)["movie_id"]
    assert lists[0].tolist() == plain.tolist()
    assert {movies[0] for movies in lists} == {plain[0]}
    assert alike(lists[0]) >= alike(lists[1]) >= alike(lists[2])
    assert alike(lists[2]) < alike(lists[0])
    similar = [recommender.similar(4, k=4, diversity=d)["movie_id"].to_numpy() for d in (0.0, 1.0)]
    assert alike(similar[1]) < alike(similar[0])
    every = recommender.similar(4, k=4, by="all", diversity=1)
    both = every.loc[every["by"] == "both", "movie_id"]
    assert both.tolist() == similar[1].tolist()


def test_every_movie_is_listed_once(recommender: Recommender) -> None:
    table = recommender.recommend([0, 1], k=40, diversity=0.8)
    for user in (0, 1):
        own = table[table["user_id"] == user]
        assert own["rank"].tolist() == list(range(1, len(own) + 1))
        plain = recommender.recommend([user], k=40)
        assert sorted(own["movie_id"]) == sorted(plain["movie_id"])
    assert sorted(recommender.similar(4, k=40, diversity=1)["movie_id"]) == [
        movie for movie in range(32) if movie != 4
    ]


def test_a_model_without_learned_embeddings(recommender: Recommender) -> None:
    own = recommender.embeddings
    nothing = replace(own, collaborative=own.collaborative[:, :0], metadata=own.metadata[:, :0])
    columns = own.associations.shape[1] + own.features.shape[1]
    assert diversity_vectors(nothing).shape == (32, columns)


@pytest.mark.parametrize("diversity", [-0.1, 1.1, float("nan"), "much"])
def test_it_is_between_0_and_1(recommender: Recommender, diversity: float) -> None:
    for ask in (recommender.similar, recommender.recommend):
        with pytest.raises(ConfigError, match=r"diversity is .*; it must be between 0 and 1"):
            ask(3, diversity=diversity)
