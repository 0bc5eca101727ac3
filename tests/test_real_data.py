"""The whole path on real data, through the command line; skipped where the data is not there."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from graphrec.cli import app
from graphrec.config import Baseline

pytestmark = [pytest.mark.realdata, pytest.mark.slow]

LIKE_TOY_STORY = (
    "Toy Story 2 (1999)",
    "Toy Story 3 (2010)",
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
    run(
        "train",
        "--data",
        movielens_folder,
        "--details",
        details,
        "--split",
        "random",
        "--output",
        model,
    )
    return model


def test_is_not_behind_the_baselines_on_movielens(movielens_model: Path) -> None:
    answer = json.loads(run("evaluate", "--model", movielens_model, "--json"))
    assert set(answer["baselines"]) == set(Baseline)
    assert answer["against_best_baseline"]["ndcg@20"]["finding"] != "behind"
    own = answer["metrics"]["ndcg@20"]
    for name in ("popularity", "item-knn", "metadata-knn"):
        assert own > answer["baselines"][name]["ndcg@20"], name


def test_movies_like_toy_story(movielens_model: Path) -> None:
    answer = json.loads(run("similar", "toy story", "--model", movielens_model, "--json"))
    titles = {movie["title"] for movie in answer["similar"]}
    assert len(titles & set(LIKE_TOY_STORY)) >= 3, titles


def test_misspelt_title_on_movielens(movielens_model: Path) -> None:
    answer = json.loads(run("similar", "matrx", "--model", movielens_model, "--json"))
    assert answer["movie"]["title"] == "Matrix, The (1999)"


def _some_of_gowalla(source: Path, target: Path) -> dict[int, set[int]]:
    """Copy every fifth user and every tenth movie: all would take many minutes."""
    kept = {}
    for line in source.read_text(encoding="utf-8").splitlines():
        user, *movies = map(int, line.split())
        some = {movie for movie in movies if movie % 10 == 0}
        if user % 5 == 0 and some:
            kept[user] = some
    lines = (" ".join(map(str, [user, *sorted(movies)])) for user, movies in kept.items())
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return kept


def test_gowalla_recommendations_score_what_evaluate_says(
    gowalla_folder: Path, tmp_path: Path
) -> None:
    """Recall@20 recomputed from the written file and the given test part, by other means."""
    data, model, path = (tmp_path / name for name in ("gowalla", "model", "recs.csv"))
    data.mkdir()
    train, test = (
        _some_of_gowalla(gowalla_folder / name, data / name) for name in ("train.txt", "test.txt")
    )
    small = ("--epochs", 1, "--embedding-dim", 8, "--num-layers", 1, "--batch-size", 8192)
    run("train", "--data", data, "--output", model, *small)
    run("recommend", "--model", model, "--users", "all", "--k", 20, "--output", path)
    recommended = pd.read_csv(path)
    assert (recommended.groupby("user_id").size() == 20).all()
    assert recommended["user_id"].nunique() == len(train.keys() | test.keys())
    lists = recommended.groupby("user_id")["movie_id"].agg(set)
    recalls = [len(lists[user] & wanted) / len(wanted) for user, wanted in test.items()]
    assert not any(lists[user] & watched for user, watched in train.items())
    answer = json.loads(run("evaluate", "--model", model, "--k", 20, "--json"))
    assert answer["metrics"]["recall@20"] == pytest.approx(np.mean(recalls), abs=5e-5)
    assert "metadata-knn" not in answer["baselines"]


def _as_kaggle_has_them(source: Path, target: Path) -> None:
    """MovieLens' movies as a folder in the shape of Kaggle's The Movies Dataset, by TMDB's ids."""
    links = pd.read_csv(source / "links.csv", dtype=str).dropna()
    movies = pd.read_csv(source / "movies.csv").merge(
        pd.read_csv(source / "details.csv"), on="movieId", how="left"
    )
    movies = movies.assign(movieId=movies["movieId"].astype(str)).merge(links, on="movieId")
    years = movies["title"].str.extract(r"\((\d{4})\)\s*$", expand=False)
    titles = movies["title"].str.replace(r"\s*\(\d{4}\)\s*$", "", regex=True)
    table = pd.DataFrame(
        {
            "adult": "False",
            "budget": movies["budget"].fillna(0).astype(int),
            "genres": [
                repr([{"id": 1, "name": genre} for genre in genres.split("|")])
                for genres in movies["genres"]
            ],
            "id": movies["tmdbId"],
            "imdb_id": "tt" + movies["imdbId"],
            "original_title": titles,
            "production_companies": "[]",
            "release_date": movies["release_date"].fillna(years + "-01-01"),
            "revenue": movies["revenue"].fillna(0).astype(int),
            "runtime": movies["runtime"],
            "status": "Released",
            "title": titles,
        }
    )
    table.to_csv(target / "movies_metadata.csv", index=False)
    links.to_csv(target / "links_small.csv", index=False)
    ratings = (source / "ratings.csv").read_text(encoding="utf-8")
    (target / "ratings_small.csv").write_text(ratings, encoding="utf-8")


def test_a_folder_of_kaggle_s_shape(movielens_folder: Path, tmp_path: Path) -> None:
    _as_kaggle_has_them(movielens_folder, tmp_path)
    run("train", "--data", tmp_path, "--output", tmp_path / "model", "--fast")
    answer = json.loads(run("similar", "Toy Story", "--model", tmp_path / "model", "--json"))
    assert answer["movie"]["title"] == "Toy Story"
    assert "Toy Story 2" in {movie["title"] for movie in answer["similar"]}
    tables = ("--ratings", "ratings_small.csv", "--movies", "movies_metadata.csv")
    inside = [tmp_path / one if one.endswith(".csv") else one for one in tables]
    wrong = CliRunner().invoke(app, ["data", "inspect", *map(str, inside)])
    assert wrong.exit_code == 2
    assert "--links" in wrong.stderr
