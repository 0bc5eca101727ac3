"""The movies table -> one matrix, and the statistics to do it again."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphrec.errors import DataError
from graphrec.features.columns import ColumnKind
from graphrec.features.matrix import FeatureEncoder, fit_features

MOVIES = pd.DataFrame(
    {
        "title": ["Heat (1995)", "Alien (1979)", "It (2017)", "Dune (2021)", "Clue"],
        "genres": ["Crime|Drama", "Horror|Sci-Fi", "Horror", "Drama|Sci-Fi", None],
        "runtime": [170, 117, 135, 155, None],
        "budget": ["$60,000,000", "$11,000,000", "$35,000", "$165,000,000", "$0"],
        "release": ["1995-12-15", "1979-05-25", "2017-09-08", None, "1985-12-13"],
        "language": ["en", "en", "fr", "fr", None],
        "overview": [f"the hero{n % 2} hunts the monster{n % 3} in a dark city" for n in range(5)],
        "embedding": [[0.1, 0.2], [0.3, 0.1], [0.2, 0.2], [0.5, 0.9], None],
        "imdb_id": ["tt1", "tt2", "tt3", "tt4", "tt5"],
        "nothing": [None] * 5,
    }
)


def test_each_kind_is_found_and_explained() -> None:
    encoder = fit_features(MOVIES)

    assert {column.name: column.finding.kind.value for column in encoder.columns} == {
        "title": "year in title",
        "genres": "multi-label",
        "runtime": "number",
        "budget": "log number",
        "release": "date",
        "language": "category",
        "overview": "text",
        "embedding": "vector",
        "imdb_id": "ignored",
        "nothing": "ignored",
    }
    assert len(encoder.used) == 8


def test_shape_and_names_of_the_matrix() -> None:
    encoder = fit_features(MOVIES)

    matrix = encoder.transform(MOVIES)

    assert matrix.dtype == np.float32
    assert matrix.shape == (5, encoder.num_features) == (5, len(encoder.feature_names))
    assert {"genres=Horror", "language=en"} <= set(encoder.feature_names)
    genres = [name.startswith("genres=") for name in encoder.feature_names]
    assert not matrix[4, genres].any()
    assert matrix[:4, genres].any(axis=1).all()
    assert len(set(encoder.feature_column[genres])) == 1


def test_no_block_outweighs_another() -> None:
    encoder = fit_features(MOVIES[["genres", "overview"]][:4])

    matrix = encoder.transform(MOVIES[:4])

    assert (matrix**2).sum(axis=1).mean() == pytest.approx(1, rel=1e-5)


def test_a_saved_encoder_gives_identical_features() -> None:
    encoder = fit_features(MOVIES)

    described, arrays = encoder.to_state()
    again = FeatureEncoder.from_state(json.loads(json.dumps(described)), arrays)

    assert all(isinstance(array, np.ndarray) for array in arrays.values())
    assert all(array.dtype.kind == "f" for array in arrays.values())
    assert again.feature_names == encoder.feature_names
    assert [column.finding for column in again.columns] == [c.finding for c in encoder.columns]
    assert again.transform(MOVIES).tobytes() == encoder.transform(MOVIES).tobytes()


CELLS: dict[str, st.SearchStrategy[Any]] = {
    name: st.one_of(st.none(), st.text(), st.sampled_from(MOVIES[name].tolist()))
    for name in MOVIES.columns
}


@settings(max_examples=25)
@given(st.fixed_dictionaries(CELLS), st.integers(0, 4))
def test_a_held_out_movie_changes_no_other(cells: dict[str, Any], held_out: int) -> None:
    known = np.arange(5) != held_out
    other = MOVIES.astype(object)
    for name, cell in cells.items():
        other.at[held_out, name] = cell

    before = fit_features(MOVIES, known=known).transform(MOVIES)[known]
    after = fit_features(other, known=known).transform(other)[known]

    assert before.tobytes() == after.tobytes()


def test_columns_missing_later_and_columns_new_later() -> None:
    encoder = fit_features(MOVIES)

    matrix = encoder.transform(pd.DataFrame({"genres": ["Horror|Unheard of"], "new": [1]}))

    assert matrix.shape == (1, encoder.num_features)
    assert matrix[0, encoder.feature_names.index("genres=Horror")] > 0
    assert not matrix[0, [name.startswith("runtime=") for name in encoder.feature_names]].any()


def test_columns_to_ignore() -> None:
    encoder = fit_features(MOVIES, ignore={"title", "overview"})

    assert [column.name for column in encoder.columns][:2] == ["genres", "runtime"]


@pytest.mark.parametrize("movies", [pd.DataFrame(index=range(3)), pd.DataFrame({"a": [None] * 3})])
def test_no_usable_column_gives_no_features(movies: pd.DataFrame) -> None:
    encoder = fit_features(movies)

    assert (encoder.num_features, encoder.feature_names) == (0, [])
    assert encoder.transform(movies).shape == (3, 0)


def test_columns_named_by_numbers() -> None:
    movies = pd.DataFrame({0: [90, 120, 150], "1": ["a", "a", "b"]})

    encoder = fit_features(movies)

    assert [column.name for column in encoder.columns] == ["0", "1"]
    assert encoder.transform(movies).any(axis=1).all()


def test_columns_of_the_same_name() -> None:
    movies = pd.DataFrame([[1, 2], [3, 4]], columns=["x", "x"])

    with pytest.raises(DataError, match="two metadata columns are named 'x'; rename or drop one"):
        fit_features(movies)


def test_the_table_stays_as_it_was() -> None:
    movies = MOVIES.copy(deep=True)

    fit_features(movies).transform(movies)

    pd.testing.assert_frame_equal(movies, MOVIES)
    assert ColumnKind("text") is ColumnKind.TEXT
