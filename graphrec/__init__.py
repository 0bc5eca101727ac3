"""graphrec: movie recommendations from a user-movie graph.

The names below are the whole public interface; each is imported when it is first used, so that
``import graphrec`` and ``graphrec --help`` stay quick.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

# Waiting threads must sleep, not spin: beside another busy process spinning made training up to
# ninety times slower. OpenMP reads this once, when torch is loaded after this line.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

if TYPE_CHECKING:
    from graphrec import nn
    from graphrec.config import ModelConfig, TrainConfig
    from graphrec.data.dataset import Dataset
    from graphrec.data.interactions import Interactions
    from graphrec.data.sources import load_dataset
    from graphrec.data.split import Split, make_split
    from graphrec.data.tables import read_movies, read_ratings
    from graphrec.errors import GraphrecError, GraphrecWarning
    from graphrec.evaluate.report import Report, evaluate_ranking
    from graphrec.graph import build_graph, normalized_adjacency, to_networkx
    from graphrec.recommend.estimator import GraphRecommender
    from graphrec.recommend.recommender import Recommender
    from graphrec.recommend.saving import save_model
    from graphrec.train.trainer import fit
    from graphrec.tuning.search import tune

__version__ = "0.2.0"

_HOMES = {
    "Dataset": "graphrec.data.dataset",
    "GraphRecommender": "graphrec.recommend.estimator",
    "GraphrecError": "graphrec.errors",
    "GraphrecWarning": "graphrec.errors",
    "Interactions": "graphrec.data.interactions",
    "ModelConfig": "graphrec.config",
    "Recommender": "graphrec.recommend.recommender",
    "Report": "graphrec.evaluate.report",
    "Split": "graphrec.data.split",
    "TrainConfig": "graphrec.config",
    "build_graph": "graphrec.graph",
    "evaluate_ranking": "graphrec.evaluate.report",
    "fit": "graphrec.train.trainer",
    "load_dataset": "graphrec.data.sources",
    "make_split": "graphrec.data.split",
    "nn": "graphrec.nn",
    "normalized_adjacency": "graphrec.graph",
    "read_movies": "graphrec.data.tables",
    "read_ratings": "graphrec.data.tables",
    "save_model": "graphrec.recommend.saving",
    "to_networkx": "graphrec.graph",
    "tune": "graphrec.tuning.search",
}

__all__ = [
    "Dataset",
    "GraphRecommender",
    "GraphrecError",
    "GraphrecWarning",
    "Interactions",
    "ModelConfig",
    "Recommender",
    "Report",
    "Split",
    "TrainConfig",
    "build_graph",
    "evaluate_ranking",
    "fit",
    "load_dataset",
    "make_split",
    "nn",
    "normalized_adjacency",
    "read_movies",
    "read_ratings",
    "save_model",
    "to_networkx",
    "tune",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'graphrec' has no attribute {name!r}")
    home = import_module(_HOMES[name])
    return home if name == "nn" else getattr(home, name)


def __dir__() -> list[str]:
    return __all__
