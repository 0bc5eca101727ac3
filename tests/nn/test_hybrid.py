"""New users by their history."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch

from graphrec.config import Layers
from graphrec.graph import RATES, build_graph, normalized_adjacency
from graphrec.model.folding import fold_in, given_to_new_users, power_of
from graphrec.model.network import GraphModel
from graphrec.model.propagation import LightGCN
from graphrec.model.states import NodeStates


def _watched(num_users: int = 300, num_movies: int = 40) -> sp.csr_array:
    rng = np.random.default_rng(0)
    return sp.csr_array((rng.random((num_users, num_movies)) < 0.3).astype(np.float32))


def test_weights_count_in_sum_and_size() -> None:
    history = sp.csr_array(np.array([[1.0, 0.5, 0.0], [0.0, 0.0, 0.0]]))
    given = np.array([[1.0, 0.0], [0.0, 2.0], [9.0, 9.0]], dtype=np.float32)
    by_root, by_mean = (fold_in(history, given, power_of(layers)) for layers in Layers)
    assert by_root[0] == pytest.approx(np.array([1.0, 1.0]) / 1.5**0.5)
    assert by_mean[0] == pytest.approx(np.array([1.0, 1.0]) / 1.5)
    assert (by_root[1] == 0).all()


def test_without_own_states_it_is_the_formula_itself() -> None:
    watched, rng = _watched(), np.random.default_rng(1)
    given = rng.normal(size=(40, 4)).astype(np.float32)
    users = fold_in(watched, given, 0.5)
    assert given_to_new_users(given, 0.5, watched, users, given) is given


def test_finds_what_own_states_follow_from() -> None:
    """Users' embeddings are made by a hidden map of what they watch: new users' are by the same."""
    watched, rng = _watched(), np.random.default_rng(1)
    movie = rng.normal(size=(40, 4)).astype(np.float32)
    unit = movie / np.linalg.norm(movie, axis=1, keepdims=True)
    hidden = rng.normal(size=(4, 4)).astype(np.float32)
    users = fold_in(watched, unit @ hidden, 0.5)
    learned, new = slice(0, 250), slice(250, None)
    given = given_to_new_users(
        np.zeros_like(movie), 0.5, watched[learned], users[learned], movie, doubt=0.0
    )
    folded = fold_in(watched[new], given, 0.5)
    cosine = (folded * users[new]).sum(1) / (
        np.linalg.norm(folded, axis=1) * np.linalg.norm(users[new], axis=1)
    )
    assert cosine.min() > 0.99


def test_movies_with_few_watches_say_little() -> None:
    watched, rng = _watched(), np.random.default_rng(1)
    few = watched.toarray()
    few[3:, 0] = 0
    few = sp.csr_array(few)
    movie = rng.normal(size=(40, 4)).astype(np.float32)
    users = rng.normal(size=(300, 4)).astype(np.float32)
    doubting = given_to_new_users(movie, 0.5, few, users, movie)
    trusting = given_to_new_users(movie, 0.5, few, users, movie, doubt=0.0)
    ratio = np.linalg.norm(doubting, axis=1) / np.linalg.norm(trusting, axis=1)
    assert ratio[0] < 0.5 * ratio[1:].min()


@pytest.mark.parametrize("num_layers", [1, 2])
def test_history_given_again_equals_training_where_users_have_no_own_state(num_layers: int) -> None:
    rng = np.random.default_rng(0)
    pairs = pd.DataFrame({"user_id": rng.integers(20, size=99)})
    graph = build_graph(pairs.assign(movie_id=rng.integers(15, size=99)), note=lambda _: None)
    adjacency, num_users = normalized_adjacency(graph), graph["user"].num_nodes
    generator = torch.Generator().manual_seed(0)
    states = NodeStates(num_users, graph["movie"].x, 8, generator=generator)
    with torch.no_grad():
        states.user.zero_()
    part = GraphModel(states, LightGCN(adjacency, num_layers)).embed(adjacency)
    user, movie = graph[RATES].edge_index.numpy()
    history = sp.csr_array((np.ones(len(user)), (user, movie)))
    folded = fold_in(history, part.fold_in, power_of(Layers.LIGHTGCN))
    np.testing.assert_allclose(folded, part.user, rtol=1e-4, atol=1e-7)
