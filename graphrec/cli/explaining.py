"""`graphrec explain`."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphrec.cli import options
from graphrec.cli.naming import movies_named, note, recommender_of, somebody_who_likes
from graphrec.console import friendly, show_json, show_table
from graphrec.errors import ConfigError
from graphrec.plain import printable

if TYPE_CHECKING:
    from graphrec.recommend.explaining.explanation import Explanation, SimilarityExplanation

_TITLE = 42  # letters of a title that leave room for three numbers in 80 columns
_THROUGH = 36  # beside some users' ids
_CELL = 22  # of a metadata cell, two of which stand in a row


@friendly
def explain(
    *,
    movie: Annotated[
        list[str] | None, typer.Option(help="The movie's title; two to compare them.")
    ] = None,
    movie_id: Annotated[list[str] | None, typer.Option(help="Its id instead.")] = None,
    user: Annotated[str | None, typer.Option(help="Whose score: a user's id.")] = None,
    likes: options.Likes = None,
    with_movies: options.WithMovies = None,
    k: Annotated[int, typer.Option(help="Rows of each table; --json has all.")] = 10,
    paths: Annotated[
        int, typer.Option(help="Watched movies to show paths through, 0 for none; --json has all.")
    ] = 5,
    model: options.ModelDir = options.DEFAULT_MODEL,
    as_json: options.AsJson = False,
) -> None:
    """Split a score, or two movies' similarity, exactly.

    A score is what each watched movie adds, by company and by metadata, and the rest. It tells who
    also watched what, never why.

    Examples:

        graphrec explain --user 42 --movie "Alien"

        graphrec explain --likes "Heat" --likes "Alien" --movie "Collateral"

        graphrec explain --movie "Alien" --movie "Aliens" --json
    """
    _check(len(movie or []) + len(movie_id or []), user, likes)
    if k < 1:
        raise ConfigError(f"--k is {k}; it must be 1 or more.")
    if paths < 0:
        raise ConfigError(f"--paths is {paths}; it must be 0 or more.")
    recommender = recommender_of(model, with_movies)
    meant = movies_named(recommender, movie or [], movie_id or [])
    if len(meant) == 2:
        pair = recommender.explain_similarity(*meant)
        return show_json(pair.to_dict()) if as_json else _show_pair(pair, k)
    known = None if user is None else recommender.user_ids.parse(user)
    liked = somebody_who_likes(recommender, likes) if likes else None
    score = recommender.explain(meant[0], user=known, history=liked)
    return show_json(score.to_dict()) if as_json else _show_score(score, k, paths)


def _check(num_movies: int, user: str | None, likes: list[str] | None) -> None:
    """Fail if it isn't said what to explain, and for whom."""
    if num_movies not in (1, 2):
        raise ConfigError(
            f"explain is about one movie for somebody, or about two; {num_movies or 'none'} named."
            " Name it with --movie TITLE or --movie-id ID."
        )
    if user is not None and likes:
        raise ConfigError("say for whom in one way: --user ID or --likes TITLE.")
    if num_movies == 1 and user is None and not likes:
        raise ConfigError(
            "say for whom, by --user ID or --likes TITLE, or name a second --movie to compare with."
        )
    if num_movies == 2 and (user is not None or likes):
        raise ConfigError(
            "two movies are compared for nobody in particular; leave one of them out, or --user and"
            " --likes."
        )


def _show_score(explanation: Explanation, k: int, num_paths: int) -> None:
    """A score's sentence, what each watched movie adds, and paths."""
    typer.echo(printable(explanation.sentence))
    table = explanation.contributions
    sides = list(table.columns[2:-1])
    columns = [*sides, "total"] if len(sides) > 1 else sides
    rows = [
        [_cut(title, _TITLE), *map(_even, numbers)]
        for title, *numbers in table[["title", *columns]].head(k).itertuples(index=False)
    ]
    if len(table) > k:
        others = table[columns][k:].sum()
        rows.append([f"{len(table) - k:,} others", *map(_even, others)])
    blank = [""] * (len(columns) - 1)
    rows += [[name, *blank, _even(value)] for name, value in explanation.rest.items()]
    rows.append(["sum", *blank, _even(explanation.total)])
    show_table(["history", *columns], rows, right=True)
    if num_paths and len(explanation.paths):
        _show_paths(explanation, num_paths)
    for remark in explanation.notes:
        note(remark)


def _show_paths(explanation: Explanation, number: int) -> None:
    typer.echo(
        f"\nPeople who watched these also watched {printable(explanation.title)}:"
        f" {len(explanation.paths):,} paths, which add {explanation.paths['score'].sum():.4f}."
    )
    rows = [
        [_cut(title, _THROUGH), _some(users), _even(score)]
        for _, title, users, score, _share in explanation.through[:number].itertuples(index=False)
    ]
    show_table(["through", "and users", "adds"], rows)


def _some(users: list[Any], most: int = 3) -> str:
    """The first few ids, and how many there are beside."""
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
            [_cut(name, _CELL), *(_cut(_cell(c), _CELL) for c in cells), _even(value)]
            for name, *cells, value in pair.columns.itertuples(index=False)
        ]
        shown = [*rows[:k], *_others(rows[k:]), ["sum", "", "", _even(pair.features)]]
        titles = [_cut(title, _CELL) for title in pair.titles]
        show_table(["column", *titles, "features"], shown)
    for remark in pair.notes:
        note(remark)


def _show_users(pair: SimilarityExplanation, k: int) -> None:
    """What the users of the first movie add to the cosine, together and one by one."""
    table, both = pair.users, pair.users["both"]
    groups = [
        ["who watched both", int(both.sum()), _even(table["collaborative"][both].sum())],
        ["who did not", int((~both).sum()), _even(table["collaborative"][~both].sum())],
        ["own embedding", "", _even(pair.own)],
        ["sum", "", _even(pair.collaborative)],
    ]
    title = _cut(pair.titles[0], _TITLE - len("users of "))
    show_table([f"users of {title}", "users", "collaborative"], groups, right=True)
    typer.echo()
    rows = [
        [str(user), "both" if shared else "", _even(value)]
        for user, value, shared in table.head(k).itertuples(index=False)
    ]
    show_table(["user", "watched", "collaborative"], rows, right=True)


def _others(rows: list[list[Any]]) -> list[list[Any]]:
    """One row for those that are left out, if any are."""
    return [[f"{len(rows):,} others", "", "", _even(sum(r[-1] for r in rows))]] if rows else []


def _even(value: float) -> float:
    """To four places, and never minus zero."""
    return round(float(value), 4) + 0.0


def _cell(value: Any) -> str:
    """A cell of the movies table as text."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.10g}"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _cut(text: str, width: int) -> str:
    from graphrec.grid import cut  # loads rich

    return cut(text, width)
