"""Users that came after training, known by their history."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from graphrec import Recommender
from graphrec.errors import ConfigError, DataError, GraphrecWarning
from graphrec.recommend.new_users import rating_weights


def test_histories_of_many_new_users(recommender: Recommender) -> None:
    odd, even = [1, 3, 5, 7, 9], [0, 2, 4, 6]
    table = pd.DataFrame(
        {"user_id": ["ann"] * 5 + ["bob"] * 4, "movie_id": odd + even, "rating": [4.0] * 9}
    )
    lists = recommender.recommend(history=table, k=3)
    assert lists["user_id"].tolist() == ["ann"] * 3 + ["bob"] * 3
    assert (lists["movie_id"] % 2).tolist() == [1] * 3 + [0] * 3
    assert not set(lists["movie_id"]) & set(odd + even)
    alone = recommender.recommend(history=odd, k=3)
    assert alone["movie_id"].tolist() == lists["movie_id"][:3].tolist()


def test_ratings_weigh_interactions(recommender: Recommender) -> None:
    odd, even = [1, 3, 5], [0, 2, 4]
    for weights, colour in (([4, 4, 4, 0.5, 0.5, 0.5], 1), ([0.5, 0.5, 0.5, 4, 4, 4], 0)):
        table = recommender.recommend(history=odd + even, ratings=weights, k=5)
        assert (table["movie_id"] % 2 == colour).mean() >= 0.8


def test_counts_weigh_the_same_however_large() -> None:
    plays = np.array([1, 1, 2, 3, 500], dtype=np.float32)
    assert rating_weights([3, 1, 0, 900], plays).tolist() == [1, 1, 0, 1]
    stars = np.array([1, 2, 3, 4, 5, np.nan], dtype=np.float32)
    assert rating_weights([5, 1, 0], stars).tolist() == [1, 0.2, 0]
    assert rating_weights([4, 2], None).tolist() == [1, 0.5]


def test_names_of_columns_are_given_or_remembered(recommender: Recommender) -> None:
    usual = pd.DataFrame({"user_id": ["a", "a"], "movie_id": [1, 3], "rating": [5, 1]})
    named = usual.set_axis(["who", "film_code", "liked"], axis=1)
    columns = {"user_id": "who", "movie_id": "film_code", "rating": "liked"}
    lists = recommender.recommend(history=usual, k=5)
    pd.testing.assert_frame_equal(recommender.recommend(history=named, columns=columns, k=5), lists)
    with pytest.warns(
        GraphrecWarning, match=r"there is no column 'liked' \(columns=.*, so 'rating' was"
    ):
        again = recommender.recommend(history=usual, columns={"rating": "liked"}, k=5)
    pd.testing.assert_frame_equal(again, lists)
    with pytest.raises(DataError, match=r"there is no column 'code' \(columns=.* Correct the name"):
        recommender.recommend(history=named, columns={"movie_id": "code", "user_id": "who"})
    new = pd.DataFrame({"code": [900], "called": ["New"], "genres": ["Drama|War"]})
    more = recommender.add_movies(new, columns={"movie_id": "code", "title": "called"})
    assert more.find("New")["movie_id"] == 900


def test_bad_histories(recommender: Recommender) -> None:
    with pytest.raises(ConfigError, match="2 ratings for 1 movie of the"):
        recommender.recommend(history=[1], ratings=[4, 5])
    with pytest.raises(ConfigError, match="ratings need a history"):
        recommender.recommend([1], ratings=[4])
    with pytest.raises(DataError, match="all ratings are 0"):
        recommender.recommend(history=[1], ratings=[0])
    with pytest.raises(DataError, match="numbers from 0 up"):
        recommender.recommend(history=[1], ratings=[-2])
    with pytest.raises(DataError, match="must be numbers from 0 up"):
        recommender.recommend(history=[1], ratings=["good"])
    table = pd.DataFrame({"user_id": [1, 2], "movie_id": [900, 901]})
    with pytest.raises(DataError, match="none of its movies is in the model"):
        recommender.recommend(history=table)
    with pytest.raises(ConfigError, match="must be a column of that table"):
        recommender.recommend(history=table, ratings=[1, 2])
    table = pd.DataFrame({"user_id": [1, 2, 1], "movie_id": [1, 901, 902]})
    with pytest.warns(GraphrecWarning, match="interactions .* left out: 2, and 1 user without"):
        assert set(recommender.recommend(history=table, k=2)["user_id"]) == {1}


def test_a_history_may_be_a_frame_of_any_library_and_movies_rated_0_are_not_recommended(
    recommender: Recommender,
) -> None:
    frame = pd.DataFrame({"user_id": ["a", "a", "b"], "movie_id": [1, 3, 2], "rating": [5, 0, 4]})
    table = recommender.recommend(history=pa.Table.from_pandas(frame), k=40)
    table = table.to_pandas()
    pd.testing.assert_frame_equal(table, recommender.recommend(history=frame, k=40))
    without = recommender.recommend(history=frame[frame["rating"] > 0], k=40)
    own, other = (t[t["user_id"] == "a"].set_index("movie_id")["score"] for t in (table, without))
    assert 3 not in own
    pd.testing.assert_series_equal(own, other.drop(3).reindex(own.index))


def test_an_id_that_is_no_number_leaves_the_others_as_they_are(recommender: Recommender) -> None:
    table = pd.DataFrame({"user_id": ["a", "a", "b"], "movie_id": ["1", "zz", "4"]})
    with pytest.warns(GraphrecWarning, match="movies that the model doesn't have, left out: 1"):
        lists = recommender.recommend(history=table, k=3)
    numbers = pd.DataFrame({"user_id": ["a", "b"], "movie_id": [1, 4]})
    pd.testing.assert_frame_equal(lists, recommender.recommend(history=numbers, k=3))


def test_a_missing_rating_counts_as_the_mean_of_the_others(recommender: Recommender) -> None:
    table = pd.DataFrame({"user_id": [1] * 3, "movie_id": [1, 4, 5], "rating": [4.0, 2.0, None]})
    with pytest.warns(
        GraphrecWarning, match="rows without a rating, counted as the mean of the others: 1"
    ):
        lists = recommender.recommend(history=table, k=40)
    pd.testing.assert_frame_equal(lists, recommender.recommend(history=table.fillna(3.0), k=40))
    with pytest.warns(GraphrecWarning, match="rows without a rating, counted fully: 3"):
        lists = recommender.recommend(history=table.assign(rating=[None] * 3), k=40)
    unrated = table.drop(columns="rating")
    pd.testing.assert_frame_equal(lists, recommender.recommend(history=unrated, k=40))


def test_dislikes_are_known_and_weigh_nothing(recommender: Recommender) -> None:
    frame = pd.DataFrame({"user_id": [1] * 3, "movie_id": [1, 4, 5], "rating": [1, -1, 1]})
    lists = recommender.recommend(history=frame, k=40)
    by_zero = recommender.recommend(history=frame.assign(rating=[1, 0, 1]), k=40)
    pd.testing.assert_frame_equal(lists, by_zero)
    one = recommender.recommend(history=[1, 4, 5], ratings=[1, -1, 1], k=40)
    assert one["movie_id"].tolist() == lists["movie_id"].tolist()
    assert 4 not in one["movie_id"].tolist()


def test_a_negative_rating_is_named(recommender: Recommender) -> None:
    table = pd.DataFrame({"user_id": [1, 1], "movie_id": [1, 4], "rating": [4.0, -2.0]})
    with pytest.raises(DataError, match=r"data row 2: column 'rating' holds -2.0, and ratings are"):
        recommender.recommend(history=table)
