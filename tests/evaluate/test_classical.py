"""Every classical method on the checkerboard: one contract, and the right answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from graphrec.data.dataset import Dataset
from graphrec.data.split import Split
from graphrec.evaluate.classical import TRIALS, Classical, Settings, fit_classical
from graphrec.evaluate.ranking import Scorer, rank

World = tuple[Dataset, Split]

SETTINGS: dict[Classical, Settings] = {
    Classical.ITEM_KNN: {"num_neighbors": 10},
    Classical.RP3BETA: {"num_neighbors": 10, "alpha": 1.0, "beta": 0.5},
    Classical.EASE: {"l2": 10.0},
    Classical.ITEM2VEC: {"dim": 8, "epochs": 20, "window": 5, "ns_exponent": 0.5},
    Classical.GLOVE: {"dim": 8, "epochs": 60, "x_max": 10.0, "learning_rate": 0.1},
    Classical.ALS: {"factors": 4, "regularization": 1.0, "alpha": 5.0, "iterations": 10},
}
LIBRARIES = {Classical.ITEM2VEC: "gensim"}
METHODS = list(Classical)


def _fit(method: Classical, matrix: sp.csr_array, seed: int = 0) -> Scorer:
    if method in LIBRARIES:
        pytest.importorskip(LIBRARIES[method])
    return fit_classical(method, matrix, SETTINGS[method], seed)


def _scores(scorer: Scorer, num_users: int) -> torch.Tensor:
    return scorer.score(np.arange(num_users))


@pytest.fixture(scope="module")
def matrix(small_world: World) -> sp.csr_array:
    """The checkerboard's interactions but for the test part."""
    dataset, split = small_world
    return dataset.interactions.to_csr(split.known)


@pytest.fixture(scope="module")
def lonely(matrix: sp.csr_array) -> sp.csr_array:
    """The checkerboard with two movies that nobody has rated and one user without a history."""
    wide = sp.csr_array(sp.hstack([matrix, sp.csr_array((matrix.shape[0], 2))]))
    return sp.csr_array(sp.vstack([wide, sp.csr_array((1, wide.shape[1]))]), dtype=np.float32)


@pytest.mark.parametrize("method", METHODS)
def test_contract(method: Classical, matrix: sp.csr_array) -> None:
    scorer = _fit(method, matrix)
    users = np.array([3, 0, 3])
    scores = scorer.score(users)
    assert scorer.num_movies == matrix.shape[1]
    assert scores.shape == (3, matrix.shape[1])
    assert scores.dtype is torch.float32
    assert bool(scores.isfinite().all())
    np.testing.assert_allclose(scores[0], scores[2], rtol=1e-5, atol=1e-6)
    scores.fill_(0)  # fresh every time: nobody else's scores change
    assert bool((scorer.score(users) != 0).any())


@pytest.mark.parametrize("method", METHODS)
def test_finds_the_checkerboard(method: Classical, matrix: sp.csr_array) -> None:
    scorer = _fit(method, matrix)
    for block in rank(scorer, np.arange(matrix.shape[0]), 3, history=matrix):
        assert (block.movies % 2 == block.users[:, None] % 2).mean() >= 0.9


@pytest.mark.parametrize("method", METHODS)
def test_same_seed_same_scores(method: Classical, matrix: sp.csr_array) -> None:
    first, again = (_scores(_fit(method, matrix, seed=5), matrix.shape[0]) for _ in range(2))
    assert torch.equal(first, again)


@pytest.mark.parametrize("method", [Classical.ITEM2VEC, Classical.GLOVE, Classical.ALS])
def test_the_seed_matters(method: Classical, matrix: sp.csr_array) -> None:
    first, other = (_scores(_fit(method, matrix, seed), matrix.shape[0]) for seed in (5, 6))
    assert not torch.allclose(first, other)


@pytest.mark.parametrize("method", METHODS)
def test_leaves_the_global_generators_alone(method: Classical, matrix: sp.csr_array) -> None:
    before, legacy = torch.get_rng_state(), np.random.get_state()[1]  # noqa: NPY002
    _fit(method, matrix)
    assert torch.equal(before, torch.get_rng_state())
    assert (legacy == np.random.get_state()[1]).all()  # noqa: NPY002


@pytest.mark.parametrize("method", METHODS)
def test_is_quiet(
    method: Classical,
    matrix: sp.csr_array,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    _fit(method, matrix)
    assert capfd.readouterr() == ("", "")
    assert not [record for record in caplog.records if record.levelname != "DEBUG"]


@pytest.mark.parametrize("method", METHODS)
def test_scores_are_zero_without_interactions(method: Classical, lonely: sp.csr_array) -> None:
    scores = _scores(_fit(method, lonely), lonely.shape[0])
    assert bool((scores[:, -2:] == 0).all())  # movies
    assert bool((scores[-1] == 0).all())  # user


@pytest.mark.parametrize("method", METHODS)
def test_every_trial_fits(method: Classical, matrix: sp.csr_array) -> None:
    assert len(TRIALS[method]) == 4
    if method in LIBRARIES:
        pytest.importorskip(LIBRARIES[method])
    for settings in TRIALS[method]:
        quick = {
            name: min(value, 2) if name == "epochs" else value for name, value in settings.items()
        }
        assert fit_classical(method, matrix, quick, 0).num_movies == matrix.shape[1]


@pytest.mark.parametrize(
    "method", [Classical.ITEM_KNN, Classical.RP3BETA, Classical.EASE, Classical.ALS]
)
def test_scores_users_by_another_history(method: Classical, matrix: sp.csr_array) -> None:
    """As if these users had been there, for they are scored by nothing but their history."""
    scorer: Any = _fit(method, matrix)
    other = replace(scorer, history=matrix[[7, 2]])
    own = scorer.score(np.array([2, 7]))
    np.testing.assert_allclose(other.score(np.array([1, 0])), own, rtol=1e-4, atol=1e-5)
