"""Kill `graphrec train` at random moments, and compare what it leaves in the end.

    python -m tests.train.kills FOLDER 50

FOLDER has ratings.csv and movies.csv. A training runs undisturbed; then one is killed by SIGKILL
and resumed until it ends, and again from the start until there were as many kills as asked for. All
files of each model must be those of the first, but for times in the manifest. Children are forked,
with everything loaded, so that a kill doesn't cost the start of an interpreter.
"""

from __future__ import annotations

import json
import os
import random
import select
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

import sklearn.linear_model
import torch

import graphrec.data.sources
import graphrec.recommend.earlier
import graphrec.recommend.saving
import graphrec.tracking.run
from graphrec.cli import app
from graphrec.recommend.artefact import MANIFEST

LOADED = (sklearn.linear_model, graphrec.data.sources, graphrec.recommend.saving)

OPTIONS = ("--embedding-dim", "8", "--epochs", "12", "--batch-size", "20", "--validate-every", "2")


def start(folder: Path, model: Path) -> int:
    """The process of a training that goes on with what is there."""
    if child := os.fork():
        return child
    code = 1
    try:
        files = os.open(os.devnull, os.O_WRONLY)
        os.dup2(files, 1)
        app(
            [
                *("train", "--data", str(folder), "--output", str(model), "--force", *OPTIONS),
                *("--checkpoint-every", "0", "--resume", "--json"),  # which saves the first steps
            ],
            standalone_mode=False,
        )
        code = 0
    finally:
        os._exit(code)


def ends_within(child: int, seconds: float) -> bool:
    """Whether a process ends by itself; it is killed else."""
    descriptor, poll = os.pidfd_open(child), select.poll()
    poll.register(descriptor, select.POLLIN)
    if not poll.poll(seconds * 1000):
        os.kill(child, signal.SIGKILL)
    os.close(descriptor)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit("a training failed")
    return os.WIFEXITED(status)


def contents(model: Path) -> dict[str, Any]:
    """Every file of a model, without the times in its manifest."""
    found: dict[str, Any] = {path.name: path.read_bytes() for path in model.iterdir()}
    manifest = json.loads(found[MANIFEST])
    del manifest["created"], manifest["sha256"], manifest["training"]["seconds"]
    for part in manifest["training"]["parts"].values():
        del part["seconds"]
        for epoch in part["history"]:
            del epoch["seconds"]
    return {**found, MANIFEST: manifest}


def main(folder: Path, kills: int, seed: int = 0) -> None:
    """Compare until there were so many kills."""
    torch.set_num_threads(1)
    rng, model = random.Random(seed), folder / "model"
    ends_within(start(folder, model), 600)  # loads what is left
    shutil.rmtree(model)
    began = time.monotonic()
    ends_within(start(folder, model), 600)
    longest, expected = time.monotonic() - began, contents(model)
    done = ended = 0
    while done < kills or not ended:
        if ends_within(start(folder, model), rng.uniform(0, longest)):
            ended += 1
            own = contents(model)
            differing = [name for name in expected if own[name] != expected[name]]
            if differing or set(own) != set(expected) or Path(f"{model}.checkpoint").exists():
                raise SystemExit(f"another model after {done} kills: {differing}")
        else:
            done += 1
    print(f"{done} kills, {ended} trainings that ended, {longest:.1f} s for one undisturbed")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
