"""Worlds whose truth is planted: ratings follow metadata, hidden traits, or both."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
import pandas as pd

from graphrec.data.dataset import Dataset, make_dataset

GENRES = ("Action", "Comedy", "Drama", "Horror", "Music", "Noir", "Sport", "War")
NUM_USERS, NUM_MOVIES, RATINGS = 300, 200, 40
NUM_TRAITS, STRENGTH = 4, 2.0  # standard deviation of taste, relative to the Gumbel noise


class Taste(StrEnum):
    """What decides who rates what."""

    METADATA = "metadata"
    HIDDEN = "hidden"
    BOTH = "both"


def planted_world(taste: Taste, seed: int) -> Dataset:
    """Every user rates the movies of highest taste plus Gumbel noise; genres are the metadata.

    Hidden traits are drawn for every movie independently of its genres.
    """
    rng = np.random.default_rng(seed)
    genres = np.zeros((NUM_MOVIES, len(GENRES)))
    for row in genres:
        row[rng.choice(len(GENRES), 2, replace=False)] = 1
    traits = rng.normal(size=(NUM_MOVIES, NUM_TRAITS))
    by_metadata = _standardised(rng.normal(size=(NUM_USERS, len(GENRES))) @ genres.T)
    by_traits = _standardised(rng.normal(size=(NUM_USERS, NUM_TRAITS)) @ traits.T)
    liking = {
        Taste.METADATA: by_metadata,
        Taste.HIDDEN: by_traits,
        Taste.BOTH: (by_metadata + by_traits) / 2**0.5,
    }[taste]
    drawn = STRENGTH * liking + rng.gumbel(size=liking.shape)
    rated = np.argsort(-drawn, axis=1)[:, :RATINGS]
    ratings = pd.DataFrame(
        {"user_id": np.repeat(np.arange(NUM_USERS), RATINGS), "movie_id": rated.ravel()}
    )
    labels = ["|".join(GENRES[index] for index in np.flatnonzero(row)) for row in genres]
    movies = pd.DataFrame({"movie_id": range(NUM_MOVIES), "genres": labels})
    return make_dataset(ratings, movies, name=f"planted: {taste}", note=lambda _: None)


def _standardised(values: np.ndarray) -> np.ndarray:
    """Mean 0 and standard deviation 1 along each row."""
    centred = values - values.mean(axis=1, keepdims=True)
    return np.asarray(centred / centred.std(axis=1, keepdims=True))
