"""Data frames of any library that narwhals knows, in and out."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import pandas as pd

from graphrec.errors import ConfigError, DataError, argument


class FrameKind(StrEnum):
    """The library of a frame that is returned."""

    PANDAS = "pandas"
    POLARS = "polars"
    ARROW = "arrow"
    DUCKDB = "duckdb"


def is_frame(value: Any) -> bool:
    """Whether a value is a data frame of any library, or a stream of Arrow's record batches."""
    import narwhals as nw

    if isinstance(value, pd.DataFrame):
        return True
    if hasattr(value, "__arrow_c_stream__") and hasattr(value, "schema"):
        return True
    return isinstance(nw.from_native(value, pass_through=True), (nw.DataFrame, nw.LazyFrame))


def to_pandas(frame: Any, called: str) -> pd.DataFrame:
    """A frame of any library as pandas'; a lazy one is computed.

    Raises:
        DataError: if it is none, or can't be computed.
    """
    import narwhals as nw

    if isinstance(frame, pd.DataFrame):
        return frame
    if not is_frame(frame):
        raise DataError(f"{called} must be a path or a data frame, not {type(frame).__name__}.")
    try:
        own = nw.from_native(frame, pass_through=True)
        if isinstance(own, nw.LazyFrame):
            own = own.collect()
        if isinstance(own, nw.DataFrame):
            return own.to_pandas()
        import pyarrow as pa

        result: pd.DataFrame = pa.table(frame).to_pandas()  # a stream can be read once only
        return result
    except Exception as error:  # each library that may compute here has errors of its own
        raise DataError(f"{called} can't be computed: {error}.") from error


def kind_of(value: Any) -> FrameKind:
    """The kind of frame that an answer to a question with this frame has; else pandas."""
    module = type(value).__module__.partition(".")[0].lstrip("_")
    kinds = {"polars": FrameKind.POLARS, "pyarrow": FrameKind.ARROW, "duckdb": FrameKind.DUCKDB}
    return kinds.get(module, FrameKind.PANDAS) if is_frame(value) else FrameKind.PANDAS


def to_kind(frame: pd.DataFrame, kind: str) -> Any:
    """A pandas frame as one of another library; `FrameKind.ARROW` is a table.

    Raises:
        ConfigError: if there is no such kind, or its library isn't installed.
    """
    import narwhals as nw

    if kind not in list(FrameKind):
        raise ConfigError(argument("output"), f" is {kind!r}; it must be {', '.join(FrameKind)}.")
    if kind == FrameKind.PANDAS:
        return frame
    frame = frame.reset_index(drop=True)
    frame.attrs = {}  # only pandas has them, and Arrow would write them into its schema
    try:
        if kind == FrameKind.POLARS:
            return nw.from_native(frame).to_polars()
        table = nw.from_native(frame).to_arrow()
        if kind == FrameKind.ARROW:
            return table
        import duckdb

        return duckdb.from_arrow(table)
    except ImportError:
        raise ConfigError(argument("output"), f" {kind!r} needs the package {kind}.") from None
