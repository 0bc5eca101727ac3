"""Popularity, known or expected."""

from __future__ import annotations

import numpy as np
import pytest

from graphrec.model.popularity import expected_log_popularity, log_popularity


def test_known_movies_keep_what_is_known() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(200, 3)).astype(np.float32)
    truth = 3 + features @ np.array([1.0, -0.5, 0.0])
    degree = np.round(np.exp(truth)).astype(int).clip(1)
    hidden = np.arange(200) % 4 == 0
    expected = expected_log_popularity(features, np.where(hidden, 0, degree))
    np.testing.assert_array_equal(expected[~hidden], log_popularity(degree)[~hidden])
    assert np.corrcoef(expected[hidden], truth[hidden])[0, 1] > 0.95
    assert expected.dtype == np.float32


def test_expectation_stays_among_what_was_seen() -> None:
    features = np.array([[0.0], [1.0], [2.0], [50.0]], dtype=np.float32)
    expected = expected_log_popularity(features, np.array([1, 3, 9, 0]))
    assert expected[3] == pytest.approx(np.log(9))


@pytest.mark.parametrize("width", [0, 2])
def test_nothing_to_expect_from(width: int) -> None:
    features = np.ones((3, width), dtype=np.float32)
    assert expected_log_popularity(features, np.array([0, 5, 0])).tolist()[::2] == [0.0, 0.0]
