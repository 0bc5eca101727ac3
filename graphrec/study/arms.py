"""What a study compares, and how each of it is made."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from graphrec.config import NodeState
from graphrec.evaluate.classical import Classical


class Group(StrEnum):
    """What arms are in a study for, in the order in which they are made and shown."""

    ARMS = "arms"
    LAYERS = "layers"
    CONTROLS = "controls"
    LEAKS = "leaks"
    CLASSICAL = "classical"
    CHANCE = "chance"


HEADINGS = {group.value: group.value for group in Group} | {
    Group.LAYERS.value: "no propagation",
    Group.LEAKS.value: "leak check",
}
"""Names of the groups in the report."""


class Features(StrEnum):
    """What movies have as metadata."""

    OWN = "own"
    SHUFFLED = "shuffled"
    RANDOM = "random"
    OTHER = "other"
    """With the leaky columns if they are left out elsewhere, without them if they aren't."""


class Simple(StrEnum):
    """Scorers that aren't trained."""

    METADATA_KNN = "metadata-knn"
    POPULARITY = "popularity"
    RANDOM = "random"


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to rank.

    Attributes:
        group: what it is in the study for.
        name: short, unique.
        description: what it is, in a sentence.
        method: the parts of a graph model, or another method.
        layers: of LightGCN.
        features: which metadata a graph model gets.
        spectral: whether the graph model has a spectral part too.
    """

    group: Group
    name: str
    description: str
    method: NodeState | Classical | Simple
    layers: int = 1
    features: Features = Features.OWN
    spectral: bool = False


BY_METADATA, BY_ID, HYBRID = MAIN = ("metadata", "id", "id+metadata")
"""The arms that the study's question is about."""
_MAIN_ARMS = (
    Arm(Group.ARMS, BY_METADATA, "movies have metadata embeddings only", NodeState.METADATA),
    Arm(Group.ARMS, BY_ID, "movies and users have ID embeddings", NodeState.ID),
    Arm(Group.ARMS, HYBRID, "both parts, weighted on validation", NodeState.ID_METADATA),
)
_ARMS = (
    *_MAIN_ARMS,
    Arm(
        Group.ARMS,
        "graphrec",
        "both parts and the spectral one, as `graphrec train` makes them",
        NodeState.ID_METADATA,
        spectral=True,
    ),
    *(
        Arm(
            Group.LAYERS,
            f"{arm.name}, 0 layers",
            f"{arm.description}; no propagation",
            arm.method,
            layers=0,
        )
        for arm in _MAIN_ARMS
    ),
    Arm(
        Group.CONTROLS,
        "id + shuffled metadata",
        "every movie has another one's metadata",
        NodeState.ID_METADATA,
        features=Features.SHUFFLED,
    ),
    Arm(
        Group.CONTROLS,
        "id + random metadata",
        "random numbers instead of metadata, as many",
        NodeState.ID_METADATA,
        features=Features.RANDOM,
    ),
    *(
        Arm(Group.CLASSICAL, method.value, description, method)
        for method, description in (
            (Classical.ITEM_KNN, "the one-hot history, neighbors by co-occurrence"),
            (Classical.EASE, "the one-hot history, a linear model in closed form"),
            (Classical.ITEM2VEC, "word2vec over histories"),
            (Classical.GLOVE, "GloVe over counts of co-occurrence"),
            (Classical.ALS, "matrix factorisation by alternating least squares"),
            (Simple.METADATA_KNN, "cosine of the history's metadata"),
            (Simple.POPULARITY, "the movies with the most ratings, for everybody"),
        )
    ),
    Arm(Group.CHANCE, "random", "a list in random order", Simple.RANDOM),
)


def choose_arms(groups: tuple[Group, ...], leaky: tuple[str, ...], drop_leaky: bool) -> list[Arm]:
    """The arms of a study, in the order in which they are made.

    Args:
        groups: which kinds; the arms themselves and chance always come along.
        leaky: names of the leaky columns.
        drop_leaky: whether all other arms go without them.
    """
    word = "with" if drop_leaky else "without"
    leak_check = [
        Arm(
            Group.LEAKS,
            f"{arm.name}, {word} leaks",
            f"{arm.description}; {word} {', '.join(leaky)}",
            arm.method,
            features=Features.OTHER,
        )
        for arm in (_MAIN_ARMS[0], _MAIN_ARMS[2])
        if leaky
    ]
    wanted, order = {*groups, Group.ARMS, Group.CHANCE}, list(Group)
    arms = (arm for arm in (*_ARMS, *leak_check) if arm.group in wanted)
    return sorted(arms, key=lambda arm: order.index(arm.group))
