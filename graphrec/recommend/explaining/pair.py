"""The similarity of two movies split exactly: by users, and by metadata columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from graphrec.data.interactions import Interactions
from graphrec.data.tables import USER
from graphrec.features.columns import ColumnKind
from graphrec.features.encoders import FittedColumn
from graphrec.features.known import known_columns
from graphrec.features.matrix import FeatureEncoder, with_plain_names

Pair = tuple[int, int]


def collaborative_side(
    rows: Pair, similarity: float, by_user: np.ndarray, known: Interactions
) -> dict[str, Any]:
    r"""The collaborative side of a `SimilarityExplanation`.

    A movie's vector is a sum over its users, of summands g (`Associations.user_summands`), and a
    rest o, which is 0 where the decomposition is exact. So with A and B the movies, and m and s the
    mean and standard deviation of A's inner products with all others

    .. math:: c(A, B) = \frac{\langle y_A, y_B \rangle - m}{s}
              = \sum_{v \in V_A} \frac{\langle g_v, y_B \rangle}{s}
              + \frac{\langle o_A, y_B \rangle - m}{s}

    Models without associations compare ID embeddings, whose summands are the messages of the users
    (`graphrec.nn.propagation.Propagation.messages`), and o is what a movie's own state becomes.

    Two movies that have nothing to do with each other share :math:`d_A d_B / U` of U users.

    Args:
        rows: the two movies.
        similarity: c; NaN where the model has none.
        by_user: what each user of the first movie adds to it, float64 [V].
        known: the interactions of the graph.
    """
    first, second = (known.users_of(row) for row in rows)
    both, num_users = np.isin(first, second), int((known.user_degree() > 0).sum())
    table = pd.DataFrame({USER: known.users.ids[first], "collaborative": by_user, "both": both})
    return {
        "collaborative": similarity,
        "users": _largest_first(table, "collaborative"),
        "own": similarity - float(by_user.sum()),
        "num_ratings": (len(first), len(second)),
        "num_users": num_users,
        "common": int(both.sum()),
        "expected": len(first) * len(second) / max(num_users, 1),
    }


def features_side(
    rows: Pair, features: np.ndarray, encoder: FeatureEncoder, movies: pd.DataFrame
) -> dict[str, Any]:
    """The features side of a `SimilarityExplanation`.

    The features of a column stand side by side, so the cosine is a sum over the columns. One that
    is missing on either side adds nothing, and doesn't count in the lengths.

    Args:
        rows: the two movies.
        features: [M, F].
        encoder: made them.
        movies: the table they were made of.
    """
    left, right = (features[row].astype(np.float64) for row in rows)
    known = known_columns(features[list(rows)], encoder.feature_column).min(axis=0)
    if features.shape[1]:
        left, right = (own * known[encoder.feature_column] for own in (left, right))
    length = max(float(np.linalg.norm(left) * np.linalg.norm(right)), 1e-12)
    blocks = np.split(left * right / length, np.cumsum([c.width for c in encoder.used])[:-1])
    cells = with_plain_names(movies).iloc[list(rows)]
    table = pd.DataFrame(
        [
            (_display_name(column), *_cells(cells, column.name), float(block.sum()))
            for column, block in zip(encoder.used, blocks, strict=False)
        ],
        columns=["column", "first", "second", "features"],
        dtype=object,  # a missing cell stays None
    ).astype({"features": float})
    return {
        "features": float(left @ right / length) if features.shape[1] else float("nan"),
        "columns": _largest_first(table, "features"),
    }


def _display_name(column: FittedColumn) -> str:
    """A column's name; of titles only the year is used."""
    kind = column.finding.kind
    return kind.value if kind is ColumnKind.TITLE_YEAR else column.name


def _cells(movies: pd.DataFrame, column: str) -> list[Any]:
    """Both movies' cells of a column; None where there is no such column, or no value."""
    if column not in movies:
        return [None, None]
    return [_as_json(cell) for cell in movies[column].astype(object).tolist()]


def _as_json(cell: Any) -> Any:
    """A cell as JSON knows it: lists, numbers and text as they are, dates and the like as text."""
    if isinstance(cell, np.ndarray):
        return cell.tolist()
    if isinstance(cell, (list, str)):
        return cell
    if pd.isna(cell):
        return None
    return cell if isinstance(cell, (bool, int, float)) else str(cell)


def _largest_first(table: pd.DataFrame, column: str) -> pd.DataFrame:
    order = np.argsort(-table[column].abs().to_numpy(float), kind="stable")
    return table.iloc[order].reset_index(drop=True)
