"""Which watches are learned from, which choose the settings, which judge: splits as row indices."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from graphrec.choices import COLD_FRACTION, SplitKind, choice
from graphrec.data.dataset import Dataset
from graphrec.data.interactions import Interactions
from graphrec.errors import ConfigError

if TYPE_CHECKING:
    import scipy.sparse as sp

TEST_FRACTION = 0.2
VALID_FRACTION = 0.1  # of the watches that aren't for testing, where drawn at random or by time
NEW_USER_FRACTION = 0.2  # of the users, for testing and again of the others for validation
VALID_COLD_FRACTION = 0.1  # of the movies that are left, so that validation has cold ones too
MAX_VALID_USERS = 5_000
"""Validation needs no more users than this: the rest keep all their watches for training."""
MAX_NEW_USERS = 10_000  # as many as Mult-VAE and EASE hold out of ML-20M
NEIGHBOURHOOD_FRACTION = 0.2  # of these users' watches
_NEIGHBOURHOOD_DIM = 64
_BLOCK_ROWS = 100_000


def _nobody() -> np.ndarray:
    return np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Row indices into `Interactions`, int64, disjoint, together all rows.

    `train` makes the graph and the loss; `valid` chooses when to stop and how to rank; `test` is
    looked at once, by `graphrec evaluate`. Validation imitates the test part: the latest watches
    before the latest, random ones before random ones, some movies' all before other movies' all.
    Where nobody knows how the test part came
    about, or there is only the future, it holds out neighbourhoods: a fifth of the watches of some
    users, a random one and those most like it. A watch held out alone has near twins among its
    user's others, and rewards a model for remembering them (block cross-validation: Roberts et
    al., Ecography 2017).

    `valid_history` and `test_history` are what users bring along who are new when they ask: not
    learned from, but folded in. Only a new-users split has such rows.
    """

    kind: SplitKind
    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray
    valid_history: np.ndarray = field(default_factory=_nobody)
    test_history: np.ndarray = field(default_factory=_nobody)

    def __post_init__(self) -> None:
        for rows in (self.train, self.valid, self.test, self.valid_history, self.test_history):
            rows.setflags(write=False)

    @property
    def known(self) -> np.ndarray:
        """All rows a finished model may learn from: all of train and validation, sorted."""
        return np.sort(np.concatenate([self.train, self.valid_history, self.valid]))

    @property
    def shown(self) -> np.ndarray:
        """All rows that have been watched by the time of the test: known and folded in, sorted."""
        return np.sort(np.concatenate([self.known, self.test_history]))


def make_split(
    dataset: Dataset,
    kind: str | None = None,
    *,
    seed: int = 0,
    cold_fraction: float = COLD_FRACTION,
) -> Split:
    """Split a data set; by default as it says itself, else at random within each user.

    Args:
        dataset: what to split.
        kind: how, a `SplitKind` or its name; None means ``given`` where the data set has a test
            part, else ``random``.
        seed: of the random choices.
        cold_fraction: of the watched movies, above 0 and below 1, for a cold-movies split.

    Raises:
        ConfigError: if the data set has no timestamps or no given part and the split needs them, or
            a fraction is out of bounds.
    """
    if not 0 < cold_fraction < 1:
        raise ConfigError(f"--cold-fraction is {cold_fraction}; it must be above 0 and below 1.")
    usual = SplitKind.RANDOM if dataset.given_test is None else SplitKind.GIVEN
    kind = usual if kind is None else choice(SplitKind, kind, "split")
    interactions, rng = dataset.interactions, np.random.default_rng(seed)
    if kind in (SplitKind.TEMPORAL, SplitKind.LEAVE_LAST_OUT) and interactions.timestamp is None:
        raise ConfigError(f"--split {kind} needs a timestamp column, and the ratings have none.")
    if kind is SplitKind.NEW_USERS:
        return _checked(_by_user(interactions, rng))
    test = _test_rows(dataset, kind, cold_fraction, rng)
    rest = _without(np.arange(len(interactions)), test)
    match kind:
        case SplitKind.TEMPORAL:
            valid = _latest(interactions, rest, VALID_FRACTION, rng)
        case SplitKind.LEAVE_LAST_OUT:
            valid = _last_of_each_user(interactions, rest, rng)
        case SplitKind.RANDOM:
            valid = _holdout(interactions, rest, VALID_FRACTION, rng, MAX_VALID_USERS)
        case SplitKind.COLD_MOVIES:
            valid = _with_cold(interactions, rest, VALID_COLD_FRACTION, VALID_FRACTION, rng)
        case SplitKind.GIVEN | SplitKind.NONE | SplitKind.NEW_USERS:
            valid = _neighbourhoods(interactions, rest, rng)
    return _checked(Split(kind, _without(rest, valid), np.sort(valid), np.sort(test)))


def _checked(split: Split) -> Split:
    if not len(split.train):
        raise ConfigError(
            "nothing is left to train on; the data needs more watches, or --split none."
        )
    return split


def _test_rows(
    dataset: Dataset, kind: SplitKind, cold_fraction: float, rng: np.random.Generator
) -> np.ndarray:
    interactions = dataset.interactions
    rows = np.arange(len(interactions))
    match kind:
        case SplitKind.GIVEN:
            if dataset.given_test is None:
                raise ConfigError("--split given needs data with its own test part (test.txt).")
            return dataset.given_test
        case SplitKind.RANDOM:
            return _holdout(interactions, rows, TEST_FRACTION, rng)
        case SplitKind.TEMPORAL:
            return _latest(interactions, rows, TEST_FRACTION, rng)
        case SplitKind.LEAVE_LAST_OUT:
            return _last_of_each_user(interactions, rows, rng)
        case SplitKind.COLD_MOVIES:
            return _with_cold(interactions, rows, cold_fraction, TEST_FRACTION, rng)
        case SplitKind.NONE | SplitKind.NEW_USERS:
            return rows[:0]


def _by_user(interactions: Interactions, rng: np.random.Generator) -> Split:
    """Some users for the test, some of the others for validation, and the rest to learn from."""
    rows = np.arange(len(interactions))
    test_history, test = _new_users(interactions, rows, rng)
    rest = _without(rows, np.concatenate([test_history, test]))
    valid_history, valid = _new_users(interactions, rest, rng)
    train = _without(rest, np.concatenate([valid_history, valid]))
    return Split(SplitKind.NEW_USERS, train, valid, test, valid_history, test_history)


def _new_users(
    interactions: Interactions, rows: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Of some users' rows those they bring along, and a share of each user's to be found."""
    watches = np.bincount(interactions.user[rows], minlength=interactions.num_users)
    users = np.flatnonzero(watches > 1)  # others can't both bring something and look for more
    is_new = np.zeros(interactions.num_users, dtype=bool)
    number = min(MAX_NEW_USERS, round(len(users) * NEW_USER_FRACTION))
    is_new[rng.choice(users, number, replace=False)] = True
    own = np.compress(is_new[interactions.user[rows]], rows)
    found = np.sort(_holdout(interactions, own, TEST_FRACTION, rng))
    return _without(own, found), found


def _without(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The rows that aren't among the others; both distinct, the result sorted."""
    left = np.zeros(max(rows.max(initial=-1), others.max(initial=-1)) + 1, dtype=bool)
    left[rows] = True
    left[others] = False
    return np.flatnonzero(left)


def _place_from_end(user: np.ndarray, order_key: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each row its place counted from its user's end (0 is last), and its user's row count."""
    order = np.lexsort((order_key, user))
    counts = np.bincount(user)
    ends = np.cumsum(counts)
    place = np.empty(len(user), dtype=np.int64)
    place[order] = ends[user[order]] - 1 - np.arange(len(user))
    return place, counts[user]


def _holdout(
    interactions: Interactions,
    rows: np.ndarray,
    fraction: float,
    rng: np.random.Generator,
    max_users: int | None = None,
) -> np.ndarray:
    """A random share of each user's rows, rounded at random, never a user's only row."""
    rows = _of_some_users(interactions, rows, max_users, rng)
    return _share(interactions.user[rows], rows, rng.random(len(rows)), fraction, rng)


def _with_cold(
    interactions: Interactions,
    rows: np.ndarray,
    cold_fraction: float,
    fraction: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """All rows of some movies, and a random share of each user's others."""
    movie = interactions.movie[rows]
    watched = np.unique(movie)
    number = min(max(1, round(len(watched) * cold_fraction)), len(watched) - 1)
    is_cold = np.zeros(interactions.num_movies, dtype=bool)
    is_cold[rng.choice(watched, number, replace=False)] = True
    warm = _holdout(interactions, rows[~is_cold[movie]], fraction, rng)
    return np.concatenate([rows[is_cold[movie]], warm])


def _neighbourhoods(
    interactions: Interactions, rows: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """A random row of each of some users, and those of their rows whose movies are most like it."""
    vectors = _movie_vectors(interactions.to_csr(rows), rng)
    rows = rng.permutation(_of_some_users(interactions, rows, MAX_VALID_USERS, rng))
    user, movie = interactions.user[rows], interactions.movie[rows]
    drawn = np.zeros(interactions.num_users, dtype=np.int64)
    drawn[user] = np.arange(len(rows))  # of each user's rows, shuffled above, the last stays
    likeness = np.empty(len(rows), dtype=np.float32)
    for start in range(0, len(rows), _BLOCK_ROWS):
        block = slice(start, start + _BLOCK_ROWS)
        other = vectors[movie[drawn[user[block]]]]
        likeness[block] = np.einsum("rd,rd->r", vectors[movie[block]], other)
    likeness = likeness.round(4)  # beyond, it is rounding; equals stay in random order
    likeness[drawn[user]] = np.inf
    return _share(user, rows, likeness, NEIGHBOURHOOD_FRACTION, rng)


def _movie_vectors(watched: sp.csr_array, rng: np.random.Generator) -> np.ndarray:
    """Where each movie lies among the others by who watched it: unit vectors [M, D]."""
    import scipy.sparse as sp  # slow to load, as are the next, and few ask for it
    from sklearn.preprocessing import normalize
    from sklearn.utils.extmath import randomized_svd

    by_user, by_movie = (np.maximum(np.asarray(watched.sum(axis=a)), 1.0) ** -0.5 for a in (1, 0))
    scaled = sp.csr_array(sp.diags_array(by_user) @ watched @ sp.diags_array(by_movie))
    dim = min(_NEIGHBOURHOOD_DIM, *watched.shape)
    _, singular, right = randomized_svd(
        scaled, dim, n_iter=3, random_state=int(rng.integers(2**32))
    )
    return np.asarray(normalize(right.T * singular))


def _of_some_users(
    interactions: Interactions, rows: np.ndarray, max_users: int | None, rng: np.random.Generator
) -> np.ndarray:
    """The rows of at most so many users, drawn at random."""
    if max_users is None or max_users >= interactions.num_users:
        return rows
    allowed = np.zeros(interactions.num_users, dtype=bool)
    allowed[rng.choice(interactions.num_users, max_users, replace=False)] = True
    return np.compress(allowed[interactions.user[rows]], rows)


def _share(
    user: np.ndarray, rows: np.ndarray, key: np.ndarray, fraction: float, rng: np.random.Generator
) -> np.ndarray:
    """Of each user's rows those of the highest keys, a fraction rounded at random, never all."""
    place, count = _place_from_end(user, key)
    quota = np.floor(count * fraction + rng.random(user.max(initial=-1) + 1)[user])
    return np.compress(place < np.minimum(quota, count - 1), rows)


def _latest(
    interactions: Interactions, rows: np.ndarray, fraction: float, rng: np.random.Generator
) -> np.ndarray:
    """The latest share of all rows; rows of one second are shuffled."""
    assert interactions.timestamp is not None
    order = np.lexsort((rng.random(len(rows)), interactions.timestamp[rows]))
    return rows[order[len(rows) - round(len(rows) * fraction) :]]


def _last_of_each_user(
    interactions: Interactions, rows: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Each user's last row, for users who have another; rows of one second are shuffled."""
    assert interactions.timestamp is not None
    shuffled = rng.permutation(len(rows))
    rows = rows[shuffled]
    place, count = _place_from_end(interactions.user[rows], interactions.timestamp[rows])
    return np.compress((place == 0) & (count > 1), rows)
