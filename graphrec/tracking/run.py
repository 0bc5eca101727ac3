"""One training, followed by some trackers through the callbacks of `graphrec.fit`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from graphrec import __version__
from graphrec.config import ModelConfig, TrainConfig
from graphrec.data.dataset import Dataset
from graphrec.data.files import Note, warn
from graphrec.data.split import Split
from graphrec.formatting import to_jsonable
from graphrec.tracking.trackers import Tracker, make_tracker
from graphrec.train.estimate import peak_memory
from graphrec.train.trainer import Callbacks, Epoch, Fitted

_AGAIN = ", on all ratings"


class TrackedRun:
    """A run of training that is kept by some trackers.

    A tracker that fails on the way is left, with a note: training is worth more than its record.

    Args:
        tracks: as ``--track`` takes them, such as ``csv``, ``tensorboard=FOLDER``,
            ``mlflow=http://host:5000``.
        dataset, split, model_config, config: as for `graphrec.fit`.
        note: called with one sentence if a tracker fails.

    Attributes:
        callbacks: for `graphrec.fit`.

    Raises:
        ConfigError: if a tracker can't be used.

    Example::

        with TrackedRun(["csv"], dataset, split) as run:
            fitted = graphrec.fit(dataset, split, callbacks=run.callbacks)
            run.finish(fitted)
    """

    def __init__(
        self,
        tracks: Sequence[str],
        dataset: Dataset,
        split: Split,
        model_config: ModelConfig | None = None,
        config: TrainConfig | None = None,
        *,
        note: Note = warn,
    ) -> None:
        config = config or TrainConfig()
        self._config, self._note = config, note
        self._trackers: list[Tracker] = []
        self._finished = False
        facts = _facts(dataset, split, model_config or ModelConfig(), config) if tracks else {}
        try:
            for text in dict.fromkeys(tracks):
                self._trackers.append(make_tracker(text, dataset.name, facts))
        except BaseException as error:
            self._fail(str(error))
            raise
        self.callbacks = self._callbacks()

    @property
    def places(self) -> list[str]:
        """Where to look for it."""
        return [tracker.place for tracker in self._trackers]

    def finish(
        self,
        fitted: Fitted,
        folder: Path | None = None,
        *,
        test: Mapping[str, float] | None = None,
    ) -> None:
        """Keep what came out.

        Args:
            fitted: as `graphrec.fit` returns it.
            folder: of the saved model.
            test: metrics on the test part, if they were measured.
        """
        figures = {"valid/ndcg@20": fitted.valid, "seconds": fitted.seconds}
        if (memory := peak_memory()) is not None:
            figures["peak_memory_bytes"] = memory
        for name, part in fitted.parts.items():
            figures |= {f"{name}/best_epoch": part.best.number, f"{name}/seconds": part.seconds}
        figures |= {
            f"weight/{n}": float(getattr(fitted.model.blend, n)) for n in fitted.model.blocks
        }
        figures |= {f"test/{name}": value for name, value in (test or {}).items()}
        known = {name: value for name, value in figures.items() if math.isfinite(value)}
        self._finished = True
        self._each(lambda tracker: tracker.finish(known, folder))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self._finished:
            self._fail("interrupted" if kind is KeyboardInterrupt else str(error or "not finished"))

    def _fail(self, reason: str) -> None:
        self._each(lambda tracker: tracker.fail(reason))

    def _each(self, call: Callable[[Tracker], None]) -> None:
        for tracker in tuple(self._trackers):
            try:
                call(tracker)
            except Exception as error:  # of whatever package
                self._trackers.remove(tracker)
                first = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
                self._note(f"the run is no longer kept by {tracker.place}: {first}.")

    def _callbacks(self) -> Callbacks:
        """Losses and validations by epoch, under the name of the part that is trained.

        Where validation chooses among temperatures, each has a curve of its own: they are tried in
        the order of `TrainConfig.candidates`, and then the best goes on.
        """
        temperatures = [config.temperature for config in self._config.candidates]
        runs: dict[str, list[float]] = {}
        name, loss = "", math.nan

        def on_stage(stage: str, _: int | None) -> None:
            nonlocal name
            part, found, rest = stage.partition(" embeddings")
            if not found:
                name = ""
            elif rest == _AGAIN:
                name = f"{part}/again"
            else:
                tried = runs.setdefault(part, [])
                index = len(tried)
                if index < len(temperatures):
                    tried.append(-math.inf)
                else:
                    index = max(range(index), key=tried.__getitem__)
                several = len(temperatures) > 1
                name = f"{part}/temperature_{temperatures[index]:g}" if several else part

        def on_batch(epoch: int, done: int, num_batches: int, mean_loss: float) -> None:
            nonlocal loss
            loss = mean_loss
            if name and done == num_batches and math.isfinite(loss):
                self._each(lambda tracker: tracker.record({f"{name}/loss": loss}, epoch))

        def on_epoch(epoch: Epoch) -> None:
            if not math.isfinite(epoch.valid):
                return
            part = name.partition("/")[0]
            index = len(runs[part]) - 1
            runs[part][index] = max(runs[part][index], epoch.valid)
            figures = {f"{name}/valid_ndcg@20": epoch.valid, f"{name}/seconds": epoch.seconds}
            self._each(lambda tracker: tracker.record(figures, epoch.number))

        return Callbacks(on_stage=on_stage, on_batch=on_batch, on_epoch=on_epoch)


def _facts(
    dataset: Dataset, split: Split, model_config: ModelConfig, config: TrainConfig
) -> dict[str, Any]:
    """The settings and the data of a run."""
    return {
        **to_jsonable(asdict(model_config)),
        **to_jsonable(asdict(config.for_users(dataset.interactions.num_users))),
        "data": dataset.name,
        "data_fingerprint": dataset.fingerprint(),
        "users": dataset.interactions.num_users,
        "movies": dataset.interactions.num_movies,
        "interactions": len(dataset.interactions),
        "split": split.kind.value,
        "train_rows": len(split.train),
        "valid_rows": len(split.valid),
        "test_rows": len(split.test),
        "graphrec_version": __version__,
    }
