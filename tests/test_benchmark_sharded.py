"""Users sharded over processes learn what graphrec's own layers learn on one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmarks.common import power_law_graph
from benchmarks.sharded import CONFIG, DIM, SEED, STEPS, train
from graphrec.graph import RATES
from graphrec.nn.propagation import Adjacency, LightGCN
from graphrec.nn.sampling import PositiveLists
from graphrec.train.objective import Sampled, SoftmaxObjective

USERS, MOVIES = 400, 300


@pytest.mark.slow
def test_two_processes_learn_what_one_does() -> None:
    graph = power_law_graph(USERS, MOVIES, 6000)
    edges = graph[RATES].edge_index
    generator = torch.Generator().manual_seed(SEED)
    every = torch.randn(USERS + MOVIES, DIM, generator=generator) * 0.01
    own = [every[:USERS].clone().requires_grad_(), every[USERS:].clone().requires_grad_()]
    positives = PositiveLists.from_edges(edges, USERS, MOVIES)
    objective = SoftmaxObjective(CONFIG, positives, generator)
    layers, adjacency = LightGCN(1), Adjacency.from_graph(graph)
    optimizer = torch.optim.Adam(own, lr=2e-3, fused=True)
    for _ in range(STEPS):
        batch = torch.randperm(USERS, generator=generator)[: USERS // 16]
        batch = batch[positives.degree(batch) > 0].sort().values
        chosen = torch.randperm(MOVIES, generator=generator)[: CONFIG.num_negatives]
        optimizer.zero_grad()
        sampled = Sampled(chosen, torch.zeros(len(chosen)))
        users, movies = layers(*own, adjacency)
        objective(users, movies, positives.batch(batch), sampled).backward()
        optimizer.step()
    expected = torch.cat(own).detach().numpy()
    found, figures = train(edges.numpy(), USERS, MOVIES, 2)
    assert np.linalg.norm(found - expected) / np.linalg.norm(expected) < 1e-4
    assert not np.allclose(found, every, atol=1e-3)  # something was learned
    exchanged = 3 * MOVIES * DIM * 4 + 4  # and the number of interactions
    assert {one["sent"] for one in figures} == {exchanged}
