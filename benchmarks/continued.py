"""Training that continues, beside a full one and beside the old model with new users folded in.

    python -m benchmarks.continued --data ml-latest-small [--details FILE]
                                   [--seed 0 --seed 1 --seed 2] [--json FILE]

Each seed holds a random fifth of each user's interactions out for the test. Of the others, the
earlier model has the first nine tenths by time. It is then continued with all of them, at once and
in ten steps of a hundredth each, and a full training has all of them too. "Folded in" is the
earlier model as it is: users that it hasn't seen are folded in by their history, all others keep
their embeddings. Times are CPU seconds of this process, so set OMP_NUM_THREADS=1 on a busy machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import scipy.sparse as sp
import torch
import typer
from torch import Tensor

from benchmarks.common import facts, figure, say, show_facts, show_table, write_json
from graphrec import TrainConfig, evaluate_ranking, fit, load_dataset, make_split
from graphrec.config import SplitKind
from graphrec.data.dataset import Dataset, make_dataset
from graphrec.data.tables import MOVIE, RATING, TIMESTAMP, TITLE, USER
from graphrec.evaluate.ranking import Scorer
from graphrec.recommend.earlier import earlier_model
from graphrec.recommend.saving import InMemory
from graphrec.train.continuing import EarlierModel, continue_fit
from graphrec.train.trainer import Fitted

FIRST = 0.9
STEPS = 10


def subset(dataset: Dataset, rows: np.ndarray) -> Dataset:
    """Some rows, and their users only, but all movies: as tables of an earlier day would hold."""
    own = dataset.interactions
    table = pd.DataFrame(
        {
            USER: own.users.to_external(own.user[rows]),
            MOVIE: own.movies.to_external(own.movie[rows]),
        }
    )
    for name, values in ((RATING, own.rating), (TIMESTAMP, own.timestamp)):
        if values is not None:
            table[name] = values[rows]
    movies = dataset.movies if dataset.has_titles else dataset.movies.drop(columns=TITLE)
    return make_dataset(table, movies, name=dataset.name, note=lambda _: None)


@dataclass(frozen=True, slots=True, eq=False)
class FoldedIn:
    """The earlier model's scores for all users: its own, and new ones by their history.

    Attributes:
        fitted: the earlier model, of the same movies.
        row: of each user in it, -1 for new ones, int64 [U].
        history: of all users, [U, M].
    """

    fitted: Fitted
    row: np.ndarray
    history: sp.csr_array

    @property
    def num_movies(self) -> int:
        return self.fitted.model.num_movies

    def score(self, users: np.ndarray) -> Tensor:
        """Scores of all movies for some users, float32 [len(users), M]."""
        scores = torch.empty(len(users), self.num_movies)
        known, model = self.row[users] >= 0, self.fitted.model
        if known.any():
            own = users[known]
            scores[torch.from_numpy(known)] = model.scores(self.history[own], self.row[own])
        if not known.all():
            scores[torch.from_numpy(~known)] = model.scores(self.history[users[~known]])
        return scores


def earlier_of(dataset: Dataset, fitted: Fitted) -> EarlierModel:
    """A model without a test part, as training takes it over."""
    split = make_split(dataset, SplitKind.NONE).without_validation()
    return earlier_model(InMemory.of(dataset, split, fitted))


def in_steps(dataset: Dataset, known: np.ndarray, first: int, earlier: EarlierModel) -> Fitted:
    """Continued with a tenth of what is new, and again, until there is no more.

    Args:
        dataset: all data.
        known: rows to train on, by time.
        first: number of rows that the earlier model has.
        earlier: that model.
    """
    for end in np.linspace(first, len(known), STEPS + 1).astype(int)[1:-1]:
        part = subset(dataset, np.sort(known[:end]))
        split = make_split(part, SplitKind.NONE).without_validation()
        earlier = earlier_of(part, continue_fit(part, split, earlier))
    split = make_split(dataset, SplitKind.RANDOM, seed=earlier.train_config.seed)
    return continue_fit(dataset, split, earlier)


def timed(make: Callable[[], Fitted]) -> tuple[Fitted, float]:
    """What it made, and the CPU seconds that it took."""
    began = time.process_time()
    return make(), time.process_time() - began


def main(
    data: Annotated[str, typer.Option(help="A folder or a named data set.")] = "ml-latest-small",
    details: Annotated[Path | None, typer.Option(help="More metadata.")] = None,
    seed: Annotated[list[int] | None, typer.Option(help="0, 1 and 2 by default.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write figures here.")] = None,
) -> None:
    """Print the table."""
    dataset = load_dataset(data, details=details)
    own = dataset.interactions
    assert own.timestamp is not None
    found: dict[str, list[tuple[float, float, float]]] = {}
    for number in seed or [0, 1, 2]:
        split, config = make_split(dataset, SplitKind.RANDOM, seed=number), TrainConfig(seed=number)
        known = split.known[np.argsort(own.timestamp[split.known], kind="stable")]
        first = round(len(known) * FIRST)
        old = subset(dataset, np.sort(known[:first]))
        fitted = fit(old, make_split(old, SplitKind.NONE, seed=number), config=config)
        earlier = earlier_of(old, fitted)
        row = old.interactions.users.index.get_indexer(own.users.index).astype(np.int64)
        say(f"seed {number}: {len(known) - first:,} new of {len(known):,}, {sum(row < 0)} users")
        models: dict[str, tuple[Scorer, float]] = {
            "folded in": (FoldedIn(fitted, row, own.to_csr(split.shown)), 0.0)
        }
        for name, make in (
            ("continued", partial(continue_fit, dataset, split, earlier)),
            ("in ten steps", partial(in_steps, dataset, known, first, earlier)),
            ("full", partial(fit, dataset, split, config=config)),
        ):
            made, seconds = timed(make)
            models[name] = made.scorer(), seconds
        for name, (scorer, seconds) in models.items():
            metrics = evaluate_ranking(
                scorer, own, known=split.shown, held_out=split.test, ks=(20,)
            ).metrics
            found.setdefault(name, []).append((metrics["ndcg@20"], metrics["recall@20"], seconds))
            say(f"  {name}: ndcg@20 {metrics['ndcg@20']:.4f}, {seconds:.1f} s")
    machine = facts()
    show_facts(machine)
    full = np.mean([values[2] for values in found["full"]])
    rows = []
    for name, values in found.items():
        ndcg, recall, spent = (list(column) for column in zip(*values, strict=True))
        mean = np.mean(spent)
        rows.append([name, figure(ndcg), figure(recall), f"{mean:.1f} s", f"{mean / full:.3f}"])
    columns = ["", "ndcg@20", "recall@20", "CPU time", "of full"]
    show_table(f"Continued training on {dataset.name}", columns, rows)
    write_json(json_file, {"facts": machine, "ndcg@20, recall@20 and seconds by seed": found})


if __name__ == "__main__":
    typer.run(main)
