"""`graphrec recommend`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphrec.cli import options
from graphrec.cli.lists import show_movies
from graphrec.cli.naming import movies_liked, recommender_of, table_at, target_of
from graphrec.console import handle_errors, note, say, show_json
from graphrec.errors import ConfigError, DataError
from graphrec.formatting import counted
from graphrec.output import atomic_write, check_output

if TYPE_CHECKING:
    import pandas as pd

    from graphrec.recommend.recommender import Recommender


@handle_errors
@options.takes(columns=options.Columns)
def recommend(
    *,
    columns: options.Columns,
    user: Annotated[list[str] | None, typer.Option(help="Id of a user; may be repeated.")] = None,
    users: Annotated[str | None, typer.Option(help="'all' recommends to every user.")] = None,
    likes: options.Likes = None,
    history: Annotated[
        str | None,
        typer.Option(
            help="Table of ratings of new users, or an export of Letterboxd (.zip, folder, .csv) or"
            " of IMDb's ratings; the model needs no training for them."
        ),
    ] = None,
    with_movies: options.WithMovies = None,
    k: Annotated[int, typer.Option(help="Number of movies for each user.")] = 20,
    among: Annotated[
        str | None, typer.Option(help="Table or list of the only movie ids to recommend.")
    ] = None,
    where: options.Where = None,
    diversity: options.Diversity = 0.0,
    include_seen: Annotated[
        bool,
        typer.Option("--include-seen", help="Also recommend movies of the user's own history."),
    ] = False,
    strict: options.Strict = False,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            help="File to write, .csv or .parquet, or a database's URL?table=NAME: ids, ranks and"
            " scores.",
        ),
    ] = None,
    force: options.Force = False,
    model: options.ModelDir = options.DEFAULT_MODEL,
    as_json: options.AsJson = False,
) -> None:
    """Recommend movies to users in the data, or to new users.

    A new user is described by movies that they like (--likes), by a table of ratings or by what
    they have exported from Letterboxd or IMDb (--history). Scores rank the movies of one user; they
    are neither ratings nor comparable between users.

    Examples:

        graphrec recommend --user 42

        graphrec recommend --likes "Heat" --likes "Alien"

        graphrec recommend --user 42 --where "year>=1990 and genres has Comedy"

        graphrec recommend --users all --k 20 --output recs.parquet

        graphrec recommend --history new_users.csv --with-movies new_movies.csv

        graphrec recommend --history letterboxd.zip
    """
    if sum(bool(given) for given in (user, users, likes, history)) != 1:
        raise ConfigError(
            "name the users with one of --user ID, --users all, --likes TITLE or --history FILE."
        )
    if users not in (None, "all"):
        raise ConfigError(f"--users takes 'all', not {users!r}; use --user ID once for each user.")
    if output is not None:
        _check_output(output, force=force)
    if users and output is None and not as_json:
        raise ConfigError("--users all needs --output FILE (.csv or .parquet), or --json.")
    if strict and not (likes or history):
        raise ConfigError("--strict needs --likes TITLE or --history FILE.")
    recommender = recommender_of(model, with_movies, columns)
    table = recommender.recommend(
        [recommender.user_ids.parse(one) for one in dict.fromkeys(user)] if user else None,
        history=_history(recommender, likes, history, strict=strict),
        k=k,
        filter_viewed=not include_seen,
        among=None if among is None else _movie_ids(among, recommender, columns),
        where=where,
        diversity=diversity,
        columns=columns.of("user_id", "movie_id", "rating"),
        strict=strict,
        note=note,
    )
    if output is not None:
        _write_table(table.drop(columns="title"), output, force=force)
    _show(table, output, as_json, has_titles=recommender.has_titles)


def _check_output(output: str, *, force: bool) -> None:
    from graphrec.data.databases import Target, is_database

    if is_database(output):
        Target.of(output).check(force=force)
        return
    if not output.endswith((".csv", ".parquet")):
        raise ConfigError(
            f"--output {output}: the name must end in .csv or .parquet, or be a database's URL."
        )
    check_output(output, force=force)


def _show(table: pd.DataFrame, output: str | None, as_json: bool, *, has_titles: bool) -> None:
    """Print recommendations as JSON or as a table, or what was written."""
    if output is not None:
        name = target_of(output)
        if as_json:
            show_json({"output": name, "recommendations": len(table)})
        else:
            say(f"{counted(len(table), 'recommendation')} written to {name}.")
    elif as_json:
        show_json(table.to_dict("records"))
    elif table.empty:
        say("There is nothing to recommend: the history already holds every allowed movie.")
    else:
        show_movies(table, has_titles=has_titles)


def _history(
    recommender: Recommender, likes: list[str] | None, history: str | None, *, strict: bool
) -> Any:
    """What new users have rated: the titles that were typed, or a table; None for other users."""
    if likes:
        return movies_liked(recommender, likes, strict=strict)
    return None if history is None else table_at(history)


def _movie_ids(source: str, recommender: Recommender, columns: options.Columns) -> list[Any]:
    """Movie ids of a table with a movie id column, or of a list with one id a line."""
    from graphrec.data.idlist import read_movie_ids
    from graphrec.data.places import without_secrets
    from graphrec.data.tables import MOVIE, as_known_ids

    named, remembered = columns.of("movie_id"), recommender.artefact.columns()
    ids = read_movie_ids(table_at(source), columns=named, remembered=remembered, note=note)
    path = without_secrets(source)
    ids = as_known_ids(ids, recommender.movies[MOVIE])
    is_there = ids.isin(recommender.movies[MOVIE])
    if not is_there.any():
        raise DataError(f"{path}: no movie id in it is in the model, such as {ids.iloc[0]}.")
    if not is_there.all():
        note(f"{path}: movie ids that are not in the model, left out: {(~is_there).sum():,}.")
    return ids[is_there].tolist()


def _write_table(table: pd.DataFrame, output: str, *, force: bool) -> None:
    from graphrec.data.databases import Target, is_database

    if is_database(output):
        Target.of(output).write(table, force=force)
        return
    with atomic_write(output) as unfinished:
        if output.endswith(".csv"):
            table.to_csv(unfinished, index=False)
        else:
            table.to_parquet(unfinished, index=False)
