"""How long `graphrec serve` takes for a user's list with and without an index, and what it finds.

    python -m benchmarks.index --model my-model
    python -m benchmarks.index --model my-model --movies 200000

With more movies than the model has, the others are made up: vectors of its own movies with noise,
and no 3-hop paths. One thread's processor time; users are those of the training.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from graphrec.recommend.artefact import MODEL
from graphrec.serve.held import HeldArtefact
from graphrec.serve.index import CANDIDATES, MovieIndex
from graphrec.serve.scoring import History, Scores, best

K, USERS, NOISE = 20, 200, 0.3
_BY_MOVIE = ("degree", "log_degree", "spectral.movie", "spectral.history_weight")


def enlarged(
    state: Mapping[str, np.ndarray], blend: Mapping[str, float], number: int
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """A model's arrays with so many movies, and its blend without paths."""
    rng, large = np.random.default_rng(0), dict(state)
    rows = rng.integers(0, len(state["degree"]), number - len(state["degree"]))
    for name, own in state.items():
        if name.startswith("paths.") or not (name in _BY_MOVIE or name.endswith(".movie")):
            continue
        added = own[rows].copy()
        if own.ndim == 2 and own.shape[1]:
            scale = NOISE * np.linalg.norm(own, axis=1).mean() / np.sqrt(own.shape[1])
            added += scale * rng.standard_normal(added.shape, np.float32)
        large[name] = np.concatenate([own, added])
    return large, {**blend, "paths": 0.0}


def exact_list(scores: Scores, history: History, user: int) -> np.ndarray:
    """A user's list by the scores of all movies."""
    return best(scores.score(history, user), K, _unseen(scores, history))


def index_list(index: MovieIndex, scores: Scores, history: History, user: int) -> np.ndarray:
    """The same by an index."""
    own = index.scores(scores, history, user, CANDIDATES * K + len(history))
    assert own is not None, "the catalogue is too small for an index"
    return best(own, K, _unseen(scores, history) & np.isfinite(own))


def _unseen(scores: Scores, history: History) -> np.ndarray:
    unseen = np.ones(scores.num_movies, dtype=bool)
    unseen[history.movies] = False
    return unseen


def timed(make: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    """What is made, and the processor's seconds that it took."""
    start = time.process_time()
    return make(*arguments), time.process_time() - start


def main() -> None:
    """Print the figures of one model."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", type=Path, required=True, help="model folder")
    parser.add_argument("--movies", type=int, default=0, help="size of a made-up catalogue")
    given = parser.parse_args()
    threadpool_limits(1)
    held = HeldArtefact.read(given.model)
    state, settings = held.arrays(MODEL), dict(held.manifest["score"])
    own = [name for name in state if not name.startswith("associations.")]
    if given.movies > len(held.movies()):
        state, settings["blend"] = enlarged(
            {name: state[name] for name in own}, settings["blend"], given.movies
        )
    scores = Scores(state, settings)
    index, build = timed(MovieIndex, scores, scores.num_movies)
    shown, interactions = held.split.shown, held.trained_on.interactions
    user, movie = interactions.user[shown], interactions.movie[shown]
    exact_seconds = index_seconds = found = 0.0
    users = np.random.default_rng(0).permutation(np.unique(user))[:USERS]
    for one in users.tolist():
        history = History.of(np.unique(movie[user == one]))
        exact, took = timed(exact_list, scores, history, one)
        exact_seconds += took
        rows, took = timed(index_list, index, scores, history, one)
        index_seconds += took
        found += len(np.intersect1d(rows, exact)) / K
    print(
        f"{scores.num_movies:,} movies, {scores.vectors().shape[1]} columns,"
        f" {'no ' if scores.paths is None else ''}paths: exact"
        f" {1000 * exact_seconds / len(users):.1f} ms, index"
        f" {1000 * index_seconds / len(users):.1f} ms a user, recall@{K}"
        f" {found / len(users):.3f}, built in {build:.0f} s"
    )


if __name__ == "__main__":
    main()
