"""Queries of SQLite, DuckDB and PostgreSQL, what is written there, and what is never shown."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from sqlalchemy.schema import CreateTable

from graphrec.data.databases import Query, Target, _stored, query_of, read_query
from graphrec.data.places import without_secrets
from graphrec.data.sources import load_dataset
from graphrec.data.tables import read_ratings
from graphrec.errors import ConfigError, DataError, OutputError
from tests.data.servers import PASSWORD

RATINGS = [(7, 10, 4.5, 1000), (7, 20, 3.0, 2000), (9, 20, 0.5, 3000)]
TABLE = "create table ratings (user_id bigint, movie_id bigint, rating double precision, ts bigint)"


Database = Callable[[str], str]


@pytest.fixture
def database(tmp_path: Path, request: pytest.FixtureRequest) -> Database:
    """Make a database of some kind that holds the ratings, and give its address."""

    def make(kind: str) -> str:
        path = tmp_path / f"movies.{kind}"
        values = ", ".join(map(str, RATINGS))
        if kind == "sqlite":
            with sqlite3.connect(path) as lite:
                lite.execute(TABLE)
                lite.execute(f"insert into ratings values {values}")
            lite.close()
        elif kind == "duckdb":
            with duckdb.connect(str(path)) as duck:
                duck.execute(TABLE)
                duck.execute(f"insert into ratings values {values}")
        else:
            url = str(request.getfixturevalue("postgresql_server"))
            engine = sa.create_engine(url.replace("postgresql", "postgresql+psycopg", 1))
            with engine.begin() as connection:
                connection.exec_driver_sql("drop schema public cascade")
                connection.exec_driver_sql("create schema public")
                connection.exec_driver_sql(TABLE)
                connection.exec_driver_sql(f"insert into ratings values {values}")
            engine.dispose()
            return url
        return f"{kind}:///{path}"

    return make


def test_vectors_are_written_as_pgvector_s_where_it_is_installed() -> None:
    kind, cells = _stored(FRAME["vector"], "postgresql", has_vectors=True)
    table = sa.Table("t", sa.MetaData(), sa.Column("vector", kind))

    dialect = sa.dialects.registry.load("postgresql.psycopg")()
    assert "vector vector(2)" in str(CreateTable(table).compile(dialect=dialect))
    assert "CAST(%(vector)s AS vector(2))" in str(table.insert().compile(dialect=dialect))
    assert cells.tolist() == ["[1.0, 2.0]", "[0.5, 0.0]"]


KINDS = ["sqlite", "duckdb", "postgresql"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_query_is_a_table(kind: str, database: Database) -> None:
    url = database(kind)
    text = "select user_id, movie_id, rating, ts as timestamp from ratings where ts > 0"

    table = read_ratings(f"{url}?query={text}")

    assert table.to_numpy().tolist() == [list(map(float, row)) for row in RATINGS]
    pd.testing.assert_frame_equal(table, read_ratings(Query(url, text)))
    movies = "select distinct movie_id, 'Film ' || movie_id as title from ratings"
    dataset = load_dataset(sql=url, ratings_query=text, movies_query=movies)
    assert dataset.movies["title"].tolist() == ["Film 10", "Film 20"]
    assert dataset.name == "tables"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "query",
    [
        "delete from ratings",
        "delete from ratings returning user_id, movie_id",
        "drop table ratings",
        "select nonsense from ratings",
        "select * from elsewhere",
        "selekt 1",
        "",
    ],
)
def test_queries_that_fail_or_would_write_change_nothing(
    kind: str, query: str, database: Database
) -> None:
    url = database(kind)

    with pytest.raises(DataError) as caught:
        read_query(Query(url, query))

    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")
    assert without_secrets(url) in str(caught.value)
    assert len(read_query(Query(url, "select * from ratings"))) == len(RATINGS)


def test_a_query_of_sqlite_makes_no_other_database(database: Database, tmp_path: Path) -> None:
    url = database("sqlite")
    with pytest.raises(DataError, match="not authorized"):
        read_query(Query(url, f"attach database '{tmp_path / 'new.db'}' as other"))
    assert not (tmp_path / "new.db").exists()


def test_a_wrong_password_is_not_shown(postgresql_server: str) -> None:
    wrong = postgresql_server.replace(PASSWORD, "wr0ng-s3cr3t")

    with pytest.raises(DataError, match="password authentication failed") as caught:
        read_ratings(f"{wrong}?query=select 1")

    assert "wr0ng-s3cr3t" not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)


def test_an_at_sign_in_a_password_is_not_taken_for_the_host_s(postgresql_server: str) -> None:
    wrong = postgresql_server.replace(PASSWORD, "p@no-h0st/w")

    with pytest.raises(DataError, match="write @ in a password as %40") as caught:
        read_query(Query(wrong, "select 1"))

    assert "no-h0st" not in str(caught.value)


def test_databases_that_are_not_there(tmp_path: Path) -> None:
    for kind in ("sqlite", "duckdb"):
        missing = tmp_path / f"no.{kind}"
        with pytest.raises(DataError, match=r"no\.\w+ does not exist"):
            read_query(Query(f"{kind}:///{missing}", "select 1"))
        assert not missing.exists()
    nobody = "postgresql://ann:s3cr3t@127.0.0.1:1/x?application_name=hush"
    with pytest.raises(DataError, match="connection") as caught:
        read_query(Query(nobody, "select 1"))
    assert "s3cr3t" not in str(caught.value)
    assert "hush" not in str(caught.value)
    with pytest.raises(DataError, match="nonsense needs another package"):
        read_query(Query("nonsense://host/x", "select 1"))
    text = tmp_path / "text.db"
    text.write_text("not a database" * 99, encoding="utf-8")
    with pytest.raises(DataError, match="file is not a database"):
        read_query(Query(f"sqlite:///{text}", "select * from ratings"))


def test_addresses_and_what_is_shown_of_them() -> None:
    query = query_of(
        "postgresql://ann:pw@host/db?sslmode=require&query=select a&b from t where x=?"
    )
    assert query.url == "postgresql://ann:pw@host/db?sslmode=require"
    assert query.text == "select a&b from t where x=?"
    assert query_of("sqlite:///x.db?query=select%201").text == "select 1"
    assert "pw" not in repr(query)
    assert query.name == "the query of postgresql://host/db"
    with pytest.raises(DataError, match=r"sqlite:///x\.db: say what to read"):
        query_of("sqlite:///x.db")
    target = Target.of("sqlite:///x.db?table=lists&timeout=3")
    assert (target.url, target.table) == ("sqlite:///x.db?timeout=3", "lists")
    with pytest.raises(ConfigError, match="name a table"):
        Target.of("sqlite:///x.db")


def test_queries_and_tables_exclude_each_other(database: Database) -> None:
    url = database("sqlite")
    with pytest.raises(DataError, match="ratings_query needs sql, too"):
        load_dataset(ratings_query="select 1")
    with pytest.raises(DataError, match="sql needs ratings_query, too"):
        load_dataset(sql=url, ratings="r.csv")
    with pytest.raises(DataError, match="give either ratings or ratings_query"):
        load_dataset(sql=url, ratings_query="select 1", ratings="r.csv")


FRAME = pd.DataFrame(
    {
        "movie_id": [1, 2],
        "title": ["Heat; drop table ratings", None],
        "score": [0.5, np.nan],
        "new": [True, False],
        "vector": [np.array([1, 2], np.float32), np.array([0.5, 0], np.float32)],
    }
)


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_is_written_whole_or_not_at_all(kind: str, database: Database) -> None:
    url = database(kind)
    target = Target.of(f"{url}?table=lists")

    target.check(force=False)
    target.write(FRAME)

    written = read_query(Query(url, "select * from lists order by movie_id"))
    assert written["movie_id"].tolist() == [1, 2]
    assert written["title"].tolist()[0] == "Heat; drop table ratings"
    assert written["title"].isna().tolist() == [False, True]
    assert written["score"].tolist()[0] == 0.5
    vectors = [json.loads(v) if isinstance(v, str) else v for v in written["vector"]]
    assert [list(vector) for vector in vectors] == [[1, 2], [0.5, 0]]
    for refuse in (target.check, lambda force: target.write(FRAME, force=force)):
        with pytest.raises(OutputError, match=r"table lists of .* exists; add force=True"):
            refuse(force=False)
    target.write(FRAME[:1], force=True)
    assert len(read_query(Query(url, "select * from lists"))) == 1

    class Odd:
        def __str__(self) -> str:
            raise RuntimeError("can't be text")

    odd = FRAME.assign(title=["x", Odd()])
    with pytest.raises(OutputError, match="can't be text"):
        target.write(odd, force=True)
    twice = pd.concat([FRAME, FRAME[["score"]]], axis=1)
    with pytest.raises(OutputError):
        target.write(twice, force=True)
    assert len(read_query(Query(url, "select * from lists"))) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_what_stops_a_write_half_way_leaves_the_old_table(
    kind: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = database(kind)
    target = Target.of(f"{url}?table=lists")
    target.write(FRAME[:1])
    monkeypatch.setattr("graphrec.data.databases._ROWS", 1)
    execute, done = sa.Connection.execute, 0

    def stop_at_the_second(self: sa.Connection, *args: Any, **options: Any) -> Any:
        nonlocal done
        done += isinstance(args[0], sa.Insert)
        if done > 1:
            raise KeyboardInterrupt
        return execute(self, *args, **options)

    monkeypatch.setattr(sa.Connection, "execute", stop_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        target.write(FRAME, force=True)
    monkeypatch.undo()

    assert read_query(Query(url, "select movie_id from lists"))["movie_id"].tolist() == [1]
