"""How ID part and metadata part are best joined: what was tried, on validation interactions alone.

    python -m benchmarks.hybrid --data ml-latest-small [--details FILE] [--drop COLUMN ...]
                                [--seed 3 --seed 4 --seed 5] [--json FILE]

Each seed makes a cold-movies split. Its test part is not looked at. Half of the users with
validation interactions choose when to stop, the popularity weight and the blend; the other half
measure, among warm movies, among cold movies, and among all. Every row is trained by graphrec's own
loss, batches and loop; printed are means over seeds of NDCG@20 with their standard deviation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from torch import Tensor

from benchmarks.common import facts, figure, say, show_facts, show_table, write_json
from graphrec import ModelConfig, TrainConfig, load_dataset, make_split
from graphrec.config import DEFAULT_TEMPERATURE, NodeState, SplitKind
from graphrec.data.dataset import Dataset
from graphrec.evaluate.ranking import Scorer
from graphrec.evaluate.scorers import ModelScorer
from graphrec.nn.hybrid import Blend, HybridModel, LearnedVectors
from graphrec.nn.propagation import Adjacency, LightGCN, Pair
from graphrec.nn.spectral import Spectral
from graphrec.nn.towers import IdEmbedding, MetadataEmbedding, Tower
from graphrec.train.data import TrainingData
from graphrec.train.trainer import Callbacks, Experiment, Trainer, suitable_threads
from graphrec.train.validation import choose_blend

SUBSETS = ("warm", "cold", "all")


class JoinedTower(Tower):
    """Users and movies with one state each, trained together.

    Args:
        data: what to train on.
        config: columns, layers and initial values.
        movie_state: what a movie's state is the sum of: ``id``, ``metadata``, or both.
        user_state: what a user's embedding is the sum of: a vector that is ``propagated`` to movies
            too, one of their ``own`` that isn't, and their ``history``.
        generator: of the initial values.
    """

    def __init__(
        self,
        data: TrainingData,
        config: ModelConfig,
        movie_state: frozenset[str],
        user_state: frozenset[str],
        generator: torch.Generator,
    ) -> None:
        features, dim = torch.from_numpy(data.features), config.embedding_dim
        super().__init__(
            IdEmbedding(data.num_users, dim, generator=generator),
            MetadataEmbedding(
                features.shape[1], dim, scale=config.metadata_scale, generator=generator
            ),
            LightGCN(config.num_layers),
            features,
        )
        self.movie_ids = IdEmbedding(data.num_movies, dim, generator=generator)
        self.movie_state, self.user_state = movie_state, user_state

    def forward(self, adjacency: Adjacency, *, trained_only: bool = False) -> Pair:
        """Embeddings of all users [U, D] and movies [M, D]."""
        del trained_only
        own, state = self.users(), torch.zeros_like(self.movie_ids())
        if "id" in self.movie_state:
            state = state + self.movie_ids()
        if "metadata" in self.movie_state:
            state = state + self.movies(self.features)
        start = own if "propagated" in self.user_state else torch.zeros_like(own)
        users, movies = self.layers(start, state, adjacency)
        if not {"history", "propagated"} & self.user_state:
            users = torch.zeros_like(users)
        return (users + own if "own" in self.user_state else users), movies


class Seed:
    """One seed's split, and every way to join the parts measured on it."""

    def __init__(self, dataset: Dataset, seed: int, ignore: tuple[str, ...]) -> None:
        split = make_split(dataset, SplitKind.COLD_MOVIES, seed=seed)
        experiment = Experiment.of(dataset, split, seed, ignore=ignore)
        self.data, validator = experiment.train, experiment.validator
        self.choosing = replace(validator, users=validator.users[::2])
        given = TrainConfig(seed=seed, device="cpu", temperature=DEFAULT_TEMPERATURE)
        self.config = given.for_users(self.data.num_users)
        other, rated = replace(validator, users=validator.users[1::2]), validator.is_rated
        self.measuring = {"warm": other.among(rated), "cold": other.among(~rated), "all": other}

    def figures(self, scorer: Scorer) -> dict[str, float]:
        """NDCG@20 among all subsets, by the users that have chosen nothing."""
        return {
            subset: float(validator.ndcgs(lambda users: [scorer.score(users)])[0])
            for subset, validator in self.measuring.items()
        }

    def together(self, movie_state: str, user_state: str, layers: int = 1) -> Scorer:
        """A model in which everything is trained together."""
        states = frozenset(movie_state.split("+")), frozenset(user_state.split("+"))
        config = ModelConfig(num_layers=layers)
        generator = torch.Generator().manual_seed(self.config.seed)
        tower = JoinedTower(self.data, config, *states, generator)
        return self.alone(self.train(NodeState.ID, tower))

    def train(self, part: NodeState, tower: Tower | None = None) -> Trainer:
        """Trained until validation no longer improves; graphrec's own tower by default."""
        trainer = Trainer(part, self.data, ModelConfig(), self.config, Callbacks())
        if tower is not None:
            trainer.tower, rate = tower, self.config.learning_rate
            trainer.optimizer = torch.optim.Adam(tower.parameters(), lr=rate, fused=True)
        with suitable_threads((self.data.num_users + self.data.num_movies) * 64):
            trainer.advance(self.choosing, self.config.epochs)
            trainer.restore()
        return trainer

    def alone(self, trainer: Trainer) -> Scorer:
        """One tower with the best popularity weight."""
        by_id = trainer.part is NodeState.ID
        popularity = self.data.log_degree if by_id else self.data.predicted_log_degree
        return self.scorer(self.plain([trainer], torch.from_numpy(popularity)), trainer)

    def plain(self, trainers: list[Trainer], log_degree: Tensor) -> HybridModel:
        """The model of some towers, nothing imputed."""
        return HybridModel(
            {
                one.part.value: LearnedVectors.from_tower(one.tower, one.adjacency)
                for one in trainers
            },
            Spectral.empty(self.data.num_movies),
            features=torch.from_numpy(self.data.features),
            degree=torch.from_numpy(self.data.degree),
            log_degree=log_degree,
        )

    def scorer(self, model: HybridModel, trainer: Trainer) -> Scorer:
        """With the popularity weight that was best for one tower alone."""
        blend = Blend(popularity=trainer.best.popularity)
        return ModelScorer(model.with_blend(blend), self.choosing.history)

    def apart(self) -> Iterator[tuple[str, Scorer]]:
        """Both parts trained apart, joined step by step as graphrec does."""
        by_id, by_metadata = self.train(NodeState.ID), self.train(NodeState.METADATA)
        yield "ID alone", self.alone(by_id)
        yield "metadata alone, popularity predicted", self.alone(by_metadata)
        both = [by_id, by_metadata]
        log_degree, predicted = (
            torch.from_numpy(values)
            for values in (self.data.log_degree, self.data.predicted_log_degree)
        )
        imputed = self.plain(both, predicted).impute()
        for name, model, unrated in (
            ("both trained apart, scores added", self.plain(both, log_degree), False),
            ("the same, popularity of cold movies predicted", self.plain(both, predicted), False),
            ("the same, ID embeddings of cold movies predicted", imputed, False),
            ("the same, cold movies listed as often as looked for", imputed, True),
        ):
            candidates = (by_id.best.popularity, *self.config.popularity_weights)
            blend = choose_blend(self.choosing, model, candidates)
            chosen = blend if unrated else replace(blend, unrated=0.0)
            yield name, ModelScorer(model.with_blend(chosen), self.choosing.history)


_TOGETHER: tuple[tuple[str, Callable[[Seed], Scorer]], ...] = (
    (
        "metadata alone, users with a vector of their own",
        lambda seed: seed.together("metadata", "own"),
    ),
    (
        "metadata alone, users by their history",
        lambda seed: seed.together("metadata", "history"),
    ),
    (
        "metadata alone, users by both",
        lambda seed: seed.together("metadata", "own+history"),
    ),
    (
        "metadata, the users' vectors propagated to movies",
        lambda seed: seed.together("metadata", "propagated"),
    ),
    (
        "one sum e + W x, 1 layer",
        lambda seed: seed.together("id+metadata", "propagated"),
    ),
    (
        "one sum e + W x, 0 layers",
        lambda seed: seed.together("id+metadata", "propagated", layers=0),
    ),
)


def main(
    data: Annotated[str, typer.Option(help="A folder or a named data set.")] = "sample",
    details: Annotated[Path | None, typer.Option(help="More metadata.")] = None,
    drop: Annotated[list[str] | None, typer.Option(help="Metadata column to leave out.")] = None,
    seed: Annotated[list[int] | None, typer.Option(help="3, 4 and 5 by default.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write figures here.")] = None,
) -> None:
    """Print the table."""
    dataset = load_dataset(data, details=details)
    found: dict[str, list[dict[str, float]]] = {}
    for number in seed or [3, 4, 5]:
        world = Seed(dataset, number, tuple(drop or ()))
        for name, make in _TOGETHER:
            say(f"seed {number}: {name}")
            found.setdefault(name, []).append(world.figures(make(world)))
        for name, scorer in world.apart():
            say(f"seed {number}: {name}")
            found.setdefault(name, []).append(world.figures(scorer))
    rows: list[list[Any]] = [
        [name, *(figure([f[subset] for f in figures]) for subset in SUBSETS)]
        for name, figures in found.items()
    ]
    machine = facts()
    show_facts(machine)
    show_table(f"NDCG@20 on validation interactions, {dataset.name}", ["what", *SUBSETS], rows)
    write_json(json_file, {"facts": machine, "figures": found})


if __name__ == "__main__":
    typer.run(main)
