"""Asking a trained model: similar movies, and recommendations for known and new users."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import scipy.sparse as sp

from graphrec.choices import Layers, Similarity, choice
from graphrec.data.files import Note, warn
from graphrec.data.ids import IdMap
from graphrec.data.interactions import Interactions
from graphrec.data.split import Split
from graphrec.data.tables import MOVIE, TITLE, USER
from graphrec.errors import AmbiguousTitleError, ConfigError, UnknownIdError
from graphrec.model.embeddings import Embeddings
from graphrec.model.folding import fold_in, power_of
from graphrec.recommend.artefact import Artefact
from graphrec.recommend.likeness import compare_to
from graphrec.recommend.lists import check_k, lists_of, several
from graphrec.recommend.lookup import TitleLookup
from graphrec.recommend.newcomers import Newcomers, one_history, read_histories, read_new_movies

if TYPE_CHECKING:
    from graphrec.recommend.map import MovieMap


class Recommender:
    """A trained model, ready to be asked.

    Example::

        recommender = graphrec.Recommender.load("graphrec-model")
        recommender.similar("Toy Story", k=5)
        recommender.recommend([42], k=10)
        recommender.recommend(history=["Heat", "Alien"])
        recommender.add_movies("new_movies.csv").recommend([42])
    """

    def __init__(
        self, artefact: Artefact, movies: pd.DataFrame | None = None, *, num_new: int = 0
    ) -> None:
        """Ask a saved model; `movies` are its own, or these with `num_new` others at the end."""
        self.artefact, self.num_new = artefact, num_new
        self.movies = artefact.movies() if movies is None else movies
        ids = self.movies[MOVIE]
        self.movie_ids = IdMap(pd.Index(ids.to_numpy(), dtype=ids.to_numpy().dtype), "movie")

    @classmethod
    def load(cls, folder: str | Path = "graphrec-model") -> Recommender:
        """Load the model that `graphrec train` wrote to `folder`.

        Raises:
            ArtefactError: if there is none, or it is damaged or of another format.
        """
        return cls(Artefact.open(folder))

    def __repr__(self) -> str:
        data = self.artefact.manifest["data"]
        return (
            f"Recommender({str(self.artefact.folder)!r}: {data['users']:,} users,"
            f" {data['movies']:,} movies, {data['watches']:,} watches)"
        )

    def add_movies(self, movies: Any, *, note: Note = warn) -> Recommender:
        """The same model with movies that nobody has watched yet, known by their metadata alone.

        Their features are made by the statistics that training saved; nothing is trained. They are
        ranked among all others, see `graphrec.model.kinship`. The saved model stays as it is.

        Args:
            movies: a movies table, as path or data frame, or a JSON file of one movie or several.
            note: told of columns and labels that training has never seen, and of missing columns.

        Raises:
            DataError: if a movie has no title, an id that is taken, or a cell of another type than
                training saw in that column.
        """
        new = read_new_movies(
            movies,
            self.movies,
            self.artefact.encoder(),
            has_titles=self.artefact.manifest["data"]["has_titles"],
            note=note,
        )
        movies = pd.concat([self.movies, new], ignore_index=True)
        return Recommender(self.artefact, movies, num_new=self.num_new + len(new))

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
        """Users x movies: everything but the test watches."""
        interactions, split = self._interactions
        watched = interactions.to_csr(split.shown)
        shape = (len(self.user_ids), len(self.movies))
        return sp.csr_array((watched.data, watched.indices, watched.indptr), shape=shape)

    @cached_property
    def _interactions(self) -> tuple[Interactions, Split]:
        old = len(self.movies) - self.num_new
        known = IdMap(pd.Index(self.movies[MOVIE].to_numpy()[:old]), "movie")
        return self.artefact.interactions(self.user_ids, known)

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
            by: a `Similarity` or its name; without metadata ``both`` is ``company``.

        Returns:
            Columns ``movie_id``, ``title``, ``score`` (-1 to 1) and, where there is metadata,
            its two sides ``company`` and ``metadata``; closest first.

        Raises:
            UnknownIdError, AmbiguousTitleError: if the movie isn't known or several are meant.
            ConfigError: if there is no metadata to compare by, or the arguments don't go together.
        """
        check_k(k)
        by = choice(Similarity, by, "by")
        if (movie is None) == (movie_id is None):
            raise ConfigError("name one movie: by title or by id.")
        row = self.find(movie) if movie_id is None else self._row(movie_id)
        sides = compare_to(self._embeddings, row)
        if by is Similarity.METADATA and by not in sides:
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
        ratings: Any = None,
        k: int = 20,
        filter_viewed: bool = True,
        among: Iterable[Any] | None = None,
        note: Note = warn,
    ) -> pd.DataFrame:
        """The best movies for users of the tables, or for new users with a history.

        A new user needs no training: they are embedded by what they have watched, see
        `graphrec.model.folding`.

        Args:
            users: one id or several; all users where both `users` and `history` are None.
            history: instead of `users`, title or id, or several, that a new user has watched; or
                a ratings table of many new users, as data frame or path.
            ratings: what the new user rated each of `history`; a watch counts as much as its
                rating is of the training's highest. By default each counts fully.
            k: how many for each; fewer where fewer are left.
            filter_viewed: leave out what the user is known to have watched.
            among: ids of the only movies that may be recommended.
            note: told of what could not be used of a table of histories.

        Returns:
            Columns ``user_id`` (not for one new user), ``movie_id``, ``title``, ``rank`` from 1,
            ``score``, and ``new`` where movies were added; users in the order given.

        Raises:
            UnknownIdError: if a user or movie isn't in the tables.
            ConfigError, DataError: if the arguments don't go together, or can't be used.
        """
        check_k(k)
        allowed = None
        if among is not None:
            rows = self.movie_ids.to_internal(list(among))
            allowed = np.isin(np.arange(len(self.movies)), rows)
        if history is not None:
            if users is not None:
                raise ConfigError("give either users or a history, not both.")
            new = self._newcomers(history, ratings, note)
            return self._recommend_new(new, k, filter_viewed, allowed)
        if ratings is not None:
            raise ConfigError("ratings go with a history.")
        everyone = np.arange(len(self.user_ids))
        rows = everyone if users is None else self.user_ids.to_internal(several(users))
        table, counts = self._rank(
            (self._embeddings.user[rows], self._embeddings.user_metadata[rows]),
            self.watched[rows],
            k,
            filter_viewed,
            allowed,
        )
        table.insert(0, USER, self.user_ids.to_external(np.repeat(rows, counts)))
        return table

    def map(self, **options: Any) -> MovieMap:
        """The movies on a plane, see `graphrec.recommend.map.make_map`."""
        from graphrec.recommend.map import make_map

        return make_map(self._embeddings, self.movies, self.artefact.manifest["data"], **options)

    def _newcomers(self, history: Any, ratings: Any, note: Note) -> Newcomers:
        if not isinstance(history, (pd.DataFrame, Path)):
            rows = np.array([self.find(movie) for movie in several(history)], dtype=np.int64)
            given = None if ratings is None else several(ratings)
            return one_history(rows, given, self._interactions[0].rating, len(self.movies))
        if ratings is not None:
            raise ConfigError("a table of histories has its ratings in a column.")
        return read_histories(history, self.movies, self._interactions[0].rating, note)

    def _recommend_new(
        self, new: Newcomers, k: int, filter_viewed: bool, allowed: np.ndarray | None
    ) -> pd.DataFrame:
        own = self._embeddings
        power = power_of(Layers(self.artefact.manifest["model"]["layers"]))
        users = (
            fold_in(new.history, own.fold_in, power),
            fold_in(new.history, own.fold_in_metadata, power),
        )
        table, counts = self._rank(users, new.history, k, filter_viewed, allowed)
        if new.ids:
            table.insert(0, USER, np.repeat(np.array(new.ids, dtype=object), counts))
            table[USER] = table[USER].infer_objects()
        return table

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
        number = len(users[0])
        if not number:
            return self._table(np.zeros(0, np.int64), np.zeros(0)).assign(rank=0), np.zeros(0, int)
        scorer = self.artefact.scorer(self._embeddings, *users, watched)
        hidden = watched if filter_viewed else None
        movies, scores, place = lists_of(scorer, number, k, hidden, allowed)
        listed = place > 0
        table = self._table(movies[listed], scores[listed])
        table.insert(2, "rank", place[listed])
        return table, listed.sum(axis=1)

    def _table(self, rows: np.ndarray, scores: np.ndarray) -> pd.DataFrame:
        table = pd.DataFrame(
            {
                MOVIE: self.movies[MOVIE].to_numpy()[rows],
                TITLE: self.movies[TITLE].to_numpy()[rows],
                "score": scores.astype(np.float64),
            }
        )
        return table.assign(new=rows >= len(self.movies) - self.num_new) if self.num_new else table

    @cached_property
    def _embeddings(self) -> Embeddings:
        embeddings = self.artefact.embeddings()
        if not self.num_new:
            return embeddings
        features = self.artefact.encoder().transform(self.movies.iloc[-self.num_new :])
        return embeddings.with_new_movies(features)
