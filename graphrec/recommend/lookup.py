"""From what a person types to the movie they mean: case, articles, years and typos forgiven."""

from __future__ import annotations

import re
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from graphrec.data.ids import IdMap
from graphrec.data.tables import MOVIE, TITLE
from graphrec.errors import AmbiguousTitleError, UnknownIdError

GOOD_ENOUGH = 80.0  # similarity of 100 from which a misspelt title is taken for meant
CLEAR_LEAD = 4.0  # by which the best must beat the next
MOST_SHOWN = 8

YEAR_COLUMNS = ("release_date", "release_year", "year", "date")

_YEAR = re.compile(r"\((1[89]\d\d|20\d\d)\)\s*$")
_TYPED_YEAR = re.compile(r"\s\(?(1[89]\d\d|20\d\d)\)?\s*$")
_NUMBER = re.compile(r"(1[89]\d\d|20\d\d)")
_APOSTROPHES, _PUNCTUATION = re.compile(r"['’]"), re.compile(r"[^\w\s]|_")
_BRACKETS = re.compile(r"\(([^()]*)\)")
_ALSO_KNOWN_AS = re.compile(r"^a\.?k\.?a\.?\s*", re.IGNORECASE)
_ARTICLES = (
    *("the", "a", "an", "la", "le", "les", "l", "el", "los", "las", "lo", "il", "gli", "i"),
    *("der", "die", "das", "den", "det", "un", "une", "una", "ein", "eine", "o", "os", "as"),
)
_TRAILING_ARTICLE = re.compile(rf"^(.*), ({'|'.join(_ARTICLES)}|l')$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Match:
    """The movie meant.

    Attributes:
        row: internal movie.
        is_exact: False if it had to be guessed: from a misspelling, a part, or another year.
    """

    row: int
    is_exact: bool


class TitleLookup:
    """Finds movies of one table by title.

    >>> movies = pd.DataFrame({"movie_id": [1, 2], "title": ["Matrix, The (1999)", "Heat (1995)"]})
    >>> lookup = TitleLookup(movies)
    >>> lookup.find("the matrix").row, lookup.find("matrx").row, lookup.find("HEAT 1995").row
    (0, 0, 1)
    """

    def __init__(self, movies: pd.DataFrame) -> None:
        self.movies = movies
        dates = next((movies[name] for name in YEAR_COLUMNS if name in movies), None)
        self._dates = None if dates is None else dates.astype(object).to_numpy()
        self._titles = movies[TITLE].tolist()

    @cached_property
    def names(self) -> list[str]:
        """Every name of every movie; a movie may have several."""
        return [name for name, _ in self._named]

    @cached_property
    def keys(self) -> list[str]:
        """The names without an article in front."""
        return [_without_article(name) for name in self.names]

    @cached_property
    def rows(self) -> np.ndarray:
        """The movie of each name, int64."""
        return np.array([row for _, row in self._named], dtype=np.int64)

    @cached_property
    def _named(self) -> list[tuple[str, int]]:
        """Names and movies, made when a title is first looked for: a question by id needs none."""
        each = enumerate(map(_names, self._titles))
        return [(name, row) for row, names in each for name in dict.fromkeys(names)]

    def year(self, row: int) -> int | None:
        """A movie's year: the one at the end of its title, else from a column of dates or years."""
        found = _YEAR.search(str(self._titles[row]).strip())
        if not found and self._dates is not None:
            found = _NUMBER.match(str(self._dates[row]))
        return int(found.group(1)) if found else None

    def find(self, title: str) -> Match:
        """The one movie that `title` means.

        Raises:
            AmbiguousTitleError: if it means several.
            UnknownIdError: if no title is like it; names the nearest.
        """
        typed = _TYPED_YEAR.search(title)
        year = int(typed.group(1)) if typed else None
        candidates = [self._exactly(title)]
        if typed:
            named = self._exactly(title[: typed.start()])
            candidates.insert(0, [row for row in named if self.year(row) == year])
        for rows in candidates:
            if len(rows) == 1:
                known = self.year(rows[0])
                is_other_film = bool(_YEAR.search(title)) and known is not None and known != year
                return Match(rows[0], is_exact=not is_other_film)
            if rows:
                raise self._ambiguous(title, rows)
        return self._guess(title, year)

    def show(self, row: int) -> str:
        """A movie's title, with its year if that is known."""
        title, year = str(self._titles[row]), self.year(row)
        return title if year is None or _YEAR.search(title) else f"{title} ({year})"

    def _exactly(self, title: str) -> list[int]:
        """Movies of that very name; if there are none, those that differ in an article only."""
        name = _name(title)
        for names, wanted in ((self.names, name), (self.keys, _without_article(name))):
            found = {int(self.rows[index]) for index, one in enumerate(names) if one == wanted}
            if found:
                return sorted(found)
        return []

    def _guess(self, title: str, year: int | None) -> Match:
        from rapidfuzz import fuzz, process

        name = _without_article(_name(_TYPED_YEAR.sub("", title)))
        scores = process.cdist([name], self.keys, scorer=fuzz.ratio)[0].astype(float)
        if year:
            of_year = np.array([self.year(row) == year for row in self.rows])
            scores = np.where(of_year, scores, scores - 2 * CLEAR_LEAD)
        best_of = {int(row): 0.0 for row in self.rows}
        for row, score in zip(self.rows.tolist(), scores.tolist(), strict=True):
            best_of[row] = max(best_of[row], score)
        ranked = sorted(best_of, key=lambda row: -best_of[row])
        best, lead = best_of[ranked[0]], [best_of[row] for row in ranked[1:2]] or [0.0]
        if best >= GOOD_ENOUGH and best - lead[0] >= CLEAR_LEAD:
            return Match(ranked[0], is_exact=False)
        holding = self._holding(name)
        if len(holding) == 1:
            return Match(holding[0], is_exact=False)
        if holding:
            raise self._ambiguous(title, holding)
        close = [row for row in ranked if best_of[row] >= GOOD_ENOUGH]
        if close:
            raise self._ambiguous(title, close)
        nearest = ", ".join(self.show(row) for row in ranked[:3])
        raise UnknownIdError(f"no movie is called {title!r}. The nearest titles: {nearest}.")

    def _holding(self, name: str) -> list[int]:
        """Movies whose title holds every word that was typed."""
        words = set(name.split())
        if not words:
            return []
        found = [self.rows[p] for p, key in enumerate(self.keys) if words <= set(key.split())]
        return sorted({int(row) for row in found})

    def _ambiguous(self, title: str, rows: list[int]) -> AmbiguousTitleError:
        ids = self.movies[MOVIE].to_numpy()
        shown = [f"{self.show(row)} is id {ids[row]}" for row in rows[:MOST_SHOWN]]
        more = f" and {len(rows) - MOST_SHOWN} more" if len(rows) > MOST_SHOWN else ""
        return AmbiguousTitleError(
            f"{title!r} could be {len(rows)} movies; name one with its year or by its id:"
            f" {'; '.join(shown)}{more}.",
            [(ids[row], self.show(row)) for row in rows],
        )


@dataclass(frozen=True, slots=True)
class ById:
    """A movie that is meant by its id, even where a title looks the same."""

    movie_id: Any


def find_movie(movie: Any, lookup: TitleLookup, ids: IdMap, *, has_titles: bool = True) -> int:
    """The internal row of a movie given by title or by id.

    Text is a title, or an id where ids are text and no title is exactly the same.

    Raises:
        AmbiguousTitleError: if several movies have that title.
        UnknownIdError: if no movie has it.
    """
    if not isinstance(movie, str):
        return _row_of(movie.movie_id if isinstance(movie, ById) else movie, ids)
    by_id: int | None = None
    with suppress(UnknownIdError):
        by_id = _row_of(movie.strip(), ids)
    try:
        match = lookup.find(movie)
    except (UnknownIdError, AmbiguousTitleError) as error:
        if by_id is not None:
            return by_id
        if has_titles or isinstance(error, AmbiguousTitleError):
            raise
        raise UnknownIdError(
            f"{movie!r} is not known: this model's movies have no titles, only ids,"
            f" {ids.examples()}."
        ) from None
    return match.row if match.is_exact or by_id is None else by_id


def _row_of(movie_id: Any, ids: IdMap) -> int:
    return int(ids.to_internal([movie_id])[0])


def spoken(title: str) -> str:
    """A title as a person says it: the article in front.

    >>> spoken("Matrix, The (1999)")
    'The Matrix (1999)'
    """
    year = _YEAR.search(title)
    bare = title[: year.start()].strip() if year else title.strip()
    return _TRAILING_ARTICLE.sub(r"\2 \1", bare) + (f" ({year.group(1)})" if year else "")


def _names(title: str) -> list[str]:
    """Every name in a title, plain: without its year, and the ones in brackets on their own."""
    bare = _YEAR.sub("", str(title).strip()).strip()
    inside = [_ALSO_KNOWN_AS.sub("", part.strip()) for part in _BRACKETS.findall(bare)]
    names = [_name(name) for name in (_BRACKETS.sub(" ", bare), *inside)]
    return [name for name in names if name] or [_name(str(title))]


def _name(title: str) -> str:
    """Lower-case words without accents or punctuation, a trailing article back in front."""
    title = _YEAR.sub("", title).strip()
    if "," in title:  # the pattern alone would take as long as all the rest
        title = _TRAILING_ARTICLE.sub(r"\2 \1", title)
    text = title.casefold().replace("&", " and ")
    if not text.isascii():  # most titles are, and need not be taken apart
        apart = unicodedata.normalize("NFKD", text)
        text = "".join(character for character in apart if not unicodedata.combining(character))
    return " ".join(_PUNCTUATION.sub(" ", _APOSTROPHES.sub("", text)).split())


def _without_article(name: str) -> str:
    first, _, rest = name.partition(" ")
    return rest if rest and first in _ARTICLES else name
