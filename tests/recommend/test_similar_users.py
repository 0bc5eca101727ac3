"""Users compared by their vectors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from graphrec import GraphRecommender, Recommender
from graphrec.data.dataset import make_dataset
from graphrec.errors import ConfigError, UnknownIdError


def test_it_is_the_cosine_but_for_what_all_users_share(recommender: Recommender) -> None:
    table = recommender.similar_users(6, k=39).set_index("user_id")
    columns = recommender.model.columns
    blocks = [recommender.user_vectors_[:, columns[n]] for n in ("id", "metadata", "spectral")]
    vectors = np.hstack(blocks).astype(float)
    length = np.linalg.norm(vectors, axis=1)
    cosine = vectors @ vectors[6] / (length * length[6])
    np.testing.assert_allclose(table["score"], cosine[table.index], atol=1e-5)


def test_users_of_the_same_colour_are_similar(recommender: Recommender) -> None:
    table = recommender.similar_users(6, k=12)
    assert (table["user_id"] % 2 == 0).all()
    assert 6 not in set(table["user_id"])
    assert table["score"].is_monotonic_decreasing
    assert len(recommender.similar_users(6, k=100)) == 39


def test_what_both_have_rated(recommender: Recommender) -> None:
    table = recommender.similar_users(6, k=3)
    history = recommender.history.toarray() > 0
    degree = history.sum(axis=0)
    titles = recommender.movies["title"]
    for other, rated, common, expected, why in table[
        ["user_id", "rated", "in_common", "expected", "why"]
    ].itertuples(index=False):
        both = history[6] & history[other]
        assert rated == history[other].sum()
        assert common == both.sum()
        assert expected == pytest.approx(rated * degree[history[6]].sum() / degree.sum())
        words, shown = why.split(": ")
        assert words.startswith(f"{common} in common, ")
        least = np.sort(degree[both])[:3]
        rows = [titles[titles == title].index[0] for title in shown.split("; ")]
        assert degree[rows].tolist() == least.tolist()


def test_who_cannot_be_compared(
    recommender: Recommender, checkerboard: tuple[pd.DataFrame, pd.DataFrame]
) -> None:
    with pytest.raises(UnknownIdError, match="user 4711 is not in the data"):
        recommender.similar_users(4711)
    with pytest.raises(ConfigError, match="k is 0"):
        recommender.similar_users(6, k=0)
    ratings, movies = checkerboard
    later = pd.DataFrame({"user_id": [99], "movie_id": [0], "rating": [4.0], "timestamp": [1]})
    dataset = make_dataset(ratings, movies, test=later, note=lambda _: None)
    model = GraphRecommender(node_state="none", spectral_dim=8).fit(dataset, verbose=False)
    with pytest.raises(ConfigError, match="user 99 has no history"):
        model.similar_users(99)
    assert 99 not in set(model.similar_users(6, k=100)["user_id"])
    paths_alone = GraphRecommender(node_state="none", spectral=False).fit(dataset, verbose=False)
    with pytest.raises(ConfigError, match="users have no vectors"):
        paths_alone.similar_users(6)
