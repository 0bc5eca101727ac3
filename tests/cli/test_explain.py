"""`graphrec explain` as a person uses it, on the checkerboard."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import Result

from graphrec import Recommender
from graphrec.config import ModelConfig, TrainConfig
from graphrec.data.dataset import make_dataset
from graphrec.data.split import make_split
from graphrec.recommend.saving import save_model
from graphrec.train.trainer import fit
from tests.cli.running import run


def explain(model: Path, *arguments: object) -> Result:
    return run("explain", "--model", model, *arguments)


def test_score_of_a_user_adds_up_on_the_screen(model_folder: Path) -> None:
    done = explain(model_folder, "--user", 3, "--movie", "odd story 1", "--k", 4)
    assert done.exit_code == 0, done.output
    first, head, *rows = done.stdout.split("\n\n")[0].splitlines()
    assert first.startswith("Odd story 1 (1990) scores ")
    assert head.split() == ["history", "collaborative", "metadata", "total"]
    totals = {row.split("  ")[0]: float(row.split()[-1]) for row in rows}
    said = totals.pop("sum")
    assert f"{said:.4f}" in first
    assert sum(totals.values()) == pytest.approx(said, abs=6e-4)  # each is rounded
    assert sum("story" in name for name in totals) == 4
    assert any(name.endswith(" others") for name in totals)
    assert "\x1b" not in done.output


def test_paths_are_shown_or_not(model_folder: Path) -> None:
    asked = ("--user", 3, "--movie", "odd story 1")
    shown = explain(model_folder, *asked, "--paths", 2).stdout.split("\n\n")[1].splitlines()
    assert shown[0].startswith("Users who rated these also rated Odd story 1 (1990): ")
    assert len(shown) == 4
    assert "also rated" not in explain(model_folder, *asked, "--paths", 0).stdout
    assert "because" not in explain(model_folder, *asked).output


def test_score_as_json_is_everything(model_folder: Path) -> None:
    done = explain(model_folder, "--user", 3, "--movie-id", 1, "--json", "--k", 1)
    answer, user = json.loads(done.stdout), Recommender.load(model_folder)
    assert (answer["user_id"], answer["movie_id"]) == (3, 1)
    assert answer["sum"] == pytest.approx(answer["score"], rel=1e-4)
    assert len(answer["contributions"]) == user.history[[3]].nnz
    parts = [row["total"] for row in answer["contributions"]]
    parts += [answer[name] for name in ("own", "popularity", "unrated")]
    assert sum(parts) == pytest.approx(answer["sum"])
    assert {"movie_id", "title", "user_id", "score", "fraction"} == set(answer["paths"][0])
    assert done.stderr == ""


def test_a_new_user_by_what_they_like(model_folder: Path) -> None:
    likes = ("--likes", "even story 4", "--likes", "even story 6")
    done = explain(model_folder, *likes, "--movie", "even story 8")
    assert "For a new user who likes Even story 4 (1990), Even story 6 (1990):" in done.stderr
    assert "for a new user" in done.stdout
    assert "own embedding" not in done.stdout
    assert "no embedding of their own" in done.stderr
    answer = json.loads(explain(model_folder, *likes, "--movie-id", 8, "--json").stdout)
    assert answer["user_id"] is None
    assert {row["movie_id"] for row in answer["contributions"]} == {4, 6}


def test_a_rated_movie_is_explained_and_said_to_be(model_folder: Path) -> None:
    recommender = Recommender.load(model_folder)
    movie = recommender.history[[3]].indices[0]
    done = explain(model_folder, "--user", 3, "--movie-id", movie)
    assert "who has rated it already; otherwise it would be rank" in done.stdout


def test_two_movies(model_folder: Path) -> None:
    done = explain(model_folder, "--movie", "even story 4", "--movie-id", 6, "--k", 3)
    assert done.exit_code == 0, done.output
    first, second, head, *rows = done.stdout.splitlines()
    assert first.startswith("Even story 4 (1990) and Even story 6 (1990): ")
    assert " users in common, " in second
    assert head.split() == ["users", "of", "Even", "story", "4", "(1990)", "users", "collaborative"]
    both, others, own, said = (float(row.split()[-1]) for row in rows[:4])
    assert both + others + own == pytest.approx(said, abs=2e-4)
    assert f"{said:.4f} standard deviations" in first
    genres = next(row for row in rows if row.startswith("genres"))
    assert genres.split()[:3] == ["genres", "Comedy", "Comedy"]
    answer = json.loads(explain(model_folder, "--movie-id", 4, "--movie-id", 6, "--json").stdout)
    assert answer["movie_ids"] == [4, 6]
    assert sum(row["both"] for row in answer["users"]) == answer["common"]
    assert len(answer["users"]) == answer["num_ratings"][0]


def test_a_new_movie(model_folder: Path, tmp_path: Path) -> None:
    new = pd.DataFrame({"movie_id": [100], "title": ["Newcomer"], "genres": ["Comedy"]})
    new.to_csv(tmp_path / "new.csv", index=False)
    asked = ("--with-movies", tmp_path / "new.csv", "--movie", "newcomer")
    done = explain(model_folder, *asked, "--user", 2)
    assert "Newcomer scores" in done.stdout
    assert "are predicted from metadata" in done.stderr
    assert explain(model_folder, *asked, "--movie-id", 4).exit_code == 0


WRONG = {
    "no movie": (["--user", 3], "or two movies to compare"),
    "three movies": (
        ["--movie-id", 1, "--movie-id", 2, "--movie-id", 3],
        "or --movie-id ID; you named 3",
    ),
    "no user": (["--movie-id", 1], "name the user with --user ID or --likes TITLE"),
    "two kinds of user": (["--movie-id", 1, "--user", 3, "--likes", "odd story 3"], "not both"),
    "two movies and a user": (
        ["--movie-id", 1, "--movie-id", 2, "--user", 3],
        "compared without a user",
    ),
    "the same movie": (["--movie-id", 1, "--movie", "odd story 1"], "name two different movies"),
    "unknown user": (["--movie-id", 1, "--user", 4711], "user 4711 is not in the data"),
    "user id is a word": (["--movie-id", 1, "--user", "ann"], "users are whole numbers"),
    "unknown movie": (["--movie", "xyzzy", "--user", 3], "no movie is called 'xyzzy'"),
    "ambiguous movie": (["--movie", "odd story", "--user", 3], "is only a part of 16 titles"),
    "strict without likes": (["--movie-id", 1, "--user", 3, "--strict"], "--strict needs --likes"),
    "unknown like": (["--movie-id", 1, "--likes", "xyzzy"], "no movie is called 'xyzzy'"),
    "no rows": (["--movie-id", 1, "--user", 3, "--k", 0], "--k is 0; it must be 1 or more"),
    "fewer than no paths": (
        ["--movie-id", 1, "--user", 3, "--paths", -1],
        "--paths is -1; it must be 0 or more",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_questions_get_one_sentence(case: str, model_folder: Path) -> None:
    arguments, sentence = WRONG[case]
    done = explain(model_folder, *arguments)
    assert done.exit_code == 2, done.output
    assert sentence in " ".join(done.stderr.split())
    assert done.stdout == ""


def test_a_model_without_titles_or_metadata(
    checkerboard: tuple[pd.DataFrame, pd.DataFrame], tmp_path: Path
) -> None:
    dataset = make_dataset(checkerboard[0], note=lambda _: None)
    split = make_split(dataset)
    fitted = fit(dataset, split, ModelConfig(embedding_dim=8), TrainConfig(epochs=1))
    save_model(tmp_path / "m", dataset, split, fitted)
    done = explain(tmp_path / "m", "--user", 3, "--movie-id", 5)
    assert done.stdout.startswith("movie 5 scores ")
    assert done.stdout.splitlines()[1].split() == ["history", "collaborative"]
    pair = explain(tmp_path / "m", "--movie-id", 3, "--movie-id", 5)
    assert "metadata" not in pair.stdout
    assert "This model has no metadata to compare." in pair.stderr
