"""Baselines and the model as scorers: one contract, and the right answer that each must find."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from graphrec.data.dataset import Dataset
from graphrec.data.split import Split
from graphrec.evaluate.baselines import ItemKNN, Popularity, fit_baselines, metadata_knn
from graphrec.evaluate.ranking import Scorer, rank
from graphrec.evaluate.scorers import ModelScorer
from graphrec.features.matrix import fit_features
from graphrec.train.trainer import Fitted

World = tuple[Dataset, Split]


def _watched(world: World) -> sp.csr_array:
    dataset, split = world
    return dataset.interactions.to_csr(split.known)


def _features(world: World) -> np.ndarray:
    dataset, _ = world
    return fit_features(dataset.metadata).transform(dataset.metadata)


def _graphrec(_: World, fitted: Fitted) -> Scorer:
    return fitted.scorer()


def _item_knn(world: World, _: Fitted) -> Scorer:
    return ItemKNN.fit(_watched(world), 10)


def _metadata_knn(world: World, _: Fitted) -> Scorer:
    return metadata_knn(_watched(world), _features(world))


def _popularity(world: World, _: Fitted) -> Scorer:
    return Popularity(np.asarray(_watched(world).sum(axis=0)).ravel())


MAKERS: dict[str, Callable[[World, Fitted], Scorer]] = {
    "graphrec": _graphrec,
    "item-knn": _item_knn,
    "metadata-knn": _metadata_knn,
    "popularity": _popularity,
}


@pytest.mark.parametrize("name", list(MAKERS))
def test_contract(name: str, small_world: World, fitted: Fitted) -> None:
    scorer = MAKERS[name](small_world, fitted)
    num_movies = small_world[0].interactions.num_movies
    users = np.array([3, 0, 3])
    scores = scorer.score(users)
    assert scorer.num_movies == num_movies
    assert scores.shape == (3, num_movies)
    assert scores.dtype.is_floating_point
    assert bool(scores.isfinite().all())
    np.testing.assert_allclose(scores[0], scores[2], rtol=1e-5, atol=1e-6)
    scores.fill_(0)  # they belong to the caller: the next scores don't change
    assert bool((scorer.score(users) != 0).any())


@pytest.mark.parametrize("name", ["graphrec", "item-knn", "metadata-knn"])
def test_finds_the_checkerboard(name: str, small_world: World, fitted: Fitted) -> None:
    """All but popularity recommend movies of the user's own colour."""
    dataset, split = small_world
    scorer = MAKERS[name](small_world, fitted)
    users = np.arange(dataset.interactions.num_users)
    for block in rank(scorer, users, 3, history=dataset.interactions.to_csr(split.known)):
        assert (block.movies % 2 == block.users[:, None] % 2).mean() >= 0.99


def test_item_knn_by_hand() -> None:
    watched = sp.csr_array(np.array([[1, 1, 0], [1, 1, 1], [0, 0, 1]], dtype=np.float32))
    similarity = ItemKNN.fit(watched, 1).similarity.toarray().T
    expected = np.zeros((3, 3))
    expected[0, 1] = expected[1, 0] = 2 / 2
    expected[2, 0] = expected[2, 1] = 1 / 2
    assert similarity[:2] == pytest.approx(expected[:2])
    assert similarity[2].sum() == pytest.approx(0.5)  # one of its two equal neighbors
    expected[0, 2] = expected[1, 2] = 1 / 2
    assert ItemKNN.fit(watched, 2).similarity.toarray() == pytest.approx(expected)


def test_keeping_few_neighbors_equals_fitting_few(small_world: World) -> None:
    watched = _watched(small_world)
    few = ItemKNN.fit(watched, 3).similarity.toarray().T
    kept = ItemKNN.fit(watched, 20).keep(3).similarity.toarray().T
    assert np.sort(kept, axis=1) == pytest.approx(np.sort(few, axis=1))  # ties may differ


def test_baselines_leave_metadata_out_where_there_is_none(small_world: World) -> None:
    dataset, split = small_world
    nothing = np.zeros((dataset.interactions.num_movies, 0), dtype=np.float32)
    names = fit_baselines(dataset.interactions, nothing, split)
    assert set(names) == {"popularity", "item-knn"}


def test_baselines_without_validation_take_a_medium_number_of_neighbors(small_world: World) -> None:
    dataset, split = small_world
    without = replace(split, train=split.known, valid=split.valid[:0])
    scorers = fit_baselines(dataset.interactions, _features(small_world), without)
    assert set(scorers) == {"popularity", "item-knn", "metadata-knn"}


def test_blocks_of_a_models_scores_add_up(fitted: Fitted) -> None:
    scorer, users = ModelScorer(fitted.model, fitted.history), np.array([3, 0, 3])
    blocks = scorer.score_blocks(users)
    assert sum(bool((block != 0).any()) for block in blocks.values()) > 1
    np.testing.assert_allclose(sum(blocks.values()), scorer.score(users), rtol=1e-4, atol=1e-5)


def test_model_scores_some_of_its_users_and_new_ones(fitted: Fitted) -> None:
    model, history = fitted.model, fitted.history
    everybody, chosen = ModelScorer(model, history), np.array([7, 2])
    some = ModelScorer(model, history[chosen], chosen)
    np.testing.assert_allclose(
        some.score(np.array([1, 0])), everybody.score(np.array([2, 7])), rtol=1e-5, atol=1e-6
    )
    new = ModelScorer(model, history[chosen], new=True).score(np.array([0]))
    expected = model.user_vectors(history[[7]]) @ model.movie_vectors().T
    np.testing.assert_allclose(new, expected, rtol=1e-5, atol=1e-6)
    assert not np.allclose(new, everybody.score(np.array([7])))
