"""Conditions on metadata columns: what meets them, and what is said of those that can't be read."""

from __future__ import annotations

import re
from contextlib import suppress

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphrec import Recommender
from graphrec.errors import ConfigError, DataError, UnknownIdError
from graphrec.features.matrix import FeatureEncoder, fit_features
from graphrec.recommend.where import select

MOVIES = pd.DataFrame(
    {
        "movie_id": range(6),
        "title": [
            "Heat (1995)",
            "Alien (1979)",
            "Clue (1985)",
            "Her (2013)",
            "Solo",
            "[REC] (2007)",
        ],
        "genres": ["Crime|Thriller", "Horror|Sci-Fi", "Comedy", "Drama|Sci-Fi", None, "Horror"],
        "runtime": [170.0, 117.0, 94.0, 126.0, np.nan, 78.0],
        "Box Office": ["$187,000,000", "$104,000,000", "$14,643,997", "0", None, "$32,000,000"],
        "released": ["1995-12-15", "1979-05-25", "1985-12-13", "2013-12-18", "2018-05-25", None],
        "language": ["en", "en", "en", "en", "fr", "es"],
        "seen": [True, False, True, False, True, False],
        "tags": [["cop", "Los Angeles"], ["space"], [], None, ["space", "west"], ["camera"]],
        "code": ["a/1", "b/2", "c/3", "d/4", "e/5", "f/6"],
    }
)
ENCODER = fit_features(MOVIES.drop(columns="movie_id"))


def _found(text: str) -> list[int]:
    return np.flatnonzero(select(text, MOVIES, ENCODER, has_titles=True)).tolist()


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("runtime >= 117", [0, 1, 3]),
        ("runtime<117", [2, 5]),
        ("runtime != 170", [1, 2, 3, 5]),
        ("not runtime > 100", [2, 5]),  # a runtime that isn't known is not 100 or less
        ("runtime is missing", [4]),
        ("runtime IS NOT missing", [0, 1, 2, 3, 5]),
        ("not runtime is missing", [0, 1, 2, 3, 5]),
        ("runtime > 100 or genres has comedy", [0, 1, 2, 3]),
        ("runtime > 100 and (genres has Sci-Fi or genres has Crime)", [0, 1, 3]),
        ("genres has crime or genres has comedy and runtime > 100", [0]),
        ("not genres has Horror", [0, 2, 3]),
        ("runtime > 300 or genres has Drama", [3]),
        ("genres is missing or runtime > 160", [0, 4]),
        ("genres contains sci", [1, 3]),
        ("'Box Office' > 100000000", [0, 1]),
        ('"box office" > $100,000,000', [0, 1]),
        ("boxoffice < 20e6", [2]),  # 0 means missing in a column of money
        ("box_office is missing", [3, 4]),
        ("year = 1995", [0]),
        ("year >= 2000", [3, 4, 5]),  # of the date where the title has none
        ("released >= 1995", [0, 3, 4]),
        ("released > 1995", [3, 4]),
        ("released = 1995-12", [0]),
        ("released != 1995-12", [1, 2, 3, 4]),
        ("released < 1979-05-25", []),
        ("released <= 1979-05-25", [1]),
        ("released is missing", [5]),
        ("language == EN", [0, 1, 2, 3]),
        ("language != en", [4, 5]),
        ("language has fr", [4]),
        ("seen = true", [0, 2, 4]),
        ("tags has los angeles and language = en", [0]),
        ("tags has 'Los Angeles'", [0]),
        ("tags is missing", [2, 3]),
        ("title contains HE", [0, 3]),
        ("title contains '[rec]'", [5]),
        ("title = 'Clue (1985)'", [2]),
        ("code = b/2", [1]),
    ],
)
def test_what_meets_a_condition(text: str, rows: list[int]) -> None:
    if rows:
        assert _found(text) == rows
    else:
        with pytest.raises(DataError, match=f"^no movie meets where={re.escape(repr(text))}"):
            _found(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("yeer > 1990", "there is no column 'yeer' among title, .*; did you mean year?"),
        ("movie_id = 1", "there is no column 'movie_id'"),
        ("runtime 100", "at character 9 '100' stands where one of =, !=, .*, is missing was"),
        ("runtime >", "at character 10 the end stands where a value was expected"),
        ("> 5", "at character 1 '>' stands where a column was expected"),
        ("", "at character 1 the end stands where a column was expected"),
        ("(runtime > 5", "at character 13 the end stands where and, or, or \\) was expected"),
        ("runtime > 5)", "at character 12 '\\)' stands where and, or, or the end was"),
        ("runtime > 5 and", "at character 16 the end stands where a column was expected"),
        ("title contains 'a", "at character 16 the quote isn't closed"),
        ("runtime ! 5", "at character 9 '!' means nothing"),
        ("runtime is nothing", "at character 12 'nothing' stands where missing was expected"),
        ("(" * 60 + "runtime > 5" + ")" * 60, "brackets and nots are too deep"),
        ("runtime > long", "runtime holds numbers, and 'long' is none\\.$"),
        ("runtime > 1 genres has Crime", "is none; write and or or between conditions"),
        ("released > 1995-13", "released holds dates, and '1995-13' is none such as"),
        ("genres has Comdy", "no movie has 'Comdy' as its genres; did you mean Comedy\\?$"),
        ("language = eng", "no movie has 'eng' as its language; did you mean en\\?"),
        (
            "genres = Crime",
            "several labels for each movie; = doesn't go with it, but has, contains",
        ),
        ("runtime has 5", "runtime holds numbers; has doesn't go with it, but =, !=, <, <=, >, >="),
        ("title > 3", "title holds text; > doesn't go with it"),
    ],
)
def test_what_is_said_of_a_wrong_condition(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        _found(text)
    assert str(caught.value).startswith(f"where={text!r}: ")
    assert caught.value.typed.startswith("--where ")


PIECES = st.sampled_from(
    [*"()=<>!'\"", *("runtime", "genres", "and", "or", "not", "is", "missing", "has", "5", "Crime")]
)


@given(st.lists(PIECES | st.text(max_size=3), max_size=12).map(" ".join))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    with suppress(ConfigError, DataError):
        assert _found(text)


def test_vectors_and_columns_that_training_ignored() -> None:
    vectors = pd.DataFrame({"movie_id": range(3), "title": list("abc")})
    vectors["clip"] = [[0.5, 0.25], None, [0.125, 1.0]]
    encoder = fit_features(vectors[["clip"]])
    assert select("clip is missing", vectors, encoder, has_titles=True).tolist() == [0, 1, 0]
    with pytest.raises(ConfigError, match="clip holds vectors"):
        select("clip > 1", vectors, encoder, has_titles=True)
    same = select("runtime > 120", MOVIES, FeatureEncoder(()), has_titles=True)
    assert np.flatnonzero(same).tolist() == [0, 3]
    with pytest.raises(ConfigError, match="no column 'title' among genres"):
        select("title contains a", MOVIES, ENCODER, has_titles=False)


def test_lists_hold_only_what_meets_it(recommender: Recommender) -> None:
    odd = recommender.recommend([0], k=40, where="genres has War")
    assert (odd["movie_id"] % 2 == 1).all()
    same = recommender.recommend([0], k=40, among=[1, 2, 3, 4], where="genres has War")
    assert sorted(same["movie_id"]) == [1, 3]
    everything = recommender.similar(4, k=31)
    table = recommender.similar(4, k=31, where="genres has War")
    expected = everything[everything["movie_id"] % 2 == 1].reset_index(drop=True)
    pd.testing.assert_frame_equal(table, expected, check_like=True)
    every = recommender.similar(4, k=31, by="all", where="title contains '4 '")
    assert set(every["movie_id"]) == {14, 24}
    with pytest.raises(ConfigError, match="no column 'director'"):
        recommender.similar(4, where="director = x")
    with pytest.raises(UnknownIdError, match="movie 99"):
        recommender.recommend([0], among=[99], where="genres has War")


def test_new_movies_are_asked_for_too(recommender: Recommender) -> None:
    new = pd.DataFrame({"movie_id": [100], "title": ["New (2025)"], "genres": ["Drama|War"]})
    more = recommender.add_movies(new)
    table = more.recommend([1], where="year > 2000 and genres has war")
    assert table["movie_id"].tolist() == [100]
    with pytest.raises(DataError, match=r"may be listed; add include_unrated=True for those"):
        more.similar(1, where="year > 2000")
    assert more.similar(1, where="year > 2000", include_unrated=True)["movie_id"].tolist() == [100]


def test_a_long_condition_is_cut_in_messages(recommender: Recommender) -> None:
    with pytest.raises(ConfigError) as caught:
        recommender.recommend([1], where="(" * 5_000)
    assert len(str(caught.value)) < 400
