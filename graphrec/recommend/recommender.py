"""Asking a trained model: similar movies, and recommendations for known and new users."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from graphrec.config import Similarity, choice
from graphrec.data.files import Note, warn
from graphrec.data.frames import FrameKind, is_frame, kind_of, to_kind, to_pandas
from graphrec.data.ids import IdMap
from graphrec.data.interactions import Interactions
from graphrec.data.layouts.diaries import read_diary
from graphrec.data.names import ColumnNames
from graphrec.data.split import Split
from graphrec.data.tables import MOVIE, TITLE, USER
from graphrec.errors import ConfigError
from graphrec.formatting import to_jsonable
from graphrec.recommend.artefact import Artefact
from graphrec.recommend.card import model_card
from graphrec.recommend.diaries import diary_audience
from graphrec.recommend.diversity import check_diversity, diversity_vectors
from graphrec.recommend.explaining.explanation import Explanation, SimilarityExplanation
from graphrec.recommend.lists import Audience, check_k, lists_of, movie_table, several
from graphrec.recommend.lookup import ById, Match, TitleLookup, find_movie, find_several
from graphrec.recommend.new_movies import read_new_movies
from graphrec.recommend.new_users import is_table, new_users
from graphrec.recommend.reasons import reasons
from graphrec.recommend.similar_users import user_directions, users_in_common
from graphrec.recommend.similarity import Closest, Likeness, closest
from graphrec.recommend.vectors import MovieEmbeddings
from graphrec.recommend.where import select

if TYPE_CHECKING:
    import scipy.sparse as sp

    from graphrec.evaluate.scorers import ModelScorer
    from graphrec.nn.hybrid import HybridModel
    from graphrec.recommend.explaining.explain import Explainer
    from graphrec.recommend.mapping.map import MovieMap
    from graphrec.recommend.plots import ModelPlots


class Recommender:
    """A trained model, ready to be asked.

    Example::

        recommender = graphrec.Recommender.load("graphrec-model")
        recommender.find("toy story 2")  # a movie, as its row of recommender.movies
        recommender.similar("Toy Story", k=5)
        recommender.similar(["Heat", "Alien"])  # closest to both
        recommender.recommend([42], k=10)
        recommender.recommend(history=["Heat", "Alien"])
        recommender.explain("Alien", user=42)
        recommender.add_movies("new_movies.csv").recommend([42])

    Titles needn't be exact, see `graphrec.recommend.lookup`. A title that could mean several movies
    is an error that lists them, and where one had to be guessed, from a misspelling or a part of
    it, a `GraphrecWarning` says which movie was taken. Tables tell it in their ``attrs``.
    """

    def __init__(self, artefact: Artefact, *, before: Recommender | None = None, new: Any = None):
        """Ask a saved model: with its own movies, or those of `before` and the table of `new`."""
        self.artefact, self._before = artefact, before
        old = artefact.movies() if before is None else before.movies
        self.movies: pd.DataFrame = old
        if new is not None:  # empty columns say nothing of the type
            both = old.columns.intersection(new.columns)
            empty = both[new[both].isna().all()]
            self.movies = pd.concat([old, new.drop(columns=empty)], ignore_index=True)
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
            f" {data['movies']:,} movies, {data['interactions']:,} interactions)"
        )

    def _repr_html_(self) -> str:
        movie = self.movies[TITLE if self.has_titles else MOVIE].tolist()[0]
        return model_card(str(self.artefact.folder), self.artefact.manifest, movie, self.num_new)

    def add_movies(
        self, movies: Any, *, columns: ColumnNames | None = None, note: Note = warn
    ) -> Recommender:
        """The same model with more movies, which are known by their metadata alone.

        Their features are made with the statistics that training saved; nothing is trained. They
        are ranked among all others, see `graphrec.nn.hybrid`. The saved model stays as it is.

        Args:
            movies: a movies table, as path or data frame, or a JSON file of one movie or several.
            columns: names of columns that aren't usual, as for `graphrec.read_movies`; those that
                training was given are known.
            note: called with columns and labels that training has not seen, and missing ones.

        Raises:
            DataError: if a movie has no title, an id that is taken, or a cell of another type than
                training saw in that column.
        """
        encoder = self.artefact.encoder()
        new = read_new_movies(
            movies,
            self.movies,
            encoder,
            has_titles=self.has_titles,
            columns=columns or {},
            remembered=self.artefact.columns(),
            note=note,
        )
        before = Recommender.__new__(Recommender)  # as it is now: an estimator may be fitted again
        before.__dict__ = dict(self.__dict__)
        return Recommender(self.artefact, before=before, new=new)

    @property
    def num_new(self) -> int:
        """Movies that were added since training; they are the last ones."""
        before = self._before
        return 0 if before is None else before.num_new + len(self.movies) - len(before.movies)

    @property
    def has_titles(self) -> bool:
        """False if the titles were made up from the ids."""
        return bool(self.artefact.manifest["data"]["has_titles"])

    @cached_property
    def lookup(self) -> TitleLookup:
        """Finds movies by title."""
        return TitleLookup(self.movies)

    @cached_property
    def likeness(self) -> Likeness:
        """Labels and titles, by which `similar` compares movies, too."""
        titles = self.movies[TITLE].tolist() if self.has_titles else None
        return Likeness(self.artefact.encoder(), self.embeddings.known_features, titles)

    @cached_property
    def user_ids(self) -> IdMap:
        """The users of the training tables."""
        return self.artefact.users()

    @cached_property
    def model(self) -> HybridModel:
        """The model itself, movies by row as in `movies`."""
        if self._before is None:
            return self.artefact.model()
        new = self.movies.iloc[len(self._before.movies) :]
        return self._before.model.add_movies(self.artefact.encoder().transform(new))

    @cached_property
    def embeddings(self) -> MovieEmbeddings:
        """What movies are compared by, by row as in `movies`."""
        if self._before is None:
            return self.artefact.movie_embeddings()
        return MovieEmbeddings.of_model(self.model)

    @cached_property
    def history(self) -> sp.csr_array:
        """Users x movies: everything but the test part."""
        interactions, split = self._interactions
        return interactions.to_csr(split.shown, num_movies=len(self.movies))

    @cached_property
    def _disliked(self) -> sp.csr_array:
        """Ones where a user has rated a movie too low for an interaction, users x movies."""
        import scipy.sparse as sp

        user, movie = self.artefact.disliked()
        ones = np.ones(len(user), dtype=np.float32)
        return sp.csr_array((ones, (user, movie)), shape=(len(self.user_ids), len(self.movies)))

    @cached_property
    def _known(self) -> Interactions:
        """The interactions that the model was trained on; movies that were added aren't in it."""
        interactions, split = self._interactions
        return interactions.only(split.known)

    @cached_property
    def _interactions(self) -> tuple[Interactions, Split]:
        if self._before is not None:
            return self._before._interactions
        return self.artefact.interactions(self.user_ids, self.movie_ids)

    def find(self, movie: Any) -> pd.Series[Any]:
        """The movie that a title or an id means: its row of `movies`.

        Text is a title, or an id where ids are text and no title is exactly the same.

        Raises:
            AmbiguousTitleError: if several movies are meant; `choices` holds them.
            UnknownIdError: if none is; names the nearest.
        """
        return self.movies.iloc[self.match(movie).row]

    def match(self, movie: Any) -> Match:
        """The same as a row number, and whether the title was exact."""
        return find_movie(movie, self.lookup, self.movie_ids, has_titles=self.has_titles)

    def row_of(self, movie: Any, note: Note = warn) -> int:
        """The same as a row number alone; calls `note` where the title had to be guessed."""
        match = self.match(movie)
        if not match.is_exact:
            note(f"{movie!r} is taken as {self.lookup.show(match.row)}.")
        return match.row

    def _identity(self, row: int) -> dict[str, Any]:
        """A movie's id and title, for a table's `attrs`."""
        named: dict[str, Any] = to_jsonable(self.movies[[MOVIE, TITLE]].iloc[row].to_dict())
        return named

    def similar(
        self,
        movie: Any = None,
        k: int = 10,
        *,
        movie_id: Any = None,
        by: str = Similarity.BOTH,
        include_unrated: bool = False,
        where: str | None = None,
        diversity: float = 0.0,
        strict: bool = False,
        output: str = FrameKind.PANDAS,
        note: Note = warn,
    ) -> pd.DataFrame:
        """The movies closest to one movie, or to several: by the mean of the similarities to each.

        By ``collaborative`` it is the partial correlation of who has rated them
        (`graphrec.nn.associations`). By ``metadata`` it is the cosine of what the
        model has learned of their metadata. By ``both`` it is a blend of the two and of the words
        that their titles share (`graphrec.recommend.similarity.compare_to`). By ``features``
        it is the cosine of the metadata as plain numbers, with nothing learned.

        Args:
            movie: title (forgiving) or id, or several.
            k: how many.
            movie_id: the id or ids, instead of `movie`, where a title could look the same.
            by: what to compare, a `Similarity` or its name; where the model has only one of the
                two learned parts, ``both`` is that one.
            include_unrated: whether movies without ratings may be listed for a rated one, as they
                are for a movie without ratings.
            where: a condition on metadata that listed movies must meet, such as
                ``"year>=1990 and genres has Comedy"``, see `graphrec.recommend.where`.
            diversity: how much the listed movies should differ from each other, 0 to 1, see
                `graphrec.recommend.diversity`. With more than 0 the order is no longer the score's.
            strict: whether one of several movies that can't be found is an error; by default it is
                left out.
            output: the kind of frame to return, a `FrameKind` or its name; ``attrs`` are pandas'
                alone.
            note: called with what was left out, and titles that were guessed.

        Returns:
            Columns ``movie_id``, ``title``, ``score``, where there are several the similarities
            ``collaborative``, ``metadata`` and ``features``, and ``why`` in words (see
            `graphrec.recommend.reasons`); closest first. ``collaborative`` is in standard
            deviations above the average movie, the score of ``both`` is its root plus weighted
            terms for labels such as genres and for titles, the others are cosines. By ``all`` the
            k closest in each way under each other: ``by``, ``rank`` from 1, ``movie_id``,
            ``title``, ``score``, and ``collaborative_only``, whether no list by metadata or
            features holds that movie.
            ``attrs["movie"]`` is the movie that was taken, by ``movie_id`` and ``title``; of
            several ``attrs["movies"]`` lists them, and ``why`` begins with the title of the one
            that a movie is closest to.

        Raises:
            UnknownIdError, AmbiguousTitleError: if no movie is known, or several are meant.
            ConfigError: if the model has nothing to compare by in that way, or the arguments don't
                go together.
            DataError: if no movie meets the condition.
        """
        check_k(k)
        check_diversity(diversity)
        by = choice(Similarity, by, "by")
        if (movie is None) == (movie_id is None):
            raise ConfigError("name the movies: by title or by id.")
        named = several(movie) if movie_id is None else [ById(one) for one in several(movie_id)]
        if not named:
            raise ConfigError("name at least one movie.")
        found_rows = find_several(named, partial(self.row_of, note=note), strict=strict, note=note)
        rows = list(dict.fromkeys(found_rows.values()))
        found = closest(
            self.embeddings,
            rows,
            k,
            by,
            likeness=self.likeness,
            include_unrated=include_unrated,
            among=self._allowed(where=where),
            diversity=diversity,
        )
        table = movie_table(self.movies, self.num_new, found.rows, found.score).assign(
            **found.columns
        )
        taken = [self._identity(row) for row in rows]
        table.attrs.update({"movie": taken[0]} if len(named) == 1 else {"movies": taken})
        if by is Similarity.ALL:
            columns = ["by", "rank", *table.columns.drop(["by", "rank"])]
            return cast(pd.DataFrame, to_kind(table[columns], output))
        table = table.assign(why=self.reasons(found, rows))
        return cast(pd.DataFrame, to_kind(table, output))

    def similar_users(self, user: Any, k: int = 10) -> pd.DataFrame:
        """The users whose vectors are closest to one user's.

        Args:
            user: id.
            k: how many.

        Returns:
            Columns ``user_id``, ``score`` (cosine of the two users' vectors, but for what is the
            same of all users), ``rated`` (the other's number of movies), ``in_common``,
            ``expected`` (in common by chance) and ``why`` (both in words, and the titles in common
            that fewest have rated); most similar first.
            Users without a history are left out.

        Raises:
            UnknownIdError: if the user isn't known.
            ConfigError: if they have no history, or the model no vectors of users.
        """
        check_k(k)
        row = int(self.user_ids.to_internal([user])[0])
        has_history = np.diff(self.history.indptr) > 0
        if not has_history[row]:
            raise ConfigError(f"user {user!r} has no history to compare by.")
        if not self._user_directions[row].any():
            raise ConfigError("this model's users have no vectors to compare by.")
        score = self._user_directions @ self._user_directions[row]
        others = np.flatnonzero(has_history)
        others = others[others != row]
        others = others[np.argsort(-score[others], kind="stable")[:k]]
        titles = self.movies[TITLE].tolist()
        rated = self.history[[row]].indices
        table = users_in_common(self.history, rated, others, self.user_ids.ids, titles)
        table.insert(1, "score", score[others].astype(np.float64))
        return table

    @cached_property
    def _user_directions(self) -> np.ndarray:
        return user_directions(self.model, self.user_vectors_)

    @cached_property
    def _vectors(self) -> tuple[np.ndarray, np.ndarray]:
        everyone = np.arange(len(self.user_ids))
        users = self.model.user_vectors(self.history, everyone)
        return users.numpy(), self.model.movie_vectors().numpy()

    @property
    def user_vectors_(self) -> np.ndarray:
        """The users' vectors, float32 [U, K].

        An inner product with a movie's is the score, but for `HybridModel.paths`, which has no
        columns; without it (``paths=False``) it is the score itself.
        """
        return self._vectors[0]

    @property
    def movie_vectors_(self) -> np.ndarray:
        """The movies' vectors, float32 [M, K]."""
        return self._vectors[1]

    def score(self, user: Any, movie: Any) -> float:
        """The score of one movie for one user of the tables.

        Scores rank the movies of one user; they are no ratings.

        Args:
            user: id.
            movie: title or id.

        Raises:
            UnknownIdError, AmbiguousTitleError: if one of them isn't known.
        """
        rows = np.asarray(self.user_ids.to_internal([user]))
        return float(self.scorer().score(rows)[0, self.row_of(movie)])

    def reasons(self, found: Closest, asked: Sequence[int]) -> np.ndarray:
        """Why movies are similar to those that were asked for; of several, to the closest one."""
        metadata = self.artefact.encoder(), self.movies, self.embeddings.features
        why = np.full(len(found.rows), "", dtype=object)
        for row in asked:
            own = found.nearest == row
            others = found.rows[own]
            texts = reasons(*metadata, self._known, row=row, others=others)
            if len(asked) > 1:
                texts = [": ".join(filter(None, (self.lookup.show(row), text))) for text in texts]
            why[own] = texts
        return why

    def recommend(
        self,
        users: Any = None,
        *,
        history: Any = None,
        ratings: Any = None,
        k: int = 20,
        filter_viewed: bool = True,
        among: Iterable[Any] | None = None,
        where: str | None = None,
        diversity: float = 0.0,
        columns: ColumnNames | None = None,
        strict: bool = False,
        output: str | None = None,
        note: Note = warn,
    ) -> pd.DataFrame:
        """The best movies for users of the tables, or for new users by their history.

        A new user needs no training: they are folded in by their history, see
        `graphrec.nn.hybrid`.

        Args:
            users: one id or several; all users where both `users` and `history` are None.
            history: instead of `users`, title or id, or several, that a new user has rated; or
                a ratings table of many new users, as data frame or path; or what one person has
                exported from Letterboxd (archive, folder or table) or IMDb.
            ratings: the new user's, one for each of `history`: an interaction is weighted by its
                rating, divided by the highest in training. Without ratings its weight is 1.
            k: how many for each; fewer where fewer are left.
            filter_viewed: leave out the user's history, and movies that they have rated too low for
                an interaction.
            among: ids of the only movies that may be recommended.
            where: a condition on metadata that they must meet, such as
                ``"year>=1990 and genres has Comedy"``, see `graphrec.recommend.where`.
            diversity: how much the movies of a list should differ from each other, 0 to 1, see
                `graphrec.recommend.diversity`. With more than 0 the order is no longer the score's.
            columns: names of columns of a table of histories that aren't usual, as for
                `graphrec.read_ratings`; those that training was given are known.
            strict: whether a movie of the history that can't be found is an error; by default it is
                left out if there are others.
            output: the kind of frame to return, a `FrameKind` or its name; by default that of
                `history`, or else pandas. ``attrs`` are pandas' alone.
            note: called with what could not be used of a history, and titles that were guessed.

        Returns:
            Columns ``user_id`` (not for one new user), ``movie_id``, ``title``, ``rank`` from 1,
            ``score``, and ``new`` where movies were added; users in the order given. For one new
            user ``attrs["history"]`` lists the movies that were taken, each by ``movie_id`` and
            ``title``.

        Raises:
            UnknownIdError: if a user or movie isn't in the tables.
            ConfigError, DataError: if the arguments don't go together, or can't be used.
        """
        check_k(k)
        check_diversity(diversity)
        kind = kind_of(history)
        if is_frame(history):
            history = to_pandas(history, "the history")  # a stream can be read once only
        allowed = self._allowed(among, where)
        audience = self._audience(users, history, ratings, note, strict=strict, columns=columns)
        hidden = self._hidden(audience) if filter_viewed else None
        num_users = audience.history.shape[0]
        movies, scores, ranks = lists_of(
            self._scorer(audience),
            num_users,
            k,
            hidden,
            allowed,
            diversity=diversity,
            vectors=diversity_vectors(self.embeddings) if diversity else None,
        )
        listed = ranks > 0
        table = movie_table(self.movies, self.num_new, movies[listed], scores[listed])
        table.insert(2, "rank", ranks[listed])
        if audience.ids is not None:
            table.insert(0, USER, np.repeat(audience.ids, listed.sum(axis=1)))
        else:
            table.attrs["history"] = [self._identity(int(row)) for row in audience.history.indices]
        return cast(pd.DataFrame, to_kind(table, output or kind))

    def _allowed(
        self, among: Iterable[Any] | None = None, where: str | None = None
    ) -> np.ndarray | None:
        """The movies that may be listed, bool [M]; None for all."""
        allowed = None
        if among is not None:
            rows = self.movie_ids.to_internal(several(among))
            allowed = np.isin(np.arange(len(self.movies)), rows)
        if where is not None:
            encoder = self.artefact.encoder()
            meets = select(where, self.movies, encoder, has_titles=self.has_titles)
            allowed = meets if allowed is None else allowed & meets
        return allowed

    def explain(
        self,
        movie: Any,
        *,
        user: Any = None,
        history: Any = None,
        ratings: Any = None,
        strict: bool = False,
    ) -> Explanation:
        """A movie's score as the exact sum of what each movie of the history adds, and the rest.

        Args:
            movie: title or id.
            user: id of whose score it is.
            history, ratings, strict: instead, what one new user has rated, as for `recommend`.

        Raises:
            UnknownIdError, AmbiguousTitleError: if the user or a movie isn't known.
            ConfigError, DataError: if the arguments don't go together, or can't be used.
        """
        if (user is None) == (history is None):
            raise ConfigError("name either a user or a history, to explain the score for.")
        users = None if user is None else [user]
        who = self._audience(users, history, ratings, warn, strict=strict)
        return self.explainer.score(who, self.row_of(movie))

    def explain_similarity(self, first: Any, second: Any) -> SimilarityExplanation:
        """How similar two movies are, as exact sums over users and over metadata columns.

        Args:
            first, second: title or id.

        Raises:
            UnknownIdError, AmbiguousTitleError: if a movie isn't known.
            ConfigError: if both are the same.
        """
        return self.explainer.similarity(self.row_of(first), self.row_of(second))

    def map(self, **options: Any) -> MovieMap:
        """The movies on a plane; options as for `graphrec.recommend.mapping.map.make_map`."""
        from graphrec.recommend.mapping.map import make_map

        return make_map(self.embeddings, self.movies, self.artefact.manifest["data"], **options)

    def plots(self) -> ModelPlots:
        """How the model was trained and for whom it is good; see ``.save("model.html")``."""
        from graphrec.recommend.calibration import calibrate
        from graphrec.recommend.plots import make_plots

        found = calibrate(self.artefact.movie_embeddings())
        return make_plots(self.artefact.folder.name, self.artefact.manifest, found)

    @cached_property
    def explainer(self) -> Explainer:
        """Explains the model; it loads torch."""
        from graphrec.recommend.explaining.explain import Explainer

        return Explainer(self.artefact, self.movies, self.model, self._known)

    def scorer(self) -> ModelScorer:
        """Scores of all movies for the users of the training tables."""
        return self._scorer(self._audience(None, None, None, warn))

    def _hidden(self, audience: Audience) -> sp.csr_array:
        """What users know already: their history, and movies that they dislike, users x movies."""
        if audience.users is None:
            return audience.history
        disliked: sp.csr_array = self._disliked[audience.users]
        return audience.history + disliked if disliked.nnz else audience.history

    def _scorer(self, audience: Audience) -> ModelScorer:
        """Scores of all movies for these users."""
        from graphrec.evaluate.scorers import ModelScorer  # loads torch

        is_new = audience.users is None
        return ModelScorer(self.model, audience.history, audience.users, new=is_new)

    def _audience(
        self,
        users: Any,
        history: Any,
        ratings: Any,
        note: Note,
        *,
        strict: bool = False,
        columns: ColumnNames | None = None,
    ) -> Audience:
        """The users who are meant."""
        if history is None:
            if ratings is not None:
                raise ConfigError("ratings need a history; give both or neither.")
            everyone = np.arange(len(self.user_ids))
            rows = everyone if users is None else self.user_ids.to_internal(several(users))
            return Audience(self.user_ids.to_external(rows), self.history[rows], rows)
        if users is not None:
            raise ConfigError("give either users or a history, not both.")
        if is_table(history) and (diary := read_diary(history, note)) is not None:
            if ratings is not None:
                raise ConfigError("an export has its ratings itself; leave out the others.")
            return diary_audience(diary, self.lookup, strict=strict, note=note)
        train_ratings = self._interactions[0].rating
        return new_users(
            history,
            ratings,
            self.movies,
            train_ratings,
            find=partial(self.row_of, note=note),
            columns=columns or {},
            remembered=self.artefact.columns(),
            strict=strict,
            note=note,
        )
