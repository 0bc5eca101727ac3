"""What explanations hold: a score or a similarity, and all that it is the exact sum of."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from math import isnan
from typing import Any, cast

import pandas as pd

from graphrec.data.tables import MOVIE, TITLE, USER
from graphrec.notebook import html_card, html_table
from graphrec.plain import plain

SHOWN = 10  # rows of a table in a notebook
NEW_USER = "a new user"


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """A movie's score for a user, split exactly: `total` is `score` but for rounding.

    It tells what the score is made of, which is association: who watched these movies also watched
    that one. Nothing in it is a cause.

    Attributes:
        user_id: whom the score is for; None for a new user.
        movie_id, title: what is scored.
        score: by the model's own scorer.
        rank: the place it takes among the movies that the user has not watched, from 1.
        num_ranked: how many those are, this one included.
        watched: whether the user has watched it already.
        contributions: what each watched movie adds: ``movie_id``, ``title``, ``company`` (who
            watches them), ``metadata`` (what they are), ``total``; largest first. Without
            ``metadata`` or ``company`` where the model has no such part.
        own: what the user's own embedding adds, which is of nothing they have watched.
        popularity: what the movie's popularity adds.
        unwatched: what is added to every movie that nobody has watched.
        paths: ``movie_id``, ``title``, ``user_id``, ``score``, ``share``: watched movies, other
            users who have watched them and the scored movie, what the pair adds to the score and
            its share of the ID part's cosine (of its inner product where it scores by these);
            largest first. The rest of it is of pairs without an edge, and of own embeddings.
        notes: sentences about what is special here.
    """

    user_id: Any
    movie_id: Any
    title: str
    score: float
    rank: int
    num_ranked: int
    watched: bool
    contributions: pd.DataFrame
    own: float
    popularity: float
    unwatched: float
    paths: pd.DataFrame
    notes: tuple[str, ...]

    @property
    def total(self) -> float:
        """The sum of everything."""
        watches = float(self.contributions["total"].sum())
        return watches + self.own + self.popularity + self.unwatched

    @property
    def paths_share(self) -> float:
        """The share of the ID part's cosine that is on paths."""
        return float(self.paths["share"].sum())

    @property
    def through(self) -> pd.DataFrame:
        """The paths through each watched movie together, the largest amount first.

        Columns ``movie_id``, ``title``, ``users`` (ids, those that add most first), ``score`` and
        ``share``.
        """
        groups = self.paths.groupby(MOVIE, sort=False)
        together = groups.agg(
            title=(TITLE, "first"),
            users=(USER, list),
            score=("score", "sum"),
            share=("share", "sum"),
        )
        largest = together["score"].abs().sort_values(ascending=False, kind="stable").index
        return together.loc[largest].reset_index()

    @property
    def sentence(self) -> str:
        """The score in words."""
        user = NEW_USER if self.user_id is None else f"user {self.user_id}"
        seen = ", who has watched it already" if self.watched else ""
        place = "it would be place" if self.watched else "place"
        return (
            f"{self.title} scores {self.score:.4f} for {user}{seen}: {place} {self.rank:,} of"
            f" {self.num_ranked:,}{', itself and those' if self.watched else ''} not watched yet."
        )

    @property
    def rest(self) -> dict[str, float]:
        """What is not of single watched movies, by name, without what is nothing."""
        named = {
            "own embedding": self.own,
            "popularity": self.popularity,
            "not watched by anybody": self.unwatched,
        }
        return {name: value for name, value in named.items() if abs(value) >= 5e-5}

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values."""
        values = {name: getattr(self, name) for name in self.__slots__}
        tables = {name: values[name].to_dict("records") for name in ("contributions", "paths")}
        told = values | {"sum": self.total, "paths_share": self.paths_share} | tables
        return cast(dict[str, Any], plain(told))

    def __repr__(self) -> str:
        return f"<Explanation: {self.sentence} Sum of {len(self.contributions):,} movies and more.>"

    def _repr_html_(self) -> str:
        rest = html_table([*self.rest.items(), ("sum of all", self.total)])
        through = self.through.assign(users=self.through["users"].map(len))
        return html_card(
            self.sentence, _table(self.contributions), rest, _table(through), *_said(self.notes)
        )


@dataclass(frozen=True, slots=True, eq=False)
class SimilarityExplanation:
    """How alike two movies are, split exactly.

    Attributes:
        movie_ids, titles: of both.
        company: cosine of their ID embeddings; NaN where the model has no ID part.
        viewers: what each viewer of the first adds to it: ``user_id``, ``company``, ``both``
            (whether they have watched the second too); largest first.
        own: what the first movie's own state adds, which is of no viewer.
        num_viewers: of each in the training graph.
        shared: how many viewers they share.
        num_users: that have watched anything there.
        expected: how many viewers they would share by chance: the product of `num_viewers`, over
            `num_users`.
        features: cosine of their features as they went in, as `similar` has it; NaN where there
            are none.
        columns: what each metadata column adds to it: ``column``, ``first``, ``second`` (the
            cells), ``features``; largest first.
        notes: sentences about what is special here.
    """

    movie_ids: tuple[Any, Any]
    titles: tuple[str, str]
    company: float
    viewers: pd.DataFrame
    own: float
    num_viewers: tuple[int, int]
    num_users: int
    shared: int
    expected: float
    features: float
    columns: pd.DataFrame
    notes: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """Both similarities in words."""
        sides = {"by company": self.company, "by features": self.features}
        known = [f"{value:.4f} {name}" for name, value in sides.items() if not isnan(value)]
        return f"{self.titles[0]} and {self.titles[1]}: cosine {', '.join(known) or 'not known'}."

    @property
    def company_sentence(self) -> str:
        """How many viewers they share, in words."""
        first, second = self.num_viewers
        expected = f"{self.expected:,.1f}" if self.expected >= 0.1 else f"{self.expected:.1g}"
        return (
            f"{self.shared:,} user{'s' * (self.shared != 1)} watched both; by chance it would be"
            f" {expected}"
            f" ({first:,} x {second:,} viewers / {self.num_users:,} users)."
        )

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values."""
        values = {name: getattr(self, name) for name in self.__slots__}
        tables = {name: values[name].to_dict("records") for name in ("viewers", "columns")}
        return cast(dict[str, Any], plain(values | tables))

    def __repr__(self) -> str:
        return f"<SimilarityExplanation: {self.sentence} {self.company_sentence}>"

    def _repr_html_(self) -> str:
        said = _said((self.company_sentence,))
        return html_card(
            self.sentence, *said, _table(self.viewers), _table(self.columns), *_said(self.notes)
        )


def _table(table: pd.DataFrame) -> str:
    """The first rows of a table as HTML; nothing of an empty one."""
    if table.empty:
        return ""
    shown = table.head(SHOWN).drop(columns=MOVIE, errors="ignore").astype(object)
    for column in {USER, "both", "first", "second"} & set(shown.columns):  # no quantities
        shown[column] = ["" if cell in (None, False) else str(cell) for cell in shown[column]]
    more = len(table) - SHOWN
    said = _said((f"and {more:,} more",)) if more > 0 else ()
    return html_table(shown.to_numpy().tolist(), columns=list(shown.columns)) + "".join(said)


def _said(sentences: tuple[str, ...]) -> tuple[str, ...]:
    """Each sentence as a paragraph of HTML."""
    return tuple(f"<p>{escape(sentence)}</p>" for sentence in sentences)
