"""Ratings and movies tables: columns, ids, ratings, times, and what a bad row is told."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphrec.data.names import COLUMN, COLUMN_NAMES
from graphrec.data.sources import load_dataset
from graphrec.data.tables import join_details, read_movies, read_ratings
from graphrec.errors import DataError, GraphrecWarning, typed

Write = Callable[..., Path]
HALF_STARS = [step / 2 for step in range(1, 11)]


def ratings(**columns: Any) -> pd.DataFrame:
    """A table of as many rows as the columns have, with ids made up where they aren't given."""
    rows = len(next(iter(columns.values())))
    return pd.DataFrame({"user_id": range(rows), "movie_id": range(rows)} | columns)


# Columns


@pytest.mark.parametrize("user", COLUMN_NAMES["user_id"])
@pytest.mark.parametrize("movie", COLUMN_NAMES["movie_id"])
def test_every_known_name_in_every_style(user: str, movie: str) -> None:
    for style in (str.upper, str.title, lambda name: name.replace("_", " "), lambda name: name):
        frame = pd.DataFrame({"x": [0], style(movie): [5], style(user): [7]})

        assert read_ratings(frame).to_dict("list") == {"user_id": [7], "movie_id": [5]}


@pytest.mark.parametrize("name", COLUMN_NAMES["rating"])
def test_names_of_the_rating(name: str) -> None:
    assert read_ratings(ratings(**{name.title(): [3.5]}))["rating"].tolist() == [3.5]


@pytest.mark.parametrize("name", COLUMN_NAMES["timestamp"])
def test_names_of_the_time(name: str) -> None:
    assert read_ratings(ratings(**{name.upper(): [99]}))["timestamp"].tolist() == [99]


@pytest.mark.parametrize("name", COLUMN_NAMES["title"])
def test_names_of_the_title(name: str) -> None:
    frame = pd.DataFrame({"id": [1], name.title(): ["Heat"]})

    assert read_movies(frame).to_dict("list") == {"movie_id": [1], "title": ["Heat"]}


def test_the_best_known_name_wins_and_named_columns_win_over_it() -> None:
    frame = pd.DataFrame({"item": [1], "movie_id": [2], "user": [3], "viewer": [4]})

    assert read_ratings(frame).to_dict("list") == {"user_id": [3], "movie_id": [2]}
    named = {"user_id": "viewer", "movie_id": "item"}
    assert read_ratings(frame, columns=named).to_dict("list") == {"user_id": [4], "movie_id": [1]}


def test_a_named_column_is_not_taken_for_another_part_too() -> None:
    frame = pd.DataFrame({"user": [1], "member": [2], "uid": [3]})

    table = read_ratings(frame, columns={"movie_id": "user"})

    assert table.to_dict("list") == {"user_id": [3], "movie_id": [1]}


def test_ids_are_read_as_written_where_a_named_column_has_another_part_s_name(write: Write) -> None:
    path = write("r.csv", "user,uid\n10,007\n20,008\n")

    table = read_ratings(path, columns={"movie_id": "user"})

    assert table.to_dict("list") == {"user_id": ["007", "008"], "movie_id": [10, 20]}


def test_columns_named_in_a_file(write: Write) -> None:
    path = write("r.csv", "who;what;how;when\n01;x;4.5;2020-01-01\n")
    named = {"user_id": "who", "movie_id": "what", "rating": "how", "timestamp": "when"}

    assert read_ratings(path, columns=named).to_dict("list") == {
        "user_id": ["01"],
        "movie_id": ["x"],
        "rating": [4.5],
        "timestamp": [1577836800],
    }


@pytest.mark.parametrize("part", COLUMN)
def test_a_named_column_that_is_not_there(part: str) -> None:
    reader = read_movies if part in ("title", "movie_id") else read_ratings
    with pytest.raises(DataError) as caught:
        reader(ratings(title=["Heat"]), columns={part: "nope"})
    assert str(caught.value).endswith(
        f": there is no column 'nope' ({COLUMN[part].python}); it has user_id, movie_id, title."
    )


def test_one_column_for_two_parts_and_a_part_that_is_none() -> None:
    with pytest.raises(DataError, match="column 'movie_id' is named for two parts; check"):
        read_ratings(ratings(x=[1]), columns={"user_id": "movie_id", "movie_id": "movie_id"})
    with pytest.raises(DataError, match=r"^columns: 'user' is not one of user_id, movie_id, "):
        read_ratings(ratings(x=[1]), columns={"user": "x"})


def test_many_columns_are_listed_in_short() -> None:
    frame = pd.DataFrame(np.zeros((1, 20)), columns=[f"c{place}" for place in range(20)])

    with pytest.raises(
        DataError, match=r"it has c0, c1, .*, c11 and 8 more\. Name it with columns="
    ):
        read_ratings(frame)


# Ids


def test_leading_zeros_stay(write: Write) -> None:
    table = read_ratings(write("r.csv", "user,movie\n007,0110\n008,0111\n"))

    assert table.to_dict("list") == {"user_id": ["007", "008"], "movie_id": ["0110", "0111"]}


def test_big_whole_numbers_stay_exact(write: Write) -> None:
    big = 2**53 + 1

    table = read_ratings(write("r.csv", f"user,movie\n{big},{10**19}\n{big + 1},{10**19 + 1}\n"))

    assert table["user_id"].tolist() == [big, big + 1]
    assert table["movie_id"].tolist() == [str(10**19), str(10**19 + 1)]


def test_floats_beside_a_missing_id_are_whole_numbers(notes: list[str]) -> None:
    table = read_ratings(ratings(user_id=[7, None, 9]), note=notes.append)

    assert table["user_id"].tolist() == [7, 9]
    assert notes == [
        "the ratings table: rows without a user_id, left out: 1 (first: the ratings table, data"
        " row 2)."
    ]


@pytest.mark.parametrize("nothing", ["", "NA", "nan", "NULL", "  "])
def test_rows_without_an_id_are_counted(write: Write, notes: list[str], nothing: str) -> None:
    path = write("r.csv", f"user,movie\n1,2\n{nothing},3\n4,{nothing}\n5,6\n")

    assert read_ratings(path, note=notes.append)["user_id"].tolist() == [1, 5]
    assert [note.split(": ", 1)[1] for note in notes] == [
        f"rows without a user_id, left out: 1 (first: {path}, data row 2).",
        f"rows without a movie_id, left out: 1 (first: {path}, data row 3).",
    ]


@pytest.mark.parametrize(
    "nothing", [[None, None], [np.nan, np.nan], ["", " "], [np.inf, -np.inf], [pd.NaT, pd.NaT]]
)
def test_a_column_without_any_id(nothing: list[Any]) -> None:
    with pytest.raises(
        DataError, match=r"^the ratings table: no row has a movie_id in column 'mov"
    ):
        read_ratings(ratings(movie_id=nothing))


def test_ids_that_can_not_be_told_apart_any_more(notes: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        read_ratings(ratings(user_id=[1.0, None, 1e300]), note=notes.append)
    assert str(caught.value) == (
        "the ratings table, data row 3: column 'user_id' holds 1e+300, whose last digits are lost"
        " in a floating-point column; read the ids as text."
    )


@pytest.mark.parametrize("cells", [[[1], [2]], [{"a": 1}, {"a": 2}]])
def test_lists_are_no_ids(cells: list[Any]) -> None:
    with pytest.raises(DataError, match="column 'movie_id' can't hold ids: its cells are lists or"):
        read_movies(pd.DataFrame({"movie_id": cells}))


# Ratings


@given(st.lists(st.sampled_from(HALF_STARS), min_size=1))
def test_half_stars_are_kept(stars: list[float]) -> None:
    table = read_ratings(ratings(rating=[str(star) for star in stars]))

    assert table["rating"].dtype == np.float32
    assert table["rating"].tolist() == stars


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        ([1, 2], [1, 2]),
        ([True, True], [1, 1]),
        (["4.5 ", " 3"], [4.5, 3]),
        ([Decimal("4.5"), Decimal(3)], [4.5, 3]),
        ([4.5, None], [4.5, np.nan]),
        (pd.array([4, None], dtype="Int64"), [4, np.nan]),
        (["4", "NA"], [4, np.nan]),
    ],
)
def test_ways_to_write_a_rating(cells: Any, numbers: list[float]) -> None:
    np.testing.assert_array_equal(read_ratings(ratings(rating=cells))["rating"], numbers)


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("five", "'five'"),
        (b"\xff", r"b'\\xff'"),
        ("4,5", "'4,5'"),
        ("inf", "inf|'inf'"),
        (np.inf, "inf"),
        (-np.inf, "-inf"),
        (1e300, r"1e\+300"),
        ([4.5], r"\[4.5\]"),
        (dt.datetime(2020, 1, 1), "2020-01-01 00:00:00"),
    ],
)
def test_a_rating_that_is_no_number(notes: list[str], cell: Any, shown: str) -> None:
    frame = ratings(user_id=[None, 1, 2, 3], rating=pd.Series([4.5, 3.0, cell, cell], dtype=object))

    with pytest.raises(DataError) as caught:
        read_ratings(frame, note=notes.append)
    assert caught.match(
        f"^the ratings table, data row 3: column 'rating' holds ({shown}), which is not a number"
        r" \(2 such rows\)\.$"
    )


def test_a_bad_rating_is_named_by_its_row_in_the_file(write: Write, notes: list[str]) -> None:
    path = write("r.csv", "user,movie,stars\n,1,4\n1,,4\n1,2,five\n1,3,5\n")

    with pytest.raises(DataError) as caught:
        read_ratings(path, note=notes.append)
    assert str(caught.value) == (
        f"{path}, data row 3: column 'stars' holds 'five', which is not a number."
    )


def test_a_column_of_times_is_no_column_of_ratings() -> None:
    times = pd.Series(pd.to_datetime(["2020-01-01"]))

    with pytest.raises(DataError, match="column 'rating' holds 2020-01-01 00:00:00, which is not"):
        read_ratings(ratings(rating=times))


def test_min_rating_counts_what_it_drops(notes: list[str]) -> None:
    frame = ratings(rating=[4.0, 3.5, 2.0, None])

    table = read_ratings(frame, min_rating=3.5, note=notes.append)

    assert table["rating"].tolist() == [4.0, 3.5]
    assert notes == ["the ratings table: rows not rated 3.5 or more, left out: 2 of 4."]


def test_columns_that_may_be_ratings_are_not_left_out_silently(notes: list[str]) -> None:
    """By their name, or as a few numbers again and again; the sentence names the option."""
    frame = ratings(
        my_score=list("abcdefghi"), value=[1, 2, 3] * 3, session=range(9), liked_on=["x"] * 9
    )

    assert list(read_ratings(frame, note=notes.append)) == ["user_id", "movie_id"]
    assert notes == [
        "the ratings table: columns not recognised as ratings, left out: my_score, value; if one of"
        " them holds ratings, name it with columns={'rating': ...}; else every row is an"
        " interaction."
    ]
    assert "name it with --rating-column; else every row" in typed(notes[0])
    named = {"rating": "value"}
    assert "rating" in read_ratings(frame, columns=named, note=notes.append)
    assert "rating" in read_ratings(frame.assign(stars=3), note=notes.append)
    assert len(notes) == 1


def test_min_rating_that_drops_nothing_is_silent() -> None:
    assert len(read_ratings(ratings(rating=[4.0, 5.0]), min_rating=4)) == 2


def test_min_rating_without_ratings_or_above_all() -> None:
    with pytest.raises(DataError, match="min_rating needs a rating column, and none was found"):
        read_ratings(ratings(x=[1]), min_rating=4)
    with pytest.raises(DataError, match="no row is rated 6 or more; lower min_rating"):
        read_ratings(ratings(rating=[4.0, 5.0]), min_rating=6)


# Times


@pytest.mark.parametrize(
    "cells",
    [
        [1577836800, 1577923200],
        [1577836800.9, 1577923200.2],
        ["1577836800", " 1577923200"],
        [1577836800_123, 1577923200_000],
        [1577836800_123456, 1577923200_000000],
        [1577836800_123456789, 1577923200_000000000],
        ["2020-01-01", "2020-01-02"],
        ["2020-01-01T00:00:00Z", "2020-01-02 01:00:00+01:00"],
        ["2020-01-01 00:00:00.5", "2020-01-02"],
        [dt.date(2020, 1, 1), dt.date(2020, 1, 2)],
        [dt.datetime(2020, 1, 1), dt.datetime(2020, 1, 2)],
        pd.to_datetime(["2020-01-01 00:00", "2020-01-02 00:00"]),
        pd.to_datetime(["2020-01-01 00:00", "2020-01-02 00:00"], utc=True).tz_convert("Asia/Tokyo"),
        pd.to_datetime(["2020-01-01", "2020-01-02"]).astype("datetime64[s]"),
        pd.array([1577836800, 1577923200], dtype="Int64"),
    ],
)
def test_ways_to_write_a_time(cells: Any) -> None:
    table = read_ratings(ratings(timestamp=cells))

    assert table["timestamp"].dtype == np.int64
    assert table["timestamp"].tolist() == [1577836800, 1577923200]


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_polars_times(unit: Any) -> None:
    times = pl.Series([dt.datetime(2020, 1, 1), dt.datetime(1960, 1, 1)]).cast(pl.Datetime(unit))
    frame = pl.DataFrame({"user": [1, 2], "movie": [1, 2], "date": times})

    assert read_ratings(frame)["timestamp"].tolist() == [1577836800, -315619200]
    days = frame.with_columns(pl.col("date").cast(pl.Date))
    assert read_ratings(days)["timestamp"].tolist() == [1577836800, -315619200]


def test_times_before_1970(write: Write) -> None:
    path = write("r.csv", "user,movie,ts\n1,1,-5\n2,2,-86400\n")

    assert read_ratings(path)["timestamp"].tolist() == [-5, -86400]


@pytest.mark.parametrize("missing", [None, np.nan, "", "NA"])
def test_a_missing_time_is_the_earliest(notes: list[str], missing: Any) -> None:
    frame = ratings(user_id=[None, 1, 1, 1], timestamp=[5, 2000, missing, 1000])

    table = read_ratings(frame, note=notes.append)

    assert table["timestamp"].tolist() == [2000, 1000, 1000]
    assert notes[1] == (
        "the ratings table: rows without a time, taken as the earliest: 1 (first: the ratings"
        " table, data row 3)."
    )


def test_missing_dates_are_the_earliest(write: Write, notes: list[str]) -> None:
    path = write("r.csv", "user,movie,date\n1,1,2020-01-02\n1,2,\n1,3,2020-01-01\n")

    table = read_ratings(path, note=notes.append)

    assert table["timestamp"].tolist() == [1577923200, 1577836800, 1577836800]


def test_a_column_without_any_time_is_left_out(notes: list[str]) -> None:
    table = read_ratings(ratings(timestamp=[None, None], rating=[1, 2]), note=notes.append)

    assert table.columns.tolist() == ["user_id", "movie_id", "rating"]
    assert notes == [
        "the ratings table: no row has a time in column 'timestamp'; the column was left out."
    ]


@pytest.mark.parametrize("cell", ["yesterday", "31/05/2024", "inf", np.inf, 1e300, -1e300, [5]])
def test_a_time_that_is_none(cell: Any) -> None:
    times = pd.Series([1000, 2000, cell, 3000], dtype=object)

    with pytest.raises(DataError) as caught:
        read_ratings(ratings(timestamp=times))
    assert caught.match("^the ratings table, data row 3: column 'timestamp' holds ")
    assert caught.match("which is neither seconds since 1970 nor a date like 2024-05-31")


def test_huge_floats_are_no_times() -> None:
    with pytest.raises(
        DataError, match=r"data row 2: column 'timestamp' holds 1e\+300, which is n"
    ):
        read_ratings(ratings(timestamp=[1e9, 1e300, 2e9]))


# Duplicates


def test_the_latest_of_duplicates_is_kept(notes: list[str]) -> None:
    frame = pd.DataFrame(
        {"user": [1, 1, 1, 2], "movie": [5, 5, 5, 5], "rating": [1, 2, 3, 4], "ts": [10, 30, 20, 5]}
    )

    table = read_ratings(frame, note=notes.append)

    assert table["rating"].tolist() == [2, 4]
    assert notes == ["the ratings table: rows that repeat a user-movie pair, latest kept: 2."]
    without_time = read_ratings(frame.drop(columns="ts"), note=notes.append)
    assert without_time["rating"].tolist() == [3, 4]


PAIRS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 9)), min_size=1)


@given(PAIRS)
def test_no_pair_stands_twice_and_none_is_lost(rows: list[tuple[int, int, int]]) -> None:
    table = read_ratings(pd.DataFrame(rows, columns=["user", "movie", "ts"]), note=[].append)

    pairs = list(zip(table["user_id"], table["movie_id"], strict=True))
    assert len(set(pairs)) == len(pairs)
    latest = {
        (user, movie): max(t for u, m, t in rows if (u, m) == (user, movie))
        for user, movie, _ in rows
    }
    assert dict(zip(pairs, table["timestamp"], strict=True)) == latest


# Movies


def test_movies_keep_their_metadata_and_the_first_of_repeated_ids(notes: list[str]) -> None:
    frame = pd.DataFrame(
        {
            "genres": ["a", "b", "c"],
            "Title": ["Heat", None, " "],
            "movieId": [3, 1, 3],
            5: [1, 2, 3],
        }
    )

    table = read_movies(frame, note=notes.append)

    assert table.columns.tolist() == ["movie_id", "title", "genres", "5"]
    assert table["movie_id"].tolist() == [3, 1]
    assert table["title"].isna().tolist() == [False, True]
    assert notes == ["the movies table: rows that repeat a movie id, first kept: 1."]


def test_titles_of_a_frame_become_text() -> None:
    table = read_movies(pd.DataFrame({"id": [1, 2], "title": [1984, 300]}))

    assert table["title"].tolist() == ["1984", "300"]


def test_a_named_title_hides_another_column_called_title(notes: list[str]) -> None:
    frame = pd.DataFrame({"id": [1], "title": ["Amélie"], "english": ["Amelie"], "movie_id": ["x"]})

    table = read_movies(frame, columns={"title": "english", "movie_id": "id"}, note=notes.append)

    assert table.to_dict("list") == {"movie_id": [1], "title": ["Amelie"]}
    assert notes == [
        "the movies table: column 'title' was left out, since 'english' is the title.",
        "the movies table: column 'movie_id' was left out, since 'id' is the movie_id.",
    ]


def test_a_movies_table_without_an_id() -> None:
    with pytest.raises(DataError, match=r"no column for movie_id \(looked for movie_id, movie, it"):
        read_movies(pd.DataFrame({"genres": ["a"], "year": [1999]}))


def test_a_notebook_user_is_warned_by_default() -> None:
    with pytest.warns(GraphrecWarning, match="rows that repeat a user-movie pair, latest kept: 1"):
        read_ratings(pd.DataFrame({"user": [1, 1], "movie": [1, 1]}))


# Details


def test_details_join_by_id(notes: list[str]) -> None:
    movies = read_movies(
        pd.DataFrame({"id": [1, 2], "title": ["Heat", "It"], "genres": ["a", "b"]})
    )
    details = read_movies(pd.DataFrame({"id": [2, 9], "runtime": [170, 99], "genres": ["x", "y"]}))

    table = join_details(movies, details, name="d.csv", note=notes.append)

    assert table["genres"].tolist() == ["a", "b"]
    np.testing.assert_array_equal(table["runtime"], [np.nan, 170])
    assert notes == [
        "d.csv: columns that the tables before it have already, left out: genres.",
        "d.csv: rows of movies that no other table has, left out: 1.",
    ]


@pytest.mark.parametrize(("left", "right"), [([1, 2], ["2", "x"]), (["2", "x"], [1, 2])])
def test_details_join_numbers_with_text(
    left: list[Any], right: list[Any], notes: list[str]
) -> None:
    movies, details = pd.DataFrame({"id": left}), pd.DataFrame({"id": right, "runtime": [90, 91]})

    table = join_details(read_movies(movies), read_movies(details), note=notes.append)

    assert table["runtime"].notna().sum() == 1
    assert table["movie_id"].tolist() == [str(value) for value in left]


def test_details_of_other_movies() -> None:
    movies, details = pd.DataFrame({"id": [1, 2]}), pd.DataFrame({"id": ["tt1"], "runtime": [90]})

    with pytest.raises(DataError) as caught:
        join_details(read_movies(movies), read_movies(details))
    assert str(caught.value) == (
        "details: none of its movie ids (such as tt1) is in the movies table (such as 1); check"
        " columns={'movie_id': ...}, or map one kind of id to the other with links."
    )


def test_a_misspelt_column_name_is_said_first() -> None:
    table = pd.DataFrame({"user": [1, 2], "code": [1, 2]})
    with pytest.raises(DataError, match=r"there is no column 'film' .*; it has user") as caught:
        load_dataset(ratings=table, columns={"movie_id": "film"})
    assert "'film' (columns={'movie_id': ...})" in str(caught.value)
    assert "'film' (--movie-column)" in caught.value.typed
