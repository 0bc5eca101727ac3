"""Quality and cost on one data set: graphrec by its defaults, and the peers on the same split.

    python -m benchmarks.gowalla --data FOLDER [--seeds 0,1,2] [--json FILE]

FOLDER holds `train.txt` and `test.txt` in LightGCN's format, or anything else that
`graphrec train --data` takes. Every scorer learns from the same interactions and is ranked by the
same loop on the test part. graphrec, item-kNN, EASE and ALS choose their settings on the same
validation part; BPR runs by implicit's defaults. Times are of fitting by the chosen settings,
graphrec's and the baselines' with all their choosing. `implicit` is used where it is installed;
EASE needs a dense movies x movies matrix and runs on up to `--ease-movies` movies.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

import graphrec
from benchmarks.common import facts, say, show_facts, show_table, write_json
from graphrec.config import Baseline
from graphrec.data.dataset import Dataset
from graphrec.data.split import Split
from graphrec.evaluate.baselines import Baselines
from graphrec.evaluate.ease import EASE
from graphrec.evaluate.ranking import Scorer
from graphrec.evaluate.scorers import EmbeddingScorer

FACTORS, REGULARISATIONS, ALPHAS = (64, 256), (0.01, 0.1), (1.0, 10.0)
RIDGES = (50.0, 200.0, 500.0, 1000.0)
METRICS = ("recall@20", "ndcg@20")

Row = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run all, print a table and write JSON."""
    parser = argparse.ArgumentParser(description="graphrec and its peers on one data set")
    parser.add_argument("--data", required=True, help="folder or name, as for graphrec train")
    parser.add_argument("--seeds", default="0,1,2", help="of split and training, with commas")
    parser.add_argument("--ease-movies", type=int, default=15_000, help="EASE at most on so many")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    machine = facts()
    show_facts(machine)
    rows: list[Row] = []
    for seed in map(int, options.seeds.split(",")):
        dataset = graphrec.load_dataset(options.data)
        split = graphrec.make_split(dataset, seed=seed)
        for row in _contenders(dataset, split, seed, options.ease_movies):
            say(f"seed {seed}, {row['name']}: {row['ndcg@20']:.4f} in {row['seconds']:.0f} s")
            rows.append(row | {"seed": seed})
    _show(rows)
    write_json(options.json, {"facts": machine, "data": options.data, "rows": rows})


def _contenders(dataset: Dataset, split: Split, seed: int, ease_movies: int) -> list[Row]:
    began = time.perf_counter()
    fitted = graphrec.fit(dataset, split, config=graphrec.TrainConfig(seed=seed))
    rows = [_evaluated("graphrec", fitted.scorer(), time.perf_counter() - began, dataset, split)]
    rows[0] |= {"valid": fitted.valid, "chosen": str((fitted.model.blend, fitted.spectral))}

    features = np.zeros((dataset.interactions.num_movies, 0), np.float32)
    baselines = Baselines(dataset.interactions, features, split, seed)
    for baseline in (Baseline.POPULARITY, Baseline.ITEM_KNN):
        began = time.perf_counter()
        scorer, _ = baselines.fit(baseline)
        seconds = time.perf_counter() - began
        rows.append(_evaluated(baseline.value, scorer, seconds, dataset, split))

    makers: dict[str, list[Callable[[sp.csr_array], Scorer]]] = {}
    if dataset.interactions.num_movies <= ease_movies:
        makers["EASE"] = [partial(EASE.fit, l2=ridge) for ridge in RIDGES]
    if find_spec("implicit") is None:
        say("implicit is not installed: no ALS, no BPR")
    else:
        grid = product(FACTORS, REGULARISATIONS, ALPHAS)
        makers["implicit ALS"] = [partial(_als, settings=chosen, seed=seed) for chosen in grid]
        makers["implicit BPR"] = [partial(_bpr, seed=seed)]
    for name, tries in makers.items():
        rows.append(_tuned(name, tries, dataset, split))
    return rows


def _tuned(
    name: str, tries: list[Callable[[sp.csr_array], Scorer]], dataset: Dataset, split: Split
) -> Row:
    """The best of some settings by validation, fitted again on both parts."""
    matrix = dataset.interactions.to_csr(split.train)
    values = [0.0]
    if len(tries) > 1:
        values = [
            graphrec.evaluate_ranking(
                make(matrix),
                dataset.interactions,
                known=split.train,
                held_out=split.valid,
                ks=(20,),
            ).metrics["ndcg@20"]
            for make in tries
        ]
    best = int(np.argmax(values))
    began = time.perf_counter()
    scorer = tries[best](dataset.interactions.to_csr(split.known))
    row = _evaluated(name, scorer, time.perf_counter() - began, dataset, split)
    return row | {"valid": values[best], "chosen": best}


def _evaluated(name: str, scorer: Scorer, seconds: float, dataset: Dataset, split: Split) -> Row:
    began = time.perf_counter()
    report = graphrec.evaluate_ranking(
        scorer, dataset.interactions, known=split.known, held_out=split.test, ks=(20,)
    )
    return {
        "name": name,
        "seconds": seconds,
        "evaluation_seconds": time.perf_counter() - began,
        **{metric: report.metrics[metric] for metric in METRICS},
    }


def _als(matrix: sp.csr_array, settings: tuple[int, float, float], seed: int) -> Scorer:
    from implicit.als import AlternatingLeastSquares

    factors, ridge, alpha = settings
    model = AlternatingLeastSquares(
        factors=factors, regularization=ridge, alpha=alpha, random_state=seed
    )
    model.fit(sp.csr_matrix(matrix, dtype=np.float32), show_progress=False)
    return _factors(model)


def _bpr(matrix: sp.csr_array, seed: int) -> Scorer:
    from implicit.bpr import BayesianPersonalizedRanking

    model = BayesianPersonalizedRanking(factors=64, random_state=seed)
    model.fit(sp.csr_matrix(matrix, dtype=np.float32), show_progress=False)
    return _factors(model)


def _factors(model: Any) -> Scorer:
    parts = (np.asarray(part, np.float32) for part in (model.user_factors, model.item_factors))
    return EmbeddingScorer(*map(torch.from_numpy, parts))


def _show(rows: list[Row]) -> None:
    names = list(dict.fromkeys(row["name"] for row in rows))
    table = []
    for name in names:
        own = [row for row in rows if row["name"] == name]
        values = {key: np.array([row[key] for row in own]) for key in (*METRICS, "seconds")}
        figures = [f"{values[m].mean():.4f} ± {values[m].std():.4f}" for m in METRICS]
        table.append([name, *figures, f"{values['seconds'].mean():.0f}"])
    show_table(
        "Test part, mean and standard deviation over seeds", ["", *METRICS, "seconds"], table
    )


if __name__ == "__main__":
    main()
