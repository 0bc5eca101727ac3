"""The model, movies and users that the arguments of a command name."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from graphrec.cli.options import Columns
from graphrec.console import note, say

if TYPE_CHECKING:
    from graphrec.recommend.lookup import ById
    from graphrec.recommend.recommender import Recommender


def recommender_of(
    model: Path, with_movies: str | Path | None = None, columns: Columns | None = None
) -> Recommender:
    """The model in a folder, with the movies of a table added if one is named."""
    from graphrec.recommend.recommender import Recommender

    recommender = Recommender.load(model)
    if with_movies is None:
        return recommender
    named = columns.of("movie_id", "title") if columns else {}
    return recommender.add_movies(table_at(str(with_movies)), columns=named, note=note)


def table_at(source: str) -> str | Path:
    """A table that was named: the address of a file or database, or a path."""
    from graphrec.data.places import is_address

    return source if is_address(source) else Path(source)


def target_of(output: str) -> str:
    """What to call an output: a database without its secrets."""
    from graphrec.data.databases import Target, is_database

    return str(Target.of(output)) if is_database(output) else output


def movies_named(
    recommender: Recommender, titles: Sequence[str], ids: Sequence[str] = ()
) -> list[ById]:
    """The movies of some titles and some ids, all by id."""
    from graphrec.recommend.lookup import ById

    found = [recommender.match(title).row for title in titles]
    if ids:
        typed = [recommender.movie_ids.parse(one) for one in ids]
        found += recommender.movie_ids.to_internal(typed).tolist()
    return [ById(one) for one in recommender.movie_ids.to_external(found).tolist()]


def movies_asked(
    recommender: Recommender, titles: Sequence[str], ids: Sequence[str], *, strict: bool
) -> list[int]:
    """The rows of the movies that similar ones are looked for.

    Titles and ids that can't be found are left out if there are others, unless `strict`.
    """
    from graphrec.recommend.lookup import find_several

    def find(named: str) -> int:
        if titles:
            return recommender.match(named).row
        return int(recommender.movie_ids.to_internal([recommender.movie_ids.parse(named)])[0])

    named = _as_titles(recommender, titles) or ids
    return list(dict.fromkeys(find_several(named, find, strict=strict, note=note).values()))


def _as_titles(recommender: Recommender, words: Sequence[str]) -> Sequence[str]:
    """The titles that were typed; single words may be one title without its quotes.

    They are if they match one together, unless each is a title as it stands.
    """
    from graphrec.errors import AmbiguousTitleError, UnknownIdError

    def is_title(text: str) -> bool:
        with suppress(AmbiguousTitleError, UnknownIdError):
            return recommender.match(text).is_exact
        return False

    if len(words) < 2 or any(" " in word for word in words):
        return words
    whole = " ".join(words)
    if not is_title(whole) and all(map(is_title, words)):
        return words
    try:
        recommender.match(whole)
    except UnknownIdError:
        return words
    except AmbiguousTitleError:
        pass  # which is said of the whole
    return [whole]


def movies_liked(recommender: Recommender, titles: Sequence[str], *, strict: bool) -> list[ById]:
    """The movies that a new user likes; says which movies the titles were understood as.

    Titles that can't be found are left out, unless `strict`.
    """
    from graphrec.recommend.lookup import ById, find_several

    found = find_several(
        titles, lambda title: recommender.match(title).row, strict=strict, note=note
    )
    liked = list(dict.fromkeys(found.values()))
    say(f"For a new user who likes {', '.join(map(recommender.lookup.show, liked))}:")
    return [ById(one) for one in recommender.movie_ids.to_external(liked).tolist()]
