"""One column -> a block of numbers: scaled, missing as the mean, deaf to what is held out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from graphrec.features.columns import ColumnKind
from graphrec.features.encoders import FittedColumn, encode_column, fit_column, hat_functions

FINITE = st.floats(-1e9, 1e9)


def fit(values: Any, name: str = "x") -> tuple[FittedColumn, np.ndarray]:
    """A column fitted on all its cells, and its block."""
    column = pd.Series(values)
    fitted = fit_column(name, column, np.ones(len(column), dtype=bool))
    return fitted, encode_column(fitted, column, len(column))


COLUMNS: dict[str, list[Any]] = {
    "genres": ["a|b", "a", "b|c", "a|c", "c", "b", "a|b|c", "b"],
    "tags": [["x", "y"], ["x"], ["y"], ["z"], ["x", "z"], ["y"], ["z"], ["x"]],
    "runtime": [90.0, 100.0, 170.0, 95.0, 62.0, 240.0, 101.0, 99.0],
    "budget": ["$40,000", "$300,000", "$1,000,000", "$8,000,000"] * 2,
    "date": ["1995-03-01", "1999-07-04", "2001-01-01", "1979-05-25"] * 2,
    "title": ["Heat (1995)", "Alien (1979)", "It (2017)", "Dune (2021)"] * 2,
    "language": ["en", "fr", "en", "de", "en", "fr", "de", "en"],
    "adult": [True, False] * 4,
    "plot": [f"the hero number{n % 3} fights monster{n} in a dark city" for n in range(8)],
    "vector": [[1.0, 2.0], [2.0, 3.0], [3.0, 1.0], [0.0, 1.0]] * 2,
}


@pytest.mark.parametrize("name", COLUMNS)
def test_a_block_is_centred_and_of_length_one(name: str) -> None:
    fitted, block = fit(COLUMNS[name], name)

    assert fitted.finding.kind is not ColumnKind.IGNORED
    assert block.dtype == np.float32
    assert block.shape == (8, fitted.width)
    assert len(fitted.feature_names) == fitted.width
    np.testing.assert_allclose(block.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose((block**2).sum(axis=1).mean(), 1, rtol=1e-5)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_missing_cell_is_the_mean(name: str) -> None:
    fitted, block = fit([*COLUMNS[name], None], name)

    assert fitted.missing_rate == pytest.approx(1 / 9)
    assert not block[-1].any()
    np.testing.assert_allclose(block[:-1].mean(axis=0), 0, atol=1e-6)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_that_is_not_there_is_all_missing(name: str) -> None:
    fitted, _ = fit(COLUMNS[name], name)

    assert not encode_column(fitted, None, 2).any()
    for later in (pd.Series([None, None]), pd.Series([np.nan] * 2), pd.Series([pd.NaT] * 2)):
        assert not encode_column(fitted, later, 2).any()


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("odd", ["?", 5.0, True, ["?"], pd.Timestamp("2001-02-03"), b"?", "1e999"])
def test_odd_cells_later_are_finite_numbers(name: str, odd: Any) -> None:
    fitted, _ = fit([*COLUMNS[name], None], name)

    block = encode_column(fitted, pd.Series([odd, None], dtype=object), 2)

    assert np.isfinite(block).all()


@pytest.mark.parametrize("name", COLUMNS)
@settings(max_examples=40)
@given(data=st.data())
def test_held_out_cells_change_nothing(name: str, data: st.DataObject) -> None:
    values = [*COLUMNS[name], *COLUMNS[name], None, None]
    known = np.array(data.draw(st.lists(st.booleans(), min_size=18, max_size=18)))
    cells = st.one_of(st.none(), st.text(), st.floats(), st.sampled_from(COLUMNS[name]))
    others = data.draw(st.lists(cells, min_size=18, max_size=18))
    first, second = pd.Series(values, dtype=object), pd.Series(values, dtype=object)
    for place in np.flatnonzero(~known):
        second[place] = others[place]

    before, after = fit_column(name, first, known), fit_column(name, second, known)

    assert (before.finding, before.labels, before.scale) == (
        after.finding,
        after.labels,
        after.scale,
    )
    rows = encode_column(before, first, 18)[known], encode_column(after, second, 18)[known]
    assert rows[0].tobytes() == rows[1].tobytes()


@given(
    hnp.arrays(float, st.integers(1, 20), elements=FINITE),
    hnp.arrays(float, st.integers(1, 6), elements=FINITE, unique=True),
)
def test_hat_functions_share_out_one(numbers: np.ndarray, knots: np.ndarray) -> None:
    weights = hat_functions(numbers, np.sort(knots))

    assert weights.min() >= 0
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-6)
    assert np.all((weights > 0).sum(axis=1) <= 2)


@given(hnp.arrays(float, st.integers(2, 6), elements=FINITE, unique=True))
def test_hat_functions_are_one_at_their_knot(knots: np.ndarray) -> None:
    knots = np.sort(knots)

    np.testing.assert_array_equal(hat_functions(knots, knots), np.eye(len(knots)))


def test_hat_functions_of_nothing() -> None:
    assert hat_functions(np.array([np.nan]), np.array([1.0, 2.0])).tolist() == [[0, 0]]


def test_labels_come_in_alphabetical_order_and_from_two_movies_on() -> None:
    fitted, block = fit(["b|a", "b|a", "b|rare", "a"])

    assert fitted.labels == ("a", "b")
    assert (block[0] > 0).tolist() == [True, True]


def test_an_unknown_category_is_known_to_be_there() -> None:
    fitted, _ = fit(["en", "fr", "en", "fr", None])

    block = encode_column(fitted, pd.Series(["xx", "en", None]), 3)

    assert not block[2].any()
    assert np.all(block[0] < 0)  # neither English nor French
    assert block[1, 0] > 0 > block[1, 1]


def test_money_is_on_a_log_scale_and_shown_as_money() -> None:
    fitted, _ = fit([0, 4e4, 3e5, 1e6, 8e6, 3e7, 9e7, 2e8], "budget")

    assert fitted.finding.zero_is_missing
    assert (fitted.labels[0], fitted.labels[-1]) == ("4e+04", "2e+08")
    assert fitted.missing_rate == 1 / 8


def test_dates_know_their_season_but_not_by_new_year_s_day() -> None:
    fitted, block = fit(["1990-01-01", "1990-07-02", "2000-01-01", "2000-07-01"], "date")

    assert fitted.labels[-2:] == ("season (sine)", "season (cosine)")
    summer, unknown = block[1, -1], block[0, -1]
    assert summer < unknown
    assert block[0, -1] == block[2, -1]


def test_alike_plots_come_out_alike() -> None:
    plots = ["a space ship meets an alien monster far away", "the alien monster and a space ship"]
    plots += ["two lovers kiss in rainy Paris at night", "lovers meet in Paris and kiss at night"]

    _, block = fit(plots, "plot")

    assert block[0] @ block[1] > 0 > block[0] @ block[2]
    assert block[2] @ block[3] > 0


def test_vectors_of_another_length_or_with_gaps() -> None:
    fitted, _ = fit([[1.0, 2.0], [3.0, 4.0], None], "vector")

    later = pd.Series([[1.0], [1.0, 2.0], ["a", "b"], [np.nan, 1e300]])
    block = encode_column(fitted, later, 4)

    assert block.any(axis=1).tolist() == [False, True, False, True]
    assert np.isfinite(block).all()


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([None, None], "no values"),
        (["en", "en"], "one value only"),
        (["a|b", "c|d", "e|f"], "no shared label"),
        ([["a", "b"], ["a", "c"]], "the same for every movie"),
        (["to be or not to be", "what is it to you and me", "as it was so it is"], "no word worth"),
    ],
)
def test_columns_that_say_nothing_give_no_numbers(values: list[Any], reason: str) -> None:
    fitted, block = fit(values)

    assert fitted.finding.kind is ColumnKind.IGNORED
    assert fitted.finding.reason.startswith(reason)
    assert block.shape == (len(values), 0)


def test_a_column_that_only_says_that_it_is_there_is_left_out() -> None:
    fitted, block = fit([["a", "b"], ["a", "c"], None])

    assert fitted.finding.reason == "the same for every movie"
    assert block.shape == (3, 0)


def test_plots_that_differ_by_stop_words_only() -> None:
    plots = ["the big monster fights in a dark city", "a big monster fights in the dark city"]

    fitted, block = fit(plots, "plot")

    assert fitted.finding.reason == "the same for every movie"
    assert block.shape == (2, 0)


def test_nobody_is_known() -> None:
    fitted = fit_column("x", pd.Series([1.0, 2.0]), np.zeros(2, dtype=bool))

    assert (fitted.finding.kind, fitted.finding.reason) == (ColumnKind.IGNORED, "no values")


ANYTHING = st.one_of(
    st.none(),
    st.text(),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.dates(),
    st.datetimes(),
    st.decimals().filter(lambda number: not number.is_snan()),
    st.binary(),
    st.lists(st.one_of(st.none(), st.text(), st.floats())),
    st.dictionaries(st.sampled_from(["name", "id"]), st.text(), max_size=2),
    st.sets(st.one_of(st.text(), st.integers())),
    st.sampled_from(["[", "]", "[]", "{}", "['a\\d']", "[1],[2]", "[" * 50 + "]" * 50, "{[]: 1}"]),
)


@given(
    st.lists(ANYTHING, min_size=1, max_size=8),
    st.lists(ANYTHING, min_size=1, max_size=4),
    st.sampled_from(["title", "x", "id"]),
    st.booleans(),
)
def test_any_column_gives_finite_numbers(
    values: list[Any], later: list[Any], name: str, typed: bool
) -> None:
    columns = [pd.Series(cells * 3, dtype=object) for cells in (values, later)]
    first, second = (column.infer_objects() if typed else column for column in columns)

    fitted = fit_column(name, first, np.ones(len(first), dtype=bool))

    assert fitted.finding.reason
    for column in (first, second):
        assert np.isfinite(encode_column(fitted, column, len(column))).all()
