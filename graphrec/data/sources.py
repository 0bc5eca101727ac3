"""``--data NAME_OR_FOLDER``: which files of a folder are meant, and how each layout is read."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from graphrec.data.cells import with_ids
from graphrec.data.dataset import Dataset, make_dataset
from graphrec.data.download import CHECKSUMS, fetch
from graphrec.data.files import PARQUET_SUFFIXES, TEXT_SUFFIXES, Note
from graphrec.data.links import FEW, Links, check_met
from graphrec.data.names import COLUMN, MOVIE, TITLE, USER, ReadOptions
from graphrec.data.tables import join_details, like_ids, movies_of, ratings_of
from graphrec.errors import DataError, Grave, argument

SAMPLE = "sample"
NAMES = (SAMPLE, *CHECKSUMS)
"""What ``--data`` takes besides a folder."""
ML_100K_GENRES = np.array(
    [
        *("unknown", "Action", "Adventure", "Animation", "Children", "Comedy", "Crime"),
        *("Documentary", "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery"),
        *("Romance", "Sci-Fi", "Thriller", "War", "Western"),
    ]
)
"""In the order of the flags in ``u.item``."""
_DATA, _RATINGS = argument("data"), argument("ratings")


def load_dataset(
    data: str | Path | None = None,
    *,
    ratings: Any = None,
    movies: Any = None,
    details: Any = (),
    links: Any = None,
    columns: Mapping[str, str] | None = None,
    min_rating: float | str | None = None,
    encoding: str | None = None,
    allow_unmatched: bool = False,
) -> Dataset:
    """Read a named data set, a folder, or two tables.

    Args:
        data: a name of `NAMES` or a folder; or None with `ratings`.
        ratings: a ratings table (path or frame), instead of `data`.
        movies: a movies table that goes with `ratings` or with a folder that has none.
        details: another metadata table, or several, joined by movie id.
        links: a table that maps ids of one kind to those of another, such as MovieLens' links.csv,
            where metadata tables have other ids than the ratings.
        columns: names of columns that aren't usual, see `read_ratings`.
        min_rating: drop interactions rated lower; ``"auto"``, a number or None, see `read_ratings`.
        encoding: of the text files.
        allow_unmatched: also join tables of which less than half of the rated movies meet.

    Raises:
        DataError: if nothing there can be read as ratings, or tables don't meet.
        DownloadError: if a named data set can't be fetched.
    """
    notes: list[str] = []
    options = ReadOptions(columns or {}, encoding, notes.append, shared=True)
    table: pd.DataFrame
    movie_table = test = None
    simulated = False
    if data is not None and ratings is not None:
        raise DataError("give either ", _DATA, " or ", _RATINGS, ", not both.")
    if ratings is not None:
        table = ratings_of(ratings, options, min_rating)
    elif data is None or not str(data):
        raise DataError(
            "say what to read: ", _DATA, " takes a name or a folder, ", _RATINGS, " a table."
        )
    else:
        folder = _folder(str(data))
        simulated = folder.resolve() == sample_folder().resolve()
        try:
            table, test = _read_folder_ratings(folder, min_rating, options)
            movie_table = None if movies is not None else _read_folder_movies(folder, options)
        except OSError as error:
            raise DataError(f"{folder}: can't be read: {error.strerror or error}.") from error
    if movies is not None:
        movie_table = movies_of(movies, options)
    join = _Join(table[MOVIE].drop_duplicates(), options, allow_unmatched, links)
    movie_table = join.all(movie_table, _several(details))
    for part, column in options.columns.items():
        if part not in options.used:
            raise DataError(f"no table has a column {column!r} (", COLUMN[part], ").")
    name = "tables" if data is None else str(data)
    dataset = make_dataset(
        table,
        movie_table,
        test=test,
        name=name,
        allow_unmatched=allow_unmatched,
        note=notes.append,
    )
    notes.sort(key=lambda sentence: not isinstance(sentence, Grave))
    return replace(dataset, notes=tuple(notes), simulated=simulated, columns=dict(columns or {}))


class _Join:
    """Joins metadata tables by the ratings' movie ids.

    Args:
        rated: movie ids of the ratings, each once.
        options: of the tables.
        allow_unmatched: also join tables of which less than half of the rated movies meet.
        links: a table that maps ids of one kind to those of another, or None.
    """

    def __init__(
        self, rated: pd.Series[Any], options: ReadOptions, allow_unmatched: bool, links: Any
    ) -> None:
        self.rated, self.options, self.allow_unmatched = rated, options, allow_unmatched
        self.links = None if links is None else Links.read(links, options)

    def all(self, movies: pd.DataFrame | None, details: Iterable[Any]) -> pd.DataFrame | None:
        """The movies table with the columns of all details, by the ratings' ids."""
        note = self.options.note
        if movies is not None:
            movies = self._by_ratings_ids(movies, "the movies table")
        for number, source in enumerate(details, start=1):
            if movies is None:
                movies = pd.DataFrame({MOVIE: self.rated.reset_index(drop=True)})
            name = str(source) if isinstance(source, (str, os.PathLike)) else f"details {number}"
            more = self._by_ratings_ids(movies_of(source, self.options), name)
            if like_ids(more[MOVIE], movies[MOVIE]).isin(movies[MOVIE]).mean() < FEW:
                rated, ids = like_ids(self.rated, more[MOVIE]), like_ids(more[MOVIE], self.rated)
                check_met(rated, ids, name, note=note, allow_unmatched=self.allow_unmatched)
            movies = join_details(movies, more, name=name, note=note)
        return movies

    def _by_ratings_ids(self, table: pd.DataFrame, name: str) -> pd.DataFrame:
        if self.links is None:
            return table
        return self.links.translate(table, self.rated, name, self.options.note)


def _several(tables: Any) -> list[Any]:
    """A list of tables, also if there is only one."""
    if tables is None:
        return []
    return list(tables) if isinstance(tables, (list, tuple)) else [tables]


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


def _read_folder_ratings(
    folder: Path, min_rating: float | str | None, options: ReadOptions
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Ratings and, where the folder has one, the test part, in any supported layout."""
    if (folder / "train.txt").is_file() and (folder / "test.txt").is_file():
        if min_rating is not None:
            raise DataError(
                f"{folder}: train.txt holds no ratings, so ",
                argument("min_rating"),
                " can't be used.",
            )
        train = _read_adjacency(folder / "train.txt", options.note)
        return train, _read_adjacency(folder / "test.txt", options.note)
    file = folder / "u.data" if (folder / "u.data").is_file() else _table_file(folder, "ratings")
    if file is None:
        raise DataError(
            f"{folder} holds no ratings: looked for ratings.csv, ratings.dat, u.data, or train.txt"
            " with test.txt. Name the files with ",
            _RATINGS,
            " and ",
            argument("movies"),
            ".",
        )
    return ratings_of(file, options, min_rating), None


def _read_folder_movies(folder: Path, options: ReadOptions) -> pd.DataFrame | None:
    if (folder / "u.data").is_file() and (folder / "u.item").is_file():
        return _read_ml_100k_movies(folder / "u.item")
    file = _table_file(folder, "movies")
    return None if file is None else movies_of(file, options)


def _table_file(folder: Path, stem: str) -> Path | None:
    """The folder's file of that name in any format; CSV first where there are several."""
    text = {f"{stem}{suffix}" for suffix in TEXT_SUFFIXES}
    wanted = text | {f"{name}.gz" for name in text} | {f"{stem}{end}" for end in PARQUET_SUFFIXES}
    files = [path for path in folder.iterdir() if path.name.lower() in wanted and path.is_file()]
    return min(files, default=None)


def _read_adjacency(path: Path, note: Note) -> pd.DataFrame:
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


def _read_ml_100k_movies(path: Path) -> pd.DataFrame:
    """``u.item``: id, title, release date, two columns that aren't used, and a flag per genre.

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
