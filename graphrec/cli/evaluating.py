"""`graphrec evaluate`."""

from __future__ import annotations

from typing import Annotated

import typer

from graphrec.cli import options
from graphrec.config import SplitKind
from graphrec.console import friendly, hint, say, show_json, show_table
from graphrec.errors import ConfigError


@friendly
def evaluate(
    model: options.ModelDir = options.DEFAULT_MODEL,
    k: Annotated[
        list[int] | None, typer.Option("--k", help="List length; may be repeated.")
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Measure a model on held-out watches, beside simple baselines.

    All movies are ranked for every user with held-out watches.

    Examples:

        graphrec evaluate

        graphrec evaluate --model small --k 10 --k 20 --json
    """
    from graphrec.evaluate.report import DEFAULT_KS
    from graphrec.recommend.artefact import Artefact
    from graphrec.recommend.comparison import GRAPHREC, compare

    ks = tuple(k or DEFAULT_KS)
    if min(ks) < 1:
        raise ConfigError(f"--k is {min(ks)}; it must be 1 or more.")
    artefact = Artefact.open(model)
    has_cold = artefact.manifest["split"]["kind"] == SplitKind.COLD_MOVIES
    reports, alone = compare(artefact, ks, cold_alone=has_cold)
    data, split = artefact.manifest["data"], artefact.manifest["split"]["kind"]
    counts, cold = reports[GRAPHREC].counts(), artefact.movies().iloc[reports[GRAPHREC].cold_movies]
    metrics = {name: report.metrics for name, report in reports.items()}
    among_cold = {name: report.metrics for name, report in alone.items()}
    if as_json:
        own = metrics.pop(GRAPHREC)
        show_json(
            {
                "metrics": own,
                "baselines": metrics,
                "among_cold_movies_alone": among_cold or None,
                "counts": counts,
                "cold_movies": cold[["movie_id", "title"]].to_dict("records"),
                "data": data,
                "split": split,
            }
        )
        return
    say(
        f"{data['name']}, {split} split: {counts['test_interactions']:,} held-out interactions of"
        f" {counts['users']:,} users, all {data['movies']:,} movies ranked."
    )
    if counts["cold_movies"]:
        say(
            f"{counts['cold_movies']:,} held-out movies, with {counts['cold_interactions']:,}"
            f" interactions, have none in training{_named(cold['title'].tolist())}; they count too."
        )
    options.say_if_simulated(data["simulated"])
    for shown in k or [20]:
        _show(f"@{shown}", metrics, shown)
    if among_cold:
        say("The cold movies alone, ranked among themselves:")
        for shown in k or [20]:
            _show(f"cold @{shown}", among_cold, shown)
    hint("'graphrec ablate' finds out what each half of the model is worth on these tables.")


def _show(corner: str, metrics: dict[str, dict[str, float]], k: int) -> None:
    names = ["ndcg", "recall", "precision", "hit_rate", "mrr", "map", "coverage"]
    rows = [[name, *(values[f"{n}@{k}"] for n in names)] for name, values in metrics.items()]
    show_table([corner, *names], rows)


def _named(titles: list[str], most: int = 3) -> str:
    """The first few of some movies, for a sentence."""
    if not titles:
        return ""
    more = f" and {len(titles) - most:,} more" if len(titles) > most else ""
    return f" ({', '.join(titles[:most])}{more})"
