"""Ids of one kind as those of another, and joins in which too few movies meet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphrec.data.links import Links, id_keys
from graphrec.data.names import ReadOptions
from graphrec.data.sources import load_dataset
from graphrec.errors import DataError, Grave

Write = Callable[..., Path]

# what is said of tables is looked for in their notes
pytestmark = pytest.mark.filterwarnings("ignore::graphrec.errors.GraphrecWarning")

RATINGS = "userId,movieId,rating\n" + "".join(
    f"{user},{movie},4\n" for user in (7, 8) for movie in range(1, 11)
)
LINKS = "movieId,imdbId,tmdbId\n" + "".join(
    f"{movie},{1000 + movie:07d},{11 - movie}\n" for movie in range(1, 10)
)


def by_tmdb(movies: range = range(1, 11)) -> str:
    """A movies table by TMDB's ids, which are 10 to 1 where MovieLens' are 1 to 10."""
    return "id,title\n" + "".join(f"{movie},Film {movie}\n" for movie in movies)


def test_equal_numbers_of_different_ids_are_told_apart(write: Write) -> None:
    """Half of TMDB's ids are also ids of MovieLens, of other films."""
    tmdb = {movie: 2 * movie for movie in range(1, 11)}
    movies = "id,title\n" + "".join(f"{own},Film {movie}\n" for movie, own in tmdb.items())
    links = "movieId,tmdbId\n" + "".join(f"{movie},{own}\n" for movie, own in tmdb.items())

    dataset = load_dataset(
        ratings=write("r.csv", RATINGS),
        movies=write("m.csv", movies),
        links=write("links.csv", links),
    )

    assert dataset.movies["movie_id"].tolist() == list(tmdb)
    assert dataset.movies["title"].tolist() == [f"Film {movie}" for movie in tmdb]


def test_ids_as_imdb_and_links_write_them(write: Write) -> None:
    links = write("links.csv", LINKS)
    movies = "const,title\n" + "".join(f"tt{1000 + n:07d},Film {n}\n" for n in range(9, 0, -1))

    dataset = load_dataset(
        ratings=write("r.csv", RATINGS),
        movies=write("m.csv", movies),
        links=links,
        columns={"movie_id": "const"},
    )

    assert dataset.interactions.movies.ids.tolist() == list(range(1, 11))
    assert dataset.movies["title"].tolist() == [*(f"Film {n}" for n in range(1, 10)), "movie 10"]
    assert dataset.notes == (
        f"the movies table: its ids were taken for {links}'s imdbId, and the ratings'"
        " for movieId: 9 of 10 rated movies are in both.",
        "rated movies that the movies table lacks, kept without metadata: 1 (first: 10).",
    )


def test_details_of_several_kinds_of_id_are_all_joined(write: Write) -> None:
    runtimes = "tmdb,runtime,year\n" + "".join(f"{500 + n},{90 + n},{n}\n" for n in range(1, 11))
    money = "imdb,budget,year\n" + "".join(f"tt{n:07d},{n}000,{n}\n" for n in range(1, 11))
    links = pd.DataFrame({"ml": range(1, 11)}).assign(
        tmdb=lambda table: table["ml"] + 500.0, imdb=[f"{n:07d}" for n in range(10, 0, -1)]
    )

    dataset = load_dataset(
        ratings=write("r.csv", RATINGS),
        details=[
            pd.read_csv(write("a.csv", runtimes)).rename(columns={"tmdb": "id"}),
            pd.read_csv(write("b.csv", money)).rename(columns={"imdb": "id"}),
        ],
        links=links,
    )

    assert dataset.movies["runtime"].tolist() == list(range(91, 101))
    assert dataset.movies["budget"].tolist() == [n * 1000 for n in range(10, 0, -1)]
    assert dataset.movies["year"].tolist() == list(range(1, 11))
    assert any(
        note == "details 2: columns that the tables before it have already, left out: year."
        for note in dataset.notes
    )


def test_a_link_that_is_one_to_many_is_refused(write: Write) -> None:
    links = "movieId,tmdbId\n" + "".join(f"{n},{500 + n}\n" for n in range(1, 11)) + "3,77\n"
    movies = by_tmdb(range(501, 511)) + "77,Another\n"

    with pytest.raises(DataError) as caught:
        load_dataset(
            ratings=write("r.csv", RATINGS),
            movies=write("m.csv", movies),
            links=write("links.csv", links),
        )
    assert str(caught.value).endswith(
        "links.csv: movieId 3 has 2 tmdbIds, 503, 77 (such movies: 1); keep one line for each"
        " movie."
    )


def test_two_rated_movies_may_have_the_same_metadata(write: Write) -> None:
    links = "movieId,tmdbId\n" + "".join(f"{n},{500 + min(n, 9)}\n" for n in range(1, 11))

    dataset = load_dataset(
        ratings=write("r.csv", RATINGS),
        movies=write("m.csv", by_tmdb(range(501, 510))),
        links=write("links.csv", links),
    )

    assert dataset.movies["title"].tolist()[-2:] == ["Film 509", "Film 509"]


def test_tables_of_which_few_movies_meet_are_refused_and_can_be_allowed(write: Write) -> None:
    tables = {"ratings": write("r.csv", RATINGS), "movies": write("m.csv", by_tmdb(range(7, 30)))}

    with pytest.raises(DataError) as caught:
        load_dataset(**tables)
    assert str(caught.value) == (
        "only 4 of 10 rated movies (40%) are in the movies table: the ratings have 1, 2, 3, for"
        " example, and the movies table has 7, 8, 9; map one kind of id to the other with links, or"
        " add allow_unmatched=True to keep the others without metadata."
    )
    assert "with --links, or add --allow-unmatched to" in caught.value.typed

    dataset = load_dataset(**tables, allow_unmatched=True)

    assert dataset.movies["title"].tolist()[5:8] == ["movie 6", "Film 7", "Film 8"]
    assert isinstance(dataset.notes[0], Grave)


def test_a_join_of_three_quarters_is_warned_of_first(write: Write) -> None:
    dataset = load_dataset(
        ratings=write("r.csv", RATINGS), movies=write("m.csv", by_tmdb(range(3, 30)))
    )

    assert dataset.notes[0].startswith("only 8 of 10 rated movies (80%) are in the movies table;")
    assert isinstance(dataset.notes[0], Grave)
    assert not any(isinstance(note, Grave) for note in dataset.notes[1:])


def test_details_may_be_few_if_the_tables_have_their_movies(write: Write) -> None:
    ratings, few = write("r.csv", RATINGS), write("few.csv", "id,runtime\n1,90\n2,95\n99,80\n")

    assert load_dataset(ratings=ratings, details=few).movies["runtime"].notna().sum() == 2

    others = "id,runtime\n" + "".join(f"{n},90\n" for n in (1, 2, *range(100, 140)))
    with pytest.raises(DataError, match=r"only 2 of 10 rated movies .* are in .*others\.csv"):
        load_dataset(ratings=ratings, details=write("others.csv", others))


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("movieId\n1\n2\n", "two columns of ids or more"),
        ("movieId,genre\n" + "".join(f"{n},a\n" for n in range(9)), "two columns of ids or more"),
        ("", "is empty"),
    ],
)
def test_what_is_no_table_of_links(write: Write, table: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        load_dataset(ratings=write("r.csv", RATINGS), links=write("links.csv", table))


def test_keys_of_all_kinds(write: Write) -> None:
    links = Links.read(write("links.csv", LINKS), ReadOptions())

    rated = pd.Series([1, 2, 3])
    assert links.of(rated, "imdb") == {"1001", "1002", "1003"}
    every = {"1", "2", "3", "10", "9", "8", "1001", "1002", "1003"}
    assert links.of(rated, "isan") == every
    assert id_keys(pd.Series([1.0, np.nan, 3])).tolist() == ["1", None, "3"]


def test_columns_of_lists_are_no_ids(write: Write) -> None:
    lines = [f'{{"movieId": {n}, "tmdbId": {11 - n}, "odd": [{n}]}}' for n in range(1, 11)]
    dataset = load_dataset(
        ratings=write("r.csv", RATINGS),
        movies=write("m.csv", by_tmdb(range(1, 11))),
        links=write("links.jsonl", "\n".join(lines)),
    )
    assert dataset.movies["movie_id"].tolist() == list(range(1, 11))
