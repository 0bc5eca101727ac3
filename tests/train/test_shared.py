"""Several processes train the model that one trains."""

from __future__ import annotations

import pickle
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import torch.distributed as dist
from threadpoolctl import threadpool_limits
from torch.multiprocessing.spawn import spawn

from graphrec.config import Layers, Loss, ModelConfig, NodeState, SplitKind, TrainConfig
from graphrec.data.dataset import Dataset, make_dataset
from graphrec.data.split import Split, make_split
from graphrec.errors import ConfigError
from graphrec.train.shared import check_shared, fit_shared, of_users
from graphrec.train.trainer import Fitted, fit

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="gloo meets by a file")

SMALL = ModelConfig(embedding_dim=8, spectral_dim=16)
SHORT = TrainConfig(epochs=4, batch_size=16, validate_every=2)
CASES: dict[str, tuple[SplitKind, ModelConfig, TrainConfig]] = {
    "cold movies": (SplitKind.COLD_MOVIES, replace(SMALL, num_layers=2), SHORT),
    "new users": (SplitKind.NEW_USERS, replace(SMALL, layers=Layers.SAGE), SHORT),
    "bpr": (SplitKind.RANDOM, SMALL, replace(SHORT, loss=Loss.BPR)),
    "bpr by graphsage": (
        SplitKind.RANDOM,
        replace(SMALL, layers=Layers.SAGE),
        replace(SHORT, loss=Loss.BPR, batch_size=2),
    ),
    "closed forms": (SplitKind.RANDOM, replace(SMALL, node_state=NodeState.NONE), SHORT),
    "no validation": (SplitKind.NONE, SMALL, SHORT),
}


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """Two genres and users who like one of them, some much more active than others."""
    rng, rows = np.random.default_rng(0), []
    for user in range(90):
        liked = rng.permutation(np.flatnonzero(np.arange(48) % 2 == user % 2))
        others = rng.permutation(np.flatnonzero(np.arange(48) % 2 != user % 2))
        for movie in [*liked[: 5 + user // 8], *others[:2]]:
            rows.append((user, int(movie), int(rng.integers(1, 6))))
    movies = pd.DataFrame({"movie_id": range(48), "genres": ["War", "Comedy"] * 24})
    movies["runtime"] = rng.normal(100, 15, 48)  # no two movies are alike, which would be ties
    ratings = pd.DataFrame(rows, columns=["user_id", "movie_id", "rating"])
    return make_dataset(ratings, movies, note=lambda _: None)


def _split(dataset: Dataset, case: str) -> Split:
    return make_split(dataset, CASES[case][0], seed=0)


def _facts(fitted: Fitted) -> dict[str, Any]:
    """What a model answers; singular vectors of equal values may be rotated."""
    model, history = fitted.model, fitted.history
    users = np.arange(history.shape[0])
    vectors = {"users": model.user_vectors(history, users), "movies": model.movie_vectors()}
    vectors["associations"] = model.associations.movie
    return {
        **{name: (own @ own.T).numpy() for name, own in vectors.items()},
        "scores": model.scores(history, users).numpy(),
        "folded in": model.scores(history).numpy(),
        "towers": [part.tower.users.weight.detach().numpy() for part in fitted.parts.values()],
        "loss": [epoch.loss for part in fitted.parts.values() for epoch in part.history],
        "valid": fitted.valid,
        "ndcg by activity": [one.mean for one in fitted.quality.by_activity],
        "recall by popularity": [one.mean for one in fitted.quality.by_popularity],
    }


def _work(rank: int, size: int, dataset: Dataset, folder: str, cases: list[str]) -> None:
    torch.set_num_threads(1 + rank)  # as on different machines, which round differently
    meeting = f"file://{folder}/meeting"
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=size)
    found = {}
    for case in cases:
        with threadpool_limits(1 + rank):
            fitted = fit_shared(dataset, _split(dataset, case), *CASES[case][1:])
        assert (fitted is None) == (rank > 0)
        found[case] = None if fitted is None else _facts(fitted)
    if rank == 0:
        Path(folder, "found").write_bytes(pickle.dumps(found))
    dist.destroy_process_group()


@pytest.mark.parametrize("size", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_several_processes_train_what_one_does(dataset: Dataset, tmp_path: Path, size: int) -> None:
    spawn(_work, args=(size, dataset, str(tmp_path), [*CASES]), nprocs=size)
    found = pickle.loads((tmp_path / "found").read_bytes())
    for case, (_, *configs) in CASES.items():
        expected = _facts(fit(dataset, _split(dataset, case), *configs))
        assert len(expected["loss"]) > 0 or case == "closed forms"
        for name, one in expected.items():
            difference = np.linalg.norm(np.subtract(found[case][name], one))
            assert difference <= 1e-4 * np.linalg.norm(one), (case, name)


def test_a_process_may_have_no_users(tmp_path: Path) -> None:
    """One user has most of the interactions, and no negative is left for them."""
    rng = np.random.default_rng(0)
    rows = [(0, movie) for movie in range(40)]
    rows += [(user, int(movie)) for user in (1, 2, 3) for movie in rng.permutation(40)[:4]]
    table = pd.DataFrame(rows, columns=["user_id", "movie_id"])
    dataset = make_dataset(table, note=lambda _: None)
    cases = ["bpr", "bpr by graphsage", "no validation"]
    spawn(_work, args=(3, dataset, str(tmp_path), cases), nprocs=3)
    found = pickle.loads((tmp_path / "found").read_bytes())
    for case in cases:
        expected = _facts(fit(dataset, _split(dataset, case), *CASES[case][1:]))
        for name in ("scores", "loss"):
            one, several = expected[name], found[case][name]
            np.testing.assert_allclose(several, one, rtol=1e-4, atol=1e-4, err_msg=case)


def test_each_process_has_its_own_users(dataset: Dataset) -> None:
    split, edges = _split(dataset, "new users"), dataset.interactions
    names = ("train", "valid", "test", "valid_history", "test_history")
    seen: dict[str, list[tuple[int, int]]] = {name: [] for name in names}
    for users in (slice(0, 30), slice(30, 31), slice(31, 90)):
        own, parts = of_users(dataset, split, users)
        assert own.interactions.users.ids.tolist() == edges.users.ids[users].tolist()
        assert own.interactions.num_movies == edges.num_movies
        for name in names:
            rows = getattr(parts, name)
            pairs = own.interactions.user[rows] + users.start, own.interactions.movie[rows]
            seen[name] += zip(*(pair.tolist() for pair in pairs), strict=True)
    for name in names:
        rows = getattr(split, name)
        pairs = zip(edges.user[rows].tolist(), edges.movie[rows].tolist(), strict=True)
        assert sorted(seen[name]) == sorted(pairs)


def _differ(rank: int, size: int, dataset: Dataset, folder: str, _: list[str]) -> None:
    meeting = f"file://{folder}/meeting"
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=size)
    config = replace(SHORT, seed=rank)
    with pytest.raises(ConfigError, match="process 1 has other settings than the first process"):
        fit_shared(dataset, _split(dataset, "bpr"), SMALL, config)
    dist.destroy_process_group()


def test_processes_that_were_given_different_settings_stop(
    dataset: Dataset, tmp_path: Path
) -> None:
    spawn(_differ, args=(2, dataset, str(tmp_path), []), nprocs=2)


@pytest.mark.parametrize(
    ("model", "training", "named"),
    [
        (ModelConfig(layers=Layers.GAT), TrainConfig(), "layers='gat'"),
        (ModelConfig(layers=Layers.SAGE), TrainConfig(num_neighbors=(5,)), "num_neighbors"),
        (ModelConfig(), TrainConfig(device="cuda"), "device='cuda'"),
    ],
)
def test_settings_that_need_all_users_in_one_process_are_refused(
    model: ModelConfig, training: TrainConfig, named: str
) -> None:
    with pytest.raises(ConfigError, match=named):
        check_shared(model, training)
