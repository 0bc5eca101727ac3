"""What a model is trained on holds the given rows alone, and statistics of these."""

from __future__ import annotations

import numpy as np
import torch

from graphrec.data.dataset import Dataset
from graphrec.data.split import Split
from graphrec.features.matrix import fit_features
from graphrec.graph import normalized_adjacency
from graphrec.train.data import TrainingData

World = tuple[Dataset, Split]


def test_every_form_is_of_the_same_interactions(small_world: World) -> None:
    dataset, split = small_world
    interactions = dataset.interactions
    data = TrainingData.from_rows(dataset, split.train)
    pairs = sorted(
        zip(interactions.user[split.train], interactions.movie[split.train], strict=True)
    )
    assert (data.num_users, data.num_movies) == (40, 32)
    assert list(zip(*data.matrix.nonzero(), strict=True)) == pairs
    assert list(map(tuple, data.adjacency.edge_index.T.tolist())) == pairs
    torch.testing.assert_close(
        data.adjacency.normalized.to_dense(), normalized_adjacency(data.graph).to_dense()
    )
    assert data.degree.tolist() == interactions.movie_degree(split.train).tolist()
    np.testing.assert_allclose(data.log_degree, np.log(np.maximum(data.degree, 1)), rtol=1e-6)
    assert data.full_history is data.matrix


def test_features_are_fitted_on_rated_movies(small_world: World) -> None:
    dataset, split = small_world
    movie = dataset.interactions.movie[split.train]
    rows = split.train[(movie % 2 == 0) | (movie == 1)]
    data = TrainingData.from_rows(dataset, rows, ignore=("title",))
    rated = dataset.interactions.movie_degree(rows) > 0
    fitted, of_all = (
        fit_features(dataset.metadata, known=known, ignore=("title",)) for known in (rated, None)
    )
    np.testing.assert_array_equal(data.features, fitted.transform(dataset.metadata))
    assert not np.allclose(data.features, of_all.transform(dataset.metadata))


def test_histories_of_folded_in_users_are_beside_the_matrix(small_world: World) -> None:
    dataset, split = small_world
    user = dataset.interactions.user
    rows, history = split.train[user[split.train] > 4], split.train[user[split.train] <= 4]
    data = TrainingData.from_rows(dataset, rows, history=history)
    assert set(data.matrix.nonzero()[0]) == set(range(5, 40))
    assert set(data.history.nonzero()[0]) == set(range(5))
    assert data.full_history.nnz == len(split.train)


def test_features_can_be_changed_for_a_control(small_world: World) -> None:
    dataset, split = small_world
    plain = TrainingData.from_rows(dataset, split.train)
    turned = TrainingData.from_rows(dataset, split.train, change=lambda own: own[::-1].copy())
    np.testing.assert_array_equal(turned.features, plain.features[::-1])
    np.testing.assert_array_equal(turned.graph["movie"].x.numpy(), turned.features)
