"""`graphrec export`."""

from __future__ import annotations

from typing import Annotated

import typer

from graphrec.cli import options
from graphrec.cli.naming import target_of
from graphrec.config import ExportPart
from graphrec.console import handle_errors, say, show_json
from graphrec.errors import ConfigError
from graphrec.formatting import counted, percent


@handle_errors
def export(
    *,
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            help="A .parquet, .npz or .graphml file; a folder, for TensorBoard's projector; or a"
            " database's URL?table=NAME.",
        ),
    ],
    part: Annotated[
        ExportPart | None,
        typer.Option(
            help="Vectors to write. Inner products are cosines (collaborative, metadata), the mean"
            " of these two cosines (both, the default), or the model's scores of users and movies"
            " but for 3-hop paths (scores)."
        ),
    ] = None,
    force: options.Force = False,
    model: options.ModelDir = options.DEFAULT_MODEL,
    as_json: options.AsJson = False,
) -> None:
    """Write the embeddings, or the graph, for other programs.

    The ending of --output decides the format: .graphml is the graph, all others hold embeddings.

    Examples:

        graphrec export --output embeddings.parquet

        graphrec export --output index.npz --part scores

        graphrec export --output projector

        graphrec export --output graph.graphml

        graphrec export --output "postgresql://host/movies?table=embeddings" --part scores
    """
    from graphrec.recommend import export as exporting
    from graphrec.recommend.artefact import Artefact

    is_graph = output.endswith(exporting.GRAPH)
    if is_graph and part is not None:
        raise ConfigError(
            "--part chooses vectors, but a .graphml file holds the graph; leave --part out."
        )
    exporting.check_export(output, force=force)
    wanted = part or ExportPart.BOTH
    shown = target_of(output)
    first, second, kept = exporting.export(Artefact.open(model), output, wanted, force=force)
    if as_json:
        names = ("nodes", "edges") if is_graph else ("rows", "columns")
        what = {} if is_graph else {"part": wanted}
        table = {} if kept is None else {"kept_neighbors": kept}
        show_json({"output": shown, **what, names[0]: first, names[1]: second, **table})
    elif is_graph:
        say(
            f"The graph of {first:,} users and movies and {counted(second, 'interaction')} is in"
            f" {shown}."
        )
    else:
        say(
            f"{counted(first, 'vector')} ({wanted}) of {counted(second, 'column')} written to"
            f" {shown}."
        )
        if kept is not None:
            say(
                "Beside them stands a table of each movie's strongest neighbors by 3-hop paths,"
                f" which holds {percent(kept)} of all such weights."
            )
