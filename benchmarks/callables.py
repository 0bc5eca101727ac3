"""How many functions and methods of graphrec a rating passes from its CSV row to fitted vectors.

    python -m benchmarks.callables [--list] [--whole]

Counts the distinct named functions and methods of the package that run, in every thread, while a
small ratings CSV is read, split and trained on for one epoch with the default settings. Special
methods, properties, nested functions, and what dataclasses generate don't count. The row is one of
the training part; validation, which measures and chooses, gets none, so that what is counted is
what there is to read to follow a rating to the vectors.

``--whole`` counts everything instead, with validation and a movies table.
"""

from __future__ import annotations

import inspect
import sys
import tempfile
import threading
import warnings
from collections import Counter
from functools import cached_property
from importlib import import_module
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

    def named(self, whole: bool) -> Calls:
        """Functions and methods of the package, by module and name; all of them if `whole`."""
        found: Calls = Counter()
        for code, number in self.calls.items():
            path = Path(code.co_filename)
            if not path.is_relative_to(PACKAGE) or code.co_name.startswith("<"):
                continue
            module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
            if whole or _is_plain(module, code):
                found[module, code.co_qualname.replace("<locals>.", "")] += number
        return found


def _is_plain(module: str, code: CodeType) -> bool:
    """Whether code is a function or method that is called by its name."""
    if code.co_name.startswith("__") or "<locals>" in code.co_qualname:
        return False
    owner: Any = import_module(f"graphrec.{module}")
    *classes, name = code.co_qualname.split(".")
    for one in classes:
        owner = getattr(owner, one)
    return not isinstance(inspect.getattr_static(owner, name), (property, cached_property))


def count(whole: bool = False) -> Calls:
    """Calls on the way from the tables to the vectors, by module and name."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ratings, movies = write_tables(Path(folder))
        for _ in range(2):  # imports first
            with Recorder() as recorder:
                dataset = graphrec.load_dataset(ratings=ratings, movies=movies if whole else None)
                split = graphrec.make_split(dataset)
                if not whole:
                    train = np.concatenate([split.train, split.valid])
                    split = graphrec.Split(split.kind, train, split.valid[:0], split.test)
                graphrec.fit(dataset, split, config=graphrec.TrainConfig(epochs=1))
        return recorder.named(whole)


def main(
    every: Annotated[bool, typer.Option("--list", help="Name them, with their calls.")] = False,
    whole: Annotated[bool, typer.Option(help="Count all, with validation and metadata.")] = False,
) -> None:
    """Print how many there are."""
    calls = count(whole)
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
