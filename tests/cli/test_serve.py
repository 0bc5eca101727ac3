"""`graphrec serve` as a process."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from graphrec.cli import app

httpx = pytest.importorskip("httpx", reason="httpx is not installed")
pytest.importorskip("fastapi", reason="the extra [serve] is not installed")


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "graphrec", "serve", "--model", str(folder), "--port", "0"]
    with subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            line = next(line for line in process.stderr if " is ready" in line)
            yield process, line.split()[line.split().index("is") - 1]
        finally:
            process.kill()


@pytest.fixture
def folder(model_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(model_folder, tmp_path / "model"))


def test_a_stop_finishes_what_runs(folder: Path) -> None:
    with serving(folder, "--rate", "0") as (process, address):
        answers: list[int] = []
        rows = [{"user": user, "movie": movie} for user in range(300) for movie in range(32)]

        def ask() -> None:
            answer = httpx.post(f"{address}/api/v1/feedback", json=rows, timeout=60)
            answers.append(answer.json()["written"])

        asking = threading.Thread(target=ask)
        asking.start()
        while (
            not answers and b"requests_running 2.0" not in httpx.get(f"{address}/metrics").content
        ):
            pass
        process.send_signal(signal.SIGTERM)
        asking.join()
        assert process.wait(30) in (0, -signal.SIGTERM)
    assert answers == [len(rows)]
    assert (folder.parent / "model.db").exists()


def test_several_processes_are_one_service(folder: Path) -> None:
    with serving(folder, "--workers", "2", "--rate", "0", "--quiet") as (process, address):
        first, second = psutil.Process(process.pid).children()

        def counted() -> float:
            text = httpx.get(f"{address}/metrics").text
            lines = [line for line in text.splitlines() if 'route="/api/v1/popular"' in line]
            return sum(
                float(own.split()[-1]) for own in lines if own.startswith("graphrec_requests_")
            )

        def ask(number: int) -> None:
            with httpx.Client() as client:
                for _ in range(number):
                    assert client.get(f"{address}/api/v1/popular?k=1").status_code == 200

        asking = [threading.Thread(target=ask, args=(25,)) for _ in range(8)]
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join()
        deadline = time.monotonic() + 30  # a request is counted after it is answered
        while counted() < 200 and time.monotonic() < deadline:
            pass
        assert counted() == 200
        assert min(own.cpu_times().user for own in (first, second)) > 0
        row = [{"user": 0, "movie": 1, "rating": 5}]
        httpx.post(f"{address}/api/v1/feedback", json=row).raise_for_status()
        for _ in range(10):  # whichever answers knows it
            movies = httpx.get(f"{address}/api/v1/users/0/history").json()["movies"]
            assert 1 in [one["movie_id"] for one in movies]
        second.kill()
        second.wait(10)
        while len(own := psutil.Process(process.pid).children()) < 2 or second in own:
            assert httpx.get(f"{address}/health/live").status_code == 200
        assert counted() == 200  # what the one that is gone has counted stays
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert not [one for one in own if one.is_running()]


def test_no_torch_is_loaded_for_lists(folder: Path) -> None:
    with serving(folder) as (process, address):
        for path in (
            "popular",
            "movies?q=odd",
            "movies/1/similar?why=1",
            "users/1/recommendations",
        ):
            assert httpx.get(f"{address}/api/v1/{path}").status_code == 200
        maps = Path(f"/proc/{process.pid}/maps")
        if not maps.exists():
            pytest.skip("there is no /proc here")
        assert "libtorch" not in maps.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--host", "0.0.0.0"], "add --token-file FILE or set GRAPHREC_TOKEN"),
        (["--host", "0.0.0.0", "--no-auth"], "--allowed-host NAME"),
        (["--host", "256.1.1.1", "--no-auth"], "can't listen on 256.1.1.1"),
        (["--token-file", "{short}"], "16 ASCII characters or more"),
        (["--token-file", "/no/such/file"], "can't be read"),
        (["--store", "mysql://x/y"], "not in mysql"),
        (["--model", "/no/such/model"], "there is no model"),
    ],
    ids=str,
)
def test_what_is_unsafe_or_cannot_be_is_refused(
    folder: Path, options: list[str], said: str
) -> None:
    short = folder.parent / "short.txt"
    short.write_text("secret\n", encoding="utf-8")
    own = [one.format(short=short) for one in options]
    model = [] if "--model" in own else ["--model", str(folder)]
    result = CliRunner().invoke(app, ["serve", *model, *own], env={"GRAPHREC_TOKEN": None})
    assert result.exit_code == 2, result.output
    assert said in " ".join(result.output.split())
    assert os.environ.get("GRAPHREC_TOKEN") is None
