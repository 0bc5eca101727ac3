"""`graphrec export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graphrec.cli import options
from graphrec.config import ExportPart
from graphrec.console import friendly, say, show_json
from graphrec.errors import ConfigError


@friendly
def export(
    *,
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="A .parquet, .npz or .graphml file, or a folder for TensorBoard's projector.",
        ),
    ],
    part: Annotated[
        ExportPart | None,
        typer.Option(
            help="Whose inner products are cosines, or 'scores': of user and movie, what the model"
            " ranks by. Both by default."
        ),
    ] = None,
    model: options.ModelDir = options.DEFAULT_MODEL,
    as_json: options.AsJson = False,
) -> None:
    """Write the embeddings, or the graph, for other programs.

    Vectors have length 1: an inner product of two is their cosine by company or by metadata, or
    the mean of both.

    Examples:

        graphrec export --output embeddings.parquet

        graphrec export --output index.npz --part scores

        graphrec export --output projector

        graphrec export --output graph.graphml
    """
    from graphrec.recommend import export as exporting
    from graphrec.recommend.artefact import Artefact

    is_graph = output.suffix == exporting.GRAPH
    if is_graph and part is not None:
        raise ConfigError("--part goes with vectors; a .graphml file holds the graph.")
    exporting.check_export(output)
    wanted = part or ExportPart.BOTH
    first, second = exporting.export(Artefact.open(model), output, wanted)
    if as_json:
        names = ("nodes", "edges") if is_graph else ("rows", "columns")
        what = {} if is_graph else {"part": wanted}
        show_json({"output": str(output), **what, names[0]: first, names[1]: second})
    elif is_graph:
        say(f"{first:,} users and movies and {second:,} watches written to {output}.")
    else:
        say(f"{first:,} vectors of {second:,} numbers, by {wanted}, written to {output}.")
