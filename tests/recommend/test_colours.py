"""The colours of a map."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from graphrec.errors import ConfigError
from graphrec.recommend.mapping.colours import (
    INTERACTIONS,
    OTHER,
    PALETTE,
    RAMP,
    Colouring,
    colour_by,
    default_column,
    labels_in_words,
)

COUNTS = np.arange(6)


@pytest.fixture
def movies() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "movie_id": range(6),
            "title": [f"Story {year} ({year})" for year in range(1990, 1996)],
            "tags": ["x|y", "x", "y", "x|y", "x", "x"],
            "genres": ["Drama|War", "Drama", "Comedy|Drama", "Comedy", "", "Drama|War|Comedy"],
            "language": ["en", "en", "fr", "fr", "en", None],
            "budget": [0, 30_000_000, 45_000_000, 2_500, 0, 200_000_000],
            "release": [f"199{year}-07-02" for year in range(6)],
            "same": [1] * 6,
        }
    )


def test_genres_come_first_then_other_labels_then_popularity(movies: pd.DataFrame) -> None:
    assert default_column(movies) == "genres"
    assert default_column(movies.drop(columns="genres")) == "tags"
    assert default_column(movies[["movie_id", "title"]]) == INTERACTIONS
    assert labels_in_words(movies)[0] == "Drama, War"
    assert labels_in_words(movies[["movie_id", "title"]]) == ("",) * 6


def test_a_movie_of_several_labels_has_the_colour_of_its_rarest(movies: pd.DataFrame) -> None:
    colours = colour_by(movies, "genres", COUNTS)
    assert colours.classes == ("Drama", "Comedy", "War")
    assert colours.members.sum(axis=0).tolist() == [4, 3, 2]
    assert [colours.classes[own] for own in colours.movie_class[[0, 1, 2, 5]]] == [
        "War",
        "Drama",
        "Comedy",
        "War",
    ]
    assert colours.colour[4] == OTHER
    assert colours.movie_class[4] == -1
    assert colours.colour[0] == PALETTE[2]
    assert colours.texts[5] == "Drama, War, Comedy"
    assert "rarest" in colours.note


def test_each_of_twenty_genres_has_a_colour_and_labels_beyond_the_colours_are_grey() -> None:
    def coloured(number: int) -> Colouring:
        rows = [f"label {own}" for own in range(number) for _ in range(2 * (number + 5 - own))]
        movies = pd.DataFrame({"movie_id": range(len(rows)), "kind": rows})
        return colour_by(movies, "kind", np.zeros(len(rows)))

    twenty = coloured(20)
    assert len(set(twenty.palette)) == len(set(twenty.colour)) == 20
    assert OTHER not in twenty.palette
    more = coloured(len(PALETTE) + 2)
    assert more.palette == PALETTE
    assert (more.colour == OTHER).sum() == 2 * (7 + 6)


def test_colours_are_as_many_as_they_seem() -> None:
    assert len(set(PALETTE)) == len(PALETTE) <= 32  # the page has a bit for each
    assert OTHER not in PALETTE


def test_the_year_of_titles_is_a_year(movies: pd.DataFrame) -> None:
    by_year, by_title = colour_by(movies, "year", COUNTS), colour_by(movies, "title", COUNTS)
    assert by_year.column == "year"
    assert by_year.colour.tolist() == by_title.colour.tolist()
    own = colour_by(movies.assign(year=[1920, 1930, 1940, 1950, 1960, 1970]), "year", COUNTS)
    assert own.texts[0] == "year 1920"
    with pytest.raises(ConfigError, match="no column 'year'"):
        colour_by(movies.assign(title="Story"), "year", COUNTS)


def test_categories(movies: pd.DataFrame) -> None:
    colours = colour_by(movies, "language", COUNTS)
    assert colours.classes == ("en", "fr")
    assert colours.texts == ("en", "en", "fr", "fr", "en", "")


def test_numbers_are_a_scale_by_quantiles(movies: pd.DataFrame) -> None:
    colours = colour_by(movies, "budget", COUNTS)
    assert colours.is_scale
    assert (colours.colour[[0, 4]] == OTHER).all()  # 0 is a missing value
    assert colours.colour[3] == RAMP[0]
    assert colours.colour[5] == RAMP[-1]
    assert colours.texts[1] == "budget 30M"
    assert colours.texts[0] == ""
    assert colours.members.sum() == 4


def test_dates_and_years_in_titles(movies: pd.DataFrame) -> None:
    by_date, by_title = colour_by(movies, "release", COUNTS), colour_by(movies, "title", COUNTS)
    assert by_date.texts[0] == "release 1990-07-02"
    assert (np.diff(by_date.movie_class) >= 0).all()
    assert by_date.classes == by_title.classes
    assert by_date.movie_class.tolist() == by_title.movie_class.tolist()
    assert by_title.texts == ("",) * 6


@pytest.mark.parametrize("first", [1920, 1990, 2012])
def test_ranges_of_whole_numbers_hold_what_they_say(first: int) -> None:
    years = np.random.default_rng(0).integers(first, 2019, 300)
    movies = pd.DataFrame({"movie_id": range(300), "title": [f"Story ({year})" for year in years]})
    colours = colour_by(movies, "title", np.zeros(300))
    ends = [[int(year) for year in name.split(" – ")] for name in colours.classes]
    assert all(before[-1] + 1 == after[0] for before, after in itertools.pairwise(ends))
    for year, own in zip(years.tolist(), colours.movie_class.tolist(), strict=True):
        assert ends[own][0] <= year <= ends[own][-1]


def test_popularity_of_movies_without_interactions() -> None:
    colours = colour_by(pd.DataFrame({"movie_id": [1, 2]}), INTERACTIONS, np.zeros(2))
    assert colours.classes == ("0 – 1",)
    assert colours.movie_class.tolist() == [0, 0]


def test_columns_that_make_no_colours(movies: pd.DataFrame) -> None:
    with pytest.raises(ConfigError, match=r"no column 'genre' to colour by; take one of title,"):
        colour_by(movies, "genre", COUNTS)
    with pytest.raises(ConfigError, match=r"'same' can't give colours \(one value only\)"):
        colour_by(movies, "same", COUNTS)
