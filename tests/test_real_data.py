"""The whole path on real data, through the command line; skipped where the data is not there."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from graphrec.cli import app

pytestmark = pytest.mark.realdata

LIKE_TOY_STORY = (
    "Toy Story 2 (1999)",
    "Bug's Life, A (1998)",
    "Monsters, Inc. (2001)",
    "Finding Nemo (2003)",
    "Shrek (2001)",
    "Aladdin (1992)",
    "Lion King, The (1994)",
    "Incredibles, The (2004)",
)


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def movielens_model(movielens_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model trained with the defaults on ml-latest-small and details.csv."""
    model = tmp_path_factory.mktemp("movielens") / "model"
    details = movielens_folder / "details.csv"
    run("train", "--data", movielens_folder, "--details", details, "--output", model)
    return model


@pytest.mark.slow
def test_beats_the_baselines_on_movielens(movielens_model: Path) -> None:
    answer = json.loads(run("evaluate", "--model", movielens_model, "--json"))
    own = answer["metrics"]["ndcg@20"]
    for name, metrics in answer["baselines"].items():
        assert own > metrics["ndcg@20"], name


@pytest.mark.slow
def test_movies_like_toy_story(movielens_model: Path) -> None:
    answer = json.loads(run("similar", "toy story", "--model", movielens_model, "--json"))
    titles = {movie["title"] for movie in answer["similar"]}
    assert len(titles & set(LIKE_TOY_STORY)) >= 3, titles


@pytest.mark.slow
def test_misspelt_title_on_movielens(movielens_model: Path) -> None:
    answer = json.loads(run("similar", "matrx", "--model", movielens_model, "--json"))
    assert answer["movie"]["title"] == "Matrix, The (1999)"


@pytest.mark.slow
def test_gowalla_recommendations_score_what_evaluate_says(
    gowalla_folder: Path, tmp_path: Path
) -> None:
    """Recall@20 recomputed from the written file and the given test part, by other means."""
    model, path = tmp_path / "model", tmp_path / "recs.csv"
    small = ("--epochs", 1, "--embedding-dim", 8, "--spectral-dim", 32, "--batch-size", 8192)
    run("train", "--data", gowalla_folder, "--output", model, *small)
    run("recommend", "--model", model, "--users", "all", "--k", 20, "--output", path)
    recommended = pd.read_csv(path)
    assert (recommended.groupby("user_id").size() == 20).all()
    assert recommended["user_id"].nunique() == 29_858
    lists = recommended.groupby("user_id")["movie_id"].agg(set)
    recalls = []
    for line in (gowalla_folder / "test.txt").read_text(encoding="utf-8").splitlines():
        user, *wanted = map(int, line.split())
        if wanted:
            recalls.append(len(lists[user] & set(wanted)) / len(wanted))
    for line in (gowalla_folder / "train.txt").read_text(encoding="utf-8").splitlines():
        user, *watched = map(int, line.split())
        assert not lists[user] & set(watched)
    answer = json.loads(run("evaluate", "--model", model, "--k", 20, "--json"))
    assert answer["metrics"]["recall@20"] == pytest.approx(np.mean(recalls), abs=5e-5)
    assert "metadata-knn" not in answer["baselines"]
