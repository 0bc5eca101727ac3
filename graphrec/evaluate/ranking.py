"""One full-ranking loop for every scorer: all movies, the history masked, ties broken at random."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

BLOCK_SCORES = 8_000_000  # scores held at once, 32 MB


class Scorer(Protocol):
    """Anything that can say how well each movie suits a user."""

    @property
    def num_movies(self) -> int:
        """M, the length of every row of scores."""
        ...

    def score(self, users: np.ndarray) -> Tensor:
        """Fresh scores of all movies for each user: float32 [len(users), M], higher is better."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class RankedBlock:
    """The best movies of some users.

    Attributes:
        users: internal users, int64 [B].
        movies: internal movies, best first, int64 [B, k].
        scores: float32 [B, k]; minus infinity where a user has fewer than k movies left.
    """

    users: np.ndarray
    movies: np.ndarray
    scores: np.ndarray


def rank(
    scorer: Scorer,
    users: np.ndarray,
    k: int,
    *,
    history: sp.csr_array | None = None,
    allowed: np.ndarray | None = None,
    seed: int = 0,
) -> Iterator[RankedBlock]:
    """The k best movies of each user, block by block.

    Args:
        scorer: gives the scores.
        users: internal users, int64 [N].
        k: length of the lists.
        history: users x movies; what to leave out. None leaves nothing out.
        allowed: bool [M], the only movies that may appear; all by default.
        seed: of the order of equal scores.
    """
    scores = rank_all(
        lambda chosen: [scorer.score(chosen)],
        scorer.num_movies,
        users,
        k,
        history=history,
        allowed=allowed,
        seed=seed,
    )
    for (block,) in scores:
        yield block


def rank_all(
    score: Callable[[np.ndarray], Iterable[Tensor]],
    num_movies: int,
    users: np.ndarray,
    k: int,
    *,
    history: sp.csr_array | None = None,
    allowed: np.ndarray | None = None,
    seed: int = 0,
) -> Iterator[list[RankedBlock]]:
    """As `rank`, by several scorings at once that can share their work.

    Args:
        score: gives fresh scores [len(users), M] of some users by each scoring.
        num_movies: M.
        users, k, history, allowed, seed: as for `rank`.
    """
    generator = torch.Generator().manual_seed(seed)
    size = max(1, BLOCK_SCORES // num_movies)
    for start in range(0, len(users), size):
        chosen = users[start : start + size]
        hidden = None
        if history is not None:
            own = history[chosen].tocoo()
            hidden = torch.from_numpy(own.row).long(), torch.from_numpy(own.col).long()
        blocks = []
        for scores in map(Tensor.cpu, score(chosen)):
            if hidden is not None:
                scores[hidden] = -torch.inf
            if allowed is not None:
                scores[:, torch.from_numpy(~allowed)] = -torch.inf
            values, movies = top_k(scores, k, generator)
            blocks.append(RankedBlock(chosen, movies.numpy(), values.numpy()))
        yield blocks


def top_k(scores: Tensor, k: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """The k largest of each row, equal ones in random order.

    `torch.topk` alone puts equal scores in the order of their columns, and tables tend to list
    popular movies first: a scorer that knows nothing would look skilled. Rows with such ties are
    ranked again by (score, random number) packed into one integer.

    Shapes:
        - `scores`: float32 [B, M]; returns values and columns, both [B, min(k, M)].

    >>> draws = [top_k(torch.zeros(1, 3), 1, torch.Generator().manual_seed(s))[1].item()
    ...          for s in range(20)]
    >>> sorted(set(draws))
    [0, 1, 2]
    """
    k = min(k, scores.shape[1])
    values, columns = torch.topk(scores, min(k + 1, scores.shape[1]), dim=1)
    equal = (values[:, 1:] == values[:, :-1]) & (values[:, 1:] > -torch.inf)
    values, columns = values[:, :k].contiguous(), columns[:, :k].contiguous()
    tied = equal.any(dim=1)
    if tied.any():
        rows = scores[tied]
        draw = torch.randint(2**31, rows.shape, generator=generator)
        best = torch.topk((_ordered_bits(rows) << 31) + draw, k, dim=1).indices
        columns[tied] = best
        values[tied] = rows.gather(1, best)
    return values, columns


def _ordered_bits(scores: Tensor) -> Tensor:
    """Integers in the order of the floats: IEEE-754 bits, with those of negatives flipped."""
    bits = (scores + 0.0).view(torch.int32)
    return (bits ^ ((bits >> 31) & 0x7FFFFFFF)).long()
