"""Fuzz, kill, starve and attack graphrec, and print what was lost.

Everything is drawn from --seed, so that a loss is seen again by its name and its seed:
`python -m tests.torture --seed 3 --only "fuzz tables 17"`.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
import warnings
from pathlib import Path

from tests.torture.attack import attack
from tests.torture.determinism import WAYS, determinism
from tests.torture.fuzz import fuzz
from tests.torture.kill import kill
from tests.torture.longrun import longrun
from tests.torture.process import preload
from tests.torture.starve import starve
from tests.torture.tally import Tally
from tests.torture.world import World

CASES, KILLS, STARVATIONS = 10_000, 1_000, 300  # in a whole run, which takes less than an hour


def torture(minutes: float, seed: int, only: str | None = None) -> Tally:
    """Run all parts, in numbers for about so many minutes on two cores."""
    tally, part = Tally(), minutes / 60
    preload()
    with tempfile.TemporaryDirectory(prefix="graphrec-torture-") as folder:
        os.chdir(folder)
        world = World(Path(folder))
        kill(world, tally, seed, round(KILLS * part), only)  # first: these fork
        starve(world, tally, seed, round(STARVATIONS * part), only)
        determinism(world, tally, max(1, round(len(WAYS) * min(1, 4 * part))), only)
        attack(world, tally, only)
        fuzz(world, tally, seed, round(CASES * part), only)
        longrun(world, tally, 600 * part, only)
        os.chdir("/")
    return tally


def main() -> int:
    """Read the command line, run, and print; the exit code is 1 if something was lost."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.torture",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=60, help="how long, about (%(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--only",
        metavar="NAME",
        help="one part (kill, starve, attack, fuzz, determinism, 'long run'), one line of the"
        " table, or one loss",
    )
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    start = time.monotonic()
    tally = torture(asked.minutes, asked.seed, asked.only)
    print(tally.table())
    print(f"{(time.monotonic() - start) / 60:.1f} minutes, seed {asked.seed}")
    return 1 if tally.losses else 0


if __name__ == "__main__":
    sys.exit(main())
