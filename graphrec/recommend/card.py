"""A saved model in a notebook: what it learned from, how good it is, and how to ask it."""

from __future__ import annotations

from typing import Any

from graphrec.formatting import counted
from graphrec.notebook import html_card, html_code, html_table


def model_card(folder: str, manifest: dict[str, Any], movie: Any, num_new: int) -> str:
    """HTML of a model.

    Args:
        folder: where it is.
        manifest: its settings, data and measures.
        movie: title or id to ask for, as an example.
        num_new: movies that were added after training.
    """
    data, split = manifest["data"], manifest["split"]
    simulated = "; the users are simulated" * data["simulated"]
    added = f", and {num_new:,} new" * bool(num_new)
    rows = [
        ["data", f"{data['name']}{simulated}"],
        ["movies", f"{data['movies']:,}{added}"],
        ["users", data["users"]],
        ["interactions", f"{data['interactions']:,} ({data['density']:.2%} of all pairs)"],
        ["split", f"{split['kind']}; {counted(split['test'], 'interaction')} held out"],
        ["model", _made_of(manifest)],
        ["validation", _validation(manifest["metrics"]["valid"])],
        ["trained", f"{manifest['created']}, graphrec {manifest['graphrec_version']}"],
    ]
    ask = html_code(
        f"recommender.similar({movie!r})",
        f"recommender.recommend(history=[{movie!r}])",
    )
    return html_card(f"graphrec model {folder}", html_table(rows), ask)


def _made_of(manifest: dict[str, Any]) -> str:
    model, spectral = manifest["model"], manifest["spectral"]
    beside = f"; {counted(spectral['dim'], 'spectral column')}" if spectral else ""
    layers = f"{model['layers']} layer{'s' * (model['num_layers'] != 1)}"
    return (
        f"{model['node_state']}, {counted(model['embedding_dim'], 'column')} each,"
        f" {model['num_layers']}"
        f" {layers}{beside}"
    )


def _validation(measured: dict[str, float | None]) -> str:
    figures = [f"{name} {value:.4f}" for name, value in measured.items() if value is not None]
    return ", ".join(figures) or "not measured: too few interactions"
