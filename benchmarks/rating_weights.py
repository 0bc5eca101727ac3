"""Whether low ratings should weigh less in a new user's history, on validation.

    python -m benchmarks.rating_weights --data ml-latest-small [--details FILE]
                                        [--seed 0 --seed 1 --seed 2] [--json FILE]

The test users of a new-users split are taken away, and a fifth of the others held out. They are
folded in by four fifths of their history, weighted in each of several ways. What is to be found is
the rest of it, and of that what they rated 4 or more. Intervals are 95 %, paired by user, of the
difference to equal weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import scipy.sparse as sp
import typer

from benchmarks.common import facts, say, show_facts, show_table, write_json
from graphrec import TrainConfig, fit, load_dataset, make_split
from graphrec.config import SplitKind
from graphrec.data.dataset import Dataset
from graphrec.data.interactions import Interactions
from graphrec.evaluate.metrics import ndcg_at_k
from graphrec.evaluate.ranking import rank
from graphrec.evaluate.scorers import ModelScorer

K = 20
LIKED = 4.0
EQUAL = "equal"
WAYS: dict[str, Callable[[np.ndarray], np.ndarray]] = {  # of ratings as fractions of the highest
    EQUAL: np.ones_like,
    "root": np.sqrt,
    "rating": lambda r: r,
    "square": np.square,
    "cube": lambda r: r**3,
    "half below 3.5": lambda r: np.where(r < 0.7, 0.5, 1.0),
    "none below 3": lambda r: (r >= 0.6).astype(float),
    "none below 4": lambda r: (r >= 0.8).astype(float),
}


def matrix(interactions: Interactions, weights: np.ndarray) -> sp.csr_array:
    """Users x movies."""
    where = interactions.user, interactions.movie
    shape = interactions.num_users, interactions.num_movies
    return sp.csr_array((weights.astype(np.float32), where), shape=shape)


def measure(dataset: Dataset, seed: int) -> dict[str, dict[str, np.ndarray]]:
    """ndcg of each user by each of the `WAYS`, for ``all`` held-out movies and the ``liked``."""
    known = make_split(dataset, SplitKind.NEW_USERS, seed=seed).known
    dataset = replace(dataset, interactions=dataset.interactions.only(known))
    split = make_split(dataset, SplitKind.NEW_USERS, seed=seed)
    model = fit(dataset, split, config=TrainConfig(seed=seed)).model
    history = dataset.interactions.only(split.test_history)
    held_out = dataset.interactions.only(split.test)
    assert history.rating is not None
    assert held_out.rating is not None
    users = np.unique(held_out.user)
    hidden = matrix(history, np.ones(len(history)))[users]
    found: dict[str, dict[str, np.ndarray]] = {}
    for name, way in WAYS.items():
        weighted = matrix(history, way(history.rating / history.rating.max()))[users]
        scorer = ModelScorer(model, weighted, new=True)
        blocks = rank(scorer, np.arange(len(users)), K, history=hidden)
        lists = np.concatenate([block.movies for block in blocks])
        found[name] = {}
        for what, least in (("all", 0.0), ("liked", LIKED)):
            relevant = matrix(held_out, held_out.rating >= least)[users].toarray() > 0
            number = relevant.sum(axis=1)
            hits = np.take_along_axis(relevant, lists, axis=1)
            found[name][what] = ndcg_at_k(hits[number > 0], number[number > 0], K)
    return found


def main(
    data: Annotated[str, typer.Option(help="A folder or a named data set.")] = "ml-latest-small",
    details: Annotated[Path | None, typer.Option(help="More metadata.")] = None,
    seed: Annotated[list[int] | None, typer.Option(help="0, 1 and 2 by default.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write figures here.")] = None,
) -> None:
    """Print the table."""
    dataset = load_dataset(data, details=details)
    by_seed = []
    for number in seed or [0, 1, 2]:
        by_seed.append(measure(dataset, number))
        say(f"seed {number}: ndcg@{K} {by_seed[-1][EQUAL]['all'].mean():.4f} by equal weights")
    machine = facts()
    show_facts(machine)
    rows = []
    for name in WAYS:
        row = [name]
        for what in ("all", "liked"):
            own, equal = (np.concatenate([f[n][what] for f in by_seed]) for n in (name, EQUAL))
            error = 1.96 * (own - equal).std() / np.sqrt(len(own))
            row += [f"{own.mean():.4f}", f"{(own - equal).mean():+.4f} ± {error:.4f}"]
        rows.append(row)
    columns = ["weights", "all", "difference", f"{LIKED:g} or more", "difference"]
    show_table(f"ndcg@{K} of new users of {dataset.name}", columns, rows)
    plain = [
        {
            name: {what: float(values.mean()) for what, values in own.items()}
            for name, own in f.items()
        }
        for f in by_seed
    ]
    write_json(json_file, {"facts": machine, "ndcg by seed": plain})


if __name__ == "__main__":
    typer.run(main)
