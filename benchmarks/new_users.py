"""Users whom training has not seen: folded in by graphrec, trained in the graph, and by EASE.

    python -m benchmarks.new_users --data ml-latest-small [--details FILE]
                                   [--seed 0 --seed 1 --seed 2] [--json FILE]

Each seed's new-users split holds out a fifth of the users, who bring four fifths of their history
along; the rest is to be found. "Folded in" was not trained on them. "Trained" has their history in
the graph and an embedding of their own, validation held out at random; fold-in is to come near
that. EASE scores the same histories; its penalty is chosen on the same
validation users as everything of the folded-in model.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import scipy.sparse as sp
import typer

from benchmarks.common import facts, figure, say, show_facts, show_table, write_json
from graphrec import TrainConfig, evaluate_ranking, fit, load_dataset, make_split
from graphrec.config import SplitKind
from graphrec.data.dataset import Dataset
from graphrec.data.split import Split
from graphrec.evaluate.classical import TRIALS, Classical
from graphrec.evaluate.ease import EASE
from graphrec.evaluate.ranking import Scorer
from graphrec.train.validation import Validator

VALID_FRACTION = 0.1


def trained_split(split: Split, seed: int) -> Split:
    """The same test part, all others to train on but for some random ones."""
    rng = np.random.default_rng(seed)
    rows = rng.permutation(split.shown)
    number = round(len(rows) * VALID_FRACTION)
    valid, train = np.sort(rows[:number]), np.sort(rows[number:])
    return Split(SplitKind.RANDOM, train, valid, split.test)


def ease(dataset: Dataset, split: Split, seed: int) -> Scorer:
    """EASE with the best penalty, scoring what the new users bring along."""
    interactions = dataset.interactions
    validator = Validator.of(interactions, split, seed)

    def of(matrix: sp.csr_array, history: sp.csr_array, l2: float) -> EASE:
        return replace(EASE.fit(matrix, l2=l2), history=history)

    penalties = [float(trial["l2"]) for trial in TRIALS[Classical.EASE]]
    best = max(
        penalties, key=lambda l2: validator.ndcg(of(validator.matrix, validator.history, l2))
    )
    known, shown = interactions.to_csr(split.known), interactions.to_csr(split.shown)
    return of(known, shown, best)


def main(
    data: Annotated[str, typer.Option(help="A folder or a named data set.")] = "sample",
    details: Annotated[Path | None, typer.Option(help="More metadata.")] = None,
    seed: Annotated[list[int] | None, typer.Option(help="0, 1 and 2 by default.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write figures here.")] = None,
) -> None:
    """Print the table."""
    dataset = load_dataset(data, details=details)
    found: dict[str, list[tuple[float, float]]] = {}
    for number in seed or [0, 1, 2]:
        split = make_split(dataset, SplitKind.NEW_USERS, seed=number)
        config = TrainConfig(seed=number)
        scorers = {
            "folded in": fit(dataset, split, config=config).scorer(),
            "trained": fit(dataset, trained_split(split, number), config=config).scorer(),
            "ease": ease(dataset, split, number),
        }
        for name, scorer in scorers.items():
            metrics = evaluate_ranking(
                scorer, dataset.interactions, known=split.shown, held_out=split.test, ks=(20,)
            ).metrics
            found.setdefault(name, []).append((metrics["ndcg@20"], metrics["recall@20"]))
            say(f"seed {number}, {name}: ndcg@20 {metrics['ndcg@20']:.4f}")
    machine = facts()
    show_facts(machine)
    trained = np.mean([ndcg for ndcg, _ in found["trained"]])
    rows = []
    for name, values in found.items():
        ndcg, recall = (list(column) for column in zip(*values, strict=True))
        rows.append([name, figure(ndcg), figure(recall), f"{np.mean(ndcg) / trained:.3f}"])
    columns = ["", "ndcg@20", "recall@20", "of trained"]
    show_table(f"New users of {dataset.name}", columns, rows)
    write_json(json_file, {"facts": machine, "ndcg@20 and recall@20 by seed": found})


if __name__ == "__main__":
    typer.run(main)
