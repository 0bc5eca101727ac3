"""Time of one LightGCN training step, and of one hop, in graphrec and in other code.

    python -m benchmarks.speed [--data FOLDER] [--rounds 5] [--json FILE]

Measured, at 1 and at 3 layers: forward pass, BPR loss of the same 2,048 triples, backward pass and
Adam step, with 64 columns. All codes run in one process and take turns, round after round, so that
whatever else the machine does hits them alike; each round gives one ratio per peer. A turn is one
call that doesn't count and then calls for a tenth of a second, one at least. Before anything is
timed, all of them must agree on embeddings, loss and gradients.

Not measured: reading data, building the graph, sampling negatives, evaluation, and how good the
model gets.

What is not quite equal: each code keeps its own L2 term (graphrec's BPR has none) and its own Adam
(graphrec asks for torch's fused one, the others for the default), as in their own examples;
--fused gives everybody the fused one. "PyG, edge_index" works out the normalisation anew at every
hop, as PyG's example does; "PyG, sparse CSR" is spared that. graphrec's propagation knows that its
matrix is symmetric and so needs no transposed copy for the backward pass.

One hop is the matrix product alone, without gradients.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Annotated

import numpy as np
import torch
import typer
from torch_geometric.data import HeteroData
from torch_geometric.nn import LGConv

from benchmarks.common import (
    facts,
    graph_from_keys,
    power_law_graph,
    say,
    show_facts,
    show_table,
    write_json,
)
from benchmarks.peers import (
    BATCH,
    COLUMNS,
    Graphrec,
    Peer,
    PyG,
    PyGSparse,
    SparseStack,
    Task,
    check_alike,
    coo,
)
from graphrec import load_dataset, make_split
from graphrec.graph import RATES
from graphrec.nn.propagation import spmm

GOWALLA = 29_858, 40_981, 810_000  # users, movies, edges of the usual benchmark set
LAYERS = 1, 3
TURN_SECONDS = 0.1  # quick work is repeated until so much has been counted
OURS = Graphrec.name

Turn = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Measured:
    """Times of everybody at one piece of work.

    Attributes:
        work: what it was.
        seconds: of every counted call, by name and round.
    """

    work: str
    seconds: dict[str, list[list[float]]]

    def medians(self, name: str) -> list[float]:
        """Seconds per call, one figure for each round."""
        return [median(turn) for turn in self.seconds[name]]

    def ratios(self, name: str) -> list[float]:
        """How many times as long as graphrec this one took, round by round."""
        pairs = zip(self.medians(name), self.medians(OURS), strict=True)
        return [theirs / ours for theirs, ours in pairs]


def main(
    data: Annotated[
        Path | None, typer.Option(help="Folder of a data set; else a synthetic graph.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each code.")] = 5,
    fused: Annotated[bool, typer.Option("--fused", help="Fused Adam for all.")] = False,
    json: Annotated[Path | None, typer.Option(help="File for all raw times.")] = None,
) -> None:
    """Time training steps and single hops in graphrec and in other code."""
    machine = facts()
    show_facts(machine)
    graph = power_law_graph(*GOWALLA) if data is None else training_graph(data)
    size = {
        "users": int(graph["user"].num_nodes),
        "movies": int(graph["movie"].num_nodes),
        "edges": int(graph[RATES].edge_index.shape[1]),
    }
    say(", ".join(f"{number:,} {name}" for name, number in size.items()))
    task = Task.of(graph)
    measured = [measure_hop(task, rounds), *measure_steps(task, rounds, fused)]
    for one in measured:
        show(one)
    settings = {"batch": BATCH, "columns": COLUMNS, "rounds": rounds, "fused_for_all": fused}
    source = "synthetic power law" if data is None else data.name
    results = [asdict(one) for one in measured]
    report = {"facts": machine, "graph": {"source": source, **size}, "settings": settings}
    write_json(json, {**report, "results": results})


def training_graph(data: Path) -> HeteroData:
    """The training part of a data set, without features."""
    dataset = load_dataset(data)
    interactions, rows = dataset.interactions, make_split(dataset).train
    keys = interactions.user[rows].astype(np.int64) * interactions.num_movies
    keys += interactions.movie[rows]
    keys.sort()
    return graph_from_keys(keys, interactions.num_users, interactions.num_movies)


@torch.no_grad()
def measure_hop(task: Task, rounds: int) -> Measured:
    """One hop of propagation by each way of writing it."""
    csr, state = task.adjacency, task.initial
    as_coo, conv = coo(csr), LGConv()
    turns: dict[str, Turn] = {
        OURS: lambda: spmm(csr, state),
        "torch, sparse CSR": lambda: csr @ state,
        "torch, sparse COO": lambda: torch.sparse.mm(as_coo, state),
        "PyG, LGConv": lambda: conv(state, task.edge_index),
    }
    expected = spmm(csr, state)
    for turn in turns.values():
        torch.testing.assert_close(turn(), expected, rtol=1e-4, atol=1e-6)
    return Measured(f"one hop, {COLUMNS} columns", take_turns(turns, rounds))


def measure_steps(task: Task, rounds: int, fused: bool) -> Iterator[Measured]:
    """One training step of each peer, by number of layers."""
    for num_layers in LAYERS:
        kinds = (Graphrec, PyG, PyGSparse, SparseStack)
        peers: list[Peer] = [kind(task, num_layers) for kind in kinds]
        check_alike(peers)
        for peer in peers:
            if fused:
                peer.optimizer.param_groups[0]["fused"] = True
        turns: dict[str, Turn] = {peer.name: peer.step for peer in peers}
        work = f"training step, {num_layers} layer{'s' if num_layers > 1 else ''}"
        yield Measured(work, take_turns(turns, rounds))


def take_turns(turns: Mapping[str, Turn], rounds: int) -> dict[str, list[list[float]]]:
    """Seconds of all counted calls, round by round."""
    seconds: dict[str, list[list[float]]] = {name: [] for name in turns}
    for _ in range(rounds):
        for name, turn in turns.items():
            seconds[name].append(one_turn(turn))
    return seconds


def one_turn(turn: Turn) -> list[float]:
    """Seconds of some calls in a row, the first one not counted.

    It would pay for what the code before it left: threads asleep, memory handed back, cold caches.
    In training, steps follow steps of their own kind.
    """
    turn()
    seconds: list[float] = []
    while sum(seconds) < TURN_SECONDS:
        began = time.perf_counter()
        turn()
        seconds.append(time.perf_counter() - began)
    return seconds


def show(measured: Measured) -> None:
    """Print medians, and the paired ratios with their range."""
    rows = []
    for name in measured.seconds:
        row = [name, f"{median(measured.medians(name)):.5f}"]
        ratios = measured.ratios(name)
        if name != OURS:
            row += [f"{value:.2f}" for value in (median(ratios), min(ratios), max(ratios))]
        rows.append(row)
    columns = ["", "seconds (median)", "x graphrec (median)", "smallest", "largest"]
    show_table(measured.work, columns, rows)


if __name__ == "__main__":
    typer.run(main)
