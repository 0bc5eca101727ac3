"""Databases, addresses and standard input on the command line; secrets are nowhere."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from graphrec.cli import app
from graphrec.cli.options import Tables
from graphrec.data.databases import Query, read_query
from tests.cli.running import run
from tests.data.servers import PASSWORD, web_server

SMALL = ["--epochs", 1, "--embedding-dim", 8, "--spectral-dim", 8]


@pytest.fixture
def url(checkerboard: tuple[pd.DataFrame, pd.DataFrame], tmp_path: Path) -> str:
    """The checkerboard in SQLite."""
    with sqlite3.connect(tmp_path / "movies.db") as lite:
        for name, table in zip(("ratings", "movies"), checkerboard, strict=True):
            table.to_sql(name, lite, index=False)
    lite.close()
    return f"sqlite:///{tmp_path / 'movies.db'}"


def test_from_a_database_and_back(url: str, tmp_path: Path, model_folder: Path) -> None:
    queries = ["--ratings-query", "select * from ratings", "--movies-query", "select * from movies"]
    model = tmp_path / "model"

    trained = run("train", "--sql", url, *queries, *SMALL, "--output", model)

    assert trained.exit_code == 0, trained.stderr
    assert "graphrec evaluate --sql sqlite:///" in trained.stderr
    asked = ["recommend", "--users", "all", "--k", 3, "--model", model_folder]
    target = f"{url}?table=lists"
    written = run(*asked, "--output", target)
    assert written.exit_code == 0, written.stderr
    assert "120 recommendations written to table lists of sqlite:///" in written.stderr
    rows = read_query(Query(url, "select * from lists"))
    assert list(rows.columns) == ["user_id", "movie_id", "rank", "score"]
    assert len(rows) == 120
    again = run(*asked, "--output", target)
    assert again.exit_code == 2
    assert "exists; add --force to replace it" in " ".join(again.stderr.split())
    assert run(*asked, "--output", target, "--force").exit_code == 0


def test_questions_with_tables_of_a_database_or_an_address(
    url: str, tmp_path: Path, model_folder: Path
) -> None:
    with sqlite3.connect(tmp_path / "movies.db") as lite:
        lite.execute("create table films (id integer, title text, genres text)")
        lite.execute("insert into films values (900, 'New', 'Drama|War')")
    lite.close()
    history = "select 'ann' as user_id, movie_id from movies where movie_id in (1, 3, 5)"
    ids = "select movie_id from movies where movie_id in (7, 8) union select 900"
    asked = ["recommend", "--model", model_folder, "--json"]
    tables = [
        "--history",
        f"{url}?query={history}",
        "--with-movies",
        f"{url}?query=select * from films",
    ]

    done = run(*asked, *tables, "--among", f"{url}?query={ids}")

    assert done.exit_code == 0, done.stderr
    assert {row["movie_id"] for row in json.loads(done.stdout)} == {7, 8, 900}
    (tmp_path / "h.csv").write_text("user_id,movie_id\nbob,1\nbob,3\n", encoding="utf-8")
    with web_server(tmp_path) as server:
        by_address = run(*asked, "--history", f"{server}/h.csv", "--k", 3)
    by_path = run(*asked, "--history", tmp_path / "h.csv", "--k", 3)
    assert by_address.exit_code == 0, by_address.stderr
    assert by_address.stdout == by_path.stdout
    piped = [str(one) for one in (*asked, "--history", "-", "--k", 3)]
    text = (tmp_path / "h.csv").read_text(encoding="utf-8")
    assert CliRunner().invoke(app, piped, input=text).stdout == by_path.stdout


def test_exports_to_databases(url: str, tmp_path: Path, model_folder: Path) -> None:
    duck = f"duckdb:///{tmp_path / 'vectors.duckdb'}"
    for place in (url, duck):
        output = f"{place}?table=embeddings"
        done = run("export", "--output", output, "--model", model_folder, "--part", "scores")
        assert done.exit_code == 0, done.stderr
        assert "72 vectors (scores)" in done.stderr
        rows = read_query(Query(place, "select * from embeddings"))
        assert rows["kind"].value_counts().to_dict() == {"user": 40, "movie": 32}
    parquet = tmp_path / "embeddings.parquet"
    run("export", "--output", parquet, "--model", model_folder, "--part", "scores")
    np.testing.assert_allclose(
        np.stack(rows["vector"].tolist()), np.stack(pd.read_parquet(parquet)["vector"].tolist())
    )
    with duckdb.connect(str(tmp_path / "vectors.duckdb"), read_only=True) as opened:
        kind = opened.execute("select typeof(vector) from embeddings").fetchone()
    assert kind == ("FLOAT[]",)


def test_postgresql_with_and_without_pgvector(model_folder: Path, postgresql_server: str) -> None:
    server = postgresql_server
    export = ["export", "--model", model_folder, "--output", f"{server}?table=vectors"]
    plain = run(*export)
    assert plain.exit_code == 0, plain.stderr
    assert PASSWORD not in plain.output
    length = "select array_length(vector, 1) as n from vectors"
    assert set(read_query(Query(server, length))["n"]) == {32}
    lists = ["recommend", "--users", "all", "--model", model_folder]
    shown = run(*lists, "--output", f"{server}?table=lists", "--json")
    assert json.loads(shown.stdout)["output"].startswith("table lists of postgresql://127.0.")
    offered = "select name from pg_available_extensions where name = 'vector'"
    if read_query(Query(server, offered)).empty:
        return
    import psycopg

    with psycopg.connect(server, autocommit=True) as opened:
        opened.execute("create extension vector")
    assert run(*export, "--force").exit_code == 0
    nearest = (
        "select title, vector <=> (select vector from vectors where kind = 'movie' and id = 1)"
        " as distance from vectors where kind = 'movie' order by distance limit 8"
    )
    found = read_query(Query(server, nearest))
    assert found["title"].str.startswith("Odd").all()


def test_standard_input(checkerboard: tuple[pd.DataFrame, pd.DataFrame], tmp_path: Path) -> None:
    text = checkerboard[0].to_csv(index=False)
    checkerboard[1].to_csv(tmp_path / "m.csv", index=False)

    arguments = ["data", "inspect", "--ratings", "-", "--movies", f"{tmp_path}/m.csv", "--json"]
    done = CliRunner().invoke(app, arguments, input=text)

    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["users"] == 40
    nothing = CliRunner().invoke(app, arguments, input="")
    assert nothing.exit_code == 2
    assert "standard input is empty" in nothing.stderr


def test_the_database_s_address_may_be_in_the_environment(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAPHREC_SQL", url)

    asked = run("data", "inspect", "--ratings-query", "select * from ratings", "--json")

    assert asked.exit_code == 0, asked.stderr
    assert json.loads(asked.stdout)["interactions"] == len(
        read_query(Query(url, "select * from ratings"))
    )
    assert json.loads(run("data", "inspect", "--json").stdout)["name"] == "sample"


def test_what_to_type_again_holds_no_secrets() -> None:
    address = f"https://ann:{PASSWORD}@example.org"
    tables = Tables(
        data=f"{address}/all?token={PASSWORD}",
        ratings=f"{address}/r.csv?token={PASSWORD}",
        details=["d.csv", f"{address}/d.csv?token={PASSWORD}"],
    )

    assert tables.as_arguments() == (
        "--data https://example.org/all --ratings https://example.org/r.csv --details d.csv"
        " --details https://example.org/d.csv"
    )
