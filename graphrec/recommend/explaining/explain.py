"""Scores split exactly into what each watched movie adds to them, and all the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from graphrec.choices import Layers, Scoring
from graphrec.data.interactions import Interactions
from graphrec.data.tables import MOVIE, TITLE, USER
from graphrec.errors import ConfigError
from graphrec.evaluate.scorers import Mixture, model_scorer
from graphrec.model.embeddings import Embeddings, PartEmbeddings
from graphrec.model.folding import power_of
from graphrec.recommend.artefact import Artefact
from graphrec.recommend.explaining.alike import company_of, features_of
from graphrec.recommend.explaining.explanation import Explanation, SimilarityExplanation
from graphrec.recommend.explaining.given import Given, shares
from graphrec.recommend.explaining.paths import Paths, paths_between
from graphrec.recommend.explaining.remarks import on_pair, on_score
from graphrec.recommend.explaining.terms import ID, METADATA, SPECTRAL, Sum, Term, terms_of
from graphrec.recommend.lists import Audience

_TINY = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Asker:
    """Whom a score is for.

    Attributes:
        who: one user.
        row: internally, if they are one of the model's; None for a new one.
    """

    who: Audience
    row: int | None

    @property
    def movies(self) -> np.ndarray:
        """What they have watched, int64 [H]."""
        return self.who.watched.indices.astype(np.int64)

    @property
    def weight(self) -> np.ndarray:
        """What each watch counts, [H]."""
        return np.asarray(self.who.watched.data)


class Explainer:
    """Explains one model; what it has to make of the graph it makes once.

    Args:
        artefact: the model.
        movies: its movies, and behind them any that were added.
        embeddings: of all of these.
        known: the watches that its graph is made of.
    """

    def __init__(
        self,
        artefact: Artefact,
        movies: pd.DataFrame,
        embeddings: Embeddings,
        known: Interactions,
    ) -> None:
        self.artefact, self.movies, self.embeddings = artefact, movies, embeddings
        self.known, self.watched = known, known.to_csr()
        self.mixture = Mixture.from_dict(artefact.manifest["rule"])
        self.layers = Layers(artefact.manifest["model"]["layers"])
        self.num_layers = int(artefact.manifest["model"]["num_layers"])
        self._given: dict[str, Given] = {}

    def score(self, who: Audience, user: int | None, row: int) -> Explanation:
        """A movie's score for one user, and what it is the sum of.

        Args:
            who: the user, and nobody else.
            user: internal user; None for a new one.
            row: internal movie.

        Raises:
            ConfigError: if there are several users.
        """
        if len(who.user) != 1:
            raise ConfigError(
                f"these are {len(who.user):,} users; explain a score of one of them at a time."
            )
        asker, own = Asker(who, user), self.embeddings
        scorer = model_scorer(own, who.user, who.user_metadata, who.watched, self.mixture)
        scores, sums = scorer.score(np.array([0]))[0].numpy(), self._sums(asker)
        terms = terms_of(scorer, self.mixture, row, sums)
        paths = self._paths(asker, row, sums[ID]) if ID in terms else Paths.none()
        rank, num_ranked = _standing(scores, row, asker.movies)
        return Explanation(
            user_id=None if who.ids is None else who.ids[0],
            movie_id=self.movies[MOVIE].to_numpy()[row],
            title=self.movies[TITLE].iloc[row],
            score=float(scores[row]),
            rank=rank,
            num_ranked=num_ranked,
            watched=row in asker.movies,
            contributions=self._contributions(asker.movies, terms),
            own=sum(term.own for term in terms.values()),
            popularity=sum(term.popularity for term in terms.values()),
            unwatched=0.0 if scorer.shift is None else float(scorer.shift[row]),
            paths=self._path_table(asker, paths, terms[ID].here if len(paths) else 0.0),
            notes=tuple(self._remarks(asker, row, len(paths))),
        )

    def similarity(self, first: int, second: int) -> SimilarityExplanation:
        """How alike two movies are, and what the cosines are sums of.

        Args:
            first, second: internal movies.

        Raises:
            ConfigError: if both are the same.
        """
        rows = (first, second)
        titles = self.movies[TITLE].to_numpy()[list(rows)]
        if rows[0] == rows[1]:
            raise ConfigError(f"both are {titles[0]}; name two different movies.")
        given = self._given_by(ID) if self.mixture.id is not None else None
        company = company_of(rows, self.embeddings.movie, given, self.known)
        features = features_of(rows, self.embeddings.features, self.artefact.encoder(), self.movies)
        return SimilarityExplanation(
            movie_ids=tuple(self.movies[MOVIE].to_numpy()[list(rows)].tolist()),
            titles=tuple(titles),
            **company,
            **features,
            notes=tuple(
                on_pair(
                    self.mixture,
                    [
                        (title, self.embeddings.is_foretold(row))
                        for title, row in zip(titles, rows, strict=True)
                        if not self.embeddings.degree[row]
                    ],
                    has_features=bool(self.embeddings.features.shape[1]),
                    num_layers=self.num_layers,
                )
            ),
        )

    def _sums(self, asker: Asker) -> dict[str, Sum]:
        """The user's embeddings by part, of length 1 where the part's scores are cosines."""
        spectral, movies = self.embeddings.spectral, asker.movies
        weight = (asker.weight * spectral.watch_weight[movies]).astype(np.float64)
        added = weight[:, None] * (spectral.movie[movies] * spectral.filter)
        sums = {SPECTRAL: Sum(added, added.sum(axis=0)).unit()}
        for part, rule, whole in (
            (ID, self.mixture.id, asker.who.user[0]),
            (METADATA, self.mixture.metadata, asker.who.user_metadata[0]),
        ):
            if rule is not None:
                found = Sum(self._added(asker, part), whole.astype(np.float64))
                sums[part] = found.unit() if rule.scoring is Scoring.COSINE else found
        return sums

    def _added(self, asker: Asker, part: str) -> np.ndarray:
        """What each watched movie adds to the user's embedding by a learned part, [H, D].

        To a user of the graph it adds what the layers say, to others what they are folded in by.
        """
        movies, weight = asker.movies, asker.weight
        if self._is_in_graph(asker):
            given = self._given_by(part)
            return shares(given.to_users[movies], weight, given.power)
        return shares(self._part(part).fold_in[movies], weight, power_of(self.layers))

    def _part(self, part: str) -> PartEmbeddings:
        return self.embeddings.by_id if part == ID else self.embeddings.by_metadata

    def _is_in_graph(self, asker: Asker) -> bool:
        return asker.row is not None and bool(self.known.user_degree()[asker.row])

    def _given_by(self, part: str) -> Given:
        if part not in self._given:
            features = self.embeddings.features[: self.known.num_movies]
            self._given[part] = Given.of(self.artefact, part, features, self.known)
        return self._given[part]

    def _length(self, row: int) -> float:
        """What a movie's embedding by ID is divided by in scores: its length in cosines, else 1."""
        if self.mixture.id is None or self.mixture.id.scoring is Scoring.DOT:
            return 1.0
        return max(float(np.linalg.norm(self.embeddings.movie[row])), _TINY)

    def _paths(self, asker: Asker, row: int, user: Sum) -> Paths:
        """Paths to a movie; none where its viewers add nothing to it."""
        viewers = self.known.viewers(row)
        if not len(viewers) or not self.num_layers:
            return Paths.none()
        given, length = self._given_by(ID), self._length(row)
        by_viewer = shares(given.to_movies[viewers], np.ones(len(viewers)), given.power)
        return paths_between(
            self.watched,
            (asker.movies, user.added),
            (viewers, by_viewer / length),
            whole=float(user.whole @ self.embeddings.movie[row] / length),
            without=(asker.row, row),
        )

    def _path_table(self, asker: Asker, paths: Paths, weight: float) -> pd.DataFrame:
        """The paths, the largest amount first; `weight` is of the ID part in the score."""
        largest = np.argsort(-np.abs(paths.product), kind="stable")
        rows, product = asker.movies[paths.place[largest]], paths.product[largest]
        return pd.DataFrame(
            {
                MOVIE: self.movies[MOVIE].to_numpy()[rows],
                TITLE: self.movies[TITLE].to_numpy()[rows],
                USER: self.known.users.ids[paths.user[largest]],
                "score": product * weight,
                "share": product / (paths.whole or _TINY),
            }
        )

    def _remarks(self, asker: Asker, row: int, num_paths: int) -> Iterator[str]:
        return on_score(
            self.mixture,
            watches=len(asker.movies),
            folded=not self._is_in_graph(asker),
            cold=not self.embeddings.degree[row],
            foretold=self.embeddings.is_foretold(row),
            num_layers=self.num_layers,
            num_paths=num_paths,
        )

    def _contributions(self, rows: np.ndarray, terms: dict[str, Term]) -> pd.DataFrame:
        """What each watched movie adds, by side of the model, the largest amount first."""
        sides = {"company": (ID, SPECTRAL), "metadata": (METADATA,)}
        columns = {
            side: np.sum([terms[part].by_watch for part in parts if part in terms], axis=0)
            for side, parts in sides.items()
            if any(part in terms for part in parts)
        }
        table = pd.DataFrame(
            {
                MOVIE: self.movies[MOVIE].to_numpy()[rows],
                TITLE: self.movies[TITLE].to_numpy()[rows],
                **columns,
                "total": np.sum(list(columns.values()), axis=0),
            }
        )
        largest = np.argsort(-table["total"].abs().to_numpy(), kind="stable")
        return table.iloc[largest].reset_index(drop=True)


def _standing(scores: np.ndarray, row: int, watched: np.ndarray) -> tuple[int, int]:
    """A movie's place among those that somebody has not watched, from 1, and how many they are."""
    rivals = np.ones(len(scores), dtype=bool)
    rivals[watched], rivals[row] = False, True
    return 1 + int((scores[rivals] > scores[row]).sum()), int(rivals.sum())
