"""Optuna's studies: where they are kept, and what they print."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from graphrec.data.places import without_secrets
from graphrec.errors import ConfigError, argument

if TYPE_CHECKING:
    import optuna

FULL_TRIALS = 5
"""Trials that are trained to their end before any is ended early."""
FIRST_REPORTS = 2
"""Reports of a trial before it may be ended early."""
HEARTBEAT, GRACE = 15, 60
"""Seconds between two signs of life of a trial, and after which one without is given up."""
_BUSY = 60  # seconds to wait for another process that writes
_ATTEMPTS = 5


@contextmanager
def quiet() -> Iterator[None]:
    """Without Optuna's log and its warnings of what is new in it.

    Raises:
        ConfigError: if Optuna isn't installed.
    """
    try:
        import optuna
        from optuna.exceptions import ExperimentalWarning
    except ImportError:
        raise ConfigError("tuning needs Optuna; install 'graphrec[tune]'.") from None
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(before)


@contextmanager
def open_study(storage: str | None, name: str, seed: int) -> Iterator[optuna.Study]:
    """The study of that name, made if there is none; its connections are closed at the end.

    Args:
        storage: SQLAlchemy's URL of a database; None keeps the study in memory.
        name: of the study.
        seed: of a study in memory. Those that share a storage must not draw the same settings, so
            they have none.

    Raises:
        ConfigError: if the storage can't be used.
    """
    import optuna

    kept = None if storage is None else _storage(storage)
    try:
        yield optuna.create_study(
            storage=kept,
            study_name=name,
            direction="maximize",
            load_if_exists=True,
            sampler=optuna.samplers.TPESampler(
                seed=seed if storage is None else None, multivariate=True, constant_liar=True
            ),
            pruner=optuna.pruners.MedianPruner(FULL_TRIALS, FIRST_REPORTS),
        )
    finally:
        if kept is not None:
            kept.remove_session()
            kept.engine.dispose()


def _storage(url: str) -> Any:
    import optuna
    import sqlalchemy as sa

    option = argument("storage", without_secrets(url))
    try:
        made = sa.make_url(url)
    except sa.exc.ArgumentError:
        raise ConfigError(
            option, " is not the URL of a database, such as sqlite:///study.db."
        ) from None
    if made.drivername in ("postgres", "postgresql"):
        made = made.set(drivername="postgresql+psycopg")
    arguments = {"timeout": _BUSY} if made.get_backend_name() == "sqlite" else {}
    for attempt in range(_ATTEMPTS):
        try:
            return optuna.storages.RDBStorage(
                made.render_as_string(hide_password=False),
                engine_kwargs={"connect_args": arguments, "poolclass": sa.NullPool},
                heartbeat_interval=HEARTBEAT,
                grace_period=GRACE,
            )
        except (ImportError, sa.exc.NoSuchModuleError) as error:
            raise ConfigError(option, f" needs another package: {error}.") from None
        except sa.exc.SQLAlchemyError as error:
            if attempt == _ATTEMPTS - 1:
                reason = str(getattr(error, "orig", None) or error).splitlines()[0]
                raise ConfigError(option, f" can't be used: {reason.rstrip('.')}.") from None
            time.sleep(0.2)  # another process may be making the same tables
    raise AssertionError
