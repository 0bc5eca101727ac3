"""Users sharded over processes: what docs/scaling.md proposes, on a synthetic graph.

    python -m benchmarks.sharded [--edges 1000000] [--processes 1 --processes 2 --processes 4]

One tower by ID with one layer of LightGCN and a sampled softmax, trained for some steps by
torch.distributed over gloo. Each process holds a share of the users with their interactions, their
embeddings and Adam's state of these; movies are on all. It prints how far embeddings are from those
of one process, bytes that a process sends, and memory. Processes share the cores of one machine, so
no time says anything of several machines.
"""

from __future__ import annotations

import json
import resource
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import torch.distributed as dist
import typer
from torch import Tensor
from torch.multiprocessing.spawn import spawn

from benchmarks.common import power_law_graph, say, show_table
from graphrec.config import Negatives, TrainConfig
from graphrec.graph import RATES, csr_tensor
from graphrec.nn.propagation import spmm
from graphrec.nn.sampling import PositiveLists
from graphrec.train.objective import Sampled, SoftmaxObjective

DIM, SEED, STEPS = 64, 0, 5
PER_USER, PER_MOVIE = 27, 20
CONFIG = TrainConfig(temperature=0.2, negatives=Negatives.SAMPLED, seed=SEED)


class Shard:
    """One process's users, all movies, and what it takes to train both.

    Attributes:
        users: [u, D], the embeddings of its own users; movies: [M, D], the same on all processes.
        sent: bytes that a ring all-reduce has this process send, so far.
    """

    def __init__(self, edges: Tensor, num_users: int, num_movies: int) -> None:
        self.rank, self.size, self.sent = dist.get_rank(), dist.get_world_size(), 0.0
        bounds = torch.linspace(0, num_users, self.size + 1).long().tolist()
        self.first, last = bounds[self.rank], bounds[self.rank + 1]
        user, movie = edges[:, (edges[0] >= self.first) & (edges[0] < last)]
        user = user - self.first
        of_user = torch.bincount(user, minlength=last - self.first)
        of_movie = torch.bincount(movie, minlength=num_movies)
        self._add_up(of_movie)
        weight = (of_user[user] * of_movie[movie]).float().rsqrt()
        self.to_users = _csr(user, movie, weight, (last - self.first, num_movies))
        self.to_movies = _csr(movie, user, weight, (num_movies, last - self.first))
        own = PositiveLists.from_edges(torch.stack([user, movie]), last - self.first, num_movies)
        log_degree = of_movie.clamp(min=1).float().log()
        self.positives = PositiveLists(own.pointer, own.movie, log_degree)
        self.num_users, self.generator = num_users, torch.Generator().manual_seed(SEED)
        every = torch.randn(num_users + num_movies, DIM, generator=self.generator) * 0.01
        self.users = every[self.first : last].clone().requires_grad_()
        self.movies = every[num_users:].clone().requires_grad_()
        self.optimizer = torch.optim.Adam([self.users, self.movies], lr=2e-3, fused=True)
        self.objective = SoftmaxObjective(CONFIG, self.positives, self.generator)

    def step(self) -> None:
        """One step on a sixteenth of all users, drawn alike on all processes."""
        order = torch.randperm(self.num_users, generator=self.generator)[: self.num_users // 16]
        own = order[(order >= self.first) & (order < self.first + len(self.users))] - self.first
        own = own[self.positives.degree(own) > 0]
        batch = self.positives.batch(own.sort().values)
        chosen = torch.randperm(len(self.movies), generator=self.generator)[: CONFIG.num_negatives]
        count = torch.tensor(float(len(batch.movie)))
        self._add_up(count)
        self.optimizer.zero_grad()
        with torch.no_grad():  # one hop: the first of three exchanges of [M, D]
            near_movies = spmm(self.to_movies, self.users)
            self._add_up(near_movies)
            users = (self.users + spmm(self.to_users, self.movies)) / 2
            movies = (self.movies + near_movies) / 2
        users.requires_grad_()
        movies.requires_grad_()
        sampled = Sampled(chosen, torch.zeros(len(chosen)))
        loss = self.objective(users, movies, batch, sampled) * len(batch.movie) / count
        loss.backward()
        assert users.grad is not None
        assert movies.grad is not None
        both = torch.stack([movies.grad, spmm(self.to_movies, users.grad)])
        self._add_up(both)  # and the other two, at once
        self.movies.grad = (both[0] + both[1]) / 2
        self.users.grad = (users.grad + spmm(self.to_users, both[0])) / 2
        self.optimizer.step()

    def _add_up(self, tensor: Tensor) -> None:
        dist.all_reduce(tensor)
        self.sent += 2 * (self.size - 1) / self.size * tensor.nbytes


def _csr(row: Tensor, column: Tensor, value: Tensor, shape: tuple[int, int]) -> Tensor:
    order = torch.argsort(row * shape[1] + column)
    pointer = torch.zeros(shape[0] + 1, dtype=torch.int64)
    pointer[1:] = torch.bincount(row, minlength=shape[0]).cumsum(0)
    return csr_tensor(pointer, column[order], value[order], shape)


def work(rank: int, size: int, num_users: int, num_movies: int, folder: str) -> None:
    """What one process does; it leaves its embeddings and figures in the folder."""
    torch.set_num_threads(1)
    place = Path(folder)
    dist.init_process_group(
        "gloo",
        init_method=f"file://{place / 'meeting'}",
        rank=rank,
        world_size=size,
        timeout=timedelta(minutes=5),
    )
    edges = torch.from_numpy(np.load(place / "edges.npy", mmap_mode="r").copy())
    before = _peak()
    shard = Shard(edges, num_users, num_movies)
    del edges
    setting_up = shard.sent
    for _ in range(STEPS):
        shard.step()
    np.save(place / f"users-{rank}.npy", shard.users.detach().numpy())
    np.save(place / f"movies-{rank}.npy", shard.movies.detach().numpy())
    held = sum(
        tensor.numel() * 4 * 4 for tensor in (shard.users, shard.movies)
    )  # the embedding, its gradient, two moments
    graph = sum(
        part.nbytes
        for matrix in (shard.to_users, shard.to_movies)
        for part in (matrix.crow_indices(), matrix.col_indices(), matrix.values())
    )
    graph += shard.positives.pointer.nbytes + shard.positives.movie.nbytes
    figures = {"sent": (shard.sent - setting_up) / STEPS, "embeddings": held, "graph": graph}
    (place / f"{rank}.json").write_text(json.dumps({**figures, "peak": _peak() - before}))
    dist.barrier()
    dist.destroy_process_group()


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def train(
    edges: np.ndarray, num_users: int, num_movies: int, size: int
) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """Embeddings of all nodes after some steps by so many processes, and each one's figures."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        np.save(place / "edges.npy", edges)
        spawn(work, args=(size, num_users, num_movies, folder), nprocs=size)
        users = [np.load(place / f"users-{rank}.npy") for rank in range(size)]
        movies = [np.load(place / f"movies-{rank}.npy") for rank in range(size)]
        assert all((own == movies[0]).all() for own in movies)
        figures = [json.loads((place / f"{rank}.json").read_text()) for rank in range(size)]
    return np.concatenate([*users, movies[0]]), figures


def main(
    edges: Annotated[int, typer.Option(help="Of the graph, about.")] = 1_000_000,
    processes: Annotated[list[int] | None, typer.Option(help="1, 2 and 4 by default.")] = None,
) -> None:
    """Print the table."""
    graph = power_law_graph(edges // PER_USER, edges // PER_MOVIE, edges)
    pairs = graph[RATES].edge_index.numpy()
    one, rows = None, []
    for size in processes or [1, 2, 4]:
        nodes, figures = train(pairs, graph["user"].num_nodes, graph["movie"].num_nodes, size)
        one = nodes if one is None else one
        relative = float(np.linalg.norm(nodes - one) / np.linalg.norm(one))
        most = {name: max(own[name] for own in figures) / 1e6 for name in figures[0]}
        say(f"{size} processes: {most}")
        rows.append(
            [str(size), f"{relative:.1e}"]
            + [f"{most[name]:.1f} MB" for name in ("sent", "graph", "embeddings")]
        )
    columns = ["processes", "difference", "sent a step", "graph", "embeddings and Adam"]
    show_table(f"{pairs.shape[1]:,} edges, of each process", columns, rows)


if __name__ == "__main__":
    typer.run(main)
