"""Ids of one kind as those of another, by a table that has both, such as MovieLens' links.csv."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
import pandas as pd

from graphrec.data.cells import like_ids
from graphrec.data.files import Note, read_frame
from graphrec.data.names import COLUMN, MOVIE, ReadOptions
from graphrec.errors import Argument, DataError, Grave, argument

LINKS = argument("links")
_ALLOW = argument("allow_unmatched", True)
_NUMBER = re.compile(r"(?:tt)?0*([0-9]+)(?:\.0+)?", re.IGNORECASE)
FEW, MOST = 0.5, 0.9
_DISTINCT = 0.5  # of the cells of a column of ids; genres repeat more often


@dataclass(frozen=True, slots=True, eq=False)
class Links:
    """Several ids of the same movies.

    Attributes:
        name: of the table, for messages.
        ids: as keys (see `id_keys`), a column for each kind, missing where a movie has none.
    """

    name: str
    ids: pd.DataFrame

    @classmethod
    def read(cls, source: Any, options: ReadOptions) -> Links:
        """Read a links table: path or data frame, each column a kind of id.

        Raises:
            DataError: if it has no two columns of ids.
        """
        frame, name = read_frame(
            source,
            called="the links table",
            as_written=lambda header, _: header,
            encoding=options.encoding,
            note=options.note,
        )
        kinds = {}
        for column in frame.columns:
            try:
                codes, distinct = pd.factorize(frame[column])
            except TypeError:  # lists or records, which are no ids
                continue
            if len(distinct) >= _DISTINCT * (codes >= 0).sum() and len(distinct):
                kinds[column] = id_keys(frame[column])
        if len(kinds) < 2:
            raise DataError(
                f"{name}: a table of links has two columns of ids or more, such as movieId and"
                f" tmdbId; this one has {', '.join(frame.columns)}."
            )
        return cls(name, pd.DataFrame(kinds))

    def of(self, rated: pd.Series[Any], kind: str) -> set[str]:
        """Keys of some movies that may be of a kind, by the movies' ids in the ratings.

        Args:
            rated: ids in the ratings.
            kind: a part of the name that a column of such ids has, such as ``imdb``; if no column
                has it, keys of all kinds are returned.
        """
        keys = set(id_keys(rated))
        counts = {one: len(keys & set(self.ids[one].dropna())) for one in self.ids}
        rows = self.ids[self.ids[max(counts, key=lambda one: counts[one])].isin(keys)]
        of_kind = [one for one in self.ids if kind in str(one).lower()]
        return {key for one in of_kind or self.ids for key in rows[one].dropna()}

    def translate(
        self, table: pd.DataFrame, rated: pd.Series[Any], name: str, note: Note
    ) -> pd.DataFrame:
        """A metadata table by the ratings' ids; as it is where more of its own ids are theirs.

        Args:
            table: with ``movie_id``.
            rated: the ratings' movie ids, each once.
            name: of the table, for messages.
            note: called with a sentence on what the ids were taken for.

        Raises:
            DataError: if the links give a movie of the ratings two of the table's ids.
        """
        keys, wanted = id_keys(table[MOVIE]), id_keys(rated)
        own, of_ratings = set(keys), set(wanted)
        kinds = [str(kind) for kind in self.ids.columns]
        in_table = {kind: self.ids[kind].isin(own) for kind in kinds}
        in_ratings = {kind: self.ids[kind].isin(of_ratings) for kind in kinds}
        met = {
            (a, b): self.ids[a][in_ratings[a] & in_table[b]].nunique()
            for a, b in permutations(kinds, 2)
        }
        direct = int(rated.isin(like_ids(table[MOVIE], rated)).sum())
        (first, second), most = max(met.items(), key=lambda one: one[1])
        if most <= direct:
            return table
        pairs = self.ids.loc[in_ratings[first] & in_table[second], [first, second]]
        pairs = pairs.drop_duplicates()
        self._check_one_to_one(pairs, first, second)
        ids = pd.DataFrame({first: wanted.to_numpy(), "by_ratings": rated.to_numpy()})
        ids["by_ratings"] = ids["by_ratings"].astype(rated.dtype)
        joined = pairs.merge(ids, on=first)
        rows = pd.Series(np.arange(len(table)), index=keys.to_numpy())
        found = table.iloc[rows.loc[joined[second]].to_numpy()].reset_index(drop=True)
        found[MOVIE] = joined["by_ratings"].to_numpy()
        note(
            f"{name}: its ids were taken for {self.name}'s {second}, and the ratings' for"
            f" {first}: {most:,} of {len(rated):,} rated movies are in both."
        )
        unlinked = len(table) - joined[second].nunique()
        if unlinked:
            note(f"{name}: movies that the links give no rated movie, left out: {unlinked:,}.")
        order = pd.factorize(found[MOVIE], sort=True)[0].argsort(kind="stable")
        return found.iloc[order].reset_index(drop=True)

    def _check_one_to_one(self, pairs: pd.DataFrame, first: str, second: str) -> None:
        several = pairs[pairs[first].duplicated(keep=False)]
        if several.empty:
            return
        movie = several[first].iloc[0]
        both = several.loc[several[first] == movie, second].tolist()
        raise DataError(
            f"{self.name}: {first} {movie} has {len(both)} {second}s, {', '.join(both[:3])}"
            f" (such movies: {several[first].nunique():,}); keep one line for each movie."
        )


def id_keys(ids: pd.Series[Any]) -> pd.Series[Any]:
    """Ids as text by which different spellings meet: ``tt0113277``, ``0113277`` and 113277.

    Where two ids of a column differ in their spelling only, all stay as they are.

    >>> id_keys(pd.Series(["tt0113277", "862.0"])).tolist()
    ['113277', '862']
    >>> id_keys(pd.Series(["007", "7"])).tolist()
    ['007', '7']
    """
    codes, distinct = pd.factorize(ids)
    texts = [str(value).strip() for value in distinct]
    keys = [found[1] if (found := _NUMBER.fullmatch(text)) else text for text in texts]
    if len(set(keys)) < len(set(texts)):
        keys = texts
    values = np.array([*keys, None], dtype=object)  # a missing id's code is -1
    return pd.Series(values[codes], index=ids.index, dtype=object)


def check_met(
    rated: pd.Series[Any],
    ids: pd.Series[Any],
    name: str,
    *,
    note: Note,
    allow_unmatched: bool = False,
) -> None:
    """Refuse two tables of which too few movies meet, or say so.

    Args:
        rated: the ratings' movie ids, each once.
        ids: the other table's, of the same type.
        name: of the other table.
        note: called with a sentence where some don't meet.
        allow_unmatched: never refuse if any meet.

    Raises:
        DataError: if none meet; or less than half of the rated movies, unless it is allowed.
    """
    met = rated.isin(ids)
    fraction = met.mean()
    sides = f"the ratings have {_some(rated)}, for example, and {name} has {_some(ids)}"
    do: tuple[str | Argument, ...] = ("map one kind of id to the other with ", LINKS)
    if not met.any():
        check: tuple[str | Argument, ...] = ("; check ", COLUMN[MOVIE], ", or ")
        raise DataError(f"the ratings and {name} share no movie id: {sides}", *check, *do, ".")
    if met.all():
        return
    counts = f"{met.sum():,} of {len(met):,} rated movies"
    if fraction < FEW and not allow_unmatched:
        raise DataError(
            f"only {counts} ({fraction:.0%}) are in {name}: {sides}; ",
            *do,
            ", or add ",
            _ALLOW,
            " to keep the others without metadata.",
        )
    if fraction < MOST:
        note(
            Grave(
                f"only {counts} ({fraction:.0%}) are in {name}; the others are kept without"
                f" metadata. If these should be the same movies ({sides}), ",
                *do,
                ".",
            )
        )
        return
    note(
        f"rated movies that {name} lacks, kept without metadata: {(~met).sum():,}"
        f" (first: {rated[~met].iloc[0]})."
    )


def _some(ids: pd.Series[Any]) -> str:
    return ", ".join(str(value) for value in ids.head(3))
