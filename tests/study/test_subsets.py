"""The subsets that a study measures on, and that nothing held out leaks into what is fitted."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch

from graphrec.config import SplitKind
from graphrec.data.dataset import Dataset, make_dataset
from graphrec.data.sources import load_dataset
from graphrec.data.split import Split, make_split
from graphrec.errors import ConfigError
from graphrec.evaluate.baselines import Popularity
from graphrec.evaluate.report import evaluate_ranking
from graphrec.graph import RATES
from graphrec.study.subsets import BUCKETS, MIN_MOVIES, SUBSETS, find_subsets, measure
from graphrec.train.data import TrainingData

World = tuple[Dataset, Split]


@pytest.fixture(scope="module")
def sample() -> World:
    """The embedded sample, some movies held out entirely."""
    dataset = load_dataset("sample")
    return dataset, make_split(dataset, SplitKind.COLD_MOVIES, cold_fraction=0.2)


def test_subsets_hold_the_movies_they_say(sample: World) -> None:
    dataset, split = sample
    degree = dataset.interactions.movie_degree(split.known)
    subsets = find_subsets(dataset.interactions, split)
    warm, tail, cold, everything = (subsets[name].movies for name in SUBSETS)
    assert (degree[warm] > 0).all()
    assert (degree[cold] == 0).all()
    assert (warm & cold).sum() == 0
    np.testing.assert_array_equal(warm | cold, everything)
    assert tail.sum() == pytest.approx(0.8 * warm.sum(), abs=3)
    assert degree[tail].max() <= degree[warm & ~tail].min()
    for name in set(subsets) & set(BUCKETS):
        fewest, most = BUCKETS[name]
        inside = degree[subsets[name].movies]
        assert inside.min() >= fewest
        assert most is None or inside.max() <= most


def test_every_held_out_interaction_is_in_one_bucket_and_one_side(sample: World) -> None:
    dataset, split = sample
    subsets = find_subsets(dataset.interactions, split)
    held_out = len(split.test)
    assert subsets["all"].target.nnz == held_out
    assert subsets["warm"].target.nnz + subsets["cold"].target.nnz == held_out
    bounds = list(BUCKETS.values())
    assert bounds[0][0] == 0
    assert all(after[0] == before[1] + 1 for before, after in pairwise(bounds))


def test_small_subsets_are_left_out(sample: World) -> None:
    dataset, split = sample
    subsets = find_subsets(dataset.interactions, split)
    assert "1-2" not in subsets
    assert all(subset.movies.sum() >= MIN_MOVIES for subset in subsets.values())


def test_too_small_data_are_refused(checkerboard: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    dataset = make_dataset(*checkerboard, note=lambda _: None)
    split = make_split(dataset, SplitKind.COLD_MOVIES)
    with pytest.raises(ConfigError, match=r"the data are too small to study: .* 40 movies"):
        find_subsets(dataset.interactions, split)


def test_measures_what_a_report_measures(sample: World) -> None:
    dataset, split = sample
    history = dataset.interactions.to_csr(split.known)
    rng = np.random.default_rng(0)
    scorer = Popularity(rng.random(dataset.interactions.num_movies))  # no ties
    subsets = find_subsets(dataset.interactions, split)
    measured = measure(scorer, subsets, history, 0)
    for name in ("warm", "cold"):
        report = evaluate_ranking(
            scorer,
            dataset.interactions,
            known=split.known,
            held_out=split.test,
            ks=(20,),
            allowed=subsets[name].movies,
        )
        np.testing.assert_array_equal(measured[name]["users"], report.users)
        np.testing.assert_allclose(measured[name]["ndcg"], report.per_user["ndcg@20"])
        np.testing.assert_allclose(measured[name]["recall"], report.per_user["recall@20"])
        assert measured[name]["movie_influence"].sum() == pytest.approx(0)
        assert not measured[name]["movie_influence"][~subsets[name].movies].any()


def test_random_lists_are_at_chance(sample: World) -> None:
    dataset, split = sample
    subsets = find_subsets(dataset.interactions, split)
    history = dataset.interactions.to_csr(split.known)
    scorer = Popularity(np.zeros(dataset.interactions.num_movies))
    recall = measure(scorer, subsets, history, 0)["cold"]["recall"]
    error = recall.std() / len(recall) ** 0.5
    assert abs(recall.mean() - subsets["cold"].chance) < 4 * error


def test_held_out_movies_have_no_edge_and_change_no_statistic(sample: World) -> None:
    """Other metadata for the held-out movies: all others' features stay, bit by bit."""
    dataset, split = sample
    cold = np.flatnonzero(find_subsets(dataset.interactions, split)["cold"].movies)
    first = TrainingData.from_rows(dataset, split.known)
    movies = dataset.movies.copy()
    for name, value in {
        "genres": "Unheard|Of",
        "release_date": "1801-01-01",
        "budget": 1e15,
        "runtime": 9_999,
        "director": "Nobody",
    }.items():
        movies.loc[cold, name] = pd.Series(
            [value] * len(cold), index=cold, dtype=movies[name].dtype
        )
    other = TrainingData.from_rows(replace(dataset, movies=movies), split.known)
    others = np.setdiff1d(np.arange(len(movies)), cold)
    np.testing.assert_array_equal(first.features[others], other.features[others])
    assert not np.array_equal(first.features[cold], other.features[cold])
    np.testing.assert_array_equal(
        first.predicted_log_degree[others], other.predicted_log_degree[others]
    )
    assert not torch.isin(first.graph[RATES].edge_index[1], torch.from_numpy(cold)).any()
