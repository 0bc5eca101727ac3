"""Trains every arm of one seed; what several arms share is trained once."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import scipy.sparse as sp

from graphrec.config import ModelConfig, NodeState, TrainConfig
from graphrec.data.dataset import Dataset
from graphrec.data.split import Split
from graphrec.errors import ConfigError
from graphrec.evaluate.baselines import ItemKNN, Popularity, metadata_knn
from graphrec.evaluate.classical import EASE, TRIALS, Classical, fit_classical
from graphrec.evaluate.ranking import Scorer
from graphrec.evaluate.scorers import EmbeddingScorer, ModelScorer
from graphrec.nn.spectral import Spectral
from graphrec.study.arms import Arm, Features, Simple
from graphrec.study.geometry import describe_geometry, metadata_fractions
from graphrec.study.meter import Meter
from graphrec.study.places import by_ratings
from graphrec.study.settings import DEFAULT_TEMPERATURE, TEMPERATURES, StudySettings
from graphrec.train.data import Change
from graphrec.train.trainer import (
    Callbacks,
    Experiment,
    TrainedPart,
    assemble,
    blend_parts,
    find_device,
    train_part,
)
from graphrec.train.validation import choose_spectral

Facts = dict[str, Any]
_DEFAULT_TRIAL = 1


@dataclass(slots=True, eq=False)
class Runner:
    """One seed's split and all that is made from it.

    Attributes:
        dataset, split, seed: what is studied.
        settings: of the study.
        leaky: names of the leaky metadata columns.
        choices: settings that were chosen on the first seed, by method; filled in on the way.
        callbacks: what is called while models are trained.
    """

    dataset: Dataset
    split: Split
    seed: int
    settings: StudySettings
    leaky: tuple[str, ...]
    choices: dict[str, Facts]
    callbacks: Callbacks
    _experiments: dict[Features, Experiment] = field(default_factory=dict)
    _parts: dict[tuple[NodeState, int, Features], tuple[TrainedPart, Meter]] = field(
        default_factory=dict
    )

    @property
    def known(self) -> sp.csr_array:
        """All interactions that a finished model was trained on, users x movies."""
        return self.experiment(Features.OWN).final.matrix

    def make(self, arm: Arm) -> tuple[Scorer, Facts]:
        """An arm's scorer, and what it cost and chose."""
        match arm.method:
            case NodeState():
                return self._graph(arm, arm.method)
            case Classical():
                return self._classical(arm.method)
            case Simple():
                return self._simple(arm.method)

    def experiment(self, features: Features) -> Experiment:
        """Interactions and metadata of the split, with these features."""
        if features not in self._experiments:
            dropped = self.leaky if self.settings.drop_leaky else ()
            if features is Features.OTHER:
                dropped = () if self.settings.drop_leaky else self.leaky
            self._experiments[features] = Experiment.of(
                self.dataset,
                self.split,
                self.seed,
                ignore=(*self.settings.ignore, *dropped),
                change=_change(features, self.seed),
            )
        return self._experiments[features]

    def _graph(self, arm: Arm, method: NodeState) -> tuple[Scorer, Facts]:
        made = [self._part(part, arm.layers, arm.features) for part in method.parts]
        parts, experiment = [part for part, _ in made], self.experiment(arm.features)
        final = experiment.final
        with Meter() as blending:
            settings, spectral = None, Spectral.empty(final.num_movies)
            if arm.spectral:
                dim = ModelConfig().spectral_dim
                settings, spectral = choose_spectral(experiment.validator, dim, self.seed)
            blend, valid = blend_parts(experiment, parts, spectral)
            if settings is not None:
                spectral = Spectral.fit(final.matrix, settings, self.seed)
            model = assemble(parts, spectral, final, blend)
        trained = sum(p.numel() for part in parts for p in part.tower.parameters())
        dim = sum(part.final.dim for part in parts) + spectral.dim
        facts: Facts = {
            "parameters": trained + spectral.movie.numel(),
            "bytes_per_user": 4.0 * dim,
            "seconds": sum(part.seconds for part in parts) + blending.seconds,
            "memory": max(blending.memory, *(meter.memory for _, meter in made)),
            "valid": valid,
            "chosen": {
                **{f"{p.name} temperature": p.config.temperature for p in parts},
                **{f"{p.name} epochs": p.best.number for p in parts},
                **{f"{p.name} weight": getattr(blend, p.name) for p in parts},
                **({} if settings is None else {"spectral": asdict(settings)}),
            },
        }
        scorer = ModelScorer(model, final.full_history)
        if len(parts) == 2 and not arm.spectral:
            facts["geometry"] = describe_geometry(scorer, self.seed)
            facts["metadata_shares"] = metadata_fractions(scorer, by_ratings(final.degree))
        return scorer, facts

    def _part(self, part: NodeState, layers: int, features: Features) -> tuple[TrainedPart, Meter]:
        """A trained part, from the cache if another arm has needed it before."""
        features = Features.OWN if part is NodeState.ID else features
        key = (part, layers, features)
        if key not in self._parts:
            choice = f"{part}, {layers} layers"
            temperatures = self._temperatures(choice)
            num_users = self.dataset.interactions.num_users
            device = str(find_device(self.settings.device))
            configs = [
                TrainConfig(
                    temperature=t, epochs=self.settings.epochs, seed=self.seed, device=device
                ).for_users(num_users)
                for t in temperatures
            ]
            model = ModelConfig(embedding_dim=self.settings.embedding_dim, num_layers=layers)
            with Meter() as meter:
                trained = train_part(
                    part, self.experiment(features), model, configs, self.callbacks
                )
            if trained.interrupted:
                raise KeyboardInterrupt
            self.choices[choice] = {"temperature": trained.config.temperature}
            self._parts[key] = trained, meter
        return self._parts[key]

    def _temperatures(self, choice: str) -> tuple[float, ...]:
        if choice in self.choices:
            return (self.choices[choice]["temperature"],)
        return TEMPERATURES if self.settings.tune else (DEFAULT_TEMPERATURE,)

    def _classical(self, method: Classical) -> tuple[Scorer, Facts]:
        experiment, trials = self.experiment(Features.OWN), TRIALS[method]
        if method not in self.choices:
            best, validator = _DEFAULT_TRIAL, experiment.validator
            if self.settings.tune and validator.can_score:
                matrix = experiment.train.matrix
                scorers = (fit_classical(method, matrix, s, self.seed) for s in trials)
                best = int(np.argmax([validator.ndcg(scorer) for scorer in scorers]))
            self.choices[method] = dict(trials[best])
        chosen = self.choices[method]
        with Meter() as meter:
            scorer = fit_classical(method, self.known, chosen, self.seed)
        return scorer, self._cost(scorer, meter) | {"chosen": chosen}

    def _simple(self, method: Simple) -> tuple[Scorer, Facts]:
        data = self.experiment(Features.OWN).final
        with Meter() as meter:
            match method:
                case Simple.METADATA_KNN:
                    scorer: Scorer = metadata_knn(data.matrix, data.features)
                case Simple.POPULARITY:
                    scorer = Popularity(data.degree)
                case Simple.RANDOM:
                    scorer = Popularity(np.zeros(data.num_movies))
        return scorer, self._cost(scorer, meter) | {"chosen": {}}

    def _cost(self, scorer: Scorer, meter: Meter) -> Facts:
        """Numbers kept, and bytes of what a user is known by: a vector, or the sparse history."""
        history = 4.0 * self.known.nnz / self.known.shape[0]
        match scorer:
            case EmbeddingScorer():
                parameters = scorer.user.numel() + scorer.movie.numel()
                size = 4.0 * scorer.user.shape[1]
            case ItemKNN():
                parameters, size = scorer.similarity.nnz, history
            case EASE():
                parameters, size = scorer.weights.size, history
            case _:
                parameters, size = scorer.num_movies, 0.0
        return {
            "parameters": int(parameters),
            "bytes_per_user": size,
            "seconds": meter.seconds,
            "memory": meter.memory,
        }


def _change(features: Features, seed: int) -> Change | None:
    """What makes a control's features of the right ones."""
    match features:
        case Features.SHUFFLED:
            return lambda right: right[np.random.default_rng(seed).permutation(len(right))]
        case Features.RANDOM:
            return lambda right: _random_like(right, np.random.default_rng(seed))
        case _:
            return None


def _random_like(right: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Normal numbers of the same shape, and of the same mean length."""
    drawn = rng.normal(size=right.shape)
    length = np.linalg.norm(right, axis=1).mean() / np.linalg.norm(drawn, axis=1).mean()
    return np.asarray(drawn * length, dtype=np.float32)


def check_metadata(runner: Runner) -> None:
    """Fail where there is nothing to study.

    Raises:
        ConfigError: if no metadata column gives a number.
    """
    if not runner.experiment(Features.OWN).final.features.shape[1]:
        raise ConfigError(
            "there is no metadata to compare with: the movies have no usable columns."
            " 'graphrec data inspect' says why."
        )


__all__ = ["Facts", "Runner", "check_metadata"]
