"""Scores split exactly into what each movie of the history adds to them, and all the rest."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pandas as pd
import scipy.sparse as sp

from graphrec.config import Similarity
from graphrec.data.interactions import Interactions
from graphrec.data.tables import MOVIE, TITLE, USER
from graphrec.errors import ConfigError
from graphrec.evaluate.scorers import ModelScorer
from graphrec.nn.hybrid import (
    ID,
    METADATA,
    PATHS,
    POPULARITY,
    SPECTRAL,
    UNRATED,
    HybridModel,
    Messages,
)
from graphrec.recommend.artefact import Artefact
from graphrec.recommend.explaining.explanation import Explanation, SimilarityExplanation
from graphrec.recommend.explaining.graph_paths import Paths, paths_between
from graphrec.recommend.explaining.pair import collaborative_side, features_side
from graphrec.recommend.explaining.remarks import on_pair, on_score
from graphrec.recommend.lists import Audience
from graphrec.recommend.similarity import collaborative_scale, compare_to
from graphrec.recommend.vectors import MovieEmbeddings

_SIDES = {"collaborative": (ID, SPECTRAL, PATHS), "metadata": (METADATA,)}


class Explainer:
    """Explains one model; what it needs of the graph is made once.

    Args:
        artefact: the model's.
        movies: its movies, and behind them any that were added.
        model: of all of these.
        known: the interactions that its graph is made of.
    """

    def __init__(
        self, artefact: Artefact, movies: pd.DataFrame, model: HybridModel, known: Interactions
    ) -> None:
        self.artefact, self.movies, self.model, self.known = artefact, movies, model, known
        self.embeddings = MovieEmbeddings.of_model(model)
        self.num_layers = int(artefact.manifest["model"]["num_layers"])

    @cached_property
    def messages(self) -> dict[str, Messages]:
        """What the graph's nodes send to their neighbors, by part.

        Raises:
            ConfigError: if the model's layers aren't linear.
        """
        return self.artefact.messages(self.model, self.known)

    @cached_property
    def _matrix(self) -> sp.csr_array:
        return self.known.to_csr()

    @cached_property
    def _liked(self) -> sp.csr_array:
        return self.known.to_liked_csr()

    @cached_property
    def _user_degree(self) -> np.ndarray:
        return self.known.user_degree()

    def score(self, who: Audience, row: int) -> Explanation:
        """A movie's score for one user, and what it is the sum of.

        Args:
            who: the user, and nobody else.
            row: internal movie.

        Raises:
            ConfigError: if there are several users, or the model's layers aren't linear.
        """
        if who.history.shape[0] != 1:
            raise ConfigError(
                f"the history is of {who.history.shape[0]:,} users; explain the score of one user"
                " at a time."
            )
        user = None if who.users is None else int(who.users[0])
        messages = self.messages  # raises for layers that aren't linear, whoever the user is
        in_graph = user is not None and bool(self._user_degree[user])
        model, movie = self.model, self.model.movie_vectors()[row].double().numpy()
        scorer = ModelScorer(model, who.history, who.users, new=user is None)
        scores = scorer.score(np.array([0]))[0].numpy()
        summands = model.user_summands(who.history, user, messages if in_graph else None)
        terms, whole = summands.summand * movie, summands.vector * movie
        by_block = {name: terms[:, columns] for name, columns in model.columns.items()}
        added = model.blend.paths * model.paths.summands(who.history, row)
        by_block[PATHS] = added[:, None][:, : not model.paths.is_empty]
        popularity, unrated = (
            float(whole[model.columns[name]].sum()) for name in (POPULARITY, UNRATED)
        )
        paths = self._paths(summands.movie, summands.summand, user, row)
        rank, num_ranked = _rank(scores, row, summands.movie)
        return Explanation(
            user_id=None if who.ids is None else who.ids[0],
            movie_id=self.movies[MOVIE].to_numpy()[row],
            title=self.movies[TITLE].iloc[row],
            score=float(scores[row]),
            rank=rank,
            num_ranked=num_ranked,
            rated=row in summands.movie,
            contributions=self._contributions(summands.movie, by_block),
            own=float(whole.sum() - terms.sum() - popularity - unrated),
            popularity=popularity,
            unrated=unrated,
            paths=self._path_table(summands.movie, paths, float(whole[model.columns[ID]].sum())),
            notes=tuple(
                on_score(
                    by_id=ID in model.learned,
                    history=len(summands.movie),
                    is_folded_in=not in_graph,
                    is_unrated=not model.degree[row],
                    is_imputed=self.embeddings.is_imputed(row),
                    num_layers=self.num_layers,
                    num_paths=len(paths),
                )
            ),
        )

    def similarity(self, first: int, second: int) -> SimilarityExplanation:
        """How similar two movies are, and what the cosines are sums of.

        Args:
            first, second: internal movies.

        Raises:
            ConfigError: if both are the same, or a model without associations has layers that
                aren't linear.
        """
        rows, model = (first, second), self.model
        titles = self.movies[TITLE].to_numpy()[list(rows)]
        if first == second:
            raise ConfigError(f"both are {titles[0]}; name two different movies.")
        features, degree = model.features.numpy(), model.degree.numpy()
        has_associations, by_id = bool(model.associations.dim), ID in model.learned
        notes = on_pair(
            [
                (title, self.embeddings.is_imputed(r))
                for title, r in zip(titles, rows, strict=True)
                if not degree[r]
            ],
            is_collaborative=has_associations or by_id,
            has_features=bool(features.shape[1]),
            num_layers=1 if has_associations else self.num_layers,
        )
        similarity = compare_to(self.embeddings, first).get(Similarity.COLLABORATIVE)
        return SimilarityExplanation(
            movie_ids=tuple(self.movies[MOVIE].to_numpy()[list(rows)].tolist()),
            titles=tuple(titles),
            **collaborative_side(
                rows,
                float("nan") if similarity is None else float(similarity[second]),
                self._added_by_users(first, second),
                self.known,
            ),
            **features_side(rows, features, self.artefact.encoder(), self.movies),
            notes=tuple(notes),
        )

    def _added_by_users(self, first: int, second: int) -> np.ndarray:
        """What each user of the first movie adds to their collaborative similarity, float64 [V].

        Raises:
            ConfigError: if it is one of ID embeddings, and the layers aren't linear.
        """
        users, own = self.known.users_of(first), self.embeddings.compared
        if self.model.associations.dim:
            added = self.model.associations.user_summands(self._liked[users], first)
        elif ID in self.model.learned:
            length = float(self.model.learned[ID].movie[first].double().norm())
            added = self.messages[ID].to_movie(users) / max(length, 1e-12)
        else:
            return np.zeros(len(users))
        _, scale = collaborative_scale(self.embeddings, first)
        return np.asarray(added @ own[second].astype(np.float64) / scale)

    def _paths(
        self,
        history: np.ndarray,
        summand: np.ndarray,
        user: int | None,
        row: int,
    ) -> Paths:
        """Paths to a movie by the ID block; none where its users add nothing to it."""
        users = self.known.users_of(row)
        if ID not in self.model.learned or not len(users) or not self.num_layers:
            return Paths.none()
        columns, length = self.model.columns[ID], 1.0
        if self.model.cosine:
            length = max(float(self.model.learned[ID].movie[row].double().norm()), 1e-12)
        return paths_between(
            self._matrix,
            (history, summand[:, columns]),
            (users, self.messages[ID].to_movie(users) / length),
            without=(user, row),
        )

    def _path_table(self, history: np.ndarray, paths: Paths, whole: float) -> pd.DataFrame:
        """The paths, the largest amount first; `whole` is the score's ID block."""
        largest = np.argsort(-np.abs(paths.product), kind="stable")
        rows, product = history[paths.index[largest]], paths.product[largest]
        return pd.DataFrame(
            {
                MOVIE: self.movies[MOVIE].to_numpy()[rows],
                TITLE: self.movies[TITLE].to_numpy()[rows],
                USER: self.known.users.ids[paths.user[largest]],
                "score": product,
                "fraction": product / (whole or 1.0),
            }
        )

    def _contributions(self, rows: np.ndarray, by_block: dict[str, np.ndarray]) -> pd.DataFrame:
        """What each movie of the history adds, the largest amount first."""
        columns = {
            side: np.sum([by_block[name].sum(axis=1) for name in blocks], axis=0)
            for side, blocks in _SIDES.items()
            if any(by_block[name].shape[1] for name in blocks)
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


def _rank(scores: np.ndarray, row: int, history: np.ndarray) -> tuple[int, int]:
    """A movie's rank from 1 among those that are not in the history, and how many these are."""
    others = np.ones(len(scores), dtype=bool)
    others[history], others[row] = False, True
    return 1 + int((scores[others] > scores[row]).sum()), int(others.sum())
