"""`graphrec explain`."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphrec.cli import options
from graphrec.cli.naming import movies_liked, movies_named, recommender_of
from graphrec.console import handle_errors, note, show_json, show_table
from graphrec.errors import ConfigError
from graphrec.formatting import counted, printable

if TYPE_CHECKING:
    from graphrec.recommend.explaining.explanation import Explanation, SimilarityExplanation


@handle_errors
@options.takes(columns=options.Columns)
def explain(
    *,
    columns: options.Columns,
    movie: Annotated[
        list[str] | None,
        typer.Option(help="Title of a movie; give two to explain how similar they are."),
    ] = None,
    movie_id: Annotated[
        list[str] | None, typer.Option(help="Id of a movie, instead of its title.")
    ] = None,
    user: Annotated[
        str | None, typer.Option(help="Id of the user whose score is explained.")
    ] = None,
    likes: options.Likes = None,
    strict: options.Strict = False,
    with_movies: options.WithMovies = None,
    k: Annotated[
        int, typer.Option(help="Maximum number of rows in each table; --json has all.")
    ] = 10,
    paths: Annotated[
        int,
        typer.Option(help="Maximum number of movies to show paths through; --json has all."),
    ] = 5,
    model: options.ModelDir = options.DEFAULT_MODEL,
    as_json: options.AsJson = False,
) -> None:
    """Explain a score, or how similar two movies are, as a sum.

    A user's score of a movie is the sum of what each movie of the user's history adds
    (collaborative and by metadata), the user's own embedding, popularity, and for
    movies without ratings one more weight. It shows associations in the ratings, not
    causes.

    Examples:

        graphrec explain --user 42 --movie "Alien"

        graphrec explain --likes "Heat" --likes "Alien" --movie "Collateral"

        graphrec explain --movie "Alien" --movie "Aliens" --json
    """
    _check(len(movie or []) + len(movie_id or []), user, likes)
    if strict and not likes:
        raise ConfigError("--strict needs --likes TITLE.")
    if k < 1:
        raise ConfigError(f"--k is {k}; it must be 1 or more.")
    if paths < 0:
        raise ConfigError(f"--paths is {paths}; it must be 0 or more.")
    recommender = recommender_of(model, with_movies, columns)
    meant = movies_named(recommender, movie or [], movie_id or [])
    if len(meant) == 2:
        pair = recommender.explain_similarity(*meant)
        return show_json(pair.to_dict()) if as_json else _show_pair(pair, k)
    user_id = None if user is None else recommender.user_ids.parse(user)
    liked = movies_liked(recommender, likes, strict=strict) if likes else None
    score = recommender.explain(meant[0], user=user_id, history=liked)
    return show_json(score.to_dict()) if as_json else _show_score(score, k, paths)


def _check(num_movies: int, user: str | None, likes: list[str] | None) -> None:
    """Fail if it isn't clear what to explain."""
    if num_movies not in (1, 2):
        raise ConfigError(
            "name one movie and a user, or two movies to compare, each with --movie TITLE or"
            f" --movie-id ID; you named {num_movies or 'none'}."
        )
    if user is not None and likes:
        raise ConfigError("name the user with either --user ID or --likes TITLE, not both.")
    if num_movies == 1 and user is None and not likes:
        raise ConfigError(
            "name the user with --user ID or --likes TITLE, or a second --movie to compare with."
        )
    if num_movies == 2 and (user is not None or likes):
        raise ConfigError(
            "two movies are compared without a user: leave out --user and --likes, or one movie."
        )


def _show_score(explanation: Explanation, k: int, num_paths: int) -> None:
    """A score in a sentence, what each movie of the history adds, and paths."""
    typer.echo(printable(explanation.sentence))
    table = explanation.contributions
    sides = list(table.columns[2:-1])
    columns = [*sides, "total"] if len(sides) > 1 else sides
    rows = [
        [title, *map(_rounded, numbers)]
        for title, *numbers in table[["title", *columns]].head(k).itertuples(index=False)
    ]
    if len(table) > k:
        others = table[columns][k:].sum()
        rows.append([counted(len(table) - k, "other"), *map(_rounded, others)])
    blank = [""] * (len(columns) - 1)
    rows += [[name, *blank, _rounded(value)] for name, value in explanation.rest.items()]
    rows.append(["sum", *blank, _rounded(explanation.total)])
    show_table(["history", *columns], rows, right=True)
    if num_paths and len(explanation.paths):
        _show_paths(explanation, num_paths)
    for remark in explanation.notes:
        note(remark)


def _show_paths(explanation: Explanation, number: int) -> None:
    paths = counted(len(explanation.paths), "path")
    typer.echo(
        f"\nUsers who rated these also rated {printable(explanation.title)}:"
        f" {paths}, adding {explanation.paths['score'].sum():.4f} in all."
    )
    rows = [
        [title, _first_few(users), _rounded(score)]
        for _, title, users, score, _fraction in explanation.through[:number].itertuples(
            index=False
        )
    ]
    show_table(["through", "users", "adds"], rows)


def _first_few(users: list[Any], most: int = 3) -> str:
    """The first few ids, and how many more there are."""
    more = f" and {len(users) - most:,} more" if len(users) > most else ""
    return ", ".join(map(str, users[:most])) + more


def _show_pair(pair: SimilarityExplanation, k: int) -> None:
    """Two movies' similarity, by users and by metadata columns."""
    typer.echo(printable(f"{pair.sentence}\n{pair.users_sentence}"))
    if not isnan(pair.collaborative) and len(pair.users):
        _show_users(pair, k)
    if len(pair.columns):
        typer.echo()
        rows: list[list[Any]] = [
            [name, *map(_cell, cells), _rounded(value)]
            for name, *cells, value in pair.columns.itertuples(index=False)
        ]
        shown = [*rows[:k], *_others(rows[k:]), ["sum", "", "", _rounded(pair.features)]]
        show_table(["column", *pair.titles, "features"], shown)
    for remark in pair.notes:
        note(remark)


def _show_users(pair: SimilarityExplanation, k: int) -> None:
    """What the users of the first movie add to the similarity, together and one by one."""
    table, both = pair.users, pair.users["both"]
    groups = [
        ["rated both", int(both.sum()), _rounded(table["collaborative"][both].sum())],
        ["others", int((~both).sum()), _rounded(table["collaborative"][~both].sum())],
        ["from no user", "", _rounded(pair.own)],
        ["sum", "", _rounded(pair.collaborative)],
    ]
    show_table([f"users of {pair.titles[0]}", "users", "collaborative"], groups, right=True)
    typer.echo()
    rows = [
        [str(user), "both" if common else "", _rounded(value)]
        for user, value, common in table.head(k).itertuples(index=False)
    ]
    show_table(["user", "rated", "collaborative"], rows, right=True)


def _others(rows: list[list[Any]]) -> list[list[Any]]:
    """One row for all that are left out, if any are."""
    return (
        [[counted(len(rows), "other"), "", "", _rounded(sum(r[-1] for r in rows))]] if rows else []
    )


def _rounded(value: float) -> float:
    """Rounded to four digits, without minus zero."""
    return round(float(value), 4) + 0.0


def _cell(value: Any) -> str:
    """A cell of the movies table as text."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.10g}"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
