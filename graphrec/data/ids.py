"""The frozen map between the user's own ids and graphrec's row numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from graphrec.errors import UnknownIdError
from graphrec.formatting import counted


@dataclass(frozen=True, slots=True, eq=False)
class IdMap:
    """External ids (integers or strings, the user's own) <-> internal rows 0..n-1.

    Rows follow the sorted ids, so they don't depend on the order of the table.

    >>> ids, rows = IdMap.factorize([30, 10, 20, 10])
    >>> rows.tolist(), ids.to_internal([10, 30]).tolist(), ids.to_external([1]).tolist()
    ([2, 0, 1, 0], [0, 2], [20])
    """

    index: pd.Index[Any]
    noun: str = "id"

    @classmethod
    def factorize(cls, values: Any, noun: str = "id") -> tuple[IdMap, np.ndarray]:
        """The map of the distinct ids in a column, and each one's row, int64 [len(values)]."""
        column = pd.Series(values)
        rows, ids = pd.factorize(column, sort=True, use_na_sentinel=False)
        return cls(pd.Index(ids.to_numpy()), noun), rows

    def __len__(self) -> int:
        return len(self.index)

    @property
    def ids(self) -> np.ndarray:
        """External ids by internal row, shape [n]."""
        return self.index.to_numpy()

    def to_internal(self, values: Any) -> np.ndarray:
        """Internal rows of external ids, shape [len(values)].

        Raises:
            UnknownIdError: naming the first id that isn't in the map, or if one can't be an id.
        """
        try:
            rows = self.index.get_indexer(pd.Index(values)).astype(np.int64)
        except TypeError:
            raise UnknownIdError(
                f"a {self.noun} id is one number or one text; {values!r} holds something else."
            ) from None
        if (rows < 0).any():
            unknown = np.asarray(values, dtype=object)[rows < 0]
            raise UnknownIdError(
                f"{self.noun} {unknown[0]!r} is not in the data"
                f" ({counted(len(self), self.noun)}, {self.examples()})."
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
