"""Folders in every known layout, two tables of one's own, and what isn't data at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from graphrec.data import sources
from graphrec.data.dataset import Dataset
from graphrec.data.download import CHECKSUMS
from graphrec.data.layouts.movielens import ML_100K_GENRES
from graphrec.data.sources import NAMES, load_dataset, sample_folder
from graphrec.errors import DataError

Write = Callable[..., Path]

# what is said of tables is looked for in their notes
pytestmark = pytest.mark.filterwarnings("ignore::graphrec.errors.GraphrecWarning")

RATINGS = "userId,movieId,rating,timestamp\n7,10,4.5,1000\n7,20,3.0,2000\n9,20,0.5,3000\n"
MOVIES = "movieId,title,genres\n10,Heat (1995),Crime|Drama\n20,It (2017),Horror\n"
DETAILS = "movieId,runtime\n10,170\n20,135\n"


def edges(dataset: Dataset, rows: Any = slice(None)) -> list[tuple[Any, Any]]:
    """The interactions by the user's own ids."""
    interactions = dataset.interactions
    users = interactions.users.to_external(interactions.user[rows])
    movies = interactions.movies.to_external(interactions.movie[rows])
    return list(zip(users.tolist(), movies.tolist(), strict=True))


def u_item(movie: int, title: str, date: str, genres: set[str]) -> str:
    """A line of ml-100k's ``u.item``."""
    flags = [str(int(genre in genres)) for genre in ML_100K_GENRES]
    return "|".join([str(movie), title, date, "", "http://imdb", *flags]) + "\n"


# Folders


@pytest.mark.parametrize(
    ("ratings_file", "movies_file"),
    [
        ("ratings.csv", "movies.csv"),
        ("Ratings.CSV", "MOVIES.csv"),
        ("ratings.tsv.gz", "movies.tsv"),
        ("ratings.parquet", "movies.pq"),
    ],
)
def test_a_folder_of_two_tables(
    write: Write, tmp_path: Path, ratings_file: str, movies_file: str
) -> None:
    for name, text in ((ratings_file, RATINGS), (movies_file, MOVIES)):
        path = write(name, text.replace(",", "\t") if ".tsv" in name else text)
        if path.suffix in (".parquet", ".pq"):
            pd.read_csv(path).to_parquet(path)

    dataset = load_dataset(tmp_path)

    assert edges(dataset) == [(7, 10), (7, 20), (9, 20)]
    assert dataset.movies["genres"].tolist() == ["Crime|Drama", "Horror"]
    assert (dataset.name, dataset.notes, dataset.simulated) == (str(tmp_path), (), False)


def test_csv_comes_first_and_backups_are_not_looked_at(write: Write, tmp_path: Path) -> None:
    write("ratings.csv", RATINGS)
    write("ratings.dat", "1::1\n2::2\n")
    write("movies.csv.bak", "nonsense")
    write("movies.old.csv", "nonsense")

    dataset = load_dataset(str(tmp_path))

    assert len(dataset.interactions) == 3
    assert not dataset.has_titles


def test_ml_1m(write: Write, tmp_path: Path) -> None:
    write("ratings.dat", "1::1193::5::978300760\n1::661::3::978302109\n2::661::4::978298413\n")
    movies = (
        "661::James and the Giant Peach (1996)::Animation|Children's\n1193::Les Misérables::X\n"
    )
    write("movies.dat", movies, encoding="latin-1")
    write("users.dat", "1::F::1::10::48067\n")

    dataset = load_dataset(tmp_path)

    assert edges(dataset) == [(1, 1193), (1, 661), (2, 661)]
    assert dataset.interactions.rating is not None
    assert dataset.interactions.rating.tolist() == [5, 3, 4]
    assert dataset.movies["title"].tolist() == [
        "James and the Giant Peach (1996)",
        "Les Misérables",
    ]
    assert [note.split(": ")[1] for note in dataset.notes] == [
        "no header line; its columns were taken to be user_id, movie_id, rating, timestamp.",
        "line 2 is not UTF-8, so the file was read as Latin-1; if titles look wrong, give its"
        " encoding.",
        "no header line; its columns were taken to be movie_id, title, genres.",
    ]


def test_ml_100k(write: Write, tmp_path: Path) -> None:
    write("u.data", "196\t242\t3\t881250949\n186\t302\t3\t891717742\n")
    item = u_item(242, 'Kolya "K" (1996)', "24-Jan-1997", {"Comedy"})
    item += u_item(302, "L.A. Confidential (1997)", "", {"Crime", "Film-Noir"})
    item += u_item(303, "Misérables, Les (1995)", "01-Jan-1995", {"unknown"})
    write("u.item", item, encoding="latin-1")

    dataset = load_dataset(tmp_path)

    assert edges(dataset) == [(196, 242), (186, 302)]
    assert dataset.movies["title"].tolist()[::2] == ['Kolya "K" (1996)', "Misérables, Les (1995)"]
    assert dataset.movies["genres"].tolist() == ["Comedy", "Crime|Film-Noir", "unknown"]
    assert dataset.movies["release_date"].tolist()[::2] == ["1997-01-24", "1995-01-01"]
    assert dataset.movies["release_date"].isna().tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("item", "sentence"),
    [
        ("", "is not in ml-100k's format: 24 fields"),
        ("1|2|3\n" + "|" * 30, "can't be read in ml-100k's format: Error tokenizing data"),
        ("1|Heat\n", "is not in ml-100k's format: 24 fields separated by |, a number first"),
        (u_item(1, "Heat", "", set()).replace("|0|0", "|7|0"), "is not in ml-100k's format: 24"),
        (u_item(1, "Heat", "", set()).replace("1|", "x|", 1), "is not in ml-100k's format: 24"),
        (u_item(1, "Heat|extra", "", set()), "is not in ml-100k's format: 24 fields"),
    ],
)
def test_ml_100k_movies_in_another_format(
    write: Write, tmp_path: Path, item: str, sentence: str
) -> None:
    write("u.data", "196\t1\t3\t881250949\n186\t2\t3\t891717742\n")
    path = write("u.item", item)

    with pytest.raises(DataError) as caught:
        load_dataset(tmp_path)
    assert str(caught.value).startswith(str(path))
    assert sentence in str(caught.value)


def test_lightgcn_lists(write: Write, tmp_path: Path) -> None:
    write("train.txt", "0 0 1 2\n1 0 2\n2\n\n3 5 5\n")
    write("test.txt", "0 3 \n1 2 3\n9 0\n")

    dataset = load_dataset(tmp_path)

    assert dataset.given_test is not None
    assert edges(dataset, dataset.given_test) == [(0, 3), (1, 3), (9, 0)]
    assert edges(dataset)[:6] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 2), (3, 5)]
    assert dataset.notes == (
        f"{tmp_path / 'train.txt'}: repeated pairs, counted once: 1.",
        "pairs of the test part that training has too, left out of the test: 1.",
    )


def test_lightgcn_lists_with_text_ids_and_movies(write: Write, tmp_path: Path) -> None:
    write("train.txt", "0 10\n1 20\n")
    write("test.txt", "anna 20\n")
    write("movies.csv", MOVIES)

    dataset = load_dataset(tmp_path)

    assert edges(dataset) == [("0", 10), ("1", 20), ("anna", 20)]
    assert dataset.movies["title"].tolist() == ["Heat (1995)", "It (2017)"]


@pytest.mark.parametrize(
    ("train", "sentence"),
    [
        (b"0 1 2\n1,2,3\n", ", line 2: not in the format 'user movie movie ...', ids separated"),
        (b"0 1\x002\n", ", line 1: not in the format"),
        (b"0\n1\n", " holds no user with a movie; a line is 'user movie movie ...'."),
        (b"", " holds no user with a movie"),
        (b"0 \xff\n", ": can't be read: 'utf-8' codec can't decode"),
    ],
)
def test_malformed_lists(write: Write, tmp_path: Path, train: bytes, sentence: str) -> None:
    path = write("train.txt", train)
    write("test.txt", "0 1\n")

    with pytest.raises(DataError) as caught:
        load_dataset(tmp_path)
    assert str(caught.value).startswith(f"{path}{sentence}")


def test_a_test_list_that_is_all_training(write: Write, tmp_path: Path) -> None:
    write("train.txt", "0 1 2\n1 1\n")
    write("test.txt", "0 1\n1 1\n")

    with pytest.raises(DataError, match="the test part holds no pair that is not in the training"):
        load_dataset(tmp_path)


def test_lists_hold_no_ratings(write: Write, tmp_path: Path) -> None:
    write("train.txt", "0 1 2\n")
    write("test.txt", "0 3\n")

    with pytest.raises(DataError, match=r"train\.txt holds no ratings, so min_rating can't be"):
        load_dataset(tmp_path, min_rating=4)


def test_a_folder_without_ratings(write: Write, tmp_path: Path) -> None:
    write("movies.csv", MOVIES)

    with pytest.raises(DataError) as caught:
        load_dataset(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} holds no ratings: looked for train.txt with test.txt, u.data, ratings.csv,"
        " ratings.dat, ratings_small.csv, combined_data_1.txt. Name the files with ratings and"
        " movies."
    )


def test_a_folder_that_the_system_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(DataError) as caught:
        load_dataset(tmp_path)
    assert str(caught.value) == f"{tmp_path}: can't be read: Permission denied."


def test_movies_and_details_beside_a_folder(write: Write, tmp_path: Path) -> None:
    write("ratings.csv", RATINGS)
    write("movies.csv", "movieId\n1\n")

    dataset = load_dataset(tmp_path, movies=write("m.csv", MOVIES), details=write("d.csv", DETAILS))

    assert dataset.movies["title"].tolist() == ["Heat (1995)", "It (2017)"]
    assert dataset.movies["runtime"].tolist() == [170, 135]


# Tables


def test_tables_of_one_s_own(write: Write) -> None:
    frame, ratings = pd.read_csv(write("m.csv", MOVIES)), write("r.csv", RATINGS + "9,10,4,1\n")

    dataset = load_dataset(ratings=ratings, movies=frame, min_rating=1)

    assert edges(dataset) == [(7, 10), (7, 20), (9, 10)]
    assert dataset.name == "tables"
    assert dataset.notes == (f"{ratings}: rows not rated 1 or more, left out: 1 of 4.",)


def test_details_without_movies(write: Write) -> None:
    details = write("d.csv", DETAILS + "99,1\n")

    dataset = load_dataset(ratings=write("r.csv", RATINGS), details=details)

    assert dataset.movies["runtime"].tolist() == [170, 135]
    assert dataset.notes == (f"{details}: rows of movies that no other table has, left out: 1.",)


def test_named_columns_are_for_every_table_that_has_them(write: Write) -> None:
    ratings = write("r.csv", RATINGS.replace("movieId", "code"))
    movies = write("m.csv", MOVIES.replace("movieId", "code").replace("title", "label"))

    dataset = load_dataset(
        ratings=ratings,
        movies=movies,
        details=write("d.csv", DETAILS),
        columns={"movie_id": "code", "title": "label", "user_id": "userId"},
    )

    assert dataset.movies["title"].tolist() == ["Heat (1995)", "It (2017)"]
    assert dataset.movies["runtime"].tolist() == [170, 135]


def test_a_named_column_that_no_table_has(write: Write) -> None:
    with pytest.raises(DataError) as caught:
        load_dataset(
            ratings=write("r.csv", RATINGS),
            movies=write("m.csv", MOVIES),
            columns={"title": "nmae"},
        )
    assert str(caught.value) == "no table has a column 'nmae' (columns={'title': ...})."


def test_tables_that_are_named_stand_in_for_those_of_the_folder(
    write: Write, tmp_path: Path
) -> None:
    write("ratings.csv", "not even a table")
    write("fewer.csv", RATINGS)
    write("movies.csv", MOVIES)
    write("more/details.csv", DETAILS)

    dataset = load_dataset(tmp_path, ratings="fewer.csv", details="more/details.csv")

    assert edges(dataset) == [(7, 10), (7, 20), (9, 20)]
    assert dataset.movies["runtime"].tolist() == [170, 135]
    assert dataset.name == str(tmp_path)


def test_what_to_read_must_be_said() -> None:
    for nothing in (None, ""):
        with pytest.raises(
            DataError, match=r"say what to read: data takes a name or a folder, ratings a"
        ):
            load_dataset(nothing)


# Names


def test_a_name_that_is_none(write: Write) -> None:
    with pytest.raises(DataError) as caught:
        load_dataset("ml-3000")
    assert str(caught.value) == (
        "'ml-3000' is neither a folder nor one of sample, ml-latest-small, ml-1m, ml-20m, ml-25m,"
        " ml-32m."
    )
    file = write("r.csv", RATINGS)
    with pytest.raises(DataError) as caught:
        load_dataset(file)
    assert str(caught.value) == (
        f"{file} is a file; data takes a name or a folder, ratings a table."
    )


@pytest.mark.parametrize("name", CHECKSUMS)
def test_a_name_is_fetched(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    write("ratings.csv", RATINGS)
    asked = []

    def fetch(wanted: str) -> Path:
        asked.append(wanted)
        return tmp_path

    monkeypatch.setattr(sources, "fetch", fetch)

    dataset = load_dataset(name)

    assert set(asked) == {name}
    assert (dataset.name, dataset.simulated) == (name, False)
    assert name in NAMES


def test_the_sample_is_told_to_be_simulated(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("ratings.csv", RATINGS)
    monkeypatch.setattr(sources, "sample_folder", lambda: tmp_path)

    assert load_dataset("sample").simulated
    assert load_dataset(tmp_path).simulated


def test_the_sample_is_meant_beside_a_folder_of_that_name(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("sample/ratings.csv", RATINGS)
    monkeypatch.chdir(tmp_path)

    assert load_dataset("sample").simulated
    assert not load_dataset("./sample").simulated


def test_the_sample_is_there() -> None:
    assert (sample_folder() / "movies.csv").is_file()


# Real data


@pytest.mark.realdata
def test_movielens(movielens_folder: Path) -> None:
    dataset = load_dataset(movielens_folder, details=movielens_folder / "details.csv")

    assert dataset.interactions.num_users > 600
    assert set(np.unique(dataset.interactions.rating)) == {step / 2 for step in range(1, 11)}  # type: ignore[arg-type]
    assert dataset.movies["runtime"].notna().sum() > 3000


@pytest.mark.realdata
def test_gowalla(gowalla_folder: Path) -> None:
    dataset = load_dataset(gowalla_folder)

    assert dataset.given_test is not None
    assert (dataset.interactions.num_users, dataset.interactions.num_movies) == (29858, 40981)
    assert (len(dataset.interactions), len(dataset.given_test)) == (1027370, 217242)
