"""`graphrec plot`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graphrec.cli import options
from graphrec.console import handle_errors, say, show_json
from graphrec.formatting import size


@handle_errors
def plot(
    *,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="File to write: a .html page or a .png picture."),
    ] = Path("model.html"),
    force: options.Force = False,
    model: options.ModelDir = options.DEFAULT_MODEL,
    as_json: options.AsJson = False,
) -> None:
    """Draw how a model was trained, and for whom it is good.

    Learning curves; the weights that validation compared, and how flat the optimum is; quality on
    the validation part by the activity of users and the popularity of movies; how well the
    popularity of movies without ratings is predicted. The page needs no network.

    Examples:

        graphrec plot

        graphrec plot --model my-model --output my-model.png
    """
    from dataclasses import asdict

    from graphrec.charts import check_charts
    from graphrec.recommend.artefact import Artefact
    from graphrec.recommend.calibration import calibrate
    from graphrec.recommend.plots import make_plots

    check_charts(output, force=force)
    artefact = Artefact.open(model)
    manifest, found = artefact.manifest, calibrate(artefact.movie_embeddings())
    plots = make_plots(str(model), manifest, found)
    plots.save(output, force=force)
    if as_json:
        quality = manifest.get("quality")
        calibration = None if found is None else asdict(found)
        show_json(
            {
                "output": str(output),
                "flat": plots.flat,
                "quality": quality,
                "calibration": calibration,
            }
        )
        return
    say(f"Plots of {model} written to {output} ({size(output.stat().st_size)}).")
    for section in plots.sections:
        for sentence in section.sentences:
            say(sentence)
