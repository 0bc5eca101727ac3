"""One learned part of a model: how long to learn is chosen, then it is learned from all watches."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from graphrec.choices import NodeState
from graphrec.data.dataset import Dataset
from graphrec.data.split import Split
from graphrec.evaluate.scorers import EmbeddingScorer, RankingRule
from graphrec.model.embeddings import PartEmbeddings
from graphrec.model.neighbours import NeighbourSampler
from graphrec.model.network import GraphModel, layers_over
from graphrec.model.states import NodeStates
from graphrec.train.config import ModelConfig, TrainConfig
from graphrec.train.judge import Judge
from graphrec.train.known import Change, Known
from graphrec.train.loop import INTERRUPTED, Epoch, Loop, OnBatch, OnEpoch, suitable_threads

LEARNING, AGAIN = "learning", "again, on all watches"

OnStage = Callable[[str, int | None], None]


def _nothing(*_: object) -> None:
    """Nobody listens."""


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Who is told of what happens.

    Attributes:
        on_stage: called with the name of each stage and its epochs at most, if it has any.
        on_batch: called with epoch, batches done, batches in all, and the epoch's mean loss.
        on_epoch: called after each look at validation.
    """

    on_stage: OnStage = _nothing
    on_batch: OnBatch = _nothing
    on_epoch: OnEpoch = _nothing


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """What all parts learn from.

    Attributes:
        first: the training watches, until validation has chosen.
        everything: training and validation watches.
        judge: holds the validation watches.
    """

    first: Known
    everything: Known
    judge: Judge

    @classmethod
    def of(
        cls,
        dataset: Dataset,
        split: Split,
        seed: int,
        *,
        ignore: tuple[str, ...] = (),
        change: Change | None = None,
    ) -> Material:
        """The material of one split; `ignore` and `change` as for `Known.of`."""
        first = Known.of(
            dataset, split.train, history=split.valid_history, ignore=ignore, change=change
        )
        everything = first
        if len(split.valid):
            everything = Known.of(
                dataset, split.known, history=split.test_history, ignore=ignore, change=change
            )
        return cls(first, everything, Judge.of(dataset.interactions, split, seed))


@dataclass(frozen=True, slots=True, eq=False)
class LearnedPart:
    """What learning one part gives.

    Attributes:
        part: by ID or by metadata.
        config: the settings, filled in.
        chosen: embeddings that the training watches alone gave: what choices are made by.
        log_popularity: of each movie by the training watches, for ranking, float32 [M].
        embeddings: the final ones, learned from and propagated over all known watches.
        weights: trained parameters by name.
        history: every look at validation.
        best: the look that learning was stopped for.
        stopped: why learning ended, in words.
        seconds: what it took, without the settings that were not chosen.
    """

    part: NodeState
    config: TrainConfig
    chosen: PartEmbeddings = field(repr=False)
    log_popularity: Tensor = field(repr=False)
    embeddings: PartEmbeddings = field(repr=False)
    weights: dict[str, np.ndarray] = field(repr=False)
    history: tuple[Epoch, ...] = field(repr=False)
    best: Epoch
    stopped: str
    seconds: float

    @property
    def name(self) -> str:
        """``id`` or ``metadata``."""
        return self.part.value

    @property
    def rule(self) -> RankingRule:
        """The best ranking rule of this part alone."""
        return self.best.rule

    @property
    def interrupted(self) -> bool:
        return self.stopped == INTERRUPTED

    def scorer(self, rule: RankingRule) -> EmbeddingScorer:
        """Scores that know the training watches only, to choose by."""
        user, movie = torch.from_numpy(self.chosen.user), torch.from_numpy(self.chosen.movie)
        return EmbeddingScorer.by_rule(user, movie, self.log_popularity, rule)


def learn_part(
    part: NodeState,
    material: Material,
    model_config: ModelConfig,
    configs: Sequence[TrainConfig],
    callbacks: Callbacks | None = None,
) -> LearnedPart:
    """Learn from the training watches until validation says stop, then anew from all for as long.

    An interrupt (Ctrl-C) after the first look at validation keeps the best so far.

    Args:
        part: by ID or by metadata.
        material: what to learn from and to choose by.
        model_config: layers, columns and initial values.
        configs: settings with everything filled in, see `TrainConfig.for_users`; of several,
            validation chooses.
        callbacks: who is told.

    Raises:
        ConfigError: if the loss is no longer a number.
        KeyboardInterrupt: if interrupted before the first look at validation.
    """
    num_nodes = sum(material.first.watched.shape)
    with suitable_threads(num_nodes * model_config.embedding_dim):
        return _learn_part(part, material, model_config, configs, callbacks or Callbacks())


def _learn_part(
    part: NodeState,
    material: Material,
    model_config: ModelConfig,
    configs: Sequence[TrainConfig],
    told: Callbacks,
) -> LearnedPart:
    runs = []
    for config in configs:
        told.on_stage(f"{part}: {LEARNING}", config.epochs)
        loop = _prepare(part, material.first, model_config, config, told.on_batch)
        runs.append(_Run(loop, *loop.run(material.judge, told.on_epoch)))
        if runs[-1].stopped == INTERRUPTED:
            break
    run = max(runs, key=lambda run: run.best.valid)  # the first, if nothing can be judged
    first, known = material.first, material.everything
    began, stopped, final = time.perf_counter(), runs[-1].stopped, run.loop
    chosen = run.loop.model.embed(first.adjacency, first.history)
    if material.judge.can_judge and stopped != INTERRUPTED:
        told.on_stage(f"{part}: {AGAIN}", run.best.number)
        try:
            final = _prepare(part, known, model_config, run.loop.config, told.on_batch)
            for number in range(1, run.best.number + 1):
                final.learn(number)
            stopped = run.stopped
        except KeyboardInterrupt:
            final, stopped = run.loop, INTERRUPTED
    return LearnedPart(
        part=part,
        config=run.loop.config,
        chosen=chosen,
        log_popularity=run.loop.log_popularity.cpu(),
        embeddings=final.model.embed(known.adjacency, known.history),
        weights={name: t.cpu().numpy().copy() for name, t in final.model.state_dict().items()},
        history=tuple(run.loop.history),
        best=run.best,
        stopped=stopped,
        seconds=run.loop.history[-1].seconds + time.perf_counter() - began,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    """What learning from the training watches by one config came to."""

    loop: Loop
    stopped: str
    best: Epoch


def _prepare(
    part: NodeState, known: Known, model_config: ModelConfig, config: TrainConfig, on_batch: OnBatch
) -> Loop:
    """A new part over these watches, ready to learn from them."""
    generator = torch.Generator().manual_seed(config.seed)
    states = NodeStates(
        known.graph["user"].num_nodes,
        known.graph["movie"].x,
        model_config.embedding_dim,
        part=part,
        init_std=model_config.init_std,
        metadata_scale=model_config.metadata_scale,
        generator=generator,
    )
    device = torch.device(config.device)
    layers = layers_over(
        known.adjacency,
        len(states.user),
        model_config.embedding_dim,
        model_config.layers,
        model_config.num_layers,
    )
    model = GraphModel(states, layers).to(device)
    by_id = part is NodeState.ID
    popularity = known.log_popularity if by_id else known.expected_log_popularity
    watches, log_popularity = known.watches.to(device), torch.from_numpy(popularity).to(device)
    sampler = None
    if config.fanout:
        sampler = NeighbourSampler(known.graph, config.fanout, generator)
    return Loop(
        model,
        watches,
        log_popularity,
        config,
        generator,
        on_batch,
        newcomers=known.history,
        sampler=sampler,
    )
