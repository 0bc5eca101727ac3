"""A model and a store together, and the model that takes its place."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from graphrec.data.tables import MOVIE
from graphrec.errors import DataError
from graphrec.recommend.new_movies import free_id
from graphrec.serve.held import HeldArtefact
from graphrec.serve.index import MovieIndex
from graphrec.serve.metrics import Metrics
from graphrec.serve.model import Answer, Profile, ServedModel
from graphrec.serve.store import Interaction, MovieChange, Store, StoreError

log = logging.getLogger("graphrec.serve")
_EVERY = 1.0  # seconds between two looks at the folder and the store


class TakenError(DataError):
    """There is a movie with that id already."""


class Service:
    """What the routes ask.

    Args:
        folder: of the model.
        store: open.
        watch: whether a new model in the folder is taken up.
        shared: a folder where processes share the arrays of models, see `HeldArtefact.read`.
        indexed: whether recommendations without filters come from an index, see `MovieIndex`.

    Raises:
        ConfigError: if an index is wanted and usearch isn't installed.
        ArtefactError, StoreError: if the model or the store can't be read.
    """

    def __init__(
        self,
        folder: str | Path,
        store: Store,
        *,
        watch: bool = False,
        shared: Path | None = None,
        indexed: bool = False,
    ) -> None:
        self.folder, self.store, self.watch, self.shared = Path(folder), store, watch, shared
        self.indexed = indexed
        self.metrics = Metrics(self._age)
        self.problem: str | None = None
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._reading = threading.Lock()  # held while a new model is read, and no request needs it
        self._thread: threading.Thread | None = None
        self._stamp = self._folder_stamp()
        self._movies_version = store.movies_version()
        self._take(self._made(HeldArtefact.read(folder, shared), store.movies()))

    def _age(self) -> float:
        return self.model.age()

    def _made(
        self, held: HeldArtefact, changes: Sequence[MovieChange], before: ServedModel | None = None
    ) -> ServedModel:
        """A model to be served.

        Args:
            held, changes: as for `ServedModel`.
            before: of the same saved model; its index, of the movies at training, is used again.
        """
        model = ServedModel(held, changes, log.warning)
        if before is not None and before.index is not None:
            model.index, model.index_recall = before.index, before.index_recall
        elif self.indexed:
            model.index = MovieIndex(model.scores, len(held.movies()))
            _ = model.index_recall  # measured now, so that no request waits for it
        return model

    def _take(self, model: ServedModel) -> None:
        """Answer by this model from now on; requests that run keep theirs."""
        self.model = model
        self.metrics.model_created.set(model.created.timestamp())
        self.metrics.movies.set(int(model.listed.sum()))
        if model.index is not None:
            self.metrics.index_recall.set(model.index_recall)

    # New models -----------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to look for new models and for movies that others add."""
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End that, and close the store."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self.store.close()

    def _run(self) -> None:
        while not self._stop.wait(_EVERY):
            try:
                self.refresh()
            except Exception:  # the next look may succeed
                log.exception("looking for a new model failed")

    def refresh(self) -> None:
        """Take up a new model, or movies that were added or removed, if there are any."""
        with self._reading:
            stamp = self._folder_stamp()
            if self.watch and stamp != self._stamp:
                self._stamp = stamp
                self._take_new()
        self._take_movies()

    def _take_movies(self) -> None:
        """Take up movies that were added or removed."""
        with self._lock:
            try:
                version = self.store.movies_version()
                if version != self._movies_version:
                    changes = self.store.movies()
                    self._take(self._made(self.model.held, changes, self.model))
                    self._movies_version = version
            except StoreError as error:
                self.note_store_error(error)

    def _take_new(self) -> None:
        """Take up the model in the folder; keep the old one if it can't be read."""
        try:
            held = HeldArtefact.read(self.folder, self.shared)
            if held.version == self.model.held.version and self.problem is None:
                return
            model = self._made(held, self.model.changes)
        except Exception as error:
            log.warning("the new model is not taken up: %s", error)
            self.problem = (
                "the new model is damaged, incomplete or of another graphrec; the old one is kept."
                " The log says more."
            )
            self.metrics.loads.labels("refused").inc()
            return
        with self._lock:
            if model.changes != self.model.changes:  # it took long, and movies came meanwhile
                model = self._made(held, self.model.changes, model)
            self.problem = None
            self._take(model)
        self.metrics.loads.labels("taken").inc()
        log.info("a new model is taken up", extra={"told": {"version": held.version}})

    def _folder_stamp(self) -> tuple[tuple[str, int, int, int], ...]:
        """Changes whenever a file of the folder does."""
        try:
            found = [(file.name, file.stat()) for file in self.folder.iterdir()]
        except OSError:
            return ()
        own = [(name, s.st_ino, s.st_size, s.st_mtime_ns) for name, s in found]
        return tuple(sorted(own))

    def ready(self) -> tuple[bool, Answer]:
        """Whether questions are answered, and what is wrong if anything is."""
        store = "ok"
        try:
            self.store.check()
        except StoreError as error:
            self.note_store_error(error)
            store = "can't be read"
        model: Answer = {
            "version": self.model.held.version,
            "created": self.model.held.manifest["created"],
            "age_seconds": round(self.model.age()),
            "problem": self.problem,
        }
        return store == "ok", {"ready": store == "ok", "store": store, "model": model}

    def note_store_error(self, error: StoreError) -> None:
        """Count and log a failure of the store."""
        self.metrics.store_errors.inc()
        log.error("%s", error)

    # Users ----------------------------------------------------------------------------------------

    def profile(self, model: ServedModel, user_id: str) -> Profile:
        """A user as training and the store know them."""
        who = model.profile(user_id, self.store.user(model.check_user_id(user_id)))
        if who.basis == "history":
            self.metrics.fold_ins.inc()
        return who

    def write(self, interactions: Sequence[Interaction]) -> None:
        """Keep what users did or took back; nothing if one of them can't be.

        Raises:
            UnknownIdError: for a movie or a user that can't be.
        """
        model = self.model
        for one in interactions:
            model.check_user_id(one.user_id)
            if not one.removed:
                model.row(one.movie_id)
        self.store.write(interactions)
        for kind, removed in (("added", False), ("removed", True)):
            number = sum(one.removed is removed for one in interactions)
            self.metrics.feedback.labels(kind).inc(number)

    # Movies ---------------------------------------------------------------------------------------

    def add_movie(self, metadata: dict[str, Any]) -> tuple[Answer, list[str]]:
        """Add a movie by its metadata, and what could not be used of them.

        Raises:
            TakenError: if there is a movie with its id.
            DataError: if it can't be used.
        """
        record, notes = dict(metadata), list[str]()
        given = record.pop(MOVIE, None)
        with self._lock:  # two movies never get the same free id from this process
            model = self.model
            ids = model.movies[MOVIE]
            text = str(free_id(self._all_ids(ids)) if given is None else given)
            if model.has(text):
                raise TakenError(f"there is a movie with the id {text} already.")
            if not model.has(text, removed=True):
                parsed = model.movie_ids.parse(text)
                if isinstance(parsed, int) and (str(parsed) != text or abs(parsed) >= 2**63):
                    raise DataError("the ids of this model's movies are whole numbers.")
                frame = pd.DataFrame([{MOVIE: parsed, **record}])
                model.recommender.add_movies(frame, note=notes.append)
            self.store.add_movie(text, record)
        self._take_movies()
        return self.model.movie(self.model.row(text)), notes

    def _all_ids(self, ids: pd.Series[Any]) -> pd.Series[Any]:
        """With those of movies that were added and removed again."""
        parse = self.model.movie_ids.parse
        more = [parse(one.movie_id) for one in self.store.movies()]
        return pd.Series([*ids.tolist(), *more], dtype=ids.dtype) if more else ids

    def remove_movie(self, movie_id: str) -> None:
        """Let a movie be listed no more.

        Raises:
            UnknownIdError: if there is none.
        """
        row = self.model.row(movie_id)
        self.store.remove_movie(str(self.model.movies[MOVIE].tolist()[row]))
        self._take_movies()
