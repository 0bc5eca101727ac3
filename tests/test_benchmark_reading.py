"""The benchmark of reading: every reader reads every row."""

from __future__ import annotations

from pathlib import Path

from benchmarks.reading import READERS, measure, write


def test_every_reader_reads_every_row(tmp_path: Path) -> None:
    for path in write(tmp_path, 2_000):
        results = measure(path)
        assert set(results) == set(READERS)
        assert {one["rows"] for one in results.values()} == {2_000}
        assert all(one["seconds"] > 0 and one["gib"] > 0 for one in results.values())
