"""How many named functions and methods of graphrec run from two tables to fitted vectors.

    python -m benchmarks.callables [--list]

Counts the distinct functions and methods whose code lies in the package, in every thread, while
`GraphRecommender(epochs=1).fit(ratings, movies)` reads two small CSV files and trains on them.
Comprehensions, lambdas and what dataclasses generate don't count. A fit before it does all imports.
So it is how much there is to read to follow the data from the tables to the vectors.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import warnings
from collections import Counter
from pathlib import Path
from types import CodeType, FrameType
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer

import graphrec
from benchmarks.common import show_table

PACKAGE = Path(graphrec.__file__).parent
GENRES = ("Comedy", "Drama", "Horror", "War")
Calls = Counter[tuple[str, str]]


def write_tables(folder: Path, num_users: int = 60, num_movies: int = 40) -> tuple[Path, Path]:
    """A ratings CSV and a movies CSV of a made-up world."""
    rng = np.random.default_rng(0)
    pairs = np.argwhere(rng.random((num_users, num_movies)) < 0.3)
    ratings = pd.DataFrame(pairs, columns=["userId", "movieId"])
    ratings["rating"] = rng.integers(1, 6, len(pairs))
    ratings["timestamp"] = rng.integers(10**9, 2 * 10**9, len(pairs))
    movies = pd.DataFrame(
        {
            "movieId": range(num_movies),
            "title": [f"Story {row} ({1960 + row})" for row in range(num_movies)],
            "genres": ["|".join(rng.choice(GENRES, 2, replace=False)) for _ in range(num_movies)],
            "runtime": rng.normal(105, 20, num_movies).round(),
        }
    )
    paths = folder / "ratings.csv", folder / "movies.csv"
    ratings.to_csv(paths[0], index=False)
    movies.to_csv(paths[1], index=False)
    return paths


class Recorder:
    """Counts calls by module and qualified name, in the threads it is set in."""

    def __init__(self) -> None:
        self.calls: Counter[CodeType] = Counter()

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        if event == "call":
            self.calls[frame.f_code] += 1

    def __enter__(self) -> Recorder:
        threading.setprofile(self)
        sys.setprofile(self)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        threading.setprofile(None)

    def named(self) -> Calls:
        """Functions and methods of the package."""
        found: Calls = Counter()
        for code, number in self.calls.items():
            path = Path(code.co_filename)
            if path.is_relative_to(PACKAGE) and not code.co_name.startswith("<"):
                module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
                found[module, code.co_qualname.replace("<locals>.", "")] += number
        return found


def count() -> Calls:
    """Calls of one fit, by module and name."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ratings, movies = write_tables(Path(folder))
        graphrec.GraphRecommender(epochs=1).fit(ratings, movies)
        with Recorder() as recorder:
            graphrec.GraphRecommender(epochs=1).fit(ratings, movies)
        return recorder.named()


def main(
    every: Annotated[bool, typer.Option("--list", help="Name them, with their calls.")] = False,
) -> None:
    """Print how many there are."""
    calls = count()
    if every:
        rows = [[*name, str(calls[name])] for name in sorted(calls)]
        show_table("From tables to vectors", ["module", "callable", "calls"], rows)
    else:
        sizes = Counter(module for module, _ in calls).most_common()
        rows = [[module, str(number)] for module, number in sizes]
        show_table("From tables to vectors", ["module", "callables"], rows)
    print(len(calls))


if __name__ == "__main__":
    typer.run(main)
