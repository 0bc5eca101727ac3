"""How many requests per second `graphrec serve` answers, beside ten lines of FastAPI.

Needs `wrk` (Debian's package of that name) and the extra [serve]::

    python -m benchmarks.serving --model my-model

Server and client share the machine. Movies and users are drawn at random, so most similar movies
are asked for the first time and come from no cache; "asked before" repeats a hundred movies.
"""

from __future__ import annotations

import argparse
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

CONNECTIONS = 64
_LUA = """
local ids = {{{ids}}}
math.randomseed(os.time())
request = function()
  return wrk.format("{method}", "{before}" .. ids[math.random(#ids)] .. "{after}")
end
"""
_LUA_POST = """
local ids = {{{ids}}}
math.randomseed(os.time())
wrk.headers["Content-Type"] = "application/json"
request = function()
  local movies = {{}}
  for place = 1, 10 do movies[place] = ids[math.random(#ids)] end
  return wrk.format("POST", "{before}", nil, '{{"movies":[' .. table.concat(movies, ",") .. ']}}')
end
"""
_TEN_LINES = """
import sys
import uvicorn
from fastapi import FastAPI
from graphrec import Recommender
app, model = FastAPI(), Recommender.load(sys.argv[1])
@app.get("/api/v1/movies/{movie_id}/similar")
def similar(movie_id: int, k: int = 10):
    return model.similar(movie_id=movie_id, k=k).to_dict("records")
@app.get("/api/v1/users/{user_id}/recommendations")
def recommend(user_id: int, k: int = 20):
    return model.recommend([user_id], k=k).to_dict("records")
model.similar(movie_id=model.movies["movie_id"].tolist()[0])
model.recommend([model.user_ids.ids.tolist()[0]])
print("http://127.0.0.1:8765 is ready", file=sys.stderr, flush=True)
uvicorn.run(app, port=8765, log_level="error")
"""


@contextmanager
def started(command: list[str]) -> Iterator[str]:
    """The address of a server that says when it is ready."""
    with subprocess.Popen([sys.executable, *command], stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            line = next(line for line in process.stderr if " is ready" in line)
            found = re.search(r"http://\S+", line)
            assert found is not None
            _wait_for(found[0])
            yield found[0]
        finally:
            process.kill()


def _wait_for(address: str) -> None:
    """Until a server that says that it is ready lets clients connect."""
    host, _, port = address.removeprefix("http://").partition(":")
    end = time.monotonic() + 30
    while True:
        try:
            socket.create_connection((host, int(port)), timeout=30).close()
            return
        except ConnectionRefusedError:
            if time.monotonic() > end:
                raise


def load(address: str, script: str, seconds: int) -> tuple[float, float, float, int]:
    """Requests per second, latency in ms at 50 and 99 %, and failures, by wrk."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "-s", file.name]
        done = subprocess.run([*command, address], capture_output=True, text=True, check=True)
    said = done.stdout
    rate = float(_found(r"Requests/sec:\s+([\d.]+)", said) or 0)
    half, most = (_milliseconds(_found(rf"\n\s+{part}%\s+(\S+)", said)) for part in (50, 99))
    failed = int(_found(r"Non-2xx or 3xx responses: (\d+)", said) or 0)
    errors = re.search(
        r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", said
    )
    return rate, half, most, failed + sum(map(int, errors.groups() if errors else ()))


def _found(pattern: str, text: str) -> str | None:
    match = re.search(pattern, text)
    return None if match is None else match[1]


def _milliseconds(text: str | None) -> float:
    """Of wrk's ``1.5ms``, ``812us`` or ``1.02s``."""
    match = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text or "")
    units = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}
    return float("nan") if match is None else float(match[1]) * units[match[2]]


def main() -> None:
    """Measure one model."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--no-wrapper", action="store_true")
    asked = parser.parse_args()
    movies = pd.read_parquet(asked.model / "movies.parquet")["movie_id"].tolist()
    users = pd.read_parquet(asked.model / "users.parquet")["user_id"].tolist()

    def get(ids: list[int], before: str, after: str) -> str:
        own = ",".join(map(str, ids))
        return _LUA.format(ids=own, method="GET", before=before, after=after)

    similar = get(movies, "/api/v1/movies/", "/similar?k=10")
    recommend = get(users, "/api/v1/users/", "/recommendations?k=20")
    own = {
        "recommendations, users of the training": recommend,
        "recommendations, histories of ten movies": _LUA_POST.format(
            ids=",".join(map(str, movies)), before="/api/v1/recommendations"
        ),
        "similar, any movie": similar,
        "similar, asked before": get(movies[:100], "/api/v1/movies/", "/similar?k=10"),
        "search": get([1], "/api/v1/movies?q=the%20ma", ""),
    }
    head = f"requests per second, {CONNECTIONS} connections"
    print(f"{head:44}   rate  p50 ms  p99 ms  failed")
    with tempfile.TemporaryDirectory() as folder:
        serve = ["-m", "graphrec", "serve", "--model", str(asked.model), "--port", "0"]
        serve += ["--store", f"{folder}/store.db", "--rate", "0", "--quiet"]
        serve += ["--workers", str(asked.workers)]
        with started(serve) as address:
            for name, script in own.items():
                urllib.request.urlopen(f"{address}/health/ready").read()
                _show(name, load(address, script, asked.seconds))
        if asked.no_wrapper:
            return
        wrapper = Path(folder) / "wrapper.py"
        wrapper.write_text(_TEN_LINES, encoding="utf-8")
        with started([str(wrapper), str(asked.model)]) as address:
            _show("ten lines of FastAPI: recommendations", load(address, recommend, asked.seconds))
            _show("ten lines of FastAPI: similar", load(address, similar, asked.seconds))


def _show(name: str, measured: tuple[float, float, float, int]) -> None:
    rate, half, most, failed = measured
    print(f"{name:44} {rate:6.0f} {half:7.1f} {most:7.1f} {failed:7}", flush=True)


if __name__ == "__main__":
    main()
