"""Every setting that can be chosen: enums, and the two dataclasses that declare each one once.

The command line's options, the checks and the manifest of a saved model all come from the fields
of `ModelConfig` and `TrainConfig`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from numbers import Integral, Real
from typing import Any, TypeVar

from graphrec.errors import ConfigError, argument

Choice = TypeVar("Choice", bound=StrEnum)

COLD_FRACTION = 0.15
"""Fraction of the rated movies that a cold-movies split holds out entirely."""
HALF_TRUST = 10.0
"""Kappa of `graphrec.nn.hybrid`: so many interactions make a movie count half in a new user."""


def choice(kind: type[Choice], value: str, name: str) -> Choice:
    """The member of an enum that `value` names, be it a member already or a plain string.

    Raises:
        ConfigError: listing the members if there is no such one.

    >>> choice(Loss, "bpr", "loss")
    <Loss.BPR: 'bpr'>
    """
    try:
        return kind(value)
    except ValueError:
        raise ConfigError(
            argument(name), f" is {value!r}; it must be one of {', '.join(kind)}."
        ) from None


class Baseline(StrEnum):
    """What `graphrec evaluate` shows beside graphrec."""

    POPULARITY = "popularity"
    ITEM_KNN = "item-knn"
    RP3BETA = "rp3beta"
    EASE = "ease"
    ALS = "als"
    METADATA_KNN = "metadata-knn"


class SplitKind(StrEnum):
    """How interactions are held out for the test.

    ``random``: a fifth of each user's interactions. ``temporal``: the last fifth of all by time.
    ``leave-last-out``: each user's last one. ``cold-movies``: every interaction of some movies, and
    a fifth of each user's others. ``new-users``: a fifth of the interactions of some users, whose
    others are their history; the model is not trained on any of them (strong generalisation, as
    Mult-VAE and EASE report). ``given``: the data set's own test part. ``none``: nothing is held
    out, for the model that is put to use.
    """

    RANDOM = "random"
    TEMPORAL = "temporal"
    LEAVE_LAST_OUT = "leave-last-out"
    COLD_MOVIES = "cold-movies"
    NEW_USERS = "new-users"
    GIVEN = "given"
    NONE = "none"


class ValidationKind(StrEnum):
    """Which of each user's interactions validation holds out, where the split doesn't say.

    ``random``: a tenth at random. ``latest``: the latest tenth. ``neighbourhoods``: a fifth, namely
    one at random and those with the movies most like it.
    """

    RANDOM = "random"
    LATEST = "latest"
    NEIGHBOURHOODS = "neighbourhoods"


class NodeState(StrEnum):
    """Which embeddings a movie has: one learned by ID, one learned from its metadata, or both.

    With ``none`` the model consists of its closed-form parts alone.
    """

    ID_METADATA = "id+metadata"
    ID = "id"
    METADATA = "metadata"
    NONE = "none"

    @property
    def parts(self) -> tuple[NodeState, ...]:
        """The single parts, each of which is trained on its own."""
        if self is NodeState.NONE:
            return ()
        both = (NodeState.ID, NodeState.METADATA)
        return both if self is NodeState.ID_METADATA else (self,)


class Layers(StrEnum):
    """What propagates embeddings over the graph, see `graphrec.nn.propagation`."""

    LIGHTGCN = "lightgcn"
    SAGE = "sage"
    GAT = "gat"


class Loss(StrEnum):
    """What is minimised: sampled softmax on cosines, or BPR on inner products."""

    SOFTMAX = "softmax"
    BPR = "bpr"


class Negatives(StrEnum):
    """Where softmax negatives come from: the batch's own movies, or all movies alike."""

    IN_BATCH = "in-batch"
    SAMPLED = "sampled"


class Scoring(StrEnum):
    """How the learned embeddings of a user and a movie make a score."""

    DOT = "dot"
    COSINE = "cosine"


class Similarity(StrEnum):
    """What movies are compared by.

    ``collaborative``: who rates them. ``metadata``: the embeddings learned from their metadata.
    ``both``: a blend of the two and of their titles' words. ``features``: the metadata as plain
    numbers, with nothing learned. ``all``: each of these, side by side.
    """

    BOTH = "both"
    COLLABORATIVE = "collaborative"
    METADATA = "metadata"
    FEATURES = "features"
    ALL = "all"


class Part(StrEnum):
    """Which of a movie's embeddings: by ID (collaborative), from metadata, or both side by side."""

    BOTH = "both"
    COLLABORATIVE = "collaborative"
    METADATA = "metadata"


class ExportPart(StrEnum):
    """Which vectors are exported: those of a `Part`, or those the model ranks by.

    ``collaborative``, ``metadata``, ``both``: as `Part`, so inner products are cosines or the mean
    of two. ``scores``: vectors whose inner products of users and movies are the model's scores.
    """

    BOTH = "both"
    COLLABORATIVE = "collaborative"
    METADATA = "metadata"
    SCORES = "scores"


class Projection(StrEnum):
    """What makes a plane of embeddings: principal components, or UMAP, which keeps neighbors."""

    PCA = "pca"
    UMAP = "umap"


class Track(StrEnum):
    """Where a run of training is kept: MLflow, TensorBoard's event files, or CSV and JSON."""

    MLFLOW = "mlflow"
    TENSORBOARD = "tensorboard"
    CSV = "csv"


TEMPERATURES = (0.2, 0.12, 0.3)
"""Temperatures of the softmax loss that validation chooses from, the first without validation."""
DEFAULT_TEMPERATURE = TEMPERATURES[0]
TRIAL_STEPS = 200
"""Steps after which one of several temperatures is chosen."""


@dataclass(frozen=True, slots=True)
class Search:
    """Where `graphrec tune` looks for a setting: from `low` to `high`, or among `choices`.

    Attributes:
        low, high: bounds of a number, both included.
        log: whether its logarithm is uniform, not the number itself.
        choices: the only values; None stands for what is done where none is given.
        by_default: whether it is searched unless others are asked for.
    """

    low: float = 0
    high: float = 0
    log: bool = False
    choices: tuple[Any, ...] = ()
    by_default: bool = True


def setting(
    default: Any,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    above: bool = False,
    search: Search | None = None,
) -> Any:
    """A field of a configuration.

    Args:
        default: the value where none is given.
        help: what the option says of itself, starting with a noun or a verb.
        low, high: bounds of a number; of each number of a tuple.
        above: whether `low` itself is too low.
        search: where `graphrec tune` looks for a better one; None if it doesn't.
    """
    bounds = {"low": low, "high": high, "above": above}
    return field(default=default, metadata={"help": help, **bounds, "search": search})


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """The model: what `graphrec.nn.HybridModel` is made of."""

    node_state: NodeState = setting(NodeState.ID_METADATA, "Embeddings of each movie.")
    embedding_dim: int = setting(
        64, "Columns of each learned embedding.", low=1, search=Search(16, 256, log=True)
    )
    layers: Layers = setting(
        Layers.LIGHTGCN,
        "Layers that propagate embeddings.",
        search=Search(choices=tuple(Layers), by_default=False),
    )
    num_layers: int = setting(
        1, "Number of layers; 0 is matrix factorisation.", low=0, high=4, search=Search(0, 3)
    )
    spectral: bool = setting(
        True,
        "Add a spectral part, in closed form, to the score.",
        search=Search(choices=(True, False), by_default=False),
    )
    spectral_dim: int = setting(
        2048, "Maximum number of singular vectors of the spectral part; validation chooses.", low=2
    )
    paths: bool = setting(
        True,
        "Add 3-hop paths over other users to the score, in closed form.",
        search=Search(choices=(True, False), by_default=False),
    )
    init_std: float = setting(
        0.01,
        "Standard deviation of the initial embeddings.",
        low=0,
        above=True,
        search=Search(1e-3, 0.3, log=True),
    )
    metadata_scale: float = setting(
        0.3,
        "Factor by which features are multiplied; the larger, the faster their map is learned.",
        low=0,
        above=True,
        search=Search(0.03, 3, log=True),
    )

    def __post_init__(self) -> None:
        _check(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """The training.

    Where ``batch_size``, ``validate_every`` and ``patience`` are None, `for_users` derives them
    from the number of users: a sixteenth of the users a step, and at least 64; a validation every
    100 steps; an end after 400 steps without a better one.
    """

    loss: Loss = setting(
        Loss.SOFTMAX, "Loss to minimise.", search=Search(choices=tuple(Loss), by_default=False)
    )
    negatives: Negatives = setting(
        Negatives.IN_BATCH,
        "Where negatives of the softmax loss come from.",
        search=Search(choices=tuple(Negatives)),
    )
    num_negatives: int = setting(
        2048,
        "Negatives of the softmax loss per batch.",
        low=1,
        search=Search(256, 8192, log=True),
    )
    temperature: float | None = setting(
        None,
        "Temperature of the softmax loss; by default validation chooses.",
        low=0,
        above=True,
        search=Search(choices=(None, 0.08, 0.12, 0.16, 0.2, 0.25, 0.3, 0.4)),
    )
    logq_correction: float = setting(
        0.5,
        "Strength of the logQ correction of in-batch negatives, from 0 (none) to 1 (full).",
        low=0,
        high=1,
        search=Search(0, 1),
    )
    learning_rate: float = setting(
        2e-3, "Learning rate of Adam.", low=0, above=True, search=Search(1e-4, 0.1, log=True)
    )
    batch_size: int | None = setting(
        None,
        "Users per step; by default a sixteenth of them, at least 64.",
        low=1,
        search=Search(choices=(None, 64, 128, 256, 512, 1024, 2048)),
    )
    epochs: int = setting(200, "Maximum number of passes over all users.", low=1)
    validate_every: int | None = setting(
        None, "Epochs between validations; by default as many as take 100 steps.", low=1
    )
    patience: int | None = setting(
        None,
        "Epochs without a better validation before training stops; by default as many as take 400"
        " steps.",
        low=1,
    )
    num_neighbors: tuple[int, ...] = setting(
        (),
        "Neighbors to sample in each layer of --layers sage, such as 15,10; -1 for all.",
        low=-1,
    )
    scoring: Scoring | None = setting(
        None,
        "How two embeddings make a score; by default cosine for softmax, dot for BPR.",
        search=Search(choices=(None, *Scoring), by_default=False),
    )
    seed: int = setting(0, "Seed of everything random.", low=0, high=2**32 - 1)
    device: str = setting(
        "auto", "Device as torch names it, such as cpu or cuda; auto is a GPU if there is one."
    )

    def __post_init__(self) -> None:
        _check(self)
        if any(count == 0 for count in self.num_neighbors):
            raise ConfigError(
                argument("num_neighbors", self.num_neighbors),
                " holds a 0; each number must be 1 or more, or -1 for all neighbors.",
            )

    @property
    def cosine(self) -> bool:
        """Whether learned embeddings are compared by cosine, which is what softmax trains."""
        if self.scoring is None:
            return self.loss is Loss.SOFTMAX
        return self.scoring is Scoring.COSINE

    @property
    def popularity_weights(self) -> tuple[float, ...]:
        """Candidates for one learned part's popularity weight, ascending.

        BPR learns popularity itself, as the lengths of its vectors, so it needs none.
        """
        fractions = (0.0, 0.25, 0.5, 0.75, 1.0) if self.cosine else (0.0,)
        return tuple(fraction * (self.temperature or DEFAULT_TEMPERATURE) for fraction in fractions)

    @property
    def candidates(self) -> tuple[TrainConfig, ...]:
        """The same with every temperature that validation chooses from; itself if one is given.

        A low temperature fits each user's own interactions, a high one the many: which is better
        depends on the data, and on how many interactions there are to learn from.
        """
        if self.temperature is not None:
            return (self,)
        tried = TEMPERATURES if self.loss is Loss.SOFTMAX else (DEFAULT_TEMPERATURE,)
        return tuple(replace(self, temperature=temperature) for temperature in tried)

    def for_users(self, num_users: int) -> TrainConfig:
        """The same with everything filled in that depends on the number of users."""
        batch_size = self.batch_size or max(64, -(-num_users // 16))
        steps = max(1, math.ceil(num_users / batch_size))
        return replace(
            self,
            batch_size=batch_size,
            validate_every=self.validate_every or math.ceil(100 / steps),
            patience=self.patience or math.ceil(400 / steps),
        )


def check_together(model: ModelConfig, training: TrainConfig) -> None:
    """Fail if settings of the model and of the training don't go together.

    Raises:
        ConfigError: saying which.
    """
    given = argument("num_neighbors", training.num_neighbors)
    if training.num_neighbors and model.layers is not Layers.SAGE:
        raise ConfigError(given, " needs ", argument("layers", Layers.SAGE), ".")
    if training.num_neighbors and len(training.num_neighbors) != model.num_layers:
        raise ConfigError(
            given,
            " doesn't go with ",
            argument("num_layers", model.num_layers),
            "; give one number for each layer.",
        )


_ENUMS: dict[str, type[StrEnum]] = {
    "node_state": NodeState,
    "layers": Layers,
    "loss": Loss,
    "negatives": Negatives,
    "scoring": Scoring,
}


def _check(config: ModelConfig | TrainConfig) -> None:
    """Turn names into enum members and refuse numbers out of bounds."""
    for one in fields(config):
        value, named = getattr(config, one.name), argument(one.name)
        low, high, above = (one.metadata[bound] for bound in ("low", "high", "above"))
        if value is None:
            continue
        kind = _ENUMS.get(one.name)
        if kind and not isinstance(value, kind):  # "bpr" for Loss.BPR, as a notebook would write it
            object.__setattr__(config, one.name, choice(kind, value, one.name))
        if low is None:
            continue
        for number in value if isinstance(value, tuple) else (value,):
            whole = "float" not in str(one.type)
            if isinstance(number, bool) or not isinstance(number, Integral if whole else Real):
                a_number = "a whole number" if whole else "a number"
                raise ConfigError(named, f" is {number!r}; it must be {a_number}.")
            too_low = number <= low if above else number < low
            if too_low or (high is not None and number > high) or not math.isfinite(number):
                allowed = f"above {low:g}" if above else f"{low:g} or more"
                if high is not None:
                    allowed = f"{low:g} to {'2^32 - 1' if high == 2**32 - 1 else f'{high:g}'}"
                raise ConfigError(named, f" is {number}; it must be {allowed}.")
