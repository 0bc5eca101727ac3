"""The same ratings from wherever they are: files, patterns, standard input, servers, databases."""

from __future__ import annotations

import gzip
import http.server
import io
import json
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest
import sqlalchemy as sa

from graphrec import GraphRecommender
from graphrec.data import places
from graphrec.data.places import without_secrets
from graphrec.data.tables import read_movies, read_ratings
from graphrec.errors import DataError
from tests.data.servers import web_server

QUERY = "select user_id, movie_id, rating, timestamp from ratings order by place"


@pytest.fixture(scope="module")
def folder(
    tmp_path_factory: pytest.TempPathFactory, checkerboard: tuple[pd.DataFrame, pd.DataFrame]
) -> Path:
    """The checkerboard's ratings in files of every kind."""
    ratings, movies = checkerboard
    path = tmp_path_factory.mktemp("places")
    ratings.to_csv(path / "ratings.csv", index=False)
    movies.to_csv(path / "movies.csv", index=False)
    ratings.to_parquet(path / "ratings.parquet")
    ratings.to_excel(path / "ratings.xlsx", index=False)
    ratings.to_json(path / "ratings.jsonl", orient="records", lines=True)
    (path / "ratings.csv.gz").write_bytes(gzip.compress((path / "ratings.csv").read_bytes()))
    half = len(ratings) // 2
    for number, part in enumerate((ratings[:half], ratings[half:])):
        (path / f"parts/part={number}").mkdir(parents=True)
        part.to_parquet(path / f"parts/part={number}/rows.parquet")
        part.to_csv(path / f"ratings-{number}.csv", index=False)
    placed = ratings.assign(place=range(len(ratings)))
    with sqlite3.connect(path / "movies.sqlite") as lite:
        placed.to_sql("ratings", lite, index=False)
    lite.close()
    with duckdb.connect(str(path / "movies.duckdb")) as duck:
        duck.execute("create table ratings as select * from placed")
    return path


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[str]:
    """A web server of these files."""
    with web_server(folder) as url:
        yield url


PLACES: dict[str, Callable[[Path, str], str]] = {
    "gzip": lambda folder, _: f"{folder}/ratings.csv.gz",
    "parquet": lambda folder, _: f"{folder}/ratings.parquet",
    "folder": lambda folder, _: f"{folder}/parts",
    "pattern of parquet": lambda folder, _: f"{folder}/parts/*/*.parquet",
    "pattern of text": lambda folder, _: f"{folder}/ratings-*.csv",
    "json": lambda folder, _: f"{folder}/ratings.jsonl",
    "excel": lambda folder, _: f"{folder}/ratings.xlsx",
    "http": lambda _, server: f"{server}/ratings.csv",
    "http, parquet": lambda _, server: f"{server}/ratings.parquet?token=s3cr3t",
    "sqlite": lambda folder, _: f"sqlite:///{folder}/movies.sqlite?query={QUERY}",
    "duckdb": lambda folder, _: f"duckdb:///{folder}/movies.duckdb?query={QUERY}",
}


def train(ratings: Any, folder: Path, target: Path) -> dict[str, bytes]:
    """The files of a model of these ratings, without what differs from run to run."""
    model = GraphRecommender(embedding_dim=8, spectral_dim=8, epochs=2)
    model.fit(ratings, folder / "movies.csv", verbose=False).save(target)
    files = {file.name: file.read_bytes() for file in target.iterdir()}
    manifest = json.loads(files.pop("manifest.json"))
    assert manifest["data"]["name"] == "tables"
    assert b"s3cr3t" not in json.dumps(manifest).encode()
    return files


@pytest.fixture(scope="module")
def from_csv(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of the model that the CSV file gives."""
    return train(folder / "ratings.csv", folder, tmp_path_factory.mktemp("csv") / "model")


@pytest.mark.parametrize("place", PLACES)
def test_models_are_the_same_byte_by_byte(
    place: str, folder: Path, server: str, from_csv: dict[str, bytes], tmp_path: Path
) -> None:
    assert train(PLACES[place](folder, server), folder, tmp_path / "model") == from_csv


def test_line_ends_of_other_kinds_are_text_in_json(tmp_path: Path) -> None:
    title = "one\u2028two\x85three"
    (tmp_path / "m.jsonl").write_text(
        f'{{"movie_id": 1, "title": "{title}"}}\r\n', encoding="utf-8"
    )
    assert read_movies(tmp_path / "m.jsonl")["title"].tolist() == [title]


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "jsonl", "parquet", "xlsx"])
def test_the_same_from_standard_input(
    ending: str,
    folder: Path,
    from_csv: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    raw = io.BytesIO((folder / f"ratings.{ending}").read_bytes())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(raw))

    assert train("-", folder, tmp_path / "model") == from_csv


def test_the_same_from_postgresql(
    folder: Path,
    checkerboard: tuple[pd.DataFrame, pd.DataFrame],
    from_csv: dict[str, bytes],
    tmp_path: Path,
    postgresql_server: str,
) -> None:
    engine = sa.create_engine(postgresql_server.replace("postgresql", "postgresql+psycopg", 1))
    placed = checkerboard[0].assign(place=range(len(checkerboard[0])))
    placed.to_sql("ratings", engine, index=False)
    engine.dispose()
    files = train(f"{postgresql_server}?query={QUERY}", folder, tmp_path / "model")
    assert files == from_csv


def test_what_is_at_no_address(server: str) -> None:
    with pytest.raises(DataError, match=r"/none\.csv: there is no such file") as caught:
        read_ratings(f"{server}/none.csv?token=s3cr3t")
    assert "s3cr3t" not in str(caught.value)
    with pytest.raises(
        DataError, match=r"^http://127\.0\.0\.1:1/r\.csv: can't be read: "
    ) as caught:
        read_ratings("http://ann:s3cr3t@127.0.0.1:1/r.csv?token=hush")
    assert "s3cr3t" not in str(caught.value)
    assert "hush" not in str(caught.value)
    with pytest.raises(DataError, match="foo"):
        read_ratings("foo+x://host/r.csv")
    with pytest.raises(DataError, match=r"bucket/r\.csv: "):
        read_ratings("s3://bucket/r.csv")


def test_addresses_without_secrets() -> None:
    assert without_secrets("s3://key:word@bucket/a/b.csv#x") == "s3://bucket/a/b.csv"
    assert without_secrets("C:/a?b@c") == "C:/a?b@c"
    assert without_secrets("https://x.org:80/@ann/r.csv") == "https://x.org:80/@ann/r.csv"
    assert without_secrets("sqlite:////home/a@b/m.db?query=x@y") == "sqlite:////home/a@b/m.db"
    assert without_secrets("mysql://host:3306/m?query=x@y/z") == "mysql://host:3306/m"
    assert without_secrets("mysql://ann:se?cr=et@host/movies") == "mysql://..."


@pytest.mark.parametrize("password", ["12/34", "/abc", "p@ss/w", "1#x", "9?z", "p@ss:1/2?3#4@5"])
@pytest.mark.parametrize("query", ["", "?sslmode=require", "?query=select '@/'"])
def test_passwords_that_are_not_escaped_are_not_shown(password: str, query: str) -> None:
    shown = without_secrets(f"postgresql://ann:{password}@host:5432/movies{query}")
    assert shown == "postgresql://host:5432/movies"


def test_a_folder_of_parquet_may_hold_other_files(tmp_path: Path) -> None:
    for year in (2001, 2002):
        part = tmp_path / f"year={year}"
        part.mkdir()
        table = pd.DataFrame({"user": [1, 2], "movie": [year, year + 7]})
        table.to_parquet(part / "part-0.parquet")
        (part / "_SUCCESS").touch()
        (part / "_part-1.parquet").write_bytes(b"half written")
        (part / "notes.txt").write_text("user,movie\n1,2\n", encoding="utf-8")
    ratings = read_ratings(tmp_path, columns={"rating": "year"})
    assert ratings.to_numpy().tolist() == [
        [1, 2001, 2001],
        [2, 2008, 2001],
        [1, 2002, 2002],
        [2, 2009, 2002],
    ]


def test_parts_of_a_folder_of_parquet_may_have_other_columns_and_types(tmp_path: Path) -> None:
    first = pd.DataFrame({"user": [1], "movie": [2], "stars": [4]})
    second = pd.DataFrame({"user": [1], "movie": [3], "stars": [3.5], "timestamp": [10]})
    for number, part in enumerate((first, second)):
        (tmp_path / f"part={number}").mkdir()
        part.to_parquet(tmp_path / f"part={number}/rows.parquet")

    ratings = read_ratings(tmp_path, columns={"rating": "stars"}, note=[].append)

    assert ratings["rating"].tolist() == [4, 3.5]
    assert ratings["timestamp"].tolist() == [10, 10]  # a missing time is the earliest


def test_patterns_that_match_nothing_and_folders_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"\*\.parquet: no file has such a name"):
        read_ratings(f"{tmp_path}/*.parquet")
    with pytest.raises(DataError, match="is a folder, and not one of Parquet files"):
        read_ratings(tmp_path)


def test_a_name_that_looks_like_a_pattern(tmp_path: Path) -> None:
    path = tmp_path / "ratings [old].csv"
    path.write_text("user,movie\n1,2\n", encoding="utf-8")

    assert read_ratings(path).to_numpy().tolist() == [[1, 2]]


def test_parts_of_which_one_lacks_a_column(tmp_path: Path) -> None:
    pd.DataFrame({"user": [1], "movie": [2], "rating": [3.5]}).to_parquet(tmp_path / "a.parquet")
    pd.DataFrame({"user": [1], "movie": [3]}).to_parquet(tmp_path / "b.parquet")

    ratings = read_ratings(f"{tmp_path}/?.parquet")

    assert ratings["movie_id"].tolist() == [2, 3]
    assert ratings["rating"].isna().tolist() == [False, True]


def test_gzip_that_unpacks_to_more_than_memory_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "r.csv.gz"
    path.write_bytes(gzip.compress(b"user,movie\n" + b"1,2\n" * 1_000_000))
    monkeypatch.setattr(places, "_MEMORY", 0)

    with pytest.raises(DataError, match=r"r\.csv\.gz: unpacks to more than 0 MiB, half of this"):
        read_ratings(path)


def test_gzip_of_several_members(tmp_path: Path) -> None:
    path = tmp_path / "r.csv.gz"
    path.write_bytes(gzip.compress(b"user,movie\n1,2\n") + gzip.compress(b"1,3\n"))

    assert read_ratings(path)["movie_id"].tolist() == [2, 3]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"movie_id": 1}\n[1, 2]\n', "m.jsonl, line 2: a list, and a row is an object such as"),
        ('{"movie_id": 1}\n{"movie_id"\n', "m.jsonl, line 2: not JSON: "),
        ("[1, 2]", "m.jsonl, element 1: a number, and a row is an object such as"),
        ('"Heat"\n', "m.jsonl, line 1: text, and a row is an object"),
        ('{"movie_id": 1, "title": "\\ud83d"}', "m.jsonl holds half a character"),
        ("[]", "m.jsonl: the table has no rows"),
    ],
)
def test_json_of_another_shape(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "m.jsonl").write_text(text, encoding="utf-8")

    with pytest.raises(DataError) as caught:
        read_movies(tmp_path / "m.jsonl")
    assert sentence in str(caught.value)


def test_json_of_all_shapes_that_are_tables(tmp_path: Path) -> None:
    one = {"movie_id": 7, "title": "Heat", "genres": ["Crime", "Drama"]}
    for text in (
        json.dumps(one),
        json.dumps([one]),
        json.dumps(one, indent=2),
        f"\n{json.dumps(one)}\n",
    ):
        (tmp_path / "m.json").write_text(text, encoding="utf-8")
        assert read_movies(tmp_path / "m.json").to_dict("records") == [one]


def test_addresses_of_private_networks_need_a_flag(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "r.csv").write_text("user,movie\n1,2\n")
    with web_server(tmp_path) as url:
        assert len(read_ratings(f"{url}/r.csv")) == 1
        monkeypatch.delenv(places.ALLOW_PRIVATE)
        port = url.rpartition(":")[2]
        for host in ("127.0.0.1", "localhost", "0.0.0.0"):
            with pytest.raises(DataError, match=f"private network.*{places.ALLOW_PRIVATE}=1"):
                read_ratings(f"http://{host}:{port}/r.csv")


def test_a_public_page_can_not_send_on_to_a_private_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(places.ALLOW_PRIVATE)
    monkeypatch.setattr(places, "_is_public", lambda host: host == "127.0.0.2")

    class Away(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Location", f"{inner}/r.csv")
            self.end_headers()

        do_HEAD = do_GET  # noqa: N815 - named by the base class

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    (tmp_path / "r.csv").write_text("user,movie\n1,2\n")
    with web_server(tmp_path) as inner, http.server.HTTPServer(("127.0.0.2", 0), Away) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            with pytest.raises(DataError, match="private network"):
                read_ratings(f"http://127.0.0.2:{server.server_port}/r.csv")
        finally:
            server.shutdown()
            thread.join()
