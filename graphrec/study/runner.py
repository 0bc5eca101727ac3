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
from graphrec.evaluate.als import ALS
from graphrec.evaluate.baselines import Popularity, metadata_knn
from graphrec.evaluate.classical import DEFAULT_TRIAL, TRIALS, Classical, fit_classical
from graphrec.evaluate.ease import EASE
from graphrec.evaluate.neighbors import MovieNeighbors
from graphrec.evaluate.ranking import Scorer
from graphrec.evaluate.scorers import EmbeddingScorer, ModelScorer
from graphrec.study.arms import Arm, Features, Simple
from graphrec.study.geometry import describe_geometry, metadata_fractions
from graphrec.study.meter import Meter
from graphrec.study.settings import TRIED, UNTUNED, StudySettings
from graphrec.study.subsets import by_ratings
from graphrec.train.closed_form import ClosedForm
from graphrec.train.data import Change
from graphrec.train.trainer import (
    Callbacks,
    Experiment,
    TrainedPart,
    combine,
    find_device,
    train_part,
)
from graphrec.train.validation import choose_blend

Facts = dict[str, Any]


@dataclass(slots=True, eq=False)
class Runner:
    """One seed's split and all that is made from it.

    Attributes:
        dataset, split, seed: what is studied.
        settings: of the study.
        leaky: names of the leaky metadata columns.
        choices: settings that were chosen on the first seed, by method; filled in on the way.
        callbacks: what is called while models are trained.

    Raises:
        ConfigError: if no metadata column gives a number, so that there is nothing to study.
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

    def __post_init__(self) -> None:
        if not self.experiment(Features.OWN).final.features.shape[1]:
            raise ConfigError(
                "there is no metadata to compare with, since the movies have no usable columns;"
                " 'graphrec data inspect' shows why."
            )

    @property
    def history(self) -> sp.csr_array:
        """All interactions that a finished model was trained on, users x movies."""
        return self.experiment(Features.OWN).final.matrix

    def make(self, arm: Arm) -> tuple[Scorer, Facts]:
        """An arm's scorer, and what it cost and chose."""
        if isinstance(arm.method, NodeState):
            return self._graph(arm, arm.method)
        chosen = self._choose(arm.method) if isinstance(arm.method, Classical) else {}
        with Meter() as meter:
            if isinstance(arm.method, Classical):
                scorer = fit_classical(arm.method, self.history, chosen, self.seed)
            else:
                scorer = self._simple(arm.method)
        parameters, bytes_per_user = self._sizes(scorer)
        return scorer, {
            "parameters": int(parameters),
            "bytes_per_user": bytes_per_user,
            "seconds": meter.seconds,
            "memory": meter.memory,
            "chosen": chosen,
        }

    def experiment(self, features: Features) -> Experiment:
        """Interactions and metadata of the split, with these features."""
        if features not in self._experiments:
            drop = self.settings.drop_leaky != (features is Features.OTHER)
            self._experiments[features] = Experiment.of(
                self.dataset,
                self.split,
                self.seed,
                ignore=(*self.settings.ignore, *(self.leaky if drop else ())),
                change=_change(features, self.seed),
            )
        return self._experiments[features]

    def _graph(self, arm: Arm, method: NodeState) -> tuple[Scorer, Facts]:
        trained = [self._part(part, arm.layers, arm.features) for part in method.parts]
        parts, experiment = [part for part, _ in trained], self.experiment(arm.features)
        final, chosen = experiment.final, {}
        closed = ClosedForm.empty(final.num_movies)
        with Meter() as blending:
            if arm.spectral:
                closed = ClosedForm.choose(experiment.validator, ModelConfig(), self.seed)
                settings = {"spectral": closed.spectral_settings, "paths": closed.paths_settings}
                chosen = {name: asdict(own) for name, own in settings.items() if own is not None}
            on_train = combine(parts, closed, experiment.train, on_train=True)
            candidates = parts[0].popularity_candidates
            blend = choose_blend(experiment.validator, on_train, candidates)
            closed = closed.fit(final.matrix, self.seed)
            model = combine(parts, closed, final, blend=blend)
        scorer = ModelScorer(model, final.full_history)
        parameters = sum(p.numel() for part in parts for p in part.tower.parameters())
        facts: Facts = {
            "parameters": parameters + closed.spectral.movie.numel(),
            "bytes_per_user": 4.0 * (sum(part.final.dim for part in parts) + closed.spectral.dim),
            "seconds": sum(part.seconds for part in parts) + blending.seconds,
            "memory": max(meter.memory for meter in (blending, *(meter for _, meter in trained))),
            "chosen": {
                **{f"{p.name} temperature": p.config.temperature for p in parts},
                **{f"{p.name} epochs": p.best.number for p in parts},
                **{f"{p.name} weight": getattr(blend, p.name) for p in parts},
                **chosen,
            },
        }
        if len(parts) == 2 and not arm.spectral:
            facts["geometry"] = describe_geometry(scorer, self.seed)
            facts["metadata_fractions"] = metadata_fractions(scorer, by_ratings(final.degree))
        return scorer, facts

    def _part(self, part: NodeState, layers: int, features: Features) -> tuple[TrainedPart, Meter]:
        """A trained part, and what it cost; trained once for all arms that need it."""
        features = Features.OWN if part is NodeState.ID else features
        key, choice = (part, layers, features), f"{part}, {layers} layers"
        if key not in self._parts:
            temperatures: tuple[float, ...] = TRIED if self.settings.tune else (UNTUNED,)
            if choice in self.choices:
                temperatures = (self.choices[choice]["temperature"],)
            configs = [
                TrainConfig(
                    temperature=temperature,
                    epochs=self.settings.epochs,
                    seed=self.seed,
                    device=str(find_device(self.settings.device)),
                ).for_users(self.dataset.interactions.num_users)
                for temperature in temperatures
            ]
            model = ModelConfig(embedding_dim=self.settings.embedding_dim, num_layers=layers)
            experiment = self.experiment(features)
            with Meter() as meter:
                trained = train_part(part, experiment, model, configs, self.callbacks)
            if trained.interrupted:
                raise KeyboardInterrupt
            self.choices[choice] = {"temperature": trained.config.temperature}
            self._parts[key] = trained, meter
        return self._parts[key]

    def _choose(self, method: Classical) -> Facts:
        """A classical method's settings, by validation of the first seed."""
        experiment, trials = self.experiment(Features.OWN), TRIALS[method]
        if method not in self.choices:
            best, validator = DEFAULT_TRIAL, experiment.validator
            if self.settings.tune and validator.can_score:
                matrix = experiment.train.matrix
                scorers = (fit_classical(method, matrix, t, self.seed) for t in trials)
                best = int(np.argmax([validator.ndcg(scorer) for scorer in scorers]))
            self.choices[method] = dict(trials[best])
        return self.choices[method]

    def _simple(self, method: Simple) -> Scorer:
        data = self.experiment(Features.OWN).final
        match method:
            case Simple.METADATA_KNN:
                return metadata_knn(data.matrix, data.features)
            case Simple.POPULARITY:
                return Popularity(data.degree)
            case Simple.RANDOM:
                return Popularity(np.zeros(data.num_movies))

    def _sizes(self, scorer: Scorer) -> tuple[int, float]:
        """Numbers kept, and bytes kept of a user: of a vector, or of the sparse history."""
        history = 4.0 * self.history.nnz / self.history.shape[0]
        match scorer:
            case EmbeddingScorer():
                return scorer.user.numel() + scorer.movie.numel(), 4.0 * scorer.user.shape[1]
            case MovieNeighbors():
                return scorer.similarity.nnz, history
            case EASE():
                return scorer.num_movies**2, history
            case ALS():
                return scorer.movie.numel(), history
            case _:
                return scorer.num_movies, 0.0


def _change(features: Features, seed: int) -> Change | None:
    """What makes a control's features of the right ones."""
    match features:  # called for the training part and for all: the same each time
        case Features.SHUFFLED:
            return lambda right: right[np.random.default_rng(seed).permutation(len(right))]
        case Features.RANDOM:
            return lambda right: _random_like(right, seed)
        case _:
            return None


def _random_like(right: np.ndarray, seed: int) -> np.ndarray:
    """Normal numbers of the same shape, and of the same mean length."""
    drawn = np.random.default_rng(seed).normal(size=right.shape)
    length = np.linalg.norm(right, axis=1).mean() / np.linalg.norm(drawn, axis=1).mean()
    return np.asarray(drawn * length, dtype=np.float32)
