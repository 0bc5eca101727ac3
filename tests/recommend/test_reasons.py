"""Why two movies are alike, for columns of any name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphrec.data.ids import IdMap
from graphrec.data.interactions import Interactions
from graphrec.features.matrix import fit_features
from graphrec.recommend.reasons import reasons
from graphrec.recommend.recommender import Recommender


def _interactions(*pairs: tuple[int, int], num_users: int = 6) -> Interactions:
    user, movie = np.array(pairs, dtype=np.int32).reshape(-1, 2).T
    ids = IdMap(pd.RangeIndex(num_users)), IdMap(pd.RangeIndex(40))
    return Interactions(*ids, user, movie)


NONE = _interactions()


def _why(movies: pd.DataFrame, *pair: int, interactions: Interactions = NONE) -> str:
    encoder = fit_features(movies)
    features = encoder.transform(movies)
    (text,) = reasons(
        encoder, movies, features, interactions, row=pair[0], others=np.array(pair[1:])
    )
    return text


def _column(name: str, own: list[object], rest: list[object]) -> pd.DataFrame:
    """A table of 40 movies: some cells, and others over and over."""
    more = [rest[row % len(rest)] for row in range(40 - len(own))]
    return pd.DataFrame({name: own + more})


def test_shared_labels_the_rarest_first() -> None:
    own = ["spy|car|sun", "sun|spy|car|sea", "sea"]
    movies = _column("things", own, ["car", "tree", "tree|sea", "tree"])
    assert _why(movies, 0, 1) == "spy, sun, car"
    assert _why(movies, 0, 2) == ""


def test_a_label_that_most_have_is_no_reason() -> None:
    movies = _column("spoken", ["xx", "xx", "yy", "yy"], ["xx", "xx", "xx", "zz"])
    assert _why(movies, 0, 1) == ""
    assert _why(movies, 2, 3) == "spoken yy"


def test_numbers_that_are_close_by_the_quantiles() -> None:
    movies = _column("length", [170, 176, 95, 96, 110, None], list(range(80, 130, 3)))
    assert _why(movies, 0, 1) == "length 170 and 176"
    assert _why(movies, 2, 3) == "length 95 and 96"
    assert _why(movies, 3, 2) == "length 95 and 96"
    assert _why(movies, 2, 4) == ""
    assert _why(movies, 0, 5) == _why(movies, 5, 0) == ""


def test_money_is_close_within_a_quarter_and_is_said_shortly() -> None:
    money = [60_000_000, 62_300_000, 90_000_000, 62_300_000]
    movies = _column("cost", money, [10.0**place for place in range(3, 9)])
    assert _why(movies, 0, 1) == "cost 60M and 62.3M"
    assert _why(movies, 1, 3) == "cost 62.3M"
    assert _why(movies, 0, 2) == ""


def test_years_are_said_once() -> None:
    days = ["1995-12-15", "1996-01-20", "1995-03-02", "2014-01-01"]
    movies = _column("shown", days, [f"{year}-06-01" for year in range(1960, 2020)])
    titles = ["A (1995)", "B (1995)", "C (1995)", "D (2014)"]
    movies["title"] = titles + [f"x ({1960 + place})" for place in range(36)]
    assert _why(movies, 0, 1) == "1995"
    assert _why(movies, 0, 2) == "1995"
    assert _why(movies, 0, 3) == ""


def test_similar_texts_and_vectors() -> None:
    plots = [
        "A thief robs a bank and a detective hunts the thief.",
        "The detective hunts a thief who robs banks at night.",
        "A girl finds a dragon in the garden of her school.",
    ]
    who, where = ("Two cooks", "A dog", "Nine nuns", "Some pirates"), ("sea", "wood", "town")
    how = ("sing songs", "play chess", "lose money")
    rest = [f"{one} {two} in the {three}." for one in who for two in how for three in where]
    movies = _column("plot", list(plots), list(rest))
    assert _why(movies, 0, 1) == "similar plot"
    assert _why(movies, 0, 2) == ""
    vectors = [[1.0, 0.1], [0.9, 0.1], [-1.0, 0.0]]
    assert _why(_column("sound", list(vectors), [[0.0, 1.0], [0.1, -1.0]]), 0, 1) == "similar sound"


def test_users_in_common_beside_those_expected() -> None:
    """Movie 0 has 4 of 5 users, movie 1 has 3, of whom 2 rated both; expected are 4 * 3 / 5."""
    pairs = [(0, 0), (1, 0), (2, 0), (3, 0), (0, 1), (1, 1), (4, 1), (4, 2)]
    rated = _interactions(*pairs)
    movies = _column("length", [90, 92, 150, 151], list(range(80, 130, 3)))
    assert _why(movies, 0, 1, interactions=rated) == "length 90 and 92; 2 in common, 2 expected"
    assert _why(movies, 1, 2, interactions=rated) == "1 in common, 0.6 expected"
    assert _why(movies, 0, 2, interactions=rated) == "0 in common, 0.8 expected"
    assert _why(movies, 2, 3, interactions=rated) == "length 150 and 151; no ratings yet"
    assert _why(movies, 3, 2, interactions=rated) == "length 150 and 151"


def test_no_metadata_and_no_interactions(model_folder: Path) -> None:
    movies = pd.DataFrame({"other": range(40)})
    nothing = fit_features(pd.DataFrame({"length": [None] * 40}))
    features = np.zeros((40, 0), dtype=np.float32)
    others = np.array([1, 2])
    assert reasons(nothing, movies, features, NONE, row=0, others=others) == ["", ""]
    new = pd.DataFrame({"movie_id": [100], "title": ["Odd one (1990)"], "genres": ["Drama|War"]})
    more = Recommender.load(model_folder).add_movies(new)
    assert "in common" not in "".join(more.similar(movie_id=100)["why"])
    why = more.similar(movie_id=1, k=33, include_unrated=True).set_index("movie_id")["why"]
    assert why[100].endswith("no ratings yet")
    assert "expected" in why[3]


@pytest.mark.parametrize("by", ["collaborative", "metadata", "both", "features"])
def test_recommender_counts_the_training_graph_only(model_folder: Path, by: str) -> None:
    recommender = Recommender.load(model_folder)
    table = recommender.similar(movie_id=1, k=3, by=by)
    rated = recommender.history.toarray() > 0
    for movie, why in zip(table["movie_id"], table["why"], strict=True):
        common = int((rated[:, 1] & rated[:, movie]).sum())
        assert f"{common} in common" in why
