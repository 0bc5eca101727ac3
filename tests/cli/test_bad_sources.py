"""Bad input from other places and layouts: one sentence, exit code 2, no secret, nothing lost."""

from __future__ import annotations

import gzip
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from graphrec.cli import app
from tests.data.servers import PASSWORD, web_server

RATINGS = "userId,movieId,rating\n" + "".join(
    f"{user},{movie},4\n" for user in (1, 2, 3) for movie in range(10, 20)
)
MOVIES = "movieId,title\n" + "".join(f"{movie},Film {movie}\n" for movie in range(10, 20))
SECRET = "s3cr3t-t0ken"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Good tables in files and in SQLite, and a model's place."""
    (tmp_path / "r.csv").write_text(RATINGS, encoding="utf-8")
    (tmp_path / "m.csv").write_text(MOVIES, encoding="utf-8")
    with sqlite3.connect(tmp_path / "x.db") as lite:
        lite.execute("create table ratings (userId, movieId)")
        lite.execute("insert into ratings values (1, 10), (2, 11)")
    lite.close()
    return tmp_path


def failure(*arguments: object, given: bytes | None = None) -> str:
    """The one sentence that a command fails with."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], input=given)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert "Traceback" not in result.output
    assert SECRET not in result.output
    assert PASSWORD not in result.output
    errors = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 1
    return " ".join(result.stderr.split())


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def movies(name: str, content: str | bytes) -> Callable[[Path], list[object]]:
    """A case of a bad movies table."""
    return lambda f: ["--ratings", f / "r.csv", "--movies", write(f, name, content)]


def ratings(name: str, content: str | bytes) -> Callable[[Path], list[object]]:
    """A case of a bad ratings table."""
    return lambda f: ["--ratings", write(f, name, content)]


def links(content: str) -> Callable[[Path], list[object]]:
    """A case of bad links between the ratings and movies by other ids."""
    other = "id,title\n" + "".join(f"{n},Film {n}\n" for n in range(510, 530))
    return lambda f: [
        *("--ratings", f / "r.csv", "--movies", write(f, "other.csv", other)),
        *("--links", write(f, "links.csv", content)),
    ]


def query(text: str) -> Callable[[Path], list[object]]:
    """A case of a bad query."""
    return lambda f: ["--sql", f"sqlite:///{f}/x.db", "--ratings-query", text]


ONE_TO_MANY = "movieId,tmdbId\n" + "".join(f"{n},{500 + n}\n" for n in range(10, 20)) + "12,525\n"
KAGGLE = "adult,id,original_title,production_companies,status,title\n"
CUT = gzip.compress(RATINGS.encode() * 99)[:-30]

CASES: dict[str, tuple[Callable[[Path], list[object]], tuple[str, ...]]] = {
    "table that isn't there": (query("select * from films"), ("x.db", "no such table: films")),
    "query that deletes": (query("delete from ratings"), ("x.db", "readonly database")),
    "query that isn't one": (query("selekt *"), ("x.db", "syntax error")),
    "query of no rows": (query("select * from ratings where 0"), ("x.db", "no rows")),
    "query of other columns": (query("select 1 as a, 2 as b"), ("no column for user_id", "a, b")),
    "database that isn't there": (
        lambda f: ["--ratings", f"sqlite:///{f}/no.db?query=select 1"],
        ("no.db does not exist",),
    ),
    "database without a query": (
        lambda f: ["--ratings", f"sqlite:///{f}/x.db"],
        ("say what to read", "--ratings-query"),
    ),
    "database of no known kind": (
        lambda _: ["--ratings", f"oracel://ann:{SECRET}@host/x?query=select 1"],
        ("oracel://host/x", "needs another package"),
    ),
    "database's address without its beginning": (
        lambda _: ["--sql", f"ann:{SECRET}@host/x", "--ratings-query", "select 1"],
        ("the database's address: Could not parse",),
    ),
    "password with a slash": (
        lambda _: ["--ratings", f"oracel://ann:{SECRET}/{SECRET}@host/x?query=select 1"],
        ("oracel://host/x: oracel needs another package",),
    ),
    "table without a name": (lambda _: ["--ratings", ""], ("the name of the file is empty",)),
    "query without a database": (
        lambda _: ["--ratings-query", "select 1"],
        ("--ratings-query needs --sql",),
    ),
    "server that isn't there": (
        lambda _: ["--ratings", f"https://ann:{SECRET}@127.0.0.1:9/r.csv?token={SECRET}"],
        ("https://127.0.0.1:9/r.csv: can't be read",),
    ),
    "links of one to many": (links(ONE_TO_MANY), ("links.csv", "movieId 12 has 2 tmdbIds")),
    "links of other movies": (links("movieId,tmdbId\n1,2\n3,4\n"), ("share no movie id",)),
    "links of one column": (links("movieId\n1\n2\n"), ("two columns of ids or more",)),
    "wrong ids": (
        movies("o.csv", "id,title\n" + "".join(f"{n},x\n" for n in range(17, 99))),
        ("only 3 of 10 rated movies (30%)", "10, 11, 12", "17, 18, 19", "--allow-unmatched"),
    ),
    "gzip cut short": (ratings("c.csv.gz", CUT), ("c.csv.gz", "damaged or cut short")),
    "JSON line of another shape": (
        movies("m.jsonl", '{"movie_id": 10}\n["Heat"]\n'),
        ("m.jsonl, line 2", "a list", "an object"),
    ),
    "JSON line that isn't JSON": (
        movies("m.jsonl", '{"movie_id": 10}\n{"movie_id": \n'),
        ("m.jsonl, line 2", "not JSON"),
    ),
    "Excel that isn't": (ratings("r.xlsx", "userId,movieId\n1,2\n"), ("r.xlsx", "Excel")),
    "Parquet that is cut short": (ratings("r.parquet", b"PAR1abc"), ("r.parquet", "Parquet")),
    "folder of Parquet of which one isn't": (
        lambda f: ["--ratings", write(f, "parts/a.parquet", b"none").parent],
        ("parts/a.parquet: can't be read as Parquet",),
    ),
    "pattern of nothing": (lambda f: ["--ratings", f / "*.pq"], ("no file has such a name",)),
    "folder of nothing": (lambda f: ["--ratings", f], ("is a folder", "--data")),
    "movies of TMDB without one": (movies("k.csv", KAGGLE + "x,y,a,[],b,c\n"), ("k.csv", "'id'")),
    "titles of IMDb that aren't": (movies("title.basics.tsv", "a\tb\n1\t2\n"), ("not IMDb's",)),
    "Netflix's lines that aren't": (
        lambda f: ["--data", write(f, "n/combined_data_1.txt", "1:\n5;3\n").parent],
        ("combined_data_1.txt, line 2",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("command", ["train", "inspect"])
def test_bad_tables(case: str, command: str, folder: Path) -> None:
    make, words = CASES[case]
    before = sorted(path.name for path in folder.iterdir() if path.name[0] in "rmx")
    start = ["train", "--output", folder / "model"] if command == "train" else ["data", "inspect"]

    sentence = failure(*start, *make(folder))

    for word in words:
        assert word in sentence, sentence
    assert not (folder / "model").exists()
    assert set(before) <= {path.name for path in folder.iterdir()}
    with sqlite3.connect(folder / "x.db") as lite:
        assert lite.execute("select count(*) from ratings").fetchone() == (2,)
    lite.close()


def test_wrong_passwords_and_missing_tables_of_a_server(postgresql_server: str) -> None:
    wrong = postgresql_server.replace(PASSWORD, SECRET)
    inspect = ["data", "inspect", "--ratings-query", "select * from ratings", "--sql"]
    assert "password authentication failed" in failure(*inspect, wrong)
    assert 'relation "ratings" does not exist' in failure(*inspect, postgresql_server)
    sneaky = ["data", "inspect", "--sql", postgresql_server, "--ratings-query"]
    refused = failure(*sneaky, "commit; create table lost as select 1 as a")
    assert "read-only transaction" in refused


def test_what_is_not_at_an_address(tmp_path: Path) -> None:
    with web_server(tmp_path) as url:
        sentence = failure("data", "inspect", "--ratings", f"{url}/none.csv?token={SECRET}")
    assert "none.csv: there is no such file" in sentence


def test_standard_input_that_is_no_table() -> None:
    assert "standard input" in failure("data", "inspect", "--ratings", "-", given=b"\x00\x01\xff")
    assert "standard input is empty" in failure("data", "inspect", "--ratings", "-", given=b"")


def test_bad_exports_of_films(tmp_path: Path, model_folder: Path) -> None:
    bomb, other = tmp_path / "bomb.zip", tmp_path / "other.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("watched.csv", "Name,Year,Letterboxd URI\n" + "0" * (1 << 25))
    with zipfile.ZipFile(other, "w") as zipped:
        zipped.writestr("a.txt", "x")
    unknown = write(tmp_path, "w.csv", "Date,Name,Year,Letterboxd URI\n1,Nobody's Film,2003,x\n")
    asked = ["recommend", "--model", model_folder, "--history"]
    assert "unpacks to more than 32 MiB" in failure(*asked, bomb)
    assert "holds neither watched.csv nor ratings.csv" in failure(*asked, other)
    assert "none of its films is in the model: Nobody's Film (2003)" in failure(*asked, unknown)
    assert "the archive is damaged" in failure(*asked, write(tmp_path, "c.zip", b"PK\x03\x04"))


def test_bad_outputs(tmp_path: Path, model_folder: Path) -> None:
    asked = ["recommend", "--users", "all", "--model", model_folder, "--output"]
    assert "name a table" in failure(*asked, f"sqlite:///{tmp_path}/x.db")
    assert "x.db?table=a" not in failure(*asked, f"sqlite:///{tmp_path}/no/x.db?table=a")
    nobody = f"postgresql://ann:{SECRET}@127.0.0.1:1/x?table=a"
    assert "postgresql://127.0.0.1:1/x" in failure(*asked, nobody)
    exported = ["export", "--model", model_folder, "--output", nobody]
    assert "postgresql://127.0.0.1:1/x" in failure(*exported)
