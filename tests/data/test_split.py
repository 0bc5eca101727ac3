"""Splits: every row in exactly one part, and the right ones held out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphrec.data import split as split_module
from graphrec.data.dataset import Dataset, make_dataset
from graphrec.data.sources import load_dataset
from graphrec.data.split import Split, SplitKind, another_validation, make_split
from graphrec.errors import ConfigError

PAIRS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 30), st.integers(0, 9)),
    min_size=4,
    max_size=80,
    unique_by=lambda row: row[:2],
).filter(lambda rows: min(len({row[column] for row in rows}) for column in (0, 1)) > 1)
SEEDS = st.integers(0, 2**32)


def dataset_of(rows: list[tuple[int, int, int]], *, given_test: bool = False) -> Dataset:
    """A data set of (user, movie, second), its last quarter held out if wanted."""
    table = pd.DataFrame(rows, columns=["user_id", "movie_id", "timestamp"])
    cut = len(table) - len(table) // 4 if given_test else len(table)
    return make_dataset(table[:cut], test=table[cut:] if given_test else None)


def all_rows(split: Split) -> list[int]:
    parts = (split.train, split.valid, split.test, split.valid_history, split.test_history)
    return sorted(np.concatenate(parts).tolist())


@given(PAIRS, st.sampled_from(SplitKind), SEEDS)
def test_parts_are_disjoint_and_complete(
    rows: list[tuple[int, int, int]], kind: SplitKind, seed: int
) -> None:
    dataset = dataset_of(rows, given_test=kind is SplitKind.GIVEN)

    split = make_split(dataset, kind, seed=seed)

    assert split.kind is kind
    assert all_rows(split) == list(range(len(dataset.interactions)))
    assert len(split.train)
    for part in (split.train, split.valid, split.test, split.valid_history, split.test_history):
        assert part.dtype == np.int64
        assert np.all(np.diff(part) > 0)
        assert not part.flags.writeable
    known = (split.train, split.valid, split.valid_history)
    assert split.known.tolist() == sorted(np.concatenate(known).tolist())
    assert split.shown.tolist() == sorted([*split.known.tolist(), *split.test_history.tolist()])


@given(PAIRS, st.sampled_from([SplitKind.RANDOM, SplitKind.LEAVE_LAST_OUT, SplitKind.NONE]), SEEDS)
def test_no_user_loses_all_training_rows(
    rows: list[tuple[int, int, int]], kind: SplitKind, seed: int
) -> None:
    dataset = dataset_of(rows)

    split = make_split(dataset, kind, seed=seed)

    assert np.all(dataset.interactions.user_degree(split.train) > 0)


@given(PAIRS, SEEDS)
def test_a_temporal_split_trains_on_the_past(rows: list[tuple[int, int, int]], seed: int) -> None:
    dataset = dataset_of(rows)

    split = make_split(dataset, SplitKind.TEMPORAL, seed=seed)

    time = dataset.interactions.timestamp
    assert time is not None
    assert len(split.test) == round(len(rows) * 0.2)
    assert time[split.train].max() <= time[split.valid].min(initial=99)
    assert time[split.known].max() <= time[split.test].min(initial=99)


@given(PAIRS, SEEDS)
def test_leave_last_out_holds_out_each_user_s_last(
    rows: list[tuple[int, int, int]], seed: int
) -> None:
    dataset = dataset_of(rows)
    edges = dataset.interactions

    split = make_split(dataset, SplitKind.LEAVE_LAST_OUT, seed=seed)

    assert edges.timestamp is not None
    assert edges.user_degree(split.test).tolist() == (edges.user_degree() > 1).astype(int).tolist()
    assert edges.user_degree(split.valid).tolist() == (edges.user_degree() > 2).astype(int).tolist()
    for user in range(edges.num_users):
        parts = [rows[edges.user[rows] == user] for rows in (split.train, split.valid, split.test)]
        latest = [edges.timestamp[part].max() for part in parts if len(part)]
        assert latest == sorted(latest)


@given(PAIRS, st.sampled_from(SplitKind), SEEDS)
def test_the_same_seed_gives_the_same_split(
    rows: list[tuple[int, int, int]], kind: SplitKind, seed: int
) -> None:
    dataset = dataset_of(rows, given_test=kind is SplitKind.GIVEN)

    first, second = (make_split(dataset, kind, seed=seed) for _ in range(2))

    assert first.train.tolist() == second.train.tolist()
    assert first.test.tolist() == second.test.tolist()


def grid(users: int, movies: int) -> Dataset:
    """Every user has rated every movie, one a second."""
    return dataset_of([(user, movie, movie) for user in range(users) for movie in range(movies)])


def test_new_users_provide_four_fifths_and_are_not_trained_on() -> None:
    dataset = grid(50, 40)
    split = make_split(dataset, SplitKind.NEW_USERS, seed=3)
    user = dataset.interactions.user
    train, valid, test = (
        set(user[rows].tolist()) for rows in (split.train, split.valid, split.test)
    )
    assert (len(train), len(valid), len(test)) == (32, 8, 10)
    assert train.isdisjoint(valid | test)
    assert valid.isdisjoint(test)
    assert set(user[split.valid_history].tolist()) == valid
    assert set(user[split.test_history].tolist()) == test
    assert len(split.test) == 80
    assert len(split.test_history) == 320


def test_a_new_user_has_at_least_two_interactions() -> None:
    """One can't be both history and held out."""
    single = [(user, user % 5, user) for user in range(100, 200)]
    double = [(user, movie, movie) for user in range(20) for movie in range(5)]
    dataset = dataset_of(single + double)
    for seed in range(3):
        split = make_split(dataset, SplitKind.NEW_USERS, seed=seed)
        for rows in (split.test, split.valid, split.test_history, split.valid_history):
            assert len(rows) > 0
            assert dataset.interactions.user[rows].max() < 20


def test_fractions_of_a_random_split() -> None:
    dataset = grid(40, 50)

    split = make_split(dataset, SplitKind.RANDOM, seed=3)

    assert set(dataset.interactions.user_degree(split.test).tolist()) <= {10, 11}
    assert abs(len(split.valid) - 0.1 * 0.8 * 2000) < 20
    assert split.train.tolist() != make_split(dataset, SplitKind.RANDOM, seed=4).train.tolist()


def test_nothing_is_held_out_for_testing_by_none() -> None:
    split = make_split(grid(4, 20), SplitKind.NONE)

    assert (len(split.test), len(split.train) + len(split.valid)) == (0, 80)


def test_a_given_part_is_the_test_part_and_the_default() -> None:
    dataset = dataset_of([(u, m, 0) for u in range(4) for m in range(8)], given_test=True)

    split = make_split(dataset)

    assert split.kind is SplitKind.GIVEN
    assert split.test.tolist() == list(range(24, 32))
    assert make_split(grid(3, 3)).kind is SplitKind.RANDOM


def test_rows_of_one_second_are_shuffled() -> None:
    rows = [(user, movie, 0) for user in range(30) for movie in range(5)]

    split = make_split(dataset_of(rows), SplitKind.LEAVE_LAST_OUT)

    assert len({rows[row][1] for row in split.test}) > 1


@pytest.mark.parametrize("kind", [SplitKind.RANDOM, SplitKind.NONE])
def test_validation_looks_at_a_limited_number_of_users(
    kind: SplitKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(split_module, "MAX_VALID_USERS", 18)
    dataset = grid(20, 30)

    split = make_split(dataset, kind)

    assert np.count_nonzero(dataset.interactions.user_degree(split.valid)) == 18


@pytest.mark.parametrize("kind", [SplitKind.TEMPORAL, SplitKind.LEAVE_LAST_OUT])
def test_time_is_needed_to_split_by_time(kind: SplitKind) -> None:
    dataset = make_dataset(pd.DataFrame({"user_id": [1, 2], "movie_id": [1, 2]}))

    with pytest.raises(ConfigError) as caught:
        make_split(dataset, kind)
    assert str(caught.value) == (
        f"split='{kind.value}' needs a timestamp column, and none was found; name it with"
        " columns={'timestamp': ...} if there is one."
    )


def test_a_given_part_is_needed_to_split_as_given() -> None:
    with pytest.raises(
        ConfigError, match=r"split='given' needs data with a test part of their own \(test"
    ):
        make_split(grid(2, 2), SplitKind.GIVEN)


def test_something_must_be_left_to_train_on() -> None:
    train = pd.DataFrame({"user_id": [], "movie_id": []}, dtype=np.int64)
    test = pd.DataFrame({"user_id": [1, 2], "movie_id": [1, 2]})

    with pytest.raises(ConfigError, match=r"^nothing is left to train on"):
        make_split(make_dataset(train, test=test))


@pytest.mark.parametrize(("given_test", "kind"), [(True, SplitKind.GIVEN), (False, SplitKind.NONE)])
def test_validation_is_a_random_tenth_of_each_user_s_training_rows(
    given_test: bool, kind: SplitKind
) -> None:
    pairs = [(user, movie, 0) for user in range(40) for movie in range(50)]
    np.random.default_rng(0).shuffle(pairs)
    dataset = dataset_of(pairs, given_test=given_test)
    interactions = dataset.interactions

    split = make_split(dataset, kind)

    total, held_out = interactions.user_degree(split.known), interactions.user_degree(split.valid)
    assert np.all(np.abs(held_out - 0.1 * total) < 1)
    assert len(np.unique(interactions.movie[split.valid])) > 40


def test_given_and_none_validate_on_the_same_rows_as_a_random_split_would() -> None:
    dataset = grid(20, 30)
    rows = np.arange(len(dataset.interactions))

    split = make_split(dataset, SplitKind.NONE, seed=3)

    fractions = split_module.VALID_FRACTION, 0
    expected = split_module._held_out(
        dataset.interactions, SplitKind.RANDOM, rows, fractions, np.random.default_rng(3)
    )
    assert split.valid.tolist() == np.sort(expected).tolist()


def test_validation_on_the_latest_holds_out_each_user_s_last_tenth() -> None:
    pairs = [(user, movie, movie) for user in range(20) for movie in range(50)]
    np.random.default_rng(0).shuffle(pairs)
    dataset = dataset_of(pairs)

    split = make_split(dataset, SplitKind.NONE, validation="latest")

    times = dataset.interactions.timestamp
    assert times is not None
    assert sorted(times[split.valid].tolist()) == sorted([*range(45, 50)] * 20)


def test_validation_by_neighbourhoods_holds_out_movies_that_are_alike() -> None:
    """Users like four of five kinds of movies; what is held out of a user is of one kind."""
    rng, rows = np.random.default_rng(0), []
    for user in range(200):
        for kind in rng.choice(5, size=4, replace=False):
            rows += [(user, int(10 * kind + movie), 0) for movie in rng.permutation(10)[:8]]
    dataset = dataset_of(rows)
    interactions = dataset.interactions

    def kinds(split: Split) -> float:
        held_out = pd.DataFrame(
            {
                "user": interactions.user[split.valid],
                "kind": interactions.movies.ids[interactions.movie[split.valid]] // 10,
            }
        )
        return float(held_out.groupby("user")["kind"].nunique().mean())

    split = make_split(dataset, SplitKind.NONE, validation="neighbourhoods")

    assert len(split.valid) == pytest.approx(0.2 * len(rows), rel=0.1)
    assert kinds(split) < 1.3
    assert kinds(make_split(dataset, SplitKind.NONE)) > 2


def test_validation_can_be_chosen_where_the_split_does_not_say() -> None:
    for kind in (SplitKind.TEMPORAL, SplitKind.LEAVE_LAST_OUT, SplitKind.COLD_MOVIES):
        with pytest.raises(ConfigError, match="validation out as it does its test part"):
            make_split(grid(6, 9), kind, validation="random")
    untimed = make_dataset(pd.DataFrame({"user_id": [1, 2], "movie_id": [1, 2]}))
    with pytest.raises(ConfigError, match=r"^validation='latest' needs a timestamp column"):
        make_split(untimed, validation="latest")


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        (SplitKind.NONE, "Split('none': 1,800 train, 200 validation, 0 test rows)"),
        (
            SplitKind.NEW_USERS,
            "Split('new-users': 1,280 train, 64 validation, 80 test, 576 history rows)",
        ),
    ],
)
def test_a_split_is_shown_in_one_line(kind: SplitKind, shown: str) -> None:
    assert repr(make_split(grid(50, 40), kind)) == shown


@pytest.mark.parametrize("kind", [kind for kind in SplitKind if kind is not SplitKind.GIVEN])
def test_another_draw_of_validation_has_the_same_test_part(kind: SplitKind) -> None:
    dataset = grid(50, 40)
    split = make_split(dataset, kind, seed=0)

    other = another_validation(dataset, split, seed=1)

    assert (other.kind, all_rows(other)) == (kind, list(range(2000)))
    assert other.test.tolist() == split.test.tolist()
    assert other.test_history.tolist() == split.test_history.tolist()
    assert other.valid.tolist() != split.valid.tolist()
    assert len(other.valid_history) == len(split.valid_history)
    assert 0.5 < len(other.valid) / len(split.valid) < 5  # the last of each user, or a tenth


def test_another_draw_of_validation_by_neighbourhoods_is_by_neighbourhoods() -> None:
    dataset = grid(20, 30)
    split = make_split(dataset, SplitKind.NONE, validation="neighbourhoods")

    other = another_validation(dataset, split, seed=1, validation="neighbourhoods")

    assert len(other.valid) == pytest.approx(0.2 * 600, rel=0.1)


def _cold(split: Split, dataset: Dataset) -> np.ndarray:
    """Movies with test interactions and no training or validation ones."""
    interactions = dataset.interactions
    known, held_out = (interactions.movie_degree(rows) for rows in (split.known, split.test))
    return np.flatnonzero((known == 0) & (held_out > 0))


def test_cold_movies_have_no_training_interaction() -> None:
    dataset = load_dataset("sample")
    split = make_split(dataset, SplitKind.COLD_MOVIES, seed=3, cold_fraction=0.2)
    interactions = dataset.interactions
    rated = int((interactions.movie_degree() > 0).sum())
    cold = _cold(split, dataset)
    assert len(cold) == round(0.2 * rated)
    held_out = interactions.movie_degree(split.test)[cold].sum()
    assert held_out == interactions.movie_degree()[cold].sum()
    rest = len(interactions) - held_out
    assert len(split.test) - held_out == pytest.approx(0.2 * rest, rel=0.02)


@pytest.mark.parametrize(("fraction", "number"), [(0.01, 1), (0.99, 8)])
def test_at_least_one_movie_is_cold_and_one_is_not(fraction: float, number: int) -> None:
    dataset = grid(6, 9)

    split = make_split(dataset, SplitKind.COLD_MOVIES, cold_fraction=fraction)

    assert len(_cold(split, dataset)) == number


def test_cold_movies_are_in_validation_too_and_are_others() -> None:
    dataset = load_dataset("sample")
    split = make_split(dataset, SplitKind.COLD_MOVIES)
    interactions = dataset.interactions
    train, valid, test = (
        interactions.movie_degree(rows) for rows in (split.train, split.valid, split.test)
    )
    cold_in_valid = (train == 0) & (valid > 0)
    assert cold_in_valid.sum() == round(0.1 * ((train + valid) > 0).sum())
    assert test[cold_in_valid].sum() > 0  # warm when the finished model is tested
    assert not np.intersect1d(np.flatnonzero(cold_in_valid), _cold(split, dataset)).size


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.5, 2.0])
def test_cold_fraction_out_of_bounds(fraction: float) -> None:
    with pytest.raises(ConfigError, match=r"^cold_fraction is .*; it must be above 0 and below 1"):
        make_split(load_dataset("sample"), SplitKind.COLD_MOVIES, cold_fraction=fraction)
