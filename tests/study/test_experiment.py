"""The study as a whole: the same whether it was stopped or not, and it says what it needs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from graphrec.data.dataset import Dataset, make_dataset
from graphrec.errors import ConfigError
from graphrec.evaluate.classical import TRIALS
from graphrec.study import Study, StudySettings, ablate
from graphrec.study.arms import Group, choose_arms
from graphrec.study.experiment import StudyCallbacks, check_libraries
from graphrec.study.subsets import BUCKETS
from tests.study.worlds import Taste, planted_world

SMALL = StudySettings(seeds=2, cold_fraction=0.25, epochs=4, embedding_dim=8)
TIMES = ("seconds", "memory")


@pytest.fixture(scope="module", autouse=True)
def quick_trials() -> Iterator[None]:
    """As many settings of each classical method, of few columns and epochs."""
    small = {"dim": 4, "epochs": 2, "factors": 4, "iterations": 2}
    with pytest.MonkeyPatch.context() as patch:
        for method, trials in TRIALS.items():
            quick = tuple(
                {**trial, **{n: small[n] for n in trial if n in small}} for trial in trials
            )
            patch.setitem(TRIALS, method, quick)
        patch.setattr("graphrec.study.meter._give_back", lambda: None)  # slow in a large process
        yield


@pytest.fixture(scope="module")
def world() -> Dataset:
    return planted_world(Taste.BOTH, 7)


@pytest.fixture(scope="module")
def study(world: Dataset, tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Path]:
    """A whole study of few epochs, with every group of arms, and its folder."""
    folder = tmp_path_factory.mktemp("study")
    done = ablate(world, SMALL, folder=folder)
    done.save(folder)
    return done, folder


def _without_times(results: dict[str, Any]) -> dict[str, Any]:
    kept = json.loads(json.dumps(results))
    kept.pop("created")
    for arm in kept["arms"]:
        for name in TIMES:
            arm.pop(name)
    return dict(kept)


def test_all_arms_on_all_subsets(study: tuple[Study, Path]) -> None:
    results = study[0].results
    names = [arm["name"] for arm in results["arms"]]
    expected = [arm.name for arm in choose_arms(tuple(Group), (), drop_leaky=False)]
    assert names == expected
    assert len(set(names)) == len(names) == 17
    assert list(results["subsets"]) == ["warm", "tail", "cold", "all"]
    for arm in results["arms"]:
        buckets = {bucket["name"] for bucket in results["buckets"]}
        assert {*arm["subsets"]} == buckets | {*results["subsets"]}
        assert buckets <= {*BUCKETS}
        for subset, figures in arm["subsets"].items():
            figure = figures["ndcg@20"]
            assert figure["low"] <= figure["mean"] <= figure["high"], (arm["name"], subset)
            assert figure["mean"] == pytest.approx(sum(figure["seeds"]) / 2, abs=0.02)
            assert figure["seeds_low"] <= figure["mean"] <= figure["seeds_high"]
        assert arm["seconds"] >= 0
    costs = {arm["name"]: arm for arm in results["arms"]}
    assert costs["id"]["bytes_per_user"] == 4 * 8
    assert costs["id"]["parameters"] == (300 + 200) * 8
    assert costs["ease"]["parameters"] == 200 * 200


def test_differences_are_those_of_the_figures(study: tuple[Study, Path]) -> None:
    results = study[0].results
    quality = {arm["name"]: arm["subsets"] for arm in results["arms"]}
    pairs = {(row["first"], row["second"]) for row in results["differences"]}
    assert {("id+metadata", "id"), ("id+metadata", "metadata"), ("id", "metadata")} <= pairs
    assert ("id + shuffled metadata", "id") in pairs
    for row in results["differences"]:
        first, second = (quality[row[name]][row["subset"]] for name in ("first", "second"))
        expected = first["ndcg@20"]["mean"] - second["ndcg@20"]["mean"]
        assert row["mean"] == pytest.approx(expected, abs=1e-9)
        assert row["p_value"] <= row["p_holm"]
        if row["low"] <= 0 <= row["high"]:
            assert row["verdict"] == "tie"


@pytest.mark.slow
def test_stopped_anywhere_it_goes_on_to_the_same_results(
    study: tuple[Study, Path], world: Dataset, tmp_path: Path
) -> None:
    for stop_at in (2, 20):
        seen: list[str] = []

        def stop(number: int, _total: int, _seed: int, arm: str, _: Any = None) -> None:
            seen.append(arm)  # noqa: B023
            if number >= stop_at:  # noqa: B023
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            ablate(world, SMALL, folder=tmp_path, callbacks=StudyCallbacks(on_arm=stop))
    measured: list[int] = []
    again = ablate(
        world,
        SMALL,
        folder=tmp_path,
        callbacks=StudyCallbacks(on_measured=lambda done, *_: measured.append(done)),
    )
    assert measured == list(range(21, 35))
    assert _without_times(again.results) == _without_times(study[0].results)


def test_other_settings_start_anew(study: tuple[Study, Path], world: Dataset) -> None:
    _, folder = study
    started: list[int] = []

    def stop(number: int, *_: Any) -> None:
        started.append(number)
        raise KeyboardInterrupt

    other = StudySettings(seeds=2, cold_fraction=0.3, epochs=4, embedding_dim=8)
    with pytest.raises(KeyboardInterrupt):
        ablate(world, other, folder=folder, callbacks=StudyCallbacks(on_arm=stop))
    assert started == [0]


def test_results_and_report_are_written(study: tuple[Study, Path]) -> None:
    done, folder = study
    assert json.loads((folder / "results.json").read_text(encoding="utf-8")) == done.results
    assert (folder / "report.html").is_file()
    assert list(done.table.columns[:3]) == ["arm", "group", "warm"]
    assert done.verdict.endswith(".")


def test_each_method_has_four_settings_and_keeps_its_choice(study: tuple[Study, Path]) -> None:
    _, folder = study
    (file,) = folder.rglob("choices.json")
    choices = json.loads(file.read_text(encoding="utf-8"))
    graph = [f"{part}, {layers} layers" for layers in (1, 0) for part in ("metadata", "id")]
    assert set(choices) == {*graph, "item-knn", "ease", "item2vec", "glove", "als"}


def test_without_metadata_there_is_nothing_to_study(world: Dataset) -> None:
    settings = StudySettings.quick(ignore=("genres",))
    with pytest.raises(ConfigError, match="there is no metadata to compare with"):
        ablate(world, settings)


def test_missing_libraries_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = {"gensim", "matplotlib"}
    monkeypatch.setattr(
        "graphrec.study.experiment.find_spec", lambda name: None if name in gone else name
    )
    with pytest.raises(ConfigError, match=r"needs matplotlib and gensim; .* 'graphrec\[study\]'"):
        check_libraries(StudySettings())
    gone.remove("matplotlib")
    check_libraries(StudySettings.quick())


def test_settings_are_checked() -> None:
    with pytest.raises(ConfigError, match=r"^embedding_dim is 0"):
        StudySettings(embedding_dim=0)
    with pytest.raises(ConfigError, match=r"^seeds is 0; it must be 1 or more\."):
        StudySettings(seeds=0)


def test_few_movies_with_many_ratings_leave_a_figure_out(tmp_path: Path) -> None:
    """Where no movie has more than 20 ratings, what they explain isn't measured, and not said."""
    rng = np.random.default_rng(0)
    pairs = [(user, movie) for user in range(80) for movie in rng.choice(120, 12, replace=False)]
    ratings = pd.DataFrame(pairs, columns=["user_id", "movie_id"])
    movies = pd.DataFrame({"movie_id": range(120), "year": rng.integers(1950, 2020, 120)})
    dataset = make_dataset(ratings, movies, note=lambda _: None)
    for folder in (None, tmp_path):
        study = ablate(dataset, StudySettings.quick(epochs=2, embedding_dim=4), folder=folder)
        assert study.results["geometry"]["r_squared_well_rated"] is None
        assert study.finding == "neither"
        assert "explain" not in study.verdict
