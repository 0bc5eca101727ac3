"""The one training loop, and `fit`: from a split data set to a finished model."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import chain, repeat
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from graphrec.config import TRIAL_STEPS, ModelConfig, NodeState, TrainConfig, check_together
from graphrec.data.dataset import Dataset
from graphrec.data.split import Split
from graphrec.errors import Argument, ConfigError, argument
from graphrec.evaluate.ranking import Scorer
from graphrec.evaluate.scorers import ModelScorer
from graphrec.features.matrix import FeatureEncoder
from graphrec.graph import RATES
from graphrec.nn.associations import Associations
from graphrec.nn.hybrid import POPULARITY, Blend, HybridModel, LearnedVectors
from graphrec.nn.neighbors import NeighborSampler
from graphrec.nn.sampling import PositiveLists, UserBatch, UserBatches
from graphrec.nn.spectral import Spectral
from graphrec.nn.towers import Tower
from graphrec.processes import all_sum, is_shared, total
from graphrec.train.checkpoint import Checkpoint, load_optimizer, optimizer_tensors
from graphrec.train.closed_form import ClosedForm
from graphrec.train.data import Change, TrainingData
from graphrec.train.estimate import Estimate, Speed, estimate
from graphrec.train.objective import OBJECTIVES
from graphrec.train.quality import Quality, measure_quality
from graphrec.train.validation import QUICK_USERS, Tried, Validator, choose_blend

INTERRUPTED = "interrupted"
EPOCHS_WITHOUT_VALIDATION = 50
MEASURED_STEPS, MEASURED_SECONDS = 20, 2.0
"""Of training, from which it is estimated what all will take."""
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
OnEstimate = Callable[[Estimate], None]


@dataclass(frozen=True, slots=True)
class Callbacks:
    """What is called while a model is trained.

    Attributes:
        on_stage: with the name of each stage and its epochs at most, if it has any.
        on_batch: with epoch, batches done, batches in all, and the epoch's mean loss.
        on_epoch: after each validation.
        on_estimate: with what all will take, after some steps that are taken to measure it; none
            are where this is None.
    """

    on_stage: OnStage = lambda *_: None
    on_batch: OnBatch = lambda *_: None
    on_epoch: OnEpoch = lambda *_: None
    on_estimate: OnEstimate | None = None

    def beside(self, other: Callbacks) -> Callbacks:
        """These and others, called one after the other."""

        def each(own: Callable[..., None], others: Callable[..., None]) -> Callable[..., None]:
            def call(*arguments: Any) -> None:
                own(*arguments)
                others(*arguments)

            return call

        on_estimate = self.on_estimate or other.on_estimate
        if self.on_estimate is not None and other.on_estimate is not None:
            on_estimate = each(self.on_estimate, other.on_estimate)
        return Callbacks(
            each(self.on_stage, other.on_stage),
            each(self.on_batch, other.on_batch),
            each(self.on_epoch, other.on_epoch),
            on_estimate,
        )


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
        if total(len(split.valid) + len(split.valid_history) + len(split.test_history)):
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
        chosen_epochs: that validation chose; of a part that was continued, for the full training
            that it goes back to.
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
    chosen_epochs: int
    stopped: str
    seconds: float

    @property
    def name(self) -> str:
        """``id`` or ``metadata``."""
        return self.part.value

    @property
    def interrupted(self) -> bool:
        return self.stopped == INTERRUPTED

    @property
    def popularity_candidates(self) -> tuple[float, ...]:
        """The best popularity weight of this part, then those beside it."""
        weights = self.config.popularity_weights
        index = weights.index(self.best.popularity)
        return (weights[index], *weights[max(index - 1, 0) : index + 2])


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """What training leaves.

    Attributes:
        model: of training and validation part.
        history: interactions by which users are known to it, users x movies.
        encoder: fitted metadata statistics.
        model_config, train_config: the settings it was made with, the latter filled in.
        given_config: the latter as it was given.
        ignored: metadata columns that were left out.
        closed_form: its parts in closed form, and their settings.
        parts: the trained towers by name, ``id``, ``metadata`` or both.
        valid: validation NDCG@20 of the model made of the training part; NaN without a validation
            part.
        quality: more of what validation says of it.
        stopped: why training ended, in words.
        seconds: what all of it took.
        change: of a model that was continued, what had changed, in words; else empty.
    """

    model: HybridModel = field(repr=False)
    history: sp.csr_array = field(repr=False)
    encoder: FeatureEncoder = field(repr=False)
    model_config: ModelConfig
    train_config: TrainConfig
    given_config: TrainConfig = field(repr=False)
    ignored: tuple[str, ...]
    closed_form: ClosedForm = field(repr=False)
    parts: dict[str, TrainedPart] = field(repr=False)
    valid: float
    quality: Quality = field(repr=False)
    stopped: str
    seconds: float
    change: str = ""

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
    callbacks: Callbacks | None = None,
    checkpoint: Checkpoint | None = None,
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
        callbacks: what is called meanwhile.
        checkpoint: where states are kept, and read if they are there already.

    Raises:
        ConfigError: if a setting can't work with this data.
        KeyboardInterrupt: if stopped before the first validation.
    """
    began = time.perf_counter()
    model_config = model_config or ModelConfig()
    given = config or TrainConfig()
    config = given.for_users(total(dataset.interactions.num_users))
    config = replace(config, device=str(find_device(config.device)))
    callbacks, ignore = callbacks or Callbacks(), dataset.metadata_names(ignore)
    check_settings(dataset, model_config, config, ignore)
    experiment = Experiment.of(dataset, split, config.seed, ignore=ignore)
    final, validator = experiment.final, experiment.validator
    if model_config.node_state is NodeState.METADATA and not final.features.shape[1]:
        raise ConfigError(
            argument("node_state", NodeState.METADATA),
            " needs metadata, and no column gives a feature.",
        )
    wanted = trained_parts(model_config, final)
    if callbacks.on_estimate is not None and wanted and not is_shared():
        callbacks.on_stage("first steps", None)
        callbacks.on_estimate(_estimate(wanted, experiment, model_config, config))
    if model_config.spectral or model_config.paths:
        callbacks.on_stage("closed-form parts", None)
    closed = ClosedForm.choose(validator, model_config, config.seed)
    parts, stopped = _train_parts(
        wanted,
        partial(
            train_part,
            experiment=experiment,
            model_config=model_config,
            configs=config.candidates,
            callbacks=callbacks,
            checkpoint=checkpoint,
        ),
        keep_none=closed.is_empty,
    )
    tried, quality, valid = list[Tried](), Quality(), math.nan
    try:
        model = combine(parts, closed, experiment.train, on_train=True, cosine=config.cosine)
        candidates = parts[0].popularity_candidates if parts else ()
        blend = choose_blend(validator, model, candidates, tried=tried)
        if tried:
            valid = tried[-1].ndcg[tried[-1].chosen]
    except KeyboardInterrupt:  # what there is without a choice
        stopped, parts = INTERRUPTED, parts[:1]
        blend = Blend(spectral=1.0, paths=1.0)
        if parts:
            closed, valid = ClosedForm.empty(final.num_movies), parts[0].best.valid
            blend = Blend(popularity=parts[0].best.popularity)
    if validator.can_score:
        try:
            if stopped != INTERRUPTED:
                scorer = ModelScorer(model.with_blend(blend), validator.history)
                quality = measure_quality(validator, scorer, tried)
                valid = quality.ndcg
            closed = closed.fit(final.matrix, config.seed)
        except KeyboardInterrupt:  # keep those of the training part
            stopped = INTERRUPTED
    chosen: dict[str, Any] = {"blend": blend, "cosine": config.cosine}
    chosen["compare"] = model_config.spectral
    try:
        model = combine(parts, closed, final, **chosen)
    except KeyboardInterrupt:  # it takes a moment, and nothing is worth losing for that
        stopped, model = INTERRUPTED, combine(parts, closed, final, **chosen)
    return Fitted(
        model=model,
        history=final.full_history,
        encoder=final.encoder,
        model_config=model_config,
        train_config=config,
        given_config=given,
        ignored=ignore,
        closed_form=replace(closed, vectors=None),
        parts={part.name: part for part in parts},
        valid=valid,
        quality=quality,
        stopped=stopped,
        seconds=time.perf_counter() - began,
    )


def combine(
    parts: Sequence[TrainedPart],
    closed: ClosedForm,
    data: TrainingData,
    *,
    on_train: bool = False,
    compare: bool = False,
    blend: Blend | None = None,
    cosine: bool = True,
) -> HybridModel:
    """A model of some parts.

    Args:
        parts: by ID, by metadata, both in this order, or none.
        closed: of the same data.
        data: that they were made of.
        on_train: whether that is the training part alone.
        compare: whether movies are compared by their associations, else by ID embeddings.
        blend: the weight of each.
        cosine: how the parts compare embeddings.
    """
    return HybridModel.assemble(
        {part.name: part.on_train if on_train else part.final for part in parts},
        closed.spectral,
        features=data.features,
        feature_column=data.encoder.feature_column,
        degree=data.degree,
        associations=Associations.fit(data.liked) if compare else None,
        blend=blend,
        cosine=cosine,
        paths=closed.paths,
    )


def _estimate(
    parts: Sequence[NodeState],
    experiment: Experiment,
    model_config: ModelConfig,
    config: TrainConfig,
) -> Estimate:
    """What all will take, by some steps and a validation of towers that are thrown away."""
    data = experiment.train
    with suitable_threads((data.num_users + data.num_movies) * model_config.embedding_dim):
        speeds = [_speed(part, experiment, model_config, config.candidates[0]) for part in parts]
    counts = data.num_users, data.num_movies, int(data.matrix.nnz)
    return estimate(*counts, model_config, config, speeds=speeds)


def _speed(
    part: NodeState, experiment: Experiment, model_config: ModelConfig, config: TrainConfig
) -> Speed:
    run = Trainer(part, experiment.train, model_config, config, Callbacks())
    batches = chain.from_iterable(repeat(run.batches))
    run.step(next(batches))  # slower than the others
    began, steps = time.perf_counter(), 0
    while steps < MEASURED_STEPS and time.perf_counter() - began < MEASURED_SECONDS:
        run.step(next(batches))
        steps += 1
    step = (time.perf_counter() - began) / steps
    began = time.perf_counter()
    run.validate(1, math.nan, began, experiment.validator)
    return Speed(step, time.perf_counter() - began)


# --- one part


def trained_parts(model_config: ModelConfig, data: TrainingData) -> tuple[NodeState, ...]:
    """The parts that training makes: without features there is none of metadata."""
    wanted = model_config.node_state.parts
    if not data.features.shape[1]:
        wanted = tuple(part for part in wanted if part is NodeState.ID) or wanted
    return wanted


def _train_parts(
    wanted: Sequence[NodeState], train: Callable[[NodeState], TrainedPart], *, keep_none: bool
) -> tuple[list[TrainedPart], str]:
    """The parts that were trained, and why training ended, in words.

    Raises:
        KeyboardInterrupt: if interrupted before there was any, and `keep_none` says that nothing
            else could be kept.
    """
    parts: list[TrainedPart] = []
    for part in wanted:
        try:
            parts.append(train(part))
        except KeyboardInterrupt:
            if not parts and keep_none:
                raise
            return parts, INTERRUPTED
        if parts[-1].interrupted:
            return parts, INTERRUPTED
    return parts, parts[0].stopped if parts else "there are no embeddings to train"


def train_part(
    part: NodeState,
    experiment: Experiment,
    model_config: ModelConfig,
    configs: Sequence[TrainConfig],
    callbacks: Callbacks | None = None,
    *,
    anew: bool = True,
    checkpoint: Checkpoint | None = None,
) -> TrainedPart:
    """Train until validation no longer improves, then anew on all interactions for as long.

    An interrupt (Ctrl-C) after the first validation keeps the best so far.

    Args:
        part: by ID or by metadata.
        experiment: what to train on.
        model_config: layers, columns and initial values.
        configs: settings with everything filled in, see `TrainConfig.for_users`; of several,
            validation chooses after `TRIAL_STEPS` steps, and the others are trained no further.
        callbacks: what is called meanwhile.
        anew: False leaves the second training out: `TrainedPart.final` is of the first, too.
        checkpoint: as for `fit`.

    Raises:
        ConfigError: if the loss is no longer a number.
        KeyboardInterrupt: if interrupted before the first validation.
    """
    callbacks, validator = callbacks or Callbacks(), experiment.validator
    num_nodes = experiment.train.num_users + experiment.train.num_movies
    with suitable_threads(num_nodes * model_config.embedding_dim):
        make = partial(Trainer, part, model_config=model_config, callbacks=callbacks)
        run = _best_run(part, experiment, configs, make, checkpoint)
        began, stopped, final = time.perf_counter(), run.stopped, run
        train, final_data = experiment.train, experiment.final
        on_train = LearnedVectors.from_tower(run.tower, train.adjacency, train.history)
        if anew and validator.can_score and stopped != INTERRUPTED:
            callbacks.on_stage(f"{part} embeddings, on all ratings", run.best.number)
            try:
                final = make(experiment.final, config=run.config)
                final.keep_in(checkpoint, f"{part}-final")
                final.train_for(run.best.number)
                stopped = run.stopped
            except KeyboardInterrupt:
                final, stopped = run, INTERRUPTED
        return TrainedPart(
            part=part,
            config=run.config,
            on_train=on_train,
            final=LearnedVectors.from_tower(final.tower, final_data.adjacency, final_data.history),
            tower=final.tower.cpu(),
            history=tuple(run.history),
            best=run.best,
            chosen_epochs=run.best.number,
            stopped=stopped,
            seconds=run.history[-1].seconds + time.perf_counter() - began,
        )


def _best_run(
    part: NodeState,
    experiment: Experiment,
    configs: Sequence[TrainConfig],
    make: Callable[..., Trainer],
    checkpoint: Checkpoint | None,
) -> Trainer:
    """The run of the settings that validation prefers, trained to its end.

    Args:
        part, experiment, configs, checkpoint: as for `train_part`.
        make: makes a run, of data and one of the `configs`.
    """
    validator, runs = experiment.validator, list[Trainer]()
    tried = configs if validator.can_score else configs[:1]
    for index, config in enumerate(tried):
        run = make(experiment.train, config=config)
        run.callbacks.on_stage(f"{part} embeddings", config.epochs)
        run.keep_in(checkpoint, f"{part}-{index}")
        trial = -(-TRIAL_STEPS // max(1, len(run.batches)))
        try:
            run.advance(validator, min(trial, config.epochs) if len(tried) > 1 else config.epochs)
        except KeyboardInterrupt:
            if not runs:
                raise
            runs[-1].stopped = INTERRUPTED
            break
        runs.append(run)
        if run.stopped == INTERRUPTED:
            break
    best = max(runs, key=lambda run: run.best.valid)  # the first without validation
    if runs[-1].stopped == INTERRUPTED:
        best.stopped = INTERRUPTED
    elif len(tried) > 1 and not best.has_ended:
        best.callbacks.on_stage(f"{part} embeddings", best.config.epochs)
        best.advance(validator, best.config.epochs)
    best.restore()
    return best


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
        stopped: why `advance` ended, in words.
        done: epochs so far.
        has_ended: whether there is no use in going on.
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
        edges = data.graph[RATES].edge_index.to(device)
        positives = PositiveLists.from_edges(edges, data.num_users, data.num_movies)
        assert config.batch_size is not None
        self.batches = DataLoader(
            UserBatches(positives, config.batch_size, generator), batch_size=None
        )
        self.objective = OBJECTIVES[config.loss](config, positives, generator)
        rate = config.learning_rate
        self.optimizer = torch.optim.Adam(self.tower.parameters(), lr=rate, fused=True)
        self.history: list[Epoch] = []
        self.stopped, self.done, self.has_ended = "", 0, False
        self._best: Epoch | None = None
        self._best_state: dict[str, Tensor] = {}
        self._generator, self._kept = generator, 0
        self._checkpoint: Checkpoint | None = None
        self._name = ""

    @property
    def best(self) -> Epoch:
        """The best validation."""
        assert self._best is not None
        return self._best

    def advance(self, validator: Validator, epochs: int) -> None:
        """Train on until validation no longer improves, or so many epochs are done in all.

        Raises:
            ConfigError: if the loss is no longer a number before there was any validation.
            KeyboardInterrupt: likewise, if interrupted.
        """
        if self.has_ended:
            return
        began = time.perf_counter() - (self.history[-1].seconds if self.history else 0.0)
        patience, every = self.config.patience, self.config.validate_every
        assert patience is not None
        assert every is not None
        if not validator.can_score:
            epochs = min(epochs, EPOCHS_WITHOUT_VALIDATION)
        self.stopped = f"all {epochs} epochs are done" if epochs > 1 else "the one epoch is done"
        try:
            for number in range(self.done + 1, epochs + 1):
                loss = self.train_epoch(number)
                self.done = number
                if not math.isfinite(loss) and self._best is not None:
                    self.stopped = f"the loss was no longer a number in epoch {number}"
                    self.has_ended = True
                    break
                if number % every == 0 or number == epochs:
                    self.validate(number, loss, began, validator)
                    self.callbacks.on_epoch(self.history[-1])
                    if (waited := number - self.best.number) >= patience:
                        self.stopped = f"validation did not improve for {waited} epochs"
                        self.has_ended = True
                        break
                self._keep()
            self._keep(at_once=True)
        except KeyboardInterrupt:
            if self._best is None:
                raise
            self.stopped = INTERRUPTED

    def train_for(self, epochs: int) -> None:
        """Train on without validation until so many epochs are done in all.

        Raises:
            ConfigError: if the loss is no longer a number.
        """
        began = time.perf_counter() - (self.history[-1].seconds if self.history else 0.0)
        popularity = self.config.popularity_weights[0]
        for number in range(self.done + 1, epochs + 1):
            loss, self.done = self.train_epoch(number), number
            seconds = time.perf_counter() - began
            self.history.append(Epoch(number, loss, math.nan, popularity, seconds, is_best=True))
            self._keep()
        self._keep(at_once=True)

    def keep_in(self, checkpoint: Checkpoint | None, name: str) -> None:
        """Keep the state in a checkpoint from now on, and go on from what it has of this run.

        Args:
            checkpoint: None to keep nothing.
            name: of the run.

        Raises:
            OutputError: if what it has is damaged.
        """
        self._checkpoint, self._name = checkpoint, name
        if checkpoint is None or (found := checkpoint.load(name)) is None:
            return
        try:
            self._take_up(*found)
        except (KeyError, IndexError, ValueError, TypeError, AttributeError, RuntimeError) as error:
            raise checkpoint.damaged(name) from error

    def _take_up(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Go on from a state that `_keep` wrote."""
        device = self.tower.users.weight.device

        def of(group: str) -> dict[str, Tensor]:
            start = f"{group}."
            return {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}

        self.tower.load_state_dict(of("tower"))
        load_optimizer(self.optimizer, of("optimizer"))
        self._generator.set_state(tensors["generator"])
        self.history = [Epoch(**epoch) for epoch in facts["history"]]
        self.done, self.has_ended = facts["done"], facts["has_ended"]
        self.stopped, self._kept = facts["stopped"], self.done
        if facts["best"] is not None:
            self._best = self.history[facts["best"]]
            self._best_state = {name: value.to(device) for name, value in of("best").items()}

    def _keep(self, *, at_once: bool = False) -> None:
        """Write the state if it is due, or `at_once`; not twice the same."""
        if self._checkpoint is None or self._kept == self.done:
            return
        if not (at_once or self._checkpoint.is_due):
            return
        groups = {
            "tower": self.tower.state_dict(),
            "optimizer": optimizer_tensors(self.optimizer),
            "best": self._best_state,
        }
        tensors = {f"{group}.{k}": v for group, own in groups.items() for k, v in own.items()}
        tensors["generator"] = self._generator.get_state()
        facts = {
            "history": [asdict(epoch) for epoch in self.history],
            "done": self.done,
            "has_ended": self.has_ended,
            "stopped": self.stopped,
            "best": None if self._best is None else self.history.index(self._best),
        }
        self._checkpoint.save(self._name, tensors, facts)
        self._kept = self.done

    def restore(self) -> None:
        """The tower as it was at its best."""
        self.tower.load_state_dict(self._best_state, strict=True)

    def train_epoch(self, number: int) -> float:
        """One pass over all users; the mean loss over their interactions.

        Raises:
            ConfigError: if the loss is no longer a number and there is no earlier epoch to keep.
        """
        summed, seen = 0.0, 0
        for done, batch in enumerate(self.batches, start=1):
            loss = self.step(batch)
            seen += batch.total
            summed += loss * batch.total
            self.callbacks.on_batch(number, done, len(self.batches), summed / seen)
        if not math.isfinite(summed) and self._best is None:
            raise ConfigError(
                f"the loss is no longer a number in epoch {number}; try a lower ",
                argument("learning_rate"),
                " or a higher ",
                argument("temperature"),
                ".",
            )
        return summed / seen

    def step(self, batch: UserBatch) -> float:
        """One step of the optimizer; the mean loss over the batch's interactions.

        Over several processes it is the sum of their losses, each by its part of these.
        """
        self.optimizer.zero_grad(set_to_none=True)
        sampled = self.objective.sample(batch)
        if self.sampler is None:
            users, movies = self.tower(self.adjacency)
        else:
            wanted = torch.cat([batch.movie, sampled.movie]).unique()
            users, movies = self.tower.forward_sampled(self.sampler, batch.users, wanted)
        loss: Tensor = self.objective(users, movies, batch, sampled)
        if is_shared():
            count = self.objective.count(batch, sampled)
            loss = loss * (count / max(total(count), 1))
        loss.backward()
        self._add_up_gradients()
        self.optimizer.step()
        return all_sum(loss).item()

    def _add_up_gradients(self) -> None:
        """Those of all that each process has; users are one's own."""
        if not is_shared():
            return
        for parameter in self.tower.parameters():
            if parameter is not self.tower.users.weight:
                own = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
                parameter.grad = all_sum(own)

    def validate(self, number: int, loss: float, began: float, validator: Validator) -> None:
        """Measure, and remember the best.

        All popularity weights are tried at first, then the last best and those beside it: each
        costs a ranking.
        """
        weights = self.config.popularity_weights
        if self.history:
            index = weights.index(self.history[-1].popularity)
            weights = weights[max(index - 1, 0) : index + 2]
        valid, popularity = math.nan, weights[0]
        if validator.can_score:
            vectors = LearnedVectors.from_tower(self.tower, self.adjacency, self.data.history)
            by_id = self.part is NodeState.ID
            log_degree = self.data.log_degree if by_id else self.data.predicted_log_degree
            model = HybridModel(
                {self.part.value: vectors},
                Spectral.empty(self.data.num_movies),
                features=torch.zeros(self.data.num_movies, 0),
                degree=torch.from_numpy(self.data.degree),
                log_degree=torch.from_numpy(log_degree),
                blend=Blend(popularity=1.0),
                cosine=self.config.cosine,
            )
            scorer = ModelScorer(model, validator.history)

            def score(users: np.ndarray) -> Iterator[Tensor]:
                blocks = scorer.score_blocks(users, {self.part.value, POPULARITY})
                own, added = blocks[self.part.value], blocks[POPULARITY]
                return (own + weight * added for weight in weights)

            ndcgs = validator.ndcgs(score, QUICK_USERS)
            valid, popularity = float(ndcgs.max()), weights[int(ndcgs.argmax())]
        is_best = self._best is None or math.isnan(valid) or valid > self._best.valid
        seconds = time.perf_counter() - began
        epoch = Epoch(number, loss, valid, popularity, seconds, is_best)
        self.history.append(epoch)
        if is_best:
            state = self.tower.state_dict()
            self._best, self._best_state = epoch, {name: t.clone() for name, t in state.items()}


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


def check_settings(
    dataset: Dataset, model_config: ModelConfig, config: TrainConfig, ignore: Collection[str]
) -> None:
    """Fail if settings don't go together, or with the data.

    Raises:
        ConfigError: saying which.
    """
    check_together(model_config, config)
    columns = [str(name) for name in dataset.metadata.columns]
    for name in ignore:
        if name not in columns:
            raise ConfigError(
                Argument("ignore_columns", "--ignore-column"),
                f": there is no column {name!r}; the movies have {', '.join(columns) or 'none'}.",
            )
    if model_config.node_state is NodeState.METADATA and not set(columns) - set(ignore):
        raise ConfigError(
            argument("node_state", NodeState.METADATA),
            " needs metadata, and the movies have no columns.",
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
        raise ConfigError(argument("device", name), f" can't be used here: {first}.") from error
    return device
