"""The one training loop: learn, look at validation, keep the best, stop when it no longer helps."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from graphrec.choices import NodeState
from graphrec.data.dataset import Dataset
from graphrec.data.split import Split
from graphrec.errors import ConfigError
from graphrec.evaluate.ranking import EmbeddingScorer, RankingRule
from graphrec.graph.build import RATES, graph_from_dataset, normalized_adjacency
from graphrec.graph.features import FeatureEncoder, fit_features
from graphrec.model.network import Embeddings, GraphModel
from graphrec.model.propagation import LightGCN
from graphrec.model.sampling import WatchLists, edge_batches
from graphrec.model.states import NodeStates
from graphrec.train.config import ModelConfig, TrainConfig
from graphrec.train.judge import Judge
from graphrec.train.objective import Objective

EPOCHS_UNSEEN = 20  # where there is no validation part to say when to stop


@dataclass(frozen=True, slots=True)
class Epoch:
    """One pass over the training watches.

    Attributes:
        number: from 1.
        loss: mean over the epoch's watches.
        valid: validation NDCG@20 by the best ranking rule; NaN where there is no validation part.
        rule: the best ranking rule.
        seconds: since training began.
        is_best: whether `valid` is the highest so far.
    """

    number: int
    loss: float
    valid: float
    rule: RankingRule
    seconds: float
    is_best: bool


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """What training leaves.

    Attributes:
        weights: trained parameters by name, of the best epoch.
        embeddings: final embeddings, propagated over train and validation watches.
        encoder: fitted metadata statistics.
        model_config, train_config: the settings it was made with.
        rule: how to rank.
        history: every epoch.
        best: the epoch whose weights these are.
        stopped: why training ended, in words.
    """

    weights: dict[str, np.ndarray] = field(repr=False)
    embeddings: Embeddings = field(repr=False)
    encoder: FeatureEncoder = field(repr=False)
    model_config: ModelConfig
    train_config: TrainConfig
    rule: RankingRule
    history: tuple[Epoch, ...]
    best: Epoch
    stopped: str

    def scorer(self) -> EmbeddingScorer:
        """Scores of the trained users by the chosen rule, for `graphrec.evaluate_ranking`."""
        parts = self.embeddings
        user, movie, popularity = map(
            torch.from_numpy, (parts.user, parts.movie, parts.log_popularity)
        )
        return EmbeddingScorer.by_rule(user, movie, self.rule, popularity)


OnBatch = Callable[[int, int, int, float], None]
OnEpoch = Callable[[Epoch], None]


def fit(
    dataset: Dataset,
    split: Split,
    model_config: ModelConfig | None = None,
    config: TrainConfig | None = None,
    *,
    ignore: tuple[str, ...] = (),
    on_batch: OnBatch | None = None,
    on_epoch: OnEpoch | None = None,
) -> Fitted:
    """Train LightGCN on the training part; validation says when to stop and how to rank.

    The graph, the metadata statistics and the loss know the training part only. At the end the
    validation watches join the graph for the last propagation (the weights stay). An interrupt
    (Ctrl-C) after the first epoch ends training and keeps the best epoch so far.

    Args:
        dataset: what to learn from.
        split: which rows are for what; `split.test` is never looked at.
        model_config, config: settings, the defaults where None.
        ignore: metadata columns to leave out.
        on_batch: called with epoch, batches done, batches in all, and the epoch's mean loss.
        on_epoch: called after each epoch.

    Raises:
        ConfigError: if a setting can't work with this data.
        KeyboardInterrupt: if stopped before the first epoch was over.
    """
    model_config, config = model_config or ModelConfig(), config or TrainConfig()
    device = _device(config.device)
    generator = torch.Generator().manual_seed(config.seed)
    _check_columns(dataset, model_config, ignore)
    known_movies = dataset.interactions.movie_degree(split.train) > 0
    encoder = fit_features(dataset.metadata, known=known_movies, ignore=ignore)
    graph = graph_from_dataset(dataset, encoder, rows=split.train)
    states = NodeStates(
        dataset.interactions.num_users,
        graph["movie"].x,
        model_config.embedding_dim,
        node_state=model_config.node_state,
        init_std=model_config.init_std,
        metadata_scale=model_config.metadata_scale,
        generator=generator,
    )
    layers = LightGCN(normalized_adjacency(graph), model_config.num_layers)
    model = GraphModel(states, layers).to(device)
    edges = graph[RATES].edge_index.to(device)
    watches = WatchLists.from_edges(edges, graph["user"].num_nodes, graph["movie"].num_nodes)
    loop = _Loop(
        model=model,
        edges=edges,
        objective=Objective(config, watches, generator),
        config=config,
        generator=generator,
        judge=Judge(dataset, split, config, watches.log_popularity),
        on_batch=on_batch or (lambda *_: None),
        on_epoch=on_epoch or (lambda _: None),
    )
    stopped = loop.run()
    assert loop.best is not None
    model.load_state_dict(loop.best_weights, strict=True)
    full_graph = graph_from_dataset(dataset, encoder, rows=split.known)
    return Fitted(
        weights={name: t.cpu().numpy().copy() for name, t in loop.best_weights.items()},
        embeddings=model.embed(full_graph),
        encoder=encoder,
        model_config=model_config,
        train_config=config,
        rule=loop.best.rule,
        history=tuple(loop.history),
        best=loop.best,
        stopped=stopped,
    )


@dataclass(slots=True, eq=False)
class _Loop:
    """The state of a training in progress."""

    model: GraphModel
    edges: Tensor
    objective: Objective
    config: TrainConfig
    generator: torch.Generator
    judge: Judge
    on_batch: OnBatch
    on_epoch: OnEpoch
    history: list[Epoch] = field(default_factory=list)
    best: Epoch | None = None
    best_weights: dict[str, Tensor] = field(default_factory=dict)

    def run(self) -> str:
        """Train to the end and say why it ended."""
        optimizer = torch.optim.Adam(self.model.parameters(), lr=self.config.learning_rate)
        began, patience = time.perf_counter(), self.config.patience_for(self.edges.shape[1])
        epochs = self.config.epochs
        if not len(self.judge.split.valid):
            epochs = min(epochs, EPOCHS_UNSEEN)
        try:
            for number in range(1, epochs + 1):
                loss = self._learn(number, optimizer)
                if not math.isfinite(loss) and self.best is not None:
                    return f"the loss was no longer a number in epoch {number}"
                if not math.isfinite(loss):
                    raise ConfigError(
                        f"the loss is no longer a number in epoch {number}; try a lower"
                        " --learning-rate or a higher --temperature."
                    )
                self._look(number, loss, began)
                assert self.best is not None
                if number - self.best.number >= patience:
                    return f"validation did not improve for {patience} epochs"
        except KeyboardInterrupt:
            if self.best is None:
                raise
            return "interrupted"
        return f"all {epochs} epochs done"

    def _learn(self, number: int, optimizer: torch.optim.Optimizer) -> float:
        num_edges, total, seen = self.edges.shape[1], 0.0, 0
        num_batches = math.ceil(num_edges / self.config.batch_size)
        batches = edge_batches(num_edges, self.config.batch_size, self.generator)
        for done, batch in enumerate(batches, start=1):
            user, movie = self.edges[:, batch.to(self.edges.device)]
            optimizer.zero_grad(set_to_none=True)
            users, movies = self.model()
            loss = self.objective(users, movies, user, movie)
            loss.backward()
            optimizer.step()
            seen += len(batch)
            total += loss.item() * len(batch)
            self.on_batch(number, done, num_batches, total / seen)
        return total / num_edges

    def _look(self, number: int, loss: float, began: float) -> None:
        valid, rule = self.judge(self.model)
        is_best = self.best is None or math.isnan(valid) or valid > self.best.valid
        seconds = time.perf_counter() - began
        epoch = Epoch(number, loss, valid, rule, seconds, is_best)
        self.history.append(epoch)
        if is_best:
            weights = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
            self.best, self.best_weights = epoch, weights
        self.on_epoch(epoch)


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
