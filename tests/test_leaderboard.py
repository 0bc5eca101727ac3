"""The leaderboard's program on a small world, and its peers against their definitions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
import typer
from torch.nn import functional

from benchmarks import leaderboard, leaderboard_peers
from benchmarks.leaderboard import BEGIN, END, GRAPHREC, METHODS, Results, ndcg_by_user, rows_of
from benchmarks.leaderboard_peers import TRIALS, LightGCNRun, Peer, UserKNN, fit_peer
from graphrec.data.dataset import Dataset
from graphrec.data.split import Split
from graphrec.evaluate.neighbors import item_knn
from graphrec.evaluate.ranking import rank


@pytest.fixture
def folder(tmp_path: Path, checkerboard: tuple[pd.DataFrame, pd.DataFrame]) -> Path:
    """A data folder with the checkerboard's ratings."""
    (tmp_path / "world").mkdir()
    checkerboard[0].to_csv(tmp_path / "world" / "ratings.csv", index=False)
    return tmp_path


def _run(folder: Path, **options: Any) -> str:
    """The table's file after a run on the world of the folder."""
    defaults = {"methods": "popularity,EASE", "seeds": 2, "budget": 2, "folder": folder}
    files = {"results": folder / "results.jsonl", "output": folder / "table.md", "write": True}
    leaderboard.main(**({"only": str(folder / "world")} | defaults | files | options))
    return (folder / "table.md").read_text()


def test_budgets_are_equal() -> None:
    assert {len(trials) for peer, trials in TRIALS.items() if peer is not Peer.POPULARITY} == {12}
    for trials in TRIALS.values():
        assert len({json.dumps(trial) for trial in trials}) == len(trials)


def test_what_was_measured_is_not_measured_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _run(folder)
    lines = Results(folder / "results.jsonl").lines
    assert sum("ndcg@20" in line for line in lines) == 4
    assert sum("trial" in line for line in lines) == 4  # of EASE, two for each seed

    def again(*_: object) -> None:
        raise AssertionError("fitted again")

    with monkeypatch.context() as patch:
        patch.setattr(leaderboard, "fit_peer", again)
        assert _run(folder) == first
        with pytest.raises(AssertionError, match="fitted again"):
            _run(folder, methods="popularity,EASE,item-kNN")
    (folder / "results.jsonl").write_text((folder / "results.jsonl").read_text()[:-30])
    _run(folder)
    assert len(Results(folder / "results.jsonl").lines) == len(lines)


def test_settings_are_chosen_on_validation_alone(folder: Path) -> None:
    _run(folder, methods="EASE", seeds=1, budget=12)
    lines = Results(folder / "results.jsonl").lines
    trials = {json.dumps(line["trial"]): line["valid"] for line in lines if "trial" in line}
    (result,) = (line for line in lines if "ndcg@20" in line)
    assert trials[json.dumps(result["chosen"])] == max(trials.values())
    assert ndcg_by_user(result).mean() == pytest.approx(result["ndcg@20"])


def test_the_table_stands_between_its_marks(folder: Path) -> None:
    path = folder / "table.md"
    path.write_text(f"# Results\n\n{BEGIN}\nstale figures\n{END}\n\n## More\n")
    text = _run(folder)
    assert text.startswith(f"# Results\n\n{BEGIN}\n")
    assert text.endswith(f"{END}\n\n## More\n")
    assert "stale" not in text
    assert "| ndcg@20 | popularity | EASE |" in text


def test_graphrec_is_compared_with_the_best_peer_by_user(folder: Path) -> None:
    _run(folder)
    results = Results(folder / "results.jsonl")
    for line in [line for line in results.lines if line["method"] == "EASE" and "users" in line]:
        results.add(line | {"method": GRAPHREC, "version": "0"})
    (row,) = rows_of(results)
    assert row.best == "EASE"
    gap = row.difference()
    assert gap is not None
    assert (gap.mean, gap.finding) == (0, "tie")
    assert "ahead 0, tie 1, behind 0" in leaderboard.report([row])


def test_unknown_names_are_refused(folder: Path) -> None:
    with pytest.raises(typer.BadParameter, match="no method SVD"):
        _run(folder, methods="SVD")
    with pytest.raises(typer.BadParameter, match="no folder"):
        _run(folder, only="nowhere")
    assert set(METHODS) == {*Peer, GRAPHREC}


@pytest.fixture(scope="module")
def matrix(small_world: tuple[Dataset, Split]) -> sp.csr_array:
    dataset, split = small_world
    return dataset.interactions.to_csr(split.known)


@pytest.mark.parametrize("peer", [peer for peer in Peer if peer is not Peer.POPULARITY])
def test_every_peer_finds_the_checkerboard(peer: Peer, matrix: sp.csr_array) -> None:
    if peer is Peer.IALS:
        pytest.importorskip("implicit")
    small = {"num_neighbors": 10} if "num_neighbors" in TRIALS[peer][0] else {}
    settings = {**TRIALS[peer][1], **small}
    if peer is Peer.IALS:
        settings = {"factors": 4, "regularization": 1.0, "alpha": 5.0}
    scorer = fit_peer(peer, matrix, settings, seed=0)
    for block in rank(scorer, np.arange(matrix.shape[0]), 3, history=matrix):
        assert (block.movies % 2 == block.users[:, None] % 2).mean() >= 0.9


def test_user_knn_sums_the_movies_of_the_nearest_users() -> None:
    rng = np.random.default_rng(0)
    matrix = sp.csr_array((rng.random((12, 9)) < 0.4).astype(np.float32))
    similarity = item_knn(sp.csr_array(matrix.T), 4).similarity.toarray().T
    assert ((similarity > 0).sum(axis=1) <= 4).all()
    expected = similarity @ matrix.toarray()
    found = UserKNN.fit(matrix, num_neighbors=4).score(np.arange(12)).numpy()
    assert found == pytest.approx(expected, rel=1e-5)


def test_lightgcn_has_the_papers_loss() -> None:
    """Dense: the mean of A^k E over three hops, BPR, and L2 of the initial embeddings."""
    rng = np.random.default_rng(0)
    matrix = sp.csr_array((rng.random((7, 6)) < 0.5).astype(np.float32))
    run = LightGCNRun(matrix, {"l2": 0.1, "learning_rate": 0.001}, seed=0)
    user, movie, negative = (
        torch.tensor([0, 3, 3]),
        torch.tensor([1, 2, 4]),
        torch.tensor([5, 0, 1]),
    )
    ratings = torch.from_numpy(matrix.toarray())
    nodes = torch.zeros(13, 13)
    nodes[:7, 7:], nodes[7:, :7] = ratings, ratings.T
    root = nodes.sum(1).clamp(min=1).rsqrt()
    hop = root[:, None] * nodes * root
    start = torch.cat([run.users(), run.movies()])
    final = sum(torch.linalg.matrix_power(hop, power) @ start for power in range(4)) / 4
    own, better, worse = final[user], final[7 + movie], final[7 + negative]
    ranking = functional.softplus((own * worse).sum(1) - (own * better).sum(1)).mean()
    initial = start[user], start[7 + movie], start[7 + negative]
    penalty = sum(rows.square().sum() for rows in initial) / (2 * 3)
    torch.testing.assert_close(run.loss(user, movie, negative), ranking + 0.1 * penalty)


def test_lightgcn_goes_on_where_it_was_stopped(
    matrix: sp.csr_array, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaderboard_peers, "BATCH", 64)
    settings = {"l2": 1e-4, "learning_rate": 0.005}
    whole, parts = (LightGCNRun(matrix, settings, seed=0) for _ in range(2))
    whole.train(9)
    for steps in (2, 5, 9):
        parts.train(steps)
    users = np.arange(matrix.shape[0])
    torch.testing.assert_close(parts.scorer().score(users), whole.scorer().score(users))
