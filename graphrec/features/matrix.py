"""The movies table -> the feature matrix, and the statistics to encode later movies alike."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from graphrec.errors import DataError
from graphrec.features.columns import ColumnKind, Finding
from graphrec.features.encoders import FittedColumn, encode_column, fit_column


@dataclass(frozen=True, slots=True, eq=False)
class FeatureEncoder:
    """Fitted columns, in the order of their blocks in the matrix."""

    columns: tuple[FittedColumn, ...]

    @property
    def used(self) -> tuple[FittedColumn, ...]:
        """The columns that give features."""
        return tuple(column for column in self.columns if column.width)

    @property
    def num_features(self) -> int:
        return sum(column.width for column in self.columns)

    @property
    def feature_column(self) -> np.ndarray:
        """Which of the used columns each column of the matrix is of, int64 [F]."""
        return np.repeat(np.arange(len(self.used)), [column.width for column in self.used])

    @property
    def has_labels(self) -> np.ndarray:
        """Which of the used columns hold several labels, such as genres, bool [C]."""
        kinds = [column.finding.kind for column in self.used]
        return np.array([kind is ColumnKind.MULTI_LABEL for kind in kinds], dtype=bool)

    @property
    def feature_names(self) -> list[str]:
        """What each column of the matrix stands for, such as ``genres=Comedy``."""
        return [name for column in self.columns for name in column.feature_names]

    def transform(self, movies: pd.DataFrame) -> np.ndarray:
        """Features of these movies by the fitted statistics.

        Every column's block has a mean squared length of 1 over the movies it was fitted on, and
        the row is divided by the root of the number of blocks, so no column outweighs another.
        What is missing is zero, so that movies don't resemble each other for it.

        Args:
            movies: a table with some or all of the fitted columns; others are ignored.

        Returns:
            float32, shape [len(movies), num_features].
        """
        if not self.used:
            return np.zeros((len(movies), 0), dtype=np.float32)
        movies = with_plain_names(movies)
        blocks = [encode_column(c, movies.get(c.name), len(movies)) for c in self.used]
        return np.hstack(blocks) / np.float32(np.sqrt(len(blocks)))

    def to_state(self) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
        """What `from_state` needs: a part for JSON, and the arrays by name."""
        described, arrays = [], {}
        for i, column in enumerate(self.columns):
            words = column.state.get("words")
            described.append(
                {
                    "name": column.name,
                    "finding": asdict(column.finding),
                    "labels": list(column.labels),
                    "words": None if words is None else words.tolist(),
                    "scale": column.scale,
                    "missing_rate": column.missing_rate,
                }
            )
            arrays[f"{i}.mean"] = column.mean
            for key, value in column.state.items():
                if key != "words":
                    arrays[f"{i}.state.{key}"] = value
        return described, arrays

    @classmethod
    def from_state(
        cls, described: list[dict[str, Any]], arrays: dict[str, np.ndarray]
    ) -> FeatureEncoder:
        """The encoder that `to_state` described."""
        columns = []
        for i, column in enumerate(described):
            prefix = f"{i}.state."
            state = {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
            if column["words"] is not None:
                state["words"] = np.array(column["words"])
            finding = column["finding"]
            columns.append(
                FittedColumn(
                    name=column["name"],
                    finding=Finding(**{**finding, "kind": ColumnKind(finding["kind"])}),
                    labels=tuple(column["labels"]),
                    state=state,
                    mean=arrays[f"{i}.mean"],
                    scale=column["scale"],
                    missing_rate=column["missing_rate"],
                )
            )
        return cls(tuple(columns))


def fit_features(
    metadata: pd.DataFrame, *, known: np.ndarray | None = None, ignore: Collection[str] = ()
) -> FeatureEncoder:
    """Find each column's kind and fit its statistics.

    Args:
        metadata: one row per movie, without the id column, shape [M, any].
        known: the training movies, bool, shape [M], all by default. The others' cells change
            nothing.
        ignore: columns to leave out.

    Returns:
        The fitted encoder; columns it can't use are in it with the reason why.

    >>> genres = ["Action|War", "War", "Action"]
    >>> movies = pd.DataFrame({"genres": genres, "runtime": [90, 120, 150]})
    >>> encoder = fit_features(movies)
    >>> [(column.name, column.finding.kind.value) for column in encoder.columns]
    [('genres', 'multi-label'), ('runtime', 'number')]
    >>> encoder.transform(movies).shape
    (3, 7)
    """
    metadata = with_plain_names(metadata)
    rows = np.ones(len(metadata), dtype=bool) if known is None else known
    names = [name for name in metadata.columns if name not in ignore]
    return FeatureEncoder(tuple(fit_column(name, metadata[name], rows) for name in names))


def with_plain_names(metadata: pd.DataFrame) -> pd.DataFrame:
    """The columns named by distinct strings.

    Raises:
        DataError: if two columns have the same name.
    """
    names = pd.Index([str(name) for name in metadata.columns])
    if names.has_duplicates:
        twice = names[names.duplicated()][0]
        raise DataError(f"two metadata columns are named {twice!r}; rename or drop one.")
    return metadata.set_axis(names, axis=1)
