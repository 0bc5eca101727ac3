"""`graphrec ablate`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphrec.cli import options
from graphrec.config import COLD_FRACTION, ModelConfig, TrainConfig
from graphrec.console import handle_errors, note, say, show_json, show_table, study_progress
from graphrec.errors import ConfigError
from graphrec.formatting import duration

if TYPE_CHECKING:
    from graphrec.study.experiment import Study

DEFAULT_STUDY = Path("graphrec-study")
_SETTINGS = "Settings"


@handle_errors
@options.takes(tables=options.Tables)
def ablate(
    *,
    tables: options.Tables,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="Folder of the report and of what has been measured so far."
        ),
    ] = DEFAULT_STUDY,
    seeds: Annotated[
        int | None,
        typer.Option(help="Number of repetitions, each with its own split; 3, or 1 with --quick."),
    ] = None,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="First look: one seed, no tuning, no baselines."),
    ] = False,
    drop_leaky: Annotated[
        bool,
        typer.Option(
            "--drop-leaky",
            help="Leave out metadata columns that look computed from the interactions.",
        ),
    ] = False,
    cold_fraction: Annotated[
        float,
        typer.Option(help="Fraction of the rated movies to hold out entirely (cold-start movies)."),
    ] = COLD_FRACTION,
    ignore_column: options.Ignore = None,
    embedding_dim: Annotated[
        int, typer.Option(help="Columns of each learned embedding.", rich_help_panel=_SETTINGS)
    ] = 64,
    epochs: Annotated[
        int,
        typer.Option(
            help="Maximum number of passes over all users in each training.",
            rich_help_panel=_SETTINGS,
        ),
    ] = 200,
    device: Annotated[
        str, typer.Option(help="Device as torch names it.", rich_help_panel=_SETTINGS)
    ] = "auto",
    as_json: options.AsJson = False,
) -> None:
    """Measure what ID embeddings are worth beside metadata.

    Models of metadata alone, ID embeddings alone and both together are compared with each other,
    with controls and with classical methods, on movies with many ratings, few, and none. A study
    that was stopped goes on where it stopped. Without tables the embedded sample is used.

    Examples:

        graphrec ablate --quick

        graphrec ablate --ratings ratings.csv --movies movies.csv
    """
    _check_folder(output)
    options.check_settings(
        ModelConfig(embedding_dim=embedding_dim), TrainConfig(epochs=epochs, device=device)
    )
    dataset = tables.load()
    from graphrec.study import ablate as study_of
    from graphrec.study.experiment import RESULTS
    from graphrec.study.settings import StudySettings
    from graphrec.study.store import fingerprint, is_new

    chosen: dict[str, Any] = {} if seeds is None else {"seeds": seeds}
    chosen |= {"embedding_dim": embedding_dim, "epochs": epochs, "device": device}
    settings = (StudySettings.quick if quick else StudySettings)(
        cold_fraction=cold_fraction,
        drop_leaky=drop_leaky,
        ignore=dataset.metadata_names(ignore_column or ()),
        **chosen,
    )
    if not as_json:
        options.introduce(dataset)
        if (output / RESULTS).exists() and is_new(output, fingerprint(dataset, settings)):
            note(
                f"{output} holds the report of another study, which this report will replace;"
                " what was measured for it is kept."
            )
    with _stoppable(output), study_progress(settings.seeds, quiet=as_json) as callbacks:
        study = study_of(dataset, settings, folder=output, callbacks=callbacks)
    report = study.save(output)
    if as_json:
        show_json(study.results)
    else:
        _show(study, report)


def _check_folder(folder: Path) -> None:
    """Fail before the work starts if the folder holds anything but a study."""
    from graphrec.study.store import FOLDER

    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder} is a file; --output must be a folder.")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / FOLDER).is_dir():
        raise ConfigError(f"{folder} holds other files; give --output a new or empty folder.")


@contextmanager
def _stoppable(output: Path) -> Iterator[None]:
    """Say on Ctrl-C that nothing is lost."""
    try:
        yield
    except KeyboardInterrupt:
        say(f"\nStopped. What was measured is kept in {output}: the same command goes on from it.")
        raise typer.Exit(130) from None


def _show(study: Study, report: Path) -> None:
    results, table = study.results, study.table
    rows = [
        [
            row["arm"],
            *(f"{row[subset]:.3f} ±{row[f'{subset} ±']:.3f}" for subset in results["subsets"]),
            duration(arm["seconds"]),
        ]
        for (_, row), arm in zip(table.iterrows(), results["arms"], strict=True)
    ]
    show_table([results["metric"], *results["subsets"], "time"], rows, right=True)
    if not study.num_measured:
        note("everything had been measured by an earlier run.")
    for sentence in results["notes"]:
        note(sentence)
    typer.echo()
    for sentence in results["verdict"]["sentences"]:
        typer.echo(sentence)
    say(f"\nIntervals are over users. Report with plots: {report}")
