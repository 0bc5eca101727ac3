"""Node states: the sum of an ID part and a metadata part, each of which can be off."""

from __future__ import annotations

import pytest
import torch

from graphrec.choices import NodeState
from graphrec.model.states import NodeStates


def _states(node_state: NodeState, features: int = 3) -> NodeStates:
    return NodeStates(
        2,
        torch.arange(4.0 * features).reshape(4, features),
        5,
        node_state=node_state,
        metadata_scale=0.5,
        generator=torch.Generator().manual_seed(0),
    )


@pytest.mark.parametrize("node_state", list(NodeState))
def test_state_is_the_sum_of_its_parts(node_state: NodeState) -> None:
    states = _states(node_state)
    torch.testing.assert_close(states(), states.id_part() + states.metadata_part())
    assert states().shape == (6, 5)


def test_metadata_part_is_the_scaled_linear_map() -> None:
    states = _states(NodeState.ID_METADATA)
    assert states.metadata is not None
    expected = 0.5 * torch.arange(12.0).reshape(4, 3) @ states.metadata
    torch.testing.assert_close(states.metadata_part()[2:], expected)
    assert (states.metadata_part()[:2] == 0).all()


@pytest.mark.parametrize(
    ("node_state", "names"),
    [
        (NodeState.ID_METADATA, {"user", "movie", "metadata"}),
        (NodeState.ID, {"user", "movie"}),
        (NodeState.METADATA, {"user", "metadata"}),
    ],
)
def test_parts_that_are_off_have_no_parameters(node_state: NodeState, names: set[str]) -> None:
    assert {name for name, _ in _states(node_state).named_parameters()} == names


def test_without_features_metadata_is_zero() -> None:
    states = _states(NodeState.METADATA, features=0)
    assert (states()[2:] == 0).all()


def test_same_generator_state_gives_same_values() -> None:
    torch.testing.assert_close(_states(NodeState.ID)(), _states(NodeState.ID)())
