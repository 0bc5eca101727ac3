"""`graphrec map`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graphrec.cli import options
from graphrec.cli.naming import recommender_of
from graphrec.config import Part, Projection
from graphrec.console import handle_errors, say, show_json
from graphrec.formatting import size


@handle_errors
def map_movies(
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File: a .html page, .png picture or .csv table.")
    ] = Path("map.html"),
    by: Annotated[
        Part | None,
        typer.Option(help="Layout of a picture, and the first one of a page; both by default."),
    ] = None,
    color: Annotated[
        str | None,
        typer.Option(help="Column of the movies table, or 'interactions'; genres by default."),
    ] = None,
    method: Annotated[
        Projection,
        typer.Option(help="Projection: PCA, or UMAP, which needs pip install 'graphrec[umap]'."),
    ] = Projection.PCA,
    seed: Annotated[int, typer.Option(help="Seed of UMAP.")] = 0,
    force: options.Force = False,
    with_movies: options.WithMovies = None,
    model: options.ModelDir = options.DEFAULT_MODEL,
    as_json: options.AsJson = False,
) -> None:
    """Draw a map of all movies: similar movies are near each other.

    The page works without a network: zoom, search, and switch between the collaborative layout,
    the one by metadata, and both.

    Examples:

        graphrec map

        graphrec map --output map.png --by collaborative --color release_date

        graphrec map --method umap --output map.html
    """
    from graphrec.recommend.mapping.map import check_map

    check_map(output, force=force)
    drawn = recommender_of(model, with_movies).map(by=by, color=color, method=method, seed=seed)
    drawn.save(output, force=force)
    num_bytes = output.stat().st_size
    if as_json:
        show_json(
            {
                "output": str(output),
                "bytes": num_bytes,
                "movies": len(drawn),
                "unrated": int(drawn.is_unrated.sum()),
                "layouts": list(drawn.layouts),
                "by": drawn.start,
                "color": drawn.colouring.column,
                "method": drawn.method,
                "variance": dict(drawn.variance) or None,
            }
        )
        return
    column = drawn.colouring.column
    coloured = "" if output.suffix == ".csv" else f", coloured by {column}"
    say(f"{len(drawn):,} movies on {output} ({size(num_bytes)}){coloured}.")
    for note in drawn.notes(drawn.start):
        say(note)
