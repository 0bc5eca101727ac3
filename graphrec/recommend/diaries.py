"""Films of one person's export, found among a model's movies by id, or by title and year."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from graphrec.data.files import Note
from graphrec.data.layouts.diaries import Diary
from graphrec.data.links import id_keys
from graphrec.data.tables import MOVIE
from graphrec.errors import AmbiguousTitleError, DataError, UnknownIdError
from graphrec.recommend.lists import Audience
from graphrec.recommend.new_users import history_matrix, with_mean_weight

if TYPE_CHECKING:
    from graphrec.recommend.lookup import TitleLookup

_MOST_NAMED = 20
_IMDB_COLUMNS = ("imdb_id", "imdbId", "imdb", MOVIE)


def diary_audience(diary: Diary, lookup: TitleLookup, *, strict: bool, note: Note) -> Audience:
    """One new user by the films that they have seen.

    Ratings are divided by the highest that can be given; a film without one has the mean weight of
    those with one.

    Args:
        diary: what was exported.
        lookup: of the model's movies.
        strict: whether a film that isn't found is an error; else it is left out.
        note: called with how many were found, and which were not.

    Raises:
        DataError: if none is found, or one isn't and `strict`, or all ratings are 0.
    """
    films = diary.films
    rows = rows_of(films, lookup)
    lost = names_of(films[rows < 0])
    shown = ", ".join(lost[:_MOST_NAMED])
    shown += f" and {len(lost) - _MOST_NAMED:,} more" if len(lost) > _MOST_NAMED else ""
    if len(lost) == len(films):
        raise DataError(f"{diary.name}: none of its films is in the model: {shown}.")
    if lost and strict:
        raise DataError(f"{diary.name}: films that are not in the model: {shown}.")
    if lost:
        note(
            f"{diary.name}: {len(films) - len(lost):,} of {len(films):,} films found; left out,"
            f" since the model doesn't have them: {shown}."
        )
    else:
        note(f"{diary.name}: all {len(films):,} films found.")
    weights = with_mean_weight(films["rating"].to_numpy(float) / diary.highest)
    found = rows >= 0
    if not weights[found].any():
        raise DataError(f"{diary.name}: all ratings are 0; a history needs at least one above 0.")
    users = np.zeros(found.sum(), np.int64)
    matrix = history_matrix(users, rows[found], weights[found], (1, len(lookup.movies)))
    return Audience(None, matrix)


def names_of(films: pd.DataFrame) -> list[str]:
    """Titles with years, of a diary's films."""
    return [
        title if np.isnan(year) else f"{title} ({year:.0f})"
        for title, year in films[["title", "year"]].itertuples(index=False)
    ]


def rows_of(films: pd.DataFrame, lookup: TitleLookup) -> np.ndarray:
    """The internal movie of each of a diary's films, -1 where it isn't found."""
    by_imdb = _by_imdb(lookup.movies) if films["imdb_id"].notna().any() else {}
    keys = id_keys(films["imdb_id"]).tolist()
    pairs = zip(films["title"], films["year"], keys, strict=True)
    return np.array(
        [
            by_imdb[key] if key in by_imdb else _row(str(title), year, lookup)
            for title, year, key in pairs
        ],
        dtype=np.int64,
    )


def _by_imdb(movies: pd.DataFrame) -> dict[str, int]:
    """Rows by keys of IMDb's ids, where the movies have some."""
    for column in _IMDB_COLUMNS:
        if column in movies:
            ids = movies[column]
            if column != MOVIE or ids.map(str).str.startswith("tt").mean() > 0.5:
                keys = id_keys(ids)
                return {str(key): row for row, key in enumerate(keys) if key is not None}
    return {}


def _row(title: str, year: float, lookup: TitleLookup) -> int:
    """One film; catalogues differ by a year now and then, as festivals come before cinemas.

    A title that had to be guessed is taken only if it is a part of the movie's, of the same year,
    such as Star Wars. A person's list has many films that the model doesn't have, and each would be
    taken for another.
    """
    if np.isnan(year):
        return _only(title, lookup)
    for near in (year, year - 1, year + 1):
        row = _only(f"{title} ({near:.0f})", lookup, part_of=title if near == year else None)
        if row >= 0 and (own := lookup.year(row)) is not None and abs(own - year) <= 1:
            return row
    row = _only(title, lookup)
    return row if row >= 0 and lookup.year(row) is None else -1


def _only(typed: str, lookup: TitleLookup, part_of: str | None = None) -> int:
    try:
        match = lookup.find(typed)
    except (UnknownIdError, AmbiguousTitleError):
        return -1
    is_part = part_of is not None and _words(part_of) in _words(lookup.show(match.row))
    return match.row if match.is_exact or is_part else -1


def _words(title: str) -> str:
    """A title's words between spaces, so that a part of a title is a part of this text."""
    return " ".join(["", *re.findall(r"[^\W_]+", title.casefold()), ""])
