"""graphrec by its defaults beside its peers, on every split there is: one table.

    python -m benchmarks.leaderboard [--only DATA,...] [--methods NAME,...] [--seeds 3]
                                     [--budget 12] [--folder ../shared/data] [--no-write]

Every peer has the same number of settings to choose from (`benchmarks.leaderboard_peers.TRIALS`),
by ndcg@20 on the validation part that `graphrec train` makes of the same split with the same seed;
the best one is fitted again to training and validation part together, and ranks the test part once.
graphrec is `GraphRecommender(seed=seed).fit(...)`, which chooses on the same part by itself, and
uses metadata where there are some (a folder's ``details.csv``, too). A seed draws the split, where
the data have no test part of their own, the validation part, and what a method draws.

Each result is a line of a file (`--results`), and what is there is not done again: stopped, the
same command goes on. So the test part is ranked once for each method, seed and version of graphrec.
The table goes into benchmarks/RESULTS.md, between two marks. DATA may also be any folder that
`graphrec train --data` takes.
"""

from __future__ import annotations

import base64
import json
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import torch
import typer

import graphrec
from benchmarks.common import facts, say
from benchmarks.leaderboard_peers import TRIALS, Peer, Settings, fit_peer, tune_lightgcn
from graphrec.config import SplitKind
from graphrec.data.dataset import Dataset
from graphrec.data.split import Split
from graphrec.evaluate.baselines import free_memory
from graphrec.evaluate.ease import EASE
from graphrec.evaluate.report import Report
from graphrec.evaluate.significance import Interval, paired_bootstrap
from graphrec.formatting import duration, size
from graphrec.train.validation import Validator

HERE = Path(__file__).parent
GRAPHREC = "graphrec"
METHODS = (*(peer.value for peer in Peer), GRAPHREC)
METRICS = ("ndcg@20", "recall@20")
DATA: dict[str, tuple[str, SplitKind]] = {
    "sample": ("sample", SplitKind.RANDOM),
    "ml-latest-small random": ("ml-latest-small", SplitKind.RANDOM),
    "ml-latest-small temporal": ("ml-latest-small", SplitKind.TEMPORAL),
    "ml-latest-small leave-last-out": ("ml-latest-small", SplitKind.LEAVE_LAST_OUT),
    **{
        name: (f"splits/{name}", SplitKind.GIVEN)
        for name in (
            "ml-100k-random",
            "ml-100k-latest",
            "lastfm",
            "amazon-electronics",
            "citeulike",
            "citeulike-sparse",
            "allrecipes",
        )
    },
    "gowalla": ("gowalla", SplitKind.GIVEN),
}
"""By the name in the table: the folder within `--folder`, and how the test part is held out."""
BEGIN, END = "<!-- leaderboard: begin -->", "<!-- leaderboard: end -->"
_MEMORY_SHARE = 0.8

Line = dict[str, Any]


class Results:
    """A file with a JSON object a line: a trial on validation, or a result on the test part.

    Attributes:
        lines: all that is in it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        text = path.read_text() if path.exists() else ""
        whole = text[: text.rfind("\n") + 1]
        if whole != text:  # it was stopped while it wrote
            path.write_text(whole)
        self.lines: list[Line] = [json.loads(line) for line in whole.splitlines()]

    def find(self, wanted: Line) -> Line | None:
        """The line with these values, if there is one."""
        for line in self.lines:
            if all(line.get(name) == value for name, value in wanted.items()):
                return line
        return None

    def add(self, line: Line) -> None:
        """Write another one, at once."""
        with self.path.open("a") as file:
            file.write(json.dumps(line, allow_nan=False) + "\n")
        self.lines.append(line)


def load(name: str, folder: Path) -> tuple[Dataset, SplitKind | None]:
    """A data set of `DATA`, or of any folder, and how to split it.

    Raises:
        typer.BadParameter: if there is no such one.
    """
    source, kind = DATA.get(name, (name, None))
    path = Path(source) if kind is None else folder / source
    if source != "sample" and not path.is_dir():
        raise typer.BadParameter(f"there is no folder {path}; known names: {', '.join(DATA)}.")
    if source == "sample":
        return graphrec.load_dataset(source), kind
    details = path / "details.csv"
    return graphrec.load_dataset(str(path), details=details if details.exists() else None), kind


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """One method on one split with one seed."""

    data: str
    method: str
    seed: int
    budget: int

    @property
    def key(self) -> Line:
        """What identifies its result."""
        own: Line = {"data": self.data, "method": self.method, "seed": self.seed}
        if self.method == GRAPHREC:
            return own | {"version": graphrec.__version__}
        return own | {"budget": self.budget}

    def measure(self, dataset: Dataset, split: Split, results: Results) -> Line:
        """Choose, fit, and rank the test part."""
        began = time.perf_counter()
        if self.method == GRAPHREC:
            model = graphrec.GraphRecommender(seed=self.seed)
            model.fit(dataset, split=split, verbose=False)
            fitted = time.perf_counter()
            chosen: Settings = {}
            report = model.evaluate((20,))
            tuning = 0.0
        else:
            peer = Peer(self.method)
            chosen, tuning = self._choose(peer, dataset, split, results)
            began = time.perf_counter()
            known = dataset.interactions.to_csr(split.known)
            scorer = fit_peer(peer, known, chosen, self.seed)
            fitted = time.perf_counter()
            report = graphrec.evaluate_ranking(
                scorer,
                dataset.interactions,
                known=split.known,
                held_out=split.test,
                ks=(20,),
                seed=self.seed,
            )
        return {
            **self.key,
            **{metric: report.metrics[metric] for metric in METRICS},
            "chosen": dict(chosen),
            "seconds": {
                "choosing": tuning,
                "fitting": fitted - began,
                "ranking": time.perf_counter() - fitted,
            },
            "threads": torch.get_num_threads(),
            "load_average": os.getloadavg()[0],
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "commit": facts()["commit"],
            **_per_user(report),
        }

    def _choose(
        self, peer: Peer, dataset: Dataset, split: Split, results: Results
    ) -> tuple[Settings, float]:
        """The best of the budget's settings on validation, and the seconds that took."""
        trials = TRIALS[peer][: self.budget]
        if len(trials) == 1 or not len(split.valid):
            return trials[0], 0.0
        validator, lines = Validator.of(dataset.interactions, split, self.seed), []
        is_lightgcn = peer is Peer.LIGHTGCN  # its settings are tried together
        for trial in [{"settings": len(trials)}] if is_lightgcn else trials:
            key: Line = {
                "data": self.data,
                "method": self.method,
                "seed": self.seed,
                "trial": dict(trial),
            }
            line = results.find(key)
            if line is None:
                began = time.perf_counter()
                if is_lightgcn:
                    settings, valid = tune_lightgcn(validator, trials, self.seed)
                else:
                    scorer = fit_peer(peer, validator.matrix, trial, self.seed)
                    settings, valid = trial, _ndcg(validator, scorer)
                spent = time.perf_counter() - began
                line = key | {"chosen": dict(settings), "valid": valid, "seconds": spent}
                results.add(line)
            lines.append(line)
        best = max(lines, key=lambda line: float(line["valid"]))
        return best["chosen"], sum(line["seconds"] for line in lines)


def _ndcg(validator: Validator, scorer: Any) -> float:
    """By all users of the validation part."""
    return float(validator.ndcgs(lambda users: [scorer.score(users)])[0])


def _per_user(report: Report) -> dict[str, str]:
    """Users and their ndcg@20, so that other methods can be compared user by user."""
    arrays = {
        "users": report.users.astype(np.int32),
        "per_user": report.per_user["ndcg@20"].astype(np.float32),
    }
    return {name: base64.b64encode(values.tobytes()).decode() for name, values in arrays.items()}


def ndcg_by_user(line: Line) -> pd.Series[float]:
    """A result's ndcg@20 of each user."""
    users = np.frombuffer(base64.b64decode(line["users"]), np.int32)
    values = np.frombuffer(base64.b64decode(line["per_user"]), np.float32)
    return pd.Series(values, index=users, dtype=float)


# --- the table


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """All results of one data set, by method one of each seed."""

    data: str
    lines: dict[str, list[Line]]

    def mean(self, method: str, metric: str) -> float | None:
        """The mean over seeds; None where there is none."""
        own = self.lines.get(method, [])
        return float(np.mean([line[metric] for line in own])) if own else None

    def seconds(self, method: str) -> float | None:
        """Of choosing and fitting, the mean over seeds."""
        own = [line["seconds"] for line in self.lines.get(method, [])]
        return float(np.mean([s["choosing"] + s["fitting"] for s in own])) if own else None

    @property
    def best(self) -> str | None:
        """The peer with the highest ndcg@20."""
        found = {m: self.mean(m, METRICS[0]) for m in self.lines if m != GRAPHREC}
        return max(found, key=lambda m: found[m] or 0.0, default=None)

    def difference(self) -> Interval | None:
        """graphrec's ndcg@20 less the best peer's, paired by user; means over the seeds of both."""
        if self.best is None or GRAPHREC not in self.lines:
            return None
        pairs = [
            ndcg_by_user(ours) - ndcg_by_user(theirs)
            for ours in self.lines[GRAPHREC]
            for theirs in self.lines[self.best]
            if ours["seed"] == theirs["seed"]
        ]
        if not pairs:
            return None
        by_user = pd.concat(pairs).groupby(level=0).mean()
        return paired_bootstrap(by_user.to_numpy(), rng=np.random.default_rng(0))


def rows_of(results: Results) -> list[Row]:
    """What was measured, by data set in the order of `DATA`; of graphrec, the newest version."""
    lines = [line for line in results.lines if METRICS[0] in line]
    names = list(dict.fromkeys([*DATA, *(line["data"] for line in lines)]))
    rows = []
    for name in names:
        own: dict[str, dict[int, Line]] = {}
        for line in lines:  # later ones replace earlier ones
            if line["data"] == name:
                own.setdefault(line["method"], {})[line["seed"]] = line
        if own:
            rows.append(Row(name, {m: list(own[m].values()) for m in METHODS if m in own}))
    return rows


def report(rows: list[Row]) -> str:
    """The tables in Markdown."""
    shown = [method for method in METHODS if any(method in row.lines for row in rows)]
    differences = {row.data: row.difference() for row in rows}
    findings = [gap.finding for gap in differences.values() if gap is not None]
    parts = [_caption(rows)]
    columns = ["ndcg@20", *shown, "best peer", "ratio", "difference", ""]
    body = []
    for row in rows:
        best, gap = row.best, differences[row.data]
        compared = ["", "", ""]
        if best is not None and gap is not None:
            theirs, ours = row.mean(best, METRICS[0]), row.mean(GRAPHREC, METRICS[0])
            assert theirs is not None
            assert ours is not None
            interval = f"{gap.mean:+.4f} [{gap.low:+.4f}, {gap.high:+.4f}]"
            compared = [f"{ours / max(theirs, 1e-9):.3f}", interval, gap.finding]
        body.append([row.data, *_figures(row, shown, METRICS[0]), best or "", *compared])
    parts.append(_markdown(columns, body))
    if findings:
        counts = ", ".join(f"{word} {findings.count(word)}" for word in ("ahead", "tie", "behind"))
        parts.append(f"graphrec against the best peer of each row: {counts}.")
    recall = [[row.data, *_figures(row, shown, METRICS[1])] for row in rows]
    parts.append(_markdown(["recall@20", *shown], recall))
    times = [
        [row.data, *("" if (s := row.seconds(m)) is None else duration(s) for m in shown)]
        for row in rows
    ]
    parts.append(
        "Time to choose and fit, mean over seeds; LightGCN's is that of its limited training."
    )
    parts.append(_markdown(["time", *shown], times))
    return "\n\n".join(parts)


def _caption(rows: list[Row]) -> str:
    """How it was measured."""
    lines = [line for row in rows for own in row.lines.values() for line in own]
    dates = sorted(line["date"][:10] for line in lines)
    seeds = sorted({len(own) for row in rows for own in row.lines.values()})
    budget = sorted({line["budget"] for line in lines if "budget" in line})
    threads = sorted({line["threads"] for line in lines})
    machine, days = facts()["cpu"], _span([dates[0], dates[-1]])
    return (
        f"{machine}, {days}, graphrec {graphrec.__version__}; threads: {_span(threads)}; seeds:"
        f" {_span(seeds)}; settings of each peer: {_span(budget)}. All movies are ranked but the"
        " user's own; figures are of the test part, means over seeds. Peers choose on the"
        " validation part that graphrec has, and graphrec runs by its defaults. The difference is"
        " to the best peer, with a 95 % bootstrap interval over users, paired; a tie where it"
        " holds 0."
    )


def _span(values: list[Any]) -> str:
    """The only value, or the first and the last; a dash for none."""
    if not values:
        return "-"
    return str(values[0]) if len(set(values)) == 1 else f"{values[0]} to {values[-1]}"


def _figures(row: Row, methods: list[str], metric: str) -> list[str]:
    """A metric by method, the highest in bold."""
    values = [row.mean(method, metric) for method in methods]
    top = max(value for value in values if value is not None)
    return [
        "" if value is None else f"**{value:.4f}**" if value == top else f"{value:.4f}"
        for value in values
    ]


def _markdown(columns: list[str], body: list[list[str]]) -> str:
    rule = ["---"] * len(columns)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (columns, rule, *body))


def write_between_marks(path: Path, text: str) -> None:
    """Replace what stands between the marks of a file; at its end where it has none."""
    old = path.read_text() if path.exists() else ""
    if BEGIN not in old:
        heading = "## Leaderboard: `python -m benchmarks.leaderboard`"
        old = f"{old.rstrip()}\n\n{heading}\n\n{BEGIN}{END}\n"
    before, rest = old.split(BEGIN)
    after = rest.split(END)[1]
    path.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


# --- the program


def _measure(name: str, cells: list[Cell], folder: Path, results: Results) -> None:
    """What is missing of one data set."""
    missing = [cell for cell in cells if results.find(cell.key) is None]
    if not missing:
        return
    dataset, kind = load(name, folder)
    for cell in missing:
        reason = _why_not(cell.method, dataset)
        if reason is not None:
            say(f"{name}: {reason}")
            continue
        split = graphrec.make_split(dataset, kind, seed=cell.seed)
        line = cell.measure(dataset, split, results)
        results.add(line)
        spent = sum(line["seconds"].values())
        say(
            f"{name}, seed {cell.seed}, {cell.method}: ndcg@20 {line['ndcg@20']:.4f},"
            f" recall@20 {line['recall@20']:.4f} in {duration(spent)}; {line['chosen']}"
        )


def main(
    *,
    only: Annotated[str, typer.Option(help="Names of data sets or folders, with commas.")] = "",
    methods: Annotated[str, typer.Option(help="Names of methods, with commas.")] = "",
    seeds: Annotated[int, typer.Option(min=1, help="How many, from 0.")] = 3,
    budget: Annotated[int, typer.Option(min=1, help="Settings of each peer to try.")] = 12,
    folder: Annotated[Path, typer.Option(help="Where the data are.")] = Path("../shared/data"),
    results: Annotated[Path, typer.Option(help="What was measured.")] = HERE / "leaderboard.jsonl",
    output: Annotated[Path, typer.Option(help="File for the table.")] = HERE / "RESULTS.md",
    write: Annotated[bool, typer.Option(help="Write the table into the file.")] = True,
) -> None:
    """Measure what is missing, and write the table."""
    chosen, store = _names(methods), Results(results)
    for name in only.split(",") if only else DATA:
        cells = [Cell(name, method, seed, budget) for seed in range(seeds) for method in chosen]
        _measure(name, cells, folder, store)
    rows = rows_of(store)
    if rows:
        text = report(rows)
        typer.echo(text)
        if write:
            write_between_marks(output, text)


def _names(text: str) -> list[str]:
    """The methods that `--methods` names."""
    names = text.split(",") if text else list(METHODS)
    for name in names:
        if name not in METHODS:
            raise typer.BadParameter(f"there is no method {name}; known: {', '.join(METHODS)}.")
    return names


def _why_not(method: str, dataset: Dataset) -> str | None:
    """Why a method can't be fitted; None if it can."""
    if method == Peer.IALS and find_spec("implicit") is None:
        return "iALS is left out: it needs pip install '.[benchmarks]'."
    if method not in (Peer.EASE, Peer.EDLAE):
        return None
    needed = EASE.memory(dataset.interactions.num_users, dataset.interactions.num_movies)
    if needed <= free_memory() * _MEMORY_SHARE:
        return None
    return f"{method} is left out: it would take {size(needed)} of memory."


if __name__ == "__main__":
    typer.run(main)
