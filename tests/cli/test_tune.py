"""`graphrec tune` as a person uses it: alone, with others at the same study, and stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from graphrec.settings_file import read_settings
from tests.cli.running import heeding_ctrl_c, run

optuna = pytest.importorskip("optuna", reason="Optuna is not installed: graphrec[tune]")

ROOT = Path(__file__).parents[2]
QUICK = (
    *("--no-spectral", "--no-paths", "--node-state", "id", "--embedding-dim", 8),
    *("--num-layers", 0, "--epochs", 12, "--batch-size", 10, "--validate-every", 2),
    *("--temperature", 0.2, "--search", "learning_rate"),
)


def _arguments(tables: Path, trials: int, *more: object) -> list[str]:
    asked = ("tune", "--data", tables, "--trials", trials, "--output", tables / "tuned.yaml")
    return [str(one) for one in (*asked, *QUICK, *more)]


def _start(tables: Path, trials: int, *more: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "graphrec", *_arguments(tables, trials, *more)]
    return subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


def test_a_terrible_start_is_left_and_the_settings_found_are_trained_with(tables: Path) -> None:
    bad = tables / "bad.yaml"
    bad.write_text("learning_rate: 0.000001\nseed: 0\n", encoding="utf-8")
    done = run(*_arguments(tables, 10, "--config", bad, "--ignore-column", "genres"))
    assert done.exit_code == 0, done.output
    assert "Trial 1 of 10: ndcg@20 " in done.stderr
    assert ": the settings as given" in done.stderr
    assert "Comparing the best settings with the first, training 6 of 6." in done.stderr
    heading, row = done.stdout.splitlines()[:2]
    assert heading.split() == ["setting", "first", "best", "importance"]
    assert row.split()[:2] == ["learning_rate", "1e-06"]
    assert "The best settings are better by more than noise: +0." in done.stdout
    tuned = tables / "tuned.yaml"
    assert f"--config {tuned}" in done.stderr
    assert float(str(read_settings(tuned)["learning_rate"])) > 1e-3
    asked = ("--data", tables, "--config", tuned, "--baselines", "none", "--json")
    found = json.loads(run("evaluate", *asked).stdout)["metrics"]["ndcg@20"]
    began = json.loads(run("evaluate", *asked, "--learning-rate", 1e-6).stdout)["metrics"]
    assert found > began["ndcg@20"] + 0.1
    model = tables / "model"
    assert run("train", *asked[:4], "--output", model).exit_code == 0
    manifest = json.loads((model / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["settings"]["ignore_columns"] == ["genres"]
    refused = run(*_arguments(tables, 10))
    assert refused.exit_code == 2
    assert "tuned.yaml exists; add --force" in refused.stderr


def test_json_and_time(tables: Path) -> None:
    done = run(*_arguments(tables, 1000, "--timeout", "1s", "--json"))
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert result["trials"][0]["is_first"]
    assert {"verdict", "settings", "best", "first", "valid", "gain", "importances"} <= set(result)
    for text in ("soon", "", "1x", "m"):
        refused = run(*_arguments(tables, 1, "--force", "--timeout", text))
        assert refused.exit_code == 2
        assert "--timeout " in refused.stderr


@pytest.mark.slow
def test_two_processes_share_a_study_and_one_that_is_killed_loses_its_trial_only(
    tables: Path,
) -> None:
    storage = f"sqlite:///{tables}/study.db"
    victim = _start(tables, 40, "--storage", storage)
    other = _start(tables, 12, "--storage", storage, "--output", tables / "other.yaml")
    try:
        assert victim.stderr is not None
        for line in victim.stderr:
            if line.startswith("Trial "):
                break
        victim.kill()  # in the middle of its next trial
        victim.communicate()
        stdout, stderr = other.communicate(timeout=240)
    finally:
        for process in (victim, other):
            process.kill()
            process.communicate()
    assert other.returncode == 0, stderr
    (name,) = optuna.get_all_study_names(storage)
    states = [
        trial.state.name for trial in optuna.load_study(study_name=name, storage=storage).trials
    ]
    assert len(states) >= 12
    assert states.count("RUNNING") <= 1
    finished = [state for state in states if state in ("COMPLETE", "PRUNED")]
    assert len(finished) >= 11
    assert stderr.count("\nTrial ") < len(finished)  # the other process' trials are there, too
    assert "learning_rate" in stdout
    again = run(*_arguments(tables, 13, "--storage", storage))
    assert f"The study holds {len(finished)} trials of 13" in again.stderr


def test_ctrl_c_ends_the_search_and_writes_what_was_found(tables: Path) -> None:
    with heeding_ctrl_c():
        process = _start(tables, 10_000)
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("Trial 3 "):
                break
        process.send_signal(signal.SIGINT)
        stdout, rest = process.communicate(timeout=120)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0, rest
    assert "Stopped." in rest
    assert "learning_rate" in stdout
    assert (tables / "tuned.yaml").is_file()
