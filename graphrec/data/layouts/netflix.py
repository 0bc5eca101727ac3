"""The Netflix Prize: a line ``movie:``, then ``customer,rating,date`` of everyone who rated it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from graphrec.data.layouts.layout import Layout, Ratings, Reader
from graphrec.data.names import MOVIE, RATING, TIMESTAMP, TITLE, USER
from graphrec.errors import DataError

_RATINGS = ("combined_data_*.txt", "training_set/mv_*.txt", "mv_*.txt")
_TITLES = ("movie_titles.csv", "movie_titles.txt")
_TITLE = re.compile(r"(\d+),(\d{4}|NULL),(.*)")


def _ratings(folder: Path, reader: Reader) -> Ratings | None:
    files = next((found for one in _RATINGS if (found := sorted(folder.glob(one)))), None)
    if files is None:
        return None
    table = pd.concat([_read_lines(file) for file in files], ignore_index=True)
    return reader.ratings(table), None


def _read_lines(path: Path) -> pd.DataFrame:
    """One file's interactions.

    Raises:
        DataError: naming the first line in another format.
    """
    try:
        lines = pd.read_csv(
            path, names=["first", RATING, "date"], dtype={"first": "str"}, skip_blank_lines=False
        )
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: can't be read as the Netflix Prize's: {error}.") from error
    is_movie = lines["first"].str.fullmatch(r"\d+:").fillna(False).to_numpy(bool)
    whole = lines["first"].str.fullmatch(r"\d+").fillna(False).to_numpy(bool)
    rating = pd.to_numeric(lines[RATING], errors="coerce").to_numpy(np.float32)
    date = pd.to_datetime(lines["date"], format="%Y-%m-%d", errors="coerce")
    bad = ~(is_movie | (whole & ~np.isnan(rating) & date.notna().to_numpy()))
    bad[0] |= not is_movie[0]
    if bad.any():
        raise DataError(
            f"{path}, line {int(bad.argmax()) + 1:,}: neither a movie such as '1:' nor"
            " 'customer,rating,date' of one who rated it."
        )
    heads = np.flatnonzero(is_movie)
    ids = lines["first"].to_numpy()[heads]
    movie = np.array([int(one[:-1]) for one in ids], np.int64)[np.cumsum(is_movie) - 1]
    rows = ~is_movie
    seconds = date.to_numpy().astype("datetime64[s]").astype(np.int64)
    return pd.DataFrame(
        {
            USER: lines["first"][rows].astype(np.int64).to_numpy(),
            MOVIE: movie[rows],
            RATING: rating[rows],
            TIMESTAMP: seconds[rows],
        }
    )


def _movies(folder: Path, _: Reader) -> pd.DataFrame | None:
    """``movie_titles.csv``: number, year, and a title that may hold commas without quotes."""
    path = next((folder / name for name in _TITLES if (folder / name).is_file()), None)
    if path is None:
        return None
    rows = []
    for number, line in enumerate(path.read_text(encoding="latin-1").splitlines(), start=1):
        found = _TITLE.fullmatch(line.strip())
        if found is None:
            raise DataError(f"{path}, line {number:,}: not in the format 'number,year,title'.")
        year = None if found[2] == "NULL" else int(found[2])
        rows.append((int(found[1]), found[3], year))
    return pd.DataFrame(rows, columns=[MOVIE, TITLE, "year"])


NETFLIX = Layout("combined_data_1.txt", _ratings, _movies)
