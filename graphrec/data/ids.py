"""The frozen map between the user's own ids and graphrec's row numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from graphrec.errors import UnknownIdError

MISSING = -1
"""The row number of an id that the map doesn't hold."""


@dataclass(frozen=True, slots=True, eq=False)
class IdMap:
    """External ids (integers or strings, the user's own) <-> internal rows 0..n-1.

    Rows follow the sorted ids, so they don't depend on the order of the table.

    >>> ids = IdMap.from_values([30, 10, 20, 10])
    >>> len(ids), ids.to_internal([10, 30]).tolist(), ids.to_external([1]).tolist()
    (3, [0, 2], [20])
    """

    index: pd.Index[Any]
    noun: str = "id"

    @classmethod
    def from_values(cls, *values: Iterable[Any], noun: str = "id") -> IdMap:
        """Collect the distinct ids of one or more columns."""
        columns = [pd.Series(column).drop_duplicates().to_numpy() for column in values]
        return cls(pd.Index(np.unique(np.concatenate(columns))), noun)

    def __len__(self) -> int:
        return len(self.index)

    @property
    def ids(self) -> np.ndarray:
        """External ids by internal row, shape [n]."""
        return self.index.to_numpy()

    def find(self, values: Any) -> np.ndarray:
        """Internal rows of external ids; :data:`MISSING` where unknown. Shape [len(values)]."""
        return np.asarray(self.index.get_indexer(pd.Index(values)), dtype=np.int64)

    def to_internal(self, values: Any) -> np.ndarray:
        """Internal rows of external ids, shape [len(values)].

        Raises:
            UnknownIdError: naming the first id that isn't in the map, or if one can't be an id.
        """
        try:
            rows = self.find(values)
        except TypeError:
            raise UnknownIdError(
                f"a {self.noun} id is one number or one text; {values!r} holds something else."
            ) from None
        if (rows == MISSING).any():
            unknown = np.asarray(values, dtype=object)[rows == MISSING]
            raise UnknownIdError(
                f"{self.noun} {unknown[0]!r} is not in the data"
                f" ({len(self):,} {self.noun}s are, {self.examples()})."
            )
        return rows

    def to_external(self, rows: Any) -> np.ndarray:
        """External ids of internal rows, same shape as `rows`."""
        return np.asarray(self.ids[np.asarray(rows)])

    def parse(self, text: str) -> Any:
        """Read an id typed by a person as the type that this map's ids have."""
        if self.index.dtype.kind not in "iu":
            return text
        try:
            return int(text)
        except ValueError:
            raise UnknownIdError(
                f"{self.noun} {text!r} is not in the data: its {self.noun}s are whole numbers,"
                f" {self.examples()}."
            ) from None

    def examples(self) -> str:
        """A few ids to show in a message."""
        return "such as " + ", ".join(str(value) for value in self.ids[:3])
