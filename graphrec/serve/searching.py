"""Movies found while their title is typed."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np

from graphrec.errors import AmbiguousTitleError, UnknownIdError
from graphrec.recommend.lookup import TitleLookup
from graphrec.recommend.titles import SKIPPED, names, without_breaks, words

_LAST = "\U0010ffff"  # behind every word that begins with the letters before it


class Search:
    """Finds the movies whose titles hold all words typed; the last may be only begun.

    Whole titles come first, then those that begin with what was typed, then the rest; among
    these the movies with more ratings. If there is none, the forgiving lookup is asked
    (`graphrec.recommend.lookup`).

    Args:
        lookup: of the movies.
        titles: theirs, [M].
        degree: number of each movie's ratings, [M].

    >>> import pandas as pd
    >>> movies = pd.DataFrame({"movie_id": [1, 2], "title": ["Heat (1995)", "Heathers (1989)"]})
    >>> search = Search(TitleLookup(movies), movies["title"].tolist(), np.array([1, 5]))
    >>> search.find("heat", 5), search.find("heath", 5), search.find("heathres", 5)
    ([0, 1], [1], [1])
    """

    def __init__(self, lookup: TitleLookup, titles: Sequence[str], degree: np.ndarray) -> None:
        self._lookup, self._degree = lookup, degree
        self._names: list[tuple[list[str], int]] = []
        having: dict[str, set[int]] = {}
        for row, title in enumerate(titles):
            year = lookup.year(row)
            for name in names(title) or [[title.casefold()]]:
                own = without_breaks(name)
                for word in (*own, *([] if year is None else [str(year)])):
                    having.setdefault(word, set()).add(len(self._names))
                self._names.append((own, row))
        self._having, self._vocabulary = having, sorted(having)

    def find(self, typed: str, k: int) -> list[int]:
        """Rows of at most k movies, the likeliest first."""
        read = without_breaks(words(typed))
        if not read:
            return []
        *whole, begun = read
        telling = [word for word in whole if word not in SKIPPED]
        found = self._beginning(begun)
        for word in telling:
            found = found & self._having.get(word, set())
        ranked = sorted(found, key=lambda index: self._rank(index, read))
        rows = list(dict.fromkeys(self._names[index][1] for index in ranked))
        return rows[:k] if rows else self._like(typed)[:k]

    def _beginning(self, letters: str) -> set[int]:
        """Names with a word that begins so."""
        start = bisect_left(self._vocabulary, letters)
        end = bisect_left(self._vocabulary, letters + _LAST)
        return set().union(*(self._having[word] for word in self._vocabulary[start:end]))

    def _rank(self, index: int, read: list[str]) -> tuple[int, float, int]:
        name, row = self._names[index]
        own = [word for word in name if word not in SKIPPED]
        typed = [word for word in read if word not in SKIPPED] or read
        begins = own[: len(typed) - 1] == typed[:-1] and "".join(
            own[len(typed) - 1 : len(typed)]
        ).startswith(typed[-1])
        group = 0 if own == typed or name == read else 1 if begins else 2
        return group, -float(self._degree[row]), row

    def _like(self, typed: str) -> list[int]:
        """What may be meant by a misspelt title, or by one with words left out."""
        try:
            return [self._lookup.find(typed).row]
        except AmbiguousTitleError as error:
            ids = self._lookup.movies["movie_id"]
            wanted = [movie for movie, _ in error.choices]
            rows = np.flatnonzero(ids.isin(wanted).to_numpy())
            return sorted(rows.tolist(), key=lambda row: -float(self._degree[row]))
        except UnknownIdError:
            return []
