"""Puts the figures of finished studies into docs/why-embeddings.md.

    graphrec ablate --data ml-latest-small --details FILE --drop-leaky --output ML
    graphrec ablate --output SAMPLE
    python -m benchmarks.why --study ml-latest-small=ML --study sample=SAMPLE

Every part of the page between ``<!-- NAME: PART -->`` and ``<!-- end -->`` is made anew from the
study's results.json, where PART is one of `PARTS`; its plots are copied beside the page.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.common import say
from graphrec.study.arms import MAIN

PAGE = Path(__file__).parent.parent / "docs" / "why-embeddings.md"
PLOTS = ("learning-curve.png", "subsets.png")
SHOWN_SUBSETS = ("warm", "tail", "cold")
NOT_COSTED = ("layers", "controls", "leaks", "chance")
Results = dict[str, Any]


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown."""
    head = list(head)
    lines = [f"| {' | '.join(line)} |" for line in [head, *map(list, rows)]]
    return "\n".join([lines[0], f"|{'---|' * len(head)}", *lines[1:]])


def verdict(results: Results) -> str:
    """The verdict's sentences as a quotation."""
    sentences = results["verdict"]["sentences"]
    return "\n".join([f"> {sentence}  " for sentence in sentences[:-1]] + [f"> {sentences[-1]}"])


def curve(results: Results) -> str:
    """The main arms by number of training ratings."""
    arms = [arm for arm in results["arms"] if arm["name"] in MAIN]
    rows = [
        [
            bucket["name"],
            f"{bucket['movies']:,}",
            f"{bucket['held_out']:,}",
            *(_with_width(arm["subsets"][bucket["name"]][results["metric"]]) for arm in arms),
        ]
        for bucket in results["buckets"]
    ]
    names = [arm["name"] for arm in arms]
    return table(["training ratings", "movies", "held-out interactions", *names], rows)


def arms(results: Results) -> str:
    """All arms on all subsets."""
    rows = [
        [
            arm["name"],
            *(_with_width(arm["subsets"][s][results["metric"]]) for s in results["subsets"]),
        ]
        for arm in results["arms"]
    ]
    return table(["arm", *results["subsets"]], rows)


def differences(results: Results) -> str:
    """The main arms and the controls against each other, and IDs against chance."""
    shown = {*MAIN, *(arm["name"] for arm in results["arms"] if arm["group"] == "controls")}
    rows = [
        [
            f"{row['first']} − {row['second']}",
            row["subset"],
            f"{row['mean']:+.4f}",
            f"{row['low']:+.4f} to {row['high']:+.4f}",
            f"{row['p_holm']:.3f}",
            row["verdict"],
        ]
        for row in results["differences"]
        if row["subset"] in SHOWN_SUBSETS
        and (
            {row["first"], row["second"]} <= shown
            or (row["first"], row["second"], row["subset"]) == ("id", "random", "cold")
        )
    ]
    head = [f"difference in {results['metric']}", "subset", "mean", "interval", "p, corrected", ""]
    return table(head, rows)


def seeds(results: Results) -> str:
    """Each seed of the main arms."""
    rows = []
    for arm in (arm for arm in results["arms"] if arm["name"] in MAIN):
        for subset in SHOWN_SUBSETS:
            figure = arm["subsets"][subset][results["metric"]]
            each = ", ".join(f"{value:.3f}" for value in figure["seeds"])
            low, high = figure["seeds_low"], figure["seeds_high"]
            rows.append([arm["name"], subset, each, f"{low:.3f} to {high:.3f}"])
    return table(["arm", "subset", "seeds", "interval over seeds"], rows)


def cost(results: Results) -> str:
    """What the arms cost, without those that cost what others do."""
    rows = [
        [
            arm["name"],
            f"{arm['parameters']:,}",
            f"{arm['bytes_per_user']:,.0f}",
            f"{arm['seconds']:.1f}",
            f"{arm['memory'] / 1e6:,.0f}",
        ]
        for arm in results["arms"]
        if arm["group"] not in NOT_COSTED
    ]
    return table(["arm", "numbers kept", "bytes a user", "seconds", "MB at the peak"], rows)


PARTS: dict[str, Callable[[Results], str]] = {
    part.__name__: part for part in (verdict, curve, arms, differences, seeds, cost)
}


def fill(page: str, name: str, results: Results) -> str:
    """The page with all parts of one study made anew."""

    def part(match: re.Match[str]) -> str:
        return f"{match[1]}\n{PARTS[match[2]](results)}\n<!-- end -->"

    pattern = rf"(<!-- {re.escape(name)}: (\w+) -->)\n.*?<!-- end -->"
    return re.sub(pattern, part, page, flags=re.DOTALL)


def main(
    study: Annotated[list[str], typer.Option(help="NAME=DIR, what 'ablate --output' wrote.")],
) -> None:
    """Make the page anew."""
    page = PAGE.read_text(encoding="utf-8")
    for name, _, folder in (given.partition("=") for given in study):
        results = json.loads((Path(folder) / "results.json").read_text(encoding="utf-8"))
        page = fill(page, name, results)
        for plot in PLOTS:
            shutil.copyfile(Path(folder) / plot, PAGE.parent / "images" / f"{name}-{plot}")
    PAGE.write_text(page, encoding="utf-8")
    say(f"{PAGE} is made anew.")


def _with_width(figure: Mapping[str, float]) -> str:
    """A mean with half the width of its interval."""
    return f"{figure['mean']:.3f} ± {(figure['high'] - figure['low']) / 2:.3f}"


if __name__ == "__main__":
    typer.run(main)
