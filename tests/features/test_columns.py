"""What a metadata column is understood to be, and how its cells are read."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphrec.features.columns import (
    ColumnKind,
    as_values,
    find_kind,
    title_years,
    to_dates,
    to_labels,
    to_numbers,
)

DAYS = pd.date_range("1990-03-05", periods=40, freq="97D")
RUNTIMES = [81.0, 104.0, 95.0, 170.0, 62.0, 240.0, 101.0, 99.0]
MONEY = [4e4, 3e5, 1e6, 8e6, 3e7, 9e7, 2e8, 5e4]
PLOTS = [f"a {place} young hero fights the evil number {place} of town" for place in range(20)]
TMDB = [
    '[{"id": 18, "name": "Drama"}, {"id": 35, "name": "Comedy"}]',
    '[{"id": 18, "name": "War"}]',
]


def column(values: Any) -> pd.Series[Any]:
    return pd.Series(values)


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("genres", ["Action|War", "War", "Action"], "multi-label"),
        ("genres", ["Action; War", "War; Drama", "Action"], "multi-label"),
        ("genres", ["Action, War", "War, Action", "Action, War"], "multi-label"),
        ("genre_ids", ["28, 12", "12,28", "28,12,35", "35, 12"], "multi-label"),
        ("genres", [["Action", "War"], ["War"], None], "multi-label"),
        ("genres", [("Action",), {"War", "Action"}, frozenset(["War"])], "multi-label"),
        ("genres", [np.array(["Action", "War"]), np.array(["War"])], "multi-label"),
        ("genres", TMDB, "multi-label"),
        ("genres", ["['Action', 'War']", "['War']", "[]"], "multi-label"),
        ("collection", ["{'id': 1, 'name': 'Toy Story'}", "{'id': 2, 'name': 'Alien'}"], "mult"),
        ("runtime", RUNTIMES, "number"),
        ("runtime", [str(minutes) for minutes in RUNTIMES], "number"),
        ("runtime", pd.array([81, None, 104], dtype="Int64"), "number"),
        ("runtime", pd.to_timedelta(RUNTIMES, unit="min"), "number"),
        ("price", [Decimal("4.50"), Decimal("3.25"), None], "number"),
        ("year", [1995, 1979, 2001], "number"),
        ("budget", MONEY, "log number"),
        ("budget", [f"${int(money):,}" for money in MONEY], "log number"),
        ("date", DAYS, "date"),
        ("date", DAYS.tz_localize("Asia/Tokyo"), "date"),
        ("date", DAYS.strftime("%Y-%m-%d"), "date"),
        ("date", DAYS.strftime("%d-%b-%Y"), "date"),
        ("date", DAYS.strftime("%m/%d/%Y"), "date"),
        ("date", DAYS.strftime("%d.%m.%Y"), "date"),
        ("date", DAYS.strftime("%B %d, %Y"), "date"),
        ("date", DAYS.strftime("%d %B %Y"), "date"),
        ("date", [day.date() for day in DAYS], "date"),
        ("title", ["Heat (1995)", "Alien (1979)", "It"], "year in title"),
        ("language", ["en", "fr", "en", "de", "en"], "category"),
        ("adult", [True, False, True], "category"),
        ("adult", [True, None, False, True], "category"),
        ("adult", pd.array([True, None, False, True], dtype="boolean"), "category"),
        ("overview", PLOTS, "text"),
        ("embedding", [[0.1, 0.2], [0.3, 0.4]], "vector"),
        ("embedding", [np.array([0.1, 0.2]), None, np.array([0.3, 0.4])], "vector"),
        ("embedding", ["[0.1, 0.2]", "[0.3, 4]"], "vector"),
        ("title", ["Heat", "Alien"], "ignored"),
        ("title", [None, None], "ignored"),
        ("imdb_id", ["tt01", "tt02", "tt03", "tt04"], "ignored"),
        ("tmdbId", [862, 8844, 15602], "ignored"),
        ("tmdbId", [862.0, None, 15602.0, 31357.0], "ignored"),
        ("director", ["Mann", "Scott", "Varda"], "ignored"),
        ("cast", ["Al Pacino, Val Kilmer", "Ian Holm, John Hurt", "Max von Sydow"], "ignored"),
        ("empty", [None, np.nan, "", "N/A", "unknown"], "ignored"),
        ("empty", [np.nan, np.inf], "ignored"),
        ("empty", [1e300, -1e300], "ignored"),
        ("constant", ["en", "en", None], "ignored"),
        ("constant", [7, 7, 7], "ignored"),
        ("constant", [["en"], ["en"]], "ignored"),
        ("bars", ["|", "||", "| |"], "ignored"),
    ],
)
def test_the_kind_of_a_column(name: str, values: Any, kind: str) -> None:
    assert find_kind(name, column(values)).kind.value.startswith(kind)


@pytest.mark.parametrize(
    ("values", "separator"),
    [(["a|b", "b"], "|"), (["a;b", "b;a", "a;b"], ";"), (["a,b", "b,a", "a,b"], ",")],
)
def test_the_separator_of_labels(values: list[str], separator: str) -> None:
    finding = find_kind("genres", column(values))

    assert finding.separator == separator
    assert finding.reason == f"labels separated by {separator!r}"


def test_commas_of_sentences_separate_no_labels() -> None:
    plots = [
        f"Once, long ago, a king number {place} had three sons, all of them" for place in "abcd"
    ]

    assert find_kind("overview", column(plots)).kind is ColumnKind.TEXT


def test_zero_means_missing_among_budgets_only() -> None:
    budget = find_kind("budget", column([0, *MONEY]))
    sequels = find_kind("sequels", column([0, 0, 1, 2, 3]))

    assert (budget.zero_is_missing, sequels.zero_is_missing) == (True, False)
    assert budget.reason == "heavy tail; 0 means missing"


def test_a_few_odd_cells_do_not_hide_the_numbers() -> None:
    values = [*map(str, range(60, 160)), "about two hours"]

    assert find_kind("runtime", column(values)).kind is ColumnKind.NUMBER


def test_the_kind_of_a_long_column_is_found_from_a_sample() -> None:
    finding = find_kind("language", column(["en", "fr", "de"] * 5_000))

    assert (finding.kind, finding.reason) == (ColumnKind.CATEGORY, "3 distinct values")


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        (" a ", "a"),
        ("", None),
        ("(no genres listed)", None),
        ("N/A", None),
        ("[]", None),
        ((), None),
        (("a", "b"), ["a", "b"]),
        ({"b", "a"}, ["a", "b"]),
        ({2, "a"}, [2, "a"]),
        (np.array([1.5, 2.0]), [1.5, 2.0]),
        (np.array(5), 5),
        ('["a", "b"]', ["a", "b"]),
        ("['a', 'b']", ["a", "b"]),
        ("{'a'}", ["a"]),
        (TMDB[0], ["Drama", "Comedy"]),
        ({"id": 1, "name": "Drama"}, ["Drama"]),
        ("{'id': 1}", [{"id": 1}]),
        ("[REC]", "[REC]"),
        ("[a retired cop returns]", "[a retired cop returns]"),
        ("[1],[2]", "[1],[2]"),
        ("{not json}", "{not json}"),
        ("[" * 5_000 + "]" * 5_000, "[" * 5_000 + "]" * 5_000),
        ("['\\d']", ["\\d"]),
        (bytearray(b"x"), "bytearray(b'x')"),
    ],
)
def test_the_value_of_a_cell(cell: Any, value: Any) -> None:
    holder = pd.Series([None], dtype=object)
    holder[0] = cell if not isinstance(cell, (list, np.ndarray)) else None
    if isinstance(cell, np.ndarray):
        holder = pd.Series([cell, None], dtype=object)[:1]

    assert as_values(holder).tolist() == [value]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("$30,000,000", 30_000_000),
        ("€ 5.5", 5.5),
        ("30 000 000 €", 30_000_000),
        ("-$5", -5),
        ("$-5", -5),
        ("1e6", 1_000_000),
        (".5", 0.5),
        ("5.", 5),
        (" 7 ", 7),
        (7, 7),
        ("28,12", None),
        ("1,2,3", None),
        ("12 14", None),
        ("$", None),
        (".", None),
        ("five", None),
        ("1e999", None),
        ("inf", None),
        ("nan", None),
        ("0x10", None),
        ("+-1", None),
        ("-$+2", None),
        (None, None),
    ],
)
def test_numbers_and_what_is_none(text: Any, number: float | None) -> None:
    read = to_numbers(pd.Series([text], dtype=object)).tolist()

    assert read == [number] if number is not None else np.isnan(read[0])


@given(st.integers(-(10**12), 10**12))
def test_thousands_are_read(number: int) -> None:
    assert to_numbers(pd.Series([f"{number:,}", f"$ {number}"])).tolist() == [number, number]


@pytest.mark.parametrize(
    ("values", "date_format"),
    [
        (["1995-12-15", "soon"], "ISO8601"),
        (["1995-12-15T10:00:00+02:00", None], "ISO8601"),
        (["15-Dec-1995", "Dec"], "%d-%b-%Y"),
        ([dt.date(1995, 12, 15), None], "ISO8601"),
        (pd.to_datetime(["1995-12-15", None]), "ISO8601"),
        (pd.to_datetime(["1995-12-15", None], utc=True), "ISO8601"),
    ],
)
def test_dates_and_what_is_none(values: Any, date_format: str) -> None:
    dates = to_dates(pd.Series(values), date_format)

    assert dates.dt.strftime("%Y-%m-%d").fillna("none").tolist() == ["1995-12-15", "none"]


def test_years_at_the_end_of_titles() -> None:
    titles = ["Heat (1995)", "Dr. Who (1963-1989) ", "Roots (1977–)", "1984", "(500) Days", None]

    years = title_years(pd.Series(titles))

    np.testing.assert_array_equal(years, [1995, 1963, 1977, np.nan, np.nan, np.nan])


def test_labels_of_a_cell() -> None:
    assert to_labels("b | a|b||unknown", "|") == ["b", "a"]
    assert to_labels(["b", "a", None, "b"], "") == ["b", "a"]
    assert to_labels("a|b", "") == ["a|b"]
