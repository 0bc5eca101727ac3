"""Movies that came after training, read from tables and checked against the model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd

from graphrec.data.files import Note
from graphrec.data.names import ColumnNames, ReadOptions, names_of
from graphrec.data.places import is_address
from graphrec.data.records import check_text
from graphrec.data.tables import MOVIE, TITLE, like_ids, movies_of
from graphrec.errors import DataError
from graphrec.features.matrix import FeatureEncoder
from graphrec.features.new_movies import check_new_metadata

_NAME = "the new movies"


def read_new_movies(
    source: Any,
    movies: pd.DataFrame,
    encoder: FeatureEncoder,
    *,
    has_titles: bool,
    columns: ColumnNames,
    remembered: ColumnNames,
    note: Note,
) -> pd.DataFrame:
    """Movies that the model doesn't have yet, in the shape of those it has.

    Args:
        source: path (a table as for `graphrec.read_movies`, or JSON: one movie as an object or
            several as a list of them) or data frame.
        movies: those of the model.
        encoder: as training fitted it.
        has_titles: whether the model's movies have titles; if so, new ones need theirs.
        columns: names of the table's columns that aren't usual.
        remembered: the same, as training was given them; the table needn't have them.
        note: called with what could not be used.

    Returns:
        ``movie_id``, ``title`` and metadata, one row per new movie.

    Raises:
        DataError: if a movie has no title, an id that is taken, or a cell of another type than
            training saw in that column.
    """
    is_path = isinstance(source, (str, Path)) and not is_address(str(source))
    name = Path(source).name if is_path else _NAME
    if is_path and Path(source).suffix.lower() == ".json":
        source = _from_json(Path(source), movies, names_of({**remembered, **columns}, MOVIE))
    options = ReadOptions(columns, note=note, remembered=remembered)
    table = movies_of(source, options)
    table[MOVIE] = like_ids(table[MOVIE], movies[MOVIE])
    if movies[MOVIE].dtype.kind in "iu" and table[MOVIE].dtype.kind not in "iu":
        raise DataError(
            f"{name}: ids of the model's movies are whole numbers, and {table[MOVIE].iloc[0]!r} is"
            " not one; give new movies whole numbers, too."
        )
    taken = table[MOVIE].isin(movies[MOVIE])
    if taken.any():
        movie_id = table.loc[taken, MOVIE].iloc[0]
        title = movies.loc[movies[MOVIE] == movie_id, TITLE].iloc[0]
        raise DataError(
            f"{name}: the model has a movie with id {movie_id} already, {title};"
            " give the new one another id, or leave it out."
        )
    if TITLE not in table:
        table.insert(1, TITLE, None)
    untitled = table[TITLE].isna().to_numpy()
    if has_titles and untitled.any():
        raise DataError(
            f"{name}: the movie with id {table[MOVIE].to_numpy()[untitled][0]} has no title; every"
            " new movie needs one."
        )
    table[TITLE] = table[TITLE].where(~untitled, table[MOVIE].map(str))
    check_new_metadata(encoder, table.drop(columns=MOVIE), name, note)
    return table


def _from_json(path: Path, movies: pd.DataFrame, own: Sequence[str]) -> pd.DataFrame:
    """One movie or several as a table; one alone needs no id."""
    try:
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: the file can't be read: {error.strerror or error}.") from error
    except UnicodeDecodeError:
        raise DataError(f"{path} is not UTF-8 text; JSON is.") from None
    except RecursionError:
        raise DataError(f"{path} is not JSON of movies: it is nested too deeply.") from None
    except ValueError as error:
        raise DataError(f"{path} is not JSON: {error}.") from error
    records = value if isinstance(value, list) else [value]
    if not records or not all(isinstance(record, dict) for record in records):
        raise DataError(f'{path} must hold one movie, such as {{"title": "..."}}, or a list.')
    check_text(records, str(path))
    table = pd.DataFrame(records)
    if not {"movie_id", "movieId", "id", *own} & set(table.columns):
        if len(table) > 1:
            raise DataError(f"{path} holds {len(table)} movies; each needs an id, as 'movie_id'.")
        table.insert(0, MOVIE, [free_id(movies[MOVIE])])
    return table


def free_id(ids: pd.Series[Any]) -> Any:
    """An id that no movie has."""
    if ids.dtype.kind in "iu":
        return int(ids.max()) + 1
    taken = set(ids)
    return next(name for name in (f"new {number}" for number in count(1)) if name not in taken)
