"""How ID part and metadata part are best joined: what was tried, on validation watches alone.

    python -m benchmarks.hybrid --data ml-latest-small [--details FILE] [--drop COLUMN ...]
                                [--seed 3 --seed 4 --seed 5] [--json FILE]

Each seed makes a cold-movies split. Its test part is not looked at. Half of the users with
validation watches choose when to stop, how to rank and what each part counts; the other half judge,
among warm movies, among cold movies, and among all. Every row learns with graphrec's own loss,
batches and loop; printed are means over seeds of NDCG@20 with their standard deviation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from torch import Tensor, nn

from benchmarks.common import facts, figure, say, show_facts, show_table, write_json
from graphrec import load_dataset, make_split
from graphrec.config import NodeState, SplitKind
from graphrec.data.dataset import Dataset
from graphrec.evaluate.ranking import Scorer
from graphrec.evaluate.scorers import EmbeddingScorer, Mixture, SumScorer
from graphrec.model.propagation import LightGCN
from graphrec.model.spectral import SpectralPart
from graphrec.config import ModelConfig, TrainConfig
from graphrec.train.judge import Judge
from graphrec.train.known import Known
from graphrec.train.learning import Callbacks, LearnedPart, Material, learn_part
from graphrec.train.loop import Loop, suitable_threads
from graphrec.train.mixing import Candidates, foretell, mix

PLACES = ("warm", "cold", "all")
Figures = dict[str, dict[str, float]]


class OneState(nn.Module):
    """Users and movies with one state each, learned together.

    Args:
        known: the watches.
        config: columns, layers and initial values.
        movie: what a movie's state is the sum of: ``id``, ``metadata``, or both.
        user: what a user's embedding is the sum of: a learned vector that is ``propagated`` to
            movies too, one of their ``own`` that isn't, and their ``history``.
        generator: of the initial values.
    """

    def __init__(
        self,
        known: Known,
        config: ModelConfig,
        movie: frozenset[str],
        user: frozenset[str],
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        (num_users, num_movies), dim = known.watched.shape, config.embedding_dim
        self.parts, self.of_user = movie, user
        self.features = torch.from_numpy(known.features) * config.metadata_scale
        self.layers = LightGCN(known.adjacency, config.num_layers)
        self.user = nn.Parameter(torch.empty(num_users, dim))
        self.id = nn.Parameter(torch.empty(num_movies, dim))
        self.metadata = nn.Parameter(torch.empty(self.features.shape[1], dim))
        for parameter in self.parameters():
            nn.init.normal_(parameter, std=config.init_std, generator=generator)

    def forward(self) -> tuple[Tensor, Tensor]:
        """Embeddings of users [U, D] and movies [M, D]."""
        state = torch.zeros_like(self.id)
        if "id" in self.parts:
            state = state + self.id
        if "metadata" in self.parts:
            state = state + self.features @ self.metadata
        start = self.user if "propagated" in self.of_user else torch.zeros_like(self.user)
        users, movies = self.layers(torch.cat([start, state])).split([len(start), len(state)])
        if "history" not in self.of_user and "propagated" not in self.of_user:
            users = torch.zeros_like(users)
        return (users + self.user if "own" in self.of_user else users), movies


def learn(model: nn.Module, known: Known, config: TrainConfig, judge: Judge) -> Scorer:
    """Train until the judge says stop; the scorer by the best rule."""
    generator = torch.Generator().manual_seed(config.seed)
    log_popularity = torch.from_numpy(known.log_popularity)
    loop = Loop(model, known.watches, log_popularity, config, generator, lambda *_: None)  # type: ignore[arg-type]
    with suitable_threads(sum(known.watched.shape) * 64):
        _, best = loop.run(judge, lambda _: None)
    with torch.no_grad():
        user, movie = model()
    return EmbeddingScorer.by_rule(user, movie, log_popularity, best.rule)


class Seed:
    """One seed's split, and every way to join the parts measured on it."""

    def __init__(self, dataset: Dataset, seed: int, ignore: tuple[str, ...]) -> None:
        split = make_split(dataset, SplitKind.COLD_MOVIES, seed=seed)
        material = Material.of(dataset, split, seed, ignore=ignore)
        judge = material.judge
        self.known = material.first
        self.choosing = replace(judge, users=judge.users[::2])
        self.material = replace(material, judge=self.choosing)
        self.config = TrainConfig(seed=seed, device="cpu").for_users(self.known.watched.shape[0])
        other = replace(judge, users=judge.users[1::2])
        self.judges = {"warm": other.of_warm(), "cold": other.of_cold(), "all": other}

    def figures(self, scorer: Scorer) -> dict[str, float]:
        """NDCG@20 in every place, by the users that have chosen nothing."""
        return {
            place: float(judge.qualities(lambda users: [scorer.score(users)])[0])
            for place, judge in self.judges.items()
        }

    def one_state(self, movie: str, user: str, layers: int = 1) -> Scorer:
        """A model in which everything is learned together."""
        generator = torch.Generator().manual_seed(self.config.seed)
        parts = frozenset(movie.split("+")), frozenset(user.split("+"))
        model = OneState(self.known, ModelConfig(num_layers=layers), *parts, generator)
        return learn(model, self.known, self.config, self.choosing)

    def part(self, part: NodeState, known: Known) -> LearnedPart:
        """A part as graphrec learns it."""
        material = replace(self.material, first=known)
        return learn_part(part, material, ModelConfig(), [self.config], Callbacks())

    def apart(self) -> Iterator[tuple[str, Scorer]]:
        """Both parts learned apart, joined step by step as graphrec does."""
        plain = replace(self.known, expected_log_popularity=self.known.log_popularity)
        none = SpectralPart.none(self.known.watched.shape[1])
        by_id = self.part(NodeState.ID, self.known)
        yield "ID alone", by_id.scorer(by_id.rule)
        unforetold = self.part(NodeState.METADATA, plain)
        foretold = self.part(NodeState.METADATA, self.known)
        yield "metadata alone, popularity foretold", foretold.scorer(foretold.rule)
        warm = self.choosing.of_warm()
        for name, by_metadata in (
            ("both learned apart, scores added", unforetold),
            ("the same, popularity of cold movies foretold", foretold),
        ):
            candidates = Candidates(warm, [by_id, by_metadata], none)
            yield name, added(candidates, candidates.best_share(candidates.plain()))
        mixture, _ = mix(self.choosing, [by_id, foretold], none, self.known)
        candidates = Candidates(warm, *foretell([by_id, foretold], none, self.known))
        little = replace(mixture, unwatched=0.0)
        for name, chosen in (
            ("the same, company of new movies expected", little),
            ("the same, new movies listed as often as looked for", mixture),
        ):
            yield name, candidates.scorer(chosen)


def added(candidates: Candidates, mixture: Mixture) -> Scorer:
    """The plain sum of both parts' scores."""
    assert mixture.id is not None
    assert mixture.metadata is not None
    both = candidates.part("id", mixture.id), candidates.part("metadata", mixture.metadata)
    return SumScorer(both)


_TOGETHER: tuple[tuple[str, Callable[[Seed], Scorer]], ...] = (
    (
        "metadata alone, users with a vector of their own",
        lambda seed: seed.one_state("metadata", "own"),
    ),
    (
        "metadata alone, users by their history",
        lambda seed: seed.one_state("metadata", "history"),
    ),
    (
        "metadata alone, users by both",
        lambda seed: seed.one_state("metadata", "own+history"),
    ),
    (
        "metadata, the users' vectors propagated to movies",
        lambda seed: seed.one_state("metadata", "propagated"),
    ),
    (
        "one sum e + W x, 1 layer",
        lambda seed: seed.one_state("id+metadata", "propagated"),
    ),
    (
        "one sum e + W x, 0 layers",
        lambda seed: seed.one_state("id+metadata", "propagated", layers=0),
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
        [name, *(figure([f[place] for f in figures]) for place in PLACES)]
        for name, figures in found.items()
    ]
    machine = facts()
    show_facts(machine)
    show_table(f"NDCG@20 on validation watches, {dataset.name}", ["what", *PLACES], rows)
    if json_file is not None:
        write_json(json_file, {"facts": machine, "figures": found})


if __name__ == "__main__":
    typer.run(main)
