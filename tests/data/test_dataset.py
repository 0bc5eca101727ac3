"""Two tables brought together: one integer world, and who is missing where."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphrec.data.dataset import make_dataset
from graphrec.data.interactions import RATED_LOW, Interactions
from graphrec.data.sources import load_dataset
from graphrec.errors import DataError, GraphrecWarning

RATINGS = pd.DataFrame(
    {
        "user_id": [9, 7, 7],
        "movie_id": [20, 10, 20],
        "rating": np.array([4.5, np.nan, 3], dtype=np.float32),
        "timestamp": [30, 10, 20],
    }
)
MOVIES = pd.DataFrame({"movie_id": [20, 10], "title": ["Heat", "It"], "runtime": [170, 90]})


def pairs(interactions: Interactions, rows: Any = slice(None)) -> list[tuple[Any, Any]]:
    """The edges by the user's own ids."""
    users = interactions.users.to_external(interactions.user[rows]).tolist()
    return list(zip(users, interactions.movies.to_external(interactions.movie[rows]), strict=True))


def test_edges_by_row_number() -> None:
    dataset = make_dataset(RATINGS, MOVIES)

    edges = dataset.interactions
    assert (edges.num_users, edges.num_movies, len(edges)) == (2, 2, 3)
    assert (edges.user.tolist(), edges.movie.tolist()) == ([1, 0, 0], [1, 0, 1])
    assert (edges.user.dtype, edges.movie.dtype) == (np.int32, np.int32)
    np.testing.assert_array_equal(edges.rating, [4.5, np.nan, 3])  # type: ignore[arg-type]
    assert edges.timestamp is not None
    assert edges.timestamp.tolist() == [30, 10, 20]
    assert edges.density == 0.75


def test_movies_come_in_the_order_of_their_rows() -> None:
    dataset = make_dataset(RATINGS, MOVIES)

    assert dataset.movies["movie_id"].tolist() == dataset.interactions.movies.ids.tolist()
    assert dataset.movies["title"].tolist() == ["It", "Heat"]
    assert dataset.metadata.to_dict("list") == {"title": ["It", "Heat"], "runtime": [90, 170]}


def test_edges_of_some_rows_and_the_users_of_a_movie() -> None:
    edges = make_dataset(RATINGS, MOVIES).interactions
    some = edges.only(np.array([0, 2]))
    assert pairs(some) == [(9, 20), (7, 20)]
    assert (some.num_users, some.num_movies) == (2, 2)
    assert some.rating is not None
    assert some.timestamp is not None
    assert (some.rating.tolist(), some.timestamp.tolist()) == ([4.5, 3], [30, 20])
    assert edges.users_of(1).tolist() == [0, 1]
    assert some.users_of(0).tolist() == edges.users_of(2).tolist() == []
    assert edges.to_csr(num_movies=3).toarray().tolist() == [[1, 1, 0], [0, 1, 0]]


def test_edges_can_not_be_written_to() -> None:
    edges = make_dataset(RATINGS).interactions

    with pytest.raises(ValueError, match="read-only"):
        edges.user[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        edges.timestamp[0] = 1  # type: ignore[index]


IDS = st.text(max_size=2)
if int(pd.__version__.split(".")[0]) < 3:  # whose `factorize` reads no further than a zero byte
    IDS = IDS.filter(lambda text: "\0" not in text)


@given(st.lists(st.tuples(st.integers(0, 9), IDS), min_size=2, unique=True))
def test_edges_stand_for_the_same_pairs(rows: list[tuple[int, str]]) -> None:
    table = pd.DataFrame(rows, columns=["user_id", "movie_id"])
    if min(table.nunique()) < 2:
        return

    assert pairs(make_dataset(table).interactions) == rows


def test_degrees_and_matrix() -> None:
    edges = make_dataset(RATINGS, MOVIES).interactions
    first = np.array([0])

    assert edges.user_degree().tolist() == [2, 1]
    assert edges.movie_degree().tolist() == [1, 2]
    assert (edges.user_degree(first).tolist(), edges.movie_degree(first).tolist()) == ([0, 1],) * 2
    assert edges.to_csr().toarray().tolist() == [[1, 1], [0, 1]]
    assert edges.to_csr(first).toarray().tolist() == [[0, 0], [0, 1]]


def test_movies_that_one_table_lacks_are_kept_and_counted(notes: list[str]) -> None:
    movies = pd.DataFrame({"movie_id": [10, 30], "title": ["It", "Alien"], "runtime": [90, 117]})

    dataset = make_dataset(RATINGS, movies, note=notes.append)

    assert dataset.movies["title"].tolist() == ["It", "movie 20", "Alien"]
    np.testing.assert_array_equal(dataset.movies["runtime"], [90, np.nan, 117])
    assert dataset.interactions.movie_degree().tolist() == [1, 2, 0]
    assert notes == [
        "only 1 of 2 rated movies (50%) are in the movies table; the others are kept without"
        " metadata. If these should be the same movies (the ratings have 20, 10, for example, and"
        " the movies table has 10, 30), map one kind of id to the other with links.",
        "movies without ratings, kept and ranked by metadata alone: 1.",
    ]


def test_notes_of_a_data_set_are_warnings_too_the_grave_ones_first() -> None:
    ratings = pd.concat([RATINGS, RATINGS])
    movies = pd.DataFrame({"movie_id": [10, 30], "title": ["It", "Alien"]})

    with pytest.warns(GraphrecWarning) as told:
        dataset = load_dataset(ratings=ratings, movies=movies)

    assert [str(one.message) for one in told] == list(dataset.notes)
    assert "only 1 of 2 rated movies" in dataset.notes[0]
    assert "repeat a user-movie pair" in dataset.notes[1]
    assert told[0].filename == __file__
    notes: list[str] = []
    load_dataset(ratings=ratings, movies=movies, note=notes.append)
    assert notes == list(dataset.notes)


def test_titles_are_made_up_where_there_are_none() -> None:
    for movies in (None, MOVIES.drop(columns="title")):
        dataset = make_dataset(RATINGS, movies)

        assert not dataset.has_titles
        assert dataset.movies["title"].tolist() == ["movie 10", "movie 20"]
        assert "title" not in dataset.metadata


@pytest.mark.parametrize("kind", ["ratings", "movies"])
def test_ids_that_are_numbers_in_one_table_and_text_in_the_other(kind: str) -> None:
    as_text = {"movie_id": lambda table: table["movie_id"].astype(str).astype(object)}
    ratings, movies = RATINGS, MOVIES
    if kind == "ratings":
        ratings = ratings.assign(**as_text)
    else:
        movies = movies.assign(**as_text)

    dataset = make_dataset(ratings, movies)

    assert dataset.movies["title"].tolist() == ["It", "Heat"]
    assert dataset.interactions.movies.ids.tolist() == ["10", "20"]


def test_tables_that_share_no_movie() -> None:
    movies = pd.DataFrame({"movie_id": ["tt10"], "title": ["It"]})

    with pytest.raises(DataError) as caught:
        make_dataset(RATINGS, movies)
    assert str(caught.value) == (
        "the ratings and the movies table share no movie id: the ratings have 20, 10, for example,"
        " and the movies table has tt10; check columns={'movie_id': ...}, or map one kind of id to"
        " the other with links."
    )


@pytest.mark.parametrize(("column", "noun"), [("user_id", "user"), ("movie_id", "movie")])
def test_a_graph_needs_two_of_each(column: str, noun: str) -> None:
    with pytest.raises(DataError) as caught:
        make_dataset(RATINGS.assign(**{column: 1}), name="mine")
    assert str(caught.value) == f"mine: there is one {noun} only; a graph needs at least two."


def test_a_given_test_part(notes: list[str]) -> None:
    test = pd.DataFrame({"user_id": [9, 7], "movie_id": [10, 10]})

    dataset = make_dataset(RATINGS, test=test, note=notes.append)

    assert dataset.given_test is not None
    assert pairs(dataset.interactions, dataset.given_test) == [(9, 10)]
    assert pairs(dataset.interactions)[:3] == [(9, 20), (7, 10), (7, 20)]
    assert dataset.interactions.timestamp is None  # the test part has none
    assert notes == ["pairs of the test part that training has too, left out of the test: 1."]


def test_a_test_part_that_is_all_training() -> None:
    with pytest.raises(
        DataError, match=r"^the test part holds no pair that is not in the training"
    ):
        make_dataset(RATINGS, test=RATINGS)


def test_a_test_part_whose_ids_are_text() -> None:
    test = pd.DataFrame({"user_id": ["9", "bob"], "movie_id": [10, 20]})

    dataset = make_dataset(RATINGS, test=test)

    assert dataset.interactions.users.ids.tolist() == ["7", "9", "bob"]
    assert len(dataset.interactions) == 5


def test_data_sets_and_interactions_are_shown_in_one_line() -> None:
    dataset = make_dataset(RATINGS, MOVIES, name="mine")
    pairs_alone = make_dataset(RATINGS[["user_id", "movie_id"]])

    assert repr(dataset) == (
        "Dataset('mine': 3 interactions of 2 users and 2 movies, 2 metadata columns)"
    )
    assert repr(pairs_alone) == (
        "Dataset('tables': 3 interactions of 2 users and 2 movies, 0 metadata columns)"
    )
    assert repr(dataset.interactions) == (
        "Interactions(3 of 2 users and 2 movies, with rating and timestamp)"
    )
    assert repr(pairs_alone.interactions) == "Interactions(3 of 2 users and 2 movies)"


def test_what_is_rated_below_the_user_s_mean_counts_less() -> None:
    table = pd.DataFrame(
        {
            "user_id": [1, 2, 1, 2, 1, 2],
            "movie_id": [9, 8, 8, 7, 7, 9],
            "rating": [1.0, 4.0, 5.0, 4.0, 5.0, np.nan],
        }
    )
    edges = make_dataset(table).interactions
    low, found = RATED_LOW, edges.to_liked_csr()
    by_id = pd.DataFrame(found.toarray(), edges.users.ids, edges.movies.ids)
    assert by_id.loc[1, [7, 8, 9]].tolist() == pytest.approx([1, 1, low])
    assert by_id.loc[2, [7, 8, 9]].tolist() == [1, 1, 1]
    assert found.indices.tolist() == edges.to_csr().indices.tolist()
    some = np.flatnonzero(edges.movies.ids[edges.movie] != 8)
    assert sorted(edges.to_liked_csr(some).data.tolist()) == pytest.approx([low, 1, 1, 1])
    unrated = make_dataset(table[["user_id", "movie_id"]]).interactions
    assert unrated.to_liked_csr().data.tolist() == [1] * 6
