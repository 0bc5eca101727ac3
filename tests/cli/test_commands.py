"""The commands as a person uses them, on the checkerboard."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphrec import __version__
from graphrec.config import Baseline, ModelConfig
from graphrec.errors import OutputError
from graphrec.evaluate import baselines
from graphrec.nn.sampling import UserBatch
from graphrec.train.trainer import Trainer
from tests.cli.running import heeding_ctrl_c, run

_BEST = re.compile(r"\(best 0\.\d{4}\)")
QUICK = ["--epochs", "2", "--batch-size", "64", "--embedding-dim", "8"]


def test_train_then_ask(tables: Path) -> None:
    model = tables / "model"
    done = run("train", "--data", tables, "--output", model, *QUICK)
    assert done.exit_code == 0, done.output
    assert "interactions of 40 users with 32 movies" in done.stderr
    assert f"Written to {model}" in done.stderr
    assert "graphrec similar" in done.stderr
    assert run("similar", "even story 4", "--model", model).exit_code == 0
    assert run("recommend", "--user", 3, "--model", model).exit_code == 0
    assert f"graphrec evaluate --data {tables}" in done.stderr
    shown = run("evaluate", "--data", tables, *QUICK)
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.splitlines()[1].startswith("graphrec ")


def test_a_model_with_a_test_part_is_measured_as_the_tables_are(tables: Path) -> None:
    asked = ("--data", tables, "--split", "leave-last-out", *QUICK)
    run("train", *asked, "--output", tables / "model")
    saved, anew = (
        json.loads(run("evaluate", *source, "--json").stdout)
        for source in (("--model", tables / "model"), asked)
    )
    assert saved == anew
    assert saved["split"] == "leave-last-out"


def test_a_model_is_continued(tables: Path) -> None:
    model, ratings = tables / "model", pd.read_csv(tables / "ratings.csv")
    ratings[ratings["user_id"] < 38].to_csv(tables / "old.csv", index=False)
    movies = ("--movies", tables / "movies.csv")
    run("train", "--ratings", tables / "old.csv", *movies, "--output", model, *QUICK, "--seed", 7)
    before = json.loads((model / "manifest.json").read_text())
    asked = ("train", "--from", model, "--output", model, "--force")
    done = run(*asked, "--data", tables)
    assert done.exit_code == 0, done.output
    new = int((ratings["user_id"] >= 38).sum())
    assert f"{new} interactions new, 0 gone. Written to {model}" in done.stderr
    assert run("recommend", "--user", 39, "--model", model).exit_code == 0
    after = json.loads((model / "manifest.json").read_text())
    assert after["settings"] == before["settings"]
    assert after["score"] == before["score"]
    assert after["split"]["valid"] == after["split"]["test"] == 0
    default = ModelConfig().embedding_dim
    for options, sentence in (
        (("--data", tables, "--embedding-dim", default), f"--embedding-dim {default} can't be"),
        ((), "--from needs all data, old and new: name them with --ratings or --data"),
        (("--data", tables, "--embedding-dim", 9), "--embedding-dim 9 can't be changed: the model"),
        (("--data", tables, "--fast"), "--node-state none can't be changed"),
        (("--data", tables, "--validation", "latest"), "leave out either --from or --validation"),
        (("--data", tables, "--split", "random"), "of the test part, so nothing could be measured"),
        (("--data", tables, "--from", tables / "none"), "there is no model at"),
    ):
        refused = run(*asked, *options)
        assert refused.exit_code == 2
        assert sentence in refused.stderr
    assert json.loads((model / "manifest.json").read_text()) == after
    assert run(*asked, "--data", tables, "--seed", 0).exit_code == 0  # the default, but typed
    settings = json.loads((model / "manifest.json").read_text())["settings"]
    assert settings == before["settings"] | {"seed": 0}


def test_an_unfinished_training_is_resumed(tables: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, folder = tables / "model", tables / "model.checkpoint"
    asked = ("train", "--data", tables, "--output", model, *QUICK)

    def full_disk(*_: object, **__: object) -> None:
        raise OutputError("the disk is full.")

    with monkeypatch.context() as patched:  # when all is trained
        patched.setattr("graphrec.recommend.saving.save_model", full_disk)
        assert run(*asked, "--checkpoint-every", 5).exit_code == 2
    assert folder.is_dir()
    refused = run(*asked, "--checkpoint-every", 5)
    assert refused.exit_code == 2
    assert "holds an unfinished training; go on with it by --resume, or begin" in refused.stderr
    refused = run(*asked, "--resume", "--seed", 1)
    assert refused.exit_code == 2
    assert "has another seed, 0 and not 1; give the same settings, or begin anew with --force" in (
        refused.stderr
    )
    resumed = run(*asked, "--resume")
    assert resumed.exit_code == 0, resumed.output
    assert f"Note: going on with the training in {folder}." in resumed.stderr
    assert not folder.exists()
    begun = run(*asked, "--resume", "--force")
    assert f"Note: there is no unfinished training in {folder}; this begins one." in begun.stderr
    assert not folder.exists()


def test_after_ctrl_c_a_training_can_go_on(tables: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written at once is the best so far; resumed, it ends as one that wasn't stopped."""
    asked = ("train", "--data", tables, "--epochs", 8, "--validate-every", 2, "--embedding-dim", 8)
    assert run(*asked, "--output", tables / "other").exit_code == 0
    step, left = Trainer.step, 5

    def interrupted(self: Trainer, batch: UserBatch) -> float:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        return step(self, batch)

    asked = (*asked, "--output", tables / "model", "--checkpoint-every", 0, "--json")
    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "step", interrupted)
        stopped = run(*asked)
    assert json.loads(stopped.stdout)["training"]["stopped"] == "interrupted"
    assert (tables / "model.checkpoint").is_dir()
    assert run(*asked, "--resume", "--force").exit_code == 0
    assert not (tables / "model.checkpoint").exists()
    for name in ("model.safetensors", "towers.safetensors"):
        assert (tables / "model" / name).read_bytes() == (tables / "other" / name).read_bytes()


def test_a_model_is_replaced_by_force_only(tables: Path) -> None:
    asked = ("train", "--data", tables, "--output", tables / "model", *QUICK)
    assert run(*asked).exit_code == 0
    refused = run(*asked, "--seed", 1)
    assert refused.exit_code == 2
    assert "exists; add --force to replace it, or choose another name" in refused.stderr
    assert refused.stderr.count("\n") == 1  # before the data are read
    assert run(*asked, "--seed", 1, "--force").exit_code == 0
    manifest = json.loads((tables / "model" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["training"]["seed"] == 1


def test_train_from_two_tables_with_mapped_columns(tables: Path) -> None:
    ratings = pd.read_csv(tables / "ratings.csv").rename(columns={"user_id": "who"})
    ratings.to_csv(tables / "seen.tsv", sep="\t", index=False)
    done = run(
        "train", "--ratings", tables / "seen.tsv", "--movies", tables / "movies.csv",
        "--user-column", "who", "--output", tables / "m", "--json", *QUICK,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    manifest = json.loads(done.stdout)
    assert manifest["data"]["users"] == 40
    assert manifest["training"]["epochs"] == 2
    assert done.stderr == ""


def test_model_folder_from_the_environment(tables: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHREC_MODEL", str(tables / "here"))
    assert run("train", "--data", tables, *QUICK).exit_code == 0
    assert (tables / "here" / "manifest.json").is_file()
    assert run("similar", "odd story 3").exit_code == 0


@pytest.mark.parametrize("split", ["random", "temporal", "leave-last-out", "new-users", "none"])
def test_every_split_trains(tables: Path, split: str) -> None:
    done = run("train", "--data", tables, "--output", tables / "m", "--split", split, *QUICK)
    assert done.exit_code == 0, done.output
    assert f"Split {split}:" in done.stderr


def test_similar_as_json(model_folder: Path) -> None:
    done = run("similar", "Even Story 4", "--model", model_folder, "--k", 3, "--json")
    answer = json.loads(done.stdout)
    assert answer["movie"] == {"movie_id": 4, "title": "Even story 4 (1990)"}
    assert len(answer["similar"]) == 3
    assert {"movie_id", "title", "score"} <= set(answer["similar"][0])


def test_similar_by_id(model_folder: Path) -> None:
    by_id = run("similar", "--movie-id", 4, "--model", model_folder, "--json")
    by_title = run("similar", "even story 4", "--model", model_folder, "--json")
    assert by_id.stdout == by_title.stdout


def test_similar_to_several(model_folder: Path) -> None:
    asked = ("similar", "even story 4", "even story 6", "--model", model_folder, "--k", 2)
    done = run(*asked)
    assert "Most similar to Even story 4 (1990) and Even story 6 (1990):" in done.stderr
    assert all("Even story" in line.split("  ")[-1] for line in done.stdout.splitlines()[1:])
    answer = json.loads(run(*asked, "xyzzy", "--json").stdout)
    assert [movie["movie_id"] for movie in answer["movies"]] == [4, 6]
    by_id = run("similar", "--movie-id", 4, "--movie-id", 6, *asked[3:], "--json")
    assert json.loads(by_id.stdout) == answer


def test_words_that_are_a_title_together_are_that_one(model_folder: Path) -> None:
    asked = ("--model", model_folder, "--k", 3)
    words = run("similar", "even", "story", "4", *asked)
    assert words.stdout == run("similar", "even story 4", *asked).stdout
    assert "Most similar to Even story 4 (1990):" in words.stderr
    assert run("similar", "evne", "story", "4", *asked).stdout == words.stdout
    assert (
        "'even story' is only a part of 16 titles" in run("similar", "even", "story", *asked).stderr
    )


def test_conditions(model_folder: Path) -> None:
    asked = ("--where", "not genres has war", "--model", model_folder, "--json")
    similar = json.loads(run("similar", "odd story 1", *asked).stdout)["similar"]
    assert all(row["movie_id"] % 2 == 0 for row in similar)
    lists = json.loads(run("recommend", "--user", 3, *asked).stdout)
    assert all(row["movie_id"] % 2 == 0 for row in lists)


def test_similar_users(model_folder: Path) -> None:
    done = run("similar-users", 6, "--model", model_folder, "--k", 2)
    header, *lines = done.stdout.splitlines()
    assert header.split() == ["user_id", "score", "rated", "why"]
    assert len(lines) == 2
    assert all(" in common, " in line and ": Even story" in line for line in lines)
    assert "Most similar to user 6:" in done.stderr
    answer = json.loads(run("similar-users", 6, "--model", model_folder, "--json").stdout)
    assert answer["user_id"] == 6
    assert {"in_common", "expected"} <= set(answer["similar"][0])
    assert (
        "user 999 is not in the data" in run("similar-users", 999, "--model", model_folder).stderr
    )


def test_similar_for_people_is_a_plain_table(model_folder: Path) -> None:
    done = run("similar", "even story 4", "--model", model_folder, "--k", 2)
    lines = done.stdout.splitlines()
    sides = ["collaborative", "metadata", "features"]
    assert lines[0].split() == ["movie_id", "title", "score", *sides, "why"]
    assert len(lines) == 3
    assert "\x1b" not in done.output
    assert "Most similar to Even story 4 (1990)" in done.stderr


def test_recommend_to_one_several_and_new_users(model_folder: Path) -> None:
    one = json.loads(
        run("recommend", "--user", 3, "--k", 2, "--model", model_folder, "--json").stdout
    )
    assert [row["rank"] for row in one] == [1, 2]
    assert {row["user_id"] for row in one} == {3}
    two = run("recommend", "--user", 3, "--user", 5, "--k", 2, "--model", model_folder, "--json")
    assert len(json.loads(two.stdout)) == 4
    new = run(
        "recommend", "--likes", "even story 4", "--likes", "even story 6", "--k", 3,
        "--model", model_folder, "--json",
    )  # fmt: skip
    assert all(row["movie_id"] % 2 == 0 for row in json.loads(new.stdout))


def test_liked_movies_that_are_not_known_are_left_out_and_named(
    model_folder: Path, tmp_path: Path
) -> None:
    asked = ("recommend", "--k", 3, "--model", model_folder, "--json")
    alone = run(*asked, "--likes", "even story 4")
    some = run(*asked, "--likes", "xyzzy", "--likes", "evne story 4", "--likes", "story")
    assert some.stdout == alone.stdout
    assert "Note: left out: no movie is called 'xyzzy'." in some.stderr
    assert "Note: left out: 'story' is only a part of 32 titles" in some.stderr
    assert "For a new user who likes Even story 4 (1990):" in some.stderr
    table = tmp_path / "history.csv"
    table.write_text("user,movie\nann,4\nann,900\n", encoding="utf-8")
    assert json.loads(run(*asked, "--history", table).stdout)
    strict = run(*asked, "--history", table, "--strict")
    assert strict.exit_code == 2
    assert "history.csv: movies that are not in the model: 1, such as 900." in strict.stderr


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_recommend_to_all_into_a_file(model_folder: Path, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"recs.{ending}"
    done = run("recommend", "--users", "all", "--k", 2, "--output", path, "--model", model_folder)
    assert done.exit_code == 0
    table = pd.read_csv(path) if ending == "csv" else pd.read_parquet(path)
    assert list(table.columns) == ["user_id", "movie_id", "rank", "score"]
    assert len(table) == 80


@pytest.mark.parametrize("text", ["1\n3\n\n5\n", "1\n3\n5\n999\n", "movie_id,x\n1,a\n3,b\n5,c\n"])
def test_recommend_among(model_folder: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "only.csv").write_text(text, encoding="utf-8")
    done = run(
        "recommend",
        "--user",
        0,
        "--among",
        tmp_path / "only.csv",
        "--model",
        model_folder,
        "--json",
    )
    assert {row["movie_id"] for row in json.loads(done.stdout)} == {1, 3, 5}


def test_recommend_when_nothing_is_left(model_folder: Path, tmp_path: Path) -> None:
    seen = run("recommend", "--user", 0, "--k", 32, "--model", model_folder, "--json")
    unseen = {row["movie_id"] for row in json.loads(seen.stdout)}
    (tmp_path / "seen.txt").write_text(str(min(set(range(32)) - unseen)), encoding="utf-8")
    arguments = (
        "recommend",
        "--user",
        0,
        "--among",
        tmp_path / "seen.txt",
        "--model",
        model_folder,
    )
    done = run(*arguments)
    assert done.exit_code == 0
    assert "There is nothing to recommend" in done.stderr
    assert len(json.loads(run(*arguments, "--include-seen", "--json").stdout)) == 1


def test_similar_to_a_movie_that_training_has_not_seen(model_folder: Path, tmp_path: Path) -> None:
    movie = tmp_path / "movie.json"
    movie.write_text('{"title": "Odd one (1990)", "genres": "Drama|War"}', encoding="utf-8")
    done = run("similar", "--new", movie, "--model", model_folder, "--k", 4)
    assert done.exit_code == 0, done.output
    assert "Most similar to Odd one (1990)" in done.stderr
    assert all("Odd story" in line for line in done.stdout.splitlines()[1:])
    movie.write_text('[{"id": 90, "title": "a"}, {"id": 91, "title": "b"}]', encoding="utf-8")
    done = run("similar", "--new", movie, "--model", model_folder)
    assert done.exit_code == 2
    assert "has 2 movies; --new takes one" in done.stderr
    assert run("similar", "even story 2", "--new", movie, "--model", model_folder).exit_code == 2


def test_recommend_with_new_movies_to_new_users(model_folder: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.csv"
    new.write_text("movie_id,title,genres\n100,Odd one,Drama|War\n", encoding="utf-8")
    done = run("recommend", "--user", 1, "--with-movies", new, "--model", model_folder, "--k", 30)
    assert done.exit_code == 0, done.output
    (line,) = [line for line in done.stdout.splitlines() if "Odd one" in line]
    assert line.split()[-1] == "new"
    users = tmp_path / "users.csv"
    users.write_text("user,movie,rating\nann,1,5\nann,3,4\nbob,0,4\n", encoding="utf-8")
    output = tmp_path / "lists.csv"
    arguments = ["--history", users, "--with-movies", new, "--model", model_folder]
    done = run("recommend", *arguments, "--k", 40, "--output", output)
    assert done.exit_code == 0, done.output
    lists = pd.read_csv(output)
    assert lists["user_id"].value_counts().to_dict() == {"bob": 32, "ann": 31}
    assert lists.groupby("user_id")["new"].sum().to_dict() == {"ann": 1, "bob": 1}
    done = run("recommend", *arguments, "--user", 1)
    assert done.exit_code == 2
    assert "name the users with one of" in done.stderr


def test_graphsage_with_sampled_neighbors(tables: Path) -> None:
    arguments = ["--data", tables, "--output", tables / "m", "--layers", "sage", *QUICK]
    arguments += ["--num-layers", "2", "--force"]
    done = run("train", *arguments, "--num-neighbors", "15,10")
    assert done.exit_code == 0, done.output
    manifest = json.loads((tables / "m" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["model"]["layers"] == "sage"
    assert manifest["model"]["num_layers"] == 2
    assert manifest["training"]["num_neighbors"] == [15, 10]
    assert run("recommend", "--likes", "odd story 3", "--model", tables / "m").exit_code == 0
    for number, sentence in (
        ("a,b", "separated by commas"),
        ("0", "holds a 0; each number must be 1 or more"),
    ):
        done = run("train", *arguments, "--num-neighbors", number)
        assert done.exit_code == 2
        assert sentence in done.stderr


def test_evaluate_on_new_users(tables: Path) -> None:
    model = tables / "model"
    done = run("train", "--data", tables, "--output", model, "--split", "new-users", *QUICK)
    assert done.exit_code == 0, done.output
    found = json.loads(run("evaluate", "--model", model, "--json").stdout)
    assert found["counts"]["users"] == 8
    assert set(found["baselines"]) == set(Baseline)


def test_evaluate_as_json(model_folder: Path) -> None:
    answer = json.loads(run("evaluate", "--model", model_folder, "--json").stdout)
    assert set(answer["baselines"]) == set(Baseline)
    assert answer["baseline_settings"]["ease"]["l2"] > 0
    assert answer["left_out"] == []
    against = answer["against_best_baseline"]["ndcg@20"]
    ndcg = {name: metrics["ndcg@20"] for name, metrics in answer["baselines"].items()}
    assert against["baseline"] == max(ndcg, key=lambda name: ndcg[name])
    assert against["mean"] == pytest.approx(answer["metrics"]["ndcg@20"] - max(ndcg.values()))
    assert against["finding"] in ("ahead", "tie", "behind")
    for metrics in (answer["metrics"], *answer["baselines"].values()):
        assert {"recall@20", "ndcg@20"} <= set(metrics)
    assert answer["counts"]["users"] > 0


def test_evaluate_with_other_lengths(model_folder: Path) -> None:
    done = run("evaluate", "--model", model_folder, "--k", 3)
    assert done.stdout.splitlines()[0].startswith("@3")
    assert len(done.stdout.splitlines()) == 9
    assert "Note: " not in done.stderr


def test_evaluate_says_when_lists_hold_every_movie(model_folder: Path) -> None:
    done = run("evaluate", "--model", model_folder, "--k", 31, "--k", 32)
    assert (
        "Note: a list of 32 holds all 32 movies, so recall@32 and hit_rate@32 are 1" in done.stderr
    )
    assert "a list of 31" not in done.stderr
    metrics = json.loads(run("evaluate", "--model", model_folder, "--k", 32, "--json").stdout)
    assert metrics["metrics"]["recall@32"] == metrics["baselines"]["popularity"]["recall@32"] == 1


def test_evaluate_beside_some_baselines(model_folder: Path) -> None:
    shown = run("evaluate", "--model", model_folder, "--baselines", "ease, popularity").stdout
    names = [line.split()[0] for line in shown.splitlines()]
    assert names[:4] == ["@20", "graphrec", "popularity", "ease"]
    assert "ease, the best baseline" in shown
    assert "95 % interval" in shown
    alone = run("evaluate", "--model", model_folder, "--baselines", "none").stdout
    assert len(alone.splitlines()) == 2
    arguments = ("--model", model_folder, "--baselines", "none", "--json")
    assert json.loads(run("evaluate", *arguments).stdout)["against_best_baseline"] is None


def test_evaluate_says_which_baseline_does_not_fit_into_memory(
    model_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(baselines, "free_memory", lambda: 1e5)
    done = run("evaluate", "--model", model_folder, "--baselines", "popularity,ease")
    assert "ease is left out: it would take" in done.stderr
    assert "popularity, the best baseline" in done.stdout


def test_inspect(tables: Path) -> None:
    done = run("data", "inspect", "--data", tables)
    assert done.exit_code == 0
    assert "multi-label" in done.stdout
    facts = json.loads(run("data", "inspect", "--data", tables, "--json").stdout)
    assert facts["users"] == 40
    assert [column["column"] for column in facts["columns"]] == ["title", "genres"]
    alone = run("data", "inspect", "--ratings", tables / "ratings.csv")
    assert "No metadata columns" in alone.stdout


@pytest.mark.parametrize("in_ratings", ["film", "welcher", "gesehen"])
def test_inspect_finds_columns_of_unknown_names(tmp_path: Path, in_ratings: str) -> None:
    rng = np.random.default_rng(0)
    names = ["Alien", "Heat", "Fargo", "Jaws", "Rocky", "Psycho"]
    films = pd.DataFrame({"made": range(1960, 1996), "welcher": range(500, 536)})
    films["wie"] = [f"{names[row % 6]} {row}" for row in range(36)]
    films["art"] = rng.choice(["Drama", "Comedy"], 36)
    pairs = np.argwhere(rng.random((40, 36)) < 0.3)
    ratings = pd.DataFrame({"wer": pairs[:, 0], in_ratings: 500 + pairs[:, 1]})
    ratings["stars"] = rng.integers(1, 6, len(pairs))
    films.to_csv(tmp_path / "films.csv", index=False)
    ratings.to_csv(tmp_path / "ratings.csv", index=False)
    named = ["--ratings", tmp_path / "ratings.csv", "--movies", tmp_path / "films.csv"]
    done = run("data", "inspect", *named, "--json")
    assert done.exit_code == 0, done.output
    facts = json.loads(done.stdout)
    movies = {"movie_id": "welcher", "title": "wie"}
    assert list(facts["taken"].values()) == [
        {"user_id": "wer", "movie_id": in_ratings, "rating": "stars"},
        movies,
    ]
    for option in ("--user-column wer", "--movie-column welcher", "--title-column wie"):
        assert option in done.stderr
    assert ("--movie-column gesehen" in done.stderr) == (in_ratings == "gesehen")
    assert {column["column"] for column in facts["columns"]} == {"title", "made", "art"}


def test_tables_with_different_names_of_the_movie(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pairs = np.argwhere(rng.random((40, 36)) < 0.3)
    tables = {
        "ratings": pd.DataFrame({"user": pairs[:, 0], "gesehen": pairs[:, 1]}),
        "movies": pd.DataFrame({"welcher": range(36), "title": [f"Film {n}" for n in range(36)]}),
        "details": pd.DataFrame({"nummer": range(36), "made": range(1960, 1996)}),
    }
    for name, table in tables.items():
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    named = [one for name in tables for one in (f"--{name}", tmp_path / f"{name}.csv")]
    columns = [one for name in ("gesehen", "welcher") for one in ("--movie-column", name)]
    model = tmp_path / "model"
    refused = run("train", *named, *columns, "--fast", "--output", model)
    assert refused.exit_code == 2
    assert "there is no column 'gesehen' or 'welcher'" in " ".join(refused.stderr.split())
    columns += ["--movie-column", "nummer"]
    assert "no table has a column 'made_up'" in " ".join(
        run("train", *named, *columns, "--movie-column", "made_up", "--fast").stderr.split()
    )

    trained = run("train", *named, *columns, "--fast", "--output", model)

    assert trained.exit_code == 0, trained.stderr
    history = tmp_path / "history.csv"
    history.write_text("user,gesehen\nann,1\nann,2\n", encoding="utf-8")
    new = tmp_path / "new.csv"
    new.write_text("welcher,title,made\n99,New,1990\n", encoding="utf-8")
    asked = ["--history", history, "--with-movies", new, "--k", 40, "--json"]
    lists = json.loads(run("recommend", "--model", model, *asked).stdout)
    assert {row["movie_id"] for row in lists} == {*range(36), 99} - {1, 2}


def test_inspect_does_not_guess_what_values_do_not_tell(tmp_path: Path) -> None:
    table = pd.DataFrame({"a": range(30), "b": np.linspace(0, 1, 30)})
    table.to_csv(tmp_path / "ratings.csv", index=False)
    done = run("data", "inspect", "--ratings", tmp_path / "ratings.csv")
    assert done.exit_code == 2
    assert "no column for user_id" in done.stderr


def test_inspect_says_what_looks_leaky(tmp_path: Path) -> None:
    """Whatever the column is called, and how to leave it out."""
    movie = [number for number in range(60) for _ in range(number + 1)]
    ratings = pd.DataFrame({"user_id": [n % 97 for n in range(len(movie))], "movie_id": movie})
    ratings.to_csv(tmp_path / "ratings.csv", index=False)
    movies = pd.DataFrame({"movie_id": range(60), "seen by": range(1, 61), "even": [0, 1] * 30})
    movies.to_csv(tmp_path / "movies.csv", index=False)
    done = run("data", "inspect", "--data", tmp_path)
    assert "Possible leak, column seen by: rank correlation" in done.stdout
    assert "Looks leaky: even" not in done.stdout
    assert done.stdout.rstrip().endswith("--ignore-column 'seen by'")
    facts = json.loads(run("data", "inspect", "--data", tmp_path, "--json").stdout)
    assert [bool(column["leak"]) for column in facts["columns"]] == [True, False]


def test_sample_is_the_default_and_says_what_it_is(tmp_path: Path) -> None:
    facts = run("data", "inspect", "--json")
    assert json.loads(facts.stdout)["simulated"] is True
    small = ("--epochs", 1, "--embedding-dim", 4, "--split", "random")
    done = run("train", "--output", tmp_path / "m", *small)
    assert "the users are simulated" in done.stderr
    assert "the users are simulated" in run("evaluate", "--model", tmp_path / "m").stderr


def test_version_and_help() -> None:
    assert run("--version").stdout.strip() == f"graphrec {__version__}"
    for command in ([], ["train"], ["evaluate"], ["similar"], ["recommend"], ["data", "inspect"]):
        done = run(*command, "--help")
        assert done.exit_code == 0
        if command:
            assert "Examples" in done.stdout


@pytest.mark.skipif(os.name == "nt", reason="signals differ on Windows")
@pytest.mark.parametrize("launcher", [["-m", "graphrec"], ["cli.py"]])
def test_ctrl_c_keeps_the_best_so_far(tmp_path: Path, launcher: list[str]) -> None:
    """A real process, interrupted in the middle of training, leaves a complete model."""
    model = tmp_path / "model"
    command = [sys.executable, *launcher, "train", "--output", str(model)]
    ours, theirs = os.openpty()  # a terminal: its progress bar says when there is a best epoch
    with (
        heeding_ctrl_c(),
        subprocess.Popen(
            [*command, "--epochs", "100000", "--patience", "100000"],
            stderr=theirs,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "TERM": "xterm", "COLUMNS": "200"},
        ) as process,
    ):
        os.close(theirs)
        shown = ""
        for part in _read(ours):
            if not _BEST.search(shown) and _BEST.search(shown + part):
                process.send_signal(signal.SIGINT)
            shown += part
    os.close(ours)
    assert process.returncode == 0, shown
    assert "Traceback" not in shown
    assert "(stopped early)" in shown
    assert run("similar", "Toy Story", "--model", model).exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def _read(terminal: int) -> Iterator[str]:
    """What is shown on a terminal until all its writers are gone."""
    while True:
        try:
            part = os.read(terminal, 65_536)
        except OSError:  # how Linux says so
            return
        if not part:  # how others do
            return
        yield part.decode(errors="replace")


def test_cold_movies_are_ranked_among_all_and_among_themselves(tmp_path: Path) -> None:
    model = tmp_path / "model"
    quick = ("--epochs", "16", "--no-spectral", "--embedding-dim", "16")
    run("train", "--split", "cold-movies", "--cold-fraction", "0.2", *quick, "--output", model)
    answer = json.loads(run("evaluate", "--model", model, "--k", "20", "--json").stdout)
    among, alone = answer["metrics"], answer["cold_movies_only"]
    assert alone["graphrec"]["ndcg@20"] > alone["popularity"]["ndcg@20"]
    assert among["coverage@20"] > answer["counts"]["cold_movies"] / 409
    shown = run("evaluate", "--model", model)
    assert "cold @20" in shown.stdout
    assert "Cold-start movies only" in shown.stderr
    assert "Note: " not in shown.stderr
    cold = answer["counts"]["cold_movies"]
    long = run("evaluate", "--model", model, "--k", cold).stderr
    assert f"Note: a list of {cold} holds all {cold} cold-start movies" in long
    assert "holds all 409 movies" not in long
