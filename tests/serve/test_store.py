"""The store, in SQLite and in a PostgreSQL that is started here."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sa = pytest.importorskip("sqlalchemy", reason="sqlalchemy is not installed")
from graphrec.serve import store as stores  # noqa: E402
from graphrec.serve.store import Interaction, Store, StoreError  # noqa: E402

Place = Callable[[], str]


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty store."""
    if request.param == "sqlite":
        return str(tmp_path / "store.db")
    address: str = request.getfixturevalue("postgresql_server")
    engine = sa.create_engine(stores.store_url(address), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql("drop schema public cascade")
        connection.exec_driver_sql("create schema public")
    engine.dispose()
    return address


@pytest.fixture
def store(place: str) -> Iterator[Store]:
    opened = Store(place)
    yield opened
    opened.close()


def liked(user: str, movie: str, rating: float | None = None, at: int = 1) -> Interaction:
    return Interaction(user, movie, rating, at)


def test_what_is_written_is_read_by_whoever_opens_it_next(store: Store, place: str) -> None:
    store.write([liked("ann", "1", 4.5), liked("ann", "2", at=0), liked("bob", "1")])
    again = Store(place)
    assert again.user("ann").interactions == (liked("ann", "2", at=0), liked("ann", "1", 4.5))
    assert not again.user("carol")
    assert [one.user_id for one in again.interactions()] == ["ann", "ann", "bob"]
    again.close()


def test_writing_twice_is_writing_once_and_the_last_counts(store: Store) -> None:
    for _ in range(2):
        store.write([liked("ann", "1", 2.0), liked("ann", "1", 5.0)])
    assert store.user("ann").interactions == (liked("ann", "1", 5.0),)
    store.write([Interaction("ann", "1", None, 7, removed=True)])
    (only,) = store.user("ann").interactions
    assert only.removed
    store.write([liked("ann", "1", 3.0)])
    assert store.user("ann").interactions == (liked("ann", "1", 3.0),)


def test_thousands_are_written_at_once(store: Store) -> None:
    store.write([liked(f"u{number % 700}", str(number)) for number in range(12_000)])
    assert sum(1 for _ in store.interactions()) == 12_000


def test_a_write_is_whole_or_not_there(store: Store) -> None:
    broken = Interaction("ann", "3", None, None)  # type: ignore[arg-type]
    with pytest.raises(StoreError, match="can't be written") as caught:
        store.write([liked("ann", "1"), broken])
    assert "insert" not in str(caught.value).lower()
    assert not store.user("ann")


def test_a_forgotten_user_has_nothing_left(store: Store) -> None:
    store.write([liked("ann", "1"), liked("bob", "1")])
    store.forget("ann")
    store.forget("ann")
    assert store.user("ann").forgotten
    assert not store.user("ann").interactions
    assert not store.user("bob").forgotten
    assert store.forgotten() == {"ann"}


def test_movies_come_and_go(store: Store) -> None:
    versions = [store.movies_version()]
    store.add_movie("100", {"title": "Ünlöved <b>", "genres": ["Drama"]})
    versions.append(store.movies_version())
    store.remove_movie("7")
    store.remove_movie("100")
    versions.append(store.movies_version())
    assert [(one.movie_id, one.removed) for one in store.movies()] == [("7", True), ("100", True)]
    store.add_movie("100", {"title": "Loved"})
    versions.append(store.movies_version())
    assert store.movies()[-1].metadata == {"title": "Loved"}
    assert not store.movies()[-1].removed
    assert len(set(versions)) == len(versions)


def test_threads_write_at_the_same_time(store: Store) -> None:
    def write(thread: int) -> None:
        for number in range(20):
            store.write([liked("shared", str(number)), liked(f"own {thread}", str(number))])

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.user("shared").interactions) == 20
    assert sum(1 for _ in store.interactions()) == 100


def test_text_is_never_a_statement(store: Store) -> None:
    evil = "'; drop table interaction; --"
    store.write([liked(evil, evil)])
    assert store.user(evil).interactions == (liked(evil, evil),)


def test_stores_are_opened_by_several_at_once(place: str) -> None:
    code = f"from graphrec.serve.store import Store; Store({place!r}).check()"
    running = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(4)]
    assert [one.wait() for one in running] == [0] * 4


def test_an_older_store_is_migrated(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    old = Store(place)
    old.write([liked("ann", "1")])
    old.close()

    def add(connection: sa.Connection) -> None:
        connection.exec_driver_sql("alter table interaction add column source text")

    with monkeypatch.context() as patched:
        patched.setattr(stores, "MIGRATIONS", (*stores.MIGRATIONS, add))
        newer = Store(place)
        with newer.engine.connect() as connection:
            rows = connection.exec_driver_sql("select source from interaction").all()
        assert [tuple(row) for row in rows] == [(None,)]
        newer.close()
        Store(place).close()  # not a second time
    with pytest.raises(StoreError, match="of version 2, and this graphrec knows 1; upgrade"):
        Store(place)


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("mysql://host/db", "a store is in sqlite or postgresql, not in mysql"),
        ("://", "address can't be read"),
        ("/nowhere/at/all/store.db", "can't be opened: unable to open database file"),
        ("postgresql://ann:secret@127.0.0.1:1/db", "can't be opened: "),
    ],
)
def test_a_store_that_cannot_be_opened_says_why(address: str, complaint: str) -> None:
    with pytest.raises(StoreError, match=complaint) as caught:
        Store(address)
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"no database at all, but long enough to be looked at" * 20)
    with pytest.raises(StoreError, match="file is not a database"):
        Store(path)


WRITER = """
import itertools, sys
from graphrec.serve.store import Interaction, Store
store, run = Store(sys.argv[1]), sys.argv[2]
for number in itertools.count():
    store.write([Interaction(run, f"{number}.{part}", None, 1) for part in range(3)])
    print(number, flush=True)
"""


def killed_while_writing(path: Path, run: int, lines: int) -> int:
    """Acknowledged writes of a process that is killed after so many of them."""
    command = [sys.executable, "-c", WRITER, str(path), str(run)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writing:
        assert writing.stdout is not None
        for _ in range(lines):
            writing.stdout.readline()
        os.kill(writing.pid, signal.SIGKILL)
        return lines + len(writing.stdout.read().splitlines())


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    path, times = tmp_path / "store.db", int(os.environ.get("GRAPHREC_KILLS", "3"))
    for run in range(times):
        acknowledged = killed_while_writing(path, run, 1 + run % 7)
        opened = Store(path)
        written = {one.movie_id for one in opened.user(str(run)).interactions}
        opened.close()
        expected = {f"{number}.{part}" for number in range(acknowledged) for part in range(3)}
        assert written >= expected
        assert len(written) % 3 == 0  # a write is whole
