"""Node states: by ID or by metadata, side by side."""

from __future__ import annotations

import pytest
import torch

from graphrec.config import NodeState
from graphrec.model.states import NodeStates

PARTS = (NodeState.ID, NodeState.METADATA)


def _states(part: NodeState, features: int = 3) -> NodeStates:
    return NodeStates(
        2,
        torch.arange(4.0 * features).reshape(4, features),
        5,
        part=part,
        metadata_scale=0.5,
        generator=torch.Generator().manual_seed(0),
    )


def test_both_parts_are_two_single_ones() -> None:
    assert NodeState.ID_METADATA.parts == PARTS
    assert [part.parts for part in PARTS] == [(part,) for part in PARTS]


def test_by_id_every_node_has_its_own_embedding() -> None:
    states = _states(NodeState.ID)
    assert states.movie is not None
    torch.testing.assert_close(states(), torch.cat([states.user, states.movie]))
    assert {name for name, _ in states.named_parameters()} == {"user", "movie"}


def test_by_metadata_movies_are_the_scaled_linear_map_and_users_send_nothing() -> None:
    states = _states(NodeState.METADATA)
    assert states.metadata is not None
    expected = 0.5 * torch.arange(12.0).reshape(4, 3) @ states.metadata
    torch.testing.assert_close(states()[2:], expected)
    assert (states()[:2] == 0).all()
    assert {name for name, _ in states.named_parameters()} == {"user", "metadata"}


def test_without_features_metadata_is_zero() -> None:
    assert (_states(NodeState.METADATA, features=0)() == 0).all()


@pytest.mark.parametrize("part", PARTS)
def test_same_generator_state_gives_same_values(part: NodeState) -> None:
    torch.testing.assert_close(_states(part)(), _states(part)())
