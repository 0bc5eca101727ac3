"""Kaggle's The Movies Dataset and TMDB's JSON lines, in the shape in which they are published."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from graphrec.data.layouts import literals
from graphrec.data.sources import load_dataset
from graphrec.data.tables import read_movies
from graphrec.errors import DataError
from graphrec.features.matrix import fit_features

Write = Callable[..., Path]

# what is said of tables is looked for in their notes
pytestmark = pytest.mark.filterwarnings("ignore::graphrec.errors.GraphrecWarning")

HEADER = [
    *("adult", "belongs_to_collection", "budget", "genres", "homepage", "id", "imdb_id"),
    *("original_language", "original_title", "overview", "popularity", "poster_path"),
    *("production_companies", "production_countries", "release_date", "revenue", "runtime"),
    *("spoken_languages", "status", "tagline", "title", "video", "vote_average", "vote_count"),
]
FILMS = range(1, 41)


def film(number: int) -> dict[str, Any]:
    """A row of movies_metadata.csv; its id is 860 more than its number."""
    genres = [{"id": 16, "name": "Animation"}, {"id": 35, "name": "Comedy"}][: 1 + number % 2]
    collection = {"id": 10194, "name": f"Collection {number // 4}", "poster_path": "/7G9915.jpg"}
    companies = [{"name": 'Pixar\'s "Own" Studios', "id": 3}, {"name": "Gaumont", "id": 4}]
    return {
        "adult": False,
        "belongs_to_collection": collection if number % 3 else "",
        "budget": 30_000_000 + number if number % 2 else 0,
        "genres": genres,
        "homepage": f"http://film{number}.com" if number % 4 == 0 else "",
        "id": 860 + number,
        "imdb_id": f"tt{114700 + number:07d}",
        "original_language": "en" if number % 5 else "fr",
        "original_title": f"Film {number}",
        "overview": f"The toys of film {number} live happily, until\nsomething falls.",
        "popularity": 20.9 + number,
        "poster_path": "/rhIRbceoE9lR4veEXuwCC2wARtG.jpg",
        "production_companies": companies[: 1 + number % 2],
        "production_countries": [{"iso_3166_1": "US", "name": "United States of America"}],
        "release_date": f"19{50 + number}-10-30",
        "revenue": 373554033 + number if number % 2 else 0,
        "runtime": float(80 + number) if number > 1 else 0.0,
        "spoken_languages": [{"iso_639_1": "en", "name": "English"}],
        "status": "Released",
        "tagline": "",
        "title": f"Film {number}",
        "video": False,
        "vote_average": 7.7,
        "vote_count": 5415 + number,
    }


def as_csv(header: list[str], rows: list[list[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()


def broken(number: int, day: str) -> list[list[Any]]:
    """A film whose record ends within its overview; the rest has become a row of its own."""
    cells = [str(cell) for cell in film(number).values()]
    overview, rest = HEADER.index("overview"), [" - Written by Ørnås", *map(str, cells[10:])]
    second = ["0.065736", "/ff9qCepilowshEtG2GYWwzt2bs4.jpg", "[{'name': 'Carousel', 'id': 11176}]"]
    shifted = [rest[0], *second, "[{'iso_3166_1': 'CA', 'name': 'Canada'}]", day, "0", "104.0"]
    shifted += ["[{'iso_639_1': 'en', 'name': 'English'}]", "Released", "", "Midnight Man", "False"]
    return [cells[: overview + 1], [*shifted, "6.0", "1"]]


@pytest.fixture
def folder(write: Write, tmp_path: Path) -> Path:
    """A folder of Kaggle's shape: 40 films that are rated, 3 of whose records are broken in two."""
    rows = [list(film(number).values()) for number in FILMS if number > 3]
    for number, day in ((1, "1997-08-20"), (2, "2012-09-29"), (3, "2014-01-01")):
        rows += broken(number, day)
    rows += [list((film(9) | {"title": "Twice"}).values())]
    write("movies_metadata.csv", as_csv(HEADER, rows))
    ratings = [[user, n, 1 + (user + n) % 5, 1_260_759_144 + n] for user in range(8) for n in FILMS]
    write("ratings_small.csv", as_csv(["userId", "movieId", "rating", "timestamp"], ratings))
    links = [[n, f"{114700 + n:07d}", f"{860 + n}"] for n in FILMS]
    write("links_small.csv", as_csv(["movieId", "imdbId", "tmdbId"], links))
    people = []
    for n in FILMS:
        cast = [
            {
                "cast_id": place,
                "character": f"O'Hara {place}",
                "credit_id": "52fe4284c3a36847f8024f95",
                "gender": 2,
                "id": 31 + place,
                "name": f"Actor {place + n % 3}" if place else 'Sinéad "Sis" O\'Shea',
                "order": place,
                "profile_path": None,
            }
            for place in reversed(range(8))
        ]
        crew = [
            {"credit_id": "52", "department": "Directing", "gender": 2, "id": 7879, "job": job}
            | {"name": f"{job} {n % 7}", "profile_path": "/7.jpg"}
            for job in ("Director", "Writer")
        ]
        people.append([cast, crew, 860 + n])
    write("credits.csv", as_csv(["cast", "crew", "id"], people))
    own = [{"id": 931, "name": "jealousy"}, {"id": 4, "name": "toy"}]
    keywords = [[860 + n, own[: 1 + n % 2]] for n in FILMS]
    write("keywords.csv", as_csv(["id", "keywords"], keywords))
    return tmp_path


def test_kaggle_s_folder_joins_by_its_links(folder: Path) -> None:
    dataset = load_dataset(folder)

    assert dataset.movies["movie_id"].tolist() == list(FILMS)
    assert dataset.movies["title"].tolist() == [f"Film {number}" for number in FILMS]
    movies = dataset.movies.set_index("title")
    assert movies.loc["Film 4", "genres"] == ["Animation"]
    assert movies.loc["Film 4", "belongs_to_collection"] == ["Collection 1"]
    assert movies.loc["Film 5", "production_companies"] == ['Pixar\'s "Own" Studios', "Gaumont"]
    assert movies.loc["Film 5", "directors"] == ["Director 5"]
    assert movies.loc["Film 5", "actors"] == [
        'Sinéad "Sis" O\'Shea',
        *(f"Actor {n}" for n in (3, 4, 5, 6)),
    ]
    assert movies.loc["Film 5", "keywords"] == ["jealousy", "toy"]
    assert movies.loc["Film 5", "release_date"] == "1955-10-30"
    assert "homepage" not in movies


def test_kaggle_s_corrupt_rows_are_left_out_and_named(folder: Path) -> None:
    notes = load_dataset(folder).notes

    corrupt = next(note for note in notes if "shifted" in note)
    assert corrupt == (
        f"{folder / 'movies_metadata.csv'}: rows whose cells are shifted, left out: 3 (data row 39"
        " with id '1997-08-20', data row 41 with id '2012-09-29', data row 43 with id"
        " '2014-01-01')."
    )
    assert any("rows that repeat a movie id, first kept: 1" in note for note in notes)
    assert any("taken for" in note and "tmdbId" in note and "40 of 40" in note for note in notes)


def test_corrupt_rows_change_no_column_s_kind(folder: Path) -> None:
    encoder = fit_features(load_dataset(folder).metadata)

    kinds = {column.name: column.finding.kind.value for column in encoder.columns}
    assert kinds["budget"] == kinds["revenue"] == "number"
    assert kinds["release_date"] == "date"
    for name in ("genres", "belongs_to_collection", "production_companies", "keywords", "actors"):
        assert kinds[name] == "multi-label", name
    assert kinds["overview"] == "text"
    assert kinds["original_language"] == "category"


def test_kaggle_s_files_by_themselves(folder: Path) -> None:
    tables = {"ratings": folder / "ratings_small.csv", "movies": folder / "movies_metadata.csv"}

    with pytest.raises(DataError, match="share no movie id"):
        load_dataset(**tables)

    dataset = load_dataset(
        **tables, links=folder / "links_small.csv", details=folder / "credits.csv"
    )
    assert dataset.movies["directors"].tolist()[4] == ["Director 5"]


def test_the_larger_of_kaggle_s_ratings_are_taken_and_that_is_said(folder: Path) -> None:
    small = (folder / "ratings_small.csv").read_text(encoding="utf-8")
    (folder / "ratings.csv").write_text(small + "99,1,5,1260759999\n", encoding="utf-8")

    dataset = load_dataset(folder)

    assert dataset.interactions.num_users == 9
    assert (
        f"{folder}: ratings.csv was read, of which ratings_small.csv has a part." in dataset.notes
    )
    assert load_dataset(folder, ratings="ratings_small.csv").interactions.num_users == 8


def test_json_lines_of_tmdb(write: Write) -> None:
    lines = []
    for number in FILMS:
        people = {"cast": [{"name": "B", "order": 1}, {"name": "A", "order": 0}], "crew": []}
        people["crew"] = [{"job": "Director", "name": f"Director {number % 7}"}]
        keywords = {"keywords": [{"id": 1, "name": "toy"}]}
        lines.append(json.dumps(film(number) | {"credits": people, "keywords": keywords}))
    path = write("tmdb.jsonl.gz", "\n".join(lines))

    movies = read_movies(path)

    assert movies["movie_id"].tolist() == [860 + number for number in FILMS]
    assert movies["actors"].tolist()[0] == ["A", "B"]
    assert movies["directors"].tolist()[1] == ["Director 2"]
    assert movies["keywords"].tolist()[0] == ["toy"]
    assert movies["belongs_to_collection"].tolist()[0] == ["Collection 0"]


def test_tables_without_a_movie_of_tmdb(write: Write) -> None:
    rows = [list((film(number) | {"id": "x"}).values()) for number in FILMS]

    with pytest.raises(DataError, match="no row has a number in column 'id'"):
        read_movies(write("m.csv", as_csv(HEADER, rows)))


def test_records_as_python_and_as_json_write_them() -> None:
    people = [
        {"id": 1, "name": 'Dwayne "The Rock" O\'Neal\\', "order": 3},
        {"id": 2, "name": "é\u2019\n", "order": 1},
    ]
    cells = [repr(people), json.dumps(people), people, "[]", None, "nonsense", "[{'name'"]

    found = literals.names(pd.Series(cells, dtype=object)).tolist()

    assert found == [[one["name"] for one in people]] * 3 + [None] * 4
    billed = literals.first_billed(pd.Series(cells, dtype=object), 1).tolist()
    assert billed == [["é\u2019\n"]] * 3 + [None] * 4


def test_records_with_other_keys_are_parsed() -> None:
    """The quick way knows one order of the keys only."""
    crew = [{"name": "Ann", "job": "Director"}, {"name": "Bob", "job": "Writer"}]
    directors = literals.directors(pd.Series([repr(crew)] * 3, dtype=object))

    assert directors.tolist() == [["Ann"]] * 3
