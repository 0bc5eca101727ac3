"""`graphrec map`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graphrec.cli import options
from graphrec.cli.naming import recommender_of
from graphrec.config import Part, Projection
from graphrec.console import friendly, say, show_json, size


@friendly
def map_movies(
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="A .html page, .png picture or .csv table.")
    ] = Path("map.html"),
    by: Annotated[
        Part | None,
        typer.Option(help="What a picture shows, and a page first; both, if the model has both."),
    ] = None,
    color: Annotated[
        str | None,
        typer.Option(help="A column of the movies table, or 'watches'; genres if there are any."),
    ] = None,
    method: Annotated[
        Projection, typer.Option(help="PCA, or UMAP, which needs pip install 'graphrec[umap]'.")
    ] = Projection.PCA,
    seed: Annotated[int, typer.Option(help="Of UMAP.")] = 0,
    with_movies: options.WithMovies = None,
    model: options.ModelDir = options.DEFAULT_MODEL,
    as_json: options.AsJson = False,
) -> None:
    """Draw all movies on a map, by company, by metadata, by both.

    The page needs no network: zoom, point, search, and switch from one layout to the other.

    Examples:

        graphrec map

        graphrec map --output map.png --by company --color release_date

        graphrec map --method umap --output map.html
    """
    from graphrec.recommend.mapping.map import check_output

    check_output(output)
    drawn = recommender_of(model, with_movies).map(by=by, color=color, method=method, seed=seed)
    drawn.save(output)
    num_bytes = output.stat().st_size
    if as_json:
        show_json(
            {
                "output": str(output),
                "bytes": num_bytes,
                "movies": len(drawn),
                "not_watched": int(drawn.is_foretold.sum()),
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
