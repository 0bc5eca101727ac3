"""`graphrec similar` and `graphrec similar-users`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graphrec.cli import options
from graphrec.cli.lists import show_each_way, show_movies
from graphrec.cli.naming import movies_asked, recommender_of
from graphrec.config import Similarity
from graphrec.console import handle_errors, hint, note, say, show_json
from graphrec.errors import ConfigError
from graphrec.formatting import listed


@handle_errors
def similar(
    title: Annotated[
        list[str] | None,
        typer.Argument(
            help="Title of a movie, or titles of several; case, articles and typos don't matter."
        ),
    ] = None,
    *,
    movie_id: Annotated[
        list[str] | None,
        typer.Option(help="Id of a movie, instead of its title; may be repeated."),
    ] = None,
    new: Annotated[
        Path | None,
        typer.Option(help="JSON file of a new movie to compare: its title, genres, ..."),
    ] = None,
    k: Annotated[int, typer.Option(help="Number of movies to list.")] = 10,
    by: Annotated[
        Similarity,
        typer.Option(
            help="What to compare. Collaborative: who rated the movies; metadata: embeddings"
            " learned from it; both: a blend of these two and of the titles' words; features:"
            " metadata as plain numbers, nothing learned; all: a list of each, side by side."
        ),
    ] = Similarity.BOTH,
    include_unrated: Annotated[
        bool,
        typer.Option(
            "--include-unrated", help="Also list movies without ratings as similar to a rated one."
        ),
    ] = False,
    where: options.Where = None,
    diversity: options.Diversity = 0.0,
    strict: options.Strict = False,
    model: options.ModelDir = options.DEFAULT_MODEL,
    as_json: options.AsJson = False,
) -> None:
    """List the movies most similar to one or several, and why.

    Movies are compared by who rated them, by their metadata, or by both (--by). Collaborative is
    in standard deviations above the average movie; the score is its root plus weighted terms for
    labels such as genres and for titles. The others are cosines. For several movies they are means.

    Examples:

        graphrec similar "Toy Story"

        graphrec similar "Heat" "Alien"

        graphrec similar "Heat" --where "year>=1990 and not genres has Drama"

        graphrec similar "Toy Story" --by all

        graphrec similar "king kong 2005" --by collaborative --k 5 --json

        graphrec similar --new movie.json
    """
    if sum(map(bool, (title, movie_id, new))) != 1:
        raise ConfigError(
            "name one movie or several: titles in quotes, --movie-id ID or --new FILE."
        )
    recommender = recommender_of(model, new)
    if recommender.num_new > 1:
        raise ConfigError(f"{new} has {recommender.num_new} movies; --new takes one.")
    if new is None:
        rows = movies_asked(recommender, title or [], movie_id or [], strict=strict)
    else:
        rows = [len(recommender.movies) - 1]
    meant = recommender.movie_ids.to_external(rows).tolist()
    table = recommender.similar(
        movie_id=meant,
        k=k,
        by=by,
        include_unrated=include_unrated,
        where=where,
        diversity=diversity,
    )
    if new is not None:
        table = table.drop(columns="new")
    if as_json:
        from graphrec.recommend.similarity import overlap

        common = {"common": overlap(table).to_dict("index")} if by is Similarity.ALL else {}
        show_json({**table.attrs, "similar": table.to_dict("records"), **common})
        return
    say(f"Most similar to {listed(map(recommender.lookup.show, rows))}:")
    if by not in (Similarity.METADATA, Similarity.FEATURES):
        for row in filter(recommender.embeddings.is_imputed, rows):
            this = "this movie" if len(rows) == 1 else recommender.lookup.show(row)
            note(f"{this} has no ratings, so who would rate it is predicted from its metadata.")
    if by is Similarity.ALL:
        show_each_way(table)
        return
    has_both = Similarity.COLLABORATIVE in table and Similarity.METADATA in table
    show_movies(table, has_titles=recommender.has_titles)
    if by is Similarity.BOTH and has_both:
        hint("add --by all to see the list of each kind of similarity, side by side.")


@handle_errors
def similar_users(
    user: Annotated[str, typer.Argument(help="Id of a user.")],
    *,
    k: Annotated[int, typer.Option(help="Number of users to list.")] = 10,
    model: options.ModelDir = options.DEFAULT_MODEL,
    as_json: options.AsJson = False,
) -> None:
    """List the users most similar to one, and why.

    The score is the cosine of the two users' vectors; rated is the other's number of movies. "28 in
    common, 7 expected" are movies that both have rated, and how many that would be by chance; the
    titles are those of them that fewest users have rated.

    Examples:

        graphrec similar-users 42

        graphrec similar-users 42 --k 5 --json
    """
    recommender = recommender_of(model)
    user_id = recommender.user_ids.parse(user)
    table = recommender.similar_users(user_id, k)
    if as_json:
        show_json({"user_id": user_id, "similar": table.to_dict("records")})
        return
    say(f"Most similar to user {user_id}:")
    show_movies(table.drop(columns=["in_common", "expected"]), has_titles=True)
