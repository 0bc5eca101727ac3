"""What is special about a score or a similarity, in words."""

from __future__ import annotations

from collections.abc import Iterator

from graphrec.evaluate.scorers import Mixture


def on_score(
    mixture: Mixture,
    *,
    watches: int,
    folded: bool,
    cold: bool,
    foretold: bool,
    num_layers: int,
    num_paths: int,
) -> Iterator[str]:
    """Remarks on one user's score of one movie.

    Args:
        mixture: which parts the model has.
        watches: movies that the user has watched.
        folded: whether the user is folded in by these.
        cold: whether nobody has watched the movie.
        foretold: whether its metadata then tell its company.
        num_layers: of the model.
        num_paths: from the user to the movie.
    """
    if not watches:
        yield "Nothing is known that this user has watched: they count as the average user."
    elif folded:
        yield "This user has no embedding of their own: all comes from what they have watched."
    if cold and foretold:
        yield (
            "Nobody has watched this movie: its company is what its metadata let expect, and so is"
            " its popularity."
        )
    elif cold:
        yield "Nobody has watched this movie, so nothing is known of its company."
    elif mixture.id is None:
        yield "There are no paths: this model has no ID embeddings."
    elif not num_layers:
        yield "There are no paths: this model has no layers to pass anything on."
    elif not num_paths:
        yield "There are no paths: nobody else has watched this movie and another of those."
    elif folded:
        yield "The first edge of each path is this user's own history, not the training graph."


def on_pair(
    mixture: Mixture, cold: list[tuple[str, bool]], *, has_features: bool, num_layers: int
) -> Iterator[str]:
    """Remarks on the similarity of two movies.

    Args:
        mixture: which parts the model has.
        cold: title of each of the two that nobody has watched, and whether it is foretold.
        has_features: whether there is metadata.
        num_layers: of the model.
    """
    if mixture.id is None:
        yield "This model has no ID embeddings, so there is no company to compare."
    elif not num_layers:
        yield "This model has no layers: an ID embedding is the movie's own, not its viewers'."
    if not has_features:
        yield "This model has no metadata to compare."
    for title, foretold in cold:
        rest = "its company is what its metadata let expect" if foretold else "it has no company"
        yield f"Nobody has watched {title}: {rest}."
