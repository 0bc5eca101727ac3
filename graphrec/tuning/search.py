"""`graphrec.tune`: a search for better settings, and whether what it finds is more than noise."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from graphrec import __version__
from graphrec.config import ModelConfig, TrainConfig, check_together
from graphrec.data.dataset import Dataset
from graphrec.data.split import Split, another_validation, make_split
from graphrec.errors import ConfigError, argument
from graphrec.evaluate.significance import Interval, paired_bootstrap
from graphrec.settings_file import write_settings
from graphrec.train.trainer import Callbacks, check_settings, find_device
from graphrec.tuning.measure import Bench, reports, timer
from graphrec.tuning.space import Space, values_of
from graphrec.tuning.storage import open_study, quiet

if TYPE_CHECKING:
    from pathlib import Path

    import optuna

    from graphrec.charts import Charts

DRAWS = 3
"""Other draws of the validation part on which the best settings are compared with the first."""
_FIRST, _NOTE, _SECONDS = "first", "note", "seconds"


@dataclass(frozen=True, slots=True)
class Trial:
    """Some settings that were tried.

    Attributes:
        number: from 0.
        settings: values of what is searched.
        ndcg: validation NDCG@20; None if it was ended early.
        is_first: whether these are the settings that the search began with.
        is_best: whether it was the best so far.
        note: what else there is to know, such as that the loss was no longer a number.
        seconds: what it took.
    """

    number: int
    settings: dict[str, Any]
    ndcg: float | None
    is_first: bool
    is_best: bool
    note: str
    seconds: float


@dataclass(frozen=True, slots=True)
class TuneCallbacks:
    """What is called while settings are searched.

    Attributes:
        on_study: with the number of trials that the study holds already, at the beginning.
        on_trial: after each trial of this process.
        on_compare: before each training on another draw, with its number from 1 and how many.
        on_stop: after Ctrl-C, with whether the comparison is still to come.
        training: what is called while models are trained.
    """

    on_study: Callable[[int], None] = lambda _: None
    on_trial: Callable[[Trial], None] = lambda _: None
    on_compare: Callable[[int, int], None] = lambda *_: None
    on_stop: Callable[[bool], None] = lambda _: None
    training: Callbacks = field(default_factory=Callbacks)


@dataclass(frozen=True, slots=True, eq=False)
class Tuning:
    """What a search found.

    Attributes:
        space: what was searched, and the settings that the search began with.
        trials: all finished ones of the study, other processes' too.
        best: the settings of the best trial, `first` its values at the beginning.
        best_ndcg, first_ndcg: validation NDCG@20, on the part that the search chose by.
        gain: the mean difference between the two on other draws of the validation part; None if
            the first settings are the best, or the comparison was stopped.
        importances: fractions of the variance of NDCG that each setting explains, the largest
            first; empty where there are too few trials.
        ignored: metadata columns that were left out.
    """

    space: Space
    trials: tuple[Trial, ...] = field(repr=False)
    best: dict[str, Any]
    first: dict[str, Any]
    best_ndcg: float
    first_ndcg: float
    gain: Interval | None
    importances: dict[str, float]
    ignored: tuple[str, ...] = ()

    @property
    def is_better(self) -> bool:
        """Whether the best settings are ahead of the first by more than noise."""
        return self.gain is not None and self.gain.finding == "ahead"

    @property
    def settings(self) -> dict[str, Any]:
        """What to train with, where it isn't the default; for `GraphRecommender` and ``--config``.

        The best settings if they are better by more than noise, else those that the search began
        with.
        """
        model, training = self.space.configs(self.best if self.is_better else self.first)
        defaults = ModelConfig(), TrainConfig()
        names = [one.name for config in defaults for one in fields(config)]
        own, usual = values_of(model, training, names), values_of(*defaults, names)
        return {name: value for name, value in own.items() if value != usual[name]}

    @property
    def verdict(self) -> str:
        """Whether the best settings are better than the first, in a sentence."""
        if self.best == self.first:
            return "No settings were better than the ones that the search began with: keep them."
        if self.gain is None:
            return (
                "The comparison on other draws of the validation part was stopped, so whether the"
                " best settings are better by more than noise isn't known."
            )
        interval = (
            f"{self.gain.mean:+.4f} ndcg@20 on {DRAWS} other draws of the validation part"
            f" (95 % interval {self.gain.low:+.4f} to {self.gain.high:+.4f}, paired by user)"
        )
        if self.is_better:
            return f"The best settings are better by more than noise: {interval}."
        what = "worse" if self.gain.finding == "behind" else "no better than noise"
        return f"The settings that the search began with are fine; the best are {what}: {interval}."

    def save(self, path: str | Path) -> None:
        """Write `settings` as a file that ``graphrec train --config`` reads."""
        found = ", ".join(f"{n}: {_shown(v)}" for n, v in self.best.items())
        lines = [self.verdict, f"Trials: {len(self.trials)}. Best on validation: {found}"]
        own: dict[str, Any] = {n: v for n, v in self.settings.items() if n != "device"}
        if self.ignored:
            own["ignore_column"] = list(self.ignored)
        write_settings(path, own, comment="\n".join(lines))

    def plots(self) -> Charts:
        """The search in charts; see ``.save("tuning.html")``."""
        from graphrec.tuning.plots import tuning_plots

        return tuning_plots(self)

    def to_dict(self) -> dict[str, Any]:
        """All of it, fit for JSON."""
        return {
            "verdict": self.verdict,
            "is_better": self.is_better,
            "settings": self.settings,
            "best": self.best,
            "first": self.first,
            "valid": {"best": self.best_ndcg, "first": self.first_ndcg},
            "gain": None
            if self.gain is None
            else {**asdict(self.gain), "finding": self.gain.finding, "draws": DRAWS},
            "importances": self.importances,
            "trials": [asdict(trial) for trial in self.trials],
        }


def _shown(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def tune(
    dataset: Dataset,
    split: Split | None = None,
    model_config: ModelConfig | None = None,
    config: TrainConfig | None = None,
    *,
    trials: int = 30,
    timeout: float | None = None,
    storage: str | None = None,
    search: Sequence[str] | None = None,
    validation: str | None = None,
    ignore: tuple[str, ...] = (),
    callbacks: TuneCallbacks | None = None,
) -> Tuning:
    """Search for better settings by the validation part; the test part is never looked at.

    The first trial is the settings as they are given, the second the defaults where these are
    others; the rest are drawn by a tree-structured Parzen estimator (Bergstra et al., NIPS 2011)
    between the bounds that the fields of `ModelConfig` and `TrainConfig` declare. A trial that is
    below the median of the others after as many steps is ended. At last the best settings and the
    first are trained anew on other draws of the validation part, and their difference is given with
    an interval over users, because the best of many trials owes part of its lead to luck.

    Ctrl-C ends the search and keeps what it found; once more ends the comparison.

    Args:
        dataset, split: as for `graphrec.fit`; by default the split of `graphrec.make_split`.
        model_config, config: where the search begins, the defaults where None.
        trials: of the study in all, earlier and other processes' ones included.
        timeout: seconds after which the search ends.
        storage: where the study is kept, such as ``sqlite:///study.db`` or a PostgreSQL's URL.
            Processes with the same data, settings and storage share one study, and a later call
            goes on from it. None keeps it in memory.
        search: names of the settings to search; by default those that usually matter.
        validation: how validation was drawn, as for `graphrec.make_split`.
        ignore: metadata columns to leave out.
        callbacks: what is called meanwhile.

    Raises:
        ConfigError: if settings don't go together or with the data, the storage can't be used,
            there is nothing to validate on, or the search ended before the first trial.
    """
    model_config, config = model_config or ModelConfig(), config or TrainConfig()
    callbacks = callbacks or TuneCallbacks()
    check_together(model_config, config)
    find_device(config.device)
    if trials < 1:
        raise ConfigError(argument("trials"), f" is {trials}; it must be 1 or more.")
    if timeout is not None and timeout <= 0:
        raise ConfigError(argument("timeout"), f" is {timeout:g} s; it must be above 0.")
    split = split or make_split(dataset, seed=config.seed, validation=validation)
    ignore = dataset.metadata_names(ignore)
    check_settings(dataset, model_config, config, ignore)
    has_metadata = bool(set(dataset.metadata.columns) - set(ignore))
    space = Space.of(
        model_config,
        config,
        search,
        has_metadata=has_metadata,
        num_users=dataset.interactions.num_users,
    )
    bench = Bench(dataset, split, config.seed, ignore=ignore)
    if not bench.experiment.validator.can_score:
        raise ConfigError("there are too few interactions for validation, so none to tune by.")
    task = _Task(dataset, split, space, validation, ignore, callbacks)
    with quiet(), open_study(storage, _study_name(task), config.seed) as study:
        callbacks.on_study(len(_finished(study)))
        is_late = timer(timeout)
        stopped = _search(study, task, bench, trials, is_late)
        done = tuple(_trials(study))
        first = next((trial for trial in done if trial.is_first and trial.ndcg is not None), None)
        if first is None:
            raise ConfigError("the search ended before its first trial; give it more time.")
        best = next(trial for trial in reversed(done) if trial.is_best)
        if best.ndcg == first.ndcg:
            best = first
        found = {name: best.settings[name] for name in space.searches}
        gain = None
        if stopped:
            callbacks.on_stop(best is not first)
        if found != space.values():
            try:
                gain = _compare(task, found)
            except KeyboardInterrupt:
                callbacks.on_stop(False)
        return Tuning(
            space=space,
            trials=done,
            best=found,
            first=space.values(),
            best_ndcg=best.ndcg or 0.0,
            first_ndcg=first.ndcg or 0.0,
            gain=gain,
            importances=_importances(study),
            ignored=ignore,
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """What `tune` was asked for."""

    dataset: Dataset
    split: Split
    space: Space
    validation: str | None
    ignore: tuple[str, ...]
    callbacks: TuneCallbacks


def _study_name(task: _Task) -> str:
    """A name that changes with whatever changes what a trial's value means."""
    split, space, digest = task.split, task.space, hashlib.sha256()
    for rows in (split.train, split.valid, split.valid_history):
        digest.update(rows.tobytes())
    own = {**asdict(space.model), **asdict(space.training), "device": None}
    parts = [task.dataset.fingerprint(), __version__, own, task.ignore]
    parts.append({name: asdict(one) for name, one in space.searches.items()})
    digest.update(json.dumps(parts, default=str, sort_keys=True).encode())
    return f"graphrec {task.dataset.name} {digest.hexdigest()[:12]}"


class _TimeUpError(Exception):
    """The search has no more time."""


class _InterruptedError(Exception):
    """Ctrl-C, as an exception that makes Optuna mark the trial as failed."""


def _search(
    study: optuna.Study, task: _Task, bench: Bench, trials: int, is_late: Callable[[], bool]
) -> bool:
    """Try settings until there are enough trials or no more time; whether Ctrl-C ended it."""
    space, callbacks = task.space, task.callbacks

    def objective(trial: optuna.Trial) -> float:
        import optuna

        began, is_first = time.monotonic(), bool(trial.user_attrs.get(_FIRST))

        def check() -> None:
            if is_late() and not is_first:
                raise _TimeUpError

        def report(step: int, ndcg: float) -> None:
            trial.report(ndcg, step)
            if not is_first and trial.should_prune():
                raise optuna.TrialPruned

        try:
            settings = space.configs(space.suggest(trial))
            own = callbacks.training.beside(reports(report, check))
            return float(bench.measure(*settings, own).mean())
        except ConfigError as error:  # settings that can't be trained with are the worst
            trial.set_user_attr(_NOTE, str(error))
            return 0.0
        except KeyboardInterrupt:
            raise _InterruptedError from None
        finally:
            trial.set_user_attr(_SECONDS, round(time.monotonic() - began, 3))

    try:
        while True:
            if _first_trial(study, running=True) is None:
                study.enqueue_trial(space.values(), user_attrs={_FIRST: True})
                defaults = values_of(ModelConfig(), TrainConfig(), space.searches)
                if defaults != space.values():
                    study.enqueue_trial(defaults, skip_if_exists=True)
            elif is_late() or _num_begun(study) >= trials:
                break
            _run_one(study, objective, callbacks)
        if _first_trial(study) is None:  # the process that had begun it is gone
            study.enqueue_trial(space.values(), user_attrs={_FIRST: True})
            _run_one(study, objective, callbacks)
    except _TimeUpError:
        return False
    except (_InterruptedError, KeyboardInterrupt):
        return True
    return False


def _run_one(
    study: optuna.Study, objective: Callable[[optuna.Trial], float], callbacks: TuneCallbacks
) -> None:
    ran: list[int] = []
    study.optimize(objective, n_trials=1, callbacks=[lambda _, trial: ran.append(trial.number)])
    for trial in _trials(study):
        if trial.number in ran:
            callbacks.on_trial(trial)


def _num_begun(study: optuna.Study) -> int:
    """Trials that are finished or, as far as is known, under way."""
    from optuna.trial import TrialState

    states = TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING
    return len(study.get_trials(deepcopy=False, states=states))


def _finished(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    from optuna.trial import TrialState

    states = TrialState.COMPLETE, TrialState.PRUNED
    return study.get_trials(deepcopy=False, states=states)


def _first_trial(study: optuna.Study, *, running: bool = False) -> Any:
    """The trial of the settings that the search began with, once it has a value."""
    from optuna.trial import TrialState

    states = [TrialState.COMPLETE]
    if running:
        states += [TrialState.RUNNING, TrialState.WAITING]
    own = (t for t in study.get_trials(deepcopy=False, states=states) if _FIRST in t.user_attrs)
    return next(own, None)


def _trials(study: optuna.Study) -> Iterator[Trial]:
    from optuna.trial import TrialState

    best = -np.inf
    for one in _finished(study):
        value = one.value if one.state is TrialState.COMPLETE else None
        is_best = value is not None and value > best
        best = max(best, value if value is not None else best)
        yield Trial(
            number=one.number,
            settings=dict(one.params),
            ndcg=value,
            is_first=_FIRST in one.user_attrs,
            is_best=is_best,
            note=one.user_attrs.get(_NOTE, ""),
            seconds=one.user_attrs.get(_SECONDS, 0.0),
        )


def _compare(task: _Task, found: dict[str, Any]) -> Interval:
    """The best settings less the first, by users, on other draws of the validation part."""
    space, callbacks, ignore = task.space, task.callbacks, task.ignore
    num_users = task.dataset.interactions.num_users
    total, count = np.zeros(num_users), np.zeros(num_users)
    for draw in range(1, DRAWS + 1):
        seed = (space.training.seed + draw) % 2**32
        other = another_validation(task.dataset, task.split, seed=seed, validation=task.validation)
        bench, scores = Bench(task.dataset, other, seed, ignore=ignore), []
        for number, values in enumerate((space.values(), found)):
            callbacks.on_compare(2 * draw - 1 + number, 2 * DRAWS)
            try:
                scores.append(bench.measure(*space.configs(values), callbacks.training))
            except ConfigError:  # the loss is no longer a number
                scores.append(np.zeros(len(bench.experiment.validator.users)))
        users = np.sort(bench.experiment.validator.users)
        total[users] += scores[1] - scores[0]
        count[users] += 1
    measured = count > 0
    rng = np.random.default_rng(space.training.seed)
    return paired_bootstrap(total[measured] / count[measured], rng=rng)


def _importances(study: optuna.Study) -> dict[str, float]:
    """How much of the variance each setting explains (fANOVA, Hutter et al., ICML 2014)."""
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    try:
        evaluator = FanovaImportanceEvaluator(seed=0)
        found = get_param_importances(study, evaluator=evaluator)
    except (ValueError, RuntimeError):  # too few trials, or all alike
        return {}
    return {name: float(share) for name, share in found.items()}
