"""IMDb's tables, in the shape in which they are published."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphrec.data.layouts import imdb
from graphrec.data.sources import load_dataset
from graphrec.data.tables import read_movies
from graphrec.errors import DataError

Write = Callable[..., Path]

# what is said of tables is looked for in their notes
pytestmark = pytest.mark.filterwarnings("ignore::graphrec.errors.GraphrecWarning")

BASICS = (
    "tconst\ttitleType\tprimaryTitle\toriginalTitle\tisAdult\tstartYear\tendYear\truntimeMinutes"
    "\tgenres\n"
)
SCORES = "tconst\taverageRating\tnumVotes\n"
PRINCIPALS = "tconst\tordering\tnconst\tcategory\tjob\tcharacters\n"
NAMES = "nconst\tprimaryName\tbirthYear\tdeathYear\tprimaryProfession\tknownForTitles\n"
TITLES = 1000


@pytest.fixture
def folder(write: Write, tmp_path: Path) -> Path:
    """IMDb's tables of a thousand titles beside ratings of twenty, which go by MovieLens' ids."""
    titles, scores, principals, names = BASICS, SCORES, PRINCIPALS, NAMES
    for number in range(1, TITLES + 1):
        name = f'"Title" {number}' if number % 2 else f"Title's {number}"
        year = "\\N" if number == 3 else 1900 + number % 100
        genres = "\\N" if number == 4 else "Comedy,Short"
        titles += f"tt{number:07d}\tmovie\t{name}\t{name}\t0\t{year}\t\\N\t{number}\t{genres}\n"
        scores += f"tt{number:07d}\t5.{number % 10}\t{number}\n"
        principals += f'tt{number:07d}\t2\tnm{number:07d}\tactor\t\\N\t["Self"]\n'
        principals += f"tt{number:07d}\t1\tnm0000005\tdirector\t\\N\t\\N\n"
        principals += f'tt{number:07d}\t3\tnm{number + 1:07d}\tactress\t\\N\t["Herself"]\n'
        if number != 11:
            names += f"nm{number:07d}\tPerson {number}\t1863\t\\N\tdirector\ttt{number:07d}\n"
    write("title.basics.tsv.gz", titles)
    write("title.ratings.tsv.gz", scores)
    write("title.principals.tsv", principals)
    write("name.basics.tsv.gz", names)
    pairs = [(user, movie) for user in range(5) for movie in range(1, 21)]
    write("ratings.csv", "userId,movieId\n" + "".join(f"{u},{m}\n" for u, m in pairs))
    write("links.csv", "movieId,imdbId\n" + "".join(f"{m},{2 * m:07d}\n" for m in range(1, 21)))
    return tmp_path


def test_rated_titles_are_kept_and_joined_by_links(folder: Path) -> None:
    dataset = load_dataset(folder)

    movies = dataset.movies
    assert movies["movie_id"].tolist() == list(range(1, 21))
    assert movies["title"].tolist() == [f"Title's {2 * movie}" for movie in range(1, 21)]
    assert movies["year"].tolist() == [1900 + 2 * movie for movie in range(1, 21)]
    assert movies["runtime"].tolist() == [2 * movie for movie in range(1, 21)]
    assert movies["genres"].tolist()[0] == ["Comedy", "Short"]
    assert movies["imdb_votes"].tolist()[:2] == [2, 4]
    assert movies["directors"].tolist()[0] == ["Person 5"]
    assert movies["actors"].tolist()[:1] == [["Person 2", "Person 3"]]
    assert movies["actors"].tolist()[4] == ["Person 10", "nm0000011"]
    read = [note for note in dataset.notes if "the only ones read" in note]
    assert read[0] == (
        f"{folder / 'title.basics.tsv.gz'}: rows of rated movies, the only ones read: 20 of 1,000."
    )


def test_directors_and_writers_of_the_crew(folder: Path, write: Write) -> None:
    crew = "tconst\tdirectors\twriters\n"
    for number in range(1, TITLES + 1):
        writers = "\\N" if number == 4 else "nm0000011"
        crew += f"tt{number:07d}\tnm{number:07d},nm0000007\t{writers}\n"
    write("title.crew.tsv.gz", crew)

    dataset = load_dataset(folder)

    movies = dataset.movies
    assert movies["directors"].tolist()[0] == ["Person 2", "Person 7"]
    assert movies["writers"].tolist()[0] == ["nm0000011"]
    assert movies["writers"].isna().tolist() == [movie == 2 for movie in range(1, 21)]
    assert movies["actors"].tolist()[:1] == [["Person 2", "Person 3"]]
    assert not any("left out" in note for note in dataset.notes)


def test_directors_of_principals_where_the_crew_is_not_read(folder: Path, write: Write) -> None:
    crew = "".join(f"tt{m:07d}\tnm{m:07d}\t\\N\n" for m in (7, 8))
    write("title.crew.tsv", f"tconst\tdirectors\twriters\n{crew}")
    pairs = "".join(f"{u},tt{m:07d}\n" for u in (1, 2) for m in (7, 8))
    ratings = write("r.csv", f"user,movie\n{pairs}")
    tables = [folder / f"title.{name}.tsv" for name in ("principals", "crew")]
    notes: list[str] = []

    alone, together = (
        load_dataset(ratings=ratings, details=details, note=notes.append).movies
        for details in (tables[:1], tables)
    )

    assert alone["directors"].tolist() == [["Person 5"]] * 2
    assert together["directors"].tolist() == [["Person 7"], ["Person 8"]]
    assert not any("already" in note for note in notes)


@pytest.mark.usefixtures("folder")
def test_names_are_read_once_for_directors_and_writers(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = write(
        "title.crew.tsv", "tconst\tdirectors\twriters\ntt0000007\tnm0000007\tnm0000003,nm1\n"
    )
    read, keep = list[str](), imdb._kept

    def kept(path: Path, *more: Any) -> Any:
        read.append(path.name)
        return keep(path, *more)

    monkeypatch.setattr(imdb, "_kept", kept)

    movies = read_movies(crew)

    assert movies["directors"].tolist() == [["Person 7"]]
    assert movies["writers"].tolist() == [["Person 3", "nm1"]]
    assert read == ["title.crew.tsv", "name.basics.tsv.gz"]


def test_missing_values_and_quotation_marks(folder: Path) -> None:
    titles = read_movies(folder / "title.basics.tsv.gz")

    assert len(titles) == TITLES
    assert titles["title"].tolist()[:2] == ['"Title" 1', "Title's 2"]
    np.testing.assert_array_equal(titles["year"].to_numpy()[1:3], [1902, np.nan])
    assert titles["genres"].isna().tolist()[2:5] == [False, True, False]


def test_ratings_by_imdb_s_ids_need_no_links(folder: Path, write: Write) -> None:
    ratings = "user,movie\n" + "".join(f"{u},tt{m:07d}\n" for u in (1, 2) for m in (7, 8, 9))

    dataset = load_dataset(ratings=write("r.csv", ratings), movies=folder)

    assert dataset.movies["title"].tolist() == ['"Title" 7', "Title's 8", '"Title" 9']
    more = load_dataset(
        ratings=folder / "r.csv",
        movies=folder / "title.basics.tsv.gz",
        details=[folder / "title.ratings.tsv.gz", folder / "title.principals.tsv"],
    )
    assert more.movies["actors"].tolist()[0] == ["Person 7", "Person 8"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("title.basics.tsv", "tconst\ttitle\ntt1\tHeat\n", "is damaged, or not IMDb's"),
        ("title.basics.tsv", BASICS + "tt1\tmovie\n", "is damaged, or not IMDb's"),
        ("title.basics.tsv", "", "is damaged, or not IMDb's"),
        ("title.ratings.tsv", SCORES + "tt0000099\t5\t7\n", "none of its 1 rows is of a rated"),
    ],
)
def test_what_is_not_imdb_s(write: Write, name: str, content: str, words: str) -> None:
    ratings = "user,movie\n" + "".join(f"{u},tt{m:07d}\n" for u in (1, 2) for m in (7, 8, 9))

    with pytest.raises(DataError, match=words) as caught:
        load_dataset(ratings=write("r.csv", ratings), movies=write(name, content))
    assert "\n" not in str(caught.value)


def test_a_gzip_file_that_is_cut_short(folder: Path) -> None:
    path = folder / "title.basics.tsv.gz"
    path.write_bytes(path.read_bytes()[:-2000])

    with pytest.raises(DataError, match=r"title\.basics\.tsv\.gz is damaged"):
        load_dataset(folder)
