"""From a split data set to a finished model: each part learned, then how they rank together."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace

import numpy as np
import scipy.sparse as sp
import torch

from graphrec.choices import Init, Layers, NodeState
from graphrec.data.dataset import Dataset
from graphrec.data.split import Split
from graphrec.errors import ConfigError
from graphrec.evaluate.ranking import Scorer
from graphrec.evaluate.scorers import Mixture, model_scorer
from graphrec.features.matrix import FeatureEncoder
from graphrec.model.embeddings import Embeddings, PartEmbeddings
from graphrec.model.spectral import SpectralPart, SpectralSettings
from graphrec.train.choosing import choose_spectral
from graphrec.train.config import ModelConfig, TrainConfig
from graphrec.train.known import Known
from graphrec.train.learning import Callbacks, LearnedPart, Material, OnStage, learn_part
from graphrec.train.loop import INTERRUPTED, Epoch, OnBatch, OnEpoch
from graphrec.train.mixing import mix

__all__ = ["Epoch", "Fitted", "fit"]

SPECTRAL = "spectral part"


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """What training leaves.

    Attributes:
        parts: the learned parts by name, ``id``, ``metadata`` or both.
        embeddings: final embeddings, over train and validation watches.
        watched: those watches and what users who are folded in have watched, users x movies.
        encoder: fitted metadata statistics.
        model_config, train_config: the settings it was made with, the latter filled in.
        rule: how to rank.
        spectral: the settings of the spectral part; None without one.
        valid: validation NDCG@20 of all parts together, when they had learned from the training
            part only; NaN where there is no validation part. Of the first part alone if training
            was interrupted before the parts were put together.
        stopped: why training ended, in words.
        seconds: what all of it took.
    """

    parts: dict[str, LearnedPart] = field(repr=False)
    embeddings: Embeddings = field(repr=False)
    watched: sp.csr_array = field(repr=False)
    encoder: FeatureEncoder = field(repr=False)
    model_config: ModelConfig
    train_config: TrainConfig
    rule: Mixture
    spectral: SpectralSettings | None
    valid: float
    stopped: str
    seconds: float

    @property
    def weights(self) -> dict[str, np.ndarray]:
        """Trained parameters by name, such as ``id.states.user``."""
        return {
            f"{name}.{parameter}": weight
            for name, part in self.parts.items()
            for parameter, weight in part.weights.items()
        }

    @property
    def first(self) -> LearnedPart:
        """The first part that was learned, by ID if there is such a part."""
        return next(iter(self.parts.values()))

    @property
    def best(self) -> Epoch:
        """The look at validation that the first part was stopped for."""
        return self.first.best

    @property
    def history(self) -> tuple[Epoch, ...]:
        """Every look at validation of the first part."""
        return self.first.history

    def scorer(self) -> Scorer:
        """Scores of the trained users by the chosen rule, for `graphrec.evaluate_ranking`."""
        user, user_metadata = self.embeddings.user, self.embeddings.user_metadata
        return model_scorer(self.embeddings, user, user_metadata, self.watched, self.rule)


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
    until validation has chosen everything. Each part, by ID and by metadata, learns on its own, and
    so it is never worse than without the other; what each counts is chosen on validation. The final
    embeddings are made by what was chosen, from training and validation watches together. An
    interrupt (Ctrl-C) after the first look at validation ends training and keeps the best so far.

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
    config = replace(config, device=str(find_device(config.device)))
    usual = Callbacks()
    told = Callbacks(
        on_stage or usual.on_stage, on_batch or usual.on_batch, on_epoch or usual.on_epoch
    )
    _check_columns(dataset, model_config, ignore)
    _check_fanout(model_config, config)
    material = Material.of(dataset, split, config.seed, ignore=ignore)
    judge, known = material.judge, material.everything
    settings, spectral = None, SpectralPart.none(dataset.interactions.num_movies)
    if model_config.init is Init.SPECTRAL:
        told.on_stage(SPECTRAL, None)
        settings, spectral = choose_spectral(judge, model_config.spectral_dim, config.seed)
    wanted = model_config.node_state.parts
    if not known.features.shape[1]:
        wanted = tuple(part for part in wanted if part is NodeState.ID) or wanted
    parts = _learn_all(
        wanted, lambda part: learn_part(part, material, model_config, [config], told)
    )
    stopped = next((part.stopped for part in parts if part.interrupted), parts[0].stopped)
    try:
        rule, valid = mix(judge, parts, spectral, material.first)
    except KeyboardInterrupt:
        stopped, parts, valid = INTERRUPTED, parts[:1], parts[0].best.valid
        settings, spectral = None, SpectralPart.none(dataset.interactions.num_movies)
        rule, _ = mix(judge, parts, spectral, material.first)
    if settings is not None and judge.can_judge:
        try:
            spectral = SpectralPart.fit(known.watched, settings, config.seed)
        except KeyboardInterrupt:  # keep the one from the training watches
            stopped = INTERRUPTED
    try:
        embeddings = assemble(parts, spectral, known)
    except KeyboardInterrupt:  # it is over soon, and nothing is worth losing for that
        stopped, embeddings = INTERRUPTED, assemble(parts, spectral, known)
    return Fitted(
        parts={part.name: part for part in parts},
        embeddings=embeddings,
        watched=known.shown,
        encoder=known.encoder,
        model_config=model_config,
        train_config=config,
        rule=rule,
        spectral=settings,
        valid=valid,
        stopped=stopped,
        seconds=time.perf_counter() - began,
    )


def _learn_all(
    wanted: tuple[NodeState, ...], learn: Callable[[NodeState], LearnedPart]
) -> list[LearnedPart]:
    """All parts; fewer if an interrupt came between them."""
    parts: list[LearnedPart] = []
    for part in wanted:
        try:
            parts.append(learn(part))
        except KeyboardInterrupt:
            if not parts:
                raise
            parts[-1] = replace(parts[-1], stopped=INTERRUPTED)
        if parts[-1].interrupted:
            break
    return parts


def assemble(parts: list[LearnedPart], spectral: SpectralPart, known: Known) -> Embeddings:
    """The record of what these parts have learned from all known watches."""
    num_users, num_movies = known.watched.shape
    none = PartEmbeddings.none(num_users, num_movies)
    by_name = {part.name: part.embeddings for part in parts}
    found = Embeddings.of(
        by_name.get("id", none),
        by_name.get("metadata", none),
        spectral,
        features=known.features,
        degree=np.asarray(known.watched.sum(axis=0), dtype=np.float32),
        expected_log_popularity=known.expected_log_popularity,
    )
    return found.foretold() if "metadata" in by_name else found


def check_ignored(dataset: Dataset, ignore: Collection[str]) -> None:
    """Fail if a column to leave out isn't there.

    Raises:
        ConfigError: naming the columns that are.
    """
    columns = [str(name) for name in dataset.metadata.columns]
    for name in ignore:
        if name not in columns:
            raise ConfigError(
                f"--ignore-column {name}: there is no such column; the movies have"
                f" {', '.join(columns) or 'none'}."
            )


def _check_columns(dataset: Dataset, config: ModelConfig, ignore: Collection[str]) -> None:
    check_ignored(dataset, ignore)
    columns = {str(name) for name in dataset.metadata.columns}
    if config.node_state is NodeState.METADATA and not columns - set(ignore):
        raise ConfigError("--node-state metadata needs metadata, and the movies have no columns.")


def _check_fanout(model_config: ModelConfig, config: TrainConfig) -> None:
    given = ",".join(map(str, config.fanout))
    if config.fanout and model_config.layers is not Layers.SAGE:
        raise ConfigError(f"--fanout {given} needs --layers sage.")
    if config.fanout and len(config.fanout) != model_config.num_layers:
        raise ConfigError(
            f"--fanout {given} has {len(config.fanout)} numbers, and --num-layers is"
            f" {model_config.num_layers}; give one number for each layer."
        )


def find_device(name: str) -> torch.device:
    """The device that is meant; ``auto`` is a GPU if there is one.

    Raises:
        ConfigError: if it can't be used.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        first = str(error).splitlines()[0]
        raise ConfigError(f"--device {name} can't be used here: {first}.") from error
    return device
