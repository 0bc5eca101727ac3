"""New movies and new users asked of a big model: how long until they are answered.

    python -m benchmarks.latency --data gowalla [--model FOLDER] [--rounds 5] [--json FILE]

Trains a model on the interactions of `--data` with made-up metadata (labels, a date, minutes, money
and a language, so that movies differ in some hundred features), for a few epochs: quality is not at
stake, sizes are. Then `--number` new movies are added from a data frame and as many new users are
folded in from another, each with 30 movies, by what a user of graphrec calls. "Add" is
`Recommender.add_movies` and the vectors of all movies; "fold in" is reading the histories and
making their users' vectors; "rank" is ranking all movies for them, which `recommend` does besides.
The model is in memory already. With `--model` a folder that an earlier call wrote is used again.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer

from benchmarks.common import facts, say, show_facts, show_table, write_json
from graphrec import Recommender, TrainConfig, fit, load_dataset, make_split, save_model
from graphrec.config import SplitKind
from graphrec.data.dataset import Dataset
from graphrec.data.files import warn
from graphrec.recommend.new_users import new_users

HISTORY = 30
EPOCHS = 3
_LABELS = [f"label {number}" for number in range(40)]


def made_up_movies(number: int, first_id: int, rng: np.random.Generator) -> pd.DataFrame:
    """So many movies with metadata that mean nothing."""
    count = rng.integers(1, 5, number)
    days = rng.integers(0, 20_000, number)
    return pd.DataFrame(
        {
            "movie_id": np.arange(first_id, first_id + number),
            "title": [f"Movie {first_id + index}" for index in range(number)],
            "genres": ["|".join(rng.choice(_LABELS, size, replace=False)) for size in count],
            "release_date": pd.Timestamp("1965-01-01") + pd.to_timedelta(days, unit="D"),
            "runtime": rng.normal(105, 20, number).round(),
            "budget": np.exp(rng.normal(16, 2, number)).round(),
            "language": rng.choice([f"l{index}" for index in range(40)], number),
        }
    )


def trained(data: str, folder: Path) -> Recommender:
    """The model in the folder, made first if it isn't there."""
    if not folder.is_dir():
        known = load_dataset(data).interactions
        users, movies = known.users.ids[known.user], known.movies.ids[known.movie]
        rng = np.random.default_rng(0)
        table = made_up_movies(known.num_movies, 0, rng)
        table["movie_id"] = known.movies.ids
        ratings = pd.DataFrame({"user_id": users, "movie_id": movies})
        dataset: Dataset = load_dataset(ratings=ratings, movies=table)
        split = make_split(dataset, SplitKind.RANDOM, seed=0)
        fitted = fit(dataset, split, config=TrainConfig(epochs=EPOCHS))
        save_model(folder, dataset, split, fitted)
    return Recommender.load(folder)


def measure(model: Recommender, number: int, rng: np.random.Generator) -> dict[str, float]:
    """Seconds of each step, once."""
    last = int(model.movies["movie_id"].max())
    new_movies = made_up_movies(number, last + 1, rng)
    known = model.movies["movie_id"].to_numpy()
    watched = np.concatenate([rng.choice(known, HISTORY, replace=False) for _ in range(number)])
    histories = pd.DataFrame(
        {"user_id": np.repeat(np.arange(number), HISTORY), "movie_id": watched}
    )
    began = time.perf_counter()
    longer = model.add_movies(new_movies, note=lambda _: None)
    longer.model.movie_vectors()
    added = time.perf_counter()
    audience = new_users(
        histories, None, longer.movies, None, find=longer.row_of, columns={}, strict=True, note=warn
    )
    longer.model.user_vectors(audience.history)
    folded = time.perf_counter()
    longer.recommend(history=histories, k=20)
    ranked = time.perf_counter()
    return {
        "add": added - began,
        "fold in": folded - added,
        "add and fold in": folded - began,
        "rank": ranked - folded,
    }


def main(
    data: Annotated[str, typer.Option(help="A folder or a named data set.")],
    model: Annotated[Path, typer.Option(help="Where the model is, or is put.")] = Path(
        "latency-model"
    ),
    number: Annotated[int, typer.Option(help="Of new movies, and of new users.")] = 1_000,
    rounds: Annotated[int, typer.Option(help="How often to measure.")] = 5,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write figures here.")] = None,
) -> None:
    """Print the table."""
    recommender = trained(data, model)
    say(repr(recommender))
    rng = np.random.default_rng(1)
    measure(recommender, 1, rng)  # the model's files are read, libraries loaded
    seconds = [measure(recommender, number, rng) for _ in range(rounds)]
    machine = facts()
    show_facts(machine)
    rows = [
        [step, *(f"{fold([run[step] for run in seconds]):.2f}" for fold in (np.median, min, max))]
        for step in seconds[0]
    ]
    title = f"{number:,} new movies and {number:,} new users, seconds"
    show_table(title, ["", "median", "least", "most"], rows)
    write_json(json_file, {"facts": machine, "seconds": seconds})


if __name__ == "__main__":
    typer.run(main)
