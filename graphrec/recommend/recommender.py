"""Asking a trained model: similar movies, and recommendations for known and new users."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from graphrec.choices import Similarity, choice
from graphrec.data.ids import IdMap
from graphrec.data.tables import MOVIE, TITLE, USER
from graphrec.errors import AmbiguousTitleError, ConfigError, UnknownIdError
from graphrec.model.embeddings import Embeddings
from graphrec.recommend.artefact import Artefact
from graphrec.recommend.lookup import TitleLookup


class Recommender:
    """A trained model, ready to be asked.

    Example::

        recommender = graphrec.Recommender.load("graphrec-model")
        recommender.similar("Toy Story", k=5)
        recommender.recommend([42], k=10)
        recommender.recommend(history=["Heat", "Alien"])
    """

    def __init__(self, artefact: Artefact) -> None:
        self.artefact = artefact
        self.movies = artefact.movies()
        ids = self.movies[MOVIE]
        self.movie_ids = IdMap(pd.Index(ids.to_numpy(), dtype=ids.to_numpy().dtype), "movie")

    @classmethod
    def load(cls, folder: str | Path = "graphrec-model") -> Recommender:
        """Load the model that `graphrec train` wrote to `folder`.

        Raises:
            ArtefactError: if there is none, or it is damaged or newer than this graphrec.
        """
        return cls(Artefact.open(folder))

    def __repr__(self) -> str:
        data = self.artefact.manifest["data"]
        return (
            f"Recommender({str(self.artefact.folder)!r}: {data['users']:,} users,"
            f" {data['movies']:,} movies, {data['watches']:,} watches)"
        )

    @cached_property
    def lookup(self) -> TitleLookup:
        """Finds movies by title."""
        return TitleLookup(self.movies)

    @cached_property
    def user_ids(self) -> IdMap:
        """The users of the training tables."""
        return self.artefact.users()

    @cached_property
    def watched(self) -> sp.csr_array:
        """Users x movies: the watches the model knows (training and validation)."""
        interactions, split = self.artefact.interactions(self.user_ids, self.movie_ids)
        return interactions.to_csr(split.known)

    def find(self, movie: Any) -> int:
        """The internal row of a movie given by title or by id.

        Text is a title, or an id where ids are text and no title is exactly the same.

        Raises:
            AmbiguousTitleError: if several movies have that title.
            UnknownIdError: if no movie has it.
        """
        if not isinstance(movie, str):
            return self._row(movie)
        by_id: int | None = None
        with suppress(UnknownIdError):
            by_id = self._row(movie.strip())
        try:
            match = self.lookup.find(movie)
        except (UnknownIdError, AmbiguousTitleError):
            if by_id is None:
                raise
            return by_id
        return match.row if match.is_exact or by_id is None else by_id

    def _row(self, movie_id: Any) -> int:
        return int(self.movie_ids.to_internal([movie_id])[0])

    def similar(
        self,
        movie: Any = None,
        k: int = 10,
        *,
        movie_id: Any = None,
        by: str = Similarity.BOTH,
    ) -> pd.DataFrame:
        """The movies closest to one movie.

        By ``company`` it is the cosine of the learned embeddings: who watches them, and what else
        those people watch. By ``metadata`` it is the cosine of the features. By ``both`` it is the
        mean of the two, so that sequels that share few viewers and strangers that share only a
        genre both stand behind what is alike in either way.

        Args:
            movie: title (forgiving) or id.
            k: how many.
            movie_id: the id, instead of `movie`, where a title could look the same.
            by: what to compare, a `Similarity` or its name; without metadata ``both`` is
                ``company``.

        Returns:
            Columns ``movie_id``, ``title``, ``score`` (-1 to 1) and, where there is metadata,
            its two sides ``company`` and ``metadata``; closest first.

        Raises:
            UnknownIdError, AmbiguousTitleError: if the movie isn't known or several are meant.
            ConfigError: if there is no metadata to compare by, or the arguments don't go together.
        """
        _check_k(k)
        by = choice(Similarity, by, "by")
        if (movie is None) == (movie_id is None):
            raise ConfigError("name one movie: by title or by id.")
        row = self.find(movie) if movie_id is None else self._row(movie_id)
        sides = {Similarity.COMPANY: _cosine_to(self._company(row), row)}
        if self._embeddings.features.shape[1]:
            sides[Similarity.METADATA] = _cosine_to(self._embeddings.features, row)
        elif by is Similarity.METADATA:
            raise ConfigError("this model has no metadata to compare movies by.")
        chosen = sides.get(by)
        score = np.mean(list(sides.values()), axis=0) if chosen is None else chosen
        others = np.delete(np.arange(len(score)), row)
        best = others[np.argsort(-score[others], kind="stable")[:k]]
        table = self._table(best, score[best])
        if len(sides) > 1:
            table = table.assign(**{name.value: side[best] for name, side in sides.items()})
        return table

    def recommend(
        self,
        users: Any = None,
        *,
        history: Any = None,
        k: int = 20,
        filter_viewed: bool = True,
        among: Iterable[Any] | None = None,
    ) -> pd.DataFrame:
        """The best movies for users of the tables, or for a new user with a history.

        A new user needs no training: their embedding is LightGCN's formula over the history.

        Args:
            users: one id or several; all users where both `users` and `history` are None.
            history: title or id, or several, that a new user likes, instead of `users`.
            k: how many for each; fewer where fewer are left.
            filter_viewed: leave out what the user is known to have watched.
            among: ids of the only movies that may be recommended.

        Returns:
            Columns ``user_id`` (not with `history`), ``movie_id``, ``title``, ``rank`` from 1,
            ``score``; users in the order given.

        Raises:
            UnknownIdError: if a user or movie isn't in the tables.
        """
        _check_k(k)
        allowed = None if among is None else self._allowed(among)
        if history is not None:
            if users is not None:
                raise ConfigError("give either users or a history, not both.")
            return self._recommend_new(_several(history), k, filter_viewed, allowed)
        everyone = np.arange(len(self.user_ids))
        rows = everyone if users is None else self.user_ids.to_internal(_several(users))
        table, counts = self._rank(
            (self._embeddings.user[rows], self._embeddings.user_metadata[rows]),
            self.watched[rows],
            k,
            filter_viewed,
            allowed,
        )
        table.insert(0, USER, self.user_ids.to_external(np.repeat(rows, counts)))
        return table

    def _recommend_new(
        self, history: list[Any], k: int, filter_viewed: bool, allowed: np.ndarray | None
    ) -> pd.DataFrame:
        if not history:
            raise ConfigError("a history needs at least one movie.")
        rows = np.unique([self.find(movie) for movie in history])
        own = self._embeddings
        by_id, by_metadata = (
            part[rows].sum(axis=0, keepdims=True) / len(rows) ** 0.5
            for part in (own.fold_in, own.fold_in_metadata)
        )
        ones = np.ones(len(rows), dtype=np.float32)
        shape = (1, len(self.movies))
        watched = sp.csr_array((ones, (np.zeros(len(rows), dtype=int), rows)), shape=shape)
        return self._rank((by_id, by_metadata), watched, k, filter_viewed, allowed)[0]

    def _rank(
        self,
        users: tuple[np.ndarray, np.ndarray],
        watched: sp.csr_array,
        k: int,
        filter_viewed: bool,
        allowed: np.ndarray | None,
    ) -> tuple[pd.DataFrame, np.ndarray]:
        """The lists of some users under each other, and how long each is.

        Shapes:
            - `users`: embeddings [N, D] by ID and by metadata; `watched`: what each of them has
              watched, [N, M].
        """
        from graphrec.evaluate.ranking import rank

        number = len(users[0])
        if not number:
            return self._table(np.zeros(0, np.int64), np.zeros(0)).assign(rank=0), np.zeros(0, int)
        scorer = self.artefact.scorer(self._embeddings, *users, watched)
        hidden = watched if filter_viewed else None
        blocks = list(rank(scorer, np.arange(number), k, watched=hidden, allowed=allowed))
        movies = np.concatenate([block.movies for block in blocks])
        scores = np.concatenate([block.scores for block in blocks])
        listed = ~np.isneginf(scores)
        place = np.broadcast_to(np.arange(1, movies.shape[1] + 1), movies.shape)
        table = self._table(movies[listed], scores[listed])
        table.insert(2, "rank", place[listed])
        return table, listed.sum(axis=1)

    def _table(self, rows: np.ndarray, scores: np.ndarray) -> pd.DataFrame:
        return pd.DataFrame(
            {
                MOVIE: self.movies[MOVIE].to_numpy()[rows],
                TITLE: self.movies[TITLE].to_numpy()[rows],
                "score": scores.astype(np.float64),
            }
        )

    def _allowed(self, movie_ids: Iterable[Any]) -> np.ndarray:
        allowed = np.zeros(len(self.movies), dtype=bool)
        allowed[self.movie_ids.to_internal(list(movie_ids))] = True
        return allowed

    def _company(self, row: int) -> np.ndarray:
        """What a movie is compared by as to who watches it, [M, D].

        Of a movie that nobody has watched it is what the metadata part has learned of such.
        """
        by_id = self._embeddings.movie
        return by_id if by_id[row].any() else self._embeddings.movie_metadata

    @cached_property
    def _embeddings(self) -> Embeddings:
        return self.artefact.embeddings()


def _cosine_to(vectors: np.ndarray, row: int) -> np.ndarray:
    """Cosine of every row with one row, float64 [n]; 0 where a row is zero."""
    length = np.maximum(np.linalg.norm(vectors, axis=1), 1e-12)
    return np.asarray((vectors @ vectors[row]) / (length * length[row]), dtype=np.float64)


def _several(values: Any) -> list[Any]:
    """A list of ids or titles, also if there is only one."""
    return [values] if isinstance(values, str) or np.isscalar(values) else list(values)


def _check_k(k: int) -> None:
    if k < 1:
        raise ConfigError(f"k is {k}; it must be 1 or more.")
