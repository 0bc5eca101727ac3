"""What `/metrics` shows, in Prometheus' format."""

from __future__ import annotations

import os
from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """Counters of one service; with several processes, sums over them.

    Args:
        age: seconds since the model was trained.
    """

    def __init__(self, age: Callable[[], float]) -> None:
        self._age = age
        self.registry = own = CollectorRegistry()
        self.requests = Counter(
            "graphrec_requests",
            "Requests by route and status.",
            ["method", "route", "status"],
            registry=own,
        )
        self.seconds = Histogram(
            "graphrec_request_seconds",
            "Time of requests.",
            ["route"],
            buckets=_SECONDS,
            registry=own,
        )
        self.running = Gauge(
            "graphrec_requests_running",
            "Requests that are answered now.",
            registry=own,
            multiprocess_mode="livesum",
        )
        self.fold_ins = Counter(
            "graphrec_fold_ins", "Users folded in by their history.", registry=own
        )
        self.feedback = Counter(
            "graphrec_feedback", "Interactions written to the store.", ["kind"], registry=own
        )
        self.store_errors = Counter("graphrec_store_errors", "Failures of the store.", registry=own)
        self.loads = Counter(
            "graphrec_model_loads", "New models, taken up or refused.", ["result"], registry=own
        )
        self.model_created = Gauge(
            "graphrec_model_created_seconds",
            "When it was trained, since 1970.",
            registry=own,
            multiprocess_mode="livemax",
        )
        self.model_age = Gauge(
            "graphrec_model_age_seconds",
            "Time since the training.",
            registry=own,
            multiprocess_mode="livemin",
        )
        self.movies = Gauge(
            "graphrec_movies",
            "Movies that may be listed.",
            registry=own,
            multiprocess_mode="livemax",
        )

        self.index_recall = Gauge(
            "graphrec_index_recall",
            "Fraction of the 20 best movies that the index finds; 1 without one.",
            registry=own,
            multiprocess_mode="livemin",
        )
        self.index_recall.set(1)

    def text(self) -> bytes:
        """All of them."""
        self.model_age.set(self._age())
        registry = self.registry
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
