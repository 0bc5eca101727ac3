"""``--data NAME_OR_FOLDER`` and tables of one's own -> a `Dataset`, whatever layout they have."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pandas as pd

from graphrec.data.databases import Query
from graphrec.data.dataset import Dataset, make_dataset
from graphrec.data.download import CHECKSUMS, fetch
from graphrec.data.files import Note, warn
from graphrec.data.layouts.known import LAYOUTS
from graphrec.data.layouts.layout import Ratings, Reader, table_file
from graphrec.data.links import FEW, MOST, Links, check_met, id_keys
from graphrec.data.names import COLUMN, MOVIE, ColumnNames, ReadOptions
from graphrec.data.places import is_address, without_secrets
from graphrec.data.tables import join_details, like_ids, movies_of, ratings_of
from graphrec.errors import DataError, Grave, argument

SAMPLE = "sample"
NAMES = (SAMPLE, *CHECKSUMS)
"""What ``--data`` takes besides a folder."""
_DATA, _RATINGS = argument("data"), argument("ratings")


def load_dataset(
    data: str | Path | None = None,
    *,
    ratings: Any = None,
    movies: Any = None,
    details: Any = (),
    links: Any = None,
    sql: str | None = None,
    ratings_query: str | None = None,
    movies_query: str | None = None,
    columns: ColumnNames | None = None,
    min_rating: float | str | None = None,
    encoding: str | None = None,
    allow_unmatched: bool = False,
    note: Note = warn,
) -> Dataset:
    """Read a named data set, a folder in any of the known layouts, or tables of one's own.

    Args:
        data: a name of `NAMES` or a folder; or None with `ratings`. Names of the other tables are
            also looked for in it.
        ratings: a ratings table, instead of that of `data`: a path, a pattern or folder of Parquet
            files, ``-`` for standard input, the address of a file or of a database with its query,
            or a data frame of any library. Other tables may be given in the same ways.
        movies: a movies table, or a folder in a known layout, instead of that of `data`.
        details: another metadata table, or several, joined by movie id.
        links: a table that maps ids of one kind to those of another, such as MovieLens' links.csv,
            where metadata tables have other ids than the ratings; by default that of `data`.
        sql: address of a database, such as ``postgresql://user:password@host/database``.
        ratings_query, movies_query: queries of it, instead of `ratings` and `movies`.
        columns: names of columns that aren't usual, see `read_ratings`; of one that tables have by
            different names several, such as ``{"movie_id": ["seen", "film_no"]}``.
        min_rating: drop interactions rated lower; ``"auto"``, a number or None, see `read_ratings`.
        encoding: of the text files.
        allow_unmatched: also join tables of which less than half of the rated movies meet.
        note: called with each of the data set's ``notes``, the grave ones first; warns with
            `GraphrecWarning` by default.

    Raises:
        DataError: if nothing there can be read as ratings, or tables don't meet.
        DownloadError: if a named data set can't be fetched.
    """
    notes: list[str] = []
    options = ReadOptions(columns or {}, encoding, notes.append, shared=True)
    ratings, movies = _queried(
        sql, {"ratings": ratings, "movies": movies}, ratings_query, movies_query
    )
    folder = None if data is None or not str(data) else _folder(str(data))
    if folder is None and ratings is None:
        raise DataError(
            "say what to read: ", _DATA, " takes a name or a folder, ", _RATINGS, " a table."
        )
    try:
        table, test = _ratings(folder, ratings, options, min_rating)
        join = _Join(table[MOVIE].drop_duplicates(), folder, links, options, allow_unmatched)
        movie_table = join.all(movies, details)
    except OSError as error:
        raise DataError(f"{folder}: can't be read: {error.strerror or error}.") from error
    if (unused := options.unused()) is not None:
        raise DataError(f"no table has a column {unused[1]!r} (", COLUMN[unused[0]], ").")
    dataset = make_dataset(
        table,
        movie_table,
        test=test,
        name="tables" if folder is None else str(data),
        disliked=pd.concat(options.disliked) if options.disliked else None,
        allow_unmatched=allow_unmatched,
        note=notes.append,
    )
    notes.sort(key=lambda sentence: not isinstance(sentence, Grave))
    for sentence in notes:
        note(sentence)
    simulated = folder is not None and folder.resolve() == sample_folder().resolve()
    return replace(
        dataset,
        notes=tuple(notes),
        simulated=simulated,
        columns=dict(columns or {}),
        taken=options.found,
    )


def sample_folder() -> Path:
    """The embedded sample: inside the installed package, or ``data/`` of a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "sample"
    return installed if installed.is_dir() else package.parent / "data"


def _folder(data: str) -> Path:
    if data == SAMPLE:  # also beside a folder of that name, which ./sample means
        return sample_folder()
    path = Path(data)
    if path.is_dir():
        return path
    if data in CHECKSUMS:
        return fetch(data)
    if path.is_file():
        raise DataError(
            f"{data} is a file; ", _DATA, " takes a name or a folder, ", _RATINGS, " a table."
        )
    raise DataError(f"{data!r} is neither a folder nor one of {', '.join(NAMES)}.")


def _ratings(
    folder: Path | None, ratings: Any, options: ReadOptions, min_rating: float | str | None
) -> Ratings:
    """The ratings that were named, or else the folder's, with its test part if it has one."""
    read = partial(ratings_of, options=options, min_rating=min_rating)
    if ratings is not None:
        return read(_inside(folder, ratings)), None
    assert folder is not None
    reader = Reader(options, read, partial(_read_all, options=options), min_rating)
    for layout in LAYOUTS:
        if (found := layout.ratings(folder, reader)) is not None:
            return found
    looked_for = [layout.looked_for for layout in LAYOUTS if layout.looked_for]
    raise DataError(
        f"{folder} holds no ratings: looked for {', '.join(looked_for)}. Name the files with ",
        _RATINGS,
        " and ",
        argument("movies"),
        ".",
    )


@dataclass(frozen=True)
class _Join:
    """Joins metadata tables by the ratings' movie ids.

    Attributes:
        rated: movie ids of the ratings, each once.
        folder: that was named, or None.
        named_links: a table that maps ids of one kind to those of another, or None.
        options: of the tables.
        allow_unmatched: also join tables of which less than half of the rated movies meet.
    """

    rated: pd.Series[Any]
    folder: Path | None
    named_links: Any
    options: ReadOptions
    allow_unmatched: bool

    def all(self, movies: Any, details: Any) -> pd.DataFrame | None:
        """The movies table with the columns of all details, by the ratings' ids."""
        _ = self.links  # what was named is read, also if no table needs it
        note = self.options.note
        together = [movies, *_several(details)]
        table = None
        if movies is not None:
            table = self._read(movies, together)
        elif self.folder is not None:
            table = self._in(self.folder)
        if table is not None:
            table = self._by_ratings_ids(table, "the movies table")
        for number, source in enumerate(together[1:], start=1):
            if table is None:
                table = pd.DataFrame({MOVIE: self.rated.reset_index(drop=True)})
            is_path = isinstance(source, (str, os.PathLike))
            name = without_secrets(str(source)) if is_path else f"details {number}"
            more = self._by_ratings_ids(self._read(source, together), name)
            if like_ids(more[MOVIE], table[MOVIE]).isin(table[MOVIE]).mean() < FEW:
                rated, ids = like_ids(self.rated, more[MOVIE]), like_ids(more[MOVIE], self.rated)
                check_met(rated, ids, name, note=note, allow_unmatched=self.allow_unmatched)
            table = join_details(table, more, name=name, note=note)
        return table

    @cached_property
    def links(self) -> Links | None:
        """The links that were named."""
        if self.named_links is None:
            return None
        return Links.read(_inside(self.folder, self.named_links), self.options)

    @cached_property
    def all_links(self) -> Links | None:
        """The links that were named, or else the folder's."""
        if self.links is not None or self.folder is None:
            return self.links
        file = table_file(self.folder, "links", "links_small")
        return None if file is None else Links.read(file, self.options)

    @cached_property
    def wanted(self) -> set[str]:
        """Keys of the rated movies by IMDb's ids."""
        is_imdb = self.rated.map(str).str.startswith("tt")
        if self.all_links is None or is_imdb.mean() >= FEW:
            return set(id_keys(self.rated))
        return self.all_links.of(self.rated, "imdb")

    def _read(self, source: Any, together: list[Any]) -> pd.DataFrame:
        source = _inside(self.folder, source)
        is_folder = isinstance(source, (str, os.PathLike)) and Path(source).is_dir()
        if is_folder and (found := self._in(Path(source))) is not None:
            return found
        return movies_of(source, self.options, lambda: self.wanted, together)

    def _in(self, folder: Path) -> pd.DataFrame | None:
        """The metadata in a folder of a known layout."""
        read = partial(_read_all, options=self.options, wanted=lambda: self.wanted)
        reader = Reader(self.options, partial(ratings_of, options=self.options), read)
        tables = (layout.movies(folder, reader) for layout in LAYOUTS)
        return next((table for table in tables if table is not None), None)

    def _by_ratings_ids(self, table: pd.DataFrame, name: str) -> pd.DataFrame:
        links = self.links
        if links is None:
            met = self.rated.isin(like_ids(table[MOVIE], self.rated)).mean()
            links = self.all_links if met < MOST else None
        if links is None:
            return table
        return links.translate(table, self.rated, name, self.options.note)


def _read_all(
    paths: Sequence[Path],
    *,
    options: ReadOptions,
    wanted: Callable[[], Collection[str]] | None = None,
) -> pd.DataFrame:
    """Metadata tables joined by their own movie ids; those of the first are kept."""
    table, *others = (movies_of(path, options, wanted, paths) for path in paths)
    for path, more in zip(paths[1:], others, strict=True):
        table = join_details(table, more, name=str(path), note=options.note)
    return table


def _inside(folder: Path | None, source: Any) -> Any:
    """A table's path; inside the folder if it is there and not where the user is."""
    is_path = isinstance(source, os.PathLike) or (
        isinstance(source, str) and not is_address(source)
    )
    if folder is None or not is_path or Path(source).exists():
        return source
    return inner if (inner := folder / source).exists() else source


def _queried(sql: str | None, tables: dict[str, Any], *queries: str | None) -> list[Any]:
    """Tables, with queries of a database for those that have one."""
    found = []
    for (name, table), query in zip(tables.items(), queries, strict=True):
        if query is not None and sql is None:
            raise DataError(argument(f"{name}_query"), " needs ", argument("sql"), ", too.")
        if query is not None and table is not None:
            raise DataError("give either ", argument(name), " or ", argument(f"{name}_query"), ".")
        found.append(table if query is None or sql is None else Query(sql, query))
    if sql is not None and not any(queries):
        raise DataError(argument("sql"), " needs ", argument("ratings_query"), ", too.")
    return found


def _several(tables: Any) -> list[Any]:
    """A list of tables, also if there is only one."""
    if tables is None:
        return []
    return list(tables) if isinstance(tables, (list, tuple)) else [tables]
