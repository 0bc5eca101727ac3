"""Conditions on metadata columns, such as ``year>=1990 and genres has Comedy``.

::

    any       = all {"or" all}
    all       = one {"and" one}
    one       = "not" one | "(" any ")" | column ("is" ["not"] "missing" | operator value)
    operator  = "=" | "!=" | "<" | "<=" | ">" | ">=" | "has" | "contains"

Columns and values may stand in quotes, ``'Box Office'``; without them a value goes on to the next
``and``, ``or`` or bracket. Case doesn't matter. What is missing meets no condition but ``is
missing``, nor does it meet the opposite (three-valued logic, as in SQL).
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any, NoReturn

import numpy as np
import pandas as pd

from graphrec.data.tables import MOVIE, TITLE
from graphrec.errors import ConfigError, DataError, argument
from graphrec.features.columns import (
    ColumnKind,
    Finding,
    as_values,
    find_kind,
    title_years,
    to_dates,
    to_numbers,
)
from graphrec.features.encoders import labels_of
from graphrec.features.matrix import FeatureEncoder, with_plain_names
from graphrec.formatting import shorten

YEAR = "year"
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_HAS, _CONTAINS = "has", "contains"
_OPERATORS = (*_COMPARE, _HAS, _CONTAINS)
_TOKEN = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|(<=|>=|==|!=|[<>=()]|[^\s()<>=!'"]+))""")
_SYMBOLS = (*_COMPARE, "(", ")")
_BETWEEN = ("and", "or")
_PUNCTUATION = re.compile(r"[\W_]+")
_DATE = re.compile(r"\d{4}(-\d\d){0,2}")
_DEEPEST = 50
_NUMBERS = (ColumnKind.NUMBER, ColumnKind.LOG_NUMBER)

Truth = pd.arrays.BooleanArray
"""Whether each movie meets a condition; missing where that isn't known. Has Kleene's logic."""


def select(
    text: str, movies: pd.DataFrame, encoder: FeatureEncoder, *, has_titles: bool
) -> np.ndarray:
    """The movies that meet a condition, bool [M].

    Args:
        text: the condition.
        movies: ``movie_id``, ``title`` and metadata, one row per movie, [M].
        encoder: knows the kinds of the columns.
        has_titles: whether the movies have titles of their own.

    Raises:
        ConfigError: if it can't be read, or a column or value isn't there or doesn't fit.
        DataError: if no movie meets it.

    >>> titles = ["Heat (1995)", "Clue (1985)", "Alien"]
    >>> genres = ["Crime|Thriller", "Comedy|Mystery", "Horror"]
    >>> movies = pd.DataFrame({"movie_id": [1, 2, 3], "title": titles, "genres": genres})
    >>> def found(text):
    ...     return select(text, movies, FeatureEncoder(()), has_titles=True).tolist()
    >>> found("year >= 1990 or genres has comedy"), found("not year < 1990")
    ([True, True, False], [True, False, False])
    """
    findings = {column.name: column.finding for column in encoder.columns}
    found = _Condition(text, _Columns(movies, findings, has_titles)).whole()
    meets = np.asarray(found.to_numpy(dtype=bool, na_value=False))
    if not meets.any():
        raise DataError("no movie meets ", argument("where", text), ".")
    return meets


@dataclass(frozen=True, slots=True)
class _Token:
    """A word or symbol of a condition, or a text in quotes.

    Attributes:
        text: without its quotes; empty at the end.
        at: where it begins, from 0.
        quoted: whether it has quotes.
    """

    text: str
    at: int
    quoted: bool = False

    @property
    def word(self) -> str:
        """What it may be in the grammar."""
        return "" if self.quoted else self.text.lower().replace("==", "=")

    @property
    def is_name(self) -> bool:
        """Whether it can be a column or a value."""
        return self.quoted or (bool(self.text) and self.word not in (*_SYMBOLS, *_BETWEEN))


class _Condition:
    """Reads a condition by recursive descent, and finds on the way which movies meet it."""

    def __init__(self, text: str, columns: _Columns) -> None:
        self.text, self.columns, self.depth = text, columns, 0
        self.tokens = list(self._tokens())
        self.place = 0

    def _tokens(self) -> Iterator[_Token]:
        at, end = 0, len(self.text.rstrip())
        while at < end:
            match = _TOKEN.match(self.text, at)
            if match is None:
                at += len(self.text[at:]) - len(self.text[at:].lstrip())
                rest = self.text[at:]
                what = (
                    "the quote isn't closed" if rest[0] in "'\"" else f"{rest[0]!r} means nothing"
                )
                self.fail(what, at)
            index = match.lastindex or 0
            yield _Token(match[index], match.start(index) - (index < 3), index < 3)
            at = match.end()
        yield _Token("", end)

    @property
    def token(self) -> _Token:
        """The next one."""
        return self.tokens[self.place]

    def whole(self) -> Truth:
        found = self.any()
        return found if self._is_end() else self.expect("and, or, or the end")

    def any(self) -> Truth:
        found = [self.all()]
        while self.take("or"):
            found.append(self.all())
        return reduce(operator.or_, found)

    def all(self) -> Truth:
        found = [self.one()]
        while self.take("and"):
            found.append(self.one())
        return reduce(operator.and_, found)

    def one(self) -> Truth:
        self.depth += 1
        if self.depth > _DEEPEST:
            self.fail("brackets and nots are too deep", self.token.at)
        if self.take("not"):
            found = ~self.one()
        elif self.take("("):
            found = self.any()
            if not self.take(")"):
                self.expect("and, or, or )")
        else:
            found = self.comparison()
        self.depth -= 1
        return found

    def comparison(self) -> Truth:
        column = self.columns.find(self.name("a column"), self.fail)
        if self.take("is"):
            wanted = not self.take("not")
            return column.missing(wanted) if self.take("missing") else self.expect("missing")
        how = self.token.word
        if how not in _OPERATORS:
            self.expect(f"one of {', '.join(_OPERATORS)}, is missing")
        self.place += 1
        words = [self.name("a value")]
        while self.token.is_name and not (self.token.quoted or self.tokens[self.place - 1].quoted):
            words.append(self.name("a value"))
        return column.compare(how, " ".join(words), self.fail)

    def name(self, what: str) -> str:
        """The next token, which must be a column or a value."""
        if not self.token.is_name:
            self.expect(what)
        self.place += 1
        return self.tokens[self.place - 1].text

    def take(self, word: str) -> bool:
        """Go past a word if it is the next."""
        is_next = self.token.word == word
        self.place += is_next
        return is_next

    def expect(self, what: str) -> NoReturn:
        found = "the end" if self._is_end() else repr(self.token.text)
        self.fail(f"{found} stands where {what} was expected", self.token.at)

    def _is_end(self) -> bool:
        return self.place == len(self.tokens) - 1

    def fail(self, what: str, at: int | None = None) -> NoReturn:
        where = "" if at is None else f"at character {at + 1} "
        end = "" if what.endswith("?") else "."
        raise ConfigError(argument("where", shorten(self.text, _SHOWN)), f": {where}{what}{end}")


_SHOWN = 200  # characters of a condition in a message
Fail = Callable[[str], NoReturn]


class _Columns:
    """The columns that conditions may name, made ready when one does."""

    def __init__(
        self, movies: pd.DataFrame, findings: Mapping[str, Finding], has_titles: bool
    ) -> None:
        self.movies, self.findings = with_plain_names(movies), findings
        hidden = {MOVIE} if has_titles else {MOVIE, TITLE}
        own = [name for name in self.movies.columns if name not in hidden]
        self.by_name = {_plain(name): name for name in reversed([*own, YEAR])}

    def find(self, typed: str, fail: Fail) -> _Column:
        """The column of a name, in which case and punctuation don't matter."""
        name = typed if typed in self.by_name.values() else self.by_name.get(_plain(typed))
        if name is None:
            names = list(self.by_name.values())[::-1]
            has = f"there is no column {typed!r} among {', '.join(names)}"
            fail(f"{has}; did you mean {_nearest(typed, names)}?")
        if name == YEAR and name not in self.movies:
            return _Column.of_numbers(YEAR, self._years())
        column = self.movies[name]
        if name == TITLE:
            return _Column.of(name, column, Finding(ColumnKind.TEXT, ""))
        return _Column.of(name, column, self.findings.get(name) or find_kind(name, column))

    def _years(self) -> np.ndarray:
        """Of the titles, else of the first column of dates that has one."""
        years = title_years(self.movies[TITLE]).to_numpy(float)
        for name, finding in self.findings.items():
            if finding.kind is ColumnKind.DATE and name in self.movies and np.isnan(years).any():
                dates = to_dates(as_values(self.movies[name]), finding.date_format)
                years = np.where(np.isnan(years), dates.dt.year.to_numpy(float), years)
        return years


@dataclass(frozen=True, slots=True, eq=False)
class _Column:
    """A column's distinct values, so that each is looked at once.

    Attributes:
        name: of the column.
        finding: its kind.
        values: distinct ones, [D].
        codes: of each movie the place of its value, int64 [M]; -1 where it has none.
    """

    name: str
    finding: Finding
    values: pd.Series[Any]
    codes: np.ndarray

    @classmethod
    def of(cls, name: str, column: pd.Series[Any], finding: Finding) -> _Column:
        """A column of the table."""
        try:
            codes, distinct = pd.factorize(column)
            values = pd.Series(distinct)
        except TypeError:  # lists
            codes, values = np.arange(len(column)), column.reset_index(drop=True)
        values = values if name == TITLE else as_values(values)
        if finding.kind in (ColumnKind.IGNORED, ColumnKind.TEXT) and values.dtype.kind in "iuf":
            finding = Finding(ColumnKind.NUMBER, "")
        return cls(name, finding, values, codes)

    @classmethod
    def of_numbers(cls, name: str, numbers: np.ndarray) -> _Column:
        """Numbers, NaN where missing."""
        finding = Finding(ColumnKind.NUMBER, "")
        return cls(name, finding, pd.Series(numbers), np.arange(len(numbers)))

    def missing(self, wanted: bool) -> Truth:
        """Whether a movie has no value, or the opposite of it."""
        kind = self.finding.kind
        if kind in _NUMBERS:
            is_missing = np.isnan(self._numbers())
        elif kind is ColumnKind.DATE:
            is_missing = np.isnat(self._dates())
        elif kind is ColumnKind.MULTI_LABEL:
            is_missing = np.array([not cell for cell in labels_of(self.finding, self.values)])
        else:
            is_missing = self.values.isna().to_numpy(dtype=bool)
        return self._truth(is_missing == wanted, np.zeros(len(is_missing), dtype=bool), wanted)

    def compare(self, how: str, typed: str, fail: Fail) -> Truth:
        """Whether a movie's value stands in some relation to what was typed."""
        match self.finding.kind:
            case ColumnKind.NUMBER | ColumnKind.LOG_NUMBER:
                self._check(how, tuple(_COMPARE), "numbers", fail)
                numbers, number = self._numbers(), float(to_numbers(pd.Series([typed]))[0])
                if np.isnan(number):
                    fail(f"{self.name} holds numbers, and {typed!r} is none{_hint(typed)}")
                return self._truth(_COMPARE[how](numbers, number), np.isnan(numbers))
            case ColumnKind.DATE:
                self._check(how, tuple(_COMPARE), "dates", fail)
                return self._compare_dates(how, typed, fail)
            case ColumnKind.VECTOR:
                fail(f"{self.name} holds vectors, which can only be asked for by is missing")
            case ColumnKind.MULTI_LABEL:
                self._check(how, (_HAS, _CONTAINS), "several labels for each movie", fail)
            case _:
                self._check(how, ("=", "!=", _HAS, _CONTAINS), "text", fail)
        return self._compare_labels(how, typed, fail)

    def _compare_labels(self, how: str, typed: str, fail: Fail) -> Truth:
        cells = labels_of(self.finding, self.values)
        folded, wanted = [[label.casefold() for label in cell] for cell in cells], typed.casefold()
        is_missing = np.array([not cell for cell in cells], dtype=bool)
        if how == _CONTAINS:
            holds = [any(wanted in label for label in cell) for cell in folded]
            return self._truth(np.array(holds, dtype=bool), is_missing)
        has = np.array([wanted in cell for cell in folded], dtype=bool)
        if not has.any():
            labels = sorted({label for cell in cells for label in cell})
            meant = f"; did you mean {_nearest(typed, labels)}?" if labels else ""
            fail(f"no movie has {typed!r} as its {self.name}{meant}")
        return self._truth(~has if how == "!=" else has, is_missing)

    def _compare_dates(self, how: str, typed: str, fail: Fail) -> Truth:
        """A year or a month is the time from its first to its last day."""
        dates, first = self._dates(), None
        if _DATE.fullmatch(typed):
            try:
                first = np.datetime64(typed)
            except ValueError:
                first = None
        if first is None:
            fail(
                f"{self.name} holds dates, and {typed!r} is none such as 1995, 1995-12, 1995-12-31"
            )
        after = (first + 1).astype("datetime64[s]")
        first = first.astype("datetime64[s]")
        inside = (dates >= first) & (dates < after)
        truth = {
            "=": inside,
            "!=": ~inside,
            "<": dates < first,
            "<=": dates < after,
            ">": dates >= after,
            ">=": dates >= first,
        }
        return self._truth(truth[how], np.isnat(dates))

    def _check(self, how: str, offered: tuple[str, ...], what: str, fail: Fail) -> None:
        if how not in offered:
            fail(f"{self.name} holds {what}; {how} doesn't go with it, but {', '.join(offered)} do")

    def _numbers(self) -> np.ndarray:
        numbers = to_numbers(self.values).to_numpy(float)
        return np.where(self.finding.zero_is_missing & (numbers == 0), np.nan, numbers)

    def _dates(self) -> np.ndarray:
        dates = to_dates(self.values, self.finding.date_format)
        return dates.to_numpy().astype("datetime64[s]")

    def _truth(self, truth: np.ndarray, missing: np.ndarray, none: bool | None = None) -> Truth:
        """Of each movie, from that of each distinct value, and of `none` for no value."""
        truth = np.append(np.asarray(truth, dtype=bool), bool(none))[self.codes]
        return Truth(truth, np.append(missing, none is None)[self.codes])


def _plain(name: str) -> str:
    return _PUNCTUATION.sub("", name.casefold())


def _hint(typed: str) -> str:
    return "; write and or or between conditions" if " " in typed else ""


def _nearest(typed: str, names: list[str]) -> str:
    from rapidfuzz import process, utils

    found = process.extractOne(typed, names, processor=utils.default_process)
    return found[0] if found else names[0]
