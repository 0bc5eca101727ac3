"""`graphrec similar` and `graphrec recommend`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphrec.cli import options
from graphrec.cli.lists import show_movies, show_ways
from graphrec.cli.naming import note, recommender_of, somebody_who_likes
from graphrec.config import Similarity
from graphrec.console import friendly, hint, say, show_json
from graphrec.errors import ConfigError, DataError
from graphrec.output import check_place, whole

if TYPE_CHECKING:
    import pandas as pd

    from graphrec.recommend.recommender import Recommender

_LISTED = {"movie_id", "rank", "score"}


@friendly
def similar(
    title: Annotated[
        str | None, typer.Argument(help="A movie's title, as you remember it.")
    ] = None,
    *,
    movie_id: Annotated[str | None, typer.Option(help="The movie's id instead.")] = None,
    new: Annotated[
        Path | None,
        typer.Option(help="Instead, a movie that training has not seen: JSON with title, ..."),
    ] = None,
    k: Annotated[int, typer.Option(help="How many.")] = 10,
    by: Annotated[
        Similarity,
        typer.Option(
            help="What to compare: who watches them, what was learned of their metadata, both;"
            " their metadata as plain features; or all of these side by side."
        ),
    ] = Similarity.BOTH,
    model: options.ModelDir = options.DEFAULT_MODEL,
    as_json: options.AsJson = False,
) -> None:
    """List the movies closest to one movie, and why.

    They are compared by the company they keep, by their metadata, or both.

    Examples:

        graphrec similar "Toy Story"

        graphrec similar "Toy Story" --by all

        graphrec similar "king kong 2005" --by company --k 5 --json

        graphrec similar --new movie.json
    """
    if sum(given is not None for given in (title, movie_id, new)) != 1:
        raise ConfigError("name one movie, in one way: a title (in quotes), --movie-id, or --new.")
    recommender = recommender_of(model, new)
    if recommender.num_new > 1:
        raise ConfigError(f"{new} holds {recommender.num_new} movies; --new takes one.")
    row = _meant(recommender, title, movie_id)
    meant = recommender.movies.iloc[row]
    table = recommender.similar(movie_id=meant["movie_id"], k=k, by=by)
    if new is not None:
        table = table.drop(columns="new")
    if as_json:
        from graphrec.recommend.similarity import overlap

        asked = {"movie_id": meant["movie_id"], "title": meant["title"]}
        shared = {"shared": overlap(table).to_dict("index")} if by is Similarity.ALL else {}
        show_json({"movie": asked, "similar": table.to_dict("records"), **shared})
        return
    say(f"Closest to {recommender.lookup.show(row)}:")
    if by not in (Similarity.METADATA, Similarity.FEATURES) and (
        recommender.embeddings.is_imputed(row)
    ):
        note("Nobody has watched it: its collaborative embedding is predicted from metadata.")
    if by is Similarity.ALL:
        show_ways(table)
        return
    has_both = Similarity.COLLABORATIVE in table and Similarity.METADATA in table
    show_movies(table, has_titles=recommender.has_titles)
    if by is Similarity.BOTH and has_both:
        hint("--by all shows what each way of comparing finds, side by side.")


@friendly
def recommend(
    *,
    user: Annotated[list[str] | None, typer.Option(help="A user's id; may be repeated.")] = None,
    users: Annotated[str | None, typer.Option(help="'all' for every user.")] = None,
    likes: options.Likes = None,
    history: Annotated[
        Path | None,
        typer.Option(help="A ratings table of new users. No training needed."),
    ] = None,
    with_movies: options.WithMovies = None,
    k: Annotated[int, typer.Option(help="How many for each user.")] = 20,
    among: Annotated[
        Path | None, typer.Option(help="A table or list of the only movie ids to recommend.")
    ] = None,
    include_seen: Annotated[bool, typer.Option(help="Watched movies may come up too.")] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Write ids, ranks and scores to a .csv or .parquet file instead."
        ),
    ] = None,
    model: options.ModelDir = options.DEFAULT_MODEL,
    as_json: options.AsJson = False,
) -> None:
    """Recommend movies to known users, or to new ones.

    New users are known by what they like or have watched.

    Examples:

        graphrec recommend --user 42

        graphrec recommend --likes "Heat" --likes "Alien"

        graphrec recommend --users all --k 20 --output recs.parquet

        graphrec recommend --history new_users.csv --with-movies new_movies.csv
    """
    if sum(bool(given) for given in (user, users, likes, history)) != 1:
        raise ConfigError(
            "say for whom, in one way: --user ID, --users all, --likes TITLE, or --history FILE."
        )
    if users not in (None, "all"):
        raise ConfigError(f"--users takes 'all', not {users!r}; use --user ID, once for each.")
    if output is not None:
        _check_output(output)
    if users and output is None and not as_json:
        raise ConfigError("--users all needs --output FILE (.csv or .parquet), or --json.")
    recommender = recommender_of(model, with_movies)
    table = recommender.recommend(
        [recommender.user_ids.parse(one) for one in dict.fromkeys(user)] if user else None,
        history=somebody_who_likes(recommender, likes) if likes else history,
        k=k,
        filter_viewed=not include_seen,
        among=None if among is None else _ids_in(among, recommender),
        note=note,
    )
    _give(table, output, as_json, has_titles=recommender.has_titles)


def _give(table: pd.DataFrame, output: Path | None, as_json: bool, *, has_titles: bool) -> None:
    """Recommendations to a file, as JSON, or for people."""
    if output is not None:
        _write_table(table.drop(columns="title"), output)
        say(f"{len(table):,} recommendations written to {output}.")
        if as_json:
            show_json({"output": str(output), "recommendations": len(table)})
    elif as_json:
        show_json(table.to_dict("records"))
    elif table.empty:
        say("Nothing is left to recommend: every allowed movie has been watched.")
    else:
        show_movies(table, has_titles=has_titles)


def _meant(recommender: Recommender, title: str | None, movie_id: str | None) -> int:
    """The row of the movie that was named; of the last one, the new one, where none was."""
    if title is not None:
        return recommender.find(title)
    if movie_id is None:
        return len(recommender.movies) - 1
    wanted = recommender.movie_ids.parse(movie_id)
    return int(recommender.movie_ids.to_internal([wanted])[0])


def _ids_in(path: Path, recommender: Recommender) -> list[Any]:
    """Movie ids of a table with a movie id column, or of a list with one id a line."""
    from graphrec.data.idlist import read_movie_ids
    from graphrec.data.tables import MOVIE, like_ids

    ids = read_movie_ids(path, note=note)
    ids = like_ids(ids, recommender.movies[MOVIE])
    known = ids.isin(recommender.movies[MOVIE])
    if not known.any():
        raise DataError(f"{path}: none of its {len(ids):,} movie ids is in the model.")
    if not known.all():
        note(f"{path}: {(~known).sum():,} movie ids are not in the model; left out.")
    return ids[known].tolist()


def _check_output(path: Path) -> None:
    """Fail before the work if no lists may be written there: only earlier ones are replaced."""
    if path.suffix not in (".csv", ".parquet"):
        raise ConfigError(f"--output {path}: the file must end in .csv or .parquet.")
    check_place(path)
    if path.exists() and not _holds_lists(path):
        raise DataError(f"{path} holds no earlier recommendations; give --output another name.")


def _holds_lists(path: Path) -> bool:
    """Whether a file has the columns that recommendations are written with, or is empty."""
    if not path.is_file() or not os.access(path, os.R_OK):
        return False
    if not path.stat().st_size:
        return True
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", errors="replace") as file:
            columns = set(file.readline(1000).strip().split(","))
    else:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            columns = set(pq.read_schema(path).names)
        except (pa.ArrowException, OSError):  # no Parquet file, or a damaged one
            return False
    return _LISTED <= columns <= _LISTED | {"user_id", "new"}


def _write_table(table: pd.DataFrame, path: Path) -> None:
    try:
        with whole(path) as unfinished:
            if path.suffix == ".csv":
                table.to_csv(unfinished, index=False)
            else:
                table.to_parquet(unfinished, index=False)
    except OSError as error:
        raise DataError(f"{path} could not be written: {error.strerror or error}.") from error
