"""Scores split exactly into what each watched movie adds to them, and all the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.sparse as sp

from graphrec.choices import Scoring
from graphrec.data.ids import IdMap
from graphrec.data.tables import MOVIE, TITLE, USER
from graphrec.errors import ConfigError
from graphrec.evaluate.scorers import Mixture, model_scorer
from graphrec.model.embeddings import Embeddings, PartEmbeddings
from graphrec.model.folding import fold_in
from graphrec.recommend.alike import company_of, metadata_of
from graphrec.recommend.artefact import Artefact
from graphrec.recommend.explanation import Explanation, SimilarityExplanation
from graphrec.recommend.given import Given, layers_power, shares
from graphrec.recommend.paths import Paths, paths_between, viewers_of
from graphrec.recommend.terms import ID, METADATA, SPECTRAL, Sum, Term, terms_of

_TINY = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Asker:
    """Whom a score is for.

    Attributes:
        row: internal user; None for a new one.
        history: what each watch counts, [1, M].
        user, user_metadata: their embeddings by ID and by metadata, float32 [D].
    """

    row: int | None
    history: sp.csr_array
    user: np.ndarray
    user_metadata: np.ndarray

    @property
    def movies(self) -> np.ndarray:
        """What they have watched, int64 [H]."""
        return self.history.indices.astype(np.int64)


class Explainer:
    """Explains one model; what it has to make of the graph it makes once.

    Args:
        artefact: the model.
        movies: its movies, and behind them any that were added.
        embeddings: of all of these.
        known: the watches that its graph is made of, users x its own movies.
        users: ids of its users.
    """

    def __init__(
        self,
        artefact: Artefact,
        movies: pd.DataFrame,
        embeddings: Embeddings,
        known: sp.csr_array,
        users: IdMap,
    ) -> None:
        self.artefact, self.movies, self.embeddings = artefact, movies, embeddings
        self.known, self.users = known, users
        self.mixture = Mixture.from_dict(artefact.manifest["rule"])
        self._given: dict[str, Given] = {}

    def of_user(self, row: int, history: sp.csr_array) -> Asker:
        """A user of the tables, and all they are known to have watched, [1, M]."""
        return Asker(row, history, self.embeddings.user[row], self.embeddings.user_metadata[row])

    def of_history(self, history: sp.csr_array) -> Asker:
        """A new user, by what each of their watches counts, [1, M].

        Raises:
            ConfigError: if there are several users.
        """
        if history.shape[0] != 1:
            raise ConfigError(
                f"the history is of {history.shape[0]:,} users; explain one of them at a time."
            )
        power, own = layers_power(self.artefact), self.embeddings
        both = (fold_in(history, given, power)[0] for given in (own.fold_in, own.fold_in_metadata))
        return Asker(None, history, *both)

    def score(self, asker: Asker, row: int, num_paths: int) -> Explanation:
        """A movie's score, and what it is the sum of.

        Args:
            asker: for whom.
            row: internal movie.
            num_paths: how many paths to keep.
        """
        users = asker.user[None], asker.user_metadata[None]
        scorer = model_scorer(self.embeddings, *users, asker.history, self.mixture)
        scores = scorer.score(np.array([0]))[0].numpy()
        sums = self._sums(asker)
        terms = terms_of(scorer, self.mixture, row, sums)
        paths = self._paths(asker, row, sums[ID].added) if ID in terms else Paths.none()
        rivals = np.ones(len(scores), dtype=bool)
        rivals[asker.movies] = False
        watched, rivals[row] = not rivals[row], True
        share = 1 / self._product(sums[ID].whole, row) if len(paths) else 0.0
        table = self._path_table(paths, asker, num_paths)
        return Explanation(
            user_id=None if asker.row is None else self.users.ids[asker.row],
            movie_id=self.movies[MOVIE].to_numpy()[row],
            title=self.movies[TITLE].iloc[row],
            score=float(scores[row]),
            rank=1 + int((scores[rivals] > scores[row]).sum()),
            num_ranked=int(rivals.sum()),
            watched=bool(watched),
            contributions=self._contributions(asker, terms),
            own=sum(term.own for term in terms.values()),
            popularity=sum(term.popularity for term in terms.values()),
            unwatched=0.0 if scorer.shift is None else float(scorer.shift[row]),
            paths=table.assign(
                score=table["product"] * terms[ID].here if len(paths) else 0.0,
                share=table["product"] * share,
            ).drop(columns="product"),
            num_paths=len(paths),
            paths_share=float(paths.product.sum() * share),
            notes=tuple(self._notes(asker, row, terms, paths)),
        )

    def similarity(self, first: int, second: int) -> SimilarityExplanation:
        """How alike two movies are, and what their cosines are sums of.

        Args:
            first, second: internal movies.
        """
        rows = (first, second)
        given = self._given_by(ID) if self.mixture.id is not None else None
        company = company_of(rows, self.embeddings.movie, given, self.known, self.users)
        metadata = metadata_of(rows, self.embeddings.features, self.artefact.encoder(), self.movies)
        return SimilarityExplanation(
            movie_ids=tuple(self.movies[MOVIE].to_numpy()[list(rows)].tolist()),
            titles=tuple(self.movies[TITLE].to_numpy()[list(rows)].tolist()),
            **company,
            **metadata,
            notes=tuple(self._notes_on_pair(rows)),
        )

    def _notes_on_pair(self, rows: tuple[int, int]) -> Iterator[str]:
        """What is special about a similarity, in words."""
        if self.mixture.id is None:
            yield "This model has no ID embeddings, so there is no company to compare."
        elif not self._num_layers:
            yield "This model has no layers: an ID embedding is the movie's own, not its viewers'."
        if not self.embeddings.features.shape[1]:
            yield "This model has no metadata to compare."
        for row in rows:
            if not self.embeddings.degree[row]:
                title, known = self.movies[TITLE].iloc[row], self.mixture.metadata is not None
                rest = "its company is what its metadata let expect" if known else "it has none"
                yield f"Nobody has watched {title}: {rest}."

    def _sums(self, asker: Asker) -> dict[str, Sum]:
        """The user's embeddings by part, of length 1 where the part's scores are cosines."""
        spectral, movies = self.embeddings.spectral, asker.movies
        weight = (asker.history.data * spectral.watch_weight[movies]).astype(np.float64)
        added = weight[:, None] * (spectral.movie[movies] * spectral.filter)
        sums = {SPECTRAL: Sum(added, added.sum(axis=0)).unit()}
        for part, rule, whole in (
            (ID, self.mixture.id, asker.user),
            (METADATA, self.mixture.metadata, asker.user_metadata),
        ):
            if rule is not None:
                found = Sum(self._added(asker, part), whole.astype(np.float64))
                sums[part] = found.unit() if rule.scoring is Scoring.COSINE else found
        return sums

    def _added(self, asker: Asker, part: str) -> np.ndarray:
        """What each watched movie adds to the user's embedding by a learned part, [H, D].

        To a user of the graph it adds what the layers say, to others what they are folded in by.
        """
        movies, weight = asker.movies, asker.history.data
        if self._is_in_graph(asker):
            given = self._given_by(part)
            return shares(given.to_users[movies], weight, given.power)
        return shares(self._part(part).fold_in[movies], weight, layers_power(self.artefact))

    def _part(self, part: str) -> PartEmbeddings:
        return self.embeddings.by_id if part == ID else self.embeddings.by_metadata

    def _is_in_graph(self, asker: Asker) -> bool:
        return asker.row is not None and bool(np.diff(self.known.indptr)[asker.row])

    def _given_by(self, part: str) -> Given:
        if part not in self._given:
            features = self.embeddings.features[: self.known.shape[1]]
            self._given[part] = Given.of(self.artefact, part, features, self.known)
        return self._given[part]

    def _product(self, user: np.ndarray, row: int) -> float:
        """What the ID part's score is but for popularity; never exactly 0."""
        return float(user @ self.embeddings.movie[row] / self._length(row)) or _TINY

    def _length(self, row: int) -> float:
        """What a movie's embedding by ID is divided by in scores: its length in cosines, else 1."""
        if self.mixture.id is None or self.mixture.id.scoring is Scoring.DOT:
            return 1.0
        return max(float(np.linalg.norm(self.embeddings.movie[row])), _TINY)

    def _paths(self, asker: Asker, row: int, added: np.ndarray) -> Paths:
        """Paths to a movie, in terms of the ID part's score; none where viewers add nothing."""
        viewers = viewers_of(self.known, row)
        if not len(viewers) or not self._num_layers:
            return Paths.none()
        given = self._given_by(ID)
        by_viewer = shares(given.to_movies[viewers], np.ones(len(viewers)), given.power)
        return paths_between(
            self.known,
            asker.movies,
            added,
            viewers,
            by_viewer / self._length(row),
            without=(asker.row, row),
        )

    @property
    def _num_layers(self) -> int:
        return int(self.artefact.manifest["model"]["num_layers"])

    def _path_table(self, paths: Paths, asker: Asker, number: int) -> pd.DataFrame:
        strongest = paths.strongest(number)
        rows = asker.movies[paths.place[strongest]]
        return pd.DataFrame(
            {
                MOVIE: self.movies[MOVIE].to_numpy()[rows],
                TITLE: self.movies[TITLE].to_numpy()[rows],
                USER: self.users.ids[paths.user[strongest]],
                "product": paths.product[strongest],
            }
        )

    def _contributions(self, asker: Asker, terms: dict[str, Term]) -> pd.DataFrame:
        """What each watched movie adds, by side of the model, the largest amount first."""
        rows, sides = asker.movies, {"company": (ID, SPECTRAL), "metadata": (METADATA,)}
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

    def _notes(self, asker: Asker, row: int, terms: dict[str, Term], paths: Paths) -> Iterator[str]:
        """What is special about a score, in words."""
        is_folded = not self._is_in_graph(asker)
        if not len(asker.movies):
            yield "Nothing is known that this user has watched: they count as the average user."
        elif is_folded:
            yield "This user has no embedding of their own: all comes from what they have watched."
        if not self.embeddings.degree[row]:
            if METADATA in terms:
                yield "Nobody has watched this movie: its company is what its metadata let expect."
            else:
                yield "Nobody has watched this movie, so nothing is known of its company."
        elif ID not in terms:
            yield "There are no paths: this model has no ID embeddings."
        elif not self._num_layers:
            yield "There are no paths: this model has no layers to pass anything on."
        elif not len(paths):
            yield "There are no paths: nobody else has watched this movie and one of those."
        elif is_folded:
            yield "The first edge of each path is this user's own history, not the training graph."
