"""Partial rank correlations of a metadata column with a number per movie."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

MIN_MOVIES = 10  # in addition to one for each control
_NOISE = 3.0  # standard errors from 0, below which a correlation may be chance
_FOLDS = 5
_RIDGE = 3.0  # ridge penalty: this many movies with a label halve its shrinkage
_ROUNDING = 1e-9  # of a variance; residuals below it are 0


@dataclass(frozen=True, slots=True)
class Correlation:
    """A correlation over some movies, and its standard error.

    Attributes:
        value: -1 to 1; NaN if there are too few movies, 0 where one side doesn't vary.
        error: its standard error if there is no correlation.
    """

    value: float = math.nan
    error: float = math.inf

    def reaches(self, bound: float) -> bool:
        """Whether it is at least that strong, of either sign, and more than chance."""
        return abs(self.value) >= max(bound, _NOISE * self.error)


def correlate_numbers(
    numbers: np.ndarray, target: np.ndarray, controls: np.ndarray, given: np.ndarray | None = None
) -> Correlation:
    """Spearman's partial rank correlation, over the movies that have both.

    Both ranks are replaced by their residuals after a linear fit to `controls` and the rank of
    `given` (Conover, Practical Nonparametric Statistics, 1999).

    Args:
        numbers: a column, NaN where missing, shape [M].
        target: NaN where missing, shape [M].
        controls: what may explain both, shape [M, any].
        given: one more control, by its rank, shape [M].

    >>> size = np.arange(20.0)
    >>> correlate_numbers(size**2, size, np.zeros((20, 0))).value.__round__(6)
    1.0
    >>> correlate_numbers(size**2, size, np.zeros((20, 0)), given=size).value
    0.0
    """
    present = np.isfinite(numbers) & np.isfinite(target)
    columns = _control_columns(present, controls, given)
    return _correlation(
        _residual(numbers[present], columns), _residual(target[present], columns), columns
    )


def correlate_block(
    block: np.ndarray, target: np.ndarray, controls: np.ndarray, given: np.ndarray | None = None
) -> Correlation:
    """The same for many numbers per movie: of the prediction of a ridge regression on them.

    Predictions are cross-validated in five folds, so a block of many columns has no advantage. A
    negative correlation, which is worse than no prediction, counts as 0.

    Args:
        block: as `encode_column` makes it, shape [M, width]; the rest as above.
    """
    present = np.isfinite(target)
    columns = _control_columns(present, controls, given)
    truth = _residual(target[present], columns)
    found = _correlation(_cross_validated(block[present], truth), truth, columns)
    return Correlation(0.0, found.error) if found.value < 0 else found


def _control_columns(
    present: np.ndarray, controls: np.ndarray, given: np.ndarray | None
) -> np.ndarray:
    """A constant and all controls of the movies present, [n, any]."""
    columns = [np.ones((int(present.sum()), 1)), controls[present]]
    if given is not None:
        columns.append(rankdata(given[present])[:, None] / max(1, len(columns[0])))
    return np.hstack(columns)


def _residual(values: np.ndarray, controls: np.ndarray) -> np.ndarray:
    """Residuals of the values' ranks, [n]; zeros if only rounding is left."""
    ranks = rankdata(values)
    left = ranks - controls @ np.linalg.lstsq(controls, ranks)[0]
    return np.asarray(left if left @ left > _ROUNDING * (ranks @ ranks) else left * 0)


def _correlation(left: np.ndarray, right: np.ndarray, controls: np.ndarray) -> Correlation:
    freedom = len(left) - controls.shape[1]
    if freedom < MIN_MOVIES:
        return Correlation()
    length = math.sqrt(float(left @ left) * float(right @ right))
    return Correlation(float(left @ right) / length if length else 0.0, 1 / math.sqrt(freedom))


def _cross_validated(block: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Predictions for each fold by a ridge regression on the other folds, [n]."""
    fold = np.random.default_rng(0).permutation(len(truth)) % _FOLDS
    predicted = np.zeros(len(truth))
    for held_out in range(_FOLDS):
        seen = block[fold != held_out]
        gram = seen.T @ seen + _RIDGE * np.eye(block.shape[1])
        weights = np.linalg.solve(gram, seen.T @ truth[fold != held_out])
        predicted[fold == held_out] = block[fold == held_out] @ weights
    return predicted
