"""Batches hold everything once; negatives are never positives, and uniform over the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from graphrec.graph import RATES
from graphrec.nn.sampling import PositiveLists, Triples, UserBatch, UserBatches
from tests.nn.graphs import random_graph

NUM_USERS, NUM_MOVIES = 6, 12

rated_sets = st.lists(
    st.sets(st.integers(0, NUM_MOVIES - 1), max_size=NUM_MOVIES - 1),
    min_size=NUM_USERS,
    max_size=NUM_USERS,
)


def _edges(rated: list[set[int]]) -> Tensor:
    pairs = [(user, movie) for user, movies in enumerate(rated) for movie in sorted(movies)]
    return torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2).T


def _lists(rated: list[set[int]]) -> PositiveLists:
    return PositiveLists.from_edges(_edges(rated), NUM_USERS, NUM_MOVIES)


# --- negatives


@given(rated_sets, st.integers(0, 2**31))
@settings(deadline=None, max_examples=100)
def test_negatives_are_never_positives(rated: list[set[int]], seed: int) -> None:
    users = torch.arange(NUM_USERS).repeat(20)
    drawn = _lists(rated).sample_negatives(users, torch.Generator().manual_seed(seed))
    for user, movie in zip(users.tolist(), drawn.tolist(), strict=True):
        assert 0 <= movie < NUM_MOVIES
        assert movie not in rated[user]


def test_negatives_are_uniform_over_the_unrated() -> None:
    rated: list[set[int]] = [{0, 1, 5, 11}, set(), {3}, set(range(10)), {0}, {11}]
    lists = _lists(rated)
    generator = torch.Generator().manual_seed(0)
    for user, own in enumerate(rated):
        drawn = lists.sample_negatives(torch.full((20_000,), user), generator)
        counts = np.bincount(drawn.numpy(), minlength=NUM_MOVIES)
        free = [movie for movie in range(NUM_MOVIES) if movie not in own]
        assert counts.sum() == counts[free].sum()
        assert stats.chisquare(counts[free]).pvalue > 1e-4


def test_edges_in_any_order_make_the_same_lists() -> None:
    edges = _edges([{0, 1, 5, 11}, set(), {3}, set(range(10)), {0}, {11}])
    shuffled = edges[:, torch.randperm(edges.shape[1], generator=torch.Generator().manual_seed(0))]
    assert not torch.equal(shuffled, edges)
    one, other = (PositiveLists.from_edges(e, NUM_USERS, NUM_MOVIES) for e in (edges, shuffled))
    for name in ("pointer", "movie", "log_degree"):
        assert torch.equal(getattr(one, name), getattr(other, name))


def test_log_degree_counts_each_movies_interactions() -> None:
    lists = _lists([{0, 1}, {1}, {1}, set(), set(), set()])
    assert lists.log_degree[:3].exp().tolist() == pytest.approx([1, 3, 1])
    assert lists.num_movies == NUM_MOVIES


# --- users with all their interactions


@given(rated_sets, st.sets(st.integers(0, NUM_MOVIES - 1), min_size=1))
@settings(deadline=None, max_examples=100)
def test_finds_exactly_the_users_own_movies_among_candidates(
    rated: list[set[int]], candidates: set[int]
) -> None:
    chosen = sorted(candidates)
    batch = _lists(rated).batch(torch.arange(NUM_USERS))
    row, column = batch.own(torch.tensor(chosen), NUM_MOVIES)
    found = set(zip(row.tolist(), column.tolist(), strict=True))
    assert found == {
        (user, index)
        for user, own in enumerate(rated)
        for index, movie in enumerate(chosen)
        if movie in own
    }
    assert row.tolist() == sorted(row.tolist())


def test_batch_lists_every_interaction_of_its_users() -> None:
    batch = _lists([{1, 2}, set(), {0}, set(), set(), set()]).batch(torch.tensor([2, 0, 1]))
    assert batch.row.tolist() == [0, 1, 1]
    assert batch.movie.tolist() == [0, 1, 2]
    assert batch.degree.tolist() == [1, 2, 0]
    summed = batch.sum_positives(torch.eye(NUM_MOVIES))
    assert summed.nonzero().tolist() == [[0, 0], [1, 1], [1, 2]]


# --- through torch's own loader


def _load(data: IterableDataset) -> DataLoader:  # type: ignore[type-arg]
    return DataLoader(data, batch_size=None)


def _pairs_of_users(batches: Iterable[UserBatch]) -> list[tuple[int, int]]:
    return [
        (user, movie)
        for batch in batches
        for user, movie in zip(batch.users[batch.row].tolist(), batch.movie.tolist(), strict=True)
    ]


@given(rated_sets, st.integers(1, 8))
@settings(deadline=None, max_examples=50)
def test_user_batches_hold_every_user_and_interaction_once(
    rated: list[set[int]], batch_size: int
) -> None:
    loader = _load(UserBatches(_lists(rated), batch_size, torch.Generator().manual_seed(0)))
    for _ in range(2):
        batches = list(loader)
        assert len(batches) == len(loader)
        assert all(0 < len(batch.users) <= batch_size for batch in batches)
        users = [user for batch in batches for user in batch.users.tolist()]
        assert sorted(users) == [user for user, own in enumerate(rated) if own]
        expected = [(user, movie) for user, own in enumerate(rated) for movie in sorted(own)]
        assert sorted(_pairs_of_users(batches)) == expected


@given(rated_sets, st.integers(1, 8))
@settings(deadline=None, max_examples=50)
def test_triples_hold_every_interaction_once_and_no_positive_as_negative(
    rated: list[set[int]], batch_size: int
) -> None:
    triples = Triples(
        _edges(rated), NUM_USERS, NUM_MOVIES, batch_size, torch.Generator().manual_seed(0)
    )
    loader = _load(triples)
    for _ in range(2):
        batches = list(loader)
        assert len(batches) == len(loader)
        assert all(0 < len(users) <= batch_size for users, _, _ in batches)
        rows = [row for batch in batches for row in torch.stack(list(batch)).T.tolist()]
        expected = [(user, movie) for user, own in enumerate(rated) for movie in sorted(own)]
        assert sorted((user, movie) for user, movie, _ in rows) == expected
        assert all(negative not in rated[user] for user, _, negative in rows)


def test_triples_leave_out_users_who_have_rated_every_movie() -> None:
    rated: list[set[int]] = [set(range(NUM_MOVIES)), {3}, set(), set(), set(), set()]
    ((users, movies, negatives),) = _load(Triples(_edges(rated), NUM_USERS, NUM_MOVIES))
    assert (users.tolist(), movies.tolist()) == ([1], [3])
    assert negatives.item() != 3


def _user_batches(seed: int) -> list[list[int]]:
    graph = random_graph(40, 30, 300)
    lists = PositiveLists.from_edges(graph[RATES].edge_index, 40, 30)
    loader = _load(UserBatches(lists, 7, torch.Generator().manual_seed(seed)))
    return [[user for batch in loader for user in batch.users.tolist()] for _ in range(2)]


def _triples(seed: int) -> list[list[list[int]]]:
    edges = random_graph(40, 30, 300)[RATES].edge_index
    loader = _load(Triples(edges, 40, 30, 64, torch.Generator().manual_seed(seed)))
    return [[t.tolist() for batch in loader for t in batch] for _ in range(2)]


@pytest.mark.parametrize("passes", [_user_batches, _triples])
def test_same_seed_same_batches_and_every_pass_another_order(
    passes: Callable[[int], list[list[object]]],
) -> None:
    first, second = passes(0)
    torch.rand(3)  # the global generator doesn't matter
    assert passes(0) == [first, second]
    assert first != second
    assert passes(1)[0] != first


def test_negatives_of_an_interaction_differ_between_passes() -> None:
    edges = random_graph(40, 30, 300)[RATES].edge_index
    loader = _load(Triples(edges, 40, 30, 64, torch.Generator().manual_seed(0)))
    one, other = (
        {(u, m): n for batch in loader for u, m, n in torch.stack(list(batch)).T.tolist()}
        for _ in range(2)
    )
    assert sum(one[pair] != other[pair] for pair in one) > 200
