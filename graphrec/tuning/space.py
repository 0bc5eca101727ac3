"""What a search may change: the settings that declare where to look, see `graphrec.config`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

from graphrec.config import Loss, ModelConfig, NodeState, Search, TrainConfig, check_together
from graphrec.errors import ConfigError, argument

if TYPE_CHECKING:
    from optuna import Trial

_OF_SOFTMAX = ("negatives", "num_negatives", "temperature", "logq_correction")
_OF_TRAINING = ("embedding_dim", "num_layers", "init_std", "metadata_scale", "layers")


@dataclass(frozen=True, slots=True)
class Space:
    """The settings that are searched, and where a search begins.

    Attributes:
        model, training: where it begins; what isn't searched stays like this.
        searches: by name, each wide enough for the value that it begins with.
    """

    model: ModelConfig
    training: TrainConfig
    searches: dict[str, Search]

    @classmethod
    def of(
        cls,
        model: ModelConfig,
        training: TrainConfig,
        names: Sequence[str] | None = None,
        *,
        has_metadata: bool = True,
        num_users: int | None = None,
    ) -> Space:
        """That of some settings.

        Args:
            model, training: where the search begins.
            names: of the settings to search; by default all that are searched by default and have
                an effect.
            has_metadata: whether the movies have any.
            num_users: batches of more users than there are aren't tried.

        Raises:
            ConfigError: if a setting isn't there or isn't searched, or there would be none.
        """
        declared = {one.name: one for config in (model, training) for one in fields(config)}
        known = [name for name, one in declared.items() if one.metadata["search"] is not None]
        if names:
            for name in names:
                if name not in known:
                    raise ConfigError(
                        argument("search", name), f": one can search {', '.join(known)}."
                    )
            chosen = list(dict.fromkeys(names))
        else:
            idle = _without_effect(model, training, has_metadata)
            chosen = [n for n in known if declared[n].metadata["search"].by_default]
            chosen = [name for name in chosen if name not in idle]
        if not chosen:
            raise ConfigError(
                "with ",
                argument("node_state", NodeState.NONE),
                " nothing is trained, so there is nothing to search.",
            )
        space = cls(model, training, {})
        begin = space.values(chosen)
        searches = {name: declared[name].metadata["search"] for name in chosen}
        if "batch_size" in searches and num_users is not None:
            sizes = [c for c in searches["batch_size"].choices if c is None or c < num_users]
            searches["batch_size"] = replace(searches["batch_size"], choices=tuple(sizes))
        return replace(space, searches={n: _widened(searches[n], begin[n]) for n in chosen})

    def values(self, names: Sequence[str] | None = None) -> dict[str, Any]:
        """The values that the search begins with, as Optuna keeps them."""
        return values_of(self.model, self.training, self.searches if names is None else names)

    def configs(self, values: dict[str, Any]) -> tuple[ModelConfig, TrainConfig]:
        """The settings with other values of what is searched.

        Raises:
            ConfigError: if they don't go together.
        """
        own = {one.name for one in fields(ModelConfig)}
        model = replace(self.model, **{n: v for n, v in values.items() if n in own})
        training = replace(self.training, **{n: v for n, v in values.items() if n not in own})
        check_together(model, training)
        return model, training

    def suggest(self, trial: Trial) -> dict[str, Any]:
        """The values that a trial is to try."""
        return {name: self._suggest(trial, name, one) for name, one in self.searches.items()}

    def _suggest(self, trial: Trial, name: str, search: Search) -> Any:
        if search.choices:
            return trial.suggest_categorical(name, search.choices)
        if _is_whole(name):
            low, high = int(search.low), int(search.high)
            return trial.suggest_int(name, low, high, log=search.log)
        return trial.suggest_float(name, search.low, search.high, log=search.log)


def values_of(model: ModelConfig, training: TrainConfig, names: Iterable[str]) -> dict[str, Any]:
    """Values of some settings by name, enum members as their values."""
    found = {name: getattr(model, name, getattr(training, name, None)) for name in names}
    return {n: value.value if isinstance(value, Enum) else value for n, value in found.items()}


def _is_whole(name: str) -> bool:
    types = {one.name: str(one.type) for c in (ModelConfig, TrainConfig) for one in fields(c)}
    return types[name].startswith("int")


def _widened(search: Search, begin: Any) -> Search:
    """Where to look for a setting; the value that it has must be in there."""
    if search.choices:
        choices = tuple(c.value if isinstance(c, Enum) else c for c in search.choices)
        return replace(search, choices=choices if begin in choices else (begin, *choices))
    return replace(search, low=min(search.low, begin), high=max(search.high, begin))


def _without_effect(model: ModelConfig, training: TrainConfig, has_metadata: bool) -> set[str]:
    """Settings that change nothing beside the others."""
    idle: set[str] = set()
    if training.loss is not Loss.SOFTMAX:
        idle |= {*_OF_SOFTMAX}
    if training.num_neighbors:
        idle |= {"num_layers", "layers"}
    if model.node_state is NodeState.ID or not has_metadata:
        idle |= {"metadata_scale"}
    if model.node_state is NodeState.NONE:
        idle |= {*_OF_TRAINING, *(one.name for one in fields(TrainConfig))}
    return idle
