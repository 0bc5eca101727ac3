"""What a study compares, and how each of it is made."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from graphrec.config import NodeState
from graphrec.evaluate.classical import Classical


class Group(StrEnum):
    """What arms are in a study for."""

    ARMS = "arms"
    LAYERS = "layers"
    CONTROLS = "controls"
    LEAKS = "leaks"
    CLASSICAL = "classical"
    CHANCE = "chance"


class Features(StrEnum):
    """What movies carry as metadata."""

    OWN = "own"
    SHUFFLED = "shuffled"
    RANDOM = "random"
    OTHER = "other"
    """With the leaky columns if they are left out elsewhere, without them if they aren't."""


class Simple(StrEnum):
    """Scorers that need nothing but a look at the data."""

    METADATA_KNN = "metadata-knn"
    POPULARITY = "popularity"
    RANDOM = "random"


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to rank.

    Attributes:
        name: short, unique.
        group: what it is in the study for.
        says: what it is, in a sentence.
        method: the parts of a graph model, or another method.
        layers: of LightGCN.
        features: which metadata a graph model gets.
        spectral: whether the graph model has a spectral part too.
    """

    name: str
    group: Group
    says: str
    method: NodeState | Classical | Simple
    layers: int = 1
    features: Features = Features.OWN
    spectral: bool = False


_ARMS = (
    Arm("metadata", Group.ARMS, "movies are what their metadata say", NodeState.METADATA),
    Arm("id", Group.ARMS, "movies and users are learned ID embeddings", NodeState.ID),
    Arm("id+metadata", Group.ARMS, "both parts, weighed on validation", NodeState.ID_METADATA),
    Arm(
        "graphrec",
        Group.ARMS,
        "both parts and the spectral one, as `graphrec train` makes them",
        NodeState.ID_METADATA,
        spectral=True,
    ),
)
_LAYERS = tuple(
    Arm(f"{arm.name}, 0 layers", Group.LAYERS, f"{arm.says}; no propagation", arm.method, layers=0)
    for arm in _ARMS
    if not arm.spectral
)
_CONTROLS = (
    Arm(
        "id + shuffled metadata",
        Group.CONTROLS,
        "every movie has another one's metadata",
        NodeState.ID_METADATA,
        features=Features.SHUFFLED,
    ),
    Arm(
        "id + random metadata",
        Group.CONTROLS,
        "random numbers instead of metadata, as many",
        NodeState.ID_METADATA,
        features=Features.RANDOM,
    ),
)
_CLASSICAL = (
    Arm(
        "item-knn",
        Group.CLASSICAL,
        "the one-hot history, neighbours by co-watching",
        Classical.ITEM_KNN,
    ),
    Arm(
        "ease",
        Group.CLASSICAL,
        "the one-hot history, a linear model in closed form",
        Classical.EASE,
    ),
    Arm("item2vec", Group.CLASSICAL, "word2vec over watch lists", Classical.ITEM2VEC),
    Arm("glove", Group.CLASSICAL, "GloVe over counts of co-watching", Classical.GLOVE),
    Arm("als", Group.CLASSICAL, "matrix factorisation by alternating least squares", Classical.ALS),
    Arm("metadata-knn", Group.CLASSICAL, "cosine of the history's metadata", Simple.METADATA_KNN),
    Arm("popularity", Group.CLASSICAL, "the most watched for everybody", Simple.POPULARITY),
)
_CHANCE = (Arm("random", Group.CHANCE, "a list drawn by lot", Simple.RANDOM),)


def choose_arms(groups: tuple[Group, ...], leaky: tuple[str, ...], drop_leaky: bool) -> list[Arm]:
    """The arms of a study, in the order in which they are made.

    Args:
        groups: which kinds; the arms themselves and chance always come along.
        leaky: names of the leaky columns.
        drop_leaky: whether all other arms go without them.
    """
    by_group = {
        Group.ARMS: _ARMS,
        Group.LAYERS: _LAYERS,
        Group.CONTROLS: _CONTROLS,
        Group.LEAKS: _leak_arms(leaky, drop_leaky) if leaky else (),
        Group.CLASSICAL: _CLASSICAL,
        Group.CHANCE: _CHANCE,
    }
    wanted = {*groups, Group.ARMS, Group.CHANCE}
    return [arm for group, arms in by_group.items() if group in wanted for arm in arms]


def _leak_arms(leaky: tuple[str, ...], drop_leaky: bool) -> tuple[Arm, ...]:
    word = "with" if drop_leaky else "without"
    return tuple(
        Arm(
            f"{arm.name}, {word} leaks",
            Group.LEAKS,
            f"{arm.says}; {word} {', '.join(leaky)}",
            arm.method,
            features=Features.OTHER,
        )
        for arm in (_ARMS[0], _ARMS[2])
    )
