"""What is searched comes from the settings' own declarations."""

from __future__ import annotations

from dataclasses import fields

import pytest

from graphrec.config import Loss, ModelConfig, NodeState, TrainConfig
from graphrec.errors import ConfigError
from graphrec.tuning.space import Space

DECLARED = [one for config in (ModelConfig, TrainConfig) for one in fields(config)]


@pytest.mark.parametrize("name", [one.name for one in DECLARED if one.metadata["search"]])
def test_all_that_is_searched_is_allowed_and_holds_the_default(name: str) -> None:
    (one,) = (own for own in DECLARED if own.name == name)
    search = one.metadata["search"]
    config = ModelConfig if one.name in ModelConfig.__dataclass_fields__ else TrainConfig
    for value in search.choices or (search.low, search.high):
        config(**{name: value})  # raises where it is out of bounds
    assert one.default in search.choices or search.low <= one.default <= search.high


def test_settings_without_effect_are_not_searched() -> None:
    def names(model: ModelConfig | None = None, training: TrainConfig | None = None) -> set[str]:
        return set(Space.of(model or ModelConfig(), training or TrainConfig()).searches)

    everything = names()
    assert {"learning_rate", "temperature", "metadata_scale", "num_layers"} <= everything
    assert not {"seed", "epochs", "device", "loss", "layers"} & everything
    assert everything - names(training=TrainConfig(loss=Loss.BPR)) == {
        *("negatives", "num_negatives", "temperature", "logq_correction")
    }
    assert everything - names(ModelConfig(node_state=NodeState.ID)) == {"metadata_scale"}
    assert (
        "metadata_scale" not in Space.of(ModelConfig(), TrainConfig(), has_metadata=False).searches
    )
    few = Space.of(ModelConfig(), TrainConfig(), num_users=200).searches["batch_size"]
    assert few.choices == (None, 64, 128)
    with pytest.raises(ConfigError, match="nothing is trained, so there is nothing to search"):
        Space.of(ModelConfig(node_state=NodeState.NONE), TrainConfig())


def test_names_that_are_asked_for() -> None:
    space = Space.of(ModelConfig(), TrainConfig(), ["loss", "learning_rate", "loss"])
    assert list(space.searches) == ["loss", "learning_rate"]
    assert space.values() == {"loss": "softmax", "learning_rate": 2e-3}
    model, training = space.configs({"loss": "bpr", "learning_rate": 0.1})
    assert (training.loss, training.learning_rate, model) == (Loss.BPR, 0.1, ModelConfig())
    with pytest.raises(ConfigError, match=r"search='seed': one can search .*learning_rate"):
        Space.of(ModelConfig(), TrainConfig(), ["seed"])


def test_what_a_search_begins_with_is_in_its_space() -> None:
    training = TrainConfig(learning_rate=5.0, batch_size=77, temperature=0.07)
    searches = Space.of(ModelConfig(num_layers=4), training).searches
    assert searches["learning_rate"].high == 5.0
    assert searches["num_layers"].high == 4
    assert searches["batch_size"].choices[0] == 77
    assert searches["temperature"].choices[:2] == (0.07, None)
