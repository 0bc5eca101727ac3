"""Help and shell completion: quick, plain, and complete."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from graphrec.cli import app

ROOT = Path(__file__).parents[2]


def _graphrec(*arguments: str, **environment: str) -> str:
    """What a real process prints."""
    done = subprocess.run(
        [sys.executable, "-m", "graphrec", *arguments],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, **environment},
    )
    return done.stdout


@pytest.mark.parametrize(
    ("group", "names"),
    [((), {"train", "similar", "recommend", "evaluate"}), (("data",), {"inspect"})],
)
def test_commands_are_described_in_whole_sentences(group: tuple[str, ...], names: set[str]) -> None:
    shown = _graphrec(*group, "--help", COLUMNS="80")
    commands = shown.split("Commands:")[1].strip().splitlines()
    assert {line.split()[0] for line in commands} >= names
    assert not [line for line in commands if line.endswith("...")]


def test_options_stand_in_their_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = CliRunner().invoke(app, ["train", "--help"]).stdout
    own, rest = shown.split("\nTables:\n")
    tables, settings = rest.split("\nSettings:\n")
    assert "--output" in own
    assert "--help" in own
    assert "--ratings" in tables
    assert "--epochs" in settings
    assert max(map(len, shown.splitlines())) <= 80
    similar = CliRunner().invoke(app, ["similar", "--help"]).stdout
    assert "Arguments:\n  title" in similar


def test_help_and_version_load_no_slow_library() -> None:
    code = (
        "import sys; from graphrec.cli import app;"
        "app([%r], standalone_mode=False);"
        "print([name for name in ('rich', 'numpy', 'pandas', 'torch') if name in sys.modules])"
    )
    for option in ("--help", "--version"):
        done = subprocess.run(
            [sys.executable, "-c", code % option],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
        )
        assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script_of_each_shell(shell: str) -> None:
    quiet = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    script = _graphrec("--show-completion", shell, **quiet)
    assert f"complete_{shell}" in script
    assert "_GRAPHREC_COMPLETE" in script


def test_completion_is_installed_for_bash(tmp_path: Path) -> None:
    quiet = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1", "HOME": str(tmp_path)}
    _graphrec("--install-completion", "bash", **quiet)
    script = tmp_path / ".bash_completions" / "graphrec.sh"
    assert "complete_bash" in script.read_text(encoding="utf-8")
    assert "graphrec.sh" in (tmp_path / ".bashrc").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("graphrec sim", ["similar", "similar-users"]),
        ("graphrec similar --by ", ["both", "collaborative", "metadata", "features", "all"]),
        ("graphrec train --split le", ["leave-last-out"]),
        ("graphrec recommend --hist", ["--history"]),
    ],
)
def test_completes_commands_options_and_choices(words: str, found: list[str]) -> None:
    index = str(len(words.split(" ")) - 1)
    asked = {"_GRAPHREC_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": index}
    assert _graphrec(**asked).split() == found
