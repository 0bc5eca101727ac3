"""Make the sample's simulated users: rewrites ratings.csv and truth.csv beside this file.

The movies and their facts in movies.csv are real. The users are not. Each has a taste of two
parts:

* what the columns can explain: genres the user loves and shuns, a favourite time, how much
  foreign-language and expensive movies appeal;
* what no column holds: four hidden traits, drawn for every movie independently of its facts and
  written to truth.csv, which each user likes or dislikes.

Both parts have the same variance over movies, so neither metadata nor ratings alone tell the story.
A movie also has an appeal of its own, partly that of its box office. A user chooses the movies with
the highest sum of all this and a Gumbel draw (which makes it a multinomial choice without
replacement), and rates them by the same sum plus noise.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

SEED = 20_260_101
NUM_USERS = 800
NUM_TRAITS = 4
NUM_RATINGS = (12, 150)  # fewest and most per user
MEDIAN_RATINGS = 32
STRENGTH = 1.5  # standard deviation of each half of a user's taste, in units of the Gumbel draw
APPEAL = 0.8  # standard deviation of a movie's own appeal
FIRST_DAY, LAST_DAY = "2021-01-01", "2024-12-31"

HERE = Path(__file__).parent


def standardised(values: np.ndarray) -> np.ndarray:
    """Mean 0 and standard deviation 1 along the last axis."""
    centred = values - values.mean(axis=-1, keepdims=True)
    return np.asarray(centred / np.maximum(centred.std(axis=-1, keepdims=True), 1e-9))


def metadata_taste(movies: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """How each user likes each movie for what the columns say, [users, movies], unit variance."""
    genres = movies["genres"].str.get_dummies("|").to_numpy(float)
    liking = rng.normal(0, 0.4, (NUM_USERS, genres.shape[1]))
    for user in liking:
        favourites = rng.choice(genres.shape[1], 3, replace=False)
        user[favourites] += [2.0, 1.5, -1.5]
    year = pd.to_datetime(movies["release_date"]).dt.year.to_numpy(float)
    favourite_year = rng.choice(year, NUM_USERS) + rng.normal(0, 5, NUM_USERS)
    closeness = np.exp(-(((year - favourite_year[:, None]) / 15) ** 2))
    foreign = (movies["language"] != "en").to_numpy(float)
    budget = np.log10(movies["budget"].fillna(movies["budget"].median()).to_numpy(float))
    return standardised(
        liking @ (genres / np.sqrt(genres.sum(axis=1, keepdims=True))).T
        + 1.5 * closeness
        + rng.normal(0, 1, (NUM_USERS, 1)) * foreign
        + rng.normal(0, 0.6, (NUM_USERS, 1)) * standardised(budget)
    )


def hidden_taste(traits: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """How each user likes each movie for its hidden traits, [users, movies], unit variance."""
    return standardised(rng.normal(0, 1, (NUM_USERS, NUM_TRAITS)) @ traits.T)


def own_appeal(movies: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """What draws everybody to a movie, [movies], unit variance: box office and the unexplained."""
    revenue = np.log10(movies["revenue"].fillna(movies["revenue"].median()).to_numpy(float))
    return standardised(standardised(revenue) + rng.normal(0, 1, len(movies)))


def half_stars(liking: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Ratings from 0.5 to 5 in steps of a half: better liked movies get more, with some noise."""
    stars = 3.6 + 0.7 * standardised(liking) + rng.normal(0, 0.5, len(liking))
    return np.clip(np.round(2 * stars) / 2, 0.5, 5.0)


def simulate(movies: pd.DataFrame, seed: int = SEED) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The ratings of all users, and the planted truth of all movies."""
    rng = np.random.default_rng(seed)
    traits = rng.normal(0, 1, (len(movies), NUM_TRAITS))
    appeal = own_appeal(movies, rng)
    liking = STRENGTH * (metadata_taste(movies, rng) + hidden_taste(traits, rng)) + APPEAL * appeal
    drawn = liking + rng.gumbel(0, 1, liking.shape)
    counts = np.exp(rng.normal(np.log(MEDIAN_RATINGS), 0.6, NUM_USERS)).astype(int)
    first, last = (int(pd.Timestamp(day).timestamp()) for day in (FIRST_DAY, LAST_DAY))
    rows = []
    for user, count in enumerate(np.clip(counts, *NUM_RATINGS)):
        rated = rng.permutation(np.argsort(-drawn[user])[:count])  # in any order
        rows.append(
            pd.DataFrame(
                {
                    "user_id": user + 1,
                    "movie_id": movies["movie_id"].to_numpy()[rated],
                    "rating": half_stars(liking[user, rated], rng),
                    "timestamp": np.sort(rng.integers(rng.integers(first, last), last, count)),
                }
            )
        )
    ratings = pd.concat(rows)
    truth = pd.DataFrame({"movie_id": movies["movie_id"], "appeal": appeal.round(4)})
    for trait in range(NUM_TRAITS):
        truth[f"hidden_trait_{trait + 1}"] = traits[:, trait].round(4)
    return ratings, truth


def main() -> None:
    """Write ratings.csv and truth.csv beside this file."""
    ratings, truth = simulate(pd.read_csv(HERE / "movies.csv"))
    ratings.to_csv(HERE / "ratings.csv", index=False, lineterminator="\n")
    truth.to_csv(HERE / "truth.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
