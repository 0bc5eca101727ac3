"""Makes every arm of one seed; what several arms share is made once."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import scipy.sparse as sp

from graphrec.choices import NodeState
from graphrec.data.dataset import Dataset
from graphrec.data.split import Split
from graphrec.errors import ConfigError
from graphrec.evaluate.baselines import ItemKNN, Popularity, metadata_knn
from graphrec.evaluate.classical import EASE, TRIALS, Classical, fit_classical
from graphrec.evaluate.ranking import Scorer
from graphrec.evaluate.scorers import EmbeddingScorer, Mixture, learned_part, model_scorer
from graphrec.model.embeddings import Embeddings
from graphrec.model.spectral import SpectralPart
from graphrec.study.arms import Arm, Features, Simple
from graphrec.study.geometry import describe_geometry, metadata_shares, scored_users
from graphrec.study.meter import Meter
from graphrec.study.places import by_ratings
from graphrec.study.settings import TEMPERATURES, USUAL_TEMPERATURE, StudySettings
from graphrec.train.choosing import choose_spectral
from graphrec.train.config import ModelConfig, TrainConfig
from graphrec.train.known import Change
from graphrec.train.learning import Callbacks, LearnedPart, Material, learn_part
from graphrec.train.mixing import mix
from graphrec.train.trainer import assemble, find_device

Facts = dict[str, Any]
_USUAL_TRIAL = 1


@dataclass(slots=True, eq=False)
class Workshop:
    """One seed's split and all that is made from it.

    Attributes:
        dataset, split, seed: what is studied.
        settings: of the study.
        leaky: names of the leaky metadata columns.
        choices: settings that were chosen on the first seed, by method; filled in on the way.
        told: hears of training.
    """

    dataset: Dataset
    split: Split
    seed: int
    settings: StudySettings
    leaky: tuple[str, ...]
    choices: dict[str, Facts]
    told: Callbacks
    _materials: dict[Features, Material] = field(default_factory=dict)
    _parts: dict[tuple[NodeState, int, Features], tuple[LearnedPart, Meter]] = field(
        default_factory=dict
    )

    @property
    def watched(self) -> sp.csr_array:
        """All watches that a finished model knows, users x movies."""
        return self.material(Features.OWN).everything.watched

    def make(self, arm: Arm) -> tuple[Scorer, Facts]:
        """An arm's scorer, and what it cost and chose."""
        match arm.method:
            case NodeState():
                return self._graph(arm, arm.method)
            case Classical():
                return self._classical(arm.method)
            case Simple():
                return self._simple(arm.method)

    def material(self, features: Features) -> Material:
        """Watches and metadata of the split, with these features."""
        if features not in self._materials:
            dropped = self.leaky if self.settings.drop_leaky else ()
            if features is Features.OTHER:
                dropped = () if self.settings.drop_leaky else self.leaky
            self._materials[features] = Material.of(
                self.dataset,
                self.split,
                self.seed,
                ignore=(*self.settings.ignore, *dropped),
                change=_change(features, self.seed),
            )
        return self._materials[features]

    def _graph(self, arm: Arm, method: NodeState) -> tuple[Scorer, Facts]:
        made = [self._part(part, arm.layers, arm.features) for part in method.parts]
        parts, material = [part for part, _ in made], self.material(arm.features)
        with Meter() as mixing:
            settings, spectral = None, SpectralPart.none(self.dataset.interactions.num_movies)
            if arm.spectral:
                dim = ModelConfig().spectral_dim
                settings, spectral = choose_spectral(material.judge, dim, self.seed)
            mixture, valid = mix(material.judge, parts, spectral, material.first)
            if settings is not None:
                spectral = SpectralPart.fit(material.everything.watched, settings, self.seed)
            embeddings = assemble(parts, spectral, material.everything)
        dim = sum(part.embeddings.user.shape[1] for part in parts) + len(embeddings.spectral_filter)
        facts: Facts = {
            "parameters": sum(w.size for part in parts for w in part.weights.values())
            + embeddings.spectral_movie.size,
            "bytes_per_user": 4.0 * dim,
            "seconds": sum(part.seconds for part in parts) + mixing.seconds,
            "memory": max(mixing.memory, *(meter.memory for _, meter in made)),
            "valid": valid,
            "chosen": {
                **{f"{p.name} temperature": p.config.temperature for p in parts},
                **{f"{p.name} epochs": p.best.number for p in parts},
                **{
                    f"{p.name} weight": rule.weight
                    for p in parts
                    if (rule := mixture.id if p.name == "id" else mixture.metadata) is not None
                },
                **({} if settings is None else {"spectral": asdict(settings)}),
            },
        }
        user, user_metadata = embeddings.user, embeddings.user_metadata
        watched = material.everything.watched
        scorer = model_scorer(embeddings, user, user_metadata, watched, mixture)
        if len(parts) == 2 and not arm.spectral:
            degree = np.asarray(watched.sum(axis=0))
            facts["geometry"] = describe_geometry(embeddings, mixture, degree, self.seed)
            facts["metadata_shares"] = _shares(embeddings, mixture, degree, scorer)
        return scorer, facts

    def _part(self, part: NodeState, layers: int, features: Features) -> tuple[LearnedPart, Meter]:
        """A learned part, from the cache if another arm has needed it before."""
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
                learned = learn_part(part, self.material(features), model, configs, self.told)
            if learned.interrupted:
                raise KeyboardInterrupt
            self.choices[choice] = {"temperature": learned.config.temperature}
            self._parts[key] = learned, meter
        return self._parts[key]

    def _temperatures(self, choice: str) -> tuple[float, ...]:
        if choice in self.choices:
            return (self.choices[choice]["temperature"],)
        return TEMPERATURES if self.settings.tune else (USUAL_TEMPERATURE,)

    def _classical(self, method: Classical) -> tuple[Scorer, Facts]:
        material, trials = self.material(Features.OWN), TRIALS[method]
        if method not in self.choices:
            best = _USUAL_TRIAL
            if self.settings.tune and material.judge.can_judge:
                watched = material.first.watched
                scorers = (fit_classical(method, watched, s, self.seed) for s in trials)
                best = int(np.argmax([material.judge.quality(scorer) for scorer in scorers]))
            self.choices[method] = dict(trials[best])
        chosen = self.choices[method]
        with Meter() as meter:
            scorer = fit_classical(method, self.watched, chosen, self.seed)
        return scorer, self._cost(scorer, meter) | {"chosen": chosen}

    def _simple(self, method: Simple) -> tuple[Scorer, Facts]:
        known = self.material(Features.OWN).everything
        with Meter() as meter:
            match method:
                case Simple.METADATA_KNN:
                    scorer: Scorer = metadata_knn(known.watched, known.features)
                case Simple.POPULARITY:
                    scorer = Popularity(np.asarray(known.watched.sum(axis=0)))
                case Simple.RANDOM:
                    scorer = Popularity(np.zeros(known.watched.shape[1]))
        return scorer, self._cost(scorer, meter) | {"chosen": {}}

    def _cost(self, scorer: Scorer, meter: Meter) -> Facts:
        """Numbers kept, and bytes of what a user is known by: a vector, or the sparse history."""
        history = 4.0 * self.watched.nnz / self.watched.shape[0]
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


def _shares(
    embeddings: Embeddings, mixture: Mixture, degree: np.ndarray, scorer: Scorer
) -> dict[str, float | None]:
    """The metadata's share in scores by movies' number of ratings."""
    assert mixture.id is not None
    by_id = learned_part(embeddings, embeddings.user, "id", mixture.id)
    users = scored_users(len(embeddings.user))
    return metadata_shares(scorer, by_id, degree > 0, users, by_ratings(degree))


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


def check_metadata(workshop: Workshop) -> None:
    """Fail where there is nothing to study.

    Raises:
        ConfigError: if no metadata column gives a number.
    """
    if not workshop.material(Features.OWN).everything.features.shape[1]:
        raise ConfigError(
            "there is no metadata to compare with: the movies have no usable columns."
            " 'graphrec data inspect' says why."
        )


__all__ = ["Facts", "Workshop", "check_metadata"]
