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
@options.takes(columns=options.Columns)
def map_movies(
    *,
    columns: options.Columns,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="File to write: a .html page, a .png picture or a .csv table."
        ),
    ] = Path("map.html"),
    by: Annotated[
        Part | None,
        typer.Option(help="Layout of a picture, or the one a page starts with; both by default."),
    ] = None,
    color: Annotated[
        str | None,
        typer.Option(
            help="Column of the movies table that gives the colours, 'year' for the one in titles,"
            " or 'interactions' for their number; genres by default."
        ),
    ] = None,
    method: Annotated[
        Projection | None,
        typer.Option(
            help="Projection; by default umap where it is installed (pip install 'graphrec[umap]')"
            " and there are 100 to 20,000 movies, else pca.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of UMAP.")] = 0,
    force: options.Force = False,
    with_movies: options.WithMovies = None,
    model: options.ModelDir = options.DEFAULT_MODEL,
    as_json: options.AsJson = False,
) -> None:
    """Draw a map of all movies, similar ones near each other.

    The page needs no network. One can zoom, search, and switch between three layouts:
    collaborative, by metadata, and both.

    Examples:

        graphrec map

        graphrec map --output map.png --by collaborative --color year

        graphrec map --method pca --output map.html
    """
    from graphrec.recommend.mapping.map import check_map

    check_map(output, force=force)
    drawn = recommender_of(model, with_movies, columns).map(
        by=by, color=color, method=method, seed=seed
    )
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
    say(f"Map of {len(drawn):,} movies written to {output} ({size(num_bytes)}){coloured}.")
    for note in drawn.notes(drawn.start):
        say(note)
