"""`graphrec ablate` as a person uses it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.running import heeding_ctrl_c, run

QUICK = ("--quick", "--epochs", "3", "--embedding-dim", "8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A quick study of the sample."""
    folder = tmp_path_factory.mktemp("ablate") / "study"
    done = run("ablate", *QUICK, "--output", folder)
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["ndcg@20", "warm", "tail", "cold", "all", "time"]
    assert lines[1].startswith("metadata ")
    assert "the users are simulated" in done.stderr
    assert "5/5 seed 1, random: ndcg@20 warm" in done.stderr
    assert f"Report with plots: {folder / 'report.html'}" in done.stderr
    return folder


def test_second_run_measures_nothing_again(folder: Path) -> None:
    done = run("ablate", *QUICK, "--output", folder, "--json")
    results = json.loads(done.stdout)
    assert results == json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert results["settings"]["seeds"] == 1
    assert "5/5" not in done.stderr
    again = run("ablate", *QUICK, "--output", folder)
    assert "everything had been measured by an earlier run" in again.stderr
    assert "another study" not in again.stderr


def test_says_that_another_study_is_replaced(folder: Path) -> None:
    done = run("ablate", *QUICK, "--ignore-column", "runtime", "--output", folder)
    assert "holds the report of another study, which this report will replace" in done.stderr
    assert "everything had been measured by an earlier run" not in done.stderr


def test_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    done = run("ablate", *QUICK, "--output", tmp_path)
    assert done.exit_code == 2
    assert "holds other files; give --output a new or empty folder" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--seeds", "0"), "--seeds is 0; it must be 1 or more."),
        (("--cold-fraction", "1.5"), "--cold-fraction is 1.5; it must be above 0 and below 1."),
        (("--embedding-dim", "0"), "--embedding-dim is 0; it must be 1 or more."),
        (("--ignore-column", "gneres"), "--ignore-column: there is no column 'gneres'"),
        (("--device", "banana"), "--device banana can't be used here"),
    ],
)
def test_wrong_arguments(arguments: tuple[str, ...], sentence: str, tmp_path: Path) -> None:
    done = run("ablate", "--quick", *arguments, "--output", tmp_path / "study")
    assert done.exit_code == 2
    assert sentence in done.stderr
    assert not (tmp_path / "study" / "results.json").exists()


def test_settings_are_refused_before_tables_are_read(tmp_path: Path) -> None:
    table = ("--ratings", "no/such.csv", "--output", tmp_path / "study")
    assert "--epochs is 0" in run("ablate", *table, "--epochs", "0").stderr
    assert "--device banana can't be used" in run("ablate", *table, "--device", "banana").stderr


def test_interrupt_says_how_to_go_on(tmp_path: Path) -> None:
    small = ("--epochs", "3", "--embedding-dim", "8")
    command = [sys.executable, "-m", "graphrec", "ablate", *small, "--output"]
    with (
        heeding_ctrl_c(),
        subprocess.Popen(
            [*command, tmp_path / "study"], stderr=subprocess.PIPE, text=True
        ) as process,
    ):
        assert process.stderr is not None
        for line in process.stderr:  # stopped once something is measured
            if line.startswith("1/"):
                process.send_signal(signal.SIGINT)
                break
        rest = process.stderr.read()
    assert process.returncode == 130
    assert "the same command goes on from it" in rest
    assert "Traceback" not in rest
    assert list((tmp_path / "study").rglob("seed0*.npz"))
