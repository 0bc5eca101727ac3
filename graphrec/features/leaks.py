"""Which metadata columns know the answer: counted from the watches themselves, or after them.

A study of "metadata against learned embeddings" is worth nothing if ``vote_count`` is among the
metadata. So every column is asked:

* Does it rank the movies as their watches do? Where release dates are known, movies of the same
  time are compared: who rated in the nineties has not watched what came later, which hides a count
  that others made later. Facts known beforehand go with the watches too, but more loosely: in the
  sample and ml-latest-small earnings up to .58, all others up to .4, counts of watches from .66.
* Does it rank the *held-out* watches better than the training watches do? Only what was counted
  from them too can do so; a fact is but one more hint at the popularity that both show.
* Does it rank the movies as their mean ratings do? Genres reach .42, average votes .8.

and numbers, where dates are known, one more: do movies released after the training watches end
have a value? Length and budget are known when a movie comes out, so that alone says nothing. How
much it earned or was liked is not; whether a column tells such a thing, only its name can say.

The line this draws for ``revenue``: to go with popularity is no leak for what was known before the
watches in question. Earnings are settled soon after the release, so they are flagged where a split
in time makes them the future, and not where the watches of both parts came later. Votes, averages
and popularity go on counting until the day the table was made and are judged by the first three
questions; there a name such as ``rating`` lowers the bounds, so that weaker figures are enough,
but none is not.

Limits: a count made elsewhere (``vote_count``) under a neutral name is found where release dates
are known; without them it can go with these watches no more than earnings do. What was counted
from the training watches alone is flagged too: it knows no held-out watch, but it is the watches
once more and no metadata. Whether unpopular movies *lack* a value is not asked of numbers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from graphrec.choices import SplitKind
from graphrec.data.dataset import Dataset
from graphrec.data.interactions import Interactions
from graphrec.data.split import Split
from graphrec.features.columns import ColumnKind, as_values, title_years, to_dates, to_numbers
from graphrec.features.correlation import Correlation, correlate_block, correlate_numbers
from graphrec.features.encoders import FittedColumn, encode_column, hat_functions
from graphrec.features.matrix import FeatureEncoder, fit_features, with_plain_names

WATCHED = 0.65  # rank correlation with the watches, from which a column looks like a count of them
RATED = 0.6  # ... with the mean ratings, like an average of them
BEYOND = 0.3  # ... with random held-out watches given the training ones, like a count of both
BEYOND_CHOSEN = 0.6  # ... with later ones or new movies', which old watches don't foretell
NAMED = 0.3  # ... with watches or ratings, for a number whose name says votes or ratings
_FEWEST_RATINGS = 5  # of a movie whose mean counts
_FEWEST_LATER = 5  # movies after the training watches, to speak of them
_NUM_KNOTS = 9
_YEARS = (1870, 2100)  # of movies
_NUMBERS = (ColumnKind.NUMBER, ColumnKind.LOG_NUMBER)
_VERDICT = re.compile(
    r"(?:^|_)(?:vote[sd]?|ratings?|(?:meta)?scores?|popular(?:ity)?|reviews?|likes?|views?"
    r"|viewers?|watch(?:es|ed)?|audience|rank(?:ing)?|favou?rites?)(?:_|$)"
)
_SUCCESS = re.compile(r"(?:^|_)(?:revenues?|gross|earnings|box_?office|awards?|oscars?)(?:_|$)")
_RELEASE = re.compile(r"(?:^|_)(?:released?|premiered?|year)(?:_|$)")


@dataclass(frozen=True, slots=True)
class ColumnAudit:
    """What a column knows of the watches; a figure that can't be had is NaN.

    Correlations are Spearman's, -1 to 1, among movies of the same time where release dates are
    known. For a column that isn't one number it is that of a prediction from the column for movies
    that the prediction wasn't fitted on.

    Attributes:
        column: its name.
        kind: what it was understood to be.
        watched: correlation with the movies' number of training watches.
        held_out: with their number of held-out watches.
        beyond: with their number of held-out watches, given that of training ones.
        rated: with their mean rating, over movies of five ratings or more.
        after: share of the movies released after the training watches end that have a value other
            than 0, 0 to 1; of numbers only.
        reasons: why it looks leaky, in words; empty if it doesn't.
    """

    column: str
    kind: ColumnKind
    watched: float = math.nan
    held_out: float = math.nan
    beyond: float = math.nan
    rated: float = math.nan
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
    """Audit each metadata column for knowledge of the watches.

    Args:
        dataset: with metadata; ratings and timestamps are used where it has them.
        split: what is training and what is held out. Without it that is the data set's own test
            part or, where it has none, a random half of the watches: halves show best whether a
            column was counted from both, and no watch need be spared for training here.
        ignore: columns not to look at.
        encoder: fitted on this metadata, to save the time of doing it again.
        seed: of the random half.

    Returns:
        One audit per column, in their order. Columns that give no features have no figures.

    >>> import dataclasses
    >>> from graphrec.data.sources import load_dataset
    >>> sample = load_dataset("sample")
    >>> seen_by = sample.interactions.movie_degree()
    >>> planted = dataclasses.replace(sample, movies=sample.movies.assign(seen_by=seen_by))
    >>> [audit.column for audit in find_leaks(planted) if audit.is_leaky]
    ['seen_by']
    """
    metadata = with_plain_names(dataset.metadata)
    encoder = encoder or fit_features(metadata)
    world = _world(dataset, split, _release_years(metadata, encoder), seed)
    columns = [column for column in encoder.columns if column.name not in ignore]
    return tuple(_audit(column, metadata[column.name], world) for column in columns)


@dataclass(frozen=True, slots=True, eq=False)
class _World:
    """What columns are compared with, of the M movies.

    Attributes:
        watched: number of training watches, float, [M].
        held_out: number of held-out watches, float, [M].
        rated: mean rating, NaN where there are few, [M].
        epoch: where in time each movie lies, in hat functions [M, any]; zeros if not known.
        is_later: whether it was released after the training watches end, [M].
        at_random: whether the held-out watches were drawn at random.
    """

    watched: np.ndarray
    held_out: np.ndarray
    rated: np.ndarray
    epoch: np.ndarray
    is_later: np.ndarray
    at_random: bool

    @property
    def has_dates(self) -> bool:
        return bool(self.epoch.any())


def _world(dataset: Dataset, split: Split | None, released: np.ndarray, seed: int) -> _World:
    interactions = dataset.interactions
    train, held_out, at_random = _parts(dataset, split, seed)
    watched = interactions.movie_degree(train)
    return _World(
        watched=watched.astype(float),
        held_out=interactions.movie_degree(held_out).astype(float),
        rated=_mean_ratings(interactions),
        epoch=_epoch(released),
        is_later=(released > _end(interactions, train)) & (watched == 0),  # else the date is wrong
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
    """Of each movie with enough of them, [M]."""
    means = np.full(interactions.num_movies, np.nan)
    if interactions.rating is not None:
        known = ~np.isnan(interactions.rating)
        movie, rating = interactions.movie[known], interactions.rating[known]
        count = np.bincount(movie, minlength=len(means))
        total = np.bincount(movie, weights=rating, minlength=len(means))
        np.divide(total, count, out=means, where=count >= _FEWEST_RATINGS)
    return means


def _end(interactions: Interactions, train: np.ndarray) -> float:
    """When the training watches end, as a year and its fraction; never, without timestamps."""
    if interactions.timestamp is None:
        return math.inf
    return 1970 + float(interactions.timestamp[train].max()) / (365.25 * 86_400)


def _release_years(metadata: pd.DataFrame, encoder: FeatureEncoder) -> np.ndarray:
    """When each movie came out, as a year and its fraction, NaN if not known, [M]."""
    years = pd.Series(np.nan, index=metadata.index)
    for column in sorted(encoder.columns, key=lambda c: c.finding.kind is ColumnKind.TITLE_YEAR):
        years = years.fillna(_years(column, metadata[column.name]))
    return np.asarray(years.where(years.between(*_YEARS)), dtype=float)


def _years(column: FittedColumn, cells: pd.Series[Any]) -> pd.Series[Any]:
    """Those in a column of release dates or of titles with a year; missing for any other."""
    kind, is_release = column.finding.kind, _RELEASE.search(_plain(column.name)) is not None
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
    known = released[np.isfinite(released)]
    if not len(known):
        return np.zeros((len(released), 0))
    return hat_functions(released, np.unique(np.quantile(known, np.linspace(0, 1, _NUM_KNOTS))))


def _plain(name: str) -> str:
    """``voteCount`` and ``Vote count`` as ``vote_count``."""
    return re.sub(r"[\W_]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)).lower()


def _audit(column: FittedColumn, cells: pd.Series[Any], world: _World) -> ColumnAudit:
    kind = column.finding.kind
    if not column.width:
        return ColumnAudit(column.name, kind)
    values = _values(column, cells)
    correlate = correlate_numbers if values.ndim == 1 else correlate_block
    found = {
        "watched": correlate(values, world.watched, world.epoch),
        "held_out": correlate(values, world.held_out, world.epoch),
        "beyond": correlate(values, world.held_out, world.epoch, world.watched),
        "rated": correlate(values, world.rated, world.epoch),
    }
    later = values[world.is_later] if values.ndim == 1 else np.zeros(0)
    num_known = int((np.isfinite(later) & (later != 0)).sum())
    figures = {name: correlation.value for name, correlation in found.items()}
    after = num_known / len(later) if len(later) else math.nan
    reasons = _reasons(_plain(column.name) if values.ndim == 1 else "", found, num_known, world)
    return ColumnAudit(column.name, kind, **figures, after=after, reasons=reasons)


def _values(column: FittedColumn, cells: pd.Series[Any]) -> np.ndarray:
    """A column of numbers as they are, NaN where missing, [M]; any other as its block, [M, any]."""
    if column.finding.kind not in _NUMBERS:
        return encode_column(column, cells, len(cells)).astype(float)
    numbers = to_numbers(as_values(cells)).to_numpy(float)
    return np.where(column.finding.zero_is_missing & (numbers == 0), np.nan, numbers)


def _reasons(
    name: str, found: dict[str, Correlation], num_known: int, world: _World
) -> tuple[str, ...]:
    """Why a column looks leaky, in words.

    Args:
        name: in small letters; empty for a column that isn't of numbers, whose name tells nothing.
        found: its correlations by figure.
        num_known: values of movies released after the training watches end.
        world: what it was compared with.
    """
    watched, held_out, beyond, rated = found.values()
    is_verdict = _VERDICT.search(name) is not None
    count = NAMED if is_verdict else WATCHED
    peers = "among movies of its time, " if world.has_dates else ""
    hint = ", as its name suggests" if is_verdict else ""
    reasons = []
    if watched.reaches(count) or held_out.reaches(count):
        reasons.append(
            f"{peers}rank correlation {watched.value:.2f} with the number of training watches,"
            f" {held_out.value:.2f} with the held-out ones{hint}"
        )
    if beyond.reaches(BEYOND if world.at_random else BEYOND_CHOSEN):
        reasons.append(
            f"{peers}rank correlation {beyond.value:.2f} with the number of held-out watches"
            " beyond what the training ones tell"
        )
    if rated.reaches(NAMED if is_verdict else RATED):
        reasons.append(f"{peers}rank correlation {rated.value:.2f} with the mean rating{hint}")
    is_outcome = bool(reasons) or is_verdict or _SUCCESS.search(name) is not None
    if is_outcome and num_known >= _FEWEST_LATER:
        reasons.append(
            f"values for {num_known:,} of {int(world.is_later.sum()):,} movies released after the"
            " training watches"
        )
    return tuple(reasons)
