"""One metadata column -> a block of features, by statistics fitted once and saved."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from graphrec.features.columns import (
    LARGEST,
    ColumnKind,
    Finding,
    as_values,
    find_kind,
    title_years,
    to_dates,
    to_labels,
    to_numbers,
)

MAX_LABELS = 256
MAX_WORDS = 5_000
TEXT_DIMENSIONS = 64
NUM_KNOTS = 5
_YEAR_DAYS = 365.25
_NO_ENERGY = 1e-9  # up to it, a block is constant but for rounding


@dataclass(frozen=True, slots=True, eq=False)
class FittedColumn:
    """A column's kind and the statistics that turn its cells into features.

    Attributes:
        name: of the column.
        finding: the kind that was found.
        labels: what each number of the block stands for.
        state: fitted arrays (knots, word weights, ...), by name.
        mean: of each number over the fitted movies, shape [width].
        scale: that makes the block's mean squared length 1.
        missing_rate: fraction of the fitted movies without a value, 0 to 1.
    """

    name: str
    finding: Finding
    labels: tuple[str, ...]
    state: dict[str, np.ndarray]
    mean: np.ndarray
    scale: float
    missing_rate: float

    @property
    def width(self) -> int:
        """Numbers per movie."""
        return len(self.labels)

    @property
    def feature_names(self) -> list[str]:
        return [f"{self.name}={label}" for label in self.labels]


def fit_column(name: str, column: pd.Series[Any], training: np.ndarray) -> FittedColumn:
    """Fit a column's statistics on the training movies.

    Args:
        name: of the column.
        column: one cell per movie, shape [M].
        training: which movies may be looked at, bool, shape [M].
    """
    seen = column[training].reset_index(drop=True)
    finding = find_kind(name, seen)
    if finding.kind is ColumnKind.IGNORED:
        return _ignored(name, finding.reason)
    values = as_values(seen)
    labels, state = _fit(finding, values)
    if not labels:
        what = "no word worth counting" if finding.kind is ColumnKind.TEXT else "no shared label"
        return _ignored(name, what)
    raw, present = _encode(finding, labels, state, values)
    shown = raw[present]
    mean = shown.mean(axis=0)
    energy = float(((shown - mean) ** 2).sum(axis=1).mean())
    if energy < _NO_ENERGY:
        return _ignored(name, "the same for every movie")
    return FittedColumn(
        name=name,
        finding=finding,
        labels=tuple(labels),
        state=state,
        mean=mean.astype(np.float32),
        scale=1 / math.sqrt(energy),
        missing_rate=float(1 - present.mean()),
    )


def _ignored(name: str, reason: str) -> FittedColumn:
    """A column that gives no features, and why."""
    finding = Finding(ColumnKind.IGNORED, reason)
    return FittedColumn(name, finding, (), {}, np.zeros(0, np.float32), 1.0, 0.0)


def encode_column(fitted: FittedColumn, column: pd.Series[Any] | None, rows: int) -> np.ndarray:
    """Features of each movie, float32, shape [rows, fitted.width].

    A missing cell (or a missing column) is zero, which is the mean: films are not alike for what
    is not known of them. Labels and words that training didn't have are ignored.
    """
    block = np.zeros((rows, fitted.width), dtype=np.float32)
    if column is not None and fitted.width:
        values = as_values(column.reset_index(drop=True))
        raw, present = _encode(fitted.finding, fitted.labels, fitted.state, values)
        block[present] = (raw[present] - fitted.mean) * fitted.scale
    return block


def readable(fitted: FittedColumn, values: pd.Series[Any]) -> np.ndarray:
    """Which cells are readable as the column's numbers, dates or vectors, bool [n]."""
    match fitted.finding.kind:
        case ColumnKind.DATE:
            return to_dates(values, fitted.finding.date_format).notna().to_numpy()
        case ColumnKind.VECTOR:
            return _stack_vectors(values, len(fitted.labels))[1]
        case _:
            return to_numbers(values).notna().to_numpy()


def _fit(finding: Finding, values: pd.Series[Any]) -> tuple[list[str], dict[str, np.ndarray]]:
    match finding.kind:
        case ColumnKind.MULTI_LABEL | ColumnKind.CATEGORY:
            counts = Counter(label for cell in labels_of(finding, values) for label in cell)
            frequent = sorted((-n, label) for label, n in counts.items() if n > 1)[:MAX_LABELS]
            return sorted(label for _, label in frequent), {}
        case ColumnKind.TEXT:
            return _fit_text(values)
        case ColumnKind.VECTOR:
            width = next(len(value) for value in values if isinstance(value, list))
            return [str(i) for i in range(width)], {}
        case _:
            return _fit_numbers(finding, values)


def _fit_numbers(
    finding: Finding, values: pd.Series[Any]
) -> tuple[list[str], dict[str, np.ndarray]]:
    numbers = numbers_of(finding, values).dropna()
    knots = np.unique(np.quantile(numbers, np.linspace(0, 1, NUM_KNOTS)))
    labels = [_format_knot(finding, knot) for knot in knots]
    if finding.kind is ColumnKind.DATE:
        labels += ["season (sine)", "season (cosine)"]
    return labels, {"knots": knots}


def _encode(
    finding: Finding,
    labels: list[str] | tuple[str, ...],
    state: dict[str, np.ndarray],
    values: pd.Series[Any],
) -> tuple[np.ndarray, np.ndarray]:
    """Raw numbers [n, width] and which rows hold a value [n]."""
    match finding.kind:
        case ColumnKind.MULTI_LABEL | ColumnKind.CATEGORY:
            return _multi_hot(labels_of(finding, values), labels)
        case ColumnKind.TEXT:
            return _encode_text(values, state), values.notna().to_numpy()
        case ColumnKind.VECTOR:
            return _stack_vectors(values, len(labels))
        case _:
            numbers = numbers_of(finding, values)
            raw = hat_functions(numbers.to_numpy(float), state["knots"])
            if finding.kind is ColumnKind.DATE:
                raw = np.hstack([raw, _season(to_dates(values, finding.date_format))])
            return raw, numbers.notna().to_numpy()


def hat_functions(numbers: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Linear B-splines: each number shares a weight of 1 between its two nearest knots.

    Two movies of 95 and 100 minutes come out alike and both unlike one of 200, which a single
    column can't express. Beyond the outer knots a number counts as the outer knot; NaN gives zeros.

    Args:
        numbers: shape [n].
        knots: increasing, shape [k].

    Returns:
        shape [n, k].

    >>> hat_functions(np.array([15.0, 99.0]), np.array([10.0, 20.0, 30.0])).tolist()
    [[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]
    """
    columns = [np.interp(numbers, knots, unit) for unit in np.eye(len(knots))]
    weights = np.stack(columns, axis=1)
    weights[np.isnan(numbers)] = 0.0
    return weights


def numbers_of(finding: Finding, values: pd.Series[Any]) -> pd.Series[Any]:
    """The one number that a cell stands for: itself, its logarithm, or a year with its fraction."""
    match finding.kind:
        case ColumnKind.DATE:
            dates = to_dates(values, finding.date_format)
            years: pd.Series[Any] = dates.dt.year + (dates.dt.day_of_year - 1) / _YEAR_DAYS
            return years
        case ColumnKind.TITLE_YEAR:
            return title_years(values)
        case _:
            numbers = to_numbers(values)
            if finding.zero_is_missing:
                numbers = numbers.where(numbers != 0)
            if finding.kind is ColumnKind.LOG_NUMBER:
                logs: pd.Series[Any] = np.sign(numbers) * np.log1p(numbers.abs())
                return logs
            return numbers


def _format_knot(finding: Finding, knot: float) -> str:
    return f"{math.expm1(knot):.3g}" if finding.kind is ColumnKind.LOG_NUMBER else f"{knot:.6g}"


def _season(dates: pd.Series[Any]) -> np.ndarray:
    """Day of the year on a circle; none for January 1st, which often means "day not known"."""
    day = dates.dt.day_of_year.to_numpy(float)
    angle = 2 * np.pi * (day - 1) / _YEAR_DAYS
    has_day = day > 1
    circle = np.stack([np.sin(angle), np.cos(angle)], axis=1) / 2
    return np.where(has_day[:, None], circle, 0.0)


def labels_of(finding: Finding, values: pd.Series[Any]) -> list[list[str]]:
    """The labels of each cell, none where it is missing."""
    present = values.notna().to_numpy(dtype=bool)
    return [
        to_labels(cell, finding.separator) if filled else []
        for cell, filled in zip(values.tolist(), present, strict=True)
    ]


def _multi_hot(
    cells: list[list[str]], labels: list[str] | tuple[str, ...]
) -> tuple[np.ndarray, np.ndarray]:
    index = {label: column for column, label in enumerate(labels)}
    pairs = [(r, index[label]) for r, cell in enumerate(cells) for label in cell if label in index]
    raw = np.zeros((len(cells), len(labels)), dtype=np.float32)
    if pairs:
        rows, columns = np.array(pairs).T
        raw[rows, columns] = 1.0
    return raw, np.array([bool(cell) for cell in cells], dtype=bool)


def _stack_vectors(values: pd.Series[Any], width: int) -> tuple[np.ndarray, np.ndarray]:
    usable = [
        isinstance(v, list) and len(v) == width and all(isinstance(p, (int, float)) for p in v)
        for v in values
    ]
    raw = np.zeros((len(values), width), dtype=np.float32)
    for row, value in enumerate(values):
        if usable[row]:
            raw[row] = [part if abs(part) < LARGEST else 0.0 for part in value]
    return raw, np.array(usable, dtype=bool)


def _fit_text(values: pd.Series[Any]) -> tuple[list[str], dict[str, np.ndarray]]:
    """TF-IDF reduced by truncated SVD (latent semantic analysis)."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = values.dropna().astype(str)
    vectorizer = TfidfVectorizer(max_features=MAX_WORDS, stop_words="english", sublinear_tf=True)
    try:
        weights = vectorizer.fit_transform(texts)
    except ValueError:  # every word is a stop word
        return [], {}
    width = min(TEXT_DIMENSIONS, min(weights.shape) - 1)
    with np.errstate(divide="ignore", invalid="ignore"):  # ratios to a variance that can be 0
        svd = TruncatedSVD(max(1, width), random_state=0).fit(weights)
    words = sorted(vectorizer.vocabulary_, key=vectorizer.vocabulary_.__getitem__)
    state = {
        "words": np.array(words),
        "idf": vectorizer.idf_.astype(np.float64),
        "components": svd.components_.astype(np.float32),
    }
    return [f"topic {i}" for i in range(len(svd.components_))], state


def _encode_text(values: pd.Series[Any], state: dict[str, np.ndarray]) -> np.ndarray:
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = [str(word) for word in state["words"]]
    vectorizer = TfidfVectorizer(vocabulary=words, stop_words="english", sublinear_tf=True)
    vectorizer.idf_ = state["idf"]
    texts = values.astype(object).where(values.notna(), "").map(str)
    weights = vectorizer.transform(texts)
    return np.asarray(weights @ state["components"].T)
