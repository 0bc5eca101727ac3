"""`graphrec.tune` on a world whose right answers are known."""

from __future__ import annotations

import dataclasses
import warnings
from pathlib import Path
from typing import Any

import pytest
from sklearn.base import clone
from sklearn.model_selection import ParameterSampler

import graphrec
from graphrec.config import ModelConfig, NodeState, TrainConfig
from graphrec.data.dataset import Dataset
from graphrec.data.split import Split
from graphrec.errors import ConfigError
from graphrec.settings_file import read_settings
from graphrec.train.trainer import Callbacks
from graphrec.tuning.search import TuneCallbacks

optuna = pytest.importorskip("optuna", reason="Optuna is not installed: graphrec[tune]")

# what is learned decides: without parts in closed form a bad start stays bad
MODEL = ModelConfig(
    embedding_dim=8, spectral=False, paths=False, node_state=NodeState.ID, num_layers=0
)
GOOD = TrainConfig(epochs=12, batch_size=10, validate_every=2, temperature=0.2, learning_rate=0.05)
BAD = dataclasses.replace(GOOD, learning_rate=1e-6)


def _tune(world: tuple[Dataset, Split], training: TrainConfig, **options: Any) -> Any:
    return graphrec.tune(*world, MODEL, training, **({"search": ["learning_rate"]} | options))


def test_finds_the_way_back_from_a_bad_start(
    small_world: tuple[Dataset, Split], tmp_path: Path
) -> None:
    seen: list[Any] = []
    compared: list[tuple[int, int]] = []
    callbacks = TuneCallbacks(
        on_trial=seen.append, on_compare=lambda *numbers: compared.append(numbers)
    )
    tuning = _tune(small_world, BAD, trials=14, callbacks=callbacks)
    assert len(tuning.trials) == len(seen) == 14
    assert seen[0].is_first
    assert [trial.settings["learning_rate"] for trial in seen[:2]] == [1e-6, 2e-3]
    assert compared == [(number, 6) for number in range(1, 7)]
    assert tuning.best_ndcg > tuning.first_ndcg + 0.1
    assert tuning.best["learning_rate"] > 1e-3
    assert tuning.is_better
    assert tuning.gain.low > 0
    assert "better by more than noise" in tuning.verdict
    assert tuning.settings["learning_rate"] == tuning.best["learning_rate"]
    assert tuning.importances == {"learning_rate": pytest.approx(1)}
    for ending in ("html", "png"):
        tuning.plots().save(tmp_path / f"tuning.{ending}")
    page = (tmp_path / "tuning.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 2
    assert f"<th>learning_rate</th><td>1e-06 at first, {tuning.best['learning_rate']:.3g}" in page
    tuning.save(tmp_path / "tuned.yaml")
    written = read_settings(tmp_path / "tuned.yaml")
    assert float(str(written["learning_rate"])) == pytest.approx(tuning.best["learning_rate"])
    assert written["node_state"] == "id"
    dataset, split = small_world
    model = graphrec.GraphRecommender(**tuning.settings).fit(dataset, split=split, verbose=False)
    assert model.validation_ == pytest.approx(tuning.best_ndcg, abs=1e-6)


def test_defaults_that_are_fine_are_kept(small_world: tuple[Dataset, Split]) -> None:
    trained = dataclasses.replace(GOOD, epochs=30)
    lucky = _tune(small_world, trained, trials=5, search=["logq_correction"])
    assert lucky.best_ndcg > lucky.first_ndcg + 0.02  # the best of five, by luck
    assert lucky.gain.finding == "tie"
    assert "are fine; the best are no better than noise" in lucky.verdict
    assert lucky.settings["learning_rate"] == 0.05
    assert "logq_correction" not in lucky.settings
    idle = _tune(small_world, GOOD, trials=3, search=["num_negatives"])  # more than there are
    assert idle.best == idle.first
    assert idle.gain is None
    assert "keep them" in idle.verdict


def test_the_test_part_is_never_looked_at(small_world: tuple[Dataset, Split]) -> None:
    dataset, split = small_world
    own = dataset.interactions
    movie = own.movie.copy()
    movie[split.test] = (movie[split.test] + 1) % own.num_movies
    changed = dataclasses.replace(
        dataset, interactions=dataclasses.replace(own, movie=movie, rating=None)
    )
    as_it_was = dataclasses.replace(dataset, interactions=dataclasses.replace(own, rating=None))
    before, after = (_tune((one, split), BAD, trials=3).to_dict() for one in (as_it_was, changed))
    for one in (before, after):
        for trial in one["trials"]:
            del trial["seconds"]
    assert before == after


def test_ctrl_c_keeps_what_was_found(small_world: tuple[Dataset, Split]) -> None:
    stopped: list[bool] = []
    trials = 0

    def on_trial(_: object) -> None:
        nonlocal trials
        trials += 1

    def on_batch(epoch: int, *_: object) -> None:
        if trials == 3 and epoch == 5 and not stopped:
            raise KeyboardInterrupt

    callbacks = TuneCallbacks(
        on_trial=on_trial, on_stop=stopped.append, training=Callbacks(on_batch=on_batch)
    )
    tuning = _tune(small_world, BAD, trials=20, callbacks=callbacks)
    assert len(tuning.trials) == 3
    assert stopped == [True]
    assert tuning.gain is not None

    def on_compare(number: int, _: int) -> None:
        if number == 2:
            raise KeyboardInterrupt

    tuning = _tune(small_world, BAD, trials=3, callbacks=TuneCallbacks(on_compare=on_compare))
    assert tuning.gain is None
    assert "was stopped" in tuning.verdict
    assert tuning.settings["learning_rate"] == 1e-6


def test_time_is_limited_but_not_for_the_first_trial(small_world: tuple[Dataset, Split]) -> None:
    tuning = _tune(small_world, GOOD, trials=1000, timeout=1e-3)
    assert [trial.is_first for trial in tuning.trials] == [True]


def test_a_study_that_is_kept_goes_on(small_world: tuple[Dataset, Split], tmp_path: Path) -> None:
    storage, held = f"sqlite:///{tmp_path}/study.db", list[int]()
    callbacks = TuneCallbacks(on_study=held.append)
    first = _tune(small_world, BAD, trials=2, storage=storage, callbacks=callbacks)
    again = _tune(small_world, BAD, trials=4, storage=storage, callbacks=callbacks)
    assert held == [0, 2]
    assert again.trials[:2] == first.trials
    assert len(again.trials) == 4
    other = _tune(small_world, GOOD, trials=1, storage=storage, callbacks=callbacks)
    assert held == [0, 2, 0]  # other settings to begin with: a study of their own
    assert len(other.trials) == 1
    assert len(optuna.get_all_study_names(storage)) == 2


def test_postgresql_keeps_a_study(
    small_world: tuple[Dataset, Split], postgresql_server: str
) -> None:
    tuning = _tune(small_world, BAD, trials=2, storage=postgresql_server)
    assert len(tuning.trials) == 2
    assert len(_tune(small_world, BAD, trials=3, storage=postgresql_server).trials) == 3


def test_settings_that_cannot_be_trained_with_are_the_worst(
    small_world: tuple[Dataset, Split],
) -> None:
    bad = dataclasses.replace(GOOD, learning_rate=1e38, loss="bpr", temperature=None)
    tuning = _tune(small_world, bad, trials=6)
    assert tuning.first_ndcg == 0
    assert "no longer a number" in tuning.trials[0].note
    assert tuning.best_ndcg > 0


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"trials": 0}, "trials is 0; it must be 1 or more"),
        ({"timeout": 0.0}, "timeout is 0 s; it must be above 0"),
        ({"search": ["epochs"]}, "search='epochs': one can search"),
        ({"storage": "study.db"}, "storage='study.db' is not the URL of a database"),
        ({"storage": "sqlite:////no/such/folder/s.db"}, "can't be used: unable to open"),
        ({"storage": "nonsense://host/s"}, "storage='nonsense://host/s' needs another package"),
    ],
)
def test_what_cannot_work_is_refused(
    options: dict[str, Any], sentence: str, small_world: tuple[Dataset, Split]
) -> None:
    with pytest.raises(ConfigError) as caught:
        _tune(small_world, GOOD, **options)
    assert sentence in str(caught.value)


def test_the_estimator_in_an_objective_of_ones_own(small_world: tuple[Dataset, Split]) -> None:
    dataset, split = small_world

    def objective(trial: optuna.Trial) -> float:
        rate = trial.suggest_float("learning_rate", 1e-6, 0.1, log=True)
        model = graphrec.GraphRecommender(
            embedding_dim=8, epochs=4, node_state="id", spectral=False, learning_rate=rate
        )
        return model.fit(dataset, split=split, verbose=False).validation_

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(objective, n_trials=3)
    assert 0 < study.best_value <= 1


def test_the_estimator_with_scikit_learns_sampler(
    small_world: tuple[Dataset, Split], tmp_path: Path
) -> None:
    from scipy.stats import loguniform, randint

    dataset, split = small_world
    space = {
        "learning_rate": loguniform(1e-4, 0.1),
        "embedding_dim": randint(4, 12),
        "loss": ["softmax", "bpr"],
        "num_neighbors": [()],
    }
    base = graphrec.GraphRecommender(epochs=2, spectral_dim=8)
    for number, settings in enumerate(ParameterSampler(space, 3, random_state=0)):
        model = clone(base).set_params(**settings).fit(dataset, split=split, verbose=False)
        assert model.get_params() == base.get_params() | settings
        assert 0 <= model.validation_ <= 1
        model.save(tmp_path / str(number))  # NumPy's numbers, too
    assert not base.is_fitted


def test_optuna_is_as_talkative_afterwards_as_before(
    small_world: tuple[Dataset, Split],
) -> None:
    optuna.logging.set_verbosity(optuna.logging.INFO)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        _tune(small_world, GOOD, trials=1)
    assert optuna.logging.get_verbosity() == optuna.logging.INFO
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    assert not caught
