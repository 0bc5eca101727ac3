"""Every classical method on the checkerboard, and each against its own definition."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from graphrec.data.dataset import Dataset
from graphrec.data.split import Split
from graphrec.errors import ConfigError
from graphrec.evaluate.classical import (
    EASE,
    TRIALS,
    Classical,
    GloVe,
    Settings,
    als,
    fit_classical,
    glove,
    item2vec,
    sample_pairs,
)
from graphrec.evaluate.ranking import Scorer, rank

World = tuple[Dataset, Split]

SETTINGS: dict[Classical, Settings] = {
    Classical.ITEM_KNN: {"num_neighbors": 10},
    Classical.EASE: {"l2": 10.0},
    Classical.ITEM2VEC: {"dim": 8, "epochs": 20, "window": 5, "ns_exponent": 0.5},
    Classical.GLOVE: {"dim": 8, "epochs": 60, "x_max": 10.0, "learning_rate": 0.1},
    Classical.ALS: {"factors": 4, "regularization": 1.0, "alpha": 5.0, "iterations": 10},
}
LIBRARIES = {Classical.ITEM2VEC: "gensim", Classical.ALS: "implicit"}
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
    """The checkerboard with two movies that nobody has watched and one user without a history."""
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


def _random_matrix(num_users: int, num_movies: int) -> sp.csr_array:
    rng = np.random.default_rng(0)
    return sp.csr_array((rng.random((num_users, num_movies)) < 0.3).astype(np.float32))


def test_ease_is_a_ridge_regression_of_each_movie_on_the_others() -> None:
    matrix = _random_matrix(50, 7)
    ratings, weights = matrix.toarray().astype(float), EASE.fit(matrix, 3.0).weights
    assert (weights.diagonal() == 0).all()
    for movie in range(7):
        others = np.delete(np.arange(7), movie)
        known = ratings[:, others]
        ridge = np.linalg.solve(known.T @ known + 3 * np.eye(6), known.T @ ratings[:, movie])
        assert weights[others, movie] == pytest.approx(ridge, abs=1e-5)


def test_ease_by_hand() -> None:
    matrix = sp.csr_array(np.array([[1, 1], [1, 1], [0, 1]], dtype=np.float32))
    ease = EASE.fit(matrix, 1.0)
    # each movie on the one other: common users / (the other's users + 1)
    assert ease.weights == pytest.approx(np.array([[0, 2 / 3], [2 / 4, 0]]))
    assert ease.score(np.array([2])).numpy() == pytest.approx(np.array([[0.5, 0]]))


@pytest.mark.parametrize("l2", [0.0, -1.0, float("nan")])
def test_ease_needs_an_l2_above_0(l2: float) -> None:
    matrix = sp.csr_array(np.eye(3, dtype=np.float32))
    with pytest.raises(ConfigError, match=rf"an L2 of {l2}; it must be above 0\."):
        EASE.fit(matrix, l2)


def test_als_solves_its_normal_equations() -> None:
    """Converged, every movie is the weighted ridge regression on the users."""
    pytest.importorskip("implicit")
    matrix = _random_matrix(30, 12)
    scorer = als(matrix, factors=3, regularization=2.0, alpha=4.0, iterations=100, seed=0)
    ratings = matrix.toarray().astype(float)
    user, movie = scorer.user.numpy().astype(float), scorer.movie.numpy()
    for column, vector in zip(ratings.T, movie, strict=True):
        confidence = np.where(column, 4.0, 1.0)
        left = user.T @ (confidence[:, None] * user) + 2 * np.eye(3)
        assert vector == pytest.approx(np.linalg.solve(left, user.T @ (4 * column)), abs=1e-3)


def test_als_ranks_as_the_library_does(matrix: sp.csr_array) -> None:
    implicit = pytest.importorskip("implicit.cpu.als")
    settings = SETTINGS[Classical.ALS]
    model = implicit.AlternatingLeastSquares(**settings, num_threads=1, random_state=0)
    model.fit(sp.csr_matrix(matrix), show_progress=False)
    _, expected = model.recommend([4], sp.csr_matrix(matrix)[[4]], N=5)
    scorer = _fit(Classical.ALS, matrix)
    (block,) = rank(scorer, np.array([4]), 5, history=matrix)
    assert block.scores == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("method", [Classical.ITEM2VEC, Classical.GLOVE])
def test_scores_are_cosines_with_the_mean_of_the_history(
    method: Classical, matrix: sp.csr_array
) -> None:
    scorer = _fit(method, matrix)
    movie = scorer.movie.numpy()  # type: ignore[attr-defined]
    assert np.linalg.norm(movie, axis=1) == pytest.approx(1, abs=1e-5)
    mean = movie[matrix[[4]].indices].mean(axis=0)
    expected = movie @ mean / np.linalg.norm(mean)
    assert scorer.score(np.array([4])).numpy()[0] == pytest.approx(expected, abs=1e-5)


def _two_pairs_and_a_loner() -> sp.csr_array:
    """Movies 0 and 1 watched by ten users, 2 and 3 by one, 4 by one more with no other."""
    rows = [[1, 1, 0, 0, 0]] * 10 + [[0, 0, 1, 1, 0], [0, 0, 0, 0, 1]]
    return sp.csr_array(np.array(rows, dtype=np.float32))


def test_item2vec_keeps_rare_movies_and_drops_lonely_ones() -> None:
    pytest.importorskip("gensim")
    scorer = item2vec(_two_pairs_and_a_loner(), dim=4, epochs=2, window=5, ns_exponent=0.5, seed=0)
    assert scorer.movie.norm(dim=1).tolist() == pytest.approx([1, 1, 1, 1, 0])


def test_glove_drops_lonely_movies() -> None:
    scorer = glove(_two_pairs_and_a_loner(), dim=4, epochs=2, x_max=1.0, learning_rate=0.1, seed=0)
    assert scorer.movie.norm(dim=1).tolist() == pytest.approx([1, 1, 1, 1, 0])


def test_pairs_are_all_there_when_they_are_few() -> None:
    pairs, count, weight = sample_pairs(_two_pairs_and_a_loner(), 20.0, np.random.default_rng(0))
    assert pairs.T.tolist() == [[0, 1], [1, 0], [2, 3], [3, 2]]
    assert count.tolist() == [10, 10, 1, 1]
    assert weight.numpy() == pytest.approx(np.array([0.5, 0.5, 0.05, 0.05]) ** 0.75)


def test_a_sample_of_pairs_stands_for_all() -> None:
    """Mean over many draws of the weighted sum of any function is the sum over all pairs."""
    matrix = _random_matrix(40, 15)
    rng = np.random.default_rng(1)
    pairs, count, weight = sample_pairs(matrix, 8.0, rng)
    whole = float((weight * count.log()).sum())
    sums, sizes = [], []
    for _ in range(300):
        _, some, their_weight = sample_pairs(matrix, 8.0, rng, most=60)
        sums.append(float((their_weight * some.log()).sum()))
        sizes.append(len(some))
    assert len(count) == pairs.shape[1] > 120
    assert np.mean(sizes) == pytest.approx(60, rel=0.05)
    assert np.mean(sums) == pytest.approx(whole, abs=4 * np.std(sums) / np.sqrt(300))


def test_glove_reproduces_the_logarithms() -> None:
    matrix = sp.csr_array((np.random.default_rng(0).random((60, 6)) < 0.7).astype(np.float32))
    drawn = sample_pairs(matrix, 10.0, np.random.default_rng(0))
    pairs, count, _ = drawn
    generator = torch.Generator().manual_seed(0)
    model = GloVe(6, 6, generator)
    error = []
    with torch.no_grad():
        error.append(float((model(pairs) - count.log()).abs().max()))
    for epochs in (20, 2_000):
        model.learn(drawn, epochs, 0.1, generator)
        error.append(float((model(pairs) - count.log()).detach().abs().max()))
    assert error[0] > error[1] > error[2]
    assert error[2] < 0.02
