"""A long time in one process: memory, open files and threads stay as they are."""

from __future__ import annotations

import gc
import os
import threading
import time
from pathlib import Path

import pandas as pd
import psutil

from graphrec.data.sources import load_dataset
from graphrec.errors import GraphrecError
from graphrec.recommend.recommender import Recommender
from tests.torture.tally import Tally, must
from tests.torture.world import World

_WARM = 0.25  # of the time, after which memory is looked at
_GROWS = 1.05


def _round(world: World, number: int) -> None:
    """A bit of all that people do: load, ask, add movies, explain, draw a map, read tables."""
    model = Recommender.load(world.hostile_model if number % 2 else world.model)
    model.recommend(k=5)
    model.similar(movie_id=10, k=5)
    model.explain(model.movies["title"].iloc[1], user=1)
    new = pd.DataFrame({"movie_id": [900 + number], "title": ["New"], "genres": ["War"]})
    model.add_movies(new, note=lambda _: None).recommend([1], k=5)
    model.map().save(world.folder / "map.html", force=True)
    load_dataset(ratings=world.files[0], movies=world.files[1], note=lambda _: None)
    for bad in ("no.csv", "sqlite:///no.db?query=select 1", "x://y?query=1"):
        try:
            load_dataset(ratings=bad)
        except GraphrecError:
            continue


def _state() -> tuple[int, int, int]:
    gc.collect()
    handles = len(list(Path(f"/proc/{os.getpid()}/fd").iterdir()))
    return psutil.Process().memory_info().rss, handles, threading.active_count()


def longrun(world: World, tally: Tally, seconds: float, only: str | None = None) -> None:
    """Go round for so long; the second half may take no more than the first did."""
    if only not in (None, "long run"):
        return
    start, rounds = time.monotonic(), 0
    before: tuple[int, int, int] | None = None
    while rounds < 6 or time.monotonic() < start + seconds:
        with tally.trying("cases", "long run", f"long run {rounds}"):
            _round(world, rounds)
        rounds += 1
        if before is None and rounds >= 3 and time.monotonic() > start + _WARM * seconds:
            before = _state()
    with tally.trying("cases", "long run", "long run at its end"):
        must(before is not None, "it never got warm")
        assert before is not None
        after = _state()
        said = f"after {rounds} rounds: {before} before, {after} now (bytes, files, threads)"
        must(after[0] < _GROWS * before[0], f"memory grows {said}")
        must(after[1] <= before[1], f"files stay open {said}")
        must(after[2] <= before[2], f"threads stay {said}")
