"""How good some settings are on a validation part, without making the final model."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor

from graphrec.config import ModelConfig, TrainConfig
from graphrec.data.dataset import Dataset
from graphrec.data.split import Split
from graphrec.evaluate.scorers import ModelScorer
from graphrec.train.closed_form import ClosedForm
from graphrec.train.trainer import (
    Callbacks,
    Epoch,
    Experiment,
    combine,
    find_device,
    train_part,
    trained_parts,
)
from graphrec.train.validation import choose_blend

STEPS_A_REPORT = 100
"""Steps of training between two values that a trial may be ended by."""


class Bench:
    """A split on which settings are tried; what they have in common is made once.

    Args:
        dataset, split, ignore: as for `graphrec.fit`.
        seed: of everything random.
    """

    def __init__(
        self, dataset: Dataset, split: Split, seed: int, *, ignore: tuple[str, ...] = ()
    ) -> None:
        self.experiment = Experiment.of(dataset, split, seed, ignore=ignore)
        self.num_users, self.seed = dataset.interactions.num_users, seed
        self._closed: dict[tuple[Any, ...], ClosedForm] = {}

    def measure(
        self, model_config: ModelConfig, training: TrainConfig, callbacks: Callbacks
    ) -> np.ndarray:
        """Train on the training part and let validation choose, as `graphrec.fit` does.

        Returns NDCG@20 of each validation user, in ascending order, float64 [V].

        Raises:
            ConfigError: if the loss is no longer a number.
            KeyboardInterrupt: if interrupted.
        """
        experiment, validator = self.experiment, self.experiment.validator
        config = replace(training, seed=self.seed).for_users(self.num_users)
        config = replace(config, device=str(find_device(config.device)))
        closed, parts = self._closed_form(model_config), []
        for part in trained_parts(model_config, experiment.train):
            trained = train_part(
                part, experiment, model_config, config.candidates, callbacks, anew=False
            )
            if trained.interrupted:
                raise KeyboardInterrupt
            parts.append(trained)
        model = combine(parts, closed, experiment.train, on_train=True, cosine=config.cosine)
        candidates = parts[0].popularity_candidates if parts else ()
        blend = choose_blend(validator, model, candidates)
        scorer = ModelScorer(model.with_blend(blend), validator.history)

        def score(users: np.ndarray) -> list[Tensor]:
            return [scorer.score(users)]

        return np.asarray(validator.ndcgs_by_user(score)[0])

    def _closed_form(self, config: ModelConfig) -> ClosedForm:
        key = config.spectral, config.spectral_dim, config.paths
        if key not in self._closed:
            self._closed[key] = ClosedForm.choose(self.experiment.validator, config, self.seed)
        return self._closed[key]


def reports(report: Callable[[int, float], None], check: Callable[[], None]) -> Callbacks:
    """Callbacks that report how the first trained part does, for trials to be ended early.

    Args:
        report: called with so many times `STEPS_A_REPORT` steps, each once and ascending, and the
            best validation so far; over all temperatures where validation chooses among several.
        check: called after each step; it may raise.
    """
    stages: list[str] = []
    steps_an_epoch = last = 0
    best = -np.inf

    def on_stage(name: str, _: int | None) -> None:
        stages.append(name)

    def on_batch(_epoch: int, _done: int, num_batches: int, _loss: float) -> None:
        nonlocal steps_an_epoch
        steps_an_epoch = num_batches
        check()

    def on_epoch(epoch: Epoch) -> None:
        nonlocal best, last
        best, reached = max(best, epoch.valid), epoch.number * steps_an_epoch // STEPS_A_REPORT
        if stages[-1] == stages[0] and reached > last:
            last = reached
            report(reached, best)

    return Callbacks(on_stage, on_batch, on_epoch)


def timer(seconds: float | None) -> Callable[[], bool]:
    """Whether so many seconds have passed since this call; never for None."""
    end = None if seconds is None else time.monotonic() + seconds
    return lambda: end is not None and time.monotonic() > end
