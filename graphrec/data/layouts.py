"""Well-known files that are no plain tables: LightGCN's lists and ml-100k's ``u.item``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from graphrec.data.cells import natural_ids
from graphrec.data.files import Note
from graphrec.data.names import MOVIE, TITLE, USER
from graphrec.errors import DataError

ML_100K_GENRES = np.array(
    [
        *("unknown", "Action", "Adventure", "Animation", "Children", "Comedy", "Crime"),
        *("Documentary", "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery"),
        *("Romance", "Sci-Fi", "Thriller", "War", "Western"),
    ]
)
"""In the order of the flags in ``u.item``."""


def read_adjacency(path: Path, note: Note) -> pd.DataFrame:
    """LightGCN's format: one line per user, ``user movie movie ...``.

    Returns:
        ``user_id`` and ``movie_id``, no pair twice.

    Raises:
        DataError: naming the first line in another format.
    """
    users: list[str] = []
    movies: list[list[str]] = []
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: can't be read: {error}.") from error
    for number, line in enumerate(text.splitlines(), start=1):
        if any(mark in line for mark in "\x00,;|"):
            raise DataError(
                f"{path}, line {number:,}: not in the format 'user movie movie ...',"
                " ids separated by spaces."
            )
        user, *watched = line.split() or [""]
        users.append(user)
        movies.append(watched)
    if not any(movies):
        raise DataError(f"{path} holds no user with a movie; a line is 'user movie movie ...'.")
    user_ids = np.repeat(np.array(users, dtype=object), [len(watched) for watched in movies])
    movie_ids = pd.Series([movie for watched in movies for movie in watched], dtype=object)
    table = pd.DataFrame({USER: natural_ids(pd.Series(user_ids)), MOVIE: natural_ids(movie_ids)})
    return _distinct(table, path, note)


def read_ml_100k_movies(path: Path) -> pd.DataFrame:
    """``u.item``: id, title, release date, two columns of no use, and a flag per genre.

    Raises:
        DataError: if the file isn't in that format.
    """
    names = [MOVIE, TITLE, "release_date", "video_date", "url", *ML_100K_GENRES]
    try:
        table = pd.read_csv(path, sep="|", names=names, encoding="latin-1", quoting=3)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: can't be read in ml-100k's format: {error}.") from error
    flags = table[ML_100K_GENRES.tolist()]
    if not flags.isin([0, 1]).all(axis=None) or table[MOVIE].dtype.kind not in "iu":
        raise DataError(
            f"{path} is not in ml-100k's format: 24 fields separated by |, a number first and"
            " 19 flags of 0 or 1 last."
        )
    dates = pd.to_datetime(table["release_date"], format="%d-%b-%Y", errors="coerce")
    return pd.DataFrame(
        {
            MOVIE: table[MOVIE],
            TITLE: table[TITLE],
            "release_date": dates.dt.strftime("%Y-%m-%d"),
            "genres": ["|".join(ML_100K_GENRES[row]) for row in flags.to_numpy(dtype=bool)],
        }
    )


def _distinct(table: pd.DataFrame, path: Path, note: Note) -> pd.DataFrame:
    repeated = table.duplicated()
    if repeated.any():
        note(f"{path}: {repeated.sum():,} pairs stand there twice; counted once.")
    return table[~repeated].reset_index(drop=True)
