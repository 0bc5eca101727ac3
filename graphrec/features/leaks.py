"""Which metadata columns are leaks: computed from the interactions themselves, or after them.

A study of "metadata against learned embeddings" is worth nothing if ``vote_count`` is among the
metadata. So three questions are asked of every column:

* Does it rank the movies as their numbers of interactions do? Where release dates are known, movies
  of the same time are compared: users who rated in the nineties can't have rated later movies,
  which hides a count that was made later by others. Facts from before the release correlate too,
  but less: in the sample and ml-latest-small earnings up to .58, all others up to .4, counts of
  interactions from .66.
* Does it rank the *held-out* interactions better than the training interactions do? Only a column
  counted from them too can; any other is one more hint at the popularity that both show.
* Does it rank the movies as their mean ratings do? Genres reach .42, average votes .8.

Of numbers, where dates are known, a fourth: do movies released after the last training interaction
have a value? Length and budget are known when a movie comes out, so a value alone shows nothing.
Earnings and votes are not; whether a column is one of these, only its name can say.

``revenue`` is the case on the line: a correlation with popularity is no leak in what was known
before the interactions in question. Earnings are settled soon after the release, so they are
flagged where a split in time makes them the future, and not where the interactions of both parts
came later. Votes, averages and popularity go on changing until the table is made, so the first
three questions decide; there a name such as ``rating`` lowers the bounds but is never enough alone.

Limits: a count made elsewhere (``vote_count``) under a neutral name is found where release dates
are known; without them it correlates with these interactions no more than earnings do. A column
counted from the training interactions alone is flagged too: it holds no held-out interaction, but
it repeats the training data and isn't metadata. Whether unpopular movies *lack* a value is not
asked of numbers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from graphrec.config import SplitKind
from graphrec.data.dataset import Dataset
from graphrec.data.interactions import Interactions
from graphrec.data.split import Split
from graphrec.features.columns import ColumnKind, as_values, title_years, to_dates, to_numbers
from graphrec.features.correlation import Correlation, correlate_block, correlate_numbers
from graphrec.features.encoders import FittedColumn, encode_column, hat_functions
from graphrec.features.matrix import FeatureEncoder, fit_features, with_plain_names

COUNTED = 0.65  # rank correlation with the interactions from which a column looks counted from them
RATED = 0.6  # ... with the mean ratings, from which it looks like an average of them
BEYOND = 0.3  # ... with held-out interactions given the training ones, if drawn at random
BEYOND_CHOSEN = 0.6  # ... if they are later or new movies', which training predicts less well
NAMED = 0.3  # ... with interactions or ratings, for numbers whose name says votes or ratings
_MIN_RATINGS = 5  # of a movie, for its mean to be used
_MIN_LATER = 5  # movies released after the training interactions, for a reason to name them
_NUM_KNOTS = 9
_YEARS = (1870, 2100)  # in which movies are released
_NUMBERS = (ColumnKind.NUMBER, ColumnKind.LOG_NUMBER)
_OPINION = re.compile(
    r"(?:^|_)(?:vote[sd]?|ratings?|(?:meta)?scores?|popular(?:ity)?|reviews?|likes?|views?"
    r"|viewers?|watch(?:es|ed)?|audience|rank(?:ing)?|favou?rites?)(?:_|$)"
)
_SUCCESS = re.compile(r"(?:^|_)(?:revenues?|gross|earnings|box_?office|awards?|oscars?)(?:_|$)")
_RELEASE = re.compile(r"(?:^|_)(?:released?|premiered?|year)(?:_|$)")


@dataclass(frozen=True, slots=True)
class ColumnAudit:
    """How a column correlates with the interactions; NaN where that can't be measured.

    Correlations are Spearman's, -1 to 1, among movies of the same time where release dates are
    known. For a column that isn't one number it is that of a cross-validated prediction from the
    column.

    Attributes:
        column: its name.
        kind: the kind that was found.
        training: correlation with the movies' number of training interactions.
        held_out: with their number of held-out interactions.
        beyond: with their number of held-out interactions, given that of training ones.
        mean_rating: with their mean rating, over movies of five ratings or more.
        after: fraction of the movies released after the last training interaction that have a value
            other than 0; of numbers only.
        reasons: why it looks leaky, in words; empty if it doesn't.
    """

    column: str
    kind: ColumnKind
    training: float = math.nan
    held_out: float = math.nan
    beyond: float = math.nan
    mean_rating: float = math.nan
    after: float = math.nan
    reasons: tuple[str, ...] = ()

    @property
    def is_leaky(self) -> bool:
        return bool(self.reasons)


def find_leaks(
    dataset: Dataset,
    split: Split | None = None,
    *,
    ignore: Collection[str] = (),
    encoder: FeatureEncoder | None = None,
    seed: int = 0,
) -> tuple[ColumnAudit, ...]:
    """Audit each metadata column for leaks of the interactions.

    Args:
        dataset: with metadata; ratings and timestamps are used where it has them.
        split: what is training and what is held out. Without it the data set's own test part or,
            where it has none, a random half of the interactions is held out: halves show best
            whether a column was counted from both, and no model is trained here.
        ignore: columns not to look at.
        encoder: fitted on this metadata, if there is one already.
        seed: of the random half.

    Returns:
        One audit per column, in their order. Columns that give no features have no figures.

    >>> import dataclasses
    >>> from graphrec.data.sources import load_dataset
    >>> sample = load_dataset("sample")
    >>> rated_by = sample.interactions.movie_degree()
    >>> planted = dataclasses.replace(sample, movies=sample.movies.assign(rated_by=rated_by))
    >>> [audit.column for audit in find_leaks(planted) if audit.is_leaky]
    ['rated_by']
    """
    metadata = with_plain_names(dataset.metadata)
    encoder = encoder or fit_features(metadata)
    targets = _targets(dataset, split, _release_years(metadata, encoder), seed)
    columns = [column for column in encoder.columns if column.name not in ignore]
    return tuple(_audit(column, metadata[column.name], targets) for column in columns)


@dataclass(frozen=True, slots=True, eq=False)
class _Targets:
    """What columns are compared with, of the M movies.

    Attributes:
        train: number of training interactions, float, [M].
        held_out: number of held-out interactions, float, [M].
        mean_rating: NaN where there are few, [M].
        epoch: release time of each movie in hat functions [M, any]; zeros if not known.
        is_later: whether it was released after the last training interaction, [M].
        at_random: whether the held-out interactions were drawn at random.
    """

    train: np.ndarray
    held_out: np.ndarray
    mean_rating: np.ndarray
    epoch: np.ndarray
    is_later: np.ndarray
    at_random: bool

    @property
    def has_dates(self) -> bool:
        return bool(self.epoch.any())


def _targets(dataset: Dataset, split: Split | None, released: np.ndarray, seed: int) -> _Targets:
    interactions = dataset.interactions
    train, held_out, at_random = _parts(dataset, split, seed)
    degree = interactions.movie_degree(train)
    return _Targets(
        train=degree.astype(float),
        held_out=interactions.movie_degree(held_out).astype(float),
        mean_rating=_mean_ratings(interactions),
        epoch=_epoch(released),
        is_later=(released > _end(interactions, train)) & (degree == 0),  # else the date is wrong
        at_random=at_random,
    )


def _parts(dataset: Dataset, split: Split | None, seed: int) -> tuple[np.ndarray, np.ndarray, bool]:
    """Training rows, held-out rows, and whether these were drawn at random."""
    rows = np.arange(len(dataset.interactions))
    if split is not None:
        return split.train, np.setdiff1d(rows, split.train), split.kind is SplitKind.RANDOM
    if dataset.given_test is not None:
        return np.setdiff1d(rows, dataset.given_test), dataset.given_test, False
    drawn = np.random.default_rng(seed).permutation(rows)
    return drawn[: len(rows) // 2], drawn[len(rows) // 2 :], True


def _mean_ratings(interactions: Interactions) -> np.ndarray:
    """Mean rating of each movie with enough ratings, else NaN, [M]."""
    means = np.full(interactions.num_movies, np.nan)
    if interactions.rating is not None:
        has_rating = ~np.isnan(interactions.rating)
        movie, rating = interactions.movie[has_rating], interactions.rating[has_rating]
        count = np.bincount(movie, minlength=len(means))
        total = np.bincount(movie, weights=rating, minlength=len(means))
        np.divide(total, count, out=means, where=count >= _MIN_RATINGS)
    return means


def _end(interactions: Interactions, train: np.ndarray) -> float:
    """The last training interaction as a year and its fraction; infinity without timestamps."""
    if interactions.timestamp is None:
        return math.inf
    return 1970 + float(interactions.timestamp[train].max()) / (365.25 * 86_400)


def _release_years(metadata: pd.DataFrame, encoder: FeatureEncoder) -> np.ndarray:
    """When each movie came out, as a year and its fraction, NaN where missing, [M]."""
    years = pd.Series(np.nan, index=metadata.index)
    for column in sorted(encoder.columns, key=lambda c: c.finding.kind is ColumnKind.TITLE_YEAR):
        years = years.fillna(_years(column, metadata[column.name]))
    return np.asarray(years.where(years.between(*_YEARS)), dtype=float)


def _years(column: FittedColumn, cells: pd.Series[Any]) -> pd.Series[Any]:
    """Release years from a column of dates or of titles with a year; missing for any other."""
    kind, is_release = column.finding.kind, _RELEASE.search(_snake_case(column.name)) is not None
    if kind is ColumnKind.TITLE_YEAR:
        return title_years(cells)
    if kind is ColumnKind.DATE and is_release:
        dates = to_dates(as_values(cells), column.finding.date_format)
        years: pd.Series[Any] = dates.dt.year + dates.dt.day_of_year / 367
        return years
    if kind is ColumnKind.NUMBER and is_release:
        return to_numbers(as_values(cells))
    return pd.Series(np.nan, index=cells.index)


def _epoch(released: np.ndarray) -> np.ndarray:
    years = released[np.isfinite(released)]
    if not len(years):
        return np.zeros((len(released), 0))
    return hat_functions(released, np.unique(np.quantile(years, np.linspace(0, 1, _NUM_KNOTS))))


def _snake_case(name: str) -> str:
    """``voteCount`` and ``Vote count`` as ``vote_count``."""
    return re.sub(r"[\W_]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)).lower()


def _audit(column: FittedColumn, cells: pd.Series[Any], targets: _Targets) -> ColumnAudit:
    kind = column.finding.kind
    if not column.width:
        return ColumnAudit(column.name, kind)
    values = _values(column, cells)
    correlate = correlate_numbers if values.ndim == 1 else correlate_block
    found = {
        "training": correlate(values, targets.train, targets.epoch),
        "held_out": correlate(values, targets.held_out, targets.epoch),
        "beyond": correlate(values, targets.held_out, targets.epoch, targets.train),
        "mean_rating": correlate(values, targets.mean_rating, targets.epoch),
    }
    later = values[targets.is_later] if values.ndim == 1 else np.zeros(0)
    num_later = int((np.isfinite(later) & (later != 0)).sum())
    figures = {name: correlation.value for name, correlation in found.items()}
    after = num_later / len(later) if len(later) else math.nan
    reasons = _reasons(
        _snake_case(column.name) if values.ndim == 1 else "", found, num_later, targets
    )
    return ColumnAudit(column.name, kind, **figures, after=after, reasons=reasons)


def _values(column: FittedColumn, cells: pd.Series[Any]) -> np.ndarray:
    """A column of numbers as they are, NaN where missing, [M]; any other as its block, [M, any]."""
    if column.finding.kind not in _NUMBERS:
        return encode_column(column, cells, len(cells)).astype(float)
    numbers = to_numbers(as_values(cells)).to_numpy(float)
    return np.where(column.finding.zero_is_missing & (numbers == 0), np.nan, numbers)


def _reasons(
    name: str, found: dict[str, Correlation], num_later: int, targets: _Targets
) -> tuple[str, ...]:
    """Why a column looks leaky, in words.

    Args:
        name: in snake case; empty for a column that isn't of numbers, whose name isn't considered.
        found: its correlations, by field of `ColumnAudit`.
        num_later: values of movies released after the last training interaction.
        targets: what it was compared with.
    """
    training, held_out, beyond, mean_rating = found.values()
    is_opinion = _OPINION.search(name) is not None
    count = NAMED if is_opinion else COUNTED
    peers = "among movies of its time, " if targets.has_dates else ""
    hint = ", as its name suggests" if is_opinion else ""
    reasons = []
    if training.reaches(count) or held_out.reaches(count):
        reasons.append(
            f"{peers}rank correlation {training.value:.2f} with the number of training"
            f" interactions, {held_out.value:.2f} with the held-out ones{hint}"
        )
    if beyond.reaches(BEYOND if targets.at_random else BEYOND_CHOSEN):
        reasons.append(
            f"{peers}rank correlation {beyond.value:.2f} with the number of held-out interactions"
            " beyond what the training ones predict"
        )
    if mean_rating.reaches(NAMED if is_opinion else RATED):
        reasons.append(
            f"{peers}rank correlation {mean_rating.value:.2f} with the mean rating{hint}"
        )
    is_outcome = bool(reasons) or is_opinion or _SUCCESS.search(name) is not None
    if is_outcome and num_later >= _MIN_LATER:
        reasons.append(
            f"values for {num_later:,} of {int(targets.is_later.sum()):,} movies released after the"
            " training interactions"
        )
    return tuple(reasons)
