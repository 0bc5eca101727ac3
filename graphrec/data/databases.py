"""Tables in databases, by SQLAlchemy: queries that read, and results that are written whole.

What connects (user, password, other parameters) is never a part of a message or a name.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import numpy as np
import pandas as pd

from graphrec.data.places import is_url, split_user, without_secrets
from graphrec.errors import ConfigError, DataError, OutputError, argument

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from sqlalchemy.engine import URL

_DRIVERS = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}
_EXTRAS = {"postgresql": "postgresql", "duckdb": "duckdb"}
_NETWORKED = ("http", "https", "s3", "s3a", "gs", "gcs", "ftp", "sftp", "file", "memory", "abfs")
_FILES = ("sqlite", "duckdb")
_ATTACH = 24  # SQLITE_ATTACH; the attached file is made if it isn't there
_ROWS = 50_000  # written at a time


@dataclass(frozen=True, slots=True)
class Query:
    """A query of a database, wherever a table is taken.

    Attributes:
        url: as SQLAlchemy has it, such as ``postgresql://user:password@host/database``.
        text: in the database's SQL, such as ``select * from ratings``.
    """

    url: str
    text: str

    @property
    def name(self) -> str:
        """What to call it in messages: the database and no secret."""
        return f"the query of {_shown(self.url)}"

    def __repr__(self) -> str:
        return f"Query({_shown(self.url)!r}, {self.text!r})"


def _shown(url: str) -> str:
    """An address as messages may show it; one without a scheme may be nothing but secrets."""
    return without_secrets(url) if is_url(url) else "the database's address"


def is_database(source: str) -> bool:
    """Whether a text is the address of a database, such as ``sqlite:///movies.db?query=...``.

    >>> is_database("sqlite:///movies.db"), is_database("https://example.org/r.csv")
    (True, False)
    """
    scheme, found, _ = source.partition("://")
    return bool(found) and scheme.partition("+")[0].lower() not in _NETWORKED


def query_of(address: str) -> Query:
    """The query in an address such as ``sqlite:///movies.db?query=select * from ratings``.

    Raises:
        DataError: if there is none.
    """
    url, text = _parted(address, "query")
    if text is None:
        raise DataError(
            f"{_shown(address)}: say what to read, with ?query=select ... behind it, or with ",
            argument("sql"),
            " and ",
            argument("ratings_query"),
            ".",
        )
    return Query(url, text)


def read_query(query: Query) -> pd.DataFrame:
    """The rows of a query; the connection may only read, where the database knows such ones.

    Raises:
        DataError: if the database can't be reached, or the query fails or returns no table.
    """
    with _errors(query.url, DataError):
        engine = _engine(query.url, read_only=True)
        try:
            with engine.connect() as connection:
                _only_read(connection)
                result = connection.exec_driver_sql(query.text)
                if not result.returns_rows:
                    raise DataError(f"{query.name} returns no table; begin it with 'select'.")
                return pd.DataFrame(
                    [tuple(row) for row in result.fetchall()], columns=list(result.keys())
                )
        finally:
            engine.dispose()


@dataclass(frozen=True, slots=True)
class Target:
    """A table of a database to write to.

    Attributes:
        url: as SQLAlchemy has it.
        table: its name.
    """

    url: str
    table: str

    @classmethod
    def of(cls, address: str) -> Target:
        """The target in an address such as ``sqlite:///movies.db?table=lists``.

        Raises:
            ConfigError: if it names no table.
        """
        url, table = _parted(address, "table")
        if table is None:
            raise ConfigError(
                f"{_shown(address)}: name a table, with ?table=NAME behind the address."
            )
        return cls(url, table)

    def __str__(self) -> str:
        return f"table {self.table} of {_shown(self.url)}"

    def check(self, *, force: bool) -> None:
        """Fail before the work starts if the table can't be written.

        Raises:
            OutputError: if the database can't be reached, or the table is there and `force` isn't.
        """
        with _errors(self.url, OutputError):
            engine = _engine(self.url)
            try:
                with engine.connect() as connection:
                    self._refuse(connection, force)
            finally:
                engine.dispose()

    def write(self, frame: pd.DataFrame, *, force: bool = False) -> None:
        """Write a table, or replace it, in one transaction: all of it is there afterwards, or none.

        Columns of lists become arrays; in PostgreSQL vectors where pgvector is installed, and text
        as JSON has it where a database has no arrays.

        Raises:
            OutputError: if it can't be written, or is there and `force` isn't.
        """
        with _errors(self.url, OutputError):
            engine = _engine(self.url)
            try:
                with engine.connect() as connection, _transaction(connection):
                    self._refuse(connection, force)
                    self._fill(connection, frame)
            finally:
                engine.dispose()

    def _refuse(self, connection: Connection, force: bool) -> None:
        import sqlalchemy

        if not force and sqlalchemy.inspect(connection).has_table(self.table):
            raise OutputError(f"{self} exists; add ", argument("force", True), " to replace it.")

    def _fill(self, connection: Connection, frame: pd.DataFrame) -> None:
        import sqlalchemy as sa

        frame, types = _storable(connection, frame)
        columns = [sa.Column(name, kind) for name, kind in types.items()]
        table = sa.Table(self.table, sa.MetaData(), *columns)
        table.drop(connection, checkfirst=True)
        table.create(connection)
        for start in range(0, len(frame), _ROWS):
            rows = frame.iloc[start : start + _ROWS].astype(object)
            rows = rows.where(rows.notna(), None)
            records = [dict(zip(types, row, strict=True)) for row in rows.itertuples(index=False)]
            connection.execute(table.insert(), records)


def _parted(address: str, key: str) -> tuple[str, str | None]:
    """An address without one of its parameters, and that parameter's value.

    A query is everything behind ``query=``, so that it may hold ``&`` and ``?`` itself.
    """
    url, mark, rest = address.partition("?")
    before, found, value = f"&{rest}".partition(f"&{key}=")
    if not mark or not found:
        return address, None
    if key != "query":
        value, _, after = value.partition("&")
        before += f"&{after}" if after else ""
    from urllib.parse import unquote_plus

    value = value if " " in value else unquote_plus(value)
    before = before.strip("&")
    return f"{url}?{before}" if before else url, value


def _engine(url: str, *, read_only: bool = False) -> Engine:
    try:
        import sqlalchemy as sa
    except ImportError:
        raise DataError("databases need the package sqlalchemy; install 'graphrec[sql]'.") from None
    made = sa.make_url(url)
    driver = _DRIVERS.get(made.drivername, made.drivername)
    made = made.set(drivername=driver)
    arguments: dict[str, Any] = {}
    kind = made.get_backend_name()
    if read_only and kind in _FILES:
        made, arguments = _file_to_read(made)
    try:
        return sa.create_engine(made, connect_args=arguments, poolclass=sa.NullPool)
    except (ImportError, sa.exc.NoSuchModuleError):
        extra = _EXTRAS.get(kind)
        what = f"install 'graphrec[{extra}]'" if extra else "install SQLAlchemy's driver for it"
        raise DataError(f"{_shown(url)}: {kind} needs another package; {what}.") from None


def _file_to_read(url: URL) -> tuple[URL, dict[str, Any]]:
    """SQLite and DuckDB open a file for reading only, and don't make one that isn't there."""
    from pathlib import Path

    path = url.database
    if path in (None, "", ":memory:"):
        return url, {}
    assert path is not None
    if not Path(path).is_file():
        raise DataError(f"{path} does not exist.")
    if url.get_backend_name() == "duckdb":
        return url, {"read_only": True}
    return url.set(database=f"file:{Path(path).resolve()}").update_query_dict(
        {"mode": "ro", "uri": "true"}
    ), {}


def _only_read(connection: Connection) -> None:
    """Let the server refuse whatever writes, also behind a ``commit`` in the query."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("set session characteristics as transaction read only")
    if connection.dialect.name in ("postgresql", "mysql", "mariadb", "oracle"):
        connection.exec_driver_sql("set transaction read only")
    elif connection.dialect.name == "sqlite":
        connection.exec_driver_sql("pragma query_only = on")
        driver: Any = connection.connection.driver_connection
        driver.set_authorizer(lambda action, *_: int(action == _ATTACH))  # 1 denies it


@contextmanager
def _transaction(connection: Connection) -> Iterator[None]:
    """All or nothing, creating tables included; Python's SQLite driver must be told so."""
    if connection.dialect.name == "sqlite":
        driver: Any = connection.connection.driver_connection
        driver.isolation_level = None
        connection.exec_driver_sql("begin immediate")
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("commit")
    else:
        connection.commit()


def _storable(connection: Connection, frame: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, Any]]:
    """A frame of cells that the database can hold, and each column's type."""
    dialect = connection.dialect.name
    has_vectors = dialect == "postgresql" and _has_pgvector(connection)
    stored = {name: _stored(frame[name], dialect, has_vectors) for name in frame.columns}
    columns = {name: cells for name, (_, cells) in stored.items()}
    return pd.DataFrame(columns), {str(name): kind for name, (kind, _) in stored.items()}


def _stored(column: pd.Series[Any], dialect: str, has_vectors: bool) -> tuple[Any, pd.Series[Any]]:
    """A column's type in the database, and its cells."""
    import json

    import sqlalchemy as sa

    plain = {"i": sa.BigInteger(), "u": sa.BigInteger(), "f": sa.Double(), "b": sa.Boolean()}
    if (kind := column.dtype.kind) in plain:
        return plain[kind], column
    first = next((cell for cell in column if cell is not None), None)
    if not isinstance(first, (list, tuple, np.ndarray)):
        return sa.Text(), column.map(lambda cell: None if pd.isna(cell) else str(cell))
    lists = [None if cell is None else np.asarray(cell).tolist() for cell in column]
    inner: Any = {"f": sa.Float(), "i": sa.BigInteger(), "u": sa.BigInteger()}.get(
        np.asarray(first).dtype.kind, sa.Text()
    )
    if dialect in ("postgresql", "duckdb") and not (has_vectors and isinstance(inner, sa.Float)):
        return sa.ARRAY(inner), pd.Series(lists, index=column.index, dtype=object)
    texts = [None if one is None else json.dumps(one) for one in lists]
    own = _vector_type(len(first)) if has_vectors else sa.Text()
    return own, pd.Series(texts, index=column.index, dtype=object)


def _has_pgvector(connection: Connection) -> bool:
    found = connection.exec_driver_sql("select 1 from pg_extension where extname = 'vector'")
    return found.first() is not None


def _vector_type(length: int) -> Any:
    from sqlalchemy.types import UserDefinedType

    class Vector(UserDefinedType[Any]):
        """pgvector's; a cell is written as the text ``[1.0, 2.0]``."""

        cache_ok = True

        def get_col_spec(self, **_: Any) -> str:
            return f"vector({length})"

        def bind_expression(self, bindvalue: Any) -> Any:
            import sqlalchemy as sa

            return sa.cast(bindvalue, self)

    return Vector()


@contextmanager
def _errors(url: str, kind: type[DataError] | type[OutputError]) -> Iterator[None]:
    """Whatever SQLAlchemy and drivers raise, as one sentence without secrets."""
    try:
        yield
    except (DataError, OutputError, ConfigError):
        raise
    except Exception as error:  # each driver has errors of its own
        raise kind(f"{_shown(url)}: {_reason(error, url)}.") from None


def _reason(error: Exception, url: str) -> str:
    """The first line of what the driver says, without secrets."""
    own = getattr(error, "orig", None) or error
    lines = [line.strip() for line in str(own).splitlines() if line.strip()]
    reason = lines[0] if lines else type(own).__name__
    rest = url.partition("://")[2]
    user, place = split_user(rest)
    password = user.partition(":")[2]
    if "@" in password:
        return "write @ in a password as %40"  # drivers take the rest for the host
    parameters = rest.removeprefix(f"{user}@").removeprefix(place)[1:]
    for secret in (url, password, *(value for _, value in parse_qsl(parameters))):
        if secret:
            reason = reason.replace(secret, "...")
    return reason.rstrip(".")
