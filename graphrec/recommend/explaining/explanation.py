"""What explanations hold: a score or a similarity, and all that it is the exact sum of."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from math import isnan
from typing import Any, cast

import pandas as pd

from graphrec.data.tables import MOVIE, TITLE, USER
from graphrec.formatting import counted, to_jsonable
from graphrec.notebook import html_card, html_table

SHOWN = 10  # rows of a table in a notebook
NEW_USER = "a new user"


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """A movie's score for a user, split exactly: `total` is `score` but for rounding.

    It says what the score is made of, which is association: people who rated these movies also
    rated that one. Nothing in it is a cause.

    Attributes:
        user_id: whom the score is for; None for a new user.
        movie_id, title: what is scored.
        score: as the model ranks by it.
        rank: among the movies that the user has not rated, from 1.
        num_ranked: how many those are, this one included.
        rated: whether the user has rated it already.
        contributions: what each movie of the history adds: ``movie_id``, ``title``,
            ``collaborative`` (ID and spectral part, 3-hop paths), ``metadata``, ``total``; largest
            first. Without ``metadata`` or ``collaborative`` where the model has no such part.
        own: what the user's own embedding adds, which comes from no movie of the history.
        popularity: what the movie's popularity adds.
        unrated: what is added to every movie without interactions.
        paths: ``movie_id``, ``title``, ``user_id``, ``score``, ``fraction``: movies of the history,
            other users who have rated them and the scored movie, what the pair adds to the score
            and its fraction of what the ID part adds; largest first. The rest of that comes from
            pairs without an edge, and from own embeddings.
        notes: sentences about what is special here.
    """

    user_id: Any
    movie_id: Any
    title: str
    score: float
    rank: int
    num_ranked: int
    rated: bool
    contributions: pd.DataFrame
    own: float
    popularity: float
    unrated: float
    paths: pd.DataFrame
    notes: tuple[str, ...]

    @property
    def total(self) -> float:
        """The sum of everything."""
        history = float(self.contributions["total"].sum())
        return history + self.own + self.popularity + self.unrated

    @property
    def paths_fraction(self) -> float:
        """The fraction of what the ID part adds that is on paths."""
        return float(self.paths["fraction"].sum())

    @property
    def through(self) -> pd.DataFrame:
        """The paths through each movie of the history together, the largest amount first.

        Columns ``movie_id``, ``title``, ``users`` (ids, those that add most first), ``score`` and
        ``fraction``.
        """
        groups = self.paths.groupby(MOVIE, sort=False)
        together = groups.agg(
            title=(TITLE, "first"),
            users=(USER, list),
            score=("score", "sum"),
            fraction=("fraction", "sum"),
        )
        largest = together["score"].abs().sort_values(ascending=False, kind="stable").index
        return together.loc[largest].reset_index()

    @property
    def sentence(self) -> str:
        """The score in words."""
        user = NEW_USER if self.user_id is None else f"user {self.user_id}"
        seen = ", who has rated it already; otherwise it would be" if self.rated else ":"
        return (
            f"{self.title} scores {self.score:.4f} for {user}{seen} rank {self.rank:,} of"
            f" {self.num_ranked:,} movies not rated yet."
        )

    @property
    def rest(self) -> dict[str, float]:
        """What comes from no single movie of the history, by name, without what is 0."""
        named = {
            "own embedding": self.own,
            "popularity": self.popularity,
            "no ratings yet": self.unrated,
        }
        return {name: value for name, value in named.items() if abs(value) >= 5e-5}

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values."""
        values = {name: getattr(self, name) for name in self.__slots__}
        tables = {name: values[name].to_dict("records") for name in ("contributions", "paths")}
        everything = values | {"sum": self.total, "paths_fraction": self.paths_fraction} | tables
        return cast(dict[str, Any], to_jsonable(everything))

    def __repr__(self) -> str:
        history = counted(len(self.contributions), "movie")
        return f"<Explanation: {self.sentence} The history has {history}.>"

    def _repr_html_(self) -> str:
        rest = html_table([*self.rest.items(), ("sum of all", self.total)])
        through = self.through.assign(users=self.through["users"].map(len))
        return html_card(
            self.sentence, _table(self.contributions), rest, _table(through), *_said(self.notes)
        )


@dataclass(frozen=True, slots=True, eq=False)
class SimilarityExplanation:
    """How similar two movies are, split exactly.

    Attributes:
        movie_ids, titles: of both.
        collaborative: their collaborative similarity as `similar` has it, in standard deviations
            above the average movie; NaN where the model has none.
        users: what each user of the first adds to it: ``user_id``, ``collaborative``, ``both``
            (whether they have rated the second, too); largest first.
        own: what comes from no user: the average movie's similarity, which is subtracted, and what
            the first movie's own state adds where ID embeddings are compared.
        num_ratings: of each in the training graph.
        common: how many users they have in common.
        num_users: with interactions in the training graph.
        expected: how many they would have in common by chance: the product of `num_ratings`, over
            `num_users`.
        features: cosine of their features as they went in, as `similar` has it; NaN where there
            are none.
        columns: what each metadata column adds to it: ``column``, ``first``, ``second`` (the
            cells), ``features``; largest first.
        notes: sentences about what is special here.
    """

    movie_ids: tuple[Any, Any]
    titles: tuple[str, str]
    collaborative: float
    users: pd.DataFrame
    own: float
    num_ratings: tuple[int, int]
    num_users: int
    common: int
    expected: float
    features: float
    columns: pd.DataFrame
    notes: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """Both similarities in words."""
        known = {
            "{:.4f} standard deviations more similar than the average movie": self.collaborative,
            "cosine {:.4f} by features": self.features,
        }
        said = [text.format(value) for text, value in known.items() if not isnan(value)]
        return f"{self.titles[0]} and {self.titles[1]}: {', '.join(said) or 'nothing to compare'}."

    @property
    def users_sentence(self) -> str:
        """How many users they have in common, in words."""
        first, second = self.num_ratings
        expected = f"{self.expected:,.1f}" if self.expected >= 0.1 else f"{self.expected:.1g}"
        return (
            f"{counted(self.common, 'user')} in common, {expected} expected by"
            f" chance ({first:,} x {second:,} ratings / {counted(self.num_users, 'user')})."
        )

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values."""
        values = {name: getattr(self, name) for name in self.__slots__}
        tables = {name: values[name].to_dict("records") for name in ("users", "columns")}
        return cast(dict[str, Any], to_jsonable(values | tables))

    def __repr__(self) -> str:
        return f"<SimilarityExplanation: {self.sentence} {self.users_sentence}>"

    def _repr_html_(self) -> str:
        said = _said((self.users_sentence,))
        return html_card(
            self.sentence, *said, _table(self.users), _table(self.columns), *_said(self.notes)
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
