"""Shared fixtures: small worlds whose right answers are known, and the real data if it is there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import settings

from graphrec.config import ModelConfig, TrainConfig
from graphrec.data.dataset import Dataset, make_dataset
from graphrec.data.split import Split, make_split
from graphrec.recommend.estimator import GraphRecommender
from graphrec.recommend.recommender import Recommender
from graphrec.recommend.saving import save_model
from graphrec.train.trainer import Fitted, fit
from tests.data.servers import postgresql, postgresql_programs

os.environ.setdefault("GRAPHREC_PRIVATE_ADDRESSES", "1")  # tests start web servers here
settings.register_profile("patient", deadline=None)  # the first call of a library can be slow
settings.load_profile("patient")
if "PYTEST_XDIST_WORKER" in os.environ:
    torch.set_num_threads(1)  # the workers share the cores

REAL_DATA = Path(
    os.environ.get("GRAPHREC_REAL_DATA") or Path(__file__).parents[2] / "shared" / "data"
)


def _real_folder(name: str) -> Path:
    folder = REAL_DATA / name
    if not folder.is_dir():
        pytest.skip(f"real data not found at {folder}; set GRAPHREC_REAL_DATA to its parent folder")
    return folder


@pytest.fixture(scope="session")
def movielens_folder() -> Path:
    """MovieLens' ml-latest-small with details.csv."""
    return _real_folder("ml-latest-small")


@pytest.fixture(scope="session")
def gowalla_folder() -> Path:
    """LightGCN's public split of Gowalla."""
    return _real_folder("gowalla")


@pytest.fixture(scope="session")
def checkerboard() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Ratings and movies of a world where even users rate even movies and odd users odd ones.

    Every user has rated three quarters of their colour, so what they will like next is clear: the
    rest of it. The genre tells the colour too.
    """
    rng = np.random.default_rng(0)
    rows = [
        (user, movie, 4.0, 1_000_000 + int(rng.integers(1_000)))
        for user in range(40)
        for movie in range(user % 2, 32, 2)
        if rng.random() < 0.75
    ]
    ratings = pd.DataFrame(rows, columns=["user_id", "movie_id", "rating", "timestamp"])
    movies = pd.DataFrame(
        {
            "movie_id": range(32),
            "title": [
                f"{'Odd' if movie % 2 else 'Even'} story {movie} (1990)" for movie in range(32)
            ],
            "genres": ["Drama|War" if movie % 2 else "Comedy" for movie in range(32)],
        }
    )
    return ratings, movies


@pytest.fixture
def tables(tmp_path: Path, checkerboard: tuple[pd.DataFrame, pd.DataFrame]) -> Path:
    """A folder with ratings.csv and movies.csv."""
    ratings, movies = checkerboard
    ratings.to_csv(tmp_path / "ratings.csv", index=False)
    movies.to_csv(tmp_path / "movies.csv", index=False)
    return tmp_path


@pytest.fixture(scope="session")
def small_world(checkerboard: tuple[pd.DataFrame, pd.DataFrame]) -> tuple[Dataset, Split]:
    """The checkerboard as a data set with a random split."""
    ratings, movies = checkerboard
    dataset = make_dataset(ratings, movies, name="checkerboard", note=lambda _: None)
    return dataset, make_split(dataset, seed=0)


QuickFit = Callable[..., Fitted]


@pytest.fixture(scope="session")
def quick_fit(small_world: tuple[Dataset, Split]) -> QuickFit:
    """Train on the checkerboard in a second; keyword arguments go to the two configs."""

    def quick(
        model: ModelConfig | None = None, train: TrainConfig | None = None, **options: object
    ) -> Fitted:
        dataset, split = small_world
        return fit(
            dataset,
            split,
            model or ModelConfig(embedding_dim=16),
            train
            or TrainConfig(
                epochs=60, batch_size=10, validate_every=6, learning_rate=0.01, patience=60
            ),
            **options,  # type: ignore[arg-type]
        )

    return quick


@pytest.fixture(scope="session")
def fitted(quick_fit: QuickFit) -> Fitted:
    """A model trained on the checkerboard."""
    return quick_fit()


@pytest.fixture(scope="session")
def model_folder(
    tmp_path_factory: pytest.TempPathFactory, small_world: tuple[Dataset, Split], fitted: Fitted
) -> Path:
    """The saved model of the checkerboard; tests must not change it."""
    folder = tmp_path_factory.mktemp("models") / "checkerboard"
    save_model(folder, *small_world, fitted)
    return folder


@pytest.fixture(scope="session")
def recommender(model_folder: Path) -> Recommender:
    """The saved model of the checkerboard, ready to be asked."""
    return Recommender.load(model_folder)


TrainRecommender = Callable[..., GraphRecommender]


@pytest.fixture(scope="session")
def train_recommender() -> TrainRecommender:
    """Make a recommender of tables in memory, by one epoch unless the settings say otherwise."""

    def train(
        ratings: pd.DataFrame, movies: pd.DataFrame | None = None, **settings: object
    ) -> GraphRecommender:
        small = {"embedding_dim": 8, "spectral_dim": 8, "epochs": 1}
        dataset = make_dataset(ratings, movies, note=lambda _: None)
        return GraphRecommender(**(small | settings)).fit(dataset, verbose=False)

    return train


@pytest.fixture(scope="module")
def postgresql_server() -> Iterator[str]:
    """The address of an empty PostgreSQL of the module's own."""
    programs = postgresql_programs()
    if programs is None:
        pytest.skip("PostgreSQL's server isn't installed (Debian: apt install postgresql)")
    with postgresql(programs) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium that asks nothing of the network by itself."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed")
    flags = (
        *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    )
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=chromium, args=list(flags))
        yield opened
        opened.close()
