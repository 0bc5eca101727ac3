"""Baselines and the model as scorers: one contract, and the right answer that each must find."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from graphrec.config import Baseline
from graphrec.data.dataset import Dataset
from graphrec.data.split import Split
from graphrec.evaluate import baselines
from graphrec.evaluate.baselines import Baselines, Popularity, free_memory, metadata_knn
from graphrec.evaluate.classical import DEFAULT_TRIAL, TRIALS, Classical
from graphrec.evaluate.ease import EASE
from graphrec.evaluate.ranking import Scorer, rank
from graphrec.evaluate.report import Report, evaluate_ranking
from graphrec.evaluate.scorers import ModelScorer
from graphrec.features.matrix import fit_features
from graphrec.train.trainer import Fitted

World = tuple[Dataset, Split]


def _known(world: World) -> sp.csr_array:
    dataset, split = world
    return dataset.interactions.to_csr(split.known)


def _features(world: World) -> np.ndarray:
    dataset, _ = world
    return fit_features(dataset.metadata).transform(dataset.metadata)


def _graphrec(_: World, fitted: Fitted) -> Scorer:
    return fitted.scorer()


def _metadata_knn(world: World, _: Fitted) -> Scorer:
    return metadata_knn(_known(world), _features(world))


def _popularity(world: World, _: Fitted) -> Scorer:
    return Popularity(np.asarray(_known(world).sum(axis=0)).ravel())


MAKERS: dict[str, Callable[[World, Fitted], Scorer]] = {
    "graphrec": _graphrec,
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


@pytest.mark.parametrize("name", ["graphrec", "metadata-knn"])
def test_finds_the_checkerboard(name: str, small_world: World, fitted: Fitted) -> None:
    """All but popularity recommend movies of the user's own colour."""
    dataset, split = small_world
    scorer = MAKERS[name](small_world, fitted)
    users = np.arange(dataset.interactions.num_users)
    for block in rank(scorer, users, 3, history=dataset.interactions.to_csr(split.known)):
        assert (block.movies % 2 == block.users[:, None] % 2).mean() >= 0.99


def _baselines(world: World) -> Baselines:
    dataset, split = world
    return Baselines(dataset.interactions, _features(world), split)


@pytest.mark.parametrize("baseline", list(Baseline))
def test_every_baseline_is_fitted_to_all_but_the_test_part(
    baseline: Baseline, small_world: World
) -> None:
    dataset, split = small_world
    scorer, settings = _baselines(small_world).fit(baseline)
    assert settings in TRIALS.get(baseline, ({},))  # type: ignore[call-overload]
    users = np.arange(dataset.interactions.num_users)
    other = replace(split, train=split.known, valid=split.valid[:0])
    monkey = {baseline: (settings, settings)} if settings else {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(baselines, "TRIALS", monkey)
        again, _ = _baselines((dataset, other)).fit(baseline)
    np.testing.assert_allclose(scorer.score(users), again.score(users), rtol=1e-5, atol=1e-6)


def test_settings_are_those_with_the_highest_ndcg_on_validation(
    small_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of four penalties one makes EASE know nothing: it is never the best."""
    useless, good = {"l2": 1e9}, {"l2": 10.0}
    for trials in ((useless, good, useless), (good, useless)):
        monkeypatch.setitem(baselines.TRIALS, Classical.EASE, trials)
        _, settings = _baselines(small_world).fit(Baseline.EASE)
        assert settings == good


def test_without_validation_the_default_settings_are_taken(small_world: World) -> None:
    dataset, split = small_world
    without = replace(split, train=split.known, valid=split.valid[:0])
    for method in (Classical.ITEM_KNN, Classical.RP3BETA, Classical.EASE, Classical.ALS):
        _, settings = _baselines((dataset, without)).fit(Baseline(method))
        assert settings == TRIALS[method][DEFAULT_TRIAL]


def test_a_long_ease_takes_its_default_settings(
    small_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(baselines, "EASE_TUNED", 10)
    _, settings = _baselines(small_world).fit(Baseline.EASE)
    assert settings == TRIALS[Classical.EASE][DEFAULT_TRIAL]


def test_few_users_choose(small_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def spy(*args: Any, held_out: np.ndarray, **options: Any) -> Report:
        seen.append(held_out)
        return evaluate_ranking(*args, held_out=held_out, **options)

    monkeypatch.setattr(baselines, "VALID_USERS", 7)
    monkeypatch.setattr(baselines, "evaluate_ranking", spy)
    _baselines(small_world).fit(Baseline.ITEM_KNN)
    interactions, split = small_world[0].interactions, small_world[1]
    assert len(seen) == 4
    for rows in seen:
        assert np.isin(rows, split.valid).all()
        assert len(np.unique(interactions.user[rows])) == 7


def test_what_does_not_fit_into_memory_is_left_out(small_world: World) -> None:
    peers = _baselines(small_world)
    assert all(peers.why_not(baseline) is None for baseline in Baseline)
    sentence = peers.why_not(Baseline.EASE, free=1e5)
    assert sentence is not None
    assert sentence.startswith("ease is left out: it would take")
    assert "100 kB is free" in sentence
    assert peers.why_not(Baseline.POPULARITY, free=1e5) is None


def test_estimates_of_memory_grow_as_the_matrices_do() -> None:
    assert EASE.memory(30_000, 40_000) == pytest.approx(4 * 30_000**2, rel=0.2)
    assert EASE.memory(40_000, 30_000) == EASE.memory(30_000, 40_000)
    assert free_memory() > 0


def test_metadata_knn_needs_metadata(small_world: World) -> None:
    dataset, split = small_world
    nothing = np.zeros((dataset.interactions.num_movies, 0), dtype=np.float32)
    peers = Baselines(dataset.interactions, nothing, split)
    assert "no metadata" in (peers.why_not(Baseline.METADATA_KNN) or "")


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
