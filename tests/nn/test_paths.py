"""3-hop paths against dense linear algebra, and their sums over a history."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from graphrec.nn import paths as paths_module
from graphrec.nn.coldstart import KernelRidge
from graphrec.nn.paths import LinkPropagation, PathsSettings

SETTINGS = PathsSettings(history_exponent=0.6, user_exponent=0.8, movie_exponent=0.3)


@pytest.fixture(name="matrix")
def fixture_matrix() -> sp.csr_array:
    rng = np.random.default_rng(0)
    dense = (rng.random((30, 20)) < 0.3).astype(np.float32)
    dense[:, 19] = 0  # a movie without interactions
    dense[:29, 0] = 1  # every user has some
    dense[29] = 0  # but one
    return sp.csr_array(dense)


def _dense(matrix: sp.csr_array, history: np.ndarray) -> np.ndarray:
    """The formula in numpy, each user's scores up to the one scale of all."""
    ones = matrix.toarray().astype(np.float64)
    of_user, of_movie = np.maximum(ones.sum(1), 1), np.maximum(ones.sum(0), 1)
    over = (history * of_movie**-0.6) @ ones.T
    length = np.sqrt((over**2 * of_user**-0.8).sum(axis=1, keepdims=True))
    return (over * of_user**-0.8) @ ones * of_movie**-0.3 / np.maximum(length, 1e-12)


def test_scores_are_the_formula(matrix: sp.csr_array) -> None:
    paths = LinkPropagation.fit(matrix, SETTINGS)
    scores, expected = paths.scores(matrix).numpy(), _dense(matrix, matrix.toarray())
    scale = expected[:29].std(axis=1).mean()
    np.testing.assert_allclose(scores, expected / scale, rtol=1e-4, atol=1e-5)
    assert not scores[29].any()
    assert not scores[:, 19].any()


def test_a_new_user_with_weights_is_scored_by_the_same_formula(matrix: sp.csr_array) -> None:
    paths = LinkPropagation.fit(matrix, SETTINGS)
    history = np.zeros((1, 20))
    history[0, [2, 5, 11]] = 1.0, 0.4, 0.7
    scale = _dense(matrix, matrix.toarray())[:29].std(axis=1).mean()
    np.testing.assert_allclose(
        paths.scores(sp.csr_array(history)).numpy(),
        _dense(matrix, history) / scale,
        rtol=1e-4,
        atol=1e-5,
    )


def _imputed(matrix: sp.csr_array) -> LinkPropagation:
    features = np.random.default_rng(1).random((20, 3)).astype(np.float32)
    degree = np.asarray(matrix.sum(axis=0))
    return LinkPropagation.fit(matrix, SETTINGS).impute(KernelRidge.fit(features, degree))


def test_summands_add_up_to_the_score(matrix: sp.csr_array) -> None:
    paths = _imputed(matrix)
    for user in (0, 7):
        scores = paths.scores(matrix[[user]])[0].numpy()
        for movie in (0, 3, 19):
            added = paths.summands(matrix[[user]], movie)
            assert len(added) == matrix[[user]].nnz
            assert added.sum() == pytest.approx(scores[movie], rel=1e-4)


def test_an_unrated_movie_has_the_scores_of_those_that_are_alike(matrix: sp.csr_array) -> None:
    features = np.random.default_rng(1).random((20, 3)).astype(np.float32)
    ridge = KernelRidge.fit(features, np.asarray(matrix.sum(axis=0)))
    plain, imputed = LinkPropagation.fit(matrix, SETTINGS), _imputed(matrix)
    before, after = plain.scores(matrix), imputed.scores(matrix)
    np.testing.assert_allclose(after[:, :19], before[:, :19])
    np.testing.assert_allclose(after.T, ridge.impute(before.T.numpy()), rtol=1e-3, atol=1e-5)


def test_unrated_movies_are_left_out_where_they_would_take_too_much_memory(
    matrix: sp.csr_array, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here one, which is predicted from 19."""
    monkeypatch.setattr(paths_module, "MAX_IMPUTED", 19)
    assert _imputed(matrix).unrated.tolist() == [19]
    monkeypatch.setattr(paths_module, "MAX_IMPUTED", 18)
    assert _imputed(matrix).unrated.tolist() == []


def test_one_movie_may_be_all_that_another_is_predicted_from() -> None:
    matrix = sp.csr_array(np.array([[1, 0], [1, 0]], dtype=np.float32))
    ridge = KernelRidge.fit(np.ones((2, 1)), np.array([2, 0]))
    paths = LinkPropagation.fit(matrix, SETTINGS).impute(ridge)
    assert paths.unrated.tolist() == [1]
    assert (paths.scores(matrix) > 0).all()


def test_without_interactions_every_score_is_zero(matrix: sp.csr_array) -> None:
    empty, fitted = LinkPropagation.empty(20), LinkPropagation.fit(matrix, SETTINGS)
    assert empty.scores(matrix).tolist() == np.zeros((30, 20)).tolist()
    assert empty.length(matrix).tolist() == [1] * 30
    assert not empty.summands(matrix[[0]], 3).any()
    dtypes = ({name: own.dtype for name, own in p.state_dict().items()} for p in (empty, fitted))
    assert next(dtypes) == next(dtypes)


def test_neighbors_hold_the_whole_operator_when_nothing_is_cut(matrix: sp.csr_array) -> None:
    paths = _imputed(matrix)
    neighbors = paths.neighbors(20)
    operator = np.zeros((20, 20))
    np.put_along_axis(operator, neighbors.movie, neighbors.weight, axis=1)
    length = paths.length(matrix).numpy()[:, None]
    np.testing.assert_allclose(
        matrix @ operator / length, paths.scores(matrix), rtol=1e-3, atol=1e-5
    )
    assert neighbors.fraction == pytest.approx(1)
    assert paths.neighbors(3).fraction < 1


def test_state_makes_the_same_paths_again(matrix: sp.csr_array) -> None:
    paths = _imputed(matrix)
    again = LinkPropagation(**paths.state_dict())
    assert torch.equal(again.scores(matrix), paths.scores(matrix))
