"""How time and memory of graphrec's training grow with the graph.

    python -m benchmarks.scale [--edges 1,4,16,64] [--steps 5] [--ml-20m] [--json FILE]

Measured: steps of graphrec's own training loop with its default settings (softmax loss, 64 columns,
1 layer, Adam, a sixteenth of the users a step), on synthetic graphs of so many million edges, with
27 edges per user and 20 per movie; an epoch is its steps times the median of those measured. Each
graph has a process of its own, so that its peak memory is its own. A step contains sampling the
batch and its negatives, both passes and Adam; the first one doesn't count. Memory is the highest
resident set size of the process, building the graph included; bytes per edge is its slope from one
size to the next, which leaves out what Python and torch take anyway.

Not measured so: reading files, features, the spectral part, evaluation, GPUs. With `--ml-20m` one
graph of ML-20M's size (138,493 users, 26,744 movies, 19 million edges) is trained to its stop by
`graphrec.fit` with all defaults, spectral part and validation included
(`--edges "" --ml-20m` does only that).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Annotated, TypeVar

import numpy as np
import pandas as pd
import scipy.sparse as sp
import typer

from benchmarks.common import facts, power_law_graph, say, show_facts, show_table
from benchmarks.common import write_json as write
from graphrec import ModelConfig, TrainConfig, fit, make_split
from graphrec.config import NodeState
from graphrec.data.dataset import make_dataset
from graphrec.features.matrix import fit_features
from graphrec.graph import RATES
from graphrec.train.data import TrainingData
from graphrec.train.estimate import peak_memory
from graphrec.train.trainer import Callbacks, Trainer

ML_20M = (138_493, 26_744, 20_000_263)
EDGES_PER_USER, EDGES_PER_MOVIE = 27, 20
MILLION, GIB = 1_000_000, 2**30
KILLED = "its process was ended from outside, most likely for want of memory"

Answer = TypeVar("Answer")


class Enough(Exception):  # noqa: N818
    """Leaves the training loop once enough steps are done."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one graph took.

    Attributes:
        edges, users, movies: its size.
        seconds: of each step.
        steps_per_epoch: how many of them are an epoch.
        build_seconds: for the graph, its adjacency and the tower.
        build_peak: highest resident bytes until then.
        peak: highest resident bytes of the process.
    """

    edges: int
    users: int
    movies: int
    seconds: list[float]
    steps_per_epoch: int
    build_seconds: float
    build_peak: float | None
    peak: float | None

    @property
    def epoch(self) -> float:
        """Seconds of an epoch."""
        return median(self.seconds) * self.steps_per_epoch

    @property
    def per_million(self) -> float:
        """Seconds of an epoch for each million edges."""
        return self.epoch / self.edges * MILLION


@dataclass(slots=True, eq=False)
class Clock:
    """Notes when each step ends, and ends the loop after `steps` of them and one more."""

    steps: int
    ends: list[float]

    def __call__(self, *_: float) -> None:
        self.ends.append(time.perf_counter())
        if len(self.ends) > self.steps:
            raise Enough

    @property
    def seconds(self) -> list[float]:
        pairs = zip(self.ends[:-1], self.ends[1:], strict=True)
        return [end - begin for begin, end in pairs]


def main(
    edges: Annotated[str, typer.Option(help="Millions of edges, with commas.")] = "1,4,16,64",
    steps: Annotated[int, typer.Option(min=1, help="Timed steps for each graph.")] = 5,
    ml_20m: Annotated[
        bool, typer.Option("--ml-20m", help="Train a graph of ML-20M's size to its stop.")
    ] = False,
    json: Annotated[Path | None, typer.Option(help="File for all raw figures.")] = None,
) -> None:
    """Time graphrec's training steps on larger and larger graphs."""
    machine = facts()
    show_facts(machine)
    results: list[Result] = []
    for size in sorted(int(float(word) * MILLION) for word in edges.split(",") if word):
        say(f"{size:,} edges ...")
        result = apart(measure, size, steps)
        if result is None:
            say(KILLED)
            break
        results.append(result)
    if results:
        show(results)
    whole = apart(train_to_stop, *ML_20M) if ml_20m else None
    if ml_20m:
        say(f"ML-20M's size: {whole or KILLED}")
    settings = {"columns": ModelConfig().embedding_dim, "layers": ModelConfig().num_layers}
    settings |= {"steps": steps}
    raw = [asdict(result) for result in results]
    write(json, {"facts": machine, "settings": settings, "results": raw, "ml-20m": whole})


def apart(work: Callable[..., Answer], *arguments: int) -> Answer | None:
    """What `work` returns in a fresh process; None if that process was killed.

    Its peak counts from this process's own size on, since Linux hands that down; both have loaded
    the same modules, so nothing is added.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            return pool.submit(work, *arguments).result()
        except BrokenProcessPool:
            return None


def measure(num_edges: int, steps: int) -> Result:
    """Train on one graph for some steps."""
    began, clock = time.perf_counter(), Clock(steps, [])
    trainer = make_trainer(num_edges, clock)
    build_seconds, build_peak = time.perf_counter() - began, peak_memory()
    epoch = 0
    try:
        while True:
            epoch += 1
            trainer.train_epoch(epoch)
    except Enough:
        pass
    return Result(
        edges=trainer.data.matrix.nnz,
        users=trainer.data.num_users,
        movies=trainer.data.num_movies,
        seconds=clock.seconds,
        steps_per_epoch=len(trainer.batches),
        build_seconds=build_seconds,
        build_peak=build_peak,
        peak=peak_memory(),
    )


def train_to_stop(num_users: int, num_movies: int, num_edges: int) -> dict[str, float | int | str]:
    """Train one synthetic graph with all defaults until validation says stop."""
    user, movie = power_law_graph(num_users, num_movies, num_edges)[RATES].edge_index.numpy()
    dataset = make_dataset(pd.DataFrame({"user_id": user, "movie_id": movie}))
    fitted = fit(dataset, make_split(dataset))
    return {
        "edges": len(user),
        "minutes": round(fitted.seconds / 60, 1),
        "epochs": fitted.first.history[-1].number,
        "best epoch": fitted.first.best.number,
        "stopped": fitted.stopped,
        "spectral columns": fitted.closed_form.spectral_settings.dim
        if fitted.closed_form.spectral_settings
        else 0,
        "peak GiB": round((peak_memory() or 0) / GIB, 2),
    }


def make_trainer(num_edges: int, clock: Clock) -> Trainer:
    """The trainer that `graphrec.fit` would run by ID, over a synthetic graph."""
    num_users, num_movies = num_edges // EDGES_PER_USER, num_edges // EDGES_PER_MOVIE
    graph = power_law_graph(num_users, num_movies, num_edges)
    edges = graph[RATES].edge_index.numpy()
    ones, shape = np.ones(edges.shape[1], np.float32), (num_users, num_movies)
    matrix = sp.csr_array((ones, tuple(edges)), shape=shape)
    data = TrainingData(
        matrix=matrix,
        liked=matrix,
        history=sp.csr_array((ones[:0], (edges[0, :0], edges[1, :0])), shape=shape),
        graph=graph,
        encoder=fit_features(pd.DataFrame(index=range(num_movies))),
    )
    config = TrainConfig(device="cpu").for_users(num_users)
    return Trainer(NodeState.ID, data, ModelConfig(), config, Callbacks(on_batch=clock))


def show(results: list[Result]) -> None:
    """Print one row for each graph."""
    rows = []
    for index, result in enumerate(results):
        before = results[index - 1] if index else None
        rows.append(
            [
                f"{result.edges:,}",
                f"{result.users:,}",
                f"{result.movies:,}",
                f"{median(result.seconds):.3f}",
                f"{result.epoch:.2f}",
                f"{result.per_million:.4f}",
                f"{result.per_million / results[0].per_million:.2f}",
                "" if result.peak is None else f"{result.peak / GIB:.2f}",
                "" if before is None or result.peak is None else f"{slope(before, result):,.0f}",
            ]
        )
    columns = ["edges", "users", "movies", "s/step", "s/epoch", "s/epoch/million edges"]
    columns += ["per edge x smallest", "peak GiB", "bytes/edge"]
    show_table("graphrec's training loop", columns, rows)


def slope(smaller: Result, larger: Result) -> float:
    """Bytes of peak memory for each edge more."""
    assert larger.peak is not None
    assert smaller.peak is not None
    return (larger.peak - smaller.peak) / max(1, larger.edges - smaller.edges)


if __name__ == "__main__":
    typer.run(main)
