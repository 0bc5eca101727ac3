"""The map between the user's own ids and row numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphrec.data.cells import like_ids, with_ids
from graphrec.data.ids import IdMap
from graphrec.errors import UnknownIdError

WHOLE = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(min_size=1)
NO_ID = {"", "nan", "NaN", "NA", "N/A", "null", "NULL", "None", "<NA>", "\\N"}
COLUMNS = st.one_of(st.lists(WHOLE, min_size=1), st.lists(TEXT, min_size=1))


def id_map(*values: Any, noun: str = "id") -> IdMap:
    return IdMap.factorize(values, noun)[0]


def natural_ids(ids: pd.Series[Any]) -> pd.Series[Any]:
    """The ids as a table that has them is read."""
    return with_ids(ids.to_frame("user_id"), "it", "user_id", "user_id", [].append)["user_id"]


@given(COLUMNS)
def test_ids_come_back_as_they_were(values: list[Any]) -> None:
    ids, rows = IdMap.factorize(values)

    assert ids.to_external(rows).tolist() == values
    assert ids.to_internal(values).tolist() == rows.tolist()
    assert sorted(set(rows.tolist())) == list(range(len(ids)))


@given(COLUMNS, st.randoms(use_true_random=False))
def test_rows_follow_the_sorted_ids(values: list[Any], random: Any) -> None:
    shuffled = random.sample(values, len(values))

    assert id_map(*shuffled).ids.tolist() == id_map(*values).ids.tolist() == sorted(set(values))


def test_an_unknown_id_is_named() -> None:
    with pytest.raises(UnknownIdError) as caught:
        id_map(10, 20, noun="movie").to_internal([20, 99])
    assert str(caught.value) == "movie 99 is not in the data (2 movies, such as 10, 20)."


@pytest.mark.parametrize("value", [10.5, "10", 10**30, None, np.nan])
def test_an_id_of_another_type_is_unknown_rather_than_a_crash(value: Any) -> None:
    with pytest.raises(UnknownIdError, match="is not in the data"):
        id_map(10, 20).to_internal([value])


def test_an_id_is_one_number_or_one_text() -> None:
    with pytest.raises(UnknownIdError, match=r"^a movie id is one number or one text; .* holds"):
        id_map(10, 20, noun="movie").to_internal([[10], [20]])


def test_no_ids_give_no_rows() -> None:
    assert id_map(10, 20).to_internal([]).tolist() == []


def test_a_typed_id_is_read_as_the_map_has_them() -> None:
    numbers, texts = id_map(7, 8, noun="user"), id_map("007", "008")

    assert (numbers.parse("7"), texts.parse("007")) == (7, "007")
    with pytest.raises(UnknownIdError, match=r"^user 'bob' is not in .* whole numbers, such as 7"):
        numbers.parse("bob")


@given(st.lists(WHOLE.filter(lambda n: abs(n) < 10**18), min_size=1))
def test_whole_numbers_written_as_text_become_numbers(values: list[int]) -> None:
    ids = natural_ids(pd.Series([str(value) for value in values]))

    assert ids.dtype == np.int64
    assert ids.tolist() == values


@given(st.lists(TEXT.map(str.strip).filter(lambda text: text not in NO_ID), min_size=1))
def test_other_text_stays_as_written(values: list[str]) -> None:
    ids = natural_ids(pd.Series([*values, "x1"], dtype=object))

    assert ids.tolist() == [*values, "x1"]


@pytest.mark.parametrize(
    ("column", "ids"),
    [
        (pd.Series(["007", "8"]), ["007", "8"]),
        (pd.Series(["-0", "0"]), ["-0", "0"]),
        (pd.Series([1.0, 2.0]), [1, 2]),
        (pd.Series([-0.0, 2.0]), [0, 2]),
        (pd.Series([7.0, np.nan, np.inf]), [7]),
        (pd.Series([7, None], dtype="Float64"), [7]),
        (pd.Series(["7", " ", None], dtype=object), [7]),
        (pd.Series(["x", "NA"]), ["x"]),
        (pd.Series(["1.0", "2.0"]), [1, 2]),
        (pd.Series([1.5, 2.0]), ["1.5", "2.0"]),
        (pd.Series([1, "2", 3.0], dtype=object), [1, 2, 3]),
        (pd.Series([1, "two"], dtype=object), ["1", "two"]),
        (pd.Series([1, 2], dtype="Int64"), [1, 2]),
        (pd.Series([" 5", "5 "]), [5, 5]),
        (pd.Series([2**63 + 1, 3], dtype=np.uint64), [str(2**63 + 1), "3"]),
        (pd.Series([str(10**18), "3"]), [str(10**18), "3"]),
        (pd.Series([2**62 + 1, 3]), [2**62 + 1, 3]),
        (pd.Series(["a", "b"], dtype="category"), ["a", "b"]),
        (pd.Series(["4", "5"], dtype="category"), [4, 5]),
    ],
)
def test_the_natural_type_of_ids(column: pd.Series[Any], ids: list[Any]) -> None:
    assert natural_ids(column).tolist() == ids


def test_numbers_meet_text_as_text() -> None:
    numbers, texts = pd.Series([1, 2, 1]), pd.Series(["1", "x"], dtype=object)

    assert like_ids(numbers, texts).tolist() == ["1", "2", "1"]
    assert like_ids(texts, numbers).tolist() == ["1", "x"]
    assert like_ids(numbers, numbers) is numbers
