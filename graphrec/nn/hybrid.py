r"""The model: what a user's and a movie's vectors are, and so what a score is.

.. math:: s(u, i) = \langle x_u, y_i \rangle + a_6 \, p(u, i)

The two vectors are made of blocks of columns that stand side by side, so a score is the sum of the
blocks' inner products, and of p, which is linear in the user's history:

======================  ====================================================  =====================
block                   user :math:`x_u`                                      movie :math:`y_i`
======================  ====================================================  =====================
``id``                  :math:`a_1 z_u / \|z_u\|`                             :math:`z_i / \|z_i\|`
``metadata``            :math:`a_2 v_u / \|v_u\|`                             :math:`v_i / \|v_i\|`
``spectral``            :math:`a_3 s_u`                                       :math:`s_i`
``popularity``          :math:`a_4`                                           :math:`\ln d_i`
``unrated``             :math:`a_5`                                           1 if :math:`d_i = 0`
======================  ====================================================  =====================

- :math:`z` are trainable ID embeddings of users and movies after propagation (`Tower`), compared by
  cosine as in the loss. (Where inner products are trained, as by BPR, they aren't scaled.) Users
  without interactions get the mean of the others'.
- :math:`v` likewise from the movies' metadata, through a linear map.
- :math:`s` are singular vectors of the interaction matrix, in closed form: those of the highest
  singular values, or all in a ridge regression of movies on movies (`Spectral`).
- :math:`p` counts 3-hop paths from the user's movies over other users to the movie
  (`LinkPropagation`). As an inner product it would have a column for every user.
- :math:`d_i` counts a movie's interactions. Softmax on cosines with popular movies as negatives
  learns what a user likes beyond what everybody does; this puts the latter back.
- :math:`a` is the `Blend`, chosen on validation.

**Movies without interactions** (cold-start) have :math:`v_i` from their own metadata; if the model
has that block, their :math:`z_i`, :math:`s_i`, :math:`\ln d_i` and :math:`p(u, i)` are
imputed: predicted from metadata by the movies that have interactions (`graphrec.nn.coldstart`).
Else they are 0.

**New users** are folded in without training: :math:`s_u` and :math:`p` are sums over the history
already, and

.. math:: z_u = \frac{1}{\sqrt{\sum_i w_i}}
                \sum_{i \in H_u} w_i \frac{d_i}{d_i + \kappa} \frac{z_i}{\|z_i\|} B

with w the interactions' weights (1, or a rating as a fraction of the highest) and B [D, D] a ridge
regression, over the training users, of their embeddings on their histories. For :math:`v_u` it is
the same without the factor in d: metadata need no interactions to be trusted.

Each vector of a user is the sum of one summand per movie of the history and of a rest
(`HybridModel.user_summands`), as p is (`LinkPropagation.summands`), so every score splits exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from graphrec.config import HALF_TRUST, NodeState
from graphrec.nn.associations import Associations
from graphrec.nn.coldstart import KernelRidge, predict_log_degree
from graphrec.nn.paths import LinkPropagation
from graphrec.nn.propagation import Adjacency
from graphrec.nn.spectral import Spectral
from graphrec.nn.towers import Tower
from graphrec.processes import all_sum, total

if TYPE_CHECKING:
    import scipy.sparse as sp

ID, METADATA, SPECTRAL = NodeState.ID.value, NodeState.METADATA.value, "spectral"
POPULARITY, UNRATED, PATHS = "popularity", "unrated", "paths"
BLOCKS = (ID, METADATA, SPECTRAL, POPULARITY, UNRATED)
"""Those of the vectors; `PATHS` stands beside them."""

PENALTY = 0.03
"""Of `ridge_regression`, relative to the mean variance of its inputs."""


@dataclass(frozen=True, slots=True)
class Blend:
    """The weight of each block, see `graphrec.nn.hybrid`; chosen on validation.

    Where a model has no such part the block has no columns, and its weight has no effect.
    """

    id: float = 1.0
    metadata: float = 1.0
    spectral: float = 0.0
    popularity: float = 0.0
    unrated: float = 0.0
    paths: float = 0.0

    def __repr__(self) -> str:
        weights = ", ".join(f"{name}={weight:.3g}" for name, weight in asdict(self).items())
        return f"Blend({weights})"


@dataclass(frozen=True, slots=True, eq=False)
class UserSummands:
    """A user's vector as a sum.

    Attributes:
        movie: the movies of the history, int64 [H].
        summand: what each adds, by `HybridModel.columns`, float64 [H, K].
        vector: the user's vector, float64 [K]; the rest is what the history doesn't add.
    """

    movie: np.ndarray
    summand: np.ndarray
    vector: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Messages:
    """What a trained tower's nodes send to their neighbors, see `Propagation.messages`.

    Attributes:
        user: m, from users to movies, float32 [U, D].
        movie: g, from movies to users, float32 [M, D].
        power: p; what all neighbors send is divided by their number to this power.
    """

    user: Tensor
    movie: Tensor
    power: float

    @classmethod
    def of(cls, tower: Tower, adjacency: Adjacency) -> Messages:
        """Of a trained tower over the graph that its vectors were propagated over.

        Raises:
            ConfigError: if its layers aren't linear.
        """
        return cls(*tower.messages(adjacency), tower.layers.power)

    def to_user(self, movies: np.ndarray) -> np.ndarray:
        """What each of a user's movies adds to their vector before scaling, float64 [H, D]."""
        return _over_count(self.movie, movies, self.power)

    def to_movie(self, users: np.ndarray) -> np.ndarray:
        """What each of a movie's users adds to its vector before scaling, float64 [V, D]."""
        return _over_count(self.user, users, self.power)


def _over_count(message: Tensor, rows: np.ndarray, power: float) -> np.ndarray:
    own = message[torch.from_numpy(rows)].double().numpy()
    return np.asarray(own / max(len(rows), 1) ** power)


class LearnedVectors(nn.Module):
    """What a trained `Tower` leaves: all that scores need of it, as buffers.

    Attributes:
        user: z_u, [U, D]; movie: z_i, [M, D]; both as propagated, of any length.
        fold_in: B, [D, D].
        feature: what each feature adds to an unrated movie, [F, D]; no rows by ID.
        half_trust: kappa; 0 for metadata.
    """

    user: Tensor
    movie: Tensor
    fold_in: Tensor
    feature: Tensor

    def __init__(
        self, user: Tensor, movie: Tensor, fold_in: Tensor, feature: Tensor, half_trust: float
    ) -> None:
        super().__init__()
        self.register_buffer("user", user)
        self.register_buffer("movie", movie)
        self.register_buffer("fold_in", fold_in)
        self.register_buffer("feature", feature)
        self.half_trust = half_trust

    @classmethod
    @torch.no_grad()
    def from_tower(
        cls, tower: Tower, adjacency: Adjacency, history: sp.csr_array | None = None
    ) -> LearnedVectors:
        """Propagate over a graph, which may hold more edges than the tower was trained on.

        Users without edges get the others' mean, or are folded in where they have a history.

        Args:
            tower: trained.
            adjacency: of the graph.
            history: of users without edges, users x movies.
        """
        adjacency = adjacency.to(tower.users.weight.device)
        users, movies = (own.float().cpu() for own in tower(adjacency, trained_only=True))
        half_trust = HALF_TRUST if tower.by_id else 0.0
        degree = adjacency.degree.float().cpu()
        is_new, trust = degree[: len(users)] == 0, _trust(degree[len(users) :], half_trust)
        fold_in = _fit_fold_in(adjacency.matrix, users, movies, trust)
        vectors = cls(users, movies, fold_in, tower.feature_vectors().float().cpu(), half_trust)
        trained = total(int((~is_new).sum()))
        if total(int(is_new.sum())) and trained:
            vectors.user[is_new] = all_sum(users[~is_new].sum(dim=0)) / trained
            if history is not None and history.nnz:
                rows = np.flatnonzero(np.diff(history.indptr) * is_new.numpy())
                vectors.user[torch.from_numpy(rows)] = vectors.fold(history[rows], trust)
        return vectors

    @property
    def dim(self) -> int:
        """D."""
        return self.movie.shape[1]

    def with_movies(self, movie: Tensor) -> LearnedVectors:
        """The same with other vectors of movies."""
        return LearnedVectors(self.user, movie, self.fold_in, self.feature, self.half_trust)

    def history_summands(self, trust: Tensor) -> Tensor:
        """What each movie of a history adds to a folded-in user, but for weights, [M, D]."""
        return functional.normalize(self.movie, dim=1) * trust[:, None] @ self.fold_in

    def fold(self, history: sp.csr_array, trust: Tensor) -> Tensor:
        """Vectors [N, D] of users with these histories [N, M]; zeros for an empty one."""
        total = np.maximum(np.asarray(history.sum(axis=1)), 1e-12)[:, None]
        summed = np.asarray(history @ self.history_summands(trust).numpy())
        return torch.from_numpy((summed / np.sqrt(total)).astype(np.float32))


def _trust(degree: Tensor, half_trust: float) -> Tensor:
    """d / (d + kappa), [M]; 1 where kappa is 0."""
    return degree / (degree + half_trust) if half_trust else torch.ones_like(degree)


def _fit_fold_in(matrix: sp.csr_array, users: Tensor, movies: Tensor, trust: Tensor) -> Tensor:
    """B by ridge regression, each training user of the same weight, float32 [D, D].

    Propagation by itself misses what a user's own state adds, and its terms were learned together
    with the states of these very users. (On ml-latest-small's validation, new users of seeds 3 to
    6, NDCG@20 of the ID part: propagation .306, with the mean own state .340, this .350.)
    """
    trained = np.diff(matrix.indptr) > 0
    history, user = matrix[trained], users.numpy()[trained]
    trusted = (functional.normalize(movies, dim=1) * trust[:, None]).numpy()
    size = np.maximum(np.linalg.norm(user, axis=1, keepdims=True), 1e-12)
    length = np.maximum(np.asarray(history.sum(axis=1)), 1e-12)[:, None]
    inputs = ((history @ trusted) / np.sqrt(length) / size).astype(np.float64)
    products = all_sum(inputs.T @ inputs), all_sum(inputs.T @ (user / size))
    return torch.from_numpy(_solve_ridge(*products).astype(np.float32))


def ridge_regression(inputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The matrix that takes inputs [N, D] to targets [N, K], with `PENALTY`; float64 [D, K]."""
    return _solve_ridge(inputs.T @ inputs, inputs.T @ targets)


def _solve_ridge(covariance: np.ndarray, products: np.ndarray) -> np.ndarray:
    """The same by the products [D, D] of inputs and [D, K] of inputs and targets."""
    penalty = PENALTY * np.trace(covariance) / max(len(covariance), 1)
    covariance[np.diag_indices_from(covariance)] += max(penalty, 1e-12)
    solved: np.ndarray = np.linalg.solve(covariance, products)
    return solved


class HybridModel(nn.Module):
    """The model, see the module's docstring for its maths.

    Everything that is asked of a model comes from `user_vectors`, `movie_vectors` and `paths`:
    validation, evaluation, recommendations, explanations, exports, new users and new movies. It is
    saved and loaded as its ``state_dict`` and `settings`.

    Args:
        learned: by part, ``id`` or ``metadata`` or both.
        spectral: `Spectral.empty` for none.
        associations: what movies are compared by, which no score needs; none by default.
        features: of the movies, [M, F].
        feature_column: the metadata column that each feature is of, int64 [F]; by default all are
            of the same.
        degree: interactions of each movie, [M].
        log_degree: their logarithm, predicted where there are none, [M].
        blend: the weight of each block.
        cosine: whether ID and metadata embeddings are compared by cosine, else by inner product.
        paths: without interactions by default.
    """

    features: Tensor
    feature_column: Tensor
    degree: Tensor
    log_degree: Tensor

    def __init__(
        self,
        learned: Mapping[str, LearnedVectors],
        spectral: Spectral,
        *,
        features: Tensor,
        degree: Tensor,
        log_degree: Tensor,
        feature_column: Tensor | None = None,
        associations: Associations | None = None,
        blend: Blend | None = None,
        cosine: bool = True,
        paths: LinkPropagation | None = None,
    ) -> None:
        super().__init__()
        self.learned: Any = nn.ModuleDict(dict(learned))
        self.spectral = spectral
        self.paths = LinkPropagation.empty(len(degree)) if paths is None else paths
        self.associations = associations or Associations.empty(len(degree))
        self.register_buffer("features", features)
        column = features.new_zeros(features.shape[1]) if feature_column is None else feature_column
        self.register_buffer("feature_column", column.long())
        self.register_buffer("degree", degree.float())
        self.register_buffer("log_degree", log_degree)
        self.blend, self.cosine = blend or Blend(), cosine

    @classmethod
    def assemble(
        cls,
        learned: Mapping[str, LearnedVectors],
        spectral: Spectral,
        *,
        features: np.ndarray,
        degree: np.ndarray,
        feature_column: np.ndarray | None = None,
        associations: Associations | None = None,
        blend: Blend | None = None,
        cosine: bool = True,
        paths: LinkPropagation | None = None,
    ) -> HybridModel:
        """A model of parts that were made on the same interactions.

        With a metadata part, the other blocks of movies without interactions are imputed.

        Args:
            learned, spectral, associations, blend, cosine, paths: as for the class.
            features: [M, F].
            feature_column: the metadata column that each feature is of, int64 [F].
            degree: interactions of each movie, [M].
        """
        use_metadata = METADATA in learned
        known = features if use_metadata else features[:, :0]
        model = cls(
            learned,
            spectral,
            features=torch.from_numpy(np.asarray(features, np.float32)),
            degree=torch.from_numpy(np.asarray(degree, np.float32)),
            log_degree=torch.from_numpy(predict_log_degree(known, degree, feature_column)),
            feature_column=None if feature_column is None else torch.from_numpy(feature_column),
            associations=associations,
            blend=blend,
            cosine=cosine,
            paths=paths,
        )
        return model.impute() if use_metadata else model

    @property
    def num_users(self) -> int:
        """U, the users of the training."""
        return max([len(self.paths.user_weight), *(len(own.user) for own in self.learned.values())])

    @property
    def num_movies(self) -> int:
        """M."""
        return len(self.degree)

    @property
    def columns(self) -> dict[str, slice]:
        """The columns of each block in the vectors."""
        widths = {name: own.dim for name, own in self.learned.items()}
        sizes = [widths.get(ID, 0), widths.get(METADATA, 0), self.spectral.dim, 1, 1]
        ends = accumulate(sizes, initial=0)
        return {name: slice(*span) for name, span in zip(BLOCKS, pairwise(ends), strict=True)}

    @property
    def blocks(self) -> tuple[str, ...]:
        """What the model has a part for: blocks of the vectors, and `PATHS`."""
        names = [name for name, own in self.columns.items() if own.stop > own.start]
        return tuple(names if self.paths.is_empty else [*names, PATHS])

    def extra_repr(self) -> str:
        return f"{self.num_movies:,} movies, {self.blend}, cosine={self.cosine}"

    @torch.no_grad()
    def movie_vectors(self) -> Tensor:
        """y of all movies, float32 [M, K]."""
        parts = [self.learned[part].movie for part in (ID, METADATA) if part in self.learned]
        if self.cosine:
            parts = [functional.normalize(movie, dim=1) for movie in parts]
        unrated = (self.degree == 0).float()
        parts += [self.spectral.movie, self.log_degree[:, None], unrated[:, None]]
        return torch.cat(parts, dim=1)

    @torch.no_grad()
    def user_vectors(self, history: sp.csr_array, users: np.ndarray | None = None) -> Tensor:
        """x of some users, float32 [N, K].

        Args:
            history: their interactions with weights from 0 to 1, [N, M].
            users: which training users they are, int64 [N]; None folds them in as new users.
        """
        blocks: list[Tensor] = []
        for part in (ID, METADATA):
            if part in self.learned:
                own = self.learned[part]
                if users is None:
                    vectors = own.fold(history, self.trust(part))
                else:
                    vectors = own.user[torch.from_numpy(np.asarray(users))]
                vectors = functional.normalize(vectors, dim=1) if self.cosine else vectors
                blocks.append(getattr(self.blend, part) * vectors)
        blocks.append(self.blend.spectral * self.spectral.user_vectors(history))
        one = torch.ones(history.shape[0], 1)
        blocks += [self.blend.popularity * one, self.blend.unrated * one]
        return torch.cat(blocks, dim=1)

    @torch.no_grad()
    def scores(
        self, history: sp.csr_array, users: np.ndarray | None = None, movies: Tensor | None = None
    ) -> Tensor:
        """s of all movies for some users, float32 [N, M].

        Args:
            history, users: as for `user_vectors`.
            movies: `movie_vectors`, if they are at hand.
        """
        movies = self.movie_vectors() if movies is None else movies
        scores = self.user_vectors(history, users) @ movies.T
        if self.blend.paths:
            scores.add_(self.paths.scores(history), alpha=self.blend.paths)
        return scores

    def trust(self, part: str) -> Tensor:
        """How much each movie of a history counts when a new user is folded in, [M]."""
        return _trust(self.degree, self.learned[part].half_trust)

    @torch.no_grad()
    def user_summands(
        self,
        history: sp.csr_array,
        user: int | None = None,
        messages: Mapping[str, Messages] | None = None,
    ) -> UserSummands:
        r"""One user's vector as a sum over the movies of their history, and a rest.

        A user of the training graph is a sum of messages from their movies,
        :math:`g_i / |H_u|^p` (`graphrec.nn.propagation.Propagation.messages`), and of what
        their own state becomes; a user who was folded in has no rest in these blocks.

        Args:
            history: of this user, [1, M].
            user: which training user it is; None for a new one.
            messages: of the towers by part, for users with edges in the training graph.
        """
        movie = history.indices.astype(np.int64)
        weight = history.data.astype(np.float64)[:, None]
        users = None if user is None else np.array([user])
        vector = self.user_vectors(history, users)[0].double().numpy()
        summand = np.zeros((len(movie), len(vector)))
        columns = self.columns
        for part, own in self.learned.items():
            if messages is None:
                added = own.history_summands(self.trust(part)).double().numpy()[movie]
                added = added * weight / np.sqrt(max(float(weight.sum()), 1e-12))
            else:
                added = messages[part].to_user(movie)
            if self.cosine:
                whole = added.sum(axis=0) if user is None else own.user[user].double().numpy()
                added = added / max(float(np.linalg.norm(whole)), 1e-12)
            summand[:, columns[part]] = getattr(self.blend, part) * added
        spectral = self.spectral
        added = spectral.movie.double().numpy()[movie] * spectral.filter.double().numpy() * weight
        added = added * spectral.history_weight.numpy()[movie][:, None]
        length = max(float(np.linalg.norm(added.sum(axis=0))), 1e-12)
        summand[:, columns[SPECTRAL]] = self.blend.spectral * added / length
        return UserSummands(movie, summand, vector)

    @torch.no_grad()
    def impute(self, start: int = 0) -> HybridModel:
        """The same with ID and spectral vectors, and paths, of unrated movies predicted.

        Args:
            start: the first movie that may be predicted; those before it are left alone.
        """
        ridge = KernelRidge.fit(
            self.features.numpy(), self.degree.numpy(), start, column=self.feature_column.numpy()
        )
        learned = dict(self.learned)
        if ID in learned:
            movie = torch.from_numpy(ridge.impute(learned[ID].movie.numpy()))
            learned[ID] = learned[ID].with_movies(movie)
        weight = self.spectral.history_weight.clone()
        weight[torch.from_numpy(ridge.movie)] = 0  # a prediction says nothing of who rates it
        movie = torch.from_numpy(ridge.impute(self.spectral.movie.numpy()))
        spectral = Spectral(movie, weight, self.spectral.filter)
        compared = torch.from_numpy(ridge.impute(self.associations.movie.numpy()))
        return self._replace(
            learned,
            spectral,
            paths=self.paths.impute(ridge),
            associations=self.associations.with_movies(compared),
        )

    @torch.no_grad()
    def add_movies(self, features: np.ndarray) -> HybridModel:
        """The same with more movies at the end, which have features [N, F] and no interactions.

        They get the vectors of any movie without interactions, and count in a new user's history
        by their metadata.
        """
        number, new = len(features), torch.from_numpy(np.asarray(features, np.float32))
        learned = {}
        for part, own in self.learned.items():
            fresh = new @ own.feature if len(own.feature) else new.new_zeros(number, own.dim)
            learned[part] = own.with_movies(torch.cat([own.movie, fresh]))
        spectral = Spectral(
            _pad(self.spectral.movie, number),
            _pad(self.spectral.history_weight, number),
            self.spectral.filter,
        )
        every, degree = torch.cat([self.features, new]), _pad(self.degree, number)
        used = every if METADATA in learned else every[:, :0]
        column = self.feature_column[: used.shape[1]].numpy()
        log_degree = predict_log_degree(used.numpy(), degree.numpy(), column)[self.num_movies :]
        longer = self._replace(
            learned,
            spectral,
            associations=self.associations.with_movies(_pad(self.associations.movie, number)),
            features=every,
            degree=degree,
            log_degree=torch.cat([self.log_degree, torch.from_numpy(log_degree)]),
            paths=self.paths.add_movies(number),
        )
        return longer.impute(self.num_movies) if METADATA in learned else longer

    def _replace(
        self, learned: Mapping[str, LearnedVectors], spectral: Spectral, **changes: Any
    ) -> HybridModel:
        own: dict[str, Any] = {
            "features": self.features,
            "feature_column": self.feature_column,
            "degree": self.degree,
            "log_degree": self.log_degree,
            "associations": self.associations,
            "blend": self.blend,
            "cosine": self.cosine,
            "paths": self.paths,
        }
        return HybridModel(learned, spectral, **(own | changes))

    def with_blend(self, blend: Blend) -> HybridModel:
        """The same parts, weighted otherwise."""
        return self._replace(self.learned, self.spectral, blend=blend)

    def settings(self) -> dict[str, Any]:
        """What `from_state` needs beside the state, as JSON knows it."""
        return {"blend": asdict(self.blend), "cosine": self.cosine}

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor], settings: Mapping[str, Any]) -> HybridModel:
        """The model whose ``state_dict`` and `settings` these are."""
        learned = {}
        for part, half_trust in ((ID, HALF_TRUST), (METADATA, 0.0)):
            prefix = f"learned.{part}."
            own = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
            if own:
                learned[part] = LearnedVectors(**own, half_trust=half_trust)
        spectral, paths, associations = (
            {k.removeprefix(own): v for k, v in state.items() if k.startswith(own)}
            for own in ("spectral.", "paths.", "associations.")
        )
        return cls(
            learned,
            Spectral(**spectral),
            paths=LinkPropagation(**paths),
            associations=Associations(**associations),
            features=state["features"],
            feature_column=state["feature_column"],
            degree=state["degree"],
            log_degree=state["log_degree"],
            blend=Blend(**settings["blend"]),
            cosine=settings["cosine"],
        )


def _pad(tensor: Tensor, number: int) -> Tensor:
    """With so many rows of zeros at the end."""
    return torch.cat([tensor, tensor.new_zeros(number, *tensor.shape[1:])])
