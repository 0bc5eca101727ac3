"""The statistics against hand-computed numbers, and against worlds whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from graphrec.errors import ConfigError
from graphrec.evaluate import significance
from graphrec.evaluate.significance import holm, paired_bootstrap, seed_interval

REPEATS = 400


def _many_worlds(repeats: int, users: int, mean: float) -> list[significance.Interval]:
    rng = np.random.default_rng(1)
    return [
        paired_bootstrap(rng.normal(mean, 2, users), rng=rng, resamples=499) for _ in range(repeats)
    ]


def test_bootstrap_covers_the_truth_as_often_as_it_says() -> None:
    intervals = _many_worlds(REPEATS, 100, 0.7)
    covered = sum(interval.low <= 0.7 <= interval.high for interval in intervals)
    # 0.94: the percentile interval is a little narrow at 100 users
    assert stats.binomtest(covered, REPEATS, 0.94).pvalue > 0.001


def test_bootstrap_p_is_uniform_where_there_is_no_difference() -> None:
    p_values = [interval.p_value for interval in _many_worlds(REPEATS, 100, 0.0)]
    assert stats.kstest(p_values, "uniform").pvalue > 0.001


def test_bootstrap_agrees_with_the_t_test_on_many_users() -> None:
    rng = np.random.default_rng(2)
    difference = rng.normal(0.05, 1, 2_000)
    found = paired_bootstrap(difference, rng=rng)
    expected = stats.ttest_1samp(difference, 0)
    low, high = expected.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((low, high), abs=2e-3)
    assert found.p_value == pytest.approx(expected.pvalue, abs=0.01)


def test_bootstrap_finds_a_clear_difference() -> None:
    rng = np.random.default_rng(3)
    found = paired_bootstrap(rng.normal(1, 0.1, 50), rng=rng, resamples=999)
    assert found.p_value == pytest.approx(1 / 1_000)  # as small as it can be, and not 0
    assert 0.9 < found.low < found.mean < found.high < 1.1


def test_bootstrap_of_no_difference_at_all() -> None:
    found = paired_bootstrap(np.zeros(30), rng=np.random.default_rng(0))
    assert found == significance.Interval(0.0, 0.0, 0.0, 1.0)


def test_bootstrap_counts_ties_of_one_user() -> None:
    """Every draw of one user is that user: a tie at no distance, farther than which the mean is."""
    found = paired_bootstrap(np.array([0.3]), rng=np.random.default_rng(0), resamples=9)
    assert found == significance.Interval(0.3, 0.3, 0.3, 0.1)


def test_bootstrap_is_the_same_for_a_seed_and_mirrors() -> None:
    difference = np.random.default_rng(4).normal(0.1, 1, 80)
    first, again, mirrored = (
        paired_bootstrap(sign * difference, rng=np.random.default_rng(5), resamples=500)
        for sign in (1, 1, -1)
    )
    assert first == again
    assert (mirrored.low, mirrored.high) == pytest.approx((-first.high, -first.low))
    assert mirrored.p_value == first.p_value


def test_bootstrap_in_blocks_draws_as_many(monkeypatch: pytest.MonkeyPatch) -> None:
    difference = np.random.default_rng(6).normal(0, 1, 70)
    whole = paired_bootstrap(difference, rng=np.random.default_rng(7), resamples=101)
    monkeypatch.setattr(significance, "BLOCK_DRAWS", 700)
    parts = paired_bootstrap(difference, rng=np.random.default_rng(7), resamples=101)
    assert (parts.low, parts.high) == pytest.approx((whole.low, whole.high), abs=0.05)
    monkeypatch.setattr(significance, "BLOCK_DRAWS", 1)  # fewer than users: one draw at a time
    assert paired_bootstrap(difference, rng=np.random.default_rng(7), resamples=3).p_value <= 1


def test_bootstrap_needs_users() -> None:
    with pytest.raises(ConfigError, match="no user"):
        paired_bootstrap(np.empty(0), rng=np.random.default_rng(0))


def test_seed_interval_by_hand() -> None:
    low, high = seed_interval(np.array([0.10, 0.12, 0.14, 0.16, 0.18]))
    half = 2.776445 * 0.0316228 / 5**0.5  # t of 4 degrees of freedom, standard deviation
    assert (low, high) == pytest.approx((0.14 - half, 0.14 + half), abs=1e-6)
    narrow, wide = seed_interval(np.array([1.0, 2.0]), level=0.5)  # t of 1 degree: 1
    assert (narrow, wide) == pytest.approx((1.0, 2.0))


def test_one_seed_says_nothing_about_others() -> None:
    assert np.isnan(seed_interval(np.array([0.5]))).all()


@pytest.mark.parametrize(
    ("p_values", "adjusted"),
    [
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),
        ([0.01, 0.02, 0.03, 0.04, 0.05], [0.05, 0.08, 0.09, 0.09, 0.09]),
        ([0.0001, 0.0004, 0.0019, 0.0095, 0.02], [0.0005, 0.0016, 0.0057, 0.019, 0.02]),
        ([0.5, 0.9], [1.0, 1.0]),
        ([0.2], [0.2]),
        ([], []),
    ],
)
def test_holm_by_hand(p_values: list[float], adjusted: list[float]) -> None:
    assert holm(np.array(p_values)) == pytest.approx(np.array(adjusted))


@given(st.lists(st.floats(0, 1), max_size=12), st.randoms(use_true_random=False))
def test_holm_properties(p_values: list[float], random: object) -> None:
    given_values = np.array(p_values)
    adjusted = holm(given_values)
    number = len(adjusted)
    bonferroni = np.minimum(given_values * number, 1)
    assert (adjusted >= given_values).all()
    assert (adjusted <= bonferroni + 1e-12).all()
    order = np.argsort(given_values)
    assert (np.diff(adjusted[order]) >= 0).all()
    shuffled = list(range(number))
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert (holm(given_values[shuffled]) == adjusted[shuffled]).all()


def test_chance_of_shared_movies_widens_the_interval() -> None:
    """One fixed order of movies for everybody against another: neither is better, but by chance."""
    rng = np.random.default_rng(0)
    users_alone = both = 0
    for _ in range(200):
        gain = rng.normal(0, 1, 40)  # of each movie's rank in one order less the other
        taste = rng.random((300, 40)) < 0.2
        part = taste * gain / 8
        by_movie = part.mean(axis=0)
        difference = part.sum(axis=1)
        users_alone += paired_bootstrap(difference, rng=rng, resamples=400).p_value < 0.05
        both += (
            paired_bootstrap(difference, rng=rng, by_movie=by_movie, resamples=400).p_value < 0.05
        )
    assert users_alone > 100  # most of them would be called a difference
    assert both < 20


def test_movies_that_add_alike_change_nothing() -> None:
    difference = np.random.default_rng(0).normal(0.1, 1, 100)
    plain, movies = (
        paired_bootstrap(difference, rng=np.random.default_rng(1), by_movie=by_movie)
        for by_movie in (None, np.full(50, difference.mean() / 50))
    )
    assert movies.low == pytest.approx(plain.low)
    assert movies.high == pytest.approx(plain.high)
