"""Why two movies are alike, for columns of any name."""

from __future__ import annotations

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


def _why(movies: pd.DataFrame, *pair: int, known: Interactions = NONE) -> str:
    encoder = fit_features(movies)
    features = encoder.transform(movies)
    (text,) = reasons(encoder, movies, features, known, row=pair[0], others=np.array(pair[1:]))
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
    movies = _column("cost", money, [10.0**power for power in range(3, 9)])
    assert _why(movies, 0, 1) == "cost 60M and 62.3M"
    assert _why(movies, 1, 3) == "cost 62.3M"
    assert _why(movies, 0, 2) == ""


def test_years_are_said_once() -> None:
    days = ["1995-12-15", "1996-01-20", "1995-03-02", "2014-01-01"]
    movies = _column("shown", days, [f"{year}-06-01" for year in range(1960, 2020)])
    titles = ["A (1995)", "B (1995)", "C (1995)", "D (2014)"]
    movies["title"] = titles + [f"x ({1960 + row})" for row in range(36)]
    assert _why(movies, 0, 1) == "1995"
    assert _why(movies, 0, 2) == "1995"
    assert _why(movies, 0, 3) == ""


def test_texts_and_vectors_that_are_alike() -> None:
    plots = [
        "A thief robs a bank and a detective hunts the thief.",
        "The detective hunts a thief who robs banks at night.",
        "A girl finds a dragon in the garden of her school.",
    ]
    who, where = ("Two cooks", "A dog", "Nine nuns", "Some pirates"), ("sea", "wood", "town")
    how = ("sing songs", "play chess", "lose money")
    rest = [f"{one} {two} in the {three}." for one in who for two in how for three in where]
    movies = _column("plot", list(plots), list(rest))
    assert _why(movies, 0, 1) == "plot alike"
    assert _why(movies, 0, 2) == ""
    vectors = [[1.0, 0.1], [0.9, 0.1], [-1.0, 0.0]]
    assert _why(_column("sound", list(vectors), [[0.0, 1.0], [0.1, -1.0]]), 0, 1) == "sound alike"


def test_common_users_beside_those_by_chance() -> None:
    """Movie 0 has 4 of 5 active users, movie 1 has 3, of whom 2 have watched both: 4 * 3 / 5."""
    pairs = [(0, 0), (1, 0), (2, 0), (3, 0), (0, 1), (1, 1), (4, 1), (4, 2)]
    known = _interactions(*pairs)
    movies = _column("length", [90, 92, 150, 151], list(range(80, 130, 3)))
    assert _why(movies, 0, 1, known=known) == "length 90 and 92; 2 users in common, 2 by chance"
    assert _why(movies, 1, 2, known=known) == "1 user in common, 0.6 by chance"
    assert _why(movies, 0, 2, known=known) == "0 users in common, 0.8 by chance"
    assert _why(movies, 2, 3, known=known) == "length 150 and 151; no ratings"
    assert _why(movies, 3, 2, known=known) == "length 150 and 151"


def test_a_side_that_has_nothing_to_say_is_left_out(recommender: Recommender) -> None:
    movies = pd.DataFrame({"other": range(40)})
    nothing = fit_features(pd.DataFrame({"length": [None] * 40}))
    features = np.zeros((40, 0), dtype=np.float32)
    others = np.array([1, 2])
    assert reasons(nothing, movies, features, NONE, row=0, others=others) == ["", ""]
    new = pd.DataFrame({"movie_id": [100], "title": ["Odd one (1990)"], "genres": ["Drama|War"]})
    more = recommender.add_movies(new)
    assert "in common" not in "".join(more.similar(movie_id=100)["why"])
    known = more.similar(movie_id=1, k=33).set_index("movie_id")["why"]
    assert known[100].endswith("no ratings")
    assert "by chance" in known[3]


@pytest.mark.parametrize("by", ["collaborative", "metadata", "both", "features"])
def test_recommender_counts_training_users_only(recommender: Recommender, by: str) -> None:
    table = recommender.similar(movie_id=1, k=3, by=by)
    watched = recommender.history.toarray() > 0
    for movie, why in zip(table["movie_id"], table["why"], strict=True):
        common = int((watched[:, 1] & watched[:, movie]).sum())
        assert f"{common} user" in why
