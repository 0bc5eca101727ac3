"""How fast ratings are read: graphrec beside pandas' and polars' own readers.

    python -m benchmarks.reading --rows 20000000

Each reader runs in a process of its own, so that its memory is its own. graphrec also checks ids,
ratings and times, and finds repeated pairs; the others only read.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

USERS, MOVIES = 138_000, 27_000  # as many as MovieLens 20M has
READERS = {
    "graphrec": "from graphrec import read_ratings; table = read_ratings(path)",
    "pandas": "import pandas as pd; table = pd.read_{kind}(path)",
    "polars": "import polars as pl; table = pl.read_{kind}(path)",
}
_TIMED = """
import json, resource, sys, time
path = sys.argv[1]
start = time.perf_counter()
{read}
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
print(json.dumps(dict(rows=len(table), seconds=seconds, gib=peak)))
"""


def write(folder: Path, rows: int) -> list[Path]:
    """Ratings of distinct pairs, in the order of the users, as Parquet and as CSV."""
    rng = np.random.default_rng(0)
    pairs = np.unique(rng.integers(0, USERS * MOVIES, rows + rows // 20))
    pairs = np.sort(rng.choice(pairs, min(rows, len(pairs)), replace=False))
    table = pd.DataFrame(
        {
            "userId": pairs // MOVIES + 1,
            "movieId": pairs % MOVIES + 1,
            "rating": rng.integers(1, 11, len(pairs)) / 2,
            "timestamp": rng.integers(789_652_009, 1_427_784_002, len(pairs)),
        }
    )
    table.to_parquet(folder / "ratings.parquet")
    table.to_csv(folder / "ratings.csv", index=False)
    return [folder / "ratings.parquet", folder / "ratings.csv"]


def measure(path: Path) -> dict[str, dict[str, float]]:
    """Rows, seconds (imports included) and peak memory in GiB of each reader."""
    kind, results = path.suffix.removeprefix("."), {}
    for name, read in READERS.items():
        code = _TIMED.format(read=read.format(kind=kind))
        done = subprocess.run(
            [sys.executable, "-c", code, str(path)], check=True, capture_output=True, text=True
        )
        results[name] = json.loads(done.stdout)
    return results


def main() -> None:
    """Print a line for each file and reader."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        for path in write(Path(folder), rows):
            for name, one in measure(path).items():
                print(
                    f"{path.suffix:9}{name:10}{one['rows']:>12,} rows {one['seconds']:7.2f} s"
                    f" {one['gib']:6.2f} GiB"
                )


if __name__ == "__main__":
    main()
