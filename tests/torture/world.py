"""The small tables and the trained model that are tortured."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from random import Random

import numpy as np
import pandas as pd
from typer.testing import CliRunner, Result

from graphrec.cli import app
from graphrec.recommend.estimator import GraphRecommender
from graphrec.recommend.recommender import Recommender
from tests.torture.hostile import TEXTS
from tests.torture.process import ended, forked
from tests.torture.tally import must

NUM_USERS, NUM_MOVIES = 30, 24
SMALL = {"embedding_dim": 4, "spectral_dim": 4, "epochs": 1}


def tables(
    random: Random, num_users: int = NUM_USERS, num_movies: int = NUM_MOVIES
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Ratings and movies of two groups of users with a taste each."""
    rows = [
        (user, 10 + movie, random.choice((3, 3.5, 4, 5)), 10**9 + 1000 * user + movie)
        for user in range(1, num_users + 1)
        for movie in range(user % 2, num_movies, 2)
        if random.random() < 0.8
    ]
    ratings = pd.DataFrame(rows, columns=["user_id", "movie_id", "rating", "timestamp"])
    movies = pd.DataFrame(
        {
            "movie_id": range(10, 10 + num_movies),
            "title": [f"Story {number} ({1980 + number})" for number in range(num_movies)],
            "genres": ["Drama|War" if number % 2 else "Comedy" for number in range(num_movies)],
            "year": range(1980, 1980 + num_movies),
            "budget": [1000.0 * number for number in range(num_movies)],
        }
    )
    return ratings, movies


@dataclass
class World:
    """A folder that torture may fill.

    Attributes:
        folder: empty at first.
    """

    folder: Path

    @cached_property
    def tables(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Good ratings and movies."""
        return tables(Random(0))

    @cached_property
    def files(self) -> tuple[Path, Path]:
        """The same as ratings.csv and movies.csv."""
        places = self.folder / "ratings.csv", self.folder / "movies.csv"
        for table, place in zip(self.tables, places, strict=True):
            table.to_csv(place, index=False)
        return places

    @cached_property
    def model(self) -> Path:
        """A saved model; not to be changed."""
        return self._train("model", self.tables[1])

    @cached_property
    def hostile_model(self) -> Path:
        """The model of movies with hostile titles and genres; not to be changed."""
        movies = self.tables[1].copy()
        texts = [text for text in TEXTS if text.strip() and "\x00" not in text]
        movies["title"] = [texts[number % len(texts)] for number in range(len(movies))]
        movies["genres"] = [texts[-1 - number % len(texts)] for number in range(len(movies))]
        return self._train("hostile-model", movies)

    def _train(self, name: str, movies: pd.DataFrame) -> Path:
        """Train in another process: one that has computed with torch can't be forked any more."""

        def train() -> int:
            GraphRecommender(**SMALL).fit(self.tables[0], movies, verbose=False).save(place)
            return 0

        place = self.folder / name
        must(ended(forked(train)) == 0, "training fails")
        return place

    @cached_property
    def recommender(self) -> Recommender:
        """The model, ready to be asked."""
        return Recommender.load(self.model)

    def fresh(self, name: str) -> Path:
        """An empty folder."""
        place = self.folder / name
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        return place


def run(*arguments: object, stdin: bytes | None = None) -> Result:
    """A command's result in this process; what it raises unexpectedly is raised."""
    result = CliRunner().invoke(app, [str(one) for one in arguments], input=stdin)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def same_lists(one: Recommender, other: Recommender) -> bool:
    """Whether two models recommend the same."""
    lists = [model.recommend(k=5)["score"].to_numpy() for model in (one, other)]
    return bool(np.array_equal(*lists))
