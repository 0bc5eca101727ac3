"""How much of their wording titles share: films of one series do, and hardly any others."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from graphrec.recommend.titles import names

_NOT_TELLING = {
    *("the", "a", "an", "la", "le", "les", "el", "los", "las", "il", "lo", "der", "die", "das"),
    *("un", "une", "una", "ein", "eine", "of", "and", "in", "to", "on", "for", "at", "by", "from"),
    *("with", "de", "du", "et", "und", "part", "episode", "chapter", "vol", "volume"),
    *("movie", "film", "aka"),
}
"""Words that films share by chance."""


class TitleWords:
    """How much of their wording titles share, as cosines of TF-IDF.

    Numbers, articles and words such as "part" don't count, so what counts are the names that films
    of one series share.

    >>> titles = ["Matrix, The (1999)", "Matrix Reloaded, The (2003)", "Heat (1995)", "Alien"]
    >>> TitleWords(titles).similarity(0).round(2).tolist()
    [1.0, 0.45, 0.0, 0.0]
    """

    def __init__(self, titles: Sequence[str]) -> None:
        self.words = [_telling_words(str(title)) for title in titles]
        self.having: dict[str, list[int]] = {}
        for row, words in enumerate(self.words):
            for word in words:
                self.having.setdefault(word, []).append(row)
        self.weight = {
            word: math.log(len(titles) / len(rows)) ** 2 for word, rows in self.having.items()
        }
        squared = [sum(self.weight[word] for word in words) for words in self.words]
        self.length = np.sqrt(np.maximum(squared, 1e-12))

    def similarity(self, row: int) -> np.ndarray:
        """Of every title with one, float64 [M], from 0 to 1."""
        common = np.zeros(len(self.words))
        for word in self.words[row]:
            common[self.having[word]] += self.weight[word]
        return np.asarray(common / (self.length * self.length[row]))


def _telling_words(title: str) -> frozenset[str]:
    words = [word for name in names(title) for word in name]
    return frozenset(w for w in words if len(w) > 1 and not w.isdigit()) - _NOT_TELLING
