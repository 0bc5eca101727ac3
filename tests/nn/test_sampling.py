"""Negatives are never positives, and every unwatched movie is drawn equally often."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from graphrec.model.sampling import WatchLists, user_batches

NUM_USERS, NUM_MOVIES = 6, 12

watch_sets = st.lists(
    st.sets(st.integers(0, NUM_MOVIES - 1), max_size=NUM_MOVIES - 1),
    min_size=NUM_USERS,
    max_size=NUM_USERS,
)


def _lists(watched: list[set[int]]) -> WatchLists:
    pairs = [(user, movie) for user, movies in enumerate(watched) for movie in sorted(movies)]
    edges = torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2).T
    return WatchLists.from_edges(edges, NUM_USERS, NUM_MOVIES)


@given(watch_sets, st.integers(0, 2**31))
@settings(deadline=None, max_examples=100)
def test_negatives_are_never_positives(watched: list[set[int]], seed: int) -> None:
    users = torch.arange(NUM_USERS).repeat(20)
    drawn = _lists(watched).sample_unwatched(users, torch.Generator().manual_seed(seed))
    for user, movie in zip(users.tolist(), drawn.tolist(), strict=True):
        assert 0 <= movie < NUM_MOVIES
        assert movie not in watched[user]


def test_negatives_are_uniform_over_the_unwatched() -> None:
    watched: list[set[int]] = [{0, 1, 5, 11}, set(), {3}, set(range(10)), {0}, {11}]
    lists = _lists(watched)
    generator = torch.Generator().manual_seed(0)
    for user, own in enumerate(watched):
        drawn = lists.sample_unwatched(torch.full((20_000,), user), generator)
        counts = np.bincount(drawn.numpy(), minlength=NUM_MOVIES)
        free = [movie for movie in range(NUM_MOVIES) if movie not in own]
        assert counts.sum() == counts[free].sum()
        assert stats.chisquare(counts[free]).pvalue > 1e-4


@given(watch_sets, st.sets(st.integers(0, NUM_MOVIES - 1), min_size=1))
@settings(deadline=None, max_examples=100)
def test_finds_exactly_the_watched_among_candidates(
    watched: list[set[int]], candidates: set[int]
) -> None:
    chosen = sorted(candidates)
    batch = _lists(watched).batch(torch.arange(NUM_USERS))
    row, column = batch.own(torch.tensor(chosen), NUM_MOVIES)
    found = set(zip(row.tolist(), column.tolist(), strict=True))
    assert found == {
        (user, place)
        for user, own in enumerate(watched)
        for place, movie in enumerate(chosen)
        if movie in own
    }
    assert row.tolist() == sorted(row.tolist())


def test_batch_lists_every_watch_of_the_users_asked_for() -> None:
    batch = _lists([{1, 2}, set(), {0}, set(), set(), set()]).batch(torch.tensor([2, 0, 1]))
    assert batch.row.tolist() == [0, 1, 1]
    assert batch.movie.tolist() == [0, 1, 2]
    assert batch.degree.tolist() == [1, 2, 0]
    summed = batch.sum_watched(torch.eye(NUM_MOVIES))
    assert summed.nonzero().tolist() == [[0, 0], [1, 1], [1, 2]]


@given(watch_sets, st.integers(1, 8))
@settings(deadline=None)
def test_batches_hold_every_watch_once(watched: list[set[int]], batch_size: int) -> None:
    lists = _lists(watched)
    batches = list(user_batches(lists, batch_size, torch.Generator().manual_seed(0)))
    assert all(0 < len(batch.users) <= batch_size for batch in batches)
    seen = [
        (user, movie)
        for batch in batches
        for user, movie in zip(batch.users[batch.row].tolist(), batch.movie.tolist(), strict=True)
    ]
    assert sorted(seen) == [(user, m) for user, own in enumerate(watched) for m in sorted(own)]
