"""Benchmark folders in LightGCN's format: train.txt and test.txt, one line per user."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from graphrec.data.cells import with_ids
from graphrec.data.files import Note
from graphrec.data.layouts.layout import Layout, Ratings, Reader
from graphrec.data.names import MOVIE, USER
from graphrec.errors import DataError, argument


def _ratings(folder: Path, reader: Reader) -> Ratings | None:
    train, test = folder / "train.txt", folder / "test.txt"
    if not (train.is_file() and test.is_file()):
        return None
    if reader.min_rating is not None:
        raise DataError(
            f"{folder}: train.txt holds no ratings, so ", argument("min_rating"), " can't be used."
        )
    return _read_lists(train, reader.options.note), _read_lists(test, reader.options.note)


def _read_lists(path: Path, note: Note) -> pd.DataFrame:
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
        user, *rated = line.split() or [""]
        users.append(user)
        movies.append(rated)
    if not any(movies):
        raise DataError(f"{path} holds no user with a movie; a line is 'user movie movie ...'.")
    table = pd.DataFrame(
        {
            USER: np.repeat(np.array(users, dtype=object), [len(rated) for rated in movies]),
            MOVIE: np.array([movie for rated in movies for movie in rated], dtype=object),
        }
    )
    for key in (USER, MOVIE):
        table = with_ids(table, str(path), key, key, note)
    repeated = table.duplicated()
    if repeated.any():
        note(f"{path}: repeated pairs, counted once: {repeated.sum():,}.")
    return table[~repeated].reset_index(drop=True)


LIGHTGCN = Layout("train.txt with test.txt", ratings=_ratings)
