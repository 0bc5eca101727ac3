"""`GraphRecommender`: settings, `fit` and questions in memory, as scikit-learn has it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphrec.config import COLD_FRACTION, ModelConfig, SplitKind, TrainConfig, check_together
from graphrec.data.dataset import Dataset
from graphrec.data.sources import load_dataset
from graphrec.data.split import Split, make_split
from graphrec.errors import ConfigError
from graphrec.recommend.artefact import Artefact
from graphrec.recommend.lists import several
from graphrec.recommend.recommender import Recommender
from graphrec.recommend.saving import InMemory, save_model

if TYPE_CHECKING:
    from graphrec.evaluate.report import Report
    from graphrec.train.trainer import Callbacks

_CONFIGS = (ModelConfig, TrainConfig)
_DEFAULTS: dict[str, Any] = {
    **{field.name: field.default for config in _CONFIGS for field in fields(config)},
    "split": None,
    "cold_fraction": COLD_FRACTION,
    "validation": None,
    "ignore_columns": (),
}
_LEARNED = ("artefact", "movies", "movie_ids", "_before")


class GraphRecommender(Recommender):
    """A recommender in memory, with the interface of a scikit-learn estimator.

    Settings go into the constructor, `fit` returns the recommender itself, what was learned ends in
    ``_``, and `get_params` and `set_params` work, so ``sklearn.base.clone`` does too.

    Args:
        settings: the fields of `ModelConfig` and `TrainConfig`, such as ``embedding_dim=64``,
            ``num_layers=1``, ``loss="softmax"``, ``epochs=200``, ``seed=0``; beside them ``split``
            (how the test part is held out, a `SplitKind` or its name; None for the default),
            ``cold_fraction`` (for ``split="cold-movies"``), ``validation`` (a `ValidationKind`),
            and ``ignore_columns`` (metadata columns to leave out). They are checked by `fit`; an
            unknown name is refused at once.

    Attributes:
        user_vectors_, movie_vectors_: float32 [U, K] and [M, K]; inner products are scores.
        validation_: ndcg@20 on the validation part; NaN where there was none.

    Raises:
        ConfigError: if there is no setting of some name.

    Example::

        model = graphrec.GraphRecommender(embedding_dim=64, seed=0)
        model.fit("ratings.csv", "movies.csv")
        model.find("heat")  # the movie that a title means
        model.similar("Heat")
        model.recommend([42])
        model.recommend(history=["Heat", "Alien"])
        model.explain("Alien", user=42)
        model.evaluate().metrics["ndcg@20"]
        model.save("folder")
        graphrec.GraphRecommender.load("folder")
    """

    __signature__ = inspect.Signature(
        [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
            for name, default in _DEFAULTS.items()
        ]
    )

    def __init__(self, **settings: Any) -> None:
        _check_names(settings)
        self._settings: dict[str, Any] = _DEFAULTS | settings

    def __getattr__(self, name: str) -> Any:
        if name in _LEARNED:
            raise ConfigError("this GraphRecommender is not fitted yet; call fit first.")
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def is_fitted(self) -> bool:
        """Whether it can be asked."""
        return "artefact" in self.__dict__

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """All settings by name; `deep` is there because scikit-learn passes it."""
        del deep
        return dict(self._settings)

    def set_params(self, **settings: Any) -> GraphRecommender:
        """Change settings for the next `fit`; returns the recommender itself."""
        _check_names(settings)
        self._settings |= settings
        return self

    def __repr__(self) -> str:
        own = self._settings.items()
        changed = ", ".join(f"{name}={v!r}" for name, v in own if v != _DEFAULTS[name])
        if not self.is_fitted:
            return f"GraphRecommender({changed}), not fitted"
        data = self.artefact.manifest["data"]
        return (
            f"GraphRecommender({changed}), fitted on {data['name']}: {data['users']:,} users,"
            f" {data['movies']:,} movies"
        )

    def _repr_html_(self) -> str:
        return super()._repr_html_() if self.is_fitted else f"<code>{self!r}</code>"

    def fit(
        self,
        data: Any,
        movies: Any = None,
        *,
        split: Split | str | None = None,
        start: Recommender | str | Path | None = None,
        verbose: bool = True,
        callbacks: Callbacks | None = None,
        **tables: Any,
    ) -> GraphRecommender:
        """Train; what was learned before is forgotten.

        With `start`, an earlier model is continued: `data` are all data, old and new, and learned
        embeddings start from the earlier ones. Settings are the earlier model's; of these only
        ``learning_rate``, ``batch_size``, ``epochs``, ``seed`` and ``device`` can be others.

        Args:
            data: a `Dataset` as `graphrec.load_dataset` returns it, or a ratings table, as path or
                data frame.
            movies: a movies table beside a ratings table.
            split: as `graphrec.make_split` returns it, or a `SplitKind`'s name, instead of the
                settings' ``split``. With `start` nothing is held out by default, and validation
                never.
            start: a model to continue, or its folder; it may be this recommender itself. Settings
                that have their default values stay that model's.
            verbose: whether a progress bar is shown, in a terminal or a notebook.
            callbacks: what else is called meanwhile, see `graphrec.train.trainer.Callbacks`.
            tables: more about tables, as for `graphrec.load_dataset`: ``details``, ``links``,
                ``columns``, ``min_rating``, ...

        Raises:
            ConfigError: if settings don't go together or with the data.
            DataError: if a table can't be used.
        """
        from graphrec.recommend.earlier import earlier_model  # loads torch, as the next do
        from graphrec.train.continuing import continue_fit, settings_of
        from graphrec.train.trainer import Callbacks, find_device, fit

        own = self._settings
        model = ModelConfig(**{field.name: own[field.name] for field in fields(ModelConfig)})
        train = TrainConfig(**{field.name: own[field.name] for field in fields(TrainConfig)})
        check_together(model, train)  # before tables are read, which may take long
        find_device(train.device)
        earlier = None
        if start is not None:
            earlier = earlier_model(_artefact_of(start))
            train = settings_of(earlier, model, train)
        dataset = self._dataset(data, movies, tables)
        if not isinstance(split, Split):
            how = {name: own[name] for name in ("seed", "cold_fraction", "validation")}
            split = split or own["split"]
            if split is None and earlier is not None and dataset.given_test is None:
                split = SplitKind.NONE
            split = make_split(dataset, split, **how)
        with _progress(verbose) as progress:
            ignored = tuple(several(own["ignore_columns"]))
            called = (progress or Callbacks()).beside(callbacks or Callbacks())
            if earlier is None:
                fitted = fit(dataset, split, model, train, ignore=ignored, callbacks=called)
            else:
                split = split.without_validation()
                fitted = continue_fit(
                    dataset, split, earlier, train, ignore=ignored, callbacks=called
                )
        self.__dict__ = {"_settings": own}
        super().__init__(InMemory.of(dataset, split, fitted))
        return self

    @staticmethod
    def _dataset(data: Any, movies: Any, tables: dict[str, Any]) -> Dataset:
        if isinstance(data, Dataset):
            if movies is not None or tables:
                raise ConfigError("a Dataset has its movies already; leave out the movies table.")
            return data
        return load_dataset(ratings=data, movies=movies, **tables)

    def save(self, folder: str | Path, force: bool = False) -> None:
        """Write a model folder, which `load` and the command line read.

        Args:
            folder: where to.
            force: replace a model that is there already.

        Raises:
            OutputError: if it can't be written, or something is there.
            ConfigError: if it was loaded from a folder, which can be copied instead.
        """
        if not isinstance(self.artefact, InMemory):
            raise ConfigError(
                f"this model is saved already in {self.artefact.folder}; copy that folder."
            )
        own = self.artefact
        save_model(folder, own.trained_on, own.split, own.fitted, force=force)

    @classmethod
    def load(cls, folder: str | Path = "graphrec-model") -> GraphRecommender:
        """Load a model that `save` or ``graphrec train`` wrote.

        Raises:
            ArtefactError: if there is none, or it is damaged or of another format.
        """
        artefact = Artefact.open(folder)
        saved = artefact.manifest["settings"] | {"split": artefact.manifest["split"]["kind"]}
        lists = {name: tuple(v) for name, v in saved.items() if isinstance(v, list)}
        model = cls(**{name: v for name, v in (saved | lists).items() if name in _DEFAULTS})
        Recommender.__init__(model, artefact)
        return model

    @property
    def validation_(self) -> float:
        """ndcg@20 on the validation part; NaN where there was none."""
        value = self.artefact.manifest["metrics"]["valid"]["ndcg@20"]
        return float("nan") if value is None else float(value)

    def evaluate(self, ks: tuple[int, ...] = (5, 10, 20, 50)) -> Report:
        """Rank all movies for the users of the test part, which `fit` has not looked at.

        Args:
            ks: lengths of the lists.

        Raises:
            ConfigError: if nothing was held out.
        """
        from graphrec.evaluate.report import evaluate_ranking

        interactions, split = self._interactions
        if not len(split.test):
            raise ConfigError(
                f"split='{split.kind}' held nothing out to evaluate on; fit with another split."
            )
        known, held_out = split.shown, split.test
        return evaluate_ranking(self.scorer(), interactions, known=known, held_out=held_out, ks=ks)


def _artefact_of(model: Recommender | str | Path) -> Artefact:
    return model.artefact if isinstance(model, Recommender) else Artefact.open(model)


def _check_names(settings: dict[str, Any]) -> None:
    for name in settings:
        if name not in _DEFAULTS:
            from rapidfuzz import process

            nearest = process.extractOne(name, list(_DEFAULTS))
            assert nearest is not None
            raise ConfigError(f"there is no setting {name!r}; did you mean {nearest[0]!r}?")


@contextmanager
def _progress(verbose: bool) -> Iterator[Callbacks | None]:
    """Callbacks of `graphrec.fit` that move a bar, in a terminal or a notebook."""
    if not verbose:
        yield None
        return
    from tqdm.auto import tqdm

    from graphrec.train.trainer import Callbacks

    with tqdm(disable=None, leave=False, unit=" epochs") as bar:

        def on_stage(name: str, epochs: int | None) -> None:
            bar.reset(total=epochs)
            bar.set_description(name)

        def on_batch(epoch: int, done: int, num_batches: int, loss: float) -> None:
            if done == num_batches:
                bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
                bar.update(epoch - bar.n)

        yield Callbacks(on_stage, on_batch)
