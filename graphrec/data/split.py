"""Which interactions are for training, validation and test: splits as row indices."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from graphrec.config import COLD_FRACTION, SplitKind, ValidationKind, choice
from graphrec.data.dataset import Dataset
from graphrec.data.interactions import Interactions
from graphrec.data.names import COLUMN, TIMESTAMP
from graphrec.errors import ConfigError, argument

TEST_FRACTION = 0.2
VALID_FRACTION = 0.1  # of the interactions outside the test part, if held out at random or by time
NEW_USER_FRACTION = 0.2  # of the users, for testing and again of the others for validation
VALID_COLD_FRACTION = 0.1  # of the remaining movies, so that validation has cold ones too
MAX_VALID_USERS = 5_000
"""Validation needs no more users than this: the rest keep all their interactions for training."""
NEIGHBOURHOOD_FRACTION = 0.2
NEIGHBOURHOOD_DIM = 64
"""Singular vectors by which movies are alike, for validation by neighbourhoods."""
_BY_TIME = (SplitKind.TEMPORAL, SplitKind.LEAVE_LAST_OUT, ValidationKind.LATEST)
_DRAWN_AT_RANDOM = (SplitKind.RANDOM, SplitKind.GIVEN, SplitKind.NONE)
MAX_NEW_USERS = 10_000  # as many as Mult-VAE and EASE hold out of ML-20M


_NO_ROWS = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Split:
    """Row indices into `Interactions`, int64, disjoint, together all rows.

    `train` makes the graph and the loss; `valid` decides when to stop and how to rank; `test` is
    looked at once, by `graphrec evaluate`. Validation is held out of the rest as the test part was
    held out of all: the latest interactions, or all interactions of some movies. Where it isn't
    known how the test part was drawn (``given``), or there is none, validation is drawn at random,
    as for a random split.

    `valid_history` and `test_history` are the interactions that new users provide: the model is not
    trained on them, but folds them in. Only a new-users split has such rows.
    """

    kind: SplitKind
    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray
    valid_history: np.ndarray = field(default_factory=_NO_ROWS.copy)
    test_history: np.ndarray = field(default_factory=_NO_ROWS.copy)

    def __post_init__(self) -> None:
        for rows in (self.train, self.valid, self.test, self.valid_history, self.test_history):
            rows.setflags(write=False)

    def __repr__(self) -> str:
        sizes = {"train": self.train, "validation": self.valid, "test": self.test}
        parts = [f"{len(rows):,} {name}" for name, rows in sizes.items()]
        if history := len(self.valid_history) + len(self.test_history):
            parts.append(f"{history:,} history")
        return f"Split({self.kind.value!r}: {', '.join(parts)} rows)"

    @property
    def known(self) -> np.ndarray:
        """All rows that a finished model may be trained on: train and validation, sorted."""
        return np.sort(np.concatenate([self.train, self.valid_history, self.valid]))

    @property
    def shown(self) -> np.ndarray:
        """All rows that precede the test: `known` and the test users' history, sorted."""
        return np.sort(np.concatenate([self.known, self.test_history]))

    def without_validation(self) -> Split:
        """The same, but that the validation part is trained on."""
        test, history = self.test.copy(), self.test_history.copy()
        return Split(self.kind, self.known, _NO_ROWS.copy(), test, test_history=history)


def make_split(
    dataset: Dataset,
    kind: str | None = None,
    *,
    seed: int = 0,
    cold_fraction: float = COLD_FRACTION,
    validation: str | None = None,
) -> Split:
    """Split a data set; by default at its own test part if it has one, else at random.

    Args:
        dataset: what to split.
        kind: how, a `SplitKind` or its name; None means ``given`` where the data set has a test
            part, else ``random``.
        seed: of the random choices.
        cold_fraction: of the rated movies, above 0 and below 1, for a cold-movies split.
        validation: a `ValidationKind` or its name, for a random, given or no test part; by default
            ``random``.

    Raises:
        ConfigError: if the split needs timestamps or a test part that the data set doesn't have, a
            fraction is out of bounds, validation can't be held out as asked, or nothing would be
            left for training.

    >>> import pandas as pd
    >>> from graphrec.data.dataset import make_dataset
    >>> pairs = [(user, movie) for user in range(4) for movie in range(10)]
    >>> make_split(make_dataset(pd.DataFrame(pairs, columns=["user_id", "movie_id"])))
    Split('random': 28 train, 4 validation, 8 test rows)
    """
    if not 0 < cold_fraction < 1:
        raise ConfigError(
            argument("cold_fraction"), f" is {cold_fraction}; it must be above 0 and below 1."
        )
    default = SplitKind.RANDOM if dataset.given_test is None else SplitKind.GIVEN
    kind = default if kind is None else choice(SplitKind, kind, "split")
    interactions, rng = dataset.interactions, np.random.default_rng(seed)
    chosen = None if validation is None else choice(ValidationKind, validation, "validation")
    _check(dataset, kind, chosen)
    rows = np.arange(len(interactions))
    if kind is SplitKind.NEW_USERS:
        split = _by_user(interactions, rng)
    else:
        if kind is SplitKind.GIVEN:
            assert dataset.given_test is not None
            test = dataset.given_test
        elif kind is SplitKind.NONE:
            test = rows[:0]
        else:
            test = _held_out(interactions, kind, rows, (TEST_FRACTION, cold_fraction), rng)
        rest = np.setdiff1d(rows, test, assume_unique=True)
        valid = _validation(interactions, chosen or kind, rest, rng)
        train = np.setdiff1d(rest, valid, assume_unique=True)
        split = Split(kind, train, np.sort(valid), np.sort(test))
    if not len(split.train):
        raise ConfigError(
            "nothing is left to train on; use more interactions, or ",
            argument("split", SplitKind.NONE),
            ".",
        )
    return split


def another_validation(
    dataset: Dataset, split: Split, *, seed: int, validation: str | None = None
) -> Split:
    """The same test part, and another validation part drawn from the rest.

    Where validation is the latest interactions there is only one such part, so another is drawn at
    random.

    Args:
        dataset: that was split.
        split: whose test part stays as it is.
        seed: of the random choices; another one than the split's own.
        validation: as for `make_split`.
    """
    interactions, rng = dataset.interactions, np.random.default_rng(seed)
    rows = np.arange(len(interactions))
    held_out = np.concatenate([split.test_history, split.test])
    rest = np.setdiff1d(rows, held_out, assume_unique=True)
    valid_history = rows[:0]
    if split.kind is SplitKind.NEW_USERS:
        valid_history, valid = _new_users(interactions, rest, rng)
    else:
        how = split.kind if validation is None else choice(ValidationKind, validation, "validation")
        valid = _validation(
            interactions, ValidationKind.RANDOM if how in _BY_TIME else how, rest, rng
        )
    train = np.setdiff1d(rest, np.concatenate([valid_history, valid]), assume_unique=True)
    test, test_history = split.test.copy(), split.test_history.copy()
    return Split(split.kind, train, np.sort(valid), test, valid_history, test_history)


def _check(dataset: Dataset, kind: SplitKind, validation: ValidationKind | None) -> None:
    """Fail where a data set can't be split like that."""
    if validation and kind not in _DRAWN_AT_RANDOM:
        raise ConfigError(
            argument("split", kind),
            " holds validation out as it does its test part; leave ",
            argument("validation"),
            " out.",
        )
    for name, own in (("split", kind), ("validation", validation)):
        if own in _BY_TIME and dataset.interactions.timestamp is None:
            raise ConfigError(
                argument(name, own),
                " needs a timestamp column, and none was found; name it with ",
                COLUMN[TIMESTAMP],
                " if there is one.",
            )
    if kind is SplitKind.GIVEN and dataset.given_test is None:
        raise ConfigError(
            argument("split", kind), " needs data with a test part of their own (test.txt)."
        )


def _validation(
    interactions: Interactions,
    how: SplitKind | ValidationKind,
    rest: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """The validation rows, of those outside the test part."""
    if how is ValidationKind.NEIGHBOURHOODS:
        return _neighbourhoods(interactions, rest, rng)
    fractions = VALID_FRACTION, VALID_COLD_FRACTION
    return _held_out(interactions, how, rest, fractions, rng, max_users=MAX_VALID_USERS)


def _held_out(
    interactions: Interactions,
    kind: SplitKind | ValidationKind,
    rows: np.ndarray,
    fractions: tuple[float, float],
    rng: np.random.Generator,
    *,
    max_users: int | None = None,
) -> np.ndarray:
    """Some of the rows: the latest, those of cold movies, or some of each user's, by the kind.

    Of each user it is the last row, or a random or the latest fraction, rounded at random; never
    the only row. Rows of one second are shuffled.

    Args:
        interactions: that `rows` are of.
        kind: of the split; a random fraction of each user's for those that say nothing else.
        rows: to choose from.
        fractions: of rows, and of movies for a cold-movies split.
        rng: of the random choices.
        max_users: if given, only that many users, drawn at random, give a fraction.
    """
    if kind is SplitKind.COLD_MOVIES:
        return _with_cold(interactions, rows, fractions, rng)
    if kind is SplitKind.TEMPORAL:
        assert interactions.timestamp is not None
        order = np.lexsort((rng.random(len(rows)), interactions.timestamp[rows]))
        return rows[order[len(rows) - round(len(rows) * fractions[0]) :]]
    last_alone = kind is SplitKind.LEAVE_LAST_OUT
    if not last_alone and max_users is not None:
        rows = _of_some_users(interactions, rows, max_users, rng)
    if kind in _BY_TIME:
        assert interactions.timestamp is not None
        rows = rows[rng.permutation(len(rows))]
        key = interactions.timestamp[rows]
    else:
        key = rng.random(len(rows))
    user = interactions.user[rows]
    return _highest(user, rows, key, None if last_alone else fractions[0], rng)


def _of_some_users(
    interactions: Interactions, rows: np.ndarray, max_users: int, rng: np.random.Generator
) -> np.ndarray:
    """The rows of at most so many users, drawn at random."""
    if max_users >= interactions.num_users:
        return rows
    allowed = np.zeros(interactions.num_users, dtype=bool)
    allowed[rng.choice(interactions.num_users, max_users, replace=False)] = True
    return np.compress(allowed[interactions.user[rows]], rows)


def _highest(
    user: np.ndarray,
    rows: np.ndarray,
    key: np.ndarray,
    fraction: float | None,
    rng: np.random.Generator,
) -> np.ndarray:
    """Of each user's rows those of the highest keys: a fraction, rounded at random, or one."""
    counts = np.bincount(user)
    quota = np.ones(len(counts))
    if fraction is not None:
        quota = np.floor(counts * fraction + rng.random(len(counts)))
    order = np.lexsort((key, user))
    rank = np.empty(len(rows), dtype=np.int64)  # from the user's end: 0 is last
    rank[order] = np.cumsum(counts)[user[order]] - 1 - np.arange(len(rows))
    return np.compress(rank < np.minimum(quota, counts - 1)[user], rows)


def _neighbourhoods(
    interactions: Interactions, rows: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """A random row of each of some users, and those of their rows with the movies most like it.

    (Block cross-validation: Roberts et al., Ecography 2017.)
    """
    from sklearn.preprocessing import normalize  # slow to load, as is the next
    from sklearn.utils.extmath import randomized_svd

    matrix = interactions.to_csr(rows).astype(np.float64)
    by_user, by_movie = (np.maximum(np.asarray(matrix.sum(axis=a)), 1.0) for a in (1, 0))
    matrix.data /= np.sqrt(np.repeat(by_user, np.diff(matrix.indptr)) * by_movie[matrix.indices])
    dim, seed = min(NEIGHBOURHOOD_DIM, *matrix.shape), int(rng.integers(2**32))
    _, singular, right = randomized_svd(matrix, dim, n_iter=3, random_state=seed)
    rows = _of_some_users(interactions, rows, MAX_VALID_USERS, rng)
    user, vector = interactions.user[rows], normalize(right.T * singular)[interactions.movie[rows]]
    shuffled, first = rng.permutation(len(rows)), np.zeros(interactions.num_users, dtype=np.int64)
    first[user[shuffled]] = shuffled  # the last to be written stays
    alike = np.einsum("rd,rd->r", vector, vector[first[user]])
    return _highest(user, rows, alike, NEIGHBOURHOOD_FRACTION, rng)


def _by_user(interactions: Interactions, rng: np.random.Generator) -> Split:
    """Some users for the test, some of the others for validation, and the rest for training."""
    rows = np.arange(len(interactions))
    test_history, test = _new_users(interactions, rows, rng)
    rest = np.setdiff1d(rows, np.concatenate([test_history, test]), assume_unique=True)
    valid_history, valid = _new_users(interactions, rest, rng)
    train = np.setdiff1d(rest, np.concatenate([valid_history, valid]), assume_unique=True)
    return Split(SplitKind.NEW_USERS, train, valid, test, valid_history, test_history)


def _new_users(
    interactions: Interactions, rows: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The rows of some users: their history, and a fraction of each user's held out."""
    counts = np.bincount(interactions.user[rows], minlength=interactions.num_users)
    users = np.flatnonzero(counts > 1)  # one row can't be both history and held out
    is_new = np.zeros(interactions.num_users, dtype=bool)
    number = min(MAX_NEW_USERS, round(len(users) * NEW_USER_FRACTION))
    is_new[rng.choice(users, number, replace=False)] = True
    own = np.compress(is_new[interactions.user[rows]], rows)
    held_out = _held_out(interactions, SplitKind.RANDOM, own, (TEST_FRACTION, 0), rng)
    return np.setdiff1d(own, held_out, assume_unique=True), held_out


def _with_cold(
    interactions: Interactions,
    rows: np.ndarray,
    fractions: tuple[float, float],
    rng: np.random.Generator,
) -> np.ndarray:
    """All rows of some movies, and a random fraction of each user's others."""
    movie = interactions.movie[rows]
    rated = np.unique(movie)
    number = min(max(1, round(len(rated) * fractions[1])), len(rated) - 1)
    is_cold = np.zeros(interactions.num_movies, dtype=bool)
    is_cold[rng.choice(rated, number, replace=False)] = True
    warm = _held_out(interactions, SplitKind.RANDOM, rows[~is_cold[movie]], fractions, rng)
    return np.concatenate([rows[is_cold[movie]], warm])
