"""What validation measures, and that what it chooses is the best of what it tried."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from graphrec.config import Loss, ModelConfig, Scoring, SplitKind, TrainConfig
from graphrec.data.dataset import Dataset
from graphrec.data.split import Split, make_split
from graphrec.evaluate.report import evaluate_ranking
from graphrec.evaluate.scorers import EmbeddingScorer, ModelScorer
from graphrec.nn.hybrid import Blend, HybridModel
from graphrec.nn.spectral import Spectral, SpectralSettings
from graphrec.train import validation
from graphrec.train.closed_form import choose_spectral
from graphrec.train.trainer import Experiment, Fitted, fit
from graphrec.train.validation import (
    VALID_K,
    Validator,
    choose_blend,
)

World = tuple[Dataset, Split]


@pytest.fixture(scope="module")
def validator(small_world: World) -> Validator:
    dataset, split = small_world
    return Validator.of(dataset.interactions, split, seed=0)


@pytest.fixture(scope="module")
def cold_world(small_world: World) -> World:
    dataset, _ = small_world
    return dataset, make_split(dataset, SplitKind.COLD_MOVIES, seed=0)


def _on_train(experiment: Experiment, fitted: Fitted, spectral: Spectral) -> HybridModel:
    return HybridModel.assemble(
        {name: part.on_train for name, part in fitted.parts.items()},
        spectral,
        features=experiment.train.features,
        degree=experiment.train.degree,
    )


def test_ndcg_is_that_of_an_evaluation_on_the_validation_part(
    small_world: World, validator: Validator
) -> None:
    dataset, split = small_world
    rng = np.random.default_rng(1)
    user, movie = (rng.normal(size=(n, 4)).astype(np.float32) for n in (40, 32))
    scorer = EmbeddingScorer(torch.from_numpy(user), torch.from_numpy(movie))
    report = evaluate_ranking(
        scorer, dataset.interactions, known=split.train, held_out=split.valid, ks=(VALID_K,)
    )
    assert validator.ndcg(scorer) == pytest.approx(report.metrics[f"ndcg@{VALID_K}"])
    better = validator.ndcgs(lambda users: [scorer.score(users), -scorer.score(users)])
    assert better.shape == (2,)
    assert better[0] == pytest.approx(validator.ndcg(scorer))


def test_without_validation_there_is_no_ndcg_and_the_defaults_are_taken(
    small_world: World,
) -> None:
    dataset, split = small_world
    none = Validator.of(dataset.interactions, replace(split, valid=split.valid[:0]), seed=0)
    assert not none.can_score
    assert math.isnan(none.ndcg(EmbeddingScorer(torch.zeros(40, 1), torch.zeros(32, 1))))
    settings, spectral, _ = choose_spectral(none, 8, seed=0)
    assert settings == SpectralSettings(8)
    assert spectral.dim == 8


def test_only_rated_movies_are_ranked_and_looked_for_among_rated_ones(cold_world: World) -> None:
    dataset, split = cold_world
    validator = Validator.of(dataset.interactions, split, seed=0)
    assert validator.has_unrated
    rated = validator.among(validator.is_rated)
    assert rated.allowed is not None
    assert not rated.has_unrated
    assert rated.is_rated[rated.target.indices].all()
    assert 0 < rated.target.nnz < validator.target.nnz
    scorer = EmbeddingScorer(torch.ones(40, 1), torch.from_numpy(~rated.is_rated).float()[:, None])
    shown = rated.fractions(lambda users: [scorer.score(users)], ~rated.is_rated)
    everything = validator.fractions(lambda users: [scorer.score(users)], ~rated.is_rated)
    assert shown.tolist() == [0]  # however high they score
    assert everything[0] > 0


def test_the_spectral_part_is_at_least_as_good_as_the_default(validator: Validator) -> None:
    settings, spectral, _ = choose_spectral(validator, 16, seed=0)
    assert spectral.dim == settings.dim <= 16

    def ndcg(own: Spectral) -> float:
        model = HybridModel.assemble(
            {},
            own,
            features=np.zeros((32, 0), np.float32),
            degree=np.asarray(validator.matrix.sum(axis=0)),
            blend=Blend(spectral=1.0),
        )
        return validator.ndcg(ModelScorer(model, validator.history))

    for other in (SpectralSettings(16), SpectralSettings(16, 8, 0.3, 0.3)):
        assert ndcg(spectral) >= ndcg(Spectral.fit(validator.matrix, other, 0))


def test_the_blend_is_at_least_as_good_as_each_part(
    small_world: World, fitted: Fitted, validator: Validator
) -> None:
    experiment = Experiment.of(*small_world, seed=0)
    _, spectral, _ = choose_spectral(validator, 16, seed=0)
    model = _on_train(experiment, fitted, spectral)
    popularity = fitted.train_config.popularity_weights
    blend = choose_blend(validator, model, (fitted.first.best.popularity, *popularity))

    def of(one: Blend) -> float:
        return validator.ndcg(ModelScorer(model.with_blend(one), validator.history))

    ndcg = of(blend)
    assert blend.unrated == 0  # validation holds no movie without ratings
    assert ndcg >= of(Blend(0.0, 1.0))
    assert ndcg >= of(Blend(1.0, 0.0, popularity=fitted.first.best.popularity))


def test_a_closed_form_part_of_noise_is_left_out(small_world: World, fitted: Fitted) -> None:
    """By chance some weight of it is better than none; not by more than a standard error."""
    experiment = Experiment.of(*small_world, seed=0)
    validator, weights = experiment.validator, []
    for seed in range(8):
        vectors = 0.1 * torch.randn(32, 4, generator=torch.Generator().manual_seed(seed))
        noise = Spectral(vectors, torch.ones(32), torch.ones(4))
        model = _on_train(experiment, fitted, noise)
        blend = choose_blend(validator, model, (fitted.first.best.popularity,))
        weights.append(blend.spectral)
    assert weights == [0.0] * 8


def test_unrated_movies_are_listed_as_often_as_they_are_looked_for(
    cold_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "VALID_K", 3)  # 20 are most of the movies
    dataset, split = cold_world
    config = TrainConfig(epochs=4, batch_size=10)
    fitted = fit(dataset, split, ModelConfig(embedding_dim=8), config)
    experiment = Experiment.of(dataset, split, seed=0)
    validator = experiment.validator
    model = _on_train(experiment, fitted, Spectral.empty(32))
    blend = choose_blend(validator, model, config.popularity_weights)
    unrated = ~validator.is_rated

    def fraction(one: Blend) -> float:
        scorer = ModelScorer(model.with_blend(one), validator.history)
        return float(validator.fractions(lambda users: [scorer.score(users)], unrated)[0])

    wanted = unrated[validator.target.indices].mean()
    assert fraction(blend) == pytest.approx(wanted, abs=0.05)
    assert fraction(replace(blend, unrated=0.0)) != pytest.approx(wanted, abs=0.05)


def test_popularity_is_put_back_where_cosines_are_compared() -> None:
    config = TrainConfig(temperature=0.12)
    assert config.popularity_weights == pytest.approx((0, 0.03, 0.06, 0.09, 0.12))
    assert TrainConfig(loss=Loss.BPR).popularity_weights == (0.0,)
    assert TrainConfig(scoring=Scoring.DOT).popularity_weights == (0.0,)
