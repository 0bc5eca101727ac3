"""Training that goes on from an earlier model: new ids are added, what was learned is kept."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
import torch
from torch import Tensor

from graphrec.config import ModelConfig, NodeState, TrainConfig
from graphrec.data.dataset import Dataset
from graphrec.data.ids import IdMap
from graphrec.data.interactions import Interactions
from graphrec.data.split import Split
from graphrec.errors import ConfigError, argument
from graphrec.formatting import counted
from graphrec.nn.hybrid import Blend, LearnedVectors, ridge_regression
from graphrec.nn.paths import PathsSettings
from graphrec.nn.spectral import SpectralSettings
from graphrec.nn.towers import IdEmbedding, Tower
from graphrec.train.checkpoint import Checkpoint
from graphrec.train.closed_form import ClosedForm
from graphrec.train.data import TrainingData
from graphrec.train.quality import Quality
from graphrec.train.trainer import (
    Callbacks,
    Fitted,
    TrainedPart,
    Trainer,
    check_settings,
    combine,
    find_device,
    suitable_threads,
)

EPOCHS_PER_CHANGE = 2.5
"""Where a tenth of the interactions is new, so many tenths of the chosen epochs are trained."""
OWN_SETTINGS = ("learning_rate", "batch_size", "epochs", "seed", "device")
"""Settings that may differ from the earlier model's; all others are bound to what it learned."""


@dataclass(frozen=True, slots=True, eq=False)
class EarlierPart:
    """A trained tower of the earlier model.

    Attributes:
        state: the tower's ``state_dict``.
        temperature: that validation chose.
        chosen_epochs: that validation chose, in the full training that it goes back to.
    """

    state: Mapping[str, Tensor] = field(repr=False)
    temperature: float | None
    chosen_epochs: int


@dataclass(frozen=True, slots=True, eq=False)
class EarlierModel:
    """What is taken from the earlier model.

    Attributes:
        interactions: those that it was trained on, by its own rows.
        feature_names: what each row of the metadata tower's map stands for.
        model_config, train_config: its settings, the latter as they were given.
        ignored: metadata columns that it leaves out.
        parts: the trained towers by name.
        blend: the weights that validation chose.
        spectral, paths: settings of the parts in closed form; None for no such part.
        digest: by which it is known again.
    """

    interactions: Interactions = field(repr=False)
    feature_names: tuple[str, ...] = field(repr=False)
    model_config: ModelConfig
    train_config: TrainConfig
    ignored: tuple[str, ...]
    parts: Mapping[str, EarlierPart]
    blend: Blend
    spectral: SpectralSettings | None
    paths: PathsSettings | None
    digest: str


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """Rows of new data beside those of the earlier model.

    Attributes:
        user, movie: the earlier row of each user and each movie now, -1 for new ones and for those
            that had no interactions, whose embeddings by ID were never trained, int64 [U], [M].
        known: interactions now that the earlier model was trained on, bool [E].
        added, gone: interactions that training now has and the earlier model did not have, and
            those that it had and that are no longer there.
        total: interactions that are trained on now.
    """

    user: np.ndarray
    movie: np.ndarray
    known: np.ndarray
    added: int
    gone: int
    total: int

    @classmethod
    def of(cls, now: Interactions, rows: np.ndarray, earlier: Interactions) -> Matched:
        """Match by id.

        Args:
            now: all interactions.
            rows: those of them that are trained on.
            earlier: that the earlier model was trained on.
        """
        user = _rows(now.users, earlier.users, earlier.user_degree())
        movie = _rows(now.movies, earlier.movies, earlier.movie_degree())
        width = earlier.num_movies
        keys = user[now.user] * width + movie[now.movie]
        is_old = (user[now.user] >= 0) & (movie[now.movie] >= 0)
        earlier_keys = earlier.user.astype(np.int64) * width + earlier.movie
        known = is_old & np.isin(keys, earlier_keys)
        kept = int(known[rows].sum())
        return cls(user, movie, known, len(rows) - kept, len(earlier) - kept, len(rows))

    @property
    def changed(self) -> float:
        """Interactions that were added or are gone, as a fraction of all, 1 at most."""
        return min(1.0, (self.added + self.gone) / max(1, self.total))

    def in_words(self) -> str:
        """What changed, for people."""
        return f"{counted(self.added, 'interaction')} new, {self.gone:,} gone"

    def epochs(self, chosen: int) -> int:
        """Epochs to train for, where validation chose so many for the full training.

        They grow with what has changed, so that a model that is continued every night has about as
        many epochs as one that is continued once a month. (It takes longer all the same: the parts
        in closed form are made anew each time.)
        """
        return max(1, min(chosen, math.ceil(chosen * EPOCHS_PER_CHANGE * self.changed)))


def _rows(now: IdMap, earlier: IdMap, degree: np.ndarray) -> np.ndarray:
    """The earlier row of each id; numbers in one and text in the other are compared as text."""
    ids, others = now.index, earlier.index
    if (ids.dtype.kind in "iu") != (others.dtype.kind in "iu"):
        ids, others = pd.Index(ids.astype(str)), pd.Index(others.astype(str))
    rows = others.get_indexer(ids).astype(np.int64)
    return np.where((rows >= 0) & (degree[rows] > 0), rows, -1)


def settings_of(
    earlier: EarlierModel,
    model_config: ModelConfig,
    config: TrainConfig,
    typed: Collection[str] = (),
) -> TrainConfig:
    """The earlier model's settings of the training, with those that were given instead.

    Args:
        earlier: the model that is continued.
        model_config, config: as they were given; a default stands for what the model has.
        typed: names of settings that count although they may be the defaults.

    Raises:
        ConfigError: if one is given that can't be changed any more.
    """
    changes: dict[str, Any] = {}
    for given, own in ((model_config, earlier.model_config), (config, earlier.train_config)):
        for one in fields(given):
            value, had = getattr(given, one.name), getattr(own, one.name)
            if value == had or (value == one.default and one.name not in typed):
                continue
            if one.name not in OWN_SETTINGS:
                raise ConfigError(
                    argument(one.name, value),
                    f" can't be changed: the model that is continued has {had!s}; leave it out, or"
                    " train anew.",
                )
            changes[one.name] = value
    return replace(earlier.train_config, **changes)


def continue_fit(
    dataset: Dataset,
    split: Split,
    earlier: EarlierModel,
    config: TrainConfig | None = None,
    *,
    ignore: tuple[str, ...] = (),
    callbacks: Callbacks | None = None,
    checkpoint: Checkpoint | None = None,
) -> Fitted:
    """Train on from an earlier model.

    What validation chose for the earlier model stays: temperatures, the settings of the parts in
    closed form, the blend. So nothing is held out for it, and all rows outside the test part are
    trained on. Embeddings start from the earlier ones and are trained for as many epochs as there
    is change (`Matched.epochs`); the parts in closed form are made anew.

    Args:
        dataset: all data, old and new.
        split: `split.test` is not looked at; it may hold nothing that the earlier model has seen.
        earlier: what is taken over.
        config: settings of the training; those of the earlier model where None.
        ignore: metadata columns to leave out; those of the earlier model if none are given.
        callbacks: what is called meanwhile.
        checkpoint: where states are kept, and read if they are there already.

    Raises:
        ConfigError: if the earlier model has seen rows of the test part, shares no id with the
            data, or a setting can't work with this data.
        KeyboardInterrupt: if stopped.
    """
    began = time.perf_counter()
    model_config, given = earlier.model_config, config or earlier.train_config
    config = given.for_users(dataset.interactions.num_users)
    config = replace(config, device=str(find_device(config.device)))
    callbacks, ignore = callbacks or Callbacks(), dataset.metadata_names(ignore)
    ignore = ignore or tuple(name for name in earlier.ignored if name in dataset.metadata)
    check_settings(dataset, model_config, config, ignore)
    matched = Matched.of(dataset.interactions, split.known, earlier.interactions)
    _check(matched, split)
    data = TrainingData.from_rows(dataset, split.known, history=split.test_history, ignore=ignore)
    run = _Continuing(earlier, matched, data, config, callbacks, checkpoint)
    parts = [
        run.train(NodeState(name))
        for name in earlier.parts
        if name == NodeState.ID or data.features.shape[1]
    ]
    callbacks.on_stage("closed-form parts", None)
    closed = replace(
        ClosedForm.empty(data.num_movies),
        spectral_settings=earlier.spectral,
        paths_settings=earlier.paths,
    ).fit(data.matrix, config.seed)
    model = combine(
        parts,
        closed,
        data,
        compare=model_config.spectral,
        blend=earlier.blend,
        cosine=config.cosine,
    )
    return Fitted(
        model=model,
        history=data.full_history,
        encoder=data.encoder,
        model_config=model_config,
        train_config=config,
        given_config=given,
        ignored=ignore,
        closed_form=closed,
        parts={part.name: part for part in parts},
        valid=math.nan,
        quality=Quality(),
        stopped=parts[0].stopped if parts else "there are no embeddings to train",
        seconds=time.perf_counter() - began,
        change=matched.in_words(),
    )


def _check(matched: Matched, split: Split) -> None:
    if (seen := int(matched.known[split.test].sum())) > 0:
        raise ConfigError(
            f"the earlier model was trained on {seen:,} of the {len(split.test):,} interactions of"
            " the test part, so nothing could be measured by it; hold out what is new, or nothing."
        )
    if not ((matched.user >= 0).any() and (matched.movie >= 0).any()):
        raise ConfigError(
            "no user, or no movie, of the earlier model is in these tables; train without it."
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Continuing:
    """What every part is trained on from, and with."""

    earlier: EarlierModel
    matched: Matched
    data: TrainingData
    config: TrainConfig
    callbacks: Callbacks
    checkpoint: Checkpoint | None

    def train(self, part: NodeState) -> TrainedPart:
        """One tower, trained on."""
        began, own, data = time.perf_counter(), self.earlier.parts[part.value], self.data
        model_config = self.earlier.model_config
        config = replace(self.config, temperature=own.temperature)
        epochs = min(config.epochs, self.matched.epochs(own.chosen_epochs))
        with suitable_threads((data.num_users + data.num_movies) * model_config.embedding_dim):
            run = Trainer(part, data, model_config, config, self.callbacks)
            start_from(run.tower, own.state, self.earlier.feature_names, self.matched, data)
            self.callbacks.on_stage(f"{part} embeddings, on all ratings", epochs)
            run.keep_in(self.checkpoint, f"{part}-continued")
            run.train_for(epochs)
            vectors = LearnedVectors.from_tower(run.tower, data.adjacency, data.history)
        return TrainedPart(
            part=part,
            config=config,
            on_train=vectors,
            final=vectors,
            tower=run.tower.cpu(),
            history=tuple(run.history),
            best=run.history[-1],
            chosen_epochs=own.chosen_epochs,
            stopped=f"{counted(epochs, 'epoch')} for {self.matched.in_words()}",
            seconds=time.perf_counter() - began,
        )


@torch.no_grad()
def start_from(
    tower: Tower,
    state: Mapping[str, Tensor],
    feature_names: tuple[str, ...],
    matched: Matched,
    data: TrainingData,
) -> None:
    """Give a new tower the values of an earlier one, row by row.

    New users start where a ridge regression of the earlier users' embeddings on their movies puts
    them, new movies by ID likewise by their users. New features, and movies without interactions,
    start at random as in any training.

    Args:
        tower: new.
        state: ``state_dict`` of the earlier one.
        feature_names: of the earlier one.
        matched: the rows of both.
        data: what it is going to be trained on.
    """
    layers = {n.removeprefix("layers."): v for n, v in state.items() if n.startswith("layers.")}
    tower.layers.load_state_dict(layers)
    users = tower.users.weight
    _copy(users, state["users.weight"], matched.user)
    by_user = data.matrix
    if isinstance(tower.movies, IdEmbedding):
        movies = tower.movies.weight
        _copy(movies, state["movies.weight"], matched.movie)
        known = _predict(users, movies, by_user, matched.user, matched.movie >= 0)
        _predict(movies, users, by_user.T.tocsr(), matched.movie, known)
    else:
        place = {name: row for row, name in enumerate(feature_names)}  # two may have one name
        own = np.array([place.get(name, -1) for name in data.encoder.feature_names], np.int64)
        _copy(tower.movies.weight, state["movies.weight"], own)
        known = np.ones(data.num_movies, bool)  # by their features
        _predict(users, tower.movies(tower.features), by_user, matched.user, known)


def _copy(weight: Tensor, earlier: Tensor, rows: np.ndarray) -> None:
    kept = torch.from_numpy(np.flatnonzero(rows >= 0))
    weight[kept] = earlier[torch.from_numpy(rows)[kept]].to(weight.device)


def _predict(
    weight: Tensor, others: Tensor, edges: sp.csr_array, rows: np.ndarray, known: np.ndarray
) -> np.ndarray:
    """Rows of `weight` that are new, from those that aren't, by the mean of what they rate.

    Args:
        weight: one row for each row of `edges`.
        others: one row for each column of `edges`.
        edges: interactions.
        rows: the earlier row of each, -1 for new ones.
        known: which of the others count, bool; the rest start at random, so they tell nothing.

    Returns:
        Which rows of `weight` are known now, bool.
    """
    others, edges = others[torch.from_numpy(np.flatnonzero(known))], edges[:, known]
    degree = np.diff(edges.indptr)
    new, old = (np.flatnonzero((degree > 0) & own) for own in (rows < 0, rows >= 0))
    if not (len(new) and len(old)):
        return rows >= 0
    total = np.sqrt(np.maximum(degree, 1))[:, None]
    inputs = np.asarray(edges @ others.cpu().numpy()).astype(np.float64) / total
    target = weight[torch.from_numpy(old)].cpu().double().numpy()
    solved = ridge_regression(inputs[old], target)
    predicted = torch.from_numpy((inputs[new] @ solved).astype(np.float32))
    weight[torch.from_numpy(new)] = predicted.to(weight.device)
    return (rows >= 0) | (degree > 0)
