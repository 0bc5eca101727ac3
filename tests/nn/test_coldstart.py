"""What is predicted of movies without interactions, from those with similar metadata."""

from __future__ import annotations

import numpy as np
import pytest

from graphrec.nn import coldstart
from graphrec.nn.coldstart import KernelRidge, predict_log_degree

# --- vectors


def test_by_hand() -> None:
    """Three rated movies at the same distance from an unrated one."""
    features = np.array([[1.0, 1.0], [2.0, 1.0], [2.0, 2.0], [1.5, 1.5]], dtype=np.float32)
    distance = np.array([[0, 1, 2], [1, 0, 1], [2, 1, 0]])
    kernel = np.exp(-distance / 2)  # the median of the nine is 1
    weight = np.exp(-np.ones(3) / 2) @ np.linalg.inv(kernel + np.eye(3) / 2)
    vectors = np.array([[1.0], [2.0], [4.0], [9.0]], dtype=np.float32)
    imputed = KernelRidge.fit(features, np.array([4, 4, 4, 0])).impute(vectors)
    np.testing.assert_allclose(imputed[3], weight @ vectors[:3], rtol=1e-5)
    assert np.array_equal(imputed[:3], vectors[:3])
    assert vectors[3] == 9


def test_equals_the_dense_closed_form() -> None:
    """With degrees of its own for each landmark, over several dimensions."""
    rng = np.random.default_rng(0)
    features, vectors = rng.normal(size=(40, 6)), rng.normal(size=(40, 3)).astype(np.float32)
    degree = np.where(np.arange(40) % 4 == 0, 0, rng.integers(1, 50, 40))
    rated = degree > 0
    distance = np.abs(features[:, None] - features[None]).sum(axis=2)
    kernel = np.exp(-distance / (2 * np.median(distance[np.ix_(rated, rated)])))
    inverse = np.linalg.inv(kernel[np.ix_(rated, rated)] + np.diag(degree[rated] ** -0.5))
    expected = kernel[np.ix_(~rated, rated)] @ inverse @ vectors[rated]
    imputed = KernelRidge.fit(features, degree).impute(vectors)
    np.testing.assert_allclose(imputed[~rated], expected, rtol=1e-4, atol=1e-6)
    assert np.array_equal(imputed[rated], vectors[rated])
    assert imputed.dtype == np.float32


def test_a_twin_counts_the_more_the_more_it_is_rated() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(40, 5)).astype(np.float32)
    features[-1] = features[0]
    vectors = rng.normal(size=(40, 8)).astype(np.float32)

    def cosine(interactions: int) -> float:
        degree = np.full(40, 20)
        degree[0], degree[-1] = interactions, 0
        found = KernelRidge.fit(features, degree).impute(vectors)[-1]
        return float(found @ vectors[0] / np.linalg.norm(found) / np.linalg.norm(vectors[0]))

    assert cosine(10_000) > 0.99
    assert cosine(10_000) > cosine(10) > cosine(1)


@pytest.mark.parametrize(
    ("features", "degree"),
    [
        (np.zeros((3, 0)), np.array([1, 0, 2])),  # no metadata
        (np.ones((3, 2)), np.array([1, 1, 2])),  # nothing to predict
        (np.ones((3, 2)), np.array([0, 0, 0])),  # nothing to predict from
    ],
)
def test_nothing_to_predict(features: np.ndarray, degree: np.ndarray) -> None:
    vectors = np.ones((3, 2), np.float32)
    assert np.array_equal(KernelRidge.fit(features, degree).impute(vectors), vectors)


def test_equal_metadata_give_the_mean() -> None:
    vectors = np.array([[1.0], [2.0], [3.0], [6.0], [0.0]], np.float32)
    degree = np.array([99, 99, 99, 99, 0])
    imputed = KernelRidge.fit(np.ones((5, 2)), degree).impute(vectors)
    assert imputed[4] == pytest.approx(3, rel=0.1)


def test_most_movies_alike() -> None:
    """The median distance is 0, and a movie unlike them still gets a vector."""
    features = np.ones((10, 2))
    features[0] = [5, 5]
    features[-1] = [4, 5]
    degree = np.full(10, 9)
    degree[-1] = 0
    vectors = np.ones((10, 1), np.float32)
    vectors[0] = -1
    assert KernelRidge.fit(features, degree).impute(vectors)[-1] < 0
    one = KernelRidge.fit(np.ones((2, 1)), np.array([400, 0])).impute(np.ones((2, 1), np.float32))
    assert one[1] == pytest.approx(1, rel=0.1)


def test_movies_without_metadata_are_neither_predicted_nor_predicted_from() -> None:
    features = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0], [0.0, 0.0], [1.0, 0.0]])
    ridge = KernelRidge.fit(features, np.array([5, 5, 5, 0, 0]))
    assert ridge.movie.tolist() == [4]
    assert ridge.landmark.tolist() == [0, 1]


def test_only_the_most_rated_are_landmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coldstart, "MAX_LANDMARKS", 3)
    features = np.random.default_rng(0).normal(size=(7, 2))
    degree = np.array([1, 5, 0, 9, 5, 0, 5])
    ridge = KernelRidge.fit(features, degree)
    assert ridge.landmark.tolist() == [3, 1, 4]
    assert ridge.movie.tolist() == [2, 5]
    assert KernelRidge.fit(features, degree, 3).movie.tolist() == [5]


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    ridge = KernelRidge.fit(rng.normal(size=(60, 3)), np.repeat([5, 0], 30))
    vectors = rng.normal(size=(60, 4)).astype(np.float32)
    at_once = ridge.impute(vectors)
    monkeypatch.setattr(coldstart, "_BLOCK", 7)
    np.testing.assert_allclose(ridge.impute(vectors), at_once, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("blank", [0, 1])
def test_a_blank_is_as_if_the_column_were_not_there(blank: int) -> None:
    """And movies with other blanks, or none, are predicted as if it were not for this one."""
    rng = np.random.default_rng(0)
    features, column = rng.normal(size=(40, 5)), np.array([0, 0, 1, 1, 1])
    vectors, degree = rng.normal(size=(40, 3)), np.repeat([5, 0], [30, 10])
    whole = KernelRidge.fit(features, degree, column=column).impute(vectors)
    blanked = features.copy()
    blanked[35:, column == blank] = 0
    found = KernelRidge.fit(blanked, degree, column=column).impute(vectors)
    rest = KernelRidge.fit(features[:, column != blank], degree).impute(vectors)
    np.testing.assert_allclose(found[30:35], whole[30:35])
    np.testing.assert_allclose(found[35:], rest[35:])


def test_of_many_ways_to_be_blank_the_rarest_are_filled_with_the_mean(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(0)
    features, column = rng.normal(size=(40, 3)), np.arange(3)
    for row, blank in ((35, 0), (36, 0), (37, 1), (38, 2)):
        features[row, blank] = 0
    vectors, degree = rng.normal(size=(40, 3)), np.repeat([5, 0], [30, 10])
    every = KernelRidge.fit(features, degree, column=column).impute(vectors)
    mean = KernelRidge.fit(features, degree).impute(vectors)
    monkeypatch.setattr(coldstart, "MAX_GROUPS", 3)
    found = KernelRidge.fit(features, degree, column=column).impute(vectors)
    np.testing.assert_allclose(found[:37], every[:37])
    np.testing.assert_allclose(found[37:39], mean[37:39])
    assert not np.allclose(every[37:39], mean[37:39])


# --- popularity


def test_log_degree_of_rated_movies_is_kept_and_of_others_predicted() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(200, 3)).astype(np.float32)
    truth = 3 + features @ np.array([1.0, -0.5, 0.0])
    degree = np.round(np.exp(truth)).astype(int).clip(1)
    hidden = np.arange(200) % 4 == 0
    predicted = predict_log_degree(features, np.where(hidden, 0, degree))
    log_degree = np.log(np.maximum(degree, 1)).astype(np.float32)
    np.testing.assert_array_equal(predicted[~hidden], log_degree[~hidden])
    assert np.corrcoef(predicted[hidden], truth[hidden])[0, 1] > 0.95
    assert predicted.dtype == np.float32


def test_predicted_log_degree_stays_in_the_range_of_rated_movies() -> None:
    features = np.array([[0.0], [1.0], [2.0], [50.0]], dtype=np.float32)
    predicted = predict_log_degree(features, np.array([1, 3, 9, 0]))
    assert predicted[3] == pytest.approx(np.log(9))


@pytest.mark.parametrize("width", [0, 2])
def test_log_degree_is_zero_where_nothing_can_be_predicted(width: int) -> None:
    features = np.ones((3, width), dtype=np.float32)
    assert predict_log_degree(features, np.array([0, 5, 0])).tolist()[::2] == [0.0, 0.0]


def test_two_rated_movies_are_enough_to_predict_from() -> None:
    features = np.array([[0.0], [1.0], [1.0]], dtype=np.float32)
    predicted = predict_log_degree(features, np.array([1, 100, 0]))
    assert predicted[2] > np.log(10)  # the mean of both logarithms


def test_missing_columns_tell_how_popular_a_movie_is() -> None:
    """Movies without a value in the second column have few interactions."""
    rng = np.random.default_rng(0)
    features, column = rng.normal(size=(200, 3)).astype(np.float32), np.array([0, 0, 1])
    blank = np.arange(200) % 2 == 1
    features[blank, 2] = 0
    degree = np.where(blank, 5, 100)
    degree[150:] = 0
    predicted = np.exp(predict_log_degree(features, degree, column)[150:])
    assert predicted[::2] == pytest.approx(100, rel=0.2)
    assert predicted[1::2] == pytest.approx(5, rel=0.2)


def test_a_movie_of_which_nothing_is_known_is_like_one_of_mean_features() -> None:
    rng = np.random.default_rng(0)
    features, column = rng.normal(size=(60, 3)).astype(np.float32), np.array([0, 1, 1])
    features[::2, 1:] = 0
    features[1::4, 0] = 0
    features[-2:] = [[1e-6, 1e-6, 1e-6], [0, 0, 0]]
    degree = rng.integers(1, 50, 60) + 200 * (features[:, 0] != 0)
    degree[-2:] = 0
    mean, nothing = predict_log_degree(features, degree, column)[-2:]
    assert nothing == pytest.approx(mean, rel=1e-4)
