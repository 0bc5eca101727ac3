"""Rank correlations of a metadata column with a number per movie, other explanations set aside."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

FEWEST_MOVIES = 10  # beside as many as there are other explanations
_NOISE = 3.0  # standard errors that a correlation must have to mean anything
_FOLDS = 5
_RIDGE = 3.0  # how many movies with a label it takes to believe half of what they say about it
_NOTHING_LEFT = 1e-9  # of a variance, by rounding


@dataclass(frozen=True, slots=True)
class Correlation:
    """Of two things over some movies.

    Attributes:
        value: -1 to 1; NaN if there are too few movies, 0 where one side doesn't vary.
        error: its standard error if in truth it is 0.
    """

    value: float = math.nan
    error: float = math.inf

    def reaches(self, bound: float) -> bool:
        """Whether it is as strong as that, either way, and more than chance."""
        return abs(self.value) >= max(bound, _NOISE * self.error)


def correlate_numbers(
    numbers: np.ndarray, target: np.ndarray, beside: np.ndarray, given: np.ndarray | None = None
) -> Correlation:
    """Spearman's partial rank correlation, over the movies of which both are known.

    It is that of what is left of both ranks after a linear fit to `beside` and the rank of `given`
    (Conover, Practical Nonparametric Statistics, 1999).

    Args:
        numbers: a column, NaN where not known, shape [M].
        target: NaN where not known, shape [M].
        beside: what may explain both, shape [M, any].
        given: what may explain both by its rank, shape [M].

    >>> size = np.arange(20.0)
    >>> correlate_numbers(size**2, size, np.zeros((20, 0))).value.__round__(6)
    1.0
    >>> correlate_numbers(size**2, size, np.zeros((20, 0)), given=size).value
    0.0
    """
    known = np.isfinite(numbers) & np.isfinite(target)
    others = _explanations(known, beside, given)
    return _correlation(_residual(numbers[known], others), _residual(target[known], others), others)


def correlate_block(
    block: np.ndarray, target: np.ndarray, beside: np.ndarray, given: np.ndarray | None = None
) -> Correlation:
    """The same for many numbers per movie: of what ridge regression foretells from them.

    Each movie is foretold by a regression over four fifths of the movies that it isn't among, so a
    block of many columns has no advantage. Worse than no prediction counts as 0.

    Args:
        block: as `encode_column` makes it, shape [M, width]; the others as above.
    """
    known = np.isfinite(target)
    others = _explanations(known, beside, given)
    truth = _residual(target[known], others)
    found = _correlation(_foretold(block[known], truth), truth, others)
    return Correlation(0.0, found.error) if found.value < 0 else found


def _explanations(known: np.ndarray, beside: np.ndarray, given: np.ndarray | None) -> np.ndarray:
    """A constant and the other explanations, of the known movies, [n, any]."""
    columns = [np.ones((int(known.sum()), 1)), beside[known]]
    if given is not None:
        columns.append(rankdata(given[known])[:, None] / max(1, len(columns[0])))
    return np.hstack(columns)


def _residual(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """What the others leave of the values' ranks, [n]; zeros if only rounding is left."""
    ranks = rankdata(values)
    left = ranks - others @ np.linalg.lstsq(others, ranks)[0]
    return np.asarray(left if left @ left > _NOTHING_LEFT * (ranks @ ranks) else left * 0)


def _correlation(left: np.ndarray, right: np.ndarray, others: np.ndarray) -> Correlation:
    freedom = len(left) - others.shape[1]
    if freedom < FEWEST_MOVIES:
        return Correlation()
    length = math.sqrt(float(left @ left) * float(right @ right))
    return Correlation(float(left @ right) / length if length else 0.0, 1 / math.sqrt(freedom))


def _foretold(block: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Of each movie by a ridge regression over the other folds, [n]."""
    fold = np.random.default_rng(0).permutation(len(truth)) % _FOLDS
    foretold = np.zeros(len(truth))
    for place in range(_FOLDS):
        seen = block[fold != place]
        gram = seen.T @ seen + _RIDGE * np.eye(block.shape[1])
        weights = np.linalg.solve(gram, seen.T @ truth[fold != place])
        foretold[fold == place] = block[fold == place] @ weights
    return foretold
