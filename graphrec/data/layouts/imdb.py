"""IMDb's tables: title.basics, .ratings, .crew, .principals and name.basics, tab-separated.

The files hold millions of titles. They are read in blocks, and only the rows of rated movies are
kept, so memory is that of these rows and of a few blocks (about 200 MiB), whatever a file's size.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from graphrec.data.files import Note
from graphrec.data.layouts.layout import Layout, Reader
from graphrec.data.names import MOVIE, TITLE
from graphrec.errors import DataError

ACTORS = 5  # of the cast, those billed first
_FILE = re.compile(r"(title\.(?:basics|ratings|crew|principals))\.tsv(?:\.gz)?", re.IGNORECASE)
_BLOCK = 1 << 22  # bytes
_BASICS, _RATINGS = "title.basics", "title.ratings"
_CREW, _PRINCIPALS = "title.crew", "title.principals"
_COLUMNS = {
    _BASICS: {
        "tconst": MOVIE,
        "primaryTitle": TITLE,
        "titleType": "title_type",
        "isAdult": "is_adult",
        "startYear": "year",
        "runtimeMinutes": "runtime",
        "genres": "genres",
    },
    _RATINGS: {"tconst": MOVIE, "averageRating": "imdb_rating", "numVotes": "imdb_votes"},
    _CREW: {"tconst": MOVIE, "directors": "directors", "writers": "writers"},
    _PRINCIPALS: {name: name for name in ("tconst", "ordering", "nconst", "category")},
}
_NUMBERS = ("is_adult", "year", "runtime", "imdb_rating", "imdb_votes")


def is_table(source: Any) -> bool:
    """Whether a path is one of IMDb's tables of titles, by its name."""
    return isinstance(source, (str, Path)) and _kind(source) is not None


def read_titles(
    path: Path, wanted: Collection[str] | None, note: Note, together: Iterable[Any] = ()
) -> pd.DataFrame:
    """One of the tables of titles, a row for each title that is wanted.

    Args:
        path: of the file, gzip or not.
        wanted: keys of movies (`graphrec.data.links.id_keys`); None for all titles.
        note: called with the number of titles that were kept.
        together: the tables that are read for the same movies.

    Returns:
        ``movie_id`` (IMDb's, such as ``tt0114709``), and of title.basics ``title``, ``title_type``,
        ``is_adult``, ``year``, ``runtime``, ``genres`` (lists); of title.ratings ``imdb_rating``,
        ``imdb_votes``; of title.crew ``directors`` and ``writers``, and of title.principals
        ``actors``, and ``directors`` where no title.crew is read together with it (lists of
        names, or of ids where there is no name.basics beside it).

    Raises:
        DataError: if the file is damaged, has other columns, or holds no title that is wanted.
    """
    kind = _kind(path)
    assert kind is not None
    ids = None if wanted is None else [f"tt{key:0>7}" for key in wanted if key.isdecimal()]
    table, total = _kept(path, _COLUMNS[kind], "tconst", ids)
    if not len(table):
        raise DataError(f"{path}: none of its {total:,} rows is of a rated movie.")
    if wanted is not None:
        note(f"{path}: rows of rated movies, the only ones read: {len(table):,} of {total:,}.")
    if kind == _PRINCIPALS:
        has_crew = any(is_table(one) and _kind(one) == _CREW for one in together)
        return _people(table, path).drop(columns=["directors"] if has_crew else [])
    if kind == _CREW:
        return _crew(table, path)
    for column in table.columns.intersection(list(_NUMBERS)):
        table[column] = pd.to_numeric(table[column], errors="coerce")
    if "genres" in table:
        table["genres"] = table["genres"].str.split(",")
    return table


def _movies(folder: Path, reader: Reader) -> pd.DataFrame | None:
    files = {kind: path for path in sorted(folder.iterdir()) if (kind := _kind(path)) is not None}
    if _BASICS not in files:
        return None
    return reader.movies([files[kind] for kind in _COLUMNS if kind in files])


def _kind(path: str | Path) -> str | None:
    found = _FILE.fullmatch(Path(path).name)
    return found[1].lower() if found else None


def _people(principals: pd.DataFrame, path: Path) -> pd.DataFrame:
    principals = principals[principals["category"].isin(["director", "actor", "actress"])]
    order = pd.to_numeric(principals["ordering"], errors="coerce")
    principals = principals.iloc[order.argsort(kind="stable")]
    principals = principals.assign(nconst=_names(principals["nconst"], path))
    is_director = principals["category"] == "director"
    by_movie = {
        "directors": principals[is_director].groupby("tconst")["nconst"].agg(list),
        "actors": principals[~is_director]
        .groupby("tconst")["nconst"]
        .agg(lambda names: list(names)[:ACTORS]),
    }
    return pd.DataFrame(by_movie).rename_axis(MOVIE).reset_index()


def _crew(crew: pd.DataFrame, path: Path) -> pd.DataFrame:
    """``title.crew``: ids of people between commas become lists of names."""
    by_movie = crew.set_index(MOVIE)
    people = {role: by_movie[role].str.split(",").explode().dropna() for role in by_movie}
    names = _names(pd.concat(people), path).groupby(level=[0, 1]).agg(list)
    return crew[[MOVIE]].join(names.unstack(0).reindex(columns=list(people)), on=MOVIE)


def _names(people: pd.Series[Any], path: Path) -> pd.Series[Any]:
    """Names of people by name.basics beside a table; their ids where it doesn't have them."""
    if (file := _beside(path, "name.basics")) is None:
        return people
    columns = {"nconst": "nconst", "primaryName": "name"}
    names, _ = _kept(file, columns, "nconst", people.drop_duplicates().tolist())
    own = people.map(names.set_index("nconst")["name"])
    return own.where(own.notna(), people)


def _beside(path: Path, name: str) -> Path | None:
    files = (path.with_name(f"{name}.tsv{ending}") for ending in ("", ".gz"))
    return next((one for one in files if one.is_file()), None)


def _kept(
    path: Path, columns: dict[str, str], key: str, ids: Collection[str] | None
) -> tuple[pd.DataFrame, int]:
    """The rows of some ids by new column names, all as text; and how many rows there are."""
    import pyarrow as pa
    import pyarrow.compute as pc

    known = None if ids is None else pa.array(ids, pa.string())
    parts, total = [], 0
    try:
        for block in _blocks(path, list(columns)):
            total += len(block)
            parts.append(block if known is None else block.filter(pc.is_in(block[key], known)))
    except (pa.ArrowException, KeyError, OSError) as error:
        raise DataError(f"{path} is damaged, or not IMDb's: {error}.".replace("\n", " ")) from None
    table: pd.DataFrame = pa.Table.from_batches(parts).to_pandas()
    return table.astype(object).rename(columns=columns), total


def _blocks(path: Path, columns: list[str]) -> Iterator[Any]:
    import pyarrow as pa
    from pyarrow import csv

    compression = "gzip" if path.suffix.lower() == ".gz" else None
    with pa.input_stream(str(path), compression=compression) as stream:
        yield from csv.open_csv(
            stream,
            read_options=csv.ReadOptions(block_size=_BLOCK),
            parse_options=csv.ParseOptions(delimiter="\t", quote_char=False),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(columns, pa.string()),
                include_columns=columns,
                null_values=["\\N"],
                strings_can_be_null=True,
            ),
        )


IMDB = Layout(movies=_movies)
