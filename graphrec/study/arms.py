"""What a study compares, and how each of it is made."""

from __future__ import annotations

from dataclasses import dataclass, replace
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
        features: which metadata a graph model gets.
        layers: of LightGCN.
        spectral: whether the graph model has a spectral part too.
    """

    group: Group
    name: str
    description: str
    method: NodeState | Classical | Simple
    features: Features = Features.OWN
    layers: int = 1
    spectral: bool = False


_BOTH = NodeState.ID_METADATA
BY_METADATA, BY_ID, HYBRID = MAIN = ("metadata", "id", "id+metadata")
"""The arms that the study's question is about."""
_MAIN_ARMS = (
    Arm(Group.ARMS, BY_METADATA, "movies have metadata embeddings only", NodeState.METADATA),
    Arm(Group.ARMS, BY_ID, "movies and users have ID embeddings", NodeState.ID),
    Arm(Group.ARMS, HYBRID, "both parts, weighted on validation", _BOTH),
)
_SHUFFLED, _RANDOM = (
    "each movie has the metadata of another one",
    "random numbers instead of metadata",
)
_CLASSICAL: dict[Classical | Simple, str] = {
    Classical.ITEM_KNN: "the one-hot history, neighbors by co-occurrence",
    Classical.EASE: "the one-hot history, a linear model in closed form",
    Classical.ITEM2VEC: "word2vec over histories",
    Classical.GLOVE: "GloVe over counts of co-occurrence",
    Classical.ALS: "matrix factorisation by alternating least squares",
    Simple.METADATA_KNN: "cosine of the history's metadata",
    Simple.POPULARITY: "the movies with the most ratings, for everybody",
}
_ARMS = (
    *_MAIN_ARMS,
    Arm(Group.ARMS, "graphrec", "plus the spectral part: `graphrec train`", _BOTH, spectral=True),
    *(
        replace(arm, group=Group.LAYERS, name=f"{arm.name}, 0 layers", layers=0)
        for arm in _MAIN_ARMS
    ),
    Arm(Group.CONTROLS, "id + shuffled metadata", _SHUFFLED, _BOTH, Features.SHUFFLED),
    Arm(Group.CONTROLS, "id + random metadata", _RANDOM, _BOTH, Features.RANDOM),
    *(Arm(Group.CLASSICAL, method.value, text, method) for method, text in _CLASSICAL.items()),
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
        replace(
            arm,
            group=Group.LEAKS,
            name=f"{arm.name}, {word} leaks",
            description=f"{arm.description}; {word} {', '.join(leaky)}",
            features=Features.OTHER,
        )
        for arm in (_MAIN_ARMS[0], _MAIN_ARMS[2])
        if leaky
    ]
    wanted, order = {*groups, Group.ARMS, Group.CHANCE}, list(Group)
    arms = (arm for arm in (*_ARMS, *leak_check) if arm.group in wanted)
    return sorted(arms, key=lambda arm: order.index(arm.group))
