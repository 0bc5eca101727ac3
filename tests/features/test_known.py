"""A missing value makes movies neither alike nor unlike."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphrec.features.known import cosine_of_known, known_columns
from graphrec.features.matrix import fit_features

COLUMN = np.array([0, 0, 1, 2, 2, 2])
FEATURES = np.random.default_rng(0).normal(size=(20, 6))


def _blanked(*blanks: tuple[int, int]) -> np.ndarray:
    features = FEATURES.copy()
    for row, column in blanks:
        features[row, column == COLUMN] = 0
    return features


def test_films_with_nothing_in_common_but_blanks_are_not_neighbours() -> None:
    movies = pd.DataFrame(
        {
            "genres": ["War", "Comedy", "War", "Comedy", "War", "Comedy"],
            "runtime": [90.0, 95, 180, 200, None, None],
            "budget": [1e6, 2e6, 9e7, None, None, 3e7],
        }
    )
    encoder = fit_features(movies)
    features, column = encoder.transform(movies), encoder.feature_column
    # 4 and 5 share that their runtime isn't known, and are of different genres
    assert cosine_of_known(features, column, 4)[5] < 0
    assert cosine_of_known(features, column, 4)[0] == pytest.approx(1)
    blank = encoder.transform(pd.DataFrame({"genres": ["War", None], "runtime": [None, 90.0]}))
    assert cosine_of_known(blank, column, 0)[1] == 0


def test_with_all_known_it_is_the_cosine() -> None:
    one = FEATURES[3]
    cosine = FEATURES @ one / np.linalg.norm(FEATURES, axis=1) / np.linalg.norm(one)
    np.testing.assert_allclose(cosine_of_known(FEATURES, COLUMN, 3), cosine)


@given(st.integers(0, 19), st.integers(0, 19), st.integers(0, 2))
def test_a_blank_is_as_if_the_column_were_not_there(row: int, other: int, blank: int) -> None:
    features, rest = _blanked((row, blank)), blank != COLUMN
    numbers = np.unique(COLUMN[rest], return_inverse=True)[1]
    found = cosine_of_known(features, COLUMN, row)[other]
    assert found == pytest.approx(cosine_of_known(FEATURES[:, rest], numbers, row)[other])


def test_blanks_cost_no_more_than_what_they_hide() -> None:
    """A twin stays the nearest, however much of one of them is blanked, until nothing is left."""
    features = np.vstack([FEATURES, FEATURES[:1]])
    for blanks in ((), (0,), (0, 2)):
        for column in blanks:
            features[-1, column == COLUMN] = 0
        assert cosine_of_known(features, COLUMN, 20)[:20].argmax() == 0
    assert known_columns(features, COLUMN)[20].tolist() == [0, 1, 0]
