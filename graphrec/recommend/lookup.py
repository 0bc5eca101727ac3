"""From what a person types to the movie they mean, or to a question where it could be several.

What is typed is compared with the names in each title (`graphrec.recommend.titles`), in steps; the
first that finds anything decides. If it finds one movie, that is meant; if it finds several, or
only movies of another year than was typed, an error lists them.

1. a whole name, with its articles or else without: ``heat``, ``matrix``, ``se7en``;
2. a title or subtitle in a name: ``terminator 2``, ``the empire strikes back``;
3. several words of a name in their order, ``star wars a new hope``; or a misspelt name, ``matrx``;
4. several words of a name, misspelt.

Numbers are never guessed. Each that is typed must stand in the title beside the same word, or be
the movie's year; each in the title must be typed, or words behind it, or the year.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, takewhile
from typing import Any

import pandas as pd

from graphrec.data.files import Note
from graphrec.data.ids import IdMap
from graphrec.data.tables import MOVIE, TITLE
from graphrec.errors import AmbiguousTitleError, DataError, UnknownIdError
from graphrec.formatting import shorten
from graphrec.recommend.titles import (
    BREAK,
    LETTER_NUMBERS,
    YEAR_AT_END,
    names,
    parts,
    significant,
    without_articles,
    without_breaks,
    words,
)

MOST_SHOWN = 8
MOST_LETTERS = 80  # of a title in a message

YEAR_COLUMNS = ("release_date", "release_year", "year", "date")

_YEAR = re.compile(r"(1[89]\d\d|20\d\d)")
_TYPED_YEAR = re.compile(rf"(?:\s(?=\d)|(\()){_YEAR.pattern}\)?\s*$")
_COMMON = {  # words of so many titles that one of them tells little
    *("the", "a", "an", "and", "of", "in", "on", "at", "to", "for", "from", "with", "by", "out"),
    *("up", "is", "it", "its", "be", "or", "not", "my", "your", "his", "her", "you", "i", "me"),
    *("we", "us", "this", "that", "new", "movie", "film"),
}
_LENGTHS = (5, 9, 15)  # letters from which one, two and three edits are a misspelling


@dataclass(frozen=True, slots=True)
class Match:
    """The movie meant.

    Attributes:
        row: internal movie.
        is_exact: False if it had to be guessed: from a misspelling, or a part of its title.
    """

    row: int
    is_exact: bool


@dataclass(frozen=True, slots=True)
class _Query:
    """One way to read what was typed.

    Attributes:
        full: its words.
        significant: those without articles, see `graphrec.recommend.titles.significant`.
        year: of the movie; None if none was typed, or if it is read as a part of the title.
    """

    full: Sequence[str]
    significant: Sequence[str]
    year: int | None


Found = Iterable[tuple[int, int]]
"""Movies that a query can mean, and what each costs: two for each edit."""


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
        self._titles = [str(title) for title in movies[TITLE].tolist()]

    def year(self, row: int) -> int | None:
        """A movie's year: the one at the end of its title, else from a column of dates or years."""
        found = YEAR_AT_END.search(self._titles[row])
        if not found and self._dates is not None:
            found = _YEAR.match(str(self._dates[row]))
        return int(found.group(1)) if found else None

    def show(self, row: int) -> str:
        """A movie's title, with its year if that is known."""
        title, year = self._titles[row], self.year(row)
        return title if year is None or YEAR_AT_END.search(title) else f"{title} ({year})"

    def find(self, title: str) -> Match:
        """The one movie that `title` means.

        Raises:
            AmbiguousTitleError: if it means several, or a movie of another year, or is only a part
                of a title.
            UnknownIdError: if no title is like it; names the nearest.
        """
        written = self._as_written(title)
        if len(written) == 1:
            return Match(written[0], is_exact=True)
        queries, title = _readings(title), shorten(title.strip(), MOST_LETTERS)
        for step in (self._named, self._part):
            if (row := self._only(title, queries, step)) is not None:
                return Match(row, is_exact=step == self._named)
        longer = [query for query in queries if len(query.full) > 1]
        spelt_out = [own for query in longer for own in self._spelt_out(query)]
        for readings in (spelt_out, queries):
            for step in (self._named, self._part, self._near, self._near_by_word):
                if (row := self._only(title, readings, step)) is not None:
                    return Match(row, is_exact=False)
        raise self._not_found(title, queries)

    def _as_written(self, title: str) -> list[int]:
        """Movies whose title has all the names and the year that are typed in brackets."""
        if not title.rstrip().endswith(")"):
            return []
        year = YEAR_AT_END.search(title)
        rows = [set(self._full.get(" ".join(without_breaks(name)), ())) for name in names(title)]
        every = set.intersection(*rows) if rows else set()
        return [row for row in every if year is None or self.year(row) == int(year[1])]

    def _only(
        self, title: str, queries: Sequence[_Query], step: Callable[[_Query], Found]
    ) -> int | None:
        """The movie that one step finds at the lowest cost; None if it finds nothing.

        Raises:
            AmbiguousTitleError: if it finds several, or only movies of another year.
        """
        found = [(row, cost, query.year) for query in queries for row, cost in step(query)]
        of_year, undated, others = dict[int, int](), dict[int, int](), dict[int, None]()
        for row, cost, year in sorted(found, key=lambda one: -one[1]):  # the lowest cost last
            if year in (None, self.year(row)):
                of_year[row] = cost
            elif self.year(row) is None:
                undated[row] = cost
            else:
                others[row] = None
        costs = of_year or undated
        best = [row for row, cost in costs.items() if cost == min(costs.values())]
        if len(best) == 1:
            return best[0]
        how = "with its year or by its id"
        if best:
            raise self._ambiguous(f"{title!r} could be {len(best)} movies; name one {how}", best)
        if others:
            year = next(query.year for query in queries if query.year)
            near = [row for row in self._hinted(queries) if self.year(row) == year]
            start = f"{title!r}: no movie of that title is of {year}; name one {how}"
            raise self._ambiguous(start, [*near, *others])
        return None

    # The steps ------------------------------------------------------------------------------------

    def _named(self, query: _Query) -> Found:
        """By a whole name; a sequel also by a part, as those are called: "terminator 2"."""
        full = self._full.get(" ".join(query.full), [])
        short = self._short.get(" ".join(query.significant), [])
        rows = [*full, *short] if query.year else full or short
        *series, last = query.significant
        if last.isdigit() and (" ".join(series) in self._short or " ".join(series) in self._parts):
            yield from self._part(query)
        yield from ((row, 0) for row in rows)

    def _part(self, query: _Query) -> Found:
        """By a title or subtitle; by one without the number behind it only if the year agrees.

        Without a year the title of a series that has numbers, "star wars", means all of them.
        """
        key = " ".join(query.significant)
        rows, series = self._parts.get(key, []), self._unnumbered.get(key, [])
        if query.year is not None:
            series = [row for row in series if self.year(row) == query.year]
        elif not rows:
            series = []
        yield from ((row, 0) for row in (*rows, *series))

    def _near(self, query: _Query) -> Found:
        """By a misspelt name or part, which costs one more; by words of a name, like one edit."""
        letters, numbers = _apart(query.significant)
        spellings = self._spellings.get(numbers, {})
        for spelling, edits in _similar(letters, spellings).items():
            for key in spellings[spelling]:
                if _is_misspelling(query.significant, key.split(), edits):
                    yield from ((row, 2 * edits) for row in self._short.get(key, ()))
                    yield from ((row, 2 * edits + 1) for row in self._parts.get(key, ()))
        same = {word: {word: 0} for word in query.significant}
        yield from ((row, 2) for row, _ in self._holding(query, same))

    def _near_by_word(self, query: _Query) -> Found:
        """By several words of a name, each of which may be misspelt."""
        if len(query.significant) > self._most_words:  # each would take a millisecond or two
            return []
        like = {word: _similar(word, self._with_word) for word in query.significant}
        return self._holding(query, like)

    def _holding(self, query: _Query, like: Mapping[str, Mapping[str, int]]) -> Found:
        """By words of a name in their order.

        Two words or more must tell something, and numbers must agree; if the year that was typed
        does, the number behind the words may be left out.

        Args:
            query: what was typed.
            like: of each of its words the words that it can be, and what each costs.
        """
        telling = sum(not word.isdigit() and word not in _COMMON for word in query.significant)
        for index in self._with_all(like):
            name, row = self._named_movies[index]
            name = without_articles(name)
            places = _places(query.significant, name, like)
            of_year = query.year is not None and self.year(row) == query.year
            if telling > 1 and places and _numbers_agree(places, name, or_year=of_year):
                pairs = zip(query.significant, places, strict=True)
                yield row, 2 * sum(like[word][name[place]] for word, place in pairs)

    def _with_all(self, like: Mapping[str, Iterable[str]]) -> list[int]:
        """Names that hold all of some words or others like them, as places in `_named_movies`."""
        holding = [
            set().union(*(self._with_word.get(other, ()) for other in others))
            for others in like.values()
        ]
        return sorted(set.intersection(*holding)) if holding else []

    def _spelt_out(self, query: _Query) -> list[_Query]:
        """The query with the title whose initials its first word is: "lotr two towers"."""
        first, *rest = query.full
        if len(first) < 4 or first in self._with_word:
            return []
        return [_query([*full, *rest], query.year) for full in self._initials.get(first, ())]

    # What the steps look in -----------------------------------------------------------------------

    @cached_property
    def _named_movies(self) -> list[tuple[list[str], int]]:
        """Every name with the movie that has it; a movie may have several."""
        titles = enumerate(self._titles)
        return [(name, row) for row, title in titles for name in names(title) or [[title]]]

    @cached_property
    def _full(self) -> dict[str, list[int]]:
        """Movies by whole names."""
        return _grouped((" ".join(without_breaks(name)), row) for name, row in self._named_movies)

    @cached_property
    def _short(self) -> dict[str, list[int]]:
        """Movies by the significant words of whole names."""
        return _grouped((" ".join(significant(name)), row) for name, row in self._named_movies)

    @cached_property
    def _parts(self) -> dict[str, list[int]]:
        """Movies by the significant words of titles and subtitles in names."""
        return _grouped(
            (" ".join(part), row)
            for name, row in self._named_movies
            for part, is_numbered in parts(name)
            if not is_numbered
        )

    @cached_property
    def _unnumbered(self) -> dict[str, list[int]]:
        """Movies by names and parts without the number behind them: "star wars" of episode 4."""
        found = _grouped(
            (" ".join(part), row)
            for name, row in self._named_movies
            for part, is_numbered in parts(name)
            if is_numbered
        )
        for keys in (self._short, self._parts):
            for key, rows in keys.items():
                series, _, last = key.rpartition(" ")
                if last.isdigit():
                    found.setdefault(series, []).extend(rows)
        return found

    @cached_property
    def _spellings(self) -> dict[tuple[str, ...], dict[str, list[str]]]:
        """Keys of `_short` and `_parts` by their numbers and their letters."""
        found: dict[tuple[str, ...], dict[str, list[str]]] = {}
        for key in {**self._short, **self._parts}:
            letters, numbers = _apart(key.split())
            found.setdefault(numbers, {}).setdefault(letters, []).append(key)
        return found

    @cached_property
    def _with_word(self) -> dict[str, set[int]]:
        """By each word the names that hold it, as their places in `_named_movies`."""
        found: dict[str, set[int]] = {}
        for index, (name, _) in enumerate(self._named_movies):
            for word in name:
                found.setdefault(word, set()).add(index)
        return found

    @cached_property
    def _most_words(self) -> int:
        return max((len(name) for name, _ in self._named_movies), default=0)

    @cached_property
    def _initials(self) -> dict[str, set[tuple[str, ...]]]:
        """First words of names, up to a number or subtitle, by their initials."""
        found: dict[str, set[tuple[str, ...]]] = {}
        for name, _ in self._named_movies:
            title = tuple(takewhile(str.isalpha, name))
            for own in {title, title[1:] if title[:1] == ("the",) else title}:
                found.setdefault("".join(word[0] for word in own), set()).add(own)
        return found

    # Questions ------------------------------------------------------------------------------------

    def _hinted(self, queries: Sequence[_Query]) -> list[int]:
        """Movies with a name that holds all words, whatever its numbers."""
        longer = [own for query in queries for own in self._spelt_out(query)]
        return list(
            dict.fromkeys(
                self._named_movies[index][1]
                for query in (*queries, *longer)
                for index in self._with_all({word: (word,) for word in query.significant})
            )
        )

    def _not_found(
        self, title: str, queries: Sequence[_Query]
    ) -> AmbiguousTitleError | UnknownIdError:
        if hinted := self._hinted(queries):
            of_what = "a title" if len(hinted) == 1 else f"{len(hinted)} titles"
            start = f"{title!r} is only a part of {of_what}; name one in full or by its id"
            return self._ambiguous(start, hinted)
        from rapidfuzz import fuzz, process

        typed = " ".join(queries[0].significant) if queries else title
        nearest = process.extract(typed, list(self._short), scorer=fuzz.ratio, limit=3)
        rows = dict.fromkeys(self._short[name][0] for name, _, _ in nearest)
        shown = ", ".join(self.show(row) for row in rows)
        return UnknownIdError(f"no movie is called {title!r}. The nearest titles: {shown}.")

    def _ambiguous(self, start: str, rows: Sequence[int]) -> AmbiguousTitleError:
        rows = list(dict.fromkeys(rows))
        ids = self.movies[MOVIE].to_numpy()
        shown = [f"{self.show(row)} is id {ids[row]}" for row in rows[:MOST_SHOWN]]
        more = f" and {len(rows) - MOST_SHOWN} more" if len(rows) > MOST_SHOWN else ""
        choices = [(ids[row], self.show(row)) for row in rows]
        return AmbiguousTitleError(f"{start}: {'; '.join(shown)}{more}.", choices)


def _readings(title: str) -> list[_Query]:
    """The ways to read what was typed: a year in the title or of the movie, a V as 5 or as V."""
    typed = _TYPED_YEAR.search(title)
    texts: list[tuple[str, int | None]] = [] if typed and typed[1] else [(title, None)]
    if typed:
        texts.append((title[: typed.start()], int(typed[2])))
    found = []
    for text, year in texts:
        read = without_breaks(words(text))
        digits = [*read[:1], *(LETTER_NUMBERS.get(word, word) for word in read[1:])]
        found += [
            _query(own, year) for own in ([read] if read == digits else [read, digits]) if own
        ]
    return found


def _query(full: Sequence[str], year: int | None) -> _Query:
    return _Query(full, significant(full), year)


def _grouped(pairs: Iterable[tuple[str, int]]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for key, row in pairs:
        found.setdefault(key, []).append(row)
    return found


def _apart(name: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """The letters of a name without spaces, and its numbers."""
    numbers = tuple(filter(str.isdigit, name))
    return "".join(word for word in name if word not in numbers), numbers


def _similar(word: str, words: Iterable[str]) -> dict[str, int]:
    """Those of some words that one may be a misspelling of, and how many edits away they are."""
    from rapidfuzz import process
    from rapidfuzz.distance import OSA

    most = 0 if word.isdigit() else _most_edits(len(word))
    close = process.extract(word, list(words), scorer=OSA.distance, score_cutoff=most, limit=None)
    return {other: int(edits) for other, edits, _ in close if other[:1] == word[:1]}


def _most_edits(length: int) -> int:
    """How many edits a misspelling of so many letters may be away; a short word is another one."""
    return bisect(_LENGTHS, length)


def _is_misspelling(typed: Sequence[str], name: Sequence[str], edits: int) -> bool:
    """Whether no word is another one altogether."""
    from rapidfuzz.distance import OSA

    if len(typed) != len(name):
        return edits <= 1
    pairs = zip(typed, name, strict=True)
    return all(OSA.distance(word, own) <= max(1, min(2, len(word) // 3)) for word, own in pairs)


def _places(
    typed: Sequence[str], name: Sequence[str], like: Mapping[str, Mapping[str, int]]
) -> list[int]:
    """Where in a name the words that were typed are, in their order; nothing if one isn't."""
    places: list[int] = []
    place = -1
    for word in typed:
        after = range(place + 1, len(name))
        place = next((index for index in after if name[index] in like[word]), -1)
        if place < 0:
            return []
        places.append(place)
    return places


def _numbers_agree(places: Sequence[int], name: Sequence[str], *, or_year: bool) -> bool:
    """Whether the numbers of a name and of the words typed, at some places in it, are the same.

    A number must be typed beside the same word as in the name. A number that isn't typed must have
    words typed behind it, unless the year tells which movie it is.
    """
    rank = list(accumulate(word != BREAK for word in name))  # of a word among those without breaks
    for index, place in enumerate(places):
        if name[place].isdigit():
            is_last = index == len(places) - 1
            before = index > 0 and rank[place] - rank[places[index - 1]] == 1
            behind = not is_last and rank[places[index + 1]] - rank[place] == 1
            ends = name[place + 1 : place + 2] in ([], [BREAK])
            if not (before and ends if is_last else before or behind):
                return False
    last = max((place for place in places if not name[place].isdigit()), default=-1)
    missing = (place for place in range(last + 1, len(name)) if place not in places)
    return or_year or not any(name[place].isdigit() for place in missing)


@dataclass(frozen=True, slots=True)
class ById:
    """A movie that is meant by its id, even where a title looks the same."""

    movie_id: Any


def find_movie(movie: Any, lookup: TitleLookup, ids: IdMap, *, has_titles: bool = True) -> Match:
    """A movie given by title or by id.

    Text is a title, or an id where ids are text and no title is exactly the same.

    Raises:
        AmbiguousTitleError: if several movies have that title.
        UnknownIdError: if no movie has it.
    """
    if not isinstance(movie, str):
        return _by_id(movie.movie_id if isinstance(movie, ById) else movie, ids)
    by_id: Match | None = None
    with suppress(UnknownIdError):
        by_id = _by_id(movie.strip(), ids)
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
    return match if match.is_exact or by_id is None else by_id


def find_several(
    movies: Iterable[Any], find: Callable[[Any], int], *, strict: bool, note: Note
) -> dict[int, int]:
    """The internal rows of several movies, by their place among `movies`.

    Those that can't be found are left out and named in a note, if any other can.

    Args:
        movies: titles or ids.
        find: the internal row of one.
        strict: whether one that can't be found is an error.
        note: called with a sentence for each that is left out.

    Raises:
        AmbiguousTitleError, UnknownIdError: for the first that can't be found, if `strict` or if
            none can.
    """
    rows: dict[int, int] = {}
    lost: list[DataError] = []
    for place, movie in enumerate(movies):
        try:
            rows[place] = find(movie)
        except (AmbiguousTitleError, UnknownIdError) as error:
            if strict:
                raise
            lost.append(error)
    if lost and not rows:
        raise lost[0]
    for reason in lost:
        note(f"left out: {reason}")
    return rows


def _by_id(movie_id: Any, ids: IdMap) -> Match:
    return Match(int(ids.to_internal([movie_id])[0]), is_exact=True)
