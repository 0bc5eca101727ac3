"""MovieLens: ratings and movies tables of every size, ml-100k's files, tags and the tag genome."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from graphrec.data.files import Note
from graphrec.data.layouts.layout import Layout, Ratings, Reader, Shape, table_file
from graphrec.data.names import MOVIE, TITLE
from graphrec.errors import DataError

ML_100K_GENRES = np.array(
    [
        *("unknown", "Action", "Adventure", "Animation", "Children", "Comedy", "Crime"),
        *("Documentary", "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery"),
        *("Romance", "Sci-Fi", "Thriller", "War", "Western"),
    ]
)
"""In the order of the flags in ``u.item``."""
_SMALL = "ratings_small"  # of Kaggle's The Movies Dataset


def _ratings(folder: Path, reader: Reader) -> Ratings | None:
    file = table_file(folder, "ratings", _SMALL)
    if file is None:
        return None
    small = table_file(folder, _SMALL)
    if small not in (None, file):
        reader.options.note(f"{folder}: {file.name} was read, of which {small.name} has a part.")
    return reader.ratings(file), None


def _movies(folder: Path, reader: Reader) -> pd.DataFrame | None:
    file = table_file(folder, "movies")
    return None if file is None else reader.movies([file])


def _ml_100k_ratings(folder: Path, reader: Reader) -> Ratings | None:
    file = folder / "u.data"
    return (reader.ratings(file), None) if file.is_file() else None


def _ml_100k_movies(folder: Path, _: Reader) -> pd.DataFrame | None:
    file = folder / "u.item"
    return _read_ml_100k_movies(file) if file.is_file() else None


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


def _one_row_per_movie(tags: pd.DataFrame, name: str, note: Note) -> pd.DataFrame:
    """``tags.csv``, a row for each user, movie and tag: the movie's tags, each once."""
    del name, note
    key = "movieId"
    tags = tags[[key, "tag"]].dropna()
    tags = tags.assign(tag=tags["tag"].astype(str).str.strip().str.lower()).drop_duplicates()
    return tags.groupby(key, sort=True)["tag"].agg(list).rename("tags").reset_index()


def _one_vector_per_movie(scores: pd.DataFrame, name: str, note: Note) -> pd.DataFrame:
    """``genome-scores.csv``, a row for each movie and tag: the movie's relevance of every tag."""
    del note
    movie, movies = pd.factorize(scores["movieId"])
    tag, tags = pd.factorize(scores["tagId"].astype(float), sort=True)
    relevance = np.full((len(movies), len(tags)), np.nan, np.float32)
    relevance[movie, tag] = scores["relevance"].to_numpy(np.float32)
    if np.isnan(relevance).any():
        raise DataError(f"{name}: a movie of the tag genome lacks some of the {len(tags):,} tags.")
    return pd.DataFrame({"movieId": movies, "tag_genome": list(relevance)})


MOVIELENS = Layout("ratings.csv, ratings.dat", _ratings, _movies)
ML_100K = Layout("u.data", _ml_100k_ratings, _ml_100k_movies)
TAGS = Shape(frozenset({"userId", "movieId", "tag"}), _one_row_per_movie)
GENOME = Shape(frozenset({"movieId", "tagId", "relevance"}), _one_vector_per_movie)
