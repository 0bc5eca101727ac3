"""From a split data set to a finished model: choose on validation, then learn from all of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import scipy.sparse as sp
import torch

from graphrec.choices import Init, NodeState
from graphrec.data.dataset import Dataset
from graphrec.data.split import Split
from graphrec.errors import ConfigError
from graphrec.evaluate.ranking import RankingRule, Scorer, model_scorer
from graphrec.graph.build import RATES, graph_from_dataset, normalized_adjacency
from graphrec.graph.features import FeatureEncoder, fit_features
from graphrec.model.embeddings import Embeddings
from graphrec.model.network import GraphModel
from graphrec.model.propagation import LightGCN
from graphrec.model.sampling import WatchLists
from graphrec.model.spectral import SpectralPart, SpectralSettings
from graphrec.model.states import NodeStates
from graphrec.train.choosing import choose_spectral
from graphrec.train.config import ModelConfig, TrainConfig
from graphrec.train.judge import Judge, neighbours, ranking_rules
from graphrec.train.loop import INTERRUPTED, Epoch, Loop, OnBatch, OnEpoch

__all__ = ["Epoch", "Fitted", "fit"]

SPECTRAL, LEARNING, AGAIN = "spectral part", "learning", "again, on all watches"
DEFAULT_SPECTRAL_WEIGHT = 0.1  # where there is no validation part to choose it

OnStage = Callable[[str, int | None], None]


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """What training leaves.

    Attributes:
        weights: trained parameters by name.
        embeddings: final embeddings, over train and validation watches.
        watched: those watches, users x movies.
        encoder: fitted metadata statistics.
        model_config, train_config: the settings it was made with, the latter filled in.
        rule: how to rank.
        spectral: the settings of the spectral part; None without one.
        history: every look at validation.
        best: the look that training was stopped for.
        valid: validation NDCG@20 of all parts together, when they had learned from the training
            part only; NaN where there is no validation part. Of the learned part alone if training
            was interrupted before the parts were put together.
        stopped: why training ended, in words.
        seconds: what all of it took.
    """

    weights: dict[str, np.ndarray] = field(repr=False)
    embeddings: Embeddings = field(repr=False)
    watched: sp.csr_array = field(repr=False)
    encoder: FeatureEncoder = field(repr=False)
    model_config: ModelConfig
    train_config: TrainConfig
    rule: RankingRule
    spectral: SpectralSettings | None
    history: tuple[Epoch, ...]
    best: Epoch
    valid: float
    stopped: str
    seconds: float

    def scorer(self) -> Scorer:
        """Scores of the trained users by the chosen rule, for `graphrec.evaluate_ranking`."""
        return model_scorer(self.embeddings, self.embeddings.user, self.watched, self.rule)


def fit(
    dataset: Dataset,
    split: Split,
    model_config: ModelConfig | None = None,
    config: TrainConfig | None = None,
    *,
    ignore: tuple[str, ...] = (),
    on_stage: OnStage | None = None,
    on_batch: OnBatch | None = None,
    on_epoch: OnEpoch | None = None,
) -> Fitted:
    """Train LightGCN on the training part; validation says when to stop and how to rank.

    The graph, the metadata statistics, the spectral part and the loss know the training part only,
    until validation has chosen everything. Then the model is made again by what was chosen, from
    training and validation watches together. An interrupt (Ctrl-C) after the first look at
    validation ends training and keeps the best so far.

    Args:
        dataset: what to learn from.
        split: which rows are for what; `split.test` is never looked at.
        model_config, config: settings, the defaults where None.
        ignore: metadata columns to leave out.
        on_stage: called with the name of each stage and its epochs at most, if it has any.
        on_batch: called with epoch, batches done, batches in all, and the epoch's mean loss.
        on_epoch: called after each look at validation.

    Raises:
        ConfigError: if a setting can't work with this data.
        KeyboardInterrupt: if stopped before the first look at validation.
    """
    began = time.perf_counter()
    model_config = model_config or ModelConfig()
    config = (config or TrainConfig()).for_users(dataset.interactions.num_users)
    on_stage, on_batch = on_stage or (lambda *_: None), on_batch or (lambda *_: None)
    _check_columns(dataset, model_config, ignore)
    _device(config.device)
    recipe = _Recipe(dataset, model_config, config, ignore, on_batch)
    judge = Judge.of(dataset.interactions, split, config.seed)

    settings, spectral = None, SpectralPart.none(dataset.interactions.num_movies)
    if model_config.init is Init.SPECTRAL:
        on_stage(SPECTRAL, None)
        settings, spectral = choose_spectral(judge, model_config.spectral_dim, config.seed)

    on_stage(LEARNING, config.epochs)
    loop, encoder = recipe.prepare(split.train)
    stopped, best = loop.run(judge, on_epoch or (lambda _: None))
    history = tuple(loop.history)
    try:
        rule, valid = _combine(judge, loop, best, spectral)
    except KeyboardInterrupt:
        stopped, rule, valid = INTERRUPTED, best.rule, best.valid
        settings, spectral = None, SpectralPart.none(dataset.interactions.num_movies)

    if judge.can_judge and stopped != INTERRUPTED:
        on_stage(AGAIN, best.number)
        try:
            again, encoder_again = recipe.prepare(split.known)
            for number in range(1, best.number + 1):
                again.learn(number)
            loop, encoder = again, encoder_again
        except KeyboardInterrupt:
            stopped = INTERRUPTED
    watched = dataset.interactions.to_csr(split.known)
    if settings is not None and judge.can_judge:
        try:
            spectral = SpectralPart.fit(watched, settings, config.seed)
        except KeyboardInterrupt:  # keep the one from the training watches
            stopped = INTERRUPTED
    full_graph = graph_from_dataset(dataset, encoder, rows=split.known)
    return Fitted(
        weights={name: t.cpu().numpy().copy() for name, t in loop.model.state_dict().items()},
        embeddings=loop.model.embed(full_graph, spectral),
        watched=watched,
        encoder=encoder,
        model_config=model_config,
        train_config=config,
        rule=rule,
        spectral=settings,
        history=history,
        best=best,
        valid=valid,
        stopped=stopped,
        seconds=time.perf_counter() - began,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Recipe:
    """What a model is made from, whichever watches it learns from."""

    dataset: Dataset
    model: ModelConfig
    config: TrainConfig
    ignore: tuple[str, ...]
    on_batch: OnBatch

    def prepare(self, rows: np.ndarray) -> tuple[Loop, FeatureEncoder]:
        """A new model over these watches, ready to learn from them."""
        dataset, config = self.dataset, self.config
        generator = torch.Generator().manual_seed(config.seed)
        known_movies = dataset.interactions.movie_degree(rows) > 0
        encoder = fit_features(dataset.metadata, known=known_movies, ignore=self.ignore)
        graph = graph_from_dataset(dataset, encoder, rows=rows)
        states = NodeStates(
            dataset.interactions.num_users,
            graph["movie"].x,
            self.model.embedding_dim,
            node_state=self.model.node_state,
            init_std=self.model.init_std,
            metadata_scale=self.model.metadata_scale,
            generator=generator,
        )
        layers = LightGCN(normalized_adjacency(graph), self.model.num_layers)
        device = _device(config.device)
        edges = graph[RATES].edge_index.to(device)
        watches = WatchLists.from_edges(edges, graph["user"].num_nodes, graph["movie"].num_nodes)
        model = GraphModel(states, layers).to(device)
        return Loop(model, watches, config, generator, self.on_batch), encoder


def _combine(
    judge: Judge, loop: Loop, best: Epoch, spectral: SpectralPart
) -> tuple[RankingRule, float]:
    """How to rank by the learned and the spectral part together, and how well that does."""
    if not spectral.movie.shape[1]:
        return best.rule, best.valid
    if not judge.can_judge:
        return replace(best.rule, spectral_weight=DEFAULT_SPECTRAL_WEIGHT), best.valid
    rules = ranking_rules(loop.config)
    place = rules.index(best.rule)
    near = [best.rule, *(rules[p] for p in neighbours(place, rules) if p != place)]
    with torch.no_grad():
        user, movie = loop.model()
    return judge.combine(user, movie, near, loop.watches.log_popularity, spectral)


def _check_columns(dataset: Dataset, config: ModelConfig, ignore: tuple[str, ...]) -> None:
    columns = [str(name) for name in dataset.metadata.columns]
    for name in ignore:
        if name not in columns:
            raise ConfigError(
                f"--ignore-column {name}: there is no such column; the movies have"
                f" {', '.join(columns) or 'none'}."
            )
    if config.node_state is NodeState.METADATA and not set(columns) - set(ignore):
        raise ConfigError("--node-state metadata needs metadata, and the movies have no columns.")


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        first = str(error).splitlines()[0]
        raise ConfigError(f"--device {name} can't be used here: {first}.") from error
    return device
