"""Training by several processes, each with some of the users, on a synthetic graph.

    python -m benchmarks.sharded [--edges 1000000] [--processes 1 --processes 2 --processes 4]

`graphrec.train.shared.fit_shared` as `graphrec train --processes` calls it: parts in closed form,
some epochs of embeddings by ID, validation, the whole model on the first process. It prints how far
the scores are from those of one process, what each process holds and sends in sums over processes
(not what they tell each other as a whole, such as the interactions for 3-hop paths), and seconds.
Processes share the cores of one machine.
"""

from __future__ import annotations

import json
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import torch
import torch.distributed as dist
import typer
from torch import Tensor
from torch.multiprocessing.spawn import spawn

from benchmarks.common import power_law_graph, say, show_table
from graphrec.config import ModelConfig, NodeState, SplitKind, TrainConfig
from graphrec.data.dataset import make_dataset
from graphrec.data.split import make_split
from graphrec.graph import RATES
from graphrec.train.shared import fit_shared

PER_USER, PER_MOVIE = 27, 20
ASKED = 200  # users whose scores are compared
MODEL = ModelConfig(node_state=NodeState.ID, spectral_dim=64)


def work(rank: int, size: int, folder: str, epochs: int) -> None:
    """What one process does; it leaves its figures in the folder, the first one scores, too."""
    place = Path(folder)
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // size))
    meeting = f"file://{place / f'meeting-{size}'}"
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=size)
    sent, reduce = [0.0], dist.all_reduce

    def counted(tensor: Tensor) -> None:
        sent[0] += 2 * (size - 1) / size * tensor.nbytes  # of a ring
        reduce(tensor)

    dist.all_reduce = counted  # type: ignore[assignment]
    edges = np.load(place / "edges.npy")
    dataset = make_dataset(pd.DataFrame(edges.T, columns=["user_id", "movie_id"]))
    split, before = make_split(dataset, SplitKind.NONE, seed=0), peak()
    config = TrainConfig(epochs=epochs, validate_every=epochs, temperature=0.2)
    began = time.perf_counter()
    fitted = fit_shared(dataset, split, MODEL, config)
    figures = {"seconds": time.perf_counter() - began, "sent": sent[0], "before": before}
    (place / f"{rank}.json").write_text(json.dumps({**figures, "peak": peak()}))
    if fitted is not None:
        some = np.arange(min(ASKED, fitted.history.shape[0]))
        scores = fitted.model.scores(fitted.history[some], some)
        np.savez(place / "model.npz", scores=scores, valid=fitted.valid)
    dist.destroy_process_group()


def peak() -> int:
    """Bytes of memory that the process has taken at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def train(edges: np.ndarray, size: int, epochs: int) -> tuple[np.ndarray, float, list[Any]]:
    """Scores of some users, the validation NDCG@20, and the figures of each of `size` processes."""
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder, "edges.npy"), edges)
        spawn(work, args=(size, folder, epochs), nprocs=size)
        figures = [json.loads(Path(folder, f"{rank}.json").read_text()) for rank in range(size)]
        with np.load(Path(folder, "model.npz")) as found:
            return found["scores"], float(found["valid"]), figures


def main(
    edges: Annotated[int, typer.Option(help="Of the graph, about.")] = 1_000_000,
    processes: Annotated[list[int] | None, typer.Option(help="1, 2 and 4 by default.")] = None,
    epochs: Annotated[int, typer.Option(help="Of the training.")] = 5,
) -> None:
    """Print the table."""
    graph = power_law_graph(edges // PER_USER, edges // PER_MOVIE, edges)
    pairs, one, rows = graph[RATES].edge_index.numpy(), None, []
    for size in processes or [1, 2, 4]:
        scores, valid, figures = train(pairs, size, epochs)
        one = scores if one is None else one
        relative = float(np.linalg.norm(scores - one) / np.linalg.norm(one))
        most = {name: max(own[name] for own in figures) for name in figures[0]}
        say(f"{size} processes: {most}")
        rows.append(
            [str(size), f"{relative:.1e}", f"{valid:.4f}", f"{most['seconds']:.0f} s"]
            + [f"{most[name] / 1e6:,.0f} MB" for name in ("sent", "before", "peak")]
        )
    columns = ["processes", "difference", "ndcg@20", "time", "sent", "tables read", "peak"]
    show_table(f"{pairs.shape[1]:,} edges, of each process", columns, rows)


if __name__ == "__main__":
    typer.run(main)
