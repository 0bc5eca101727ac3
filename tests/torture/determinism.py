"""The same seed gives the same bytes, however the process was started and the tables written."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

from tests.torture.tally import Tally, must
from tests.torture.world import World

_SECONDS = 300  # for four processes, which each load torch
_PACKAGE = Path(__file__).parents[2]
_EXACT = ("model.safetensors", "towers.safetensors", "users.parquet", "interactions.parquet")
WAYS: dict[str, dict[str, str]] = {
    "again": {},
    "hash seed 1": {"PYTHONHASHSEED": "1"},
    "random hash seed": {"PYTHONHASHSEED": "random"},
    "Parquet": {"tables": "parquet"},
    "JSON": {"tables": "jsonl"},
    "two threads": {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"},
    "no locale": {"LC_ALL": "C", "TZ": "Pacific/Kiritimati"},
}


def _trained(world: World, way: dict[str, str]) -> dict[str, str]:
    """Checksums of a model that is trained in a process of its own, and of its lists."""
    folder = world.fresh("trained")
    kind = way.get("tables", "csv")
    for table, name in zip(world.tables, ("ratings", "movies"), strict=True):
        place = folder / f"{name}.{kind}"
        if kind == "parquet":
            table.to_parquet(place)
        elif kind == "jsonl":
            table.to_json(place, orient="records", lines=True)
        else:
            table.to_csv(place, index=False)
    one = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
    environment = {**os.environ, "PYTHONPATH": str(_PACKAGE), **one, **way}

    def graphrec(*arguments: str) -> None:
        command = [sys.executable, "-m", "graphrec", *arguments]
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, timeout=120, check=False
        )
        must(done.returncode == 0, done.stderr.decode(errors="replace")[-800:])

    tables = ("--ratings", f"ratings.{kind}", "--movies", f"movies.{kind}")
    graphrec("train", *tables, "--epochs", "3", "--embedding-dim", "8", "--output", "model")
    graphrec("recommend", "--users", "all", "--model", "model", "--output", "lists.csv")
    manifest = json.loads((folder / "model" / "manifest.json").read_text(encoding="utf-8"))
    sums = {name: manifest["files"][name]["sha256"] for name in _EXACT}
    lists = (folder / "lists.csv").read_bytes()
    return sums | {"lists.csv": hashlib.sha256(lists).hexdigest()}


def determinism(world: World, tally: Tally, ways: int, only: str | None = None) -> None:
    """Train in so many ways and compare with the first."""
    first: dict[str, str] = {}
    for name, way in list(WAYS.items())[:ways]:
        own = f"determinism {name}"
        if only is None or only in (own, "determinism"):
            with tally.trying("cases", "determinism", own, _SECONDS):
                first = first or _trained(world, {})
                found = _trained(world, way)
                differ = [part for part in first if first[part] != found[part]]
                must(not differ, f"{', '.join(differ)} differ")
