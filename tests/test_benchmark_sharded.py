"""The benchmark of several processes measures what it says."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.common import power_law_graph
from benchmarks.sharded import train
from graphrec.graph import RATES


@pytest.mark.slow
def test_more_processes_send_more_and_learn_the_same() -> None:
    edges = power_law_graph(400, 300, 6000)[RATES].edge_index.numpy()
    (one, valid, alone), (two, also, figures) = (train(edges, size, 2) for size in (1, 2))
    assert np.linalg.norm(two - one) < 1e-3 * np.linalg.norm(one)
    assert also == pytest.approx(valid, abs=1e-3)
    assert alone[0]["sent"] == 0
    assert figures[0]["sent"] == figures[1]["sent"] > 300 * 64 * 4
