"""Training by several processes, each with some of the users: `fit` over a process group."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import numpy as np
import torch.distributed as dist
from torch import nn

from graphrec import processes
from graphrec.config import Layers, ModelConfig, TrainConfig
from graphrec.data.dataset import Dataset
from graphrec.data.ids import IdMap
from graphrec.data.split import Split
from graphrec.errors import ConfigError, argument
from graphrec.train.trainer import Callbacks, Fitted, fit


def fit_shared(
    dataset: Dataset,
    split: Split,
    model_config: ModelConfig,
    config: TrainConfig,
    *,
    ignore: tuple[str, ...] = (),
    callbacks: Callbacks | None = None,
) -> Fitted | None:
    """What `fit` makes, by all processes of torch.distributed's group together.

    Each trains on its own users and all movies; the model is the same but for rounding.

    Args:
        dataset, split: the same on all processes.
        model_config, config, ignore, callbacks: as for `fit`.

    Returns:
        The whole model on the first process, None on the others.

    Raises:
        ConfigError: if something doesn't go with several processes, or differs between them.
    """
    check_shared(model_config, config)
    _check_alike(dataset, split, model_config, config, ignore)
    bounds = _bounds(dataset, dist.get_world_size())
    own = slice(*bounds[dist.get_rank() : dist.get_rank() + 2])
    with processes.users_shared():
        parts = of_users(dataset, split, own)
        on_cpu = replace(config, device="cpu")
        fitted = fit(*parts, model_config, on_cpu, ignore=ignore, callbacks=callbacks)
        users = {name: processes.all_rows(part.user) for name, part in _learned(fitted)}
        weights = {
            name: processes.all_rows(part.tower.users.weight) for name, part in fitted.parts.items()
        }
    if dist.get_rank() > 0:
        return None
    for name, part in _learned(fitted):
        part.user = users[name]
        fitted.parts[name].tower.users.weight = nn.Parameter(weights[name])
    return replace(fitted, history=dataset.interactions.to_csr(split.shown))


def check_shared(model_config: ModelConfig, config: TrainConfig) -> None:
    """Fail if a setting doesn't go with several processes.

    Raises:
        ConfigError: saying which.
    """
    few = " doesn't go with several processes."
    if config.num_neighbors:
        raise ConfigError(argument("num_neighbors", config.num_neighbors), few)
    if model_config.layers is Layers.GAT:
        raise ConfigError(argument("layers", model_config.layers), few)
    if config.device not in {"auto", "cpu"}:
        raise ConfigError(argument("device", config.device), few)


def of_users(dataset: Dataset, split: Split, users: slice) -> tuple[Dataset, Split]:
    """A data set and its split with some users alone, a range of the internal ones."""
    edges = dataset.interactions
    mine = (edges.user >= users.start) & (edges.user < users.stop)
    new = np.cumsum(mine) - 1  # the rows' new numbers
    own = edges.only(np.flatnonzero(mine))
    ids = IdMap(edges.users.index[users], edges.users.noun)
    own = replace(own, users=ids, user=own.user - np.int32(users.start))
    names = ("train", "valid", "test", "valid_history", "test_history")
    rows = {name: new[every[mine[every]]] for name in names for every in [getattr(split, name)]}
    return replace(dataset, interactions=own, given_test=None), replace(split, **rows)


def _learned(fitted: Fitted) -> list[tuple[str, Any]]:
    return list(fitted.model.learned.items())


def _bounds(dataset: Dataset, number: int) -> list[int]:
    """Where each process's users begin and end, so that all have about as many interactions."""
    ends = np.cumsum(dataset.interactions.user_degree())
    wanted = np.linspace(0, ends[-1], number + 1)[1:-1]
    inner = np.searchsorted(ends, wanted, side="right")
    return [0, *map(int, inner), len(ends)]


def _check_alike(*given: Any) -> None:
    """Fail on all processes if what they were given differs.

    Raises:
        ConfigError: saying on which.
    """
    import graphrec

    dataset, split, *settings = given
    parts = b"".join(map(np.ndarray.tobytes, (split.train, split.valid, split.test)))
    rows = hashlib.sha256(parts)
    mine = graphrec.__version__, dataset.fingerprint(), rows.hexdigest(), *map(repr, settings)
    found: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(found, mine)
    names = ("another version", "other tables", "another split", *["other settings"] * 3)
    for rank, other in enumerate(found):
        for name, one, first in zip(names, other, found[0], strict=True):
            if one != first:
                raise ConfigError(f"process {rank} has {name} than the first process.")
