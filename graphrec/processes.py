"""Several processes that train one model, each with some of the users and all movies.

What is made of all users, such as the number of a movie's interactions, is a sum over processes.
`all_sum` and its like make these sums within `users_shared`; elsewhere, and in one process, they
leave what they are given as it is. All processes must call them in the same order.

They go through torch.distributed (gloo). See docs/scaling.md for what is sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

if TYPE_CHECKING:
    import scipy.sparse as sp

Numbers = TypeVar("Numbers", Tensor, np.ndarray)
_state = {"shared": False}


@contextmanager
def users_shared() -> Iterator[None]:
    """Within it the users of all that is trained on are shared over the process group."""
    _state["shared"] = dist.is_initialized() and dist.get_world_size() > 1
    try:
        yield
    finally:
        _state["shared"] = False


def is_shared() -> bool:
    """Whether each process has some of the users only."""
    return _state["shared"]


def size() -> int:
    """Over how many processes the users are shared."""
    return dist.get_world_size() if is_shared() else 1


def all_sum(values: Numbers) -> Numbers:
    """The sum over processes; the same bytes in all of them."""
    if not is_shared():
        return values
    tensor = values.detach() if isinstance(values, Tensor) else torch.from_numpy(values)
    tensor = tensor.clone(memory_format=torch.contiguous_format)
    dist.all_reduce(tensor)
    return tensor if isinstance(values, Tensor) else tensor.numpy()


def sum_rows_(values: Tensor, first: int) -> Tensor:
    """Replace the rows from `first` on by their sums over processes, in place."""
    if is_shared():
        dist.all_reduce(values[first:])
    return values


def first_s(values: Tensor) -> Tensor:
    """What the first process has, for what rounding or threads could make differ; in place."""
    if is_shared():
        dist.broadcast(values, 0)
    return values


def total(count: int) -> int:
    """The sum of a number over processes."""
    return int(all_sum(np.array([count]))[0])


def place(count: int) -> tuple[int, int]:
    """Where a process's own begin if those of all stand in a row, and how many there are in all."""
    if not is_shared():
        return 0, count
    counts = torch.zeros(dist.get_world_size(), dtype=torch.int64)
    counts[dist.get_rank()] = count
    dist.all_reduce(counts)
    return int(counts[: dist.get_rank()].sum()), int(counts.sum())


def gather(value: Any) -> list[Any]:
    """What each process gives, in the order of processes."""
    if not is_shared():
        return [value]
    found: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(found, value)
    return found


def all_rows(values: Numbers) -> Numbers:
    """The rows of all processes, in their order."""
    if not is_shared():
        return values
    if isinstance(values, Tensor):
        return torch.from_numpy(np.concatenate(gather(values.detach().cpu().numpy())))
    return np.concatenate(gather(values))


def all_rows_of(matrix: sp.csr_array) -> sp.csr_array:
    """The same of sparse matrices, one from each process."""
    if not is_shared():
        return matrix
    import scipy.sparse as sp

    stacked: sp.csr_array = sp.vstack(gather(matrix), format="csr")
    return stacked


def mean_std(scores: Tensor) -> float:
    """Mean over the rows of all processes of their standard deviation, 0 without any."""
    own = scores.std(dim=1, correction=0) if len(scores) else scores.new_zeros(0)
    return float(all_rows(own).mean().nan_to_num())


def shape_of(matrix: sp.csr_array) -> tuple[int, int]:
    """How many users and movies a matrix of interactions has over all processes."""
    return total(matrix.shape[0]), matrix.shape[1]


def evenly(rows: np.ndarray, number: int) -> np.ndarray:
    """At least so many of all processes' rows, evenly spaced; those of them that are one's own."""
    first, in_all = place(len(rows))
    step = max(1, in_all // number)
    return rows[-first % step :: step]
