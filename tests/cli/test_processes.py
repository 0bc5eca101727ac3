"""`graphrec train` by several processes, as a person would start it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.cli.running import heeding_ctrl_c, run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C and kill are other things there"),
]
SHORT = ("--embedding-dim", "8", "--epochs", "4", "--validate-every", "2", "--spectral-dim", "32")
ALONE = {name: value for name, value in os.environ.items() if name not in {"RANK", "WORLD_SIZE"}}
Command = subprocess.Popen[str]


def _start(*arguments: object, command: tuple[str, ...] = ("-m", "graphrec")) -> Command:
    return subprocess.Popen(
        [sys.executable, *command, "train", *SHORT, *map(str, arguments)],
        env={**ALONE, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _metrics(model: Path) -> dict[str, float]:
    result = run("evaluate", "--model", model, "--baselines", "none", "--json")
    return dict(json.loads(result.stdout)["metrics"])


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    model = tmp_path_factory.mktemp("one") / "model"
    assert run("train", *SHORT, "--split", "random", "--output", model).exit_code == 0
    return _metrics(model)


def test_two_processes_leave_the_model_of_one(tmp_path: Path, expected: dict[str, float]) -> None:
    one = _start("--split", "random", "--processes", 2, "--output", tmp_path / "model", "--json")
    out, err = one.communicate(timeout=300)
    assert one.returncode == 0, err
    assert json.loads(out)["output"] == str(tmp_path / "model")  # one process says it
    assert err == ""
    assert _metrics(tmp_path / "model") == pytest.approx(expected, abs=1e-4)
    assert run("similar", "Heat", "--model", tmp_path / "model").exit_code == 0


def test_torchrun_starts_processes_too(tmp_path: Path, expected: dict[str, float]) -> None:
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    torchrun = (*torchrun, "-m", "graphrec")
    one = _start("--split", "random", "--output", tmp_path / "model", command=torchrun)
    _, err = one.communicate(timeout=300)
    assert one.returncode == 0, err
    assert err.count("Trained in") == 1
    assert _metrics(tmp_path / "model") == pytest.approx(expected, abs=1e-4)


def _interrupt(one: Command, _: psutil.Process) -> None:
    one.send_signal(signal.SIGINT)


def _lose(_: Command, other: psutil.Process) -> None:
    other.kill()


@pytest.mark.parametrize(
    ("happens", "code", "says"),
    [
        (_interrupt, 130, "Stopped. Nothing was written."),
        (_lose, 2, "Error: one of the 2 processes no longer goes on, so nothing was written"),
    ],
)
def test_a_training_that_loses_a_process_or_is_stopped_says_so(
    tmp_path: Path,
    happens: Callable[[Command, psutil.Process], None],
    code: int,
    says: str,
) -> None:
    with heeding_ctrl_c():
        one = _start(
            "--epochs",
            100_000,
            "--patience",
            100_000,
            "--processes",
            2,
            "--output",
            tmp_path / "model",
        )
    assert one.stderr is not None
    for line in one.stderr:  # until the tables are read
        if line.startswith("Split"):
            break
    (other,) = psutil.Process(one.pid).children()
    time.sleep(5)  # the first steps
    happens(one, other)
    _, err = one.communicate(timeout=60)
    assert one.returncode == code, err
    assert says in err
    assert "Traceback" not in err
    assert not other.is_running()
    assert not (tmp_path / "model").exists()


def test_bad_input_is_said_once(tmp_path: Path) -> None:
    one = _start("--ratings", tmp_path / "nothing.csv", "--processes", 2)
    _, err = one.communicate(timeout=60)
    assert one.returncode == 2
    assert re.fullmatch(r"Error: .*nothing.csv does not exist.\n", err)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--checkpoint-every", 1), "--checkpoint-every doesn't go with several processes."),
        (("--from", "model"), "--from doesn't go with several processes."),
        (("--layers", "gat"), "--layers gat doesn't go with several processes."),
    ],
)
def test_what_several_processes_cannot_do_is_refused(
    options: tuple[object, ...], says: str
) -> None:
    one = _start(*options, "--processes", 2)
    _, err = one.communicate(timeout=60)
    assert (one.returncode, err) == (2, f"Error: {says}\n")


def test_processes_that_do_not_find_each_other_are_refused(tmp_path: Path) -> None:
    missing = {"RANK": "1", "WORLD_SIZE": "2"}
    one = subprocess.run(
        [sys.executable, "-m", "graphrec", "train", "--output", tmp_path / "model"],
        env={**ALONE, **missing},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert one.returncode == 2
    assert "Traceback" not in one.stderr
    other = run("train", "--processes", "0")
    assert other.exit_code == 2
