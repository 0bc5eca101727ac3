"""A small share of `make torture`, and that torture sees what is lost."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.torture.mutation import mutate, sites
from tests.torture.tally import LostError, Tally, check_sentence, must

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there is no fork on Windows")


@pytest.mark.slow
def test_nothing_is_lost_in_five_minutes_of_torture() -> None:
    command = [sys.executable, "-W", "ignore", "-m", "tests.torture", "--minutes", "5"]
    done = subprocess.run(
        [*command, "--seed", "1"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-2_000:]
    counts = next(line.split() for line in done.stdout.splitlines() if line.startswith("all "))
    cases, kills, starvations, attacks, losses = (int(n.replace(",", "")) for n in counts[1:])
    assert min(cases, kills, starvations, attacks) > 4
    assert losses == 0


def test_losses_are_counted_by_part() -> None:
    tally = Tally()
    with tally.trying("cases", "fuzz tables", "fuzz tables 1"):
        pass
    with tally.trying("cases", "fuzz tables", "fuzz tables 2"):
        must(False, "a title is lost")
    with tally.trying("kills", "kill train", "kill train 1"):
        raise KeyError("blend")
    assert tally.losses[0] == ("fuzz tables", "fuzz tables 2", "a title is lost")
    assert "KeyError: 'blend'" in tally.losses[1][2]
    rows = [line.split() for line in tally.table().splitlines()]
    assert rows[1:] == [
        ["fuzz", "tables", "2", "1"],
        ["kill", "train", "1", "1"],
        ["all", "2", "1", "0", "0", "2"],
    ]


@pytest.mark.parametrize(
    "text",
    ["", "x" * 2_000, "\x1b[31mred", "'NoneType' object is not iterable", "[Errno 2] No such file"],
)
def test_what_is_no_sentence_for_a_person(text: str) -> None:
    with pytest.raises(LostError):
        check_sentence(text)
    check_sentence("ratings.csv, line 3: 5 fields where 4 are expected.")


def test_each_mutant_differs_in_one_place() -> None:
    body = "g(x + 1, key=not x) if x > 0 else -x"
    source = f"def f(x: int = 5) -> int:\n    return {body}\n"
    trees = [mutate(source, number)[0] for number in range(len(sites(ast.parse(source))))]
    first, *others = (ast.unparse(tree).splitlines() for tree in trees)
    assert first == ["def f(x: int=6) -> int:", f"    return {body}"]
    assert sorted(line.removeprefix("    return ") for _, line in others) == [
        "g(x + 1) if x > 0 else -x",
        "g(x + 1, key=not not x) if x > 0 else -x",
        "g(x + 1, key=not x) if not x > 0 else -x",
        "g(x + 1, key=not x) if x > 0 else +x",
        "g(x + 1, key=not x) if x > 1 else -x",
        "g(x + 1, key=not x) if x >= 0 else -x",
        "g(x + 2, key=not x) if x > 0 else -x",
        "g(x - 1, key=not x) if x > 0 else -x",
    ]
