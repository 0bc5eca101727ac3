"""Asking the model of the checkerboard, where even users like even movies."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from graphrec import Recommender
from graphrec.config import Similarity
from graphrec.data.dataset import Dataset
from graphrec.data.split import Split
from graphrec.errors import (
    AmbiguousTitleError,
    ConfigError,
    DataError,
    GraphrecWarning,
    UnknownIdError,
)

Tables = tuple[pd.DataFrame, pd.DataFrame]


@pytest.mark.parametrize("by", [way for way in Similarity if way is not Similarity.ALL])
def test_similar_movies_have_the_same_colour(recommender: Recommender, by: Similarity) -> None:
    table = recommender.similar("even story 4", k=12, by=by)
    assert len(table) == 12
    assert (table["movie_id"] % 2 == 0).all()
    assert 4 not in set(table["movie_id"])
    assert table["score"].is_monotonic_decreasing
    if by in (Similarity.METADATA, Similarity.FEATURES):
        assert table["score"].between(-1.0001, 1.0001).all()


def test_each_side_has_its_column(recommender: Recommender) -> None:
    table = recommender.similar(movie_id=7, k=31)
    sides = ["collaborative", "metadata", "features"]
    assert list(table.columns) == ["movie_id", "title", "score", *sides, "why"]
    by_collaborative = recommender.similar(7, k=31, by=Similarity.COLLABORATIVE)
    np.testing.assert_allclose(by_collaborative["score"], by_collaborative["collaborative"])


def test_similar_never_gives_more_than_there_are(recommender: Recommender) -> None:
    assert len(recommender.similar(0, k=500)) == 31


@pytest.mark.parametrize("by", [way for way in Similarity if way is not Similarity.ALL])
def test_similar_to_several_by_the_mean(recommender: Recommender, by: Similarity) -> None:
    table = recommender.similar(["even story 4", 10, 4], k=29, by=by)
    single = [recommender.similar(one, k=31, by=by).set_index("movie_id") for one in (4, 10)]
    assert not {4, 10} & set(table["movie_id"])
    assert table["score"].is_monotonic_decreasing
    for column in ("score", "collaborative", "metadata", "features"):
        mean = sum(one.loc[table["movie_id"], column].to_numpy() for one in single) / 2
        np.testing.assert_allclose(table[column], mean, atol=1e-6)
    scores = np.array([one.loc[table["movie_id"], "score"] for one in single])
    whys = [one.loc[table["movie_id"], "why"].tolist() for one in single]
    for place, nearest in enumerate(scores.argmax(axis=0)):
        title = f"Even story {(4, 10)[nearest]} (1990)"
        assert table["why"].iloc[place] == f"{title}: {whys[nearest][place]}"


def test_similar_to_several_tells_which_were_taken(recommender: Recommender) -> None:
    notes: list[str] = []
    table = recommender.similar(["even story 4", "xyzzy", 2], note=notes.append)
    taken = [{"movie_id": row, "title": f"Even story {row} (1990)"} for row in (4, 2)]
    assert table.attrs == {"movies": taken}
    assert notes[0].startswith("left out: no movie is called 'xyzzy'")
    pd.testing.assert_frame_equal(table, recommender.similar(movie_id=[4, 2]))
    pd.testing.assert_frame_equal(recommender.similar([4]), recommender.similar(4))
    with pytest.raises(UnknownIdError, match="no movie is called 'xyzzy'"):
        recommender.similar(["even story 4", "xyzzy"], strict=True)
    every = recommender.similar([4, 2], k=3, by="all")
    assert every["by"].value_counts().tolist() == [3, 3, 3, 3]


def test_recommends_the_rest_of_the_colour(
    recommender: Recommender, small_world: tuple[Dataset, Split]
) -> None:
    table = recommender.recommend([0, 1], k=3)
    assert table["user_id"].tolist() == [0, 0, 0, 1, 1, 1]
    assert table["rank"].tolist() == [1, 2, 3, 1, 2, 3]
    assert (table["movie_id"] % 2 == table["user_id"] % 2).all()
    dataset, split = small_world
    known = dataset.interactions.to_csr(split.known).toarray() > 0
    assert not known[table["user_id"], table["movie_id"]].any()


def test_all_users_at_once_equals_one_by_one(recommender: Recommender) -> None:
    everyone = recommender.recommend(k=4)
    assert everyone["user_id"].nunique() == 40
    one = recommender.recommend([17], k=4)
    same = everyone[everyone["user_id"] == 17].reset_index(drop=True)
    pd.testing.assert_frame_equal(same, one)


def test_rated_movies_may_be_kept(recommender: Recommender) -> None:
    table = recommender.recommend([3], k=32, filter_viewed=False)
    assert sorted(table["movie_id"]) == list(range(32))


def test_only_movies_that_are_allowed(recommender: Recommender) -> None:
    table = recommender.recommend([0], k=10, among=[1, 3, 5])
    assert set(table["movie_id"]) == {1, 3, 5}
    with pytest.raises(UnknownIdError, match="movie 99 is not in the data"):
        recommender.recommend([0], among=[1, 99])


def test_new_user_by_titles_and_ids(recommender: Recommender) -> None:
    table = recommender.recommend(history=["odd story 1", 3, 5], k=8)
    assert list(table.columns) == ["movie_id", "title", "rank", "score"]
    assert (table["movie_id"] % 2 == 1).all()
    assert not set(table["movie_id"]) & {1, 3, 5}


def test_find_returns_the_movie(recommender: Recommender) -> None:
    found = recommender.find("EVEN story four")
    assert found["title"] == "Even story 4 (1990)"
    pd.testing.assert_series_equal(found, recommender.movies.iloc[4])
    pd.testing.assert_series_equal(found, recommender.find(4))
    with pytest.raises(AmbiguousTitleError, match="is only a part of 16 titles") as caught:
        recommender.find("even story")
    assert len(caught.value.choices) == 16


def test_tables_tell_which_movies_were_taken(recommender: Recommender) -> None:
    four = {"movie_id": 4, "title": "Even story 4 (1990)"}
    assert recommender.similar("even story 4").attrs == {"movie": four}
    assert recommender.similar(movie_id=4, by="all").attrs == {"movie": four}
    table = recommender.recommend(history=["even story 4", 2])
    two = {"movie_id": 2, "title": "Even story 2 (1990)"}
    assert table.attrs == {"history": [two, four]}
    assert recommender.recommend([3]).attrs == {}


def test_a_movie_that_had_to_be_guessed_is_named(recommender: Recommender) -> None:
    taken = pytest.warns(
        GraphrecWarning, match=r"^'evne story 4' is taken as Even story 4 \(1990\)\.$"
    )
    with taken:
        recommender.similar("evne story 4")
    with taken:
        recommender.recommend(history="evne story 4")
    with taken:
        recommender.explain("evne story 4", user=3)
    with taken:
        recommender.explain_similarity("even story 2", "evne story 4")


def test_movies_of_a_history_that_are_not_known_are_left_out(recommender: Recommender) -> None:
    notes: list[str] = []
    history, ratings = ["xyzzy", "odd story 1", 900, 2], [5, 4, 5, 1]
    table = recommender.recommend(history=history, ratings=ratings, note=notes.append)
    same = recommender.recommend(history=[1, 2], ratings=[4, 1])
    pd.testing.assert_frame_equal(table, same)
    first, second = notes
    assert first.startswith("left out: no movie is called 'xyzzy'. The nearest titles: ")
    assert second.startswith("left out: movie 900 is not in the data")
    with pytest.raises(UnknownIdError, match="no movie is called 'xyzzy'"):
        recommender.recommend(history=history, strict=True)
    with pytest.raises(UnknownIdError, match="no movie is called 'xyzzy'"):
        recommender.explain(4, history=history, strict=True)
    with pytest.raises(UnknownIdError, match="no movie is called 'xyzzy'"):
        recommender.recommend(history=["xyzzy", 900])
    with pytest.raises(ConfigError, match="3 ratings for 4 movies"):
        recommender.recommend(history=history, ratings=[5, 4, 5])
    frame = pd.DataFrame({"user_id": [1, 1], "movie_id": [1, 901]})
    with pytest.raises(DataError, match="not in the model: 1, such as 901"):
        recommender.recommend(history=frame, strict=True)


def test_one_id_or_title_needs_no_list(recommender: Recommender) -> None:
    pd.testing.assert_frame_equal(recommender.recommend(3, k=2), recommender.recommend([3], k=2))
    one = recommender.recommend(history="odd story 1", k=2)
    pd.testing.assert_frame_equal(one, recommender.recommend(history=[1], k=2))
    assert recommender.recommend([]).empty


def test_movies_without_metadata_do_not_resemble_each_other(
    checkerboard: Tables, train_recommender: Callable[..., Recommender]
) -> None:
    ratings, movies = checkerboard
    table = train_recommender(ratings, movies[movies["movie_id"] > 3]).similar(movie_id=0, k=31)
    assert (table["features"] == 0).all()


def test_wrong_questions(recommender: Recommender) -> None:
    with pytest.raises(UnknownIdError, match=r"user 4711 is not in the data .40 users, such"):
        recommender.recommend([4711])
    with pytest.raises(UnknownIdError, match="no movie is called 'xyzzy'"):
        recommender.similar("xyzzy")
    with pytest.raises(ConfigError, match="k is 0; it must be 1 or more"):
        recommender.similar("odd story 1", k=0)
    for k in (2.5, "5", True, None):
        with pytest.raises(ConfigError, match="it must be a whole number"):
            recommender.recommend([1], k=k)  # type: ignore[arg-type]
    with pytest.raises(UnknownIdError, match="a movie id is one number or one text"):
        recommender.similar([["odd story 1"]])
    with pytest.raises(ConfigError, match="at least one movie"):
        recommender.similar([])
    with pytest.raises(UnknownIdError, match="a user id is one number or one text"):
        recommender.explain(1, user=[3])
    with pytest.raises(ConfigError, match="not both"):
        recommender.recommend([1], history=[1])
    with pytest.raises(ConfigError, match="at least one movie"):
        recommender.recommend(history=[])
    with pytest.raises(ConfigError, match="by is 'magic'; it must be one of both, collaborative"):
        recommender.similar("odd story 1", by="magic")
    with pytest.raises(ConfigError, match="by title or by id"):
        recommender.similar()


def test_says_what_it_is(recommender: Recommender) -> None:
    assert "40 users, 32 movies" in repr(recommender)


def test_notebooks_show_a_card(
    checkerboard: Tables,
    train_recommender: Callable[..., Recommender],
    recommender: Recommender,
) -> None:
    card = recommender._repr_html_()
    for words in ("checkerboard", "<td>32</td>", "ndcg@20 0.", "recommender.similar(&#x27;Even"):
        assert words in card.replace(' style="text-align: left"', "")
    new = pd.DataFrame({"movie_id": [100], "title": ["New"], "genres": ["Drama"]})
    assert "32, and 1 new<" in recommender.add_movies(new)._repr_html_()
    ratings, movies = checkerboard
    movies = movies.assign(title=["<script>alert('x')</script>", *movies["title"][1:]])
    card = train_recommender(ratings, movies)._repr_html_()
    assert "<script" not in card
    assert "&lt;script&gt;" in card


def test_folded_in_history_resembles_the_trained_user(
    recommender: Recommender, small_world: tuple[Dataset, Split]
) -> None:
    """Same history, no ID of their own: mostly the same recommendations."""
    dataset, split = small_world
    known = dataset.interactions.only(split.known)
    history = known.movie[known.user == 6].tolist()
    folded, trained = recommender.recommend(history=history, k=3), recommender.recommend([6], k=3)
    assert set(folded["movie_id"]) & set(trained["movie_id"])


def test_string_ids_stay_as_they_are(
    checkerboard: Tables, train_recommender: Callable[..., Recommender]
) -> None:
    ratings, _ = checkerboard
    ratings = ratings.assign(
        user_id="u" + ratings["user_id"].astype(str), movie_id="0" + ratings["movie_id"].astype(str)
    )
    recommender = train_recommender(ratings)
    assert recommender.recommend(["u3"], k=2)["user_id"].tolist() == ["u3", "u3"]
    assert recommender.similar(movie_id="07", k=1)["movie_id"].iloc[0].startswith("0")
    assert recommender.similar("movie 07", k=1)["title"].iloc[0].startswith("movie 0")
    assert list(recommender.similar("07", k=1).columns) == ["movie_id", "title", "score", "why"]
    with pytest.raises(
        ConfigError, match=r"no metadata part to compare movies by; .* by collaborative\."
    ):
        recommender.similar("07", by=Similarity.METADATA)
    with pytest.raises(ConfigError, match="no metadata to compare movies by"):
        recommender.similar("07", by=Similarity.FEATURES)
