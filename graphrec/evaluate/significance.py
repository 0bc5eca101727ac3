"""How sure a difference between two scorers is: over users, over seeds, over many comparisons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from graphrec.errors import ConfigError

BLOCK_DRAWS = 4_000_000  # users drawn at once, 16 MB, and as many differences, 32 MB
_ROUNDING = 1e-9  # sums of the same numbers in another order differ by less than this, relatively


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its confidence interval and p-value.

    Attributes:
        mean: of the differences.
        low, high: bounds of the confidence interval.
        p_value: two-sided, above 0 and at most 1.
    """

    mean: float
    low: float
    high: float
    p_value: float

    @property
    def finding(self) -> str:
        """``ahead`` or ``behind``; ``tie`` if the interval holds 0."""
        if self.low <= 0 <= self.high:
            return "tie"
        return "ahead" if self.mean > 0 else "behind"


def paired_bootstrap(
    difference: np.ndarray,
    *,
    rng: np.random.Generator,
    by_movie: np.ndarray | None = None,
    resamples: int = 10_000,
    level: float = 0.95,
) -> Interval:
    r"""The mean difference between two scorers over users, and movies, like these.

    Users are drawn with replacement, as many as there are, B times. The interval is the percentile
    interval of the mean. The p-value is the achieved significance level of the mean under
    differences that are shifted to have mean 0, with the observed draw counted in, so that it is
    never 0:

    .. math:: p = \frac{1 + \#\{b : |\bar d^*_b - \bar d| \ge |\bar d|\}}{B + 1}

    All users share the same movies: that a scorer happens to rank a few of them high moves every
    user's metric, which resampled users can't show. So the movies are resampled too, and both
    deviations are added up (as in Owen's pigeonhole bootstrap, Annals of Applied Statistics 2007;
    rather too wide than too narrow). Of many movies the sum is normal; that is what is drawn, with
    the variance :math:`\sum_i (D_i - \bar D)^2`.

    (Efron & Tibshirani, An Introduction to the Bootstrap, 1993, sections 13.3 and 16.4; the ones
    added: Davison & Hinkley, 1997, eq. 4.11.)

    Args:
        difference: one scorer's metric less the other's, one per user, means over seeds, float [U].
        rng: draws the users.
        by_movie: D, how far each movie pulls the mean difference, float [N]; None resamples users
            only.
        resamples: B.
        level: of the interval, between 0 and 1.

    Raises:
        ConfigError: if there is no user.
    """
    if not len(difference):
        raise ConfigError("there is no user to compare on.")
    mean = float(difference.mean())
    around = _resampled_means(difference - mean, resamples, rng)
    if by_movie is not None and len(by_movie):
        std = float(np.sqrt(((by_movie - by_movie.mean()) ** 2).sum()))
        around = around + std * rng.standard_normal(resamples)
    low, high = mean + np.quantile(around, [(1 - level) / 2, (1 + level) / 2])
    as_far = int((np.abs(around) >= abs(mean) * (1 - _ROUNDING)).sum())
    return Interval(mean, float(low), float(high), (1 + as_far) / (resamples + 1))


def _resampled_means(values: np.ndarray, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Means of `resamples` draws with replacement, each as long as `values`. Shape [resamples]."""
    number = len(values)
    size = max(1, BLOCK_DRAWS // number)
    means = []
    for start in range(0, resamples, size):
        shape = (min(size, resamples - start), number)
        means.append(values[rng.integers(number, size=shape, dtype=np.int32)].mean(axis=1))
    return np.concatenate(means)


def seed_interval(values: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    r"""Student's t interval of the mean over seeds; two NaNs for a single seed.

    .. math:: \bar v \pm t_{S - 1} \frac{s}{\sqrt S}

    Args:
        values: one per seed, float [S].
        level: of the interval, between 0 and 1.

    >>> low, high = seed_interval(np.array([1.0, 2.0, 3.0]))
    >>> round(low, 3), round(high, 3)
    (-0.484, 4.484)
    """
    if len(values) < 2:
        return float("nan"), float("nan")
    error = values.std(ddof=1) / np.sqrt(len(values))
    half = float(stats.t.ppf((1 + level) / 2, len(values) - 1) * error)
    mean = float(values.mean())
    return mean - half, mean + half


def holm(p_values: np.ndarray) -> np.ndarray:
    r"""P-values adjusted for being several, float [N], in the order given.

    With p sorted from the smallest, and at most 1,

    .. math:: \tilde p_{(j)} = \max_{i \le j} (N - i + 1) \, p_{(i)}

    To reject where it is at most 0.05 makes one or more false rejections with a probability of at
    most 0.05, however the comparisons hang together. (Holm, Scand. J. Statistics 1979.)

    >>> holm(np.array([0.04, 0.01, 0.03])).round(3).tolist()
    [0.06, 0.03, 0.06]
    """
    order = np.argsort(p_values)
    number = len(order)
    adjusted = np.empty(number)
    steps = np.arange(number, 0, -1) * p_values[order]
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return adjusted
