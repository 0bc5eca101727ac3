"""New models, feedback and clients that hang up, all at the same time."""

from __future__ import annotations

import itertools
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil

from graphrec.config import ModelConfig
from graphrec.data.dataset import Dataset
from graphrec.data.split import Split
from graphrec.recommend.saving import save_model
from graphrec.serve.service import Service
from graphrec.serve.store import Store
from tests.conftest import QuickFit
from tests.serve.running import LIMITS, running


class Clients:
    """Threads that write, ask and hang up until a time is over.

    Attributes:
        end: when that is.
        failures: answers other than 200.
        written: users and movies that were acknowledged, by thread.
    """

    def __init__(self, seconds: float) -> None:
        self.end, self.failures = time.monotonic() + seconds, list[str]()
        self.written: list[set[tuple[int, int]]] = [set(), set()]

    @property
    def over(self) -> bool:
        return time.monotonic() > self.end

    def check(self, answer: httpx.Response) -> None:
        if answer.status_code != 200:
            self.failures.append(answer.text)

    def write(self, thread: int, client: httpx.Client) -> None:
        for number in itertools.takewhile(lambda _: not self.over, itertools.count()):
            user = 1000 + 2 * (number % 5000) + thread
            rows = [{"user": user, "movie": (number + place) % 32} for place in range(8)]
            self.check(client.post("/api/v1/feedback", json=rows))
            self.written[thread] |= {(row["user"], row["movie"]) for row in rows}

    def ask(self, thread: int, client: httpx.Client) -> None:
        paths = ("users/{}/recommendations", "movies/{}/similar", "users/{}/history", "movies/{}")
        for number, path in enumerate(itertools.cycle(paths)):
            self.check(client.get(f"/api/v1/{path.format((number + thread) % 32)}"))
            if self.over:
                return

    def hang_up(self, _: int, client: httpx.Client) -> None:
        head = b"GET /api/v1/popular HTTP/1.1\r\nHost: localhost\r\n"
        for data in itertools.cycle((head, head + b"\r\n", b"", b"POST / HT")):
            with socket.create_connection((client.base_url.host, client.base_url.port or 0)) as own:
                own.sendall(data)
            if self.over:
                return

    def start(self, address: str) -> list[threading.Thread]:
        def run(task: Callable[[int, httpx.Client], None], number: int) -> None:
            with httpx.Client(base_url=address, timeout=30) as client:
                task(number, client)

        tasks = [(self.write, 0), (self.write, 1), (self.ask, 0), (self.ask, 1), (self.hang_up, 0)]
        threads = [threading.Thread(target=run, args=task) for task in tasks]
        for thread in threads:
            thread.start()
        return threads


def test_nothing_is_lost_and_nothing_fails(
    model_folder: Path,
    tmp_path: Path,
    small_world: tuple[Dataset, Split],
    quick_fit: QuickFit,
) -> None:
    seconds = int(os.environ.get("GRAPHREC_SOAK_SECONDS", "6"))
    folder = Path(shutil.copytree(model_folder, tmp_path / "model"))
    models = [quick_fit(ModelConfig(embedding_dim=dim)) for dim in (8, 12)]
    (shared := tmp_path / "shared").mkdir()
    service = Service(folder, Store(tmp_path / "store.db"), watch=True, shared=shared)
    taken, memory = 0, list[int]()
    with running(service, LIMITS) as address:
        clients = Clients(seconds)
        threads = clients.start(address)
        for fitted in itertools.cycle(models):
            before = service.model
            save_model(folder, *small_world, fitted, force=True)
            while service.model is before and not clients.over:
                threads[0].join(0.1)
            taken += service.model is not before
            memory.append(psutil.Process().memory_info().rss)
            threads[0].join(min(30.0, seconds / 20))
            if clients.over:
                break
        for thread in threads:
            thread.join()
    assert not clients.failures
    assert taken >= 2
    store = Store(tmp_path / "store.db")
    kept = [(int(one.user_id), int(one.movie_id)) for one in store.interactions()]
    store.close()
    assert len(kept) == len(set(kept))
    assert set(kept) == clients.written[0] | clients.written[1]
    print(f"{taken} models, {len(kept):,} interactions, MiB: {[own >> 20 for own in memory]}")
    if len(memory) >= 10:  # the first ones fill caches
        assert memory[-1] < 1.05 * memory[len(memory) // 3]
