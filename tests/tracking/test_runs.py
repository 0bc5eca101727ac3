"""Runs that are kept: read back as the tools that people look with read them."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import graphrec
from graphrec.config import ModelConfig, TrainConfig
from graphrec.data.dataset import Dataset
from graphrec.data.split import Split
from graphrec.errors import ConfigError
from graphrec.tracking.run import TrackedRun
from tests.cli.running import run

QUICK = ("--epochs", 6, "--batch-size", 20, "--validate-every", 2, "--embedding-dim", 8)
SERVER = ("mlflow", "flask", "flask_cors", "graphene", "huey", "alembic", "uvicorn")


def _train(tables: Path, *tracks: str, command: str = "train") -> dict[str, Any]:
    """What a tracked training prints as JSON."""
    asked = [part for track in tracks for part in ("--track", track)]
    output = ["--output", tables / "model"] if command == "train" else ["--baselines", "none"]
    done = run(command, "--data", tables, *output, *QUICK, *asked, "--json")
    assert done.exit_code == 0, done.output
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def _only(place: Path) -> Path:
    (folder,) = place.iterdir()
    return folder


def test_csv_holds_every_figure_of_a_run(tables: Path) -> None:
    manifest = _train(tables, f"csv={tables / 'runs'}")
    folder = _only(tables / "runs")
    kept = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert kept["status"] == "finished"
    assert kept["model"] == str(tables / "model")
    assert kept["settings"]["embedding_dim"] == 8
    assert kept["settings"]["data_fingerprint"]
    assert kept["figures"]["valid/ndcg@20"] == manifest["metrics"]["valid"]["ndcg@20"]
    assert kept["figures"]["seconds"] > 0
    with (folder / "metrics.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    curves: dict[str, dict[int, float]] = {}
    for row in rows:
        curves.setdefault(row["name"], {})[int(row["step"])] = float(row["value"])
    parts = manifest["training"]["parts"]
    for part in ("id", "metadata"):
        tried = {name for name in curves if name.startswith(f"{part}/temperature_")}
        assert len({name.split("/")[1] for name in tried}) == 3
        history = parts[part]["history"]
        best = {epoch["number"]: epoch["valid"] for epoch in history}
        assert best in [curves[name] for name in tried if name.endswith("valid_ndcg@20")]
        assert len(curves[f"{part}/again/loss"]) == parts[part]["best_epoch"]
    again = _train_anew(tables)
    assert {one.name for one in (tables / "runs").iterdir()} > {folder.name}
    assert again == manifest["metrics"]  # a run that is kept is trained as any other


def _train_anew(tables: Path) -> Any:
    shutil.rmtree(tables / "model")
    return _train(tables, f"csv={tables / 'runs'}")["metrics"]


def test_tensorboard_reads_the_event_files(tables: Path) -> None:
    pytest.importorskip("tensorboard", reason="TensorBoard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    result = _train(tables, f"tensorboard={tables / 'runs'}", command="evaluate")
    events = EventAccumulator(str(_only(tables / "runs")))
    events.Reload()
    names = set(events.Tags()["scalars"])
    assert {"id/again/loss", "metadata/temperature_0.2/valid_ndcg@20", "seconds"} <= names
    losses = [event.value for event in events.Scalars("id/temperature_0.2/loss")]
    assert len(losses) == 6
    assert losses[-1] < losses[0]
    (test,) = events.Scalars("test/ndcg@20")
    assert test.value == pytest.approx(result["metrics"]["ndcg@20"])
    (settings,) = events.Tensors("settings/text_summary")
    assert b"| embedding_dim | 8 |" in settings.tensor_proto.string_val[0]


@pytest.fixture(scope="module")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an MLflow server of the module's own."""
    missing = [name for name in SERVER if find_spec(name) is None]
    if missing:
        pytest.skip(f"MLflow's server needs {', '.join(missing)}")
    folder = tmp_path_factory.mktemp("mlflow")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = (
        *("--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", f"sqlite:///{folder}/mlflow.db"),
        *("--artifacts-destination", str(folder / "artifacts")),
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "server", *options],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        start_new_session=True,
    )
    assert process.stdout is not None
    said = ""
    try:
        for line in process.stdout:
            said += line
            if "Uvicorn running" in line:
                break
        else:
            raise AssertionError(said)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # the server has processes of its own
        process.communicate()


@pytest.mark.slow
def test_an_mlflow_server_has_the_run_with_its_curves_and_the_model(
    tables: Path, mlflow_server: str, tmp_path: Path
) -> None:
    from mlflow import MlflowClient

    manifest = _train(tables, f"mlflow={mlflow_server}")
    client = MlflowClient(mlflow_server)
    experiment = client.get_experiment_by_name("graphrec")
    (kept,) = client.search_runs([experiment.experiment_id])
    assert kept.info.status == "FINISHED"
    assert kept.data.params["learning_rate"] == "0.002"
    assert kept.data.params["data_fingerprint"]
    valid = manifest["metrics"]["valid"]["ndcg@20"]
    assert kept.data.metrics["valid/ndcg_at_20"] == pytest.approx(valid)
    curve = client.get_metric_history(kept.info.run_id, "id/temperature_0.2/loss")
    assert [point.step for point in curve] == list(range(1, 7))
    own = client.download_artifacts(kept.info.run_id, "model", str(tmp_path))
    loaded = graphrec.Recommender.load(own)
    assert len(loaded.similar(movie_id=4, k=3)) == 3
    # one that fails is there, too
    refused = run(
        "train", "--data", tables, "--output", tables / "other", "--track",
        f"mlflow={mlflow_server}", "--learning-rate", 1e30, "--loss", "bpr", *QUICK,
    )  # fmt: skip
    assert refused.exit_code == 2
    states = {own.info.status for own in client.search_runs([experiment.experiment_id])}
    assert states == {"FINISHED", "FAILED"}


def test_what_cannot_be_kept_is_refused_before_training(
    tables: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(track: str) -> str:
        done = run("train", "--data", tables, "--output", tables / "m", "--track", track)
        assert done.exit_code == 2, done.output
        assert not (tables / "m").exists()
        return done.stderr

    assert "--track wandb: it must be one of mlflow, tensorboard, csv" in refused("wandb")
    (tables / "file").write_text("", encoding="utf-8")
    assert "file can't be written" in refused(f"csv={tables / 'file'}")
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    assert "install 'graphrec[tensorboard]'" in refused("tensorboard")
    monkeypatch.setitem(sys.modules, "mlflow", None)
    assert "install 'graphrec[mlflow]'" in refused("mlflow")
    unused = run("evaluate", "--model", tables / "model", "--track", "csv")
    assert "leave out --track" in unused.stderr


def test_an_mlflow_server_that_is_not_there(tables: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mlflow", reason="MLflow is not installed")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    done = run("train", "--data", tables, "--track", "mlflow=http://u:secret@127.0.0.1:9")
    assert done.exit_code == 2
    assert "MLflow at http://127.0.0.1:9 can't be used" in done.stderr
    assert "secret" not in done.stderr


def test_a_tracker_that_fails_on_the_way_does_not_end_training(
    small_world: tuple[Dataset, Split], tmp_path: Path
) -> None:
    notes: list[str] = []
    tracks = [f"csv={tmp_path / 'gone'}", f"csv={tmp_path / 'kept'}"]
    model, training = ModelConfig(embedding_dim=8), TrainConfig(epochs=2, temperature=0.2)
    with TrackedRun(tracks, *small_world, model, training, note=notes.append) as followed:
        shutil.rmtree(tmp_path / "gone")
        fitted = graphrec.fit(*small_world, model, training, callbacks=followed.callbacks)
        followed.finish(fitted)
    assert len(notes) == 1
    assert "the run is no longer kept by" in notes[0]
    assert len(followed.places) == 1
    kept = json.loads((_only(tmp_path / "kept") / "run.json").read_text(encoding="utf-8"))
    assert kept["status"] == "finished"
    with (_only(tmp_path / "kept") / "metrics.csv").open(encoding="utf-8", newline="") as file:
        assert "id/loss" in {row["name"] for row in csv.DictReader(file)}


def test_a_run_that_is_interrupted_says_so(
    small_world: tuple[Dataset, Split], tmp_path: Path
) -> None:
    with (
        pytest.raises(ConfigError),
        TrackedRun([f"csv={tmp_path}"], *small_world),
    ):
        raise ConfigError("no use.")
    kept = json.loads((_only(tmp_path) / "run.json").read_text(encoding="utf-8"))
    assert (kept["status"], kept["reason"]) == ("failed", "no use.")
