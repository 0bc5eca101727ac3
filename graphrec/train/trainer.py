"""The one training loop, and `fit`: from a split data set to a finished model."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from graphrec.config import Layers, ModelConfig, NodeState, TrainConfig
from graphrec.data.dataset import Dataset
from graphrec.data.split import Split
from graphrec.errors import ConfigError
from graphrec.evaluate.ranking import Scorer
from graphrec.evaluate.scorers import ModelScorer
from graphrec.features.matrix import FeatureEncoder
from graphrec.nn.hybrid import Blend, HybridModel, LearnedVectors
from graphrec.nn.neighbors import NeighborSampler
from graphrec.nn.sampling import UserBatch, UserBatches
from graphrec.nn.spectral import Spectral, SpectralSettings
from graphrec.nn.towers import Tower
from graphrec.train.data import Change, TrainingData
from graphrec.train.objective import Objective, Sampled
from graphrec.train.validation import (
    QUICK_USERS,
    Validator,
    choose_blend,
    choose_spectral,
    popularity_weights,
)

INTERRUPTED = "interrupted"
EPOCHS_WITHOUT_VALIDATION = 50
SMALL_MODEL = 500_000  # numbers in a tower's embeddings; below, threads cost more than they give

OnStage = Callable[[str, int | None], None]
OnBatch = Callable[[int, int, int, float], None]


@dataclass(frozen=True, slots=True)
class Epoch:
    """One validation, after one or more passes over the users.

    Attributes:
        number: passes done, from 1.
        loss: mean over the last pass.
        valid: validation NDCG@20 of this part with the best popularity weight; NaN without a
            validation part.
        popularity: that weight.
        seconds: since training began.
        is_best: whether `valid` is the highest so far.
    """

    number: int
    loss: float
    valid: float
    popularity: float
    seconds: float
    is_best: bool


OnEpoch = Callable[[Epoch], None]


def _ignore(*_: object) -> None:
    """The default of a callback."""


@dataclass(frozen=True, slots=True)
class Callbacks:
    """What is called while a model is trained.

    Attributes:
        on_stage: with the name of each stage and its epochs at most, if it has any.
        on_batch: with epoch, batches done, batches in all, and the epoch's mean loss.
        on_epoch: after each validation.
    """

    on_stage: OnStage = _ignore
    on_batch: OnBatch = _ignore
    on_epoch: OnEpoch = _ignore


@dataclass(frozen=True, slots=True, eq=False)
class Experiment:
    """A split, ready to train on.

    Attributes:
        train: the training part, until validation has chosen.
        final: training and validation parts together.
        validator: holds the validation part.
    """

    train: TrainingData
    final: TrainingData
    validator: Validator

    @classmethod
    def of(
        cls,
        dataset: Dataset,
        split: Split,
        seed: int,
        *,
        ignore: tuple[str, ...] = (),
        change: Change | None = None,
    ) -> Experiment:
        """That of one split; `ignore` and `change` as for `TrainingData.from_rows`."""
        train = final = TrainingData.from_rows(
            dataset, split.train, history=split.valid_history, ignore=ignore, change=change
        )
        if len(split.valid):
            final = TrainingData.from_rows(
                dataset, split.known, history=split.test_history, ignore=ignore, change=change
            )
        return cls(train, final, Validator.of(dataset.interactions, split, seed))


@dataclass(frozen=True, slots=True, eq=False)
class TrainedPart:
    """One trained tower, by ID or by metadata.

    Attributes:
        part: which.
        config: the settings, filled in.
        on_train: what it made of the training part: blends are chosen by these.
        final: what it made of training and validation part together.
        tower: trained on both.
        history: every validation.
        best: the validation after which training on the training part ended.
        stopped: why it ended, in words.
        seconds: what it took.
    """

    part: NodeState
    config: TrainConfig
    on_train: LearnedVectors = field(repr=False)
    final: LearnedVectors = field(repr=False)
    tower: Tower = field(repr=False)
    history: tuple[Epoch, ...] = field(repr=False)
    best: Epoch
    stopped: str
    seconds: float

    @property
    def name(self) -> str:
        """``id`` or ``metadata``."""
        return self.part.value

    @property
    def interrupted(self) -> bool:
        return self.stopped == INTERRUPTED


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """What training leaves.

    Attributes:
        model: of training and validation part.
        history: interactions by which users are known to it, users x movies.
        encoder: fitted metadata statistics.
        model_config, train_config: the settings it was made with, the latter filled in.
        spectral: the settings of the spectral part; None without one.
        parts: the trained towers by name, ``id``, ``metadata`` or both.
        valid: validation NDCG@20 of the model made of the training part; NaN without a validation
            part.
        stopped: why training ended, in words.
        seconds: what all of it took.
    """

    model: HybridModel = field(repr=False)
    history: sp.csr_array = field(repr=False)
    encoder: FeatureEncoder = field(repr=False)
    model_config: ModelConfig
    train_config: TrainConfig
    spectral: SpectralSettings | None
    parts: dict[str, TrainedPart] = field(repr=False)
    valid: float
    stopped: str
    seconds: float

    @property
    def first(self) -> TrainedPart:
        """The part that was trained first, by ID if there is such a part."""
        return next(iter(self.parts.values()))

    @property
    def was_interrupted(self) -> bool:
        return self.stopped == INTERRUPTED

    def scorer(self) -> Scorer:
        """Scores of the training users, for `graphrec.evaluate_ranking`."""
        return ModelScorer(self.model, self.history)


def fit(
    dataset: Dataset,
    split: Split,
    model_config: ModelConfig | None = None,
    config: TrainConfig | None = None,
    *,
    ignore: tuple[str, ...] = (),
    on_stage: OnStage = _ignore,
    on_batch: OnBatch = _ignore,
    on_epoch: OnEpoch = _ignore,
) -> Fitted:
    """Train a model; validation says when to stop and how much each part of it weighs.

    The graph, the metadata statistics, the spectral part and the loss know the training part only,
    until validation has chosen everything. Then all is made anew by what was chosen, of training
    and validation part together. An interrupt (Ctrl-C) after the first validation ends training and
    keeps the best so far.

    Args:
        dataset: what to train on.
        split: which rows are for what; `split.test` is never looked at.
        model_config, config: settings, the defaults where None.
        ignore: metadata columns to leave out.
        on_stage, on_batch, on_epoch: see `Callbacks`.

    Raises:
        ConfigError: if a setting can't work with this data.
        KeyboardInterrupt: if stopped before the first validation.
    """
    began = time.perf_counter()
    model_config = model_config or ModelConfig()
    config = (config or TrainConfig()).for_users(dataset.interactions.num_users)
    config = replace(config, device=str(find_device(config.device)))
    callbacks = Callbacks(on_stage, on_batch, on_epoch)
    _check_columns(dataset, model_config, ignore)
    _check_num_neighbors(model_config, config)
    experiment = Experiment.of(dataset, split, config.seed, ignore=ignore)
    final, validator = experiment.final, experiment.validator
    settings, spectral = None, Spectral.empty(final.num_movies)
    if model_config.spectral:
        on_stage("spectral part", None)
        settings, spectral = choose_spectral(validator, model_config.spectral_dim, config.seed)
    parts = _train_parts(experiment, model_config, config, callbacks)
    stopped = next((part.stopped for part in parts if part.interrupted), parts[0].stopped)
    try:
        blend, valid = blend_parts(experiment, parts, spectral)
    except KeyboardInterrupt:  # what there is without a choice
        stopped, parts, settings = INTERRUPTED, parts[:1], None
        spectral, valid = Spectral.empty(final.num_movies), parts[0].best.valid
        blend = Blend(popularity=parts[0].best.popularity)
    if settings is not None and validator.can_score:
        try:
            spectral = Spectral.fit(final.matrix, settings, config.seed)
        except KeyboardInterrupt:  # keep the one of the training part
            stopped = INTERRUPTED
    try:
        model = assemble(parts, spectral, final, blend)
    except KeyboardInterrupt:  # it takes a moment, and nothing is worth losing for that
        stopped, model = INTERRUPTED, assemble(parts, spectral, final, blend)
    return Fitted(
        model=model,
        history=final.full_history,
        encoder=final.encoder,
        model_config=model_config,
        train_config=config,
        spectral=settings,
        parts={part.name: part for part in parts},
        valid=valid,
        stopped=stopped,
        seconds=time.perf_counter() - began,
    )


def _train_parts(
    experiment: Experiment, model_config: ModelConfig, config: TrainConfig, callbacks: Callbacks
) -> list[TrainedPart]:
    """All parts; fewer if an interrupt came between them."""
    wanted = model_config.node_state.parts
    if not experiment.final.features.shape[1]:
        wanted = tuple(part for part in wanted if part is NodeState.ID) or wanted
    parts: list[TrainedPart] = []
    for part in wanted:
        try:
            parts.append(train_part(part, experiment, model_config, [config], callbacks))
        except KeyboardInterrupt:
            if not parts:
                raise
            parts[-1] = replace(parts[-1], stopped=INTERRUPTED)
        if parts[-1].interrupted:
            break
    return parts


def blend_parts(
    experiment: Experiment, parts: Sequence[TrainedPart], spectral: Spectral
) -> tuple[Blend, float]:
    """The best blend of some parts, and its validation NDCG@20.

    Args:
        experiment: that the parts were trained in.
        parts: by ID, by metadata, or both in this order.
        spectral: of the training part; without columns if there is none.
    """
    model = HybridModel.assemble(
        {part.name: part.on_train for part in parts},
        spectral,
        features=experiment.train.features,
        degree=experiment.train.degree,
        cosine=parts[0].config.cosine,
    )
    candidates = (parts[0].best.popularity, *popularity_weights(parts[0].config))
    return choose_blend(experiment.validator, model, candidates)


def assemble(
    parts: Sequence[TrainedPart], spectral: Spectral, data: TrainingData, blend: Blend
) -> HybridModel:
    """The final model of some parts."""
    return HybridModel.assemble(
        {part.name: part.final for part in parts},
        spectral,
        features=data.features,
        degree=data.degree,
        blend=blend,
        cosine=parts[0].config.cosine,
    )


# --- one part


def train_part(
    part: NodeState,
    experiment: Experiment,
    model_config: ModelConfig,
    configs: Sequence[TrainConfig],
    callbacks: Callbacks | None = None,
) -> TrainedPart:
    """Train until validation no longer improves, then anew on all interactions for as long.

    An interrupt (Ctrl-C) after the first validation keeps the best so far.

    Args:
        part: by ID or by metadata.
        experiment: what to train on.
        model_config: layers, columns and initial values.
        configs: settings with everything filled in, see `TrainConfig.for_users`; of several,
            validation chooses.
        callbacks: what is called meanwhile.

    Raises:
        ConfigError: if the loss is no longer a number.
        KeyboardInterrupt: if interrupted before the first validation.
    """
    callbacks, validator = callbacks or Callbacks(), experiment.validator
    num_nodes = experiment.train.num_users + experiment.train.num_movies
    with suitable_threads(num_nodes * model_config.embedding_dim):
        runs: list[Trainer] = []
        for config in configs:
            callbacks.on_stage(f"{part} embeddings", config.epochs)
            runs.append(Trainer(part, experiment.train, model_config, config, callbacks))
            runs[-1].run(validator)
            if runs[-1].stopped == INTERRUPTED:
                break
        run = max(runs, key=lambda run: run.best.valid)  # the first without validation
        began, stopped, final = time.perf_counter(), runs[-1].stopped, run
        on_train = run.vectors()
        if validator.can_score and stopped != INTERRUPTED:
            callbacks.on_stage(f"{part} embeddings, on all ratings", run.best.number)
            try:
                final = Trainer(part, experiment.final, model_config, run.config, callbacks)
                for number in range(1, run.best.number + 1):
                    final.train_epoch(number)
                stopped = run.stopped
            except KeyboardInterrupt:
                final, stopped = run, INTERRUPTED
        return TrainedPart(
            part=part,
            config=run.config,
            on_train=on_train,
            final=LearnedVectors.from_tower(
                final.tower, experiment.final.adjacency, experiment.final.history
            ),
            tower=final.tower.cpu(),
            history=tuple(run.history),
            best=run.best,
            stopped=stopped,
            seconds=run.history[-1].seconds + time.perf_counter() - began,
        )


class Trainer:
    """Trains one new tower.

    Args:
        part: by ID or by metadata.
        data: what to train on.
        model_config: layers, columns and initial values.
        config: settings with everything filled in.
        callbacks: what is called meanwhile.

    Attributes:
        tower: what is trained.
        history: every validation.
        stopped: why `run` ended, in words.
    """

    def __init__(
        self,
        part: NodeState,
        data: TrainingData,
        model_config: ModelConfig,
        config: TrainConfig,
        callbacks: Callbacks,
    ) -> None:
        self.part, self.data, self.config, self.callbacks = part, data, config, callbacks
        generator = torch.Generator().manual_seed(config.seed)
        device = torch.device(config.device)
        self.tower = Tower.make(
            part,
            data.num_users,
            torch.from_numpy(data.features),
            embedding_dim=model_config.embedding_dim,
            layers=model_config.layers,
            num_layers=model_config.num_layers,
            init_std=model_config.init_std,
            metadata_scale=model_config.metadata_scale,
            generator=generator,
        ).to(device)
        self.adjacency = data.adjacency.to(device)
        self.sampler: NeighborSampler | None = None
        if config.num_neighbors:
            self.sampler = NeighborSampler(data.graph, config.num_neighbors, generator)
        positives = data.positives.to(device)
        assert config.batch_size is not None
        self.batches = DataLoader(
            UserBatches(positives, config.batch_size, generator), batch_size=None
        )
        self.objective = Objective(config, positives, generator)
        rate = config.learning_rate
        self.optimizer = torch.optim.Adam(self.tower.parameters(), lr=rate, fused=True)
        self.history: list[Epoch] = []
        self.stopped = ""
        self._best: Epoch | None = None
        self._best_state: dict[str, Tensor] = {}

    @property
    def best(self) -> Epoch:
        """The best validation."""
        assert self._best is not None
        return self._best

    def run(self, validator: Validator) -> None:
        """Train until validation no longer improves; the tower is left as it was at its best.

        Raises:
            ConfigError: if the loss is no longer a number before there was any validation.
            KeyboardInterrupt: likewise, if interrupted.
        """
        began = time.perf_counter()
        try:
            self.stopped = self._run(validator, began)
        except KeyboardInterrupt:
            if self._best is None:
                raise
            self.stopped = INTERRUPTED
        self.tower.load_state_dict(self._best_state, strict=True)

    def _run(self, validator: Validator, began: float) -> str:
        patience, every = self.config.patience, self.config.validate_every
        assert patience is not None
        assert every is not None
        epochs = self.config.epochs
        if not validator.can_score:
            epochs = min(epochs, EPOCHS_WITHOUT_VALIDATION)
        for number in range(1, epochs + 1):
            loss = self.train_epoch(number)
            if not math.isfinite(loss) and self._best is not None:
                return f"the loss was no longer a number in epoch {number}"
            if number % every and number < epochs:
                continue
            self._validate(number, loss, began, validator)
            self.callbacks.on_epoch(self.history[-1])
            if number - self.best.number >= patience:
                return f"validation did not improve for {number - self.best.number} epochs"
        return f"all {epochs} epochs done" if epochs > 1 else "the one epoch done"

    def train_epoch(self, number: int) -> float:
        """One pass over all users; the mean loss over their interactions.

        Raises:
            ConfigError: if the loss is no longer a number and there is no earlier epoch to keep.
        """
        total, seen = 0.0, 0
        for done, batch in enumerate(self.batches, start=1):
            self.optimizer.zero_grad(set_to_none=True)
            sampled = self.objective.sample(batch)
            loss = self.objective(*self._embeddings(batch, sampled), batch, sampled)
            loss.backward()
            self.optimizer.step()
            seen += len(batch.movie)
            total += loss.item() * len(batch.movie)
            self.callbacks.on_batch(number, done, len(self.batches), total / seen)
        if not math.isfinite(total) and self._best is None:
            raise ConfigError(
                f"the loss is no longer a number in epoch {number}; try a lower --learning-rate"
                " or a higher --temperature."
            )
        return total / seen

    def _embeddings(self, batch: UserBatch, sampled: Sampled) -> tuple[Tensor, Tensor]:
        """Embeddings [U, D] and [M, D], right at least for this batch."""
        if self.sampler is None:
            users, movies = self.tower(self.adjacency)
            return users, movies
        wanted = torch.cat([batch.movie, sampled.movie]).unique()
        return self.tower.forward_sampled(self.sampler, batch.users, wanted)

    def vectors(self) -> LearnedVectors:
        """What the tower makes of the data it is trained on."""
        return LearnedVectors.from_tower(self.tower, self.adjacency, self.data.history)

    def _validate(self, number: int, loss: float, began: float, validator: Validator) -> None:
        """Measure, and remember the best."""
        by_id = self.part is NodeState.ID
        log_degree = self.data.log_degree if by_id else self.data.predicted_log_degree
        model = HybridModel(
            {self.part.value: self.vectors()},
            Spectral.empty(self.data.num_movies),
            features=torch.zeros(self.data.num_movies, 0),
            degree=torch.from_numpy(self.data.degree),
            log_degree=torch.from_numpy(log_degree),
            blend=Blend(popularity=1.0),
            cosine=self.config.cosine,
        )
        scorer, weights = ModelScorer(model, validator.history), self._near_weights()

        def score(users: np.ndarray) -> Iterator[Tensor]:
            blocks = scorer.score_blocks(users)
            own, popularity = blocks[self.part.value], blocks["popularity"]
            return (own + weight * popularity for weight in weights)

        ndcgs = validator.ndcgs(score, QUICK_USERS)
        valid, popularity = float(ndcgs.max()), weights[int(ndcgs.argmax())]
        is_best = self._best is None or math.isnan(valid) or valid > self._best.valid
        seconds = time.perf_counter() - began
        epoch = Epoch(number, loss, valid, popularity, seconds, is_best)
        self.history.append(epoch)
        if is_best:
            state = self.tower.state_dict()
            self._best, self._best_state = epoch, {name: t.clone() for name, t in state.items()}

    def _near_weights(self) -> tuple[float, ...]:
        """All candidates at first, then the last best and those beside it: each costs a ranking."""
        weights = popularity_weights(self.config)
        if not self.history:
            return weights
        index = weights.index(self.history[-1].popularity)
        return weights[max(index - 1, 0) : index + 2]


@contextmanager
def suitable_threads(num_values: int) -> Iterator[None]:
    """One thread for a small tower: handing out its little work takes twice as long."""
    before = torch.get_num_threads()
    torch.set_num_threads(1 if num_values < SMALL_MODEL else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


# --- checks


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


def _check_num_neighbors(model_config: ModelConfig, config: TrainConfig) -> None:
    given = ",".join(map(str, config.num_neighbors))
    if config.num_neighbors and model_config.layers is not Layers.SAGE:
        raise ConfigError(f"--num-neighbors {given} needs --layers sage.")
    if config.num_neighbors and len(config.num_neighbors) != model_config.num_layers:
        raise ConfigError(
            f"--num-neighbors {given} has {len(config.num_neighbors)} numbers, and --num-layers is"
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
