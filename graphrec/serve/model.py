"""One version of a model as it is served, with the movies and ratings that came after training."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property, lru_cache, partial
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pandas as pd

from graphrec.config import Projection, Similarity
from graphrec.data.layouts.diaries import diary_of
from graphrec.data.tables import MOVIE, TITLE
from graphrec.errors import ConfigError, DataError, GraphrecError, UnknownIdError
from graphrec.features.columns import ColumnKind
from graphrec.formatting import to_jsonable
from graphrec.recommend.artefact import MODEL
from graphrec.recommend.diaries import names_of, rows_of
from graphrec.recommend.diversity import POOL, diversify, diversity_vectors
from graphrec.recommend.lists import Audience
from graphrec.recommend.new_users import highest_rating, with_mean_weight
from graphrec.recommend.recommender import Recommender
from graphrec.recommend.similar_users import users_in_common
from graphrec.recommend.similarity import closest
from graphrec.recommend.where import select
from graphrec.serve.cache import Cache
from graphrec.serve.held import HeldArtefact
from graphrec.serve.index import CANDIDATES, MovieIndex
from graphrec.serve.scoring import History, Scores, best
from graphrec.serve.searching import Search
from graphrec.serve.store import MovieChange, UserChanges

Answer = dict[str, Any]
"""Fit for JSON."""

NO_CHANGES = UserChanges((), forgotten=False)
_CONDITIONS = 256  # that are remembered
_LABELS = 40
_MEASURED = 100  # users
_CACHE_BYTES = 64 * 2**20
_EXPORT_BYTES = 16 * 2**20  # that a table of one person's films may unpack to


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """What is known of someone who asks for movies.

    Attributes:
        history: what they have rated; weights as for a new user.
        rated: rows of all that, weight 0 included, int64.
        user: which training user they are; None for those who are folded in by their history.
        disliked: rows of what the training tables rate too low for an interaction, int64.
    """

    history: History
    rated: np.ndarray
    user: int | None = None
    disliked: np.ndarray = field(default_factory=partial(np.zeros, 0, np.int64))

    @property
    def basis(self) -> str:
        """What their scores are made of: ``model``, ``history``, or ``popular`` of nobody known."""
        if self.user is not None:
            return "model"
        return "history" if len(self.history) else "popular"


@dataclass(frozen=True, slots=True)
class ListOptions:
    """What a list should be like.

    Attributes:
        k: how many movies.
        start: how many to leave out at the beginning.
        where: a condition, see `graphrec.recommend.where`.
        among, exclude: ids of the only movies to list, and of those not to list.
        diversity: see `graphrec.recommend.diversity`.
        include_rated: whether movies of the history may be listed.
    """

    k: int = 20
    start: int = 0
    where: str | None = None
    among: tuple[Any, ...] | None = None
    exclude: tuple[Any, ...] = ()
    diversity: float = 0.0
    include_rated: bool = False


class ServedModel:
    """A model in memory, asked by ids as they are written in a URL; answers are fit for JSON.

    It never changes: a movie that is added makes another one. All its answers may be asked for by
    several threads.

    Args:
        held: the saved model.
        changes: movies that were added or removed since.
        log: called with what could not be used of them.
    """

    def __init__(
        self,
        held: HeldArtefact,
        changes: Sequence[MovieChange] = (),
        log: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.held, self.changes = held, tuple(changes)
        self.recommender = _with_movies(Recommender(held), changes, log)
        own = self.recommender
        self.movies, self.movie_ids, self.user_ids = own.movies, own.movie_ids, own.user_ids
        for ids in (self.movie_ids, self.user_ids):  # pandas makes its table at the first look-up,
            ids.index.get_indexer(ids.index[:1])  # and not for two threads at once
        state = held.arrays(MODEL)
        if own.num_new:
            state = {name: tensor.numpy() for name, tensor in own.model.state_dict().items()}
        self.scores = Scores(state, held.manifest["score"])
        self.embeddings = own.embeddings
        self.degree = self.embeddings.degree
        removed = {one.movie_id for one in changes if one.removed}
        texts = [str(movie) for movie in self.movies[MOVIE].tolist()]
        #: which movies may be listed, bool [M]
        self.listed = np.array([text not in removed for text in texts])
        self._row_by_text = {text: row for row, text in enumerate(texts)}
        self._titles = [str(title) for title in self.movies[TITLE].tolist()]
        self._ids = to_jsonable(self.movies[MOVIE].tolist())
        self._years = [own.lookup.year(row) for row in range(len(texts))]
        self._search = Search(own.lookup, self._titles, self.degree)
        self._likeness = own.likeness
        self._read_history()
        self.meets = lru_cache(_CONDITIONS)(self._meets)
        #: finds candidates for recommendations without filters; by default all movies are scored
        self.index: MovieIndex | None = None
        #: of answers that depend on nothing but the model
        self.cache = Cache(_CACHE_BYTES)
        self._lock = Lock()
        self.created = datetime.fromisoformat(held.manifest["created"])

    def _read_history(self) -> None:
        """Training interactions by user: movies, ratings and times; and what they dislike."""
        dataset, split = self.held.dataset()[0], self.held.split
        interactions, (user, movie) = dataset.interactions, dataset.disliked
        counts = np.bincount(user, minlength=len(self.user_ids))
        self._disliked_pointer = np.append(0, np.cumsum(counts))
        self._disliked = movie[np.argsort(user, kind="stable")].astype(np.int64)
        shown = split.shown
        user, movie = interactions.user[shown], interactions.movie[shown]
        order = np.lexsort((movie, user))
        counts = np.bincount(user, minlength=len(self.user_ids))
        self._pointer = np.append(0, np.cumsum(counts))
        self._movie = movie[order].astype(np.int64)
        self._rating, self._time = (
            None if values is None else values[shown][order]
            for values in (interactions.rating, interactions.timestamp)
        )
        self._highest = highest_rating(interactions.rating)

    # Names ----------------------------------------------------------------------------------------

    def row(self, movie_id: Any) -> int:
        """The movie with an id, as text or as it is.

        Raises:
            UnknownIdError: if there is none, or it was removed.
        """
        row = self._row_by_text.get(str(movie_id))
        if row is None or not self.listed[row]:
            raise UnknownIdError(
                f"there is no movie with the id {movie_id!r} ({self.movie_ids.examples()})."
            )
        return row

    def has(self, movie_id: str, *, removed: bool = False) -> bool:
        """Whether there is a movie with an id, or one that was removed."""
        row = self._row_by_text.get(movie_id)
        return row is not None and bool(self.listed[row]) is not removed

    def rows(self, movie_ids: Iterable[Any]) -> np.ndarray:
        """The same for several, each once."""
        return np.array(list(dict.fromkeys(map(self.row, movie_ids))), dtype=np.int64)

    def check_user_id(self, user_id: str) -> str:
        """A user's id as it may be stored.

        Raises:
            UnknownIdError: if it is not like those of training.
        """
        parsed = self.user_ids.parse(user_id)
        if isinstance(parsed, int) and (str(parsed) != user_id or abs(parsed) >= 2**63):
            raise UnknownIdError(
                f"user {user_id!r} can't be in the data: its users are whole numbers,"
                f" {self.user_ids.examples()}."
            )
        return user_id

    def _user_row(self, user_id: str) -> int | None:
        own = pd.Index([self.user_ids.parse(self.check_user_id(user_id))])
        rows = self.user_ids.index.get_indexer(own)
        return int(rows[0]) if rows[0] >= 0 else None

    def brief(self, row: int) -> Answer:
        """A movie in a list."""
        return {
            "movie_id": self._ids[row],
            "title": self._titles[row],
            "year": self._years[row],
            "ratings": int(self.degree[row]),
        }

    def movie(self, row: int) -> Answer:
        """A movie with its metadata."""
        metadata = self.movies.iloc[row].drop([MOVIE, TITLE]).to_dict()
        known = {str(name): _plain(value) for name, value in metadata.items()}
        is_new = row >= len(self.movies) - self.recommender.num_new
        return self.brief(row) | {"new": is_new, "metadata": known}

    def search(self, typed: str, k: int) -> list[Answer]:
        """Movies whose titles hold what was typed."""
        found = [row for row in self._search.find(typed, 4 * k) if self.listed[row]]
        return [self.brief(row) for row in found[:k]]

    def exported(self, content: bytes, name: str) -> Answer:
        """The movies of one person's export from Letterboxd or IMDb, each once.

        Raises:
            DataError: if it is none, or damaged.
        """
        diary = diary_of(content, name, _EXPORT_BYTES)
        rows = rows_of(diary.films, self.recommender.lookup)
        rows = np.where(self.listed[rows], rows, -1)  # -1 stays -1
        given = to_jsonable((diary.films["rating"] / diary.highest).tolist())
        last = {row: rating for row, rating in zip(rows.tolist(), given, strict=True) if row >= 0}
        return {
            "movies": [self.brief(row) | {"rating": rating} for row, rating in last.items()],
            "left_out": names_of(diary.films[rows < 0]),
        }

    # Users ----------------------------------------------------------------------------------------

    def profile(self, user_id: str, changes: UserChanges = NO_CHANGES) -> Profile:
        """A user by what training knew of them and what the store does.

        With nothing new it is the training user; otherwise their whole history is folded in.
        """
        user = None if changes.forgotten else self._user_row(user_id)
        disliked = self._disliked[:0]
        if user is not None:
            disliked = self._disliked[slice(*self._disliked_pointer[user : user + 2])]
        if user is not None and not changes.interactions:
            rated = self._movie[self._pointer[user] : self._pointer[user + 1]]
            return Profile(History.of(rated), rated, user if len(rated) else None, disliked)
        ratings = {row: rating for row, rating, _ in self._trained(user)}
        for one in changes.interactions:
            row = self._row_by_text.get(one.movie_id)
            if row is None:
                continue  # a movie that this model doesn't have
            ratings.pop(row, None)
            if not one.removed:
                ratings[row] = one.rating
        profile = self.new_profile(np.array(list(ratings), np.int64), list(ratings.values()))
        return replace(profile, disliked=disliked)

    def new_profile(self, rows: np.ndarray, ratings: Sequence[float | None]) -> Profile:
        """Someone by what they have rated, each with a rating or without.

        Weights are those of `graphrec.recommend.new_users.read_histories`.
        """
        given = np.array([np.nan if rating is None else rating for rating in ratings], float)
        highest = self._highest or float(np.nanmax(given, initial=0)) or 1.0
        weights = with_mean_weight(np.clip(given / highest, 0, 1)).astype(np.float32)
        counts = weights > 0
        return Profile(History(rows[counts], weights[counts]), rows)

    def _trained(self, user: int | None) -> list[tuple[int, float | None, int | None]]:
        """Rows, ratings and times of a training user's history."""
        if user is None:
            return []
        span = slice(self._pointer[user], self._pointer[user + 1])
        rows = self._movie[span].tolist()
        ratings, times = (
            [None] * len(rows) if values is None else to_jsonable(values[span].tolist())
            for values in (self._rating, self._time)
        )
        return list(zip(rows, ratings, times, strict=True))

    def history(self, user_id: str, changes: UserChanges) -> list[Answer]:
        """What a user has rated, the latest first; what training didn't know has ``new``."""
        user = None if changes.forgotten else self._user_row(user_id)
        found = {
            self._ids[row]: self.brief(row) | {"rating": rating, "timestamp": at, "new": False}
            for row, rating, at in self._trained(user)
        }
        for one in changes.interactions:
            row = self._row_by_text.get(one.movie_id)
            if row is None:
                continue
            found.pop(self._ids[row], None)
            if not one.removed:
                new = {"rating": one.rating, "timestamp": one.timestamp, "new": True}
                found[self._ids[row]] = self.brief(row) | new
        return sorted(found.values(), key=lambda one: (not one["new"], -(one["timestamp"] or 0)))

    def recommend(self, who: Profile, options: ListOptions) -> list[Answer]:
        """The best movies for someone; the most rated where nobody knows them."""
        allowed = self._allowed(options)
        if not options.include_rated:
            allowed[who.rated] = False
            allowed[who.disliked] = False
        scores = self._scores(who, options, allowed)
        if self.index is not None:
            allowed &= np.isfinite(scores)
        if options.diversity:
            pool = best(scores, POOL * options.k, allowed)
            picked = diversify(
                pool[None],
                scores[pool][None],
                self._diversity_vectors,
                min(options.k, len(pool)),
                options.diversity,
            )
            rows = pool[picked[0]] if len(pool) else pool
        else:
            rows = best(scores, options.k, allowed, options.start)
        return self._listed(rows, scores, options.start)

    def _scores(self, who: Profile, options: ListOptions, allowed: np.ndarray) -> np.ndarray:
        """Of all movies, float32 [M]; by an index minus infinity for what is no candidate."""
        if who.basis == "popular":
            return self.degree.astype(np.float32)
        if self.index is not None and options.where is None and options.among is None:
            left_out = len(who.rated) + len(who.disliked) + len(options.exclude)
            places = options.start + options.k * (POOL if options.diversity else 1)
            number = CANDIDATES * places + left_out
            found = self.index.scores(self.scores, who.history, who.user, number)
            if found is not None and np.isfinite(found[allowed]).sum() >= places:
                return found
        return self.scores.score(who.history, who.user)

    @cached_property
    def index_recall(self) -> float:
        """Fraction of the 20 best movies that the index finds, mean over 100 training users."""
        users = np.flatnonzero(np.diff(self._pointer))
        users = np.random.default_rng(0).permutation(users)[:_MEASURED]
        options, found = ListOptions(), []
        for user in users.tolist():
            rated = self._movie[self._pointer[user] : self._pointer[user + 1]]
            who = Profile(History.of(rated), rated, user)
            allowed = self.listed.copy()
            allowed[rated] = False
            exact = best(self.scores.score(who.history, user), options.k, allowed)
            own = {one["movie_id"] for one in self.recommend(who, options)}
            found.append(np.mean([self._ids[row] in own for row in exact.tolist()]))
        return round(float(np.mean(found)), 4) if found else 1.0

    def _listed(self, rows: np.ndarray, scores: np.ndarray, start: int = 0) -> list[Answer]:
        return [
            self.brief(row) | {"rank": rank, "score": round(float(scores[row]), 6)}
            for rank, row in enumerate(rows.tolist(), start + 1)
        ]

    def _allowed(self, options: ListOptions) -> np.ndarray:
        """Movies that may be listed, a fresh bool [M]."""
        allowed = self.listed.copy()
        if options.among is not None:
            among = np.zeros_like(allowed)
            among[self.rows(options.among)] = True
            allowed &= among
        if options.exclude:
            allowed[self.rows(options.exclude)] = False
        return allowed if options.where is None else allowed & self.meets(options.where)

    def _meets(self, where: str) -> np.ndarray:
        """Movies that meet a condition, perhaps none."""
        encoder = self.held.encoder()
        try:
            return select(where, self.movies, encoder, has_titles=self.recommender.has_titles)
        except ConfigError:
            raise
        except DataError:  # no movie meets it, and here a filter may leave nothing
            return np.zeros(len(self.movies), dtype=bool)

    def popular(self, options: ListOptions) -> list[Answer]:
        """The movies with most ratings in training."""
        rows = best(self.degree, options.k, self._allowed(options), options.start)
        return self._listed(rows, self.degree, options.start)

    def latest(self, options: ListOptions) -> list[Answer]:
        """The newest movies by year; of one year those with most ratings first."""
        years = np.array([year or 0 for year in self._years], dtype=float)
        order = years + self.degree / (1 + self.degree.max(initial=0))
        allowed = self._allowed(options) & (years > 0)
        rows = best(order, options.k, allowed, options.start)
        return self._listed(rows, years, options.start)

    def similar_users(self, who: Profile, k: int, user_id: str) -> list[Answer]:
        """The training users whose vectors are closest to someone's, see `Recommender`."""
        own = self.scores.user_vector(who.history, who.user)
        length = float(np.linalg.norm(own))
        if not length:
            raise ConfigError(f"user {user_id!r} has no history to compare by.")
        score = self._directions @ (own / length)
        others = np.flatnonzero(np.diff(self._pointer))
        others = others[others != self._user_row(user_id)]
        others = others[np.argsort(-score[others], kind="stable")[:k]]
        ids, history = self.user_ids.ids, self.recommender.history
        table = users_in_common(history, who.rated, others, ids, self._titles)
        table.insert(1, "score", score[others].astype(np.float64))
        return [to_jsonable(one) for one in table.to_dict("records")]

    @cached_property
    def _directions(self) -> np.ndarray:
        return self.scores.user_directions(self.recommender.history)

    # Movies ---------------------------------------------------------------------------------------

    def similar(
        self,
        rows: np.ndarray,
        by: Similarity,
        k: int,
        *,
        where: str | None = None,
        diversity: float = 0.0,
        include_unrated: bool = False,
        why: bool = False,
    ) -> list[Answer]:
        """The movies closest to one or several, as `Recommender.similar` lists them."""
        allowed = self.listed if where is None else self.listed & self.meets(where)
        if not allowed.any():
            return []
        try:
            found = closest(
                self.embeddings,
                rows.tolist(),
                k,
                by,
                likeness=self._likeness,
                include_unrated=include_unrated,
                among=allowed,
                diversity=diversity,
            )
        except ConfigError:
            raise
        except DataError:  # nothing is left to list
            return []
        columns = {name: to_jsonable(own.tolist()) for name, own in found.columns.items()}
        columns["score"] = to_jsonable(found.score.tolist())
        if why:
            columns["why"] = self.recommender.reasons(found, rows.tolist()).tolist()
        return [
            self.brief(row) | {name: own[place] for name, own in columns.items()}
            for place, row in enumerate(found.rows.tolist())
        ]

    # Reasons --------------------------------------------------------------------------------------

    def explain(self, row: int, who: Profile, user_id: str | None = None) -> Answer:
        """A movie's score as an exact sum. Paths over other users are left out: they name them."""
        import scipy.sparse as sp  # slow to load

        if who.basis == "popular":
            raise ConfigError("there is no history to explain a score by; the list is by ratings.")
        own = who.history
        places = np.zeros(len(own), np.int64), own.movies
        history = sp.csr_array((own.weights, places), shape=(1, len(self.movies)))
        history.sort_indices()
        users = None if who.user is None else np.array([who.user])
        with self._lock:  # what it needs of the graph is made by the first question
            explainer = self.recommender.explainer
        explained = explainer.score(Audience(None, history, users), row)
        answer = _plain(replace(explained, user_id=user_id).to_dict())
        return {
            name: value
            for name, value in answer.items()
            if name not in ("paths", "paths_fraction", "user_id")
        } | {"basis": who.basis, "text": explained.sentence}

    def explain_similarity(self, first: int, second: int) -> Answer:
        """How similar two movies are, as exact sums; the users in it are counted, not named."""
        with self._lock:
            explainer = self.recommender.explainer
        explained = explainer.similarity(first, second)
        answer: Answer = _plain(explained.to_dict())
        answer.pop("users")
        text = f"{explained.sentence} {explained.users_sentence}"
        return answer | {"text": text}

    # The model ------------------------------------------------------------------------------------

    def map(self) -> Answer:
        """All movies as points of each layout, and their colours."""
        drawn = self.drawn
        colours, layouts = drawn.colouring, drawn.layouts
        return {
            "layouts": list(layouts),
            "column": colours.column,
            "notes": {part: drawn.notes(part) for part in layouts},
            "movies": [
                self.brief(row)
                | {"colour": str(colours.colour[row])}
                | {part: to_jsonable(points[row].tolist()) for part, points in layouts.items()}
                for row in np.flatnonzero(self.listed).tolist()
            ],
        }

    @cached_property
    def drawn(self) -> Any:
        """The map of all movies; by PCA, as UMAP takes longer than an answer may."""
        return self.recommender.map(method=Projection.PCA)

    def describe(self) -> Answer:
        """What the model is, how good, and how old."""
        manifest = self.held.manifest
        data, names = manifest["data"], ("users", "movies", "interactions", "simulated")
        return {
            "version": self.held.version,
            "created": manifest["created"],
            "age_seconds": round(self.age()),
            "graphrec_version": manifest["graphrec_version"],
            "data": {"name": Path(str(data["name"])).name} | {name: data[name] for name in names},
            "movies_added": self.recommender.num_new,
            "movies_removed": int((~self.listed).sum()),
            "metrics": manifest["metrics"],
            "settings": manifest["settings"],
            "blend": manifest["score"]["blend"],
            "index": None if self.index is None else {"recall@20": self.index_recall},
            "similarities": self._similarities,
            "labels": self._labels,
            "columns": [str(name) for name in self.movies.columns if name not in (MOVIE, TITLE)],
        }

    @cached_property
    def _similarities(self) -> list[str]:
        own = self.embeddings
        there = {
            Similarity.FEATURES: own.features,
            Similarity.COLLABORATIVE: own.compared,
            Similarity.METADATA: own.metadata,
        }
        ways = [way.value for way, vectors in there.items() if vectors.shape[1]]
        return [*ways, Similarity.BOTH.value]

    @cached_property
    def _labels(self) -> dict[str, list[str]]:
        """The labels that movies have by column, the most frequent first."""
        return {
            column.name: [
                str(column.labels[place])
                for place in np.argsort(-column.mean, kind="stable")[:_LABELS].tolist()
            ]
            for column in self.held.encoder().used
            if column.finding.kind is ColumnKind.MULTI_LABEL
        }

    def age(self) -> float:
        """Seconds since the training."""
        return max(0.0, time.time() - self.created.astimezone(UTC).timestamp())

    @cached_property
    def _diversity_vectors(self) -> np.ndarray:
        return diversity_vectors(self.embeddings)


def _with_movies(
    recommender: Recommender, changes: Sequence[MovieChange], log: Callable[[str], None]
) -> Recommender:
    """With the movies that were added; one that can't be used by this model is left out."""
    taken = set(map(str, recommender.movies[MOVIE].tolist()))
    new = [
        {MOVIE: one.movie_id, **one.metadata}
        for one in changes
        if one.metadata is not None and not one.removed and one.movie_id not in taken
    ]
    if not new:
        return recommender
    try:
        return recommender.add_movies(pd.DataFrame(new), note=log)
    except GraphrecError:
        pass
    for one in new:
        try:
            recommender = recommender.add_movies(pd.DataFrame([one]), note=log)
        except GraphrecError as error:
            log(f"the movie with id {one[MOVIE]} of the store is left out: {error}")
    return recommender


def _plain(value: Any) -> Any:
    """A cell fit for JSON: dates as text, lists as lists."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if value is pd.NaT or value is pd.NA:
        return None
    plain = to_jsonable(value)
    return plain if isinstance(plain, (str, int, float, bool, type(None))) else str(plain)
