"""What is special about a score or a similarity, in words."""

from __future__ import annotations

from collections.abc import Iterator


def on_score(
    *,
    by_id: bool,
    history: int,
    is_folded_in: bool,
    is_unrated: bool,
    is_imputed: bool,
    num_layers: int,
    num_paths: int,
) -> Iterator[str]:
    """Remarks on one user's score of one movie.

    Args:
        by_id: whether the model has ID embeddings.
        history: number of movies in the user's history.
        is_folded_in: whether the user has no embedding of their own.
        is_unrated: whether the movie has no interactions.
        is_imputed: whether its ID embedding is then predicted from metadata.
        num_layers: of the model.
        num_paths: from the user to the movie.
    """
    if not history:
        yield "This user has no history, so their embedding is the mean of all users' embeddings."
    elif is_folded_in:
        yield "This user has no embedding of their own, so the score comes from their history."
    if is_unrated and is_imputed:
        yield (
            "Nobody has rated this movie, so its collaborative embedding and its popularity are"
            " predicted from metadata."
        )
    elif is_unrated:
        yield "Nobody has rated this movie, so it has no collaborative embedding."
    elif not by_id:
        yield "There are no paths, since this model has no ID embeddings."
    elif not num_layers:
        yield "There are no paths, since this model has no layers."
    elif not num_paths:
        yield "There are no paths, since no other user has rated this movie and one of the history."
    elif is_folded_in:
        yield "The first edge of each path is this user's own history, not the training graph."


def on_pair(
    unrated: list[tuple[str, bool]], *, is_collaborative: bool, has_features: bool, num_layers: int
) -> Iterator[str]:
    """Remarks on the similarity of two movies.

    Args:
        unrated: title of each of the two that has no interactions, and whether it is imputed.
        is_collaborative: whether the model has associations or ID embeddings.
        has_features: whether there is metadata.
        num_layers: of a model that compares ID embeddings.
    """
    if not is_collaborative:
        yield "This model has no ID embeddings, so there is no collaborative similarity."
    elif not num_layers:
        yield "This model has no layers, so users add nothing to a movie's ID embedding."
    if not has_features:
        yield "This model has no metadata to compare."
    for title, is_imputed in unrated:
        rest = (
            "its collaborative embedding is predicted from metadata"
            if is_imputed
            else "it has no collaborative embedding"
        )
        yield f"Nobody has rated {title}, so {rest}."
