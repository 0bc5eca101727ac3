"""`--config`: options from a YAML file, and what is wrong with one in a sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from graphrec.cli import app
from graphrec.config import Loss, ModelConfig
from graphrec.errors import ConfigError
from graphrec.settings_file import read_settings, write_settings
from tests.cli.running import run


def _file(folder: Path, text: str | bytes, name: str = "settings.yaml") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def _settings(folder: Path) -> dict[str, Any]:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    settings: dict[str, Any] = manifest["settings"]
    return settings


def test_a_file_gives_options_and_what_is_typed_goes_first(tables: Path) -> None:
    text = (
        f"# of one project\ndata: {tables}\noutput: {tables / 'model'}\nepochs: 2\n"
        "batch-size: 64\nembedding_dim: 8\nlearning_rate: 2e-3\nspectral: false\nloss: bpr\n"
        "ignore_column: [genres]\npatience: null\nseed: 3\n"
    )
    config = _file(tables, text)
    done = run("train", "--config", config, "--seed", 5)
    assert done.exit_code == 0, done.output
    own = _settings(tables / "model")
    names = ("epochs", "batch_size", "embedding_dim", "learning_rate", "spectral", "loss", "seed")
    assert [own[name] for name in names] == [2, 64, 8, 0.002, False, "bpr", 5]
    assert own["ignore_columns"] == ["genres"]
    assert own["patience"] is None
    again = run("train", "--config", config, "--spectral", "--force", "--seed", 4)
    assert again.exit_code == 0, again.output
    assert _settings(tables / "model")["spectral"] is True


def test_lists_of_numbers_and_commands_other_than_train(tables: Path) -> None:
    config = _file(
        tables, "layers: sage\nnum_layers: 2\nnum_neighbors: [5, 3]\nepochs: 1\nspectral: no\n"
    )
    done = run("evaluate", "--config", config, "--data", tables, "--baselines", "none", "--json")
    assert done.exit_code == 0, done.output
    model = tables / "model"
    assert run("train", "--config", config, "--data", tables, "--output", model).exit_code == 0
    assert _settings(model)["num_neighbors"] == [5, 3]
    asked = _file(tables, f"model: {model}\nk: 3\njson: true\n", "ask.yaml")
    shown = run("similar", "even story 4", "--config", asked)
    assert len(json.loads(shown.stdout)["similar"]) == 3, shown.stdout
    unused = run("evaluate", "--config", config, "--model", model)
    assert unused.exit_code == 2
    assert "--num-layers" in unused.stderr


def test_every_command_takes_a_file() -> None:
    names = (
        *("train", "evaluate", "similar", "similar-users", "recommend", "explain", "export"),
        *("ablate", "map", "serve", "data inspect"),
    )
    for name in names:
        shown = CliRunner().invoke(app, [*name.split(), "--help"]).stdout
        assert "--config FILE" in shown, name


CASES: dict[str, tuple[str | bytes, tuple[str, ...]]] = {
    "misspelt": ("learning-rat: 1\n", ("no option 'learning_rat'", "'learning_rate'?")),
    "a word for a number": (
        "epochs: many\n",
        ("settings.yaml: epochs is 'many'; it must be a valid integer.",),
    ),
    "half an epoch": ("epochs: 1.5\n", ("settings.yaml: epochs is '1.5'; it must be a valid",)),
    "a list for a number": (
        "epochs: [1, 2]\n",
        ("settings.yaml: epochs is '1,2'; it must be a valid",),
    ),
    "out of bounds": ("epochs: 0\n", ("settings.yaml: epochs is 0; it must be 1 or more.",)),
    "no such loss": ("loss: soft\n", ("settings.yaml: loss: 'soft' is not one of",)),
    "neither yes nor no": (
        "spectral: perhaps\n",
        ("settings.yaml: spectral is 'perhaps'; it must be",),
    ),
    "twice": ("epochs: 1\nepochs: 2\n", ("settings.yaml, line 2: epochs is there twice",)),
    "nested": ("model:\n  epochs: 1\n", ("line 2: a value is text, a number, or a list",)),
    "a list of lists": ("num_neighbors: [[1]]\n", ("line 1: a value is text, a number",)),
    "no names": ("- epochs\n", ("settings are lines of 'name: value'",)),
    "text alone": ("epochs\n", ("settings are lines of 'name: value'",)),
    "a name that is a list": ("? [a, b]\n: 1\n", ("line 1: a name is text",)),
    "not yaml": ("epochs: [1\n", ("settings.yaml is not YAML, line 2",)),
    "two documents": ("epochs: 1\n---\nseed: 1\n", ("a second document begins",)),
    "aliases": ("a: &a [x, x]\nb: [*a, *a]\n", ("line 1: settings have no anchors and aliases",)),
    "an object": ("epochs: !!python/object:os.system 1\n", ("line 1: settings have no tags",)),
    "not text": (b"\xff\xfe\x00", ("settings.yaml is not UTF-8 text",)),
    "a control character": (b"epochs: \x01\n", ("settings.yaml is not YAML",)),
    "deep": ("[" * 100_000, ("line 1: a value is text, a number, or a list",)),
    "large": ("#" * 1_000_001, ("larger than 1 MB",)),
    "of another config": ("config: other.yaml\n", ("no option 'config'",)),
}


@pytest.mark.parametrize(("text", "words"), CASES.values(), ids=CASES)
def test_a_bad_file_is_one_sentence(
    text: str | bytes, words: tuple[str, ...], tmp_path: Path
) -> None:
    done = run("train", "--config", _file(tmp_path, text), "--output", tmp_path / "model")
    assert done.exit_code == 2, done.output
    assert done.stdout == ""
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
    for word in words:
        assert word in done.stderr, done.stderr
    assert not (tmp_path / "model").exists()


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    done = run("train", "--config", tmp_path / "none.yaml")
    assert done.exit_code == 2
    assert "none.yaml can't be read: No such file" in done.stderr
    assert run("train", "--config", tmp_path).exit_code == 2


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    assert read_settings(_file(tmp_path, "# nothing yet\n")) == {}
    assert read_settings(_file(tmp_path, "")) == {}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "tuned.yaml"
    settings = {
        "loss": Loss.BPR,
        "learning_rate": 1e-7,
        "num_neighbors": (15, 10),
        "spectral": True,
        "temperature": None,
        "title": "no: #1",
        "number": "007",
    }
    write_settings(path, settings, comment="Two lines,\n\nand a third.")
    assert path.read_text(encoding="utf-8").startswith("# Two lines,\n#\n# and a third.\nloss: bpr")
    read = read_settings(path)
    assert read == {
        "loss": "bpr",
        "learning_rate": "1.0e-07",
        "num_neighbors": ["15", "10"],
        "spectral": "true",
        "title": "no: #1",
        "number": "007",
    }
    assert ModelConfig(init_std=float(str(read["learning_rate"]))).init_std == 1e-7
    with pytest.raises(ConfigError, match="epochs is there twice"):
        read_settings(_file(tmp_path, "epochs: 1\n--epochs: 2\n"))
