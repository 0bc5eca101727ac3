"""A data set together with what a store knows, for the next training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from graphrec.data.dataset import Dataset, make_dataset
from graphrec.data.files import Note, warn
from graphrec.data.ids import IdMap
from graphrec.data.tables import MOVIE, RATING, TIMESTAMP, TITLE, USER
from graphrec.errors import DataError, UnknownIdError
from graphrec.formatting import counted
from graphrec.serve.store import Store


def with_store(dataset: Dataset, store: Store, *, note: Note = warn) -> Dataset:
    """The data set with a store's interactions and movies, without what was taken back.

    Of a pair that both have, the store's rating and time count, also where the user disliked the
    movie before. Users who are to be forgotten have only what came in since. Movies that were
    removed are left out with their ratings. A test part of the data set's own becomes a part like
    any other.

    Args:
        dataset: what the model before was trained on, or any other tables.
        store: open.
        note: called with what was added and what could not be used.

    Raises:
        DataError: if nothing is left to learn from.
    """
    interactions = dataset.interactions
    ratings = pd.DataFrame(
        {
            USER: interactions.users.to_external(interactions.user),
            MOVIE: interactions.movies.to_external(interactions.movie),
        }
    )
    for name, values in ((RATING, interactions.rating), (TIMESTAMP, interactions.timestamp)):
        if values is not None:
            ratings[name] = values
    disliked = pd.DataFrame(
        {
            USER: interactions.users.to_external(dataset.disliked[0]),
            MOVIE: interactions.movies.to_external(dataset.disliked[1]),
        }
    )
    movies = dataset.movies if dataset.has_titles else dataset.movies.drop(columns=TITLE)
    movies, removed = _movies(dataset, movies, store, note)
    forgotten = {
        one for text in store.forgotten() if (one := _parsed(interactions.users, text)) is not None
    }
    ratings = ratings[~ratings[USER].isin(forgotten)]
    disliked = disliked[~disliked[USER].isin(forgotten)]
    changed, lost = [], 0
    known = set(movies[MOVIE].tolist())
    for one in store.interactions():
        user = _parsed(interactions.users, one.user_id)
        movie = _parsed(interactions.movies, one.movie_id)
        if user is None or movie is None or not (movie in known or one.removed):
            lost += movie not in removed
            continue
        changed.append((user, movie, one.rating, one.timestamp, one.removed))
    new = pd.DataFrame(changed, columns=[USER, MOVIE, RATING, TIMESTAMP, "removed"])
    new = new.astype({RATING: np.float32, TIMESTAMP: np.int64, "removed": bool})
    if len(new):
        new = new.astype({name: ratings[name].dtype for name in (USER, MOVIE)})
        pairs, anew = (pd.MultiIndex.from_frame(one[[USER, MOVIE]]) for one in (disliked, new))
        disliked = disliked[~pairs.isin(anew)]
        both = pd.concat([ratings.assign(removed=False), new[[*ratings.columns, "removed"]]])
        both = both.drop_duplicates([USER, MOVIE], keep="last")
        ratings = both[~both["removed"]].drop(columns="removed").reset_index(drop=True)
    ratings = ratings[~ratings[MOVIE].isin(removed)].reset_index(drop=True)
    if not len(ratings):
        raise DataError("with what the store took back, no interaction is left to learn from.")
    note(f"from the store: {counted(len(new), 'interaction')} added, changed or taken back.")
    if forgotten:
        note(f"from the store: users to be forgotten, without older ratings: {len(forgotten):,}.")
    if lost:
        note(f"from the store: rows with movies or users that can't be, left out: {lost:,}.")
    made = make_dataset(ratings, movies, name=dataset.name, disliked=disliked, note=note)
    return replace(
        made,
        has_titles=dataset.has_titles,
        simulated=dataset.simulated,
        notes=dataset.notes,
        columns=dataset.columns,
    )


def _movies(
    dataset: Dataset, movies: pd.DataFrame, store: Store, note: Note
) -> tuple[pd.DataFrame, set[object]]:
    """The movies table with those that were added, and the ids of those that were removed."""
    added, removed = [], set[object]()
    there = set(movies[MOVIE].tolist())
    for one in store.movies():
        movie = _parsed(dataset.interactions.movies, one.movie_id)
        if movie is None:
            note(f"from the store: the movie with id {one.movie_id} can't be used: not such an id.")
        elif one.removed:
            removed.add(movie)
        elif movie not in there:
            added.append({**(one.metadata or {}), MOVIE: movie})
    movies = movies[~movies[MOVIE].isin(removed)]
    if added:
        new = pd.DataFrame(added)
        unknown = [name for name in new.columns if name not in movies.columns]
        if unknown:
            names = ", ".join(unknown)
            note(f"from the store: columns that the movies table lacks, left out: {names}.")
        new = new.drop(columns=unknown).astype({MOVIE: movies[MOVIE].dtype})
        movies = pd.concat([movies, new], ignore_index=True)
        note(f"from the store: {counted(len(new), 'movie')} added.")
    return movies.reset_index(drop=True), removed


def _parsed(ids: IdMap, text: str) -> object | None:
    """An id as the tables have it; None if it can't be one."""
    try:
        return ids.parse(text)  # type: ignore[no-any-return]
    except UnknownIdError:
        return None
