"""Titles as people type them."""

from __future__ import annotations

import pandas as pd
import pytest

from graphrec.errors import AmbiguousTitleError, UnknownIdError
from graphrec.recommend.lookup import TitleLookup

TITLES = {
    1: "Toy Story (1995)",
    2: "Toy Story 2 (1999)",
    3: "Matrix, The (1999)",
    4: "Heat (1995)",
    5: "Heat, The (2013)",
    6: "Seven (a.k.a. Se7en) (1995)",
    7: "Amelie (Fabuleux destin d'Amélie Poulain, Le) (2001)",
    8: "King Kong (1933)",
    9: "King Kong (2005)",
    10: "2001: A Space Odyssey (1968)",
    11: "Lord of the Rings: The Fellowship of the Ring, The (2001)",
    12: "Lord of the Rings: The Two Towers, The (2002)",
    13: "Monsters, Inc. (2001)",
    14: "Bonnie & Clyde (1967)",
    15: "WALL·E (2008)",
    16: "Blade Runner 2049",
    17: "Blade Runner",
    18: "1917",
    19: "Schindler's List (1993)",
    20: "(500) Days of Summer (2009)",
}


@pytest.fixture(scope="module")
def lookup() -> TitleLookup:
    return TitleLookup(pd.DataFrame({"movie_id": TITLES.keys(), "title": TITLES.values()}))


@pytest.mark.parametrize(
    ("typed", "movie_id"),
    [
        ("Toy Story", 1),
        ("toy story", 1),
        ("TOY STORY 2", 2),
        ("Toy Story (1995)", 1),
        ("toy story 1995", 1),
        ("The Matrix", 3),
        ("Matrix, The", 3),
        ("matrix", 3),
        ("matrx", 3),
        ("the matrxi", 3),
        ("Heat", 4),
        ("the heat", 5),
        ("heat 2013", 5),
        ("se7en", 6),
        ("seven", 6),
        ("amelie", 7),
        ("Amélie", 7),
        ("le fabuleux destin d'amelie poulain", 7),
        ("king kong 2005", 9),
        ("King Kong (1933)", 8),
        ("2001 a space oddysey", 10),
        ("two towers", 12),
        ("monsters inc", 13),
        ("bonnie and clyde", 14),
        ("wall-e", 15),
        ("WALL·E", 15),
        ("blade runner 2049", 16),
        ("blade runner", 17),
        ("1917", 18),
        ("schindlers list", 19),
        ("500 days of summer", 20),
    ],
)
def test_finds(lookup: TitleLookup, typed: str, movie_id: int) -> None:
    assert lookup.movies["movie_id"].iloc[lookup.find(typed).row] == movie_id


def test_says_whether_it_guessed(lookup: TitleLookup) -> None:
    assert lookup.find("toy story").is_exact
    assert not lookup.find("matrx").is_exact
    assert not lookup.find("Seven (1979)").is_exact


@pytest.mark.parametrize(("typed", "ids"), [("king kong", [8, 9]), ("lord of the rings", [11, 12])])
def test_lists_the_choices(lookup: TitleLookup, typed: str, ids: list[int]) -> None:
    with pytest.raises(AmbiguousTitleError, match="could be 2 movies; name one with its year") as e:
        lookup.find(typed)
    assert [movie_id for movie_id, _ in e.value.choices] == ids


@pytest.mark.parametrize("typed", ["zzzzzz", "", "   ", "()"])
def test_unknown_title_names_the_nearest(lookup: TitleLookup, typed: str) -> None:
    with pytest.raises(UnknownIdError, match=r"no movie is called .* The nearest titles: "):
        lookup.find(typed)


def test_year_may_stand_in_its_own_column() -> None:
    movies = pd.DataFrame(
        {
            "movie_id": ["a", "b", "c"],
            "title": ["King Kong", "King Kong", "Heat"],
            "release_date": ["1933-04-07", "2005-12-14", None],
        }
    )
    lookup = TitleLookup(movies)
    assert lookup.find("king kong 2005").row == 1
    with pytest.raises(
        AmbiguousTitleError, match=r"King Kong \(1933\) is id a; King Kong \(2005\)"
    ):
        lookup.find("King Kong")
