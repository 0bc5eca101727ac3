"""What all benchmarks share: synthetic graphs, facts about the machine, tables and JSON."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch_geometric
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch_geometric.data import HeteroData

import graphrec
from graphrec.config import Layers, NodeState
from graphrec.graph import RATES, REV_RATES
from graphrec.nn.towers import Tower

SKEW = 0.75  # exponent of the power law
FLAT = 1000  # one node in so many is about equally popular, at the top
CHUNK = 4_000_000  # edges sampled at once: the float64 in between stay small


def power_law_graph(num_users: int, num_movies: int, num_edges: int, seed: int = 0) -> HeteroData:
    """A random bipartite graph with popular and rare nodes on both sides.

    Both ends of an edge are sampled on their own, the node of rank r of n with a probability that
    falls like (r + n / 1000) to the power of -0.75. So the most popular node has about 54 times the
    mean degree and the rarest 0.3 times, whatever the size: graphs of different sizes differ in
    nothing but size. (In real data the largest degree grows with the graph.) Nodes are numbered at
    random. Pairs sampled twice are dropped, so there are a little fewer edges than asked for; a few
    nodes get none.
    """
    rng = np.random.default_rng(seed)
    of_user, of_movie = rng.permutation(num_users), rng.permutation(num_movies)
    keys = np.empty(num_edges, dtype=np.int64)
    for start in range(0, num_edges, CHUNK):
        part = keys[start : start + CHUNK]
        part[:] = of_user[_sample(rng, len(part), num_users)] * num_movies
        part += of_movie[_sample(rng, len(part), num_movies)]
    keys.sort()
    keys = keys[np.concatenate([[True], keys[1:] != keys[:-1]])]
    return graph_from_keys(keys, num_users, num_movies)


def _sample(rng: np.random.Generator, count: int, number: int) -> np.ndarray:
    """Ranks below `number` by the inverse of the power law's distribution function."""
    power, flat = 1 - SKEW, number / FLAT
    low, high = flat**power, (number + flat) ** power
    rank = (low + rng.random(count) * (high - low)) ** (1 / power) - flat
    ranks: np.ndarray = rank.astype(np.int64).clip(0, number - 1)
    return ranks


def graph_from_keys(keys: np.ndarray, num_users: int, num_movies: int) -> HeteroData:
    """The graph of the edges user * num_movies + movie, int64 [E], ascending and distinct.

    What `graphrec.graph.graph_from_dataset` makes, without features, titles and ids. One
    number per edge can be sorted in place, which spares several arrays of the graph's size.
    """
    graph = HeteroData()
    graph["user"].num_nodes, graph["movie"].num_nodes = num_users, num_movies
    graph["movie"].x = torch.zeros(num_movies, 0)
    graph[RATES].edge_index = _edges(keys, num_movies)
    back = keys % num_movies * num_users
    back += keys // num_movies
    back.sort()
    graph[REV_RATES].edge_index = _edges(back, num_users)
    for name in (RATES, REV_RATES):
        graph[name].edge_weight = torch.ones(len(keys))
    return graph


def _edges(keys: np.ndarray, number: int) -> Tensor:
    pair = np.empty((2, len(keys)), dtype=np.int64)
    np.floor_divide(keys, number, out=pair[0])
    np.remainder(keys, number, out=pair[1])
    return torch.from_numpy(pair)


def make_tower(graph: HeteroData, columns: int, num_layers: int) -> Tower:
    """graphrec's ID tower, as `graphrec.fit` would make it."""
    return Tower.make(
        NodeState.ID,
        graph["user"].num_nodes,
        graph["movie"].x,
        embedding_dim=columns,
        layers=Layers.LIGHTGCN,
        num_layers=num_layers,
    )


def facts() -> dict[str, Any]:
    """Where, when and with what a benchmark ran."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _git("rev-parse", "HEAD"),
        "uncommitted_changes": bool(_git("status", "--porcelain", "--untracked-files=no")),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "omp_wait_policy": os.environ.get("OMP_WAIT_POLICY"),
        "load_average_at_start": os.getloadavg() if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "torch": torch.__version__,
        "torch_geometric": torch_geometric.__version__,
        "graphrec": graphrec.__version__,
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not Linux
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _git(*words: str) -> str | None:
    """What git says of the checkout that this file is in; None where there is no git."""
    try:
        done = subprocess.run(
            ["git", *words],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def say(sentence: str) -> None:
    """Tell what is going on; results alone go to stdout."""
    print(sentence, file=sys.stderr, flush=True)


def show_facts(machine: dict[str, Any]) -> None:
    """One line on the machine, above the tables."""
    say(
        f"{machine['cpu']}, {machine['cores']} cores, {machine['torch_threads']} threads;"
        f" torch {machine['torch']}, PyG {machine['torch_geometric']}"
    )


def show_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print an aligned table; all columns but the first stand to the right."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for index, name in enumerate(columns):
        table.add_column(name, justify="right" if index else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    console = Console(highlight=False)
    if not console.is_terminal:  # nothing is cut short for a program that reads along
        console = Console(highlight=False, width=10_000)
        console.width = max(80, console.measure(table).maximum)
    console.print(table)
    console.print()


def figure(values: Sequence[float]) -> str:
    """Mean and standard deviation over seeds."""
    return f"{np.mean(values):.4f} ± {np.std(values, ddof=min(1, len(values) - 1)):.4f}"


def write_json(path: Path | None, report: dict[str, Any]) -> None:
    """Write all raw figures to a file, if one was asked for."""
    if path is not None:
        path.write_text(json.dumps(report, indent=2, allow_nan=False) + "\n")
        say(f"Written to {path}.")
