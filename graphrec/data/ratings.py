"""What a column of ratings holds, and from which rating on a row is an interaction."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

AUTO = "auto"
"""As the lowest rating that counts: the one that `RatingScale.liked` finds."""

_STEPS = 4  # between two whole stars, at most
_LIKED = 0.8  # of the highest rating: 4 of 5, 8 of 10
_SKEWED = 5  # counts have many small values and few large ones


class RatingKind(StrEnum):
    """What ratings are."""

    NONE = "none"
    ONE_VALUE = "one value"
    LIKES = "0 or 1"
    SIGNED = "likes and dislikes"
    STARS = "stars"
    COUNTS = "counts"
    NUMBERS = "numbers"


@dataclass(frozen=True, slots=True)
class RatingScale:
    """What the ratings of a table are.

    Attributes:
        kind: what they are.
        low, high: the lowest and the highest.
        liked: the lowest rating that says that a user liked a movie; None where every interaction
            is as good as any other.
    """

    kind: RatingKind
    low: float = np.nan
    high: float = np.nan
    liked: float | None = None

    @property
    def above_zero(self) -> bool:
        """Whether only ratings above 0 are interactions: not a 0 beside 1, and no dislike."""
        return self.kind in (RatingKind.LIKES, RatingKind.SIGNED, RatingKind.COUNTS)

    @property
    def zero_is_none(self) -> bool:
        """Whether 0 says that there is no rating, and not that it is the lowest."""
        return self.kind in (RatingKind.LIKES, RatingKind.COUNTS)

    def __str__(self) -> str:
        match self.kind:
            case RatingKind.NONE | RatingKind.LIKES:
                return self.kind.value
            case RatingKind.ONE_VALUE:
                return f"{self.low:g} in every row"
            case _:
                return f"{self.kind.value} from {self.low:g} to {self.high:g}"


def without_dislikes(ratings: np.ndarray) -> np.ndarray:
    """Ratings with 0 for the dislikes of a scale of -1, 0 and 1: a movie that is known, no more.

    >>> without_dislikes(np.array([-1.0, 1.0])).tolist()
    [0.0, 1.0]
    >>> without_dislikes(np.array([-1.0, 3.5])).tolist()
    [-1.0, 3.5]
    """
    is_like_or_dislike = np.isin(ratings, (-1, 0, 1)) | np.isnan(ratings)
    return np.maximum(ratings, 0) if is_like_or_dislike.all() else ratings


def find_scale(ratings: np.ndarray) -> RatingScale:
    """What ratings are, by their values.

    Args:
        ratings: NaN where a row has none.

    >>> halves = np.array([0.5, 3.0, 4.0, 4.5, 5.0])
    >>> str(find_scale(halves)), find_scale(halves).liked
    ('stars from 0.5 to 5', 4.0)
    >>> str(find_scale(np.array([0, 1, 1]))), str(find_scale(np.array([-1, 1])))
    ('0 or 1', 'likes and dislikes from -1 to 1')
    >>> str(find_scale(np.array([1, 1, 2, 1, 3, 1, 40]))), str(find_scale(np.array([0.21, 0.3])))
    ('counts from 1 to 40', 'numbers from 0.21 to 0.3')
    """
    ratings = ratings[~np.isnan(ratings)]
    if not len(ratings):
        return RatingScale(RatingKind.NONE)
    values = np.unique(ratings)
    low, high = float(values[0]), float(values[-1])
    is_whole = bool((values == np.round(values)).all())
    has_steps = bool((values * _STEPS == np.round(values * _STEPS)).all())
    is_skewed = high > 100 or np.median(ratings) * _SKEWED < high
    liked = None
    if len(values) == 1:
        kind = RatingKind.ONE_VALUE
    elif low < 0 < high:
        kind = RatingKind.SIGNED
    elif values.tolist() == [0, 1]:
        kind = RatingKind.LIKES
    elif is_whole and low >= 0 and high > 10 and is_skewed:
        kind = RatingKind.COUNTS
    elif has_steps and low >= 0 and high <= 100:
        kind, liked = RatingKind.STARS, float(values[values >= _LIKED * high][0])
    else:
        kind = RatingKind.NUMBERS
    return RatingScale(kind, low, high, liked)
