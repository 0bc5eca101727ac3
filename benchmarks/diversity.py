"""What `recommend --diversity` costs and brings, on validation.

    python -m benchmarks.diversity --data ml-latest-small [--details FILE] [--seed 0 --seed 1]
                                   [--json FILE]

The test part of a random split is taken away, and a fifth of the rest held out to measure lists on.
Distances within a list are means over its pairs of movies: by genres 1 less the Jaccard index, by
users 1 less the cosine of who has rated them. Coverage is the fraction of the rated movies that are
in some list.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from benchmarks.common import facts, say, show_facts, show_table, write_json
from graphrec import GraphRecommender, load_dataset, make_split
from graphrec.config import SplitKind
from graphrec.data.dataset import Dataset
from graphrec.evaluate.metrics import ndcg_at_k, recall_at_k
from graphrec.recommend.diversity import diversity_vectors
from graphrec.recommend.lists import lists_of

K = 20
DIVERSITIES = (0.0, 0.1, 0.3, 0.5, 0.7, 1.0)
COLUMNS = ("ndcg", "recall", "by genres", "by users", "coverage")


def without_test(dataset: Dataset, seed: int) -> Dataset:
    """The data set without the test part of its random split."""
    known = make_split(dataset, SplitKind.RANDOM, seed=seed).known
    return replace(dataset, interactions=dataset.interactions.only(known))


def measure(dataset: Dataset, seed: int) -> list[list[float]]:
    """The `COLUMNS` by each of the `DIVERSITIES`."""
    split = make_split(dataset, SplitKind.RANDOM, seed=seed)
    model = GraphRecommender(seed=seed).fit(dataset, split=split, verbose=False)
    held_out = dataset.interactions.to_csr(split.test)
    users = np.flatnonzero(np.diff(held_out.indptr))
    relevant = held_out[users].toarray() > 0
    history = model.history.toarray()
    who = history.T / np.maximum(np.linalg.norm(history, axis=0), 1e-12)[:, None]
    genres = dataset.movies["genres"].fillna("").str.get_dummies("|").to_numpy(float)
    size = genres.sum(axis=1)
    pairs = np.triu_indices(K, 1)
    rows = []
    for diversity in DIVERSITIES:
        top, _, _ = lists_of(
            model.scorer(),
            len(model.user_ids),
            K,
            model.history,
            None,
            diversity=diversity,
            vectors=diversity_vectors(model.embeddings) if diversity else None,
        )
        top = top[users]
        hits, number = np.take_along_axis(relevant, top, axis=1), relevant.sum(axis=1)
        by_genres, by_users = [], []
        for own in top:
            shared = genres[own] @ genres[own].T
            either = size[own][:, None] + size[own] - shared
            by_genres.append(1 - (shared / np.maximum(either, 1))[pairs].mean())
            by_users.append(1 - (who[own] @ who[own].T)[pairs].mean())
        ndcg, recall = ndcg_at_k(hits, number, K).mean(), recall_at_k(hits, number, K).mean()
        coverage = len(np.unique(top)) / np.count_nonzero(history.sum(axis=0))
        rows.append([*map(float, (ndcg, recall, np.mean(by_genres), np.mean(by_users), coverage))])
    return rows


def main(
    data: Annotated[str, typer.Option(help="A folder or a named data set.")] = "ml-latest-small",
    details: Annotated[Path | None, typer.Option(help="More metadata.")] = None,
    seed: Annotated[list[int] | None, typer.Option(help="0 by default; may be repeated.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write figures here.")] = None,
) -> None:
    """Print the table."""
    dataset = load_dataset(data, details=details)
    found = []
    for number in seed or [0]:
        found.append(measure(without_test(dataset, number), number))
        say(f"seed {number}: ndcg@{K} {found[-1][0][0]:.4f} without diversity")
    machine = facts()
    show_facts(machine)
    means = np.mean(found, axis=0)
    rows = [
        [str(diversity), *(f"{value:.3f}" for value in row)]
        for diversity, row in zip(DIVERSITIES, means, strict=True)
    ]
    show_table(f"Lists of {K}, {dataset.name}", ["diversity", *COLUMNS], rows)
    write_json(json_file, {"facts": machine, "columns": COLUMNS, "by seed and diversity": found})


if __name__ == "__main__":
    typer.run(main)
