"""Where a run is kept: each tracker takes settings once, figures by epoch, and a result."""

from __future__ import annotations

import csv
import io
import json
import os
import time
import warnings
from collections.abc import Mapping
from contextlib import redirect_stdout
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from graphrec.config import Track
from graphrec.data.places import without_secrets
from graphrec.errors import ConfigError, OutputError, argument
from graphrec.formatting import to_jsonable

DEFAULT_FOLDER = Path("graphrec-runs")
EXPERIMENT = "graphrec"
_PAGES = {"mlflow.experimentKind": "custom_model_development"}  # charts, not those of chats
_AT_ONCE, _SECONDS = 100, 1.0  # figures that are sent to MLflow together, and how long they wait
# An MLflow server that doesn't answer must not keep training waiting for minutes, its default; and
# nobody but that server is told of a run.
_MLFLOW = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


class Tracker(Protocol):
    """Keeps one run."""

    @property
    def place(self) -> str:
        """Where to look for it."""

    def record(self, figures: Mapping[str, float], step: int) -> None:
        """Keep figures of one epoch."""

    def finish(self, figures: Mapping[str, float], folder: Path | None) -> None:
        """Keep what came out, and the folder of the model if there is one."""

    def fail(self, reason: str) -> None:
        """Keep that nothing came out."""


def make_tracker(text: str, name: str, settings: Mapping[str, Any]) -> Tracker:
    """The tracker that ``--track`` names, such as ``csv`` or ``mlflow=http://host:5000``.

    Args:
        text: kind and place; each kind has a place of its own where none is named.
        name: of the run.
        settings: and facts on the data, of one level.

    Raises:
        ConfigError: if there is no such kind, its package isn't installed, or it can't be reached.
        OutputError: if its folder can't be written.
    """
    kind, _, place = text.partition("=")
    try:
        match Track(kind):
            case Track.CSV:
                return CsvTracker(Path(place or DEFAULT_FOLDER), name, settings)
            case Track.TENSORBOARD:
                return TensorBoardTracker(Path(place or DEFAULT_FOLDER), name, settings)
            case Track.MLFLOW:
                return MlflowTracker(place or None, name, settings)
    except ImportError:
        raise ConfigError(
            argument("track", kind), f" needs another package; install 'graphrec[{kind}]'."
        ) from None
    except OSError as error:
        raise OutputError(f"{place} can't be written: {error.strerror or error}.") from error
    except ValueError:
        raise ConfigError(
            argument("track", kind), f": it must be one of {', '.join(Track)}, as in csv=FOLDER."
        ) from None


def _new_folder(place: Path, name: str) -> Path:
    """A folder for a run, named by the time and the data."""
    safe = "".join(one if one.isalnum() or one in "-._" else "-" for one in name).strip(".")
    stem = f"{datetime.now(UTC):%Y-%m-%d-%H%M%S}-{safe}"
    for number in range(1, 1000):
        folder = place / (stem if number == 1 else f"{stem}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise OutputError(f"{place} has too many runs of this second.")


class CsvTracker:
    """A folder for each run: ``metrics.csv`` (seconds, step, name, value) and ``run.json``."""

    def __init__(self, place: Path, name: str, settings: Mapping[str, Any]) -> None:
        self.folder, self._began = _new_folder(place, name), time.monotonic()
        self._run: dict[str, Any] = {"name": name, "settings": dict(settings), "status": "running"}
        self._write()
        self._add([("seconds", "step", "name", "value")])

    @property
    def place(self) -> str:
        return str(self.folder)

    def record(self, figures: Mapping[str, float], step: int) -> None:
        seconds = round(time.monotonic() - self._began, 3)
        self._add([(seconds, step, name, repr(value)) for name, value in figures.items()])

    def finish(self, figures: Mapping[str, float], folder: Path | None) -> None:
        model = None if folder is None else str(folder)
        self._run |= {"status": "finished", "figures": dict(figures), "model": model}
        self._write()

    def fail(self, reason: str) -> None:
        self._run |= {"status": "failed", "reason": reason}
        self._write()

    def _add(self, rows: list[tuple[Any, ...]]) -> None:
        with (self.folder / "metrics.csv").open("a", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)

    def _write(self) -> None:
        text = json.dumps(to_jsonable(self._run), indent=2, ensure_ascii=False)
        (self.folder / "run.json").write_text(text + "\n", encoding="utf-8")


class TensorBoardTracker:
    """TensorBoard's event files, a folder for each run."""

    def __init__(self, place: Path, name: str, settings: Mapping[str, Any]) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of its own packages
            from torch.utils.tensorboard import SummaryWriter
            from torch.utils.tensorboard.summary import hparams
        self._hparams: Any = hparams
        self.folder = _new_folder(place, name)
        self._settings = {name: _scalar(value) for name, value in settings.items()}
        self._writer = SummaryWriter(str(self.folder))
        rows = "\n".join(f"| {name} | {value} |" for name, value in self._settings.items())
        self._writer.add_text("settings", f"| setting | value |\n|---|---|\n{rows}")

    @property
    def place(self) -> str:
        return str(self.folder)

    def record(self, figures: Mapping[str, float], step: int) -> None:
        for name, value in figures.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def finish(self, figures: Mapping[str, float], folder: Path | None) -> None:
        for name, value in figures.items():
            self._writer.add_scalar(name, value)
        writer: Any = self._writer.file_writer
        for summary in self._hparams(self._settings, dict(figures)):  # the HPARAMS page's
            writer.add_summary(summary)
        if folder is not None:
            self._writer.add_text("model", str(folder))
        self._writer.close()

    def fail(self, reason: str) -> None:
        self._writer.add_text("failed", reason)
        self._writer.close()


class MlflowTracker:
    """A run of MLflow: on a server, or in files, as ``MLFLOW_TRACKING_URI`` says.

    The experiment is the one in ``MLFLOW_EXPERIMENT_NAME``, or ``graphrec``.
    """

    def __init__(self, place: str | None, name: str, settings: Mapping[str, Any]) -> None:
        for variable, value in _MLFLOW.items():
            os.environ.setdefault(variable, value)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its own packages
            import mlflow
            from mlflow.entities import Metric, Param
            from mlflow.exceptions import MlflowException
        self._metric, self._pending, self._sent = Metric, list[Any](), time.monotonic()
        uri = place or mlflow.get_tracking_uri()
        self._shown = without_secrets(uri)
        experiment = os.environ.get("MLFLOW_EXPERIMENT_NAME") or EXPERIMENT
        try:
            self._client = mlflow.MlflowClient(uri)
            found = self._client.get_experiment_by_name(experiment)
            number = (
                found.experiment_id
                if found
                else self._client.create_experiment(experiment, tags=_PAGES)
            )
            run = self._client.create_run(number, run_name=name)
            self._id = run.info.run_id
            params = [Param(key, str(value)) for key, value in settings.items()]
            self._client.log_batch(self._id, params=params)
        except MlflowException as error:
            reason = str(error).splitlines()[0].rstrip(".").replace(uri, self._shown)
            raise ConfigError(f"MLflow at {self._shown} can't be used: {reason}.") from error
        self._place = f"{self._shown}, experiment {experiment}, run {run.info.run_name}"

    @property
    def place(self) -> str:
        return self._place

    def record(self, figures: Mapping[str, float], step: int) -> None:
        now = int(time.time() * 1000)
        self._pending += [self._metric(_allowed(n), v, now, step) for n, v in figures.items()]
        if len(self._pending) >= _AT_ONCE or time.monotonic() - self._sent > _SECONDS:
            self._send()

    def _send(self) -> None:
        self._client.log_batch(self._id, metrics=self._pending)
        self._pending, self._sent = [], time.monotonic()

    def finish(self, figures: Mapping[str, float], folder: Path | None) -> None:
        self.record(figures, 0)
        self._send()
        if folder is not None:
            self._client.log_artifacts(self._id, str(folder), "model")
        self._end("FINISHED")

    def fail(self, reason: str) -> None:
        self._send()
        self._client.set_tag(self._id, "reason", reason)
        self._end("FAILED")

    def _end(self, status: str) -> None:
        with redirect_stdout(io.StringIO()):  # results are printed there, not MLflow's greeting
            self._client.set_terminated(self._id, status)


def _allowed(name: str) -> str:
    """A name as MLflow takes it: it has no @."""
    return name.replace("@", "_at_")


def _scalar(value: Any) -> Any:
    return value if isinstance(value, (bool, int, float)) else str(value)
