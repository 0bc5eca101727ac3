"""Movies without watches get what movies with such metadata have."""

from __future__ import annotations

import numpy as np
import pytest

from graphrec.model import kinship
from graphrec.model.kinship import Kinship


def test_by_hand() -> None:
    """Three watched movies at the same distance from a new one."""
    features = np.array([[1.0, 1.0], [2.0, 1.0], [2.0, 2.0], [1.5, 1.5]], dtype=np.float32)
    distance = np.array([[0, 1, 2], [1, 0, 1], [2, 1, 0]])
    kernel = np.exp(-distance / 2)  # the median of the nine is 1
    weight = np.exp(-np.ones(3) / 2) @ np.linalg.inv(kernel + np.eye(3) / 2)
    vectors = np.array([[1.0], [2.0], [4.0], [9.0]], dtype=np.float32)
    filled = Kinship.of(features, np.array([4, 4, 4, 0])).fill(vectors)
    np.testing.assert_allclose(filled[3], weight @ vectors[:3], rtol=1e-5)
    assert np.array_equal(filled[:3], vectors[:3])
    assert vectors[3] == 9


def test_twins_and_strangers() -> None:
    """A new movie is like its twin, the more the more people know the twin."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(40, 5)).astype(np.float32)
    features[-1] = features[0]
    vectors = rng.normal(size=(40, 8)).astype(np.float32)

    def likeness(watches: int) -> float:
        degree = np.full(40, 20)
        degree[0], degree[-1] = watches, 0
        found = Kinship.of(features, degree).fill(vectors)[-1]
        return float(found @ vectors[0] / np.linalg.norm(found) / np.linalg.norm(vectors[0]))

    assert likeness(10_000) > 0.99
    assert likeness(10_000) > likeness(10) > likeness(1)


@pytest.mark.parametrize(
    ("features", "degree"),
    [
        (np.zeros((3, 0)), np.array([1, 0, 2])),  # no metadata
        (np.zeros((3, 2)), np.array([1, 1, 2])),  # nothing new
        (np.zeros((3, 2)), np.array([0, 0, 0])),  # nothing known
    ],
)
def test_nothing_to_say(features: np.ndarray, degree: np.ndarray) -> None:
    vectors = np.ones((3, 2), np.float32)
    assert np.array_equal(Kinship.of(features, degree).fill(vectors), vectors)


def test_alike_metadata_give_the_mean() -> None:
    vectors = np.array([[1.0], [2.0], [3.0], [6.0], [0.0]], np.float32)
    filled = Kinship.of(np.ones((5, 2)), np.array([99, 99, 99, 99, 0])).fill(vectors)
    assert filled[4] == pytest.approx(3, rel=0.1)


def test_most_movies_alike() -> None:
    """The median distance is 0, and a stranger still gets something."""
    features = np.ones((10, 2))
    features[0] = [5, 5]
    features[-1] = [4, 5]
    degree = np.full(10, 9)
    degree[-1] = 0
    vectors = np.ones((10, 1), np.float32)
    vectors[0] = -1
    assert Kinship.of(features, degree).fill(vectors)[-1] < 0
    one = Kinship.of(np.ones((2, 1)), np.array([400, 0])).fill(np.ones((2, 1), np.float32))
    assert one[1] == pytest.approx(1, rel=0.1)


def test_movies_without_metadata_are_nobodys_kin() -> None:
    features = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0], [0.0, 0.0], [1.0, 0.0]])
    kin = Kinship.of(features, np.array([5, 5, 5, 0, 0]))
    assert kin.movie.tolist() == [4]
    assert kin.landmark.tolist() == [0, 1]


def test_only_the_most_watched_are_landmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinship, "MAX_LANDMARKS", 3)
    features = np.random.default_rng(0).normal(size=(7, 2))
    degree = np.array([1, 5, 0, 9, 5, 0, 5])
    kin = Kinship.of(features, degree)
    assert kin.landmark.tolist() == [3, 1, 4]
    assert kin.movie.tolist() == [2, 5]
    assert Kinship.of(features, degree, 3).movie.tolist() == [5]


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    kin = Kinship.of(rng.normal(size=(60, 3)), np.repeat([5, 0], 30))
    vectors = rng.normal(size=(60, 4)).astype(np.float32)
    whole = kin.fill(vectors)
    monkeypatch.setattr(kinship, "_BLOCK", 7)
    np.testing.assert_allclose(kin.fill(vectors), whole, rtol=1e-4, atol=1e-6)
