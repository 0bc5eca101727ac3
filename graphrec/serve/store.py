"""What happens after training, kept in a database: interactions, movies, users to be forgotten.

SQLite is embedded (a file, in WAL mode; a write is on the disk when it returns), PostgreSQL is
named by its URL. Both have the same tables, which are made and migrated when a store is opened.
Ids are text here, as people type them; `graphrec.data.ids.IdMap.parse` gives them their type.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Connection, Engine

from graphrec.errors import DataError

_BUSY_SECONDS = 20
_AT_ONCE = 5_000  # rows in a statement
_LOCK = 7_246_173  # of PostgreSQL's migrations, any number
_SQLITE, _POSTGRESQL = "sqlite", "postgresql"

_tables = sa.MetaData()
_schema = sa.Table("graphrec_schema", _tables, sa.Column("version", sa.Integer, nullable=False))
_interactions = sa.Table(
    "interaction",
    _tables,
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Column("movie_id", sa.Text, primary_key=True),
    sa.Column("rating", sa.Float, nullable=True),
    sa.Column("timestamp", sa.BigInteger, nullable=False),
    sa.Column("removed", sa.Boolean, nullable=False),
)
_movies = sa.Table(
    "movie",
    _tables,
    sa.Column("movie_id", sa.Text, primary_key=True),
    sa.Column("metadata", sa.Text, nullable=True),
    sa.Column("removed", sa.Boolean, nullable=False),
    sa.Column("changed", sa.BigInteger, nullable=False),
)
_forgotten = sa.Table(
    "forgotten_user",
    _tables,
    sa.Column("user_id", sa.Text, primary_key=True),
    sa.Column("timestamp", sa.BigInteger, nullable=False),
)


def _first(connection: Connection) -> None:
    _tables.create_all(connection)


MIGRATIONS: tuple[Callable[[Connection], None], ...] = (_first,)
"""Each takes the tables from the version that is its index to the next."""


class StoreError(DataError):
    """The store can't be opened, read or written."""


@dataclass(frozen=True, slots=True)
class Interaction:
    """A user and a movie, as it came in after training.

    Attributes:
        user_id, movie_id: as text.
        rating: None where only the interaction is known.
        timestamp: seconds since 1970.
        removed: whether it was deleted, which hides one of the training, too.
    """

    user_id: str
    movie_id: str
    rating: float | None
    timestamp: int
    removed: bool = False


@dataclass(frozen=True, slots=True)
class UserChanges:
    """What is new of one user.

    Attributes:
        interactions: by time.
        forgotten: whether what training knew of the user doesn't count any more.
    """

    interactions: tuple[Interaction, ...]
    forgotten: bool

    def __bool__(self) -> bool:
        return bool(self.interactions) or self.forgotten


@dataclass(frozen=True, slots=True)
class MovieChange:
    """A movie that was added, or removed.

    Attributes:
        movie_id: as text.
        metadata: title and all else; None for a removed movie that was never added.
        removed: whether it was deleted.
    """

    movie_id: str
    metadata: dict[str, Any] | None
    removed: bool


def store_url(place: str | Path) -> URL:
    """The address of a store: a URL as SQLAlchemy knows it, or the path of an SQLite file.

    >>> str(store_url("movies.db")), store_url("postgres://host/shop").drivername
    ('sqlite:///movies.db', 'postgresql+psycopg')
    """
    text = str(place)
    if "://" not in text:
        return URL.create(_SQLITE, database=text)
    try:
        url = sa.make_url(text.replace("postgres://", "postgresql://", 1))
    except (sa.exc.ArgumentError, ValueError):
        raise StoreError(
            "the store's address can't be read; it must be like sqlite:///store.db or"
            " postgresql://user:password@host/database."
        ) from None
    kind = url.get_backend_name()
    if kind not in (_SQLITE, _POSTGRESQL):
        raise StoreError(f"a store is in sqlite or postgresql, not in {kind}.")
    return url.set(drivername="postgresql+psycopg") if url.drivername == _POSTGRESQL else url


class Store:
    """An open store. Threads and processes may share it; each write is whole or not there.

    Args:
        place: as for `store_url`.

    Raises:
        StoreError: if it can't be opened, or is of a newer graphrec.
    """

    def __init__(self, place: str | Path) -> None:
        url = store_url(place)
        self.name = url.render_as_string(hide_password=True)
        self._insert: Any = postgresql.insert
        with self._errors("opened"):
            if url.get_backend_name() == _SQLITE:
                self._insert = sqlite.insert
                self.engine = sa.create_engine(url, connect_args={"timeout": _BUSY_SECONDS})
                sa.event.listen(self.engine, "connect", _durable)
            else:
                self.engine = sa.create_engine(
                    url, pool_pre_ping=True, connect_args={"connect_timeout": _BUSY_SECONDS}
                )
            try:
                with self.engine.begin() as connection:
                    _migrate(connection, self.engine)
            except BaseException:
                self.engine.dispose()
                raise

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    # Users ----------------------------------------------------------------------------------------

    def user(self, user_id: str) -> UserChanges:
        """What is new of one user."""
        with self._errors("read"), self.engine.connect() as connection:
            rows = connection.execute(_OF_USER, {"user": user_id}).all()
        found = [Interaction(*row) for row in rows if row.movie_id is not None]
        found.sort(key=lambda one: (one.timestamp, one.movie_id))
        return UserChanges(tuple(found), forgotten=len(found) < len(rows))

    def write(self, interactions: Sequence[Interaction]) -> None:
        """Add interactions or remove them, all or none; of a pair that is there the last counts."""
        # in the order of their ids, so that two writers can't wait for each other's rows
        last = {(one.user_id, one.movie_id): one for one in interactions}
        rows = [
            {
                "user_id": one.user_id,
                "movie_id": one.movie_id,
                "rating": one.rating,
                "timestamp": one.timestamp,
                "removed": one.removed,
            }
            for _, one in sorted(last.items())
        ]
        statement = self._insert(_interactions)
        new = statement.excluded
        statement = statement.on_conflict_do_update(
            index_elements=["user_id", "movie_id"],
            set_={"rating": new.rating, "timestamp": new.timestamp, "removed": new.removed},
        )
        with self._errors("written"), self.engine.begin() as connection:
            for start in range(0, len(rows), _AT_ONCE):
                connection.execute(statement, rows[start : start + _AT_ONCE])

    def forget(self, user_id: str) -> None:
        """Delete all that is new of a user, and let nothing that training knew count any more."""
        statement = self._insert(_forgotten).on_conflict_do_nothing()
        with self._errors("written"), self.engine.begin() as connection:
            connection.execute(statement, {"user_id": user_id, "timestamp": int(time.time())})
            connection.execute(sa.delete(_interactions).where(_interactions.c.user_id == user_id))

    def interactions(self) -> Iterator[Interaction]:
        """All of them, by user and movie."""
        query = sa.select(_interactions).order_by(_interactions.c.user_id, _interactions.c.movie_id)
        with self._errors("read"), self.engine.connect() as connection:
            for row in connection.execution_options(yield_per=_AT_ONCE).execute(query):
                yield Interaction(*row)

    def forgotten(self) -> frozenset[str]:
        """All users who are to be forgotten."""
        with self._errors("read"), self.engine.connect() as connection:
            return frozenset(connection.scalars(sa.select(_forgotten.c.user_id)))

    # Movies ---------------------------------------------------------------------------------------

    def movies(self) -> tuple[MovieChange, ...]:
        """Movies that were added or removed, in the order in which they first were."""
        query = sa.select(_movies.c.movie_id, _movies.c.metadata, _movies.c.removed).order_by(
            _movies.c.changed, _movies.c.movie_id
        )
        with self._errors("read"), self.engine.connect() as connection:
            rows = connection.execute(query).all()
        return tuple(
            MovieChange(movie, None if text is None else json.loads(text), removed)
            for movie, text, removed in rows
        )

    def movies_version(self) -> tuple[int, int]:
        """Changes whenever `movies` does."""
        c = _movies.c
        query = sa.select(sa.func.count(), sa.func.coalesce(sa.func.max(c.changed), 0))
        with self._errors("read"), self.engine.connect() as connection:
            number, last = connection.execute(query.select_from(_movies)).one()
        return int(number), int(last)

    def add_movie(self, movie_id: str, metadata: dict[str, Any]) -> None:
        """Keep a movie's metadata; one that was removed is there again."""
        self._write_movie({"metadata": json.dumps(metadata, ensure_ascii=False)}, movie_id, False)

    def remove_movie(self, movie_id: str) -> None:
        """Hide a movie, be it one of training or one that was added."""
        self._write_movie({}, movie_id, True)

    def _write_movie(self, values: dict[str, Any], movie_id: str, removed: bool) -> None:
        changed = values | {"removed": removed, "changed": time.time_ns()}
        statement = self._insert(_movies).on_conflict_do_update(
            index_elements=["movie_id"], set_=changed
        )
        row = {"metadata": None} | changed | {"movie_id": movie_id}
        with self._errors("written"), self.engine.begin() as connection:
            connection.execute(statement, row)

    # ----------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Fail if the store can't be read now."""
        self.user("")

    @contextmanager
    def _errors(self, verb: str) -> Iterator[None]:
        """Errors of the database in one sentence, without the statement and its values."""
        try:
            yield
        except sa.exc.DBAPIError as error:
            cause = " ".join(str(error.orig).split())
            raise StoreError(f"the store {self.name} can't be {verb}: {cause}.") from error
        except (sa.exc.SQLAlchemyError, ImportError, OSError) as error:
            raise StoreError(f"the store {self.name} can't be {verb}: {error}.") from error


_OF_USER = (
    sa.select(_interactions)
    .where(_interactions.c.user_id == sa.bindparam("user"))
    .union_all(  # one query takes half as long as two
        sa.select(
            _forgotten.c.user_id,
            sa.cast(sa.null(), sa.Text),
            sa.cast(sa.null(), sa.Float),
            _forgotten.c.timestamp,
            sa.cast(sa.null(), sa.Boolean),
        ).where(_forgotten.c.user_id == sa.bindparam("user"))
    )
)


def _durable(connection: Any, _: Any) -> None:
    """SQLite's settings: readers don't wait for writers, and a commit is on the disk."""
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchall()
            break
        except sqlite3.OperationalError as error:  # this change doesn't wait for others by itself
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
    connection.execute("PRAGMA synchronous = FULL").fetchall()


def _migrate(connection: Connection, engine: Engine) -> None:
    """Bring the tables to this version, while others who open the store wait."""
    if engine.dialect.name == _POSTGRESQL:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    else:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    _schema.create(connection, checkfirst=True)
    version = connection.scalar(sa.select(_schema.c.version)) or 0
    if version > len(MIGRATIONS):
        raise StoreError(
            f"the store is of version {version}, and this graphrec knows {len(MIGRATIONS)};"
            " upgrade graphrec."
        )
    for migration in MIGRATIONS[version:]:
        migration(connection)
    if version < len(MIGRATIONS):
        connection.execute(sa.delete(_schema))
        connection.execute(sa.insert(_schema).values(version=len(MIGRATIONS)))
