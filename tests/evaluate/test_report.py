"""What a report counts, against a slow and obvious evaluation."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch

from graphrec.data.dataset import Dataset, make_dataset
from graphrec.data.split import Split
from graphrec.errors import ConfigError
from graphrec.evaluate.baselines import Popularity
from graphrec.evaluate.report import evaluate_ranking
from graphrec.evaluate.scorers import EmbeddingScorer


def test_equals_an_obvious_evaluation(small_world: tuple[Dataset, Split]) -> None:
    dataset, split = small_world
    interactions = dataset.interactions
    rng = np.random.default_rng(0)
    scorer = EmbeddingScorer(
        torch.from_numpy(rng.normal(size=(interactions.num_users, 6)).astype(np.float32)),
        torch.from_numpy(rng.normal(size=(interactions.num_movies, 6)).astype(np.float32)),
    )
    report = evaluate_ranking(scorer, interactions, known=split.known, held_out=split.test, ks=(5,))
    scores = (scorer.user @ scorer.movie.T).numpy()
    recalls, gains = [], []
    for user in range(interactions.num_users):
        known = interactions.movie[split.known][interactions.user[split.known] == user]
        wanted = set(interactions.movie[split.test][interactions.user[split.test] == user])
        if not wanted:
            continue
        order = [movie for movie in np.argsort(-scores[user]) if movie not in set(known)][:5]
        recalls.append(len(wanted & set(order)) / len(wanted))
        gain = sum(1 / math.log2(p + 2) for p, movie in enumerate(order) if movie in wanted)
        gains.append(gain / sum(1 / math.log2(p + 2) for p in range(min(5, len(wanted)))))
    assert report.metrics["recall@5"] == pytest.approx(np.mean(recalls))
    assert report.metrics["ndcg@5"] == pytest.approx(np.mean(gains))
    assert report.counts()["users"] == len(recalls)
    assert report.counts()["test_interactions"] == len(split.test)


@pytest.fixture
def with_cold_movie() -> Dataset:
    """User 1 has rated movies 1 and 2, user 2 movie 1; movies 3 and 4 wait in the last rows."""
    ratings = pd.DataFrame({"user_id": [1, 1, 2, 2, 2], "movie_id": [1, 2, 1, 3, 4]})
    return make_dataset(ratings, note=lambda _: None)


def test_cold_movies_are_counted_and_ranked(with_cold_movie: Dataset) -> None:
    scorer = Popularity(np.array([2, 1, 9, 0]))
    report = evaluate_ranking(
        scorer,
        with_cold_movie.interactions,
        known=np.array([0, 1, 2]),
        held_out=np.array([3, 4]),
        ks=(1, 3),
    )
    assert report.cold_movies.tolist() == [2, 3]
    assert report.num_cold_interactions == 2
    assert report.metrics["recall@1"] == 0.5  # movie 3 is first, and cold
    assert report.metrics["recall@3"] == 1.0
    assert report.num_cold_users == 0


def test_users_without_training_count_too(with_cold_movie: Dataset) -> None:
    report = evaluate_ranking(
        Popularity(np.array([2, 1, 9, 0])),
        with_cold_movie.interactions,
        known=np.array([0, 1]),
        held_out=np.array([2, 3, 4]),
        ks=(4,),
    )
    assert report.num_cold_users == 1
    assert report.metrics["recall@4"] == 1.0


def test_lists_shorter_than_k_hold_no_hit_beyond_their_end(with_cold_movie: Dataset) -> None:
    report = evaluate_ranking(
        Popularity(np.array([0, 0, 1, 0])),
        with_cold_movie.interactions,
        known=np.array([0, 1, 2]),
        held_out=np.array([3]),
        ks=(50,),
    )
    assert report.metrics["precision@50"] == pytest.approx(1 / 50)
    assert report.metrics["coverage@50"] == pytest.approx(3 / 4)


def test_novelty_and_popularity_by_hand(with_cold_movie: Dataset) -> None:
    report = evaluate_ranking(
        Popularity(np.array([3, 2, 1, 0])),
        with_cold_movie.interactions,
        known=np.array([0, 1, 2]),
        held_out=np.array([3]),
        ks=(1,),
    )
    # User 2 has rated movie 1, so movie 2 comes first: one of two users has rated it.
    assert report.metrics["novelty@1"] == pytest.approx(1.0)
    assert report.metrics["popular_fraction@1"] == 0.0
    assert report.metrics["coverage@1"] == pytest.approx(1 / 4)


def test_nothing_to_evaluate_is_said(with_cold_movie: Dataset) -> None:
    rows = np.arange(3)
    scorer = Popularity(np.ones(4))
    with pytest.raises(ConfigError, match="no interaction is held out"):
        evaluate_ranking(scorer, with_cold_movie.interactions, known=rows, held_out=rows[:0])
    with pytest.raises(ConfigError, match="must be 1 or more"):
        evaluate_ranking(scorer, with_cold_movie.interactions, known=rows, held_out=rows, ks=())


def test_notebooks_show_a_table_of_metrics(with_cold_movie: Dataset) -> None:
    report = evaluate_ranking(
        Popularity(np.array([2, 1, 9, 0])),
        with_cold_movie.interactions,
        known=np.array([0, 1, 2]),
        held_out=np.array([3, 4]),
        ks=(1, 3),
    )
    shown = report._repr_html_().replace(' style="text-align: left"', "")
    assert "<th></th><th>@1</th><th>@3</th>" in shown
    first, last = (f"{report.metrics[f'ndcg@{k}']:.4f}" for k in (1, 3))
    assert f"<tr><th>ndcg</th><td>{first}</td><td>{last}</td></tr>" in shown
    assert "<tr><th>test interactions</th><td>2</td></tr>" in shown
