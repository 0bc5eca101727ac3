"""Movies that nobody has rated: graphrec beside metadata-kNN, LightFM's and DropoutNet's recipes.

    python -m benchmarks.cold --data ml-latest-small [--details FILE] [--drop COLUMN ...]
                              [--seed 0 --seed 1 --seed 2] [--json FILE]

Each seed holds out 15 % of the movies entirely and a fifth of each user's others. Everybody learns
from the same interactions and the same features; peers choose among four settings by NDCG@20 on the
validation part's own cold movies and are then fitted again with validation's interactions. The test
part is ranked once: cold movies among themselves, warm ones among themselves, and all together. The
last column is the fraction of cold movies in lists of all movies; the title has their fraction of
the held-out interactions.

"id" is graphrec's ID part alone, LightGCN: it can say nothing of cold movies. Layers of
GraphSAGE are there once with everything and once by ID alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.cold_peers import TRIALS, ColdPeer, fit_peer
from benchmarks.common import facts, figure, say, show_facts, show_table, write_json
from graphrec import ModelConfig, TrainConfig, fit, load_dataset, make_split
from graphrec.config import Layers, NodeState, SplitKind
from graphrec.data.dataset import Dataset
from graphrec.data.split import Split
from graphrec.evaluate.ranking import Scorer, rank
from graphrec.evaluate.significance import paired_bootstrap
from graphrec.study.subsets import find_subsets, measure
from graphrec.train.trainer import Experiment

SUBSETS = ("cold", "warm", "all")
OURS = {
    "graphrec": ModelConfig(),
    "graphrec, sage": ModelConfig(layers=Layers.SAGE),
    "id": ModelConfig(node_state=NodeState.ID, spectral=False),
    "id, sage": ModelConfig(node_state=NodeState.ID, spectral=False, layers=Layers.SAGE),
}
Row = dict[str, Any]


def contenders(
    dataset: Dataset, split: Split, seed: int, ignore: tuple[str, ...]
) -> Iterator[tuple[str, Scorer, str]]:
    """Name, scorer and chosen settings of everything that is compared."""
    for name, model in OURS.items():
        fitted = fit(dataset, split, model, TrainConfig(seed=seed), ignore=ignore)
        yield name, fitted.scorer(), str(fitted.model.blend)
    experiment = Experiment.of(dataset, split, seed, ignore=ignore)
    train, final = experiment.train, experiment.final
    validator = experiment.validator.among(~experiment.validator.is_rated)
    for peer in ColdPeer:
        tries = [
            validator.ndcg(fit_peer(peer, train.matrix, train.features, settings, seed))
            for settings in TRIALS[peer]
        ]
        chosen = TRIALS[peer][int(np.argmax(tries))]
        yield peer, fit_peer(peer, final.matrix, final.features, chosen, seed), str(chosen)


def fraction_of_cold(scorer: Scorer, dataset: Dataset, split: Split) -> tuple[float, float]:
    """Of the first 20 of all movies, and of the held-out interactions."""
    history = dataset.interactions.to_csr(split.shown)
    cold = np.asarray(history.sum(axis=0)) == 0
    users = np.unique(dataset.interactions.user[split.test])
    lists = np.concatenate([b.movies for b in rank(scorer, users, 20, history=history)])
    return float(cold[lists].mean()), float(cold[dataset.interactions.movie[split.test]].mean())


def main(
    data: Annotated[str, typer.Option(help="A folder or a named data set.")] = "sample",
    details: Annotated[Path | None, typer.Option(help="More metadata.")] = None,
    drop: Annotated[list[str] | None, typer.Option(help="Metadata column to leave out.")] = None,
    seed: Annotated[list[int] | None, typer.Option(help="0, 1 and 2 by default.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write figures here.")] = None,
) -> None:
    """Print the tables."""
    dataset = load_dataset(data, details=details)
    found: dict[str, list[Row]] = {}
    for number in seed or [0, 1, 2]:
        split = make_split(dataset, SplitKind.COLD_MOVIES, seed=number)
        subsets = find_subsets(dataset.interactions, split)
        history = dataset.interactions.to_csr(split.shown)
        began = time.perf_counter()
        for name, scorer, chosen in contenders(dataset, split, number, tuple(drop or ())):
            measured = measure(scorer, {name: subsets[name] for name in SUBSETS}, history, number)
            listed, wanted = fraction_of_cold(scorer, dataset, split)
            seconds = time.perf_counter() - began
            row = {"measured": measured, "listed": listed, "wanted": wanted, "chosen": chosen}
            found.setdefault(name, []).append(row)
            ndcg = {place: float(measured[place]["ndcg"].mean()) for place in SUBSETS}
            say(f"seed {number}, {name} ({seconds:.0f} s): {ndcg}, listed {listed:.3f}; {chosen}")
            began = time.perf_counter()
    machine = facts()
    show_facts(machine)
    _show(dataset.name, found)
    write_json(json_file, {"facts": machine, "figures": _plain(found)})


def _show(name: str, found: dict[str, list[Row]]) -> None:
    columns = ["", "cold ndcg", "cold recall", "warm ndcg", "all ndcg", "fraction of cold"]
    wanted = np.mean([row["wanted"] for row in found["graphrec"]])
    rows = []
    for arm, seeds in found.items():
        figures = [
            figure([float(row["measured"][place][metric].mean()) for row in seeds])
            for place, metric in (
                ("cold", "ndcg"),
                ("cold", "recall"),
                ("warm", "ndcg"),
                ("all", "ndcg"),
            )
        ]
        rows.append([arm, *figures, figure([row["listed"] for row in seeds])])
    show_table(
        f"{name}, at 20; fraction of cold movies in the held-out part: {wanted:.3f}", columns, rows
    )
    differences = [
        _difference(found, first, second, place)
        for first, second, place in (
            ("graphrec", "id", "warm"),
            ("graphrec", "id", "all"),
            ("graphrec, sage", "graphrec", "warm"),
            ("id, sage", "id", "warm"),
        )
    ]
    show_table("ndcg@20, differences with 95 % intervals", ["", "place", "mean", ""], differences)


def _difference(found: dict[str, list[Row]], first: str, second: str, place: str) -> list[str]:
    pairs = [
        (a["measured"][place], b["measured"][place])
        for a, b in zip(found[first], found[second], strict=True)
    ]
    by_user = np.concatenate([a["ndcg"] - b["ndcg"] for a, b in pairs])
    by_movie = np.mean([a["movie_influence"] - b["movie_influence"] for a, b in pairs], axis=0)
    i = paired_bootstrap(by_user, rng=np.random.default_rng(0), by_movie=by_movie)
    return [f"{first} - {second}", place, f"{i.mean:+.4f}", f"{i.low:+.4f} to {i.high:+.4f}"]


def _plain(found: dict[str, list[Row]]) -> dict[str, Any]:
    return {
        name: [
            {
                **{key: row[key] for key in ("listed", "wanted", "chosen")},
                **{
                    f"{place} {metric}": float(row["measured"][place][metric].mean())
                    for place in SUBSETS
                    for metric in ("ndcg", "recall")
                },
            }
            for row in seeds
        ]
        for name, seeds in found.items()
    }


if __name__ == "__main__":
    typer.run(main)
