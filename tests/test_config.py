"""Settings are checked when they are made."""

from __future__ import annotations

import pytest

from graphrec.config import Loss, ModelConfig, NodeState, Scoring, TrainConfig
from graphrec.errors import ConfigError


def test_strings_will_do_where_there_is_a_choice() -> None:
    assert TrainConfig(loss="bpr").loss is Loss.BPR  # type: ignore[arg-type]
    assert ModelConfig(node_state="id").node_state is NodeState.ID  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="scoring is 'loud'; it must be one of dot, cosine"):
        TrainConfig(scoring="loud")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("config", "settings", "sentence"),
    [
        (ModelConfig, {"embedding_dim": 0}, "embedding_dim is 0; it must be 1 or more."),
        (ModelConfig, {"num_layers": 5}, "num_layers is 5; it must be 0 to 4."),
        (ModelConfig, {"init_std": 0.0}, "init_std is 0.0; it must be above 0."),
        (ModelConfig, {"embedding_dim": "8"}, "embedding_dim is '8'; it must be a whole number."),
        (TrainConfig, {"temperature": 0.0}, "temperature is 0.0; it must be above 0."),
        (TrainConfig, {"logq_correction": 2}, "logq_correction is 2; it must be 0 to 1."),
        (TrainConfig, {"learning_rate": -1}, "learning_rate is -1; it must be above 0."),
        (TrainConfig, {"batch_size": 0}, "batch_size is 0; it must be 1 or more."),
        (TrainConfig, {"patience": 0}, "patience is 0; it must be 1 or more."),
        (TrainConfig, {"seed": -1}, "seed is -1; it must be 0 to 2^32 - 1."),
        (
            TrainConfig,
            {"num_neighbors": (5, 0)},
            "num_neighbors=(5, 0) holds a 0; each number must be 1 or more, or -1 for all"
            " neighbors.",
        ),
    ],
)
def test_settings_out_of_bounds_are_refused(
    config: type, settings: dict[str, object], sentence: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        config(**settings)
    assert str(caught.value) == sentence


def test_softmax_is_scored_by_cosine_and_bpr_by_dot_unless_told_otherwise() -> None:
    assert TrainConfig().cosine
    assert not TrainConfig(loss=Loss.BPR).cosine
    assert not TrainConfig(scoring=Scoring.DOT).cosine
    assert TrainConfig(loss=Loss.BPR, scoring=Scoring.COSINE).cosine


def test_what_depends_on_the_number_of_users_is_filled_in() -> None:
    small, middle, large = (TrainConfig().for_users(n) for n in (100, 29_858, 10**6))
    assert (small.batch_size, small.validate_every, small.patience) == (64, 50, 200)
    assert (middle.batch_size, middle.validate_every, middle.patience) == (1867, 7, 25)
    assert (large.batch_size, large.validate_every, large.patience) == (62_500, 7, 25)
    own = TrainConfig(batch_size=7, validate_every=2, patience=3)
    assert own.for_users(100) == own
