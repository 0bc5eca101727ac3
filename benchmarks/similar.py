"""How good lists of similar movies are, beside neighborhood methods and other embeddings.

    python -m benchmarks.similar --data ml-latest-small [--details FILE] [--json FILE]
    python -m benchmarks.similar --data ../shared/data/splits/lastfm [--method als ...]
    python -m benchmarks.similar --data ml-latest-small --details FILE --lists

(a) From one movie of a held-out user, find the others they rated: the first ten of the movie's list
beside the rest of the history, as ndcg@10 and recall@10; mean over a user's movies, then over all
users. Users are held out in five folds, and each list is made of the other folds' ratings alone.
Settings of peers are the best of four by ndcg@10 on validation users, the second fold of the first.

(b) Films of one series (`series.csv`, facts about films), where the data have them: which fraction
of a film's series the first ten hold, over films with ten ratings and another one of the series
that has ten. Everything is fitted to all ratings.

(c) The fraction of movies without ratings in lists of rated ones.

"most rated" is no peer: it lists the same movies for all, and shows what (a) can be had for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
import torch
import typer

from benchmarks.common import facts, say, show_facts, show_table, write_json
from graphrec import load_dataset
from graphrec.config import Similarity
from graphrec.data.dataset import Dataset
from graphrec.data.tables import TITLE
from graphrec.evaluate.als import ALS
from graphrec.evaluate.classical import TRIALS, Classical, Settings
from graphrec.evaluate.scorers import EmbeddingScorer
from graphrec.evaluate.significance import paired_bootstrap
from graphrec.evaluate.word_vectors import item2vec
from graphrec.features.known import KnownFeatures
from graphrec.features.matrix import fit_features
from graphrec.nn.associations import Associations
from graphrec.recommend.similarity import Likeness, closest
from graphrec.recommend.vectors import MovieEmbeddings

K, FOLDS = 10, 5
LEAST_RATINGS = 10
SERIES = Path(__file__).parent / "series.csv"
OURS = "graphrec"
REFERENCE = "most rated"
_DISCOUNT = 1 / np.log2(np.arange(2, K + 2))
FILMS = (
    *("Toy Story (1995)", "Heat (1995)", "Alien (1979)", "Godfather, The (1972)"),
    *("Pulp Fiction (1994)", "Fargo (1996)", "Casablanca (1942)", "Amelie", "Spirited Away"),
    *("Before Sunrise (1995)", "Shrek (2001)", "Matrix, The (1999)", "Titanic (1997)"),
    *("Psycho (1960)", "Clueless (1995)", "Annie Hall (1977)", "Blade Runner (1982)"),
    *("Rear Window (1954)", "Trainspotting (1996)", "Monty Python and the Holy Grail (1975)"),
)

Similar = Callable[[int], np.ndarray]
"""How similar all movies are to one, float [M]; -inf where they can't be listed."""
Trial = tuple[str, Callable[["Known"], Similar]]
"""A setting in words, and what makes lists by it."""


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What lists are made of.

    Attributes:
        dataset: movies and metadata.
        matrix: interactions as ones of all users, those held out without any, users x movies.
    """

    dataset: Dataset
    matrix: sp.csr_array

    @property
    def degree(self) -> np.ndarray:
        return np.asarray(self.matrix.sum(axis=0))


def ours(known: Known) -> Similar:
    """What `graphrec similar` lists; nothing is trained but what is compared."""
    dataset, interactions = known.dataset, known.dataset.interactions
    rows = np.flatnonzero(np.diff(known.matrix.indptr)[interactions.user] > 0)
    compared = Associations.fit(interactions.to_liked_csr(rows)).movie.numpy()
    encoder = fit_features(dataset.metadata, known=known.degree > 0)
    titles = dataset.movies[TITLE].tolist() if dataset.has_titles else None
    features = KnownFeatures(encoder.transform(dataset.metadata), encoder.feature_column)
    likeness = Likeness(encoder, features, titles)
    none, degree = compared[:, :0], known.degree.astype(np.float32)
    embeddings = MovieEmbeddings(none, none, none, degree, compared, np.zeros(0, np.int64))

    def similar(row: int) -> np.ndarray:
        found = closest(embeddings, row, K, Similarity.BOTH, likeness=likeness)
        score = np.full(len(embeddings.degree), -np.inf)
        score[found.rows] = found.score
        return score

    return similar


def cosine(known: Known, shrinkage: float = 0) -> Similar:
    """Users in common over the geometric mean of ratings, each with `shrinkage` more."""
    by_movie, root = sp.csr_array(known.matrix.T), np.sqrt(known.degree + shrinkage)

    def similar(row: int) -> np.ndarray:
        common = np.asarray((by_movie[[row]] @ known.matrix).todense())[0]
        return _rated(known, common / np.maximum(root * root[row], 1e-12))

    return similar


def partial_correlation(known: Known, penalty: float) -> Similar:
    """Negative partial correlation: EASE's inverse, scaled on both sides."""
    users = (known.matrix @ known.matrix.T).toarray().astype(np.float64)
    users[np.diag_indices_from(users)] += penalty
    dense = known.matrix.toarray().astype(np.float64)
    solved = np.linalg.solve(users, dense)  # (R'R + l)^-1 = (1 - R'(RR' + l)^-1 R) / l
    own = np.sqrt(np.maximum(1 - (dense * solved).sum(axis=0), 1e-9))
    return lambda row: _rated(known, dense[:, row] @ solved / (own * own[row]))


def of_vectors(known: Known, vectors: np.ndarray) -> Similar:
    """Their cosine."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return lambda row: _rated(known, unit @ unit[row])


def metadata_knn(known: Known) -> Similar:
    """Cosine of the features as plain numbers."""
    encoder = fit_features(known.dataset.metadata, known=known.degree > 0)
    return of_vectors(known, encoder.transform(known.dataset.metadata))


def most_rated(known: Known) -> Similar:
    """The same for every movie."""
    return lambda _: _rated(known, known.degree)


def _rated(known: Known, similarity: np.ndarray) -> np.ndarray:
    return np.where(known.degree > 0, similarity, -np.inf)


def _given(make: Callable[[Known, float], Similar], value: float, known: Known) -> Similar:
    return make(known, value)


def _learned(
    method: Callable[..., EmbeddingScorer | ALS], settings: Settings, known: Known
) -> Similar:
    return of_vectors(known, method(known.matrix, **settings, seed=0).movie.numpy())


def _trials(known: Known) -> dict[str, list[Trial]]:
    """Everything that is compared, and up to four settings of each."""

    def with_settings(
        make: Callable[[Known, float], Similar], name: str, values: tuple[float, ...]
    ) -> list[Trial]:
        return [(f"{name} {value:g}", partial(_given, make, value)) for value in values]

    def learned(method: Callable[..., EmbeddingScorer | ALS], kind: Classical) -> list[Trial]:
        return [
            (", ".join(f"{k} {v:g}" for k, v in s.items()), partial(_learned, method, s))
            for s in TRIALS[kind]
        ]

    trials: dict[str, list[Trial]] = {
        OURS: [("", ours)],
        "item-knn, cosine": [("", cosine)],
        "item-knn, shrunk": with_settings(cosine, "d +", (5, 10, 20, 30)),
        "partial correlation": with_settings(
            partial_correlation, "lambda", (200, 500, 1_000, 2_000)
        ),
        "als": learned(ALS.fit, Classical.ALS),
        "item2vec": learned(item2vec, Classical.ITEM2VEC),
        REFERENCE: [("", most_rated)],
    }
    if len(known.dataset.metadata.columns):
        trials["metadata-knn"] = [("", metadata_knn)]
    return trials


def lists(similar: Similar, rows: np.ndarray, num_movies: int) -> np.ndarray:
    """The first ten of each of some movies, int64 [M, K]; -1 where there are none."""
    found = np.full((num_movies, K), -1)
    for row in rows:
        score = torch.from_numpy(np.array(similar(row), dtype=np.float64))
        score[row] = -np.inf
        best = score.topk(min(K, num_movies - 1))
        own = best.indices[best.values > -np.inf].numpy()
        found[row, : len(own)] = own
    return found


def others_found(found: np.ndarray, held_out: sp.csr_array, known: np.ndarray) -> np.ndarray:
    """(a): ndcg@10 and recall@10 of each held-out user with two movies, float64 [2, U].

    Args:
        found: lists [M, K].
        held_out: interactions as ones, users x movies.
        known: movies that there are lists for, bool [M].
    """
    figures = []
    ideal = np.concatenate([[0], np.cumsum(_DISCOUNT)])
    is_theirs = np.zeros(held_out.shape[1] + 1, dtype=bool)  # the last for -1
    for user in range(held_out.shape[0]):
        history = held_out.indices[held_out.indptr[user] : held_out.indptr[user + 1]]
        asked = history[known[history]]
        if len(history) < 2 or not len(asked):
            continue
        is_theirs[history] = True
        hit = is_theirs[found[asked]]
        is_theirs[history] = False
        most = min(K, len(history) - 1)
        figures.append(((hit @ _DISCOUNT / ideal[most]).mean(), (hit.sum(axis=1) / most).mean()))
    return np.array(figures).T


def series_of(dataset: Dataset) -> np.ndarray:
    """The series of each movie, empty for none, [M]."""
    table = pd.read_csv(SERIES)
    by_title = {f"{t} ({y})": name for t, y, name in table.itertuples(index=False)}
    return np.array([by_title.get(title, "") for title in dataset.movies[TITLE]])


def series_films(known: Known) -> Iterator[tuple[int, np.ndarray]]:
    """Films of a series and the others of it, all with ten ratings."""
    series = np.where(known.degree >= LEAST_RATINGS, series_of(known.dataset), "")
    for row in np.flatnonzero(series != ""):
        mates = np.flatnonzero(series == series[row])
        if len(mates) > 1:
            yield int(row), mates[mates != row]


def series_found(found: np.ndarray, films: list[tuple[int, np.ndarray]]) -> np.ndarray:
    """(b): the fraction of each film's series that is among the first ten."""
    return np.array([np.isin(found[r], mates).sum() / min(K, len(mates)) for r, mates in films])


def measure(
    dataset: Dataset, folds: int, methods: list[str] | None = None
) -> dict[str, dict[str, Any]]:
    """All figures by method; of graphrec and some others, or of all."""
    matrix = dataset.interactions.to_csr()
    matrix.data[:] = 1
    fold = np.random.default_rng(0).permutation(matrix.shape[0]) % FOLDS

    def without(held_out: np.ndarray) -> Known:
        return Known(dataset, sp.csr_array(sp.diags_array((~held_out).astype(np.float32)) @ matrix))

    everything, results = Known(dataset, matrix), {}
    films = list(series_films(everything)) if dataset.has_titles else []
    for name, trials in _trials(everything).items():
        if methods and name not in {OURS, *methods}:
            continue
        name_of, make = trials[0]
        if len(trials) > 1:
            known = without(fold <= 1)
            scores = [_ndcg(make(known), known, matrix[fold == 1]) for _, make in trials]
            name_of, make = trials[int(np.argmax(scores))]
        parts, unrated = [], []
        for number in range(folds):
            known = without(fold == number)
            held_out = matrix[fold == number]
            rows = np.flatnonzero((known.degree > 0) & (np.asarray(held_out.sum(axis=0)) > 0))
            found = lists(make(known), rows, matrix.shape[1])
            parts.append(others_found(found, held_out, known.degree > 0))
            listed = found[found >= 0]
            unrated.append(float((known.degree[listed] == 0).mean()))
        ndcg, recall = np.hstack(parts)
        results[name] = {"setting": name_of, "ndcg": ndcg, "recall": recall, "c": np.mean(unrated)}
        if films:
            rows = np.array([row for row, _ in films])
            results[name]["series"] = series_found(
                lists(make(everything), rows, matrix.shape[1]), films
            )
        say(
            f"{name} {name_of}: "
            + ", ".join(f"{k} {np.mean(v):.4f}" for k, v in results[name].items() if k != "setting")
        )
    return results


def _ndcg(similar: Similar, known: Known, held_out: sp.csr_array) -> float:
    rows = np.flatnonzero((known.degree > 0) & (np.asarray(held_out.sum(axis=0)) > 0))
    found = lists(similar, rows, held_out.shape[1])
    return float(others_found(found, held_out, known.degree > 0)[0].mean())


def show(name: str, results: Mapping[str, Mapping[str, Any]]) -> None:
    """Print the tables."""
    has_series = "series" in results[OURS]
    metrics = ["ndcg", "recall", *["series"] * has_series, "c"]
    rows = []
    for method, own in results.items():
        cells = [method, own["setting"], *(f"{np.mean(own[what]):.4f}" for what in metrics)]
        for what in ("ndcg", *["series"] * has_series):
            i = paired_bootstrap(results[OURS][what] - own[what], rng=np.random.default_rng(0))
            cells.append("" if method == OURS else f"{i.mean:+.4f} ({i.low:+.4f}, {i.high:+.4f})")
        rows.append(cells)
    columns = ["", "setting", "(a) ndcg@10", "recall@10", *["(b)"] * has_series, "(c)"]
    columns += ["graphrec ahead in (a)", *["in (b)"] * has_series]
    users = len(results[OURS]["ndcg"])
    counted = f", {len(results[OURS]['series'])} films of series" if has_series else ""
    show_table(f"{name}: {users:,} held-out users{counted}", columns, rows)


def show_lists(dataset: Dataset) -> None:
    """Print the lists of well-known films as Markdown."""
    matrix = dataset.interactions.to_csr()
    matrix.data[:] = 1
    similar, titles = ours(Known(dataset, matrix)), dataset.movies[TITLE].tolist()
    for film in FILMS:
        row = next(row for row, title in enumerate(titles) if title.startswith(film))
        found = lists(similar, np.array([row]), len(titles))[row]
        print(f"**{_short(titles[row])}**: {'; '.join(_short(titles[one]) for one in found)}\n")


def _short(title: str) -> str:
    """Without the names in brackets, but with the year."""
    return re.sub(r" \((?!\d{4}\)$)[^()]*(\([^()]*\)[^()]*)*\)", "", title)


def main(  # noqa: PLR0917
    data: Annotated[str, typer.Option(help="A folder or a named data set.")] = "sample",
    details: Annotated[Path | None, typer.Option(help="More metadata.")] = None,
    folds: Annotated[int, typer.Option(help="How many of the five to measure.")] = FOLDS,
    method: Annotated[list[str] | None, typer.Option(help="Peer to measure; all if none.")] = None,
    lists_only: Annotated[
        bool, typer.Option("--lists", help="Print the lists of well-known films.")
    ] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write figures here.")] = None,
) -> None:
    """Print the table."""
    dataset = load_dataset(data, details=details)
    if lists_only:
        show_lists(dataset)
        return
    results = measure(dataset, folds, method)
    machine = facts()
    show_facts(machine)
    show(dataset.name, results)
    figures = {
        method: {k: v if k == "setting" else float(np.mean(v)) for k, v in own.items()}
        for method, own in results.items()
    }
    write_json(json_file, {"facts": machine, "figures": figures})


if __name__ == "__main__":
    typer.run(main)
