"""Every public function takes frames of every library, and gives back the kind that came in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import duckdb
import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import graphrec
from graphrec import GraphRecommender, Recommender
from graphrec.data.dataset import Dataset
from graphrec.data.frames import is_frame, kind_of, to_kind, to_pandas
from graphrec.errors import ConfigError, DataError

# what is said of tables is looked for in their notes
pytestmark = pytest.mark.filterwarnings("ignore::graphrec.errors.GraphrecWarning")

Tables = tuple[pd.DataFrame, pd.DataFrame]

FRAMES: dict[str, Callable[[pd.DataFrame], Any]] = {
    "pandas": lambda frame: frame,
    "polars": pl.from_pandas,
    "polars, lazy": lambda frame: pl.from_pandas(frame).lazy(),
    "arrow": lambda frame: pa.Table.from_pandas(frame, preserve_index=False),
    "arrow, stream": lambda frame: pa.Table.from_pandas(frame, preserve_index=False).to_reader(7),
    "duckdb": lambda frame: duckdb.from_arrow(pa.Table.from_pandas(frame, preserve_index=False)),
    "narwhals": lambda frame: nw.from_native(pl.from_pandas(frame)),
}
OUT = {
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "polars, lazy": pl.DataFrame,
    "arrow": pa.Table,
    "arrow, stream": pa.Table,
    "duckdb": duckdb.DuckDBPyRelation,
    "narwhals": pd.DataFrame,
}


@pytest.fixture(params=FRAMES)
def kind(request: pytest.FixtureRequest) -> str:
    """A kind of frame."""
    return str(request.param)


@pytest.fixture
def make(kind: str) -> Callable[[pd.DataFrame], Any]:
    """Make a frame of that kind."""
    return FRAMES[kind]


def same(first: Dataset, second: Dataset) -> None:
    for one, other in zip(first.interactions.users.ids, second.interactions.users.ids, strict=True):
        assert one == other
    np.testing.assert_array_equal(first.interactions.movie, second.interactions.movie)
    np.testing.assert_array_equal(first.interactions.rating, second.interactions.rating)
    pd.testing.assert_frame_equal(first.movies, second.movies, check_dtype=False)


def test_readers(make: Callable[[pd.DataFrame], Any], checkerboard: Tables) -> None:
    ratings, movies = checkerboard
    pd.testing.assert_frame_equal(
        graphrec.read_ratings(make(ratings)), graphrec.read_ratings(ratings)
    )
    pd.testing.assert_frame_equal(
        graphrec.read_movies(make(movies)), graphrec.read_movies(movies), check_dtype=False
    )


def test_load_dataset(make: Callable[[pd.DataFrame], Any], checkerboard: Tables) -> None:
    ratings, movies = checkerboard
    details = pd.DataFrame({"id": [f"tt{n:07d}" for n in range(32)], "runtime": range(90, 122)})
    links = pd.DataFrame({"movie": range(32), "imdb": [f"{n:07d}" for n in range(32)]})
    loaded, expected = (
        graphrec.load_dataset(
            ratings=own(ratings), movies=own(movies), details=own(details), links=own(links)
        )
        for own in (make, lambda frame: frame)
    )
    same(loaded, expected)
    assert loaded.movies["runtime"].tolist() == list(range(90, 122))


def test_build_graph(make: Callable[[pd.DataFrame], Any], checkerboard: Tables) -> None:
    ratings, movies = checkerboard
    graph, expected = (
        graphrec.build_graph(own(ratings), own(movies)) for own in (make, lambda frame: frame)
    )
    assert graph["movie"].x.tolist() == expected["movie"].x.tolist()
    edges = [one["user", "rates", "movie"].edge_index.tolist() for one in (graph, expected)]
    assert edges[0] == edges[1]


def test_fit(make: Callable[[pd.DataFrame], Any], checkerboard: Tables) -> None:
    ratings, movies = checkerboard
    settings = {"node_state": "none", "spectral_dim": 4}
    models = [
        GraphRecommender(**settings).fit(own(ratings), own(movies), verbose=False)
        for own in (make, lambda frame: frame)
    ]
    vectors = [model.movie_vectors_ for model in models]
    np.testing.assert_array_equal(vectors[0], vectors[1])


def test_recommend_and_add_movies(
    kind: str, make: Callable[[pd.DataFrame], Any], recommender: Recommender
) -> None:
    history = pd.DataFrame({"user_id": ["a", "a", "b"], "movie_id": [1, 3, 2], "rating": [5, 4, 4]})
    expected = recommender.recommend(history=history, k=5)

    lists = recommender.recommend(history=make(history), k=5)

    assert isinstance(lists, OUT[kind])
    pd.testing.assert_frame_equal(to_pandas(lists, "lists"), expected, check_dtype=False)
    new = pd.DataFrame({"movie_id": [900], "title": ["New"], "genres": ["Drama|War"]})
    more = recommender.add_movies(make(new))
    assert more.find("New")["movie_id"] == 900
    films = pd.DataFrame({"Name": ["Odd story 1"], "Year": [1990], "Letterboxd URI": ["x"]})
    watched = recommender.recommend(history=make(films), k=3, note=lambda _: None)
    assert isinstance(watched, OUT[kind])


@pytest.mark.parametrize("output", ["pandas", "polars", "arrow", "duckdb"])
def test_the_kind_that_is_asked_for(output: str, recommender: Recommender) -> None:
    frames = [
        recommender.recommend([3, 4], k=4, output=output),
        recommender.recommend(history=[1, 3], k=4, output=output),
        recommender.similar("odd story 1", k=4, output=output),
        recommender.similar("odd story 1", k=4, by="all", output=output),
    ]
    for frame in frames:
        assert isinstance(frame, OUT[output])
        assert len(to_pandas(frame, "frame")) in {4, 8, 16}
    polars = pl.DataFrame({"user_id": ["a"], "movie_id": [1]})
    assert isinstance(recommender.recommend(history=polars, output=output), OUT[output])


def test_other_columns_may_be_series_of_any_library(recommender: Recommender) -> None:
    expected = recommender.recommend(history=[1, 3], among=[5, 7], k=2)
    for series in (pd.Series, pl.Series, pa.array, np.array):
        lists = recommender.recommend(history=series([1, 3]), among=series([5, 7]), k=2)
        pd.testing.assert_frame_equal(lists, expected)


def test_what_is_no_frame(recommender: Recommender) -> None:
    assert not any(is_frame(value) for value in (1, "a", [1], {"a": [1]}, None, np.zeros((2, 2))))
    with pytest.raises(DataError, match="must be a path or a data frame, not dict"):
        graphrec.read_ratings({"user": [1], "movie": [2]})
    with pytest.raises(ConfigError, match="output is 'excel'; it must be pandas, polars, arrow"):
        recommender.similar("odd story 1", output="excel")
    with pytest.raises(DataError, match="can't be computed"):
        graphrec.read_ratings(pl.LazyFrame({"user": [1]}).select("movie"))


def test_what_goes_out_holds_no_pandas_index() -> None:
    frame = pd.DataFrame({"a": [1]}, index=[7])
    frame.attrs["history"] = [1]
    assert to_kind(frame, "arrow").column_names == ["a"]
    assert to_kind(frame, "polars").columns == ["a"]
    assert frame.attrs == {"history": [1]}
    assert kind_of(frame) == "pandas"
