"""Everything that is chosen from a list: in configs, on the command line, in saved models."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

from graphrec.errors import ConfigError

Choice = TypeVar("Choice", bound=StrEnum)


def choice(kind: type[Choice], value: str, name: str) -> Choice:
    """The member that `value` names, be it a member already or a plain string.

    Raises:
        ConfigError: listing the members if there is no such one.

    >>> choice(Loss, "bpr", "loss")
    <Loss.BPR: 'bpr'>
    """
    try:
        return kind(value)
    except ValueError:
        raise ConfigError(f"{name} is {value!r}; it must be one of {', '.join(kind)}.") from None


class SplitKind(StrEnum):
    """How watches are held out.

    ``random``: a fifth of each user's watches. ``temporal``: the last fifth of all watches by time.
    ``leave-last-out``: each user's last watch. ``cold-movies``: every watch of some movies, and a
    fifth of each user's others. ``new-users``: a fifth of the watches of some users, who bring
    along the others when they ask; nothing of them is learned from (strong generalisation, as
    Mult-VAE and EASE report). ``given``: the data set's own test part.
    ``none``: nothing is held out for testing; for the model that goes to work.
    """

    RANDOM = "random"
    TEMPORAL = "temporal"
    LEAVE_LAST_OUT = "leave-last-out"
    COLD_MOVIES = "cold-movies"
    NEW_USERS = "new-users"
    GIVEN = "given"
    NONE = "none"


COLD_FRACTION = 0.15
"""Share of the watched movies that a cold-movies split holds out entirely."""


class NodeState(StrEnum):
    """Which parts the nodes' state has, side by side."""

    ID_METADATA = "id+metadata"
    ID = "id"
    METADATA = "metadata"

    @property
    def parts(self) -> tuple[NodeState, ...]:
        """The single parts, each of which learns on its own."""
        both = (NodeState.ID, NodeState.METADATA)
        return both if self is NodeState.ID_METADATA else (self,)


class Layers(StrEnum):
    """What propagates the nodes' states: LightGCN's fixed smoothing, or GraphSAGE's learned one."""

    LIGHTGCN = "lightgcn"
    SAGE = "sage"


class Init(StrEnum):
    """What embeddings begin with: a closed-form spectral part beside the learned one, or not."""

    SPECTRAL = "spectral"
    RANDOM = "random"


class Loss(StrEnum):
    """What is minimised: sampled softmax on cosines, or BPR on inner products."""

    SOFTMAX = "softmax"
    BPR = "bpr"


class Negatives(StrEnum):
    """Where softmax negatives come from: the batch's own movies, or all movies alike."""

    IN_BATCH = "in-batch"
    SAMPLED = "sampled"


class Scoring(StrEnum):
    """How two embeddings make a score."""

    DOT = "dot"
    COSINE = "cosine"


class Similarity(StrEnum):
    """What movies are compared by.

    ``company``: the learned ID embeddings, who watches them. ``metadata``: what the model has
    learned of their metadata. ``both``: the mean of the two. ``features``: the metadata as plain
    numbers, with nothing learned. ``all``: each of these, side by side.
    """

    BOTH = "both"
    COMPANY = "company"
    METADATA = "metadata"
    FEATURES = "features"
    ALL = "all"


class Part(StrEnum):
    """Which of a movie's embeddings: by who watches it, by what its metadata say, or both.

    ``company``: the ID part. ``metadata``: what the metadata part has learned. ``both``: the two,
    each of length 1, so that an inner product is the mean of two cosines.
    """

    BOTH = "both"
    COMPANY = "company"
    METADATA = "metadata"


class ExportPart(StrEnum):
    """Which vectors leave the model: those of a `Part`, or what the model ranks by.

    ``company``, ``metadata``, ``both``: as `Part`, so inner products are cosines or the mean of
    two. ``scores``: longer ones, whose inner products of users and movies are the model's scores.
    """

    BOTH = "both"
    COMPANY = "company"
    METADATA = "metadata"
    SCORES = "scores"


class Projection(StrEnum):
    """What makes a plane of embeddings: principal components, or UMAP, which keeps neighbours."""

    PCA = "pca"
    UMAP = "umap"
