"""Checks a table of new movies against the features fitted in training."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from graphrec.data.cells import SHOWN
from graphrec.data.files import Note
from graphrec.data.names import listed
from graphrec.errors import DataError
from graphrec.features.columns import ColumnKind, as_values, to_labels
from graphrec.features.encoders import FittedColumn, readable
from graphrec.features.matrix import FeatureEncoder, with_plain_names
from graphrec.formatting import shorten

_named = partial(listed, most=5)
_LABELS = (ColumnKind.MULTI_LABEL, ColumnKind.CATEGORY)
_HOLDS = {
    ColumnKind.NUMBER: "numbers",
    ColumnKind.LOG_NUMBER: "numbers",
    ColumnKind.DATE: "dates",
    ColumnKind.VECTOR: "vectors of numbers",
}


def check_new_metadata(
    encoder: FeatureEncoder, metadata: pd.DataFrame, name: str, note: Note
) -> None:
    """Note what wasn't in training, and refuse what the encoder can't read.

    Args:
        encoder: as training fitted it.
        metadata: of the new movies, without their ids.
        name: of the table, for messages.
        note: called with a sentence on missing columns, and on columns and labels that training
            didn't have.

    Raises:
        DataError: if a cell is of another type than its column was in training.
    """
    metadata = with_plain_names(metadata)
    fitted = {column.name: column for column in encoder.columns}
    missing = [column.name for column in encoder.used if column.name not in metadata]
    if missing:
        note(
            f"{name}: columns that only the training data have, read as missing: {_named(missing)}."
        )
    extra = [c for c in metadata.columns if c not in fitted and c != "title"]
    if extra:
        note(f"{name}: columns that training has not seen, left out: {_named(extra)}.")
    for column in encoder.used:
        if column.name in metadata:
            _check_column(column, metadata[column.name].reset_index(drop=True), name, note)


def _check_column(column: FittedColumn, cells: pd.Series[Any], name: str, note: Note) -> None:
    values = as_values(cells)
    kind = column.finding.kind
    if kind in _HOLDS:
        present = values.notna().to_numpy(dtype=bool)
        wrong = np.flatnonzero(present & ~readable(column, values))
        if len(wrong):
            cell = shorten(str(cells.iloc[wrong[0]]), SHOWN)
            raise DataError(
                f"{name}: column {column.name!r} holds {_HOLDS[kind]}, and {cell!r} in row"
                f" {wrong[0] + 1} is not one; if the value is missing, leave the cell empty."
            )
    if kind in _LABELS:
        separator, fitted = column.finding.separator, set(column.labels)
        labels = (to_labels(value, separator) for value in values.dropna())
        new = sorted({label for several in labels for label in several} - fitted)
        if new:
            note(
                f"{name}: values of {column.name} that training has not seen, left out:"
                f" {_named(new)}."
            )
