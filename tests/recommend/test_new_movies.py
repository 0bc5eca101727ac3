"""Movies that came after training."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphrec import Recommender
from graphrec.errors import DataError

Tables = tuple[pd.DataFrame, pd.DataFrame]


def _new(**columns: list[object]) -> pd.DataFrame:
    both = {"movie_id": [100, 101], "title": ["Odd one (1990)", "Even one (1990)"]}
    return pd.DataFrame(both | {"genres": ["Drama|War", "Comedy"]} | columns)


def test_new_movies_go_to_whom_their_metadata_suit(recommender: Recommender) -> None:
    more = recommender.add_movies(_new())
    for user, own, other in ((1, 100, 101), (2, 101, 100)):
        table = more.recommend([user], k=40)
        assert np.isfinite(table["score"]).all()
        assert table.loc[table["new"], "movie_id"].tolist() == [own, other]
        rank = dict(zip(table["movie_id"], table["rank"], strict=True))
        wrong = [rank[movie] for movie in rank if movie < 100 and movie % 2 != own % 2]
        assert rank[own] < min(wrong)  # among all movies it stands with its own kind


def test_new_movies_change_nothing_for_the_others(recommender: Recommender) -> None:
    before = recommender.recommend([5], k=40)
    after = recommender.add_movies(_new()).recommend([5], k=40)
    kept = after[~after["new"]].set_index("movie_id")["score"].to_dict()
    assert kept == pytest.approx(before.set_index("movie_id")["score"].to_dict(), abs=1e-5)
    assert recommender.num_new == 0
    assert "new" not in before


def test_similar_to_a_new_movie_and_by_its_title(recommender: Recommender) -> None:
    more = recommender.add_movies(_new())
    table = more.similar("odd one", k=16)
    assert (table["movie_id"] % 2 == 1).mean() > 0.9
    assert "Odd one (1990)" not in more.similar(movie_id=1, k=33)["title"].tolist()
    with_unrated = more.similar(movie_id=1, k=33, include_unrated=True)
    assert "Odd one (1990)" in with_unrated["title"].tolist()


def test_movies_can_be_added_twice(recommender: Recommender) -> None:
    one = recommender.add_movies(_new()[:1])
    two = one.add_movies(_new()[1:])
    assert two.num_new == 2
    assert two.movies[-2:]["movie_id"].tolist() == [100, 101]
    at_once = recommender.add_movies(_new())
    pd.testing.assert_frame_equal(two.recommend([3], k=5), at_once.recommend([3], k=5))


def test_liking_a_new_movie_alone_says_something(recommender: Recommender) -> None:
    more = recommender.add_movies(_new())
    table = more.recommend(history=[100], k=10)
    assert (table["movie_id"] % 2 == 1).mean() >= 0.8


def test_what_training_has_never_seen_is_counted(recommender: Recommender) -> None:
    notes: list[str] = []
    new = _new(genres=["Drama|Opera", "Mime"], colour=["red", "blue"])
    recommender.add_movies(new, note=notes.append)
    assert any("that training has not seen, left out: colour" in note for note in notes)
    assert any(
        "values of genres that training has not seen, left out: Mime, Opera" in note
        for note in notes
    )
    notes.clear()
    recommender.add_movies(new[["movie_id", "title"]], note=notes.append)
    assert notes == [
        "the new movies: columns that only the training data have, read as missing: genres."
    ]


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"title": ["Odd", None]}, "the movie with id 101 has no title; every new movie needs one"),
        ({"movie_id": [7, 101]}, r"has a movie with id 7 already, Odd story 7 \(1990\)"),
        ({"movie_id": ["abc", "d"]}, "'abc' is not one; give new movies whole numbers"),
    ],
)
def test_bad_new_movies(
    columns: dict[str, list[object]], sentence: str, recommender: Recommender
) -> None:
    with pytest.raises(DataError, match=sentence):
        recommender.add_movies(_new(**columns))


def test_cells_of_another_type_are_named(
    checkerboard: Tables, train_recommender: Callable[..., Recommender]
) -> None:
    ratings, movies = checkerboard
    movies = movies.assign(
        runtime=np.arange(80, 112), shown=pd.date_range("1990-01-01", periods=32).astype(str)
    )
    recommender = train_recommender(ratings, movies)
    right = {"runtime": [90, None], "shown": ["1990-02-01", None]}
    assert recommender.add_movies(_new(**right)).num_new == 2
    wrong = right | {"runtime": ["90", "long"]}
    with pytest.raises(DataError, match="'runtime' holds numbers, and 'long' in row 2 is not one"):
        recommender.add_movies(_new(**wrong))
    wrong = right | {"shown": ["soon", None]}
    with pytest.raises(DataError, match="'shown' holds dates, and 'soon' in row 1 is not one"):
        recommender.add_movies(_new(**wrong))


def test_one_movie_as_json_needs_no_id(recommender: Recommender, tmp_path: Path) -> None:
    path = tmp_path / "movie.json"
    path.write_text(json.dumps({"title": "Odd one", "genres": ["Drama", "War"]}), encoding="utf-8")
    more = recommender.add_movies(path)
    assert more.movies["movie_id"].iloc[-1] == 32
    for text, sentence in (
        ("{", "is not JSON"),
        ("[]", "must hold one movie"),
        ("3", "must hold"),
        ('{"title": "\\ud83d"}', "lone surrogate"),
        ('{"a":' * 50_000, "nested too deeply"),
        ('[{"title": "A"}, {"title": "B"}]', "holds 2 movies; each needs an id"),
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(DataError, match=sentence):
            recommender.add_movies(path)
    path.write_bytes(b'{"title": "Odd \xed"}')
    with pytest.raises(DataError, match="is not UTF-8 text"):
        recommender.add_movies(path)
    with pytest.raises(DataError, match="can't be read"):
        recommender.add_movies(tmp_path / "nowhere.json")


def test_model_without_titles_or_metadata_takes_new_movies_too(
    checkerboard: Tables, train_recommender: Callable[..., Recommender]
) -> None:
    more = train_recommender(checkerboard[0]).add_movies(pd.DataFrame({"movie_id": [100]}))
    table = more.recommend([1], k=40)
    assert np.isfinite(table["score"]).all()
    assert 100 in table["movie_id"].tolist()
