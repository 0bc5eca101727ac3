"""Served models of the checkerboard."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from graphrec.recommend.estimator import GraphRecommender

pytest.importorskip("fastapi", reason="the extra [serve] is not installed")
from graphrec.serve.held import HeldArtefact
from graphrec.serve.model import ServedModel


@pytest.fixture(scope="session")
def held(model_folder: Path) -> HeldArtefact:
    """The checkerboard's model in memory."""
    return HeldArtefact.read(model_folder)


@pytest.fixture(scope="session")
def served(held: HeldArtefact) -> ServedModel:
    """The same, ready to be asked."""
    return ServedModel(held)


EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="session")
def sample_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the sample's films, trained for an epoch; one of them has an evil title."""
    data = Path(__file__).parents[2] / "data"
    movies = pd.read_csv(data / "movies.csv")
    movies.loc[movies["title"] == "Toy Story 3", "title"] = EVIL
    model = GraphRecommender(embedding_dim=8, spectral_dim=8, epochs=1)
    model.fit(pd.read_csv(data / "ratings.csv"), movies, verbose=False)
    path = tmp_path_factory.mktemp("sample") / "model"
    model.save(path)
    return path
