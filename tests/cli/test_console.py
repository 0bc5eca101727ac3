"""What the terminal shows around a result."""

from __future__ import annotations

import io
import sys

import pytest
import typer

from graphrec.choices import Scoring
from graphrec.console import friendly, show_json, show_table, training_progress
from graphrec.evaluate.scorers import RankingRule
from graphrec.train.trainer import Epoch


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_bar_shows_epoch_loss_and_metric(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = _Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with training_progress(quiet=False) as callbacks:
        callbacks["on_stage"]("learning", 5)
        callbacks["on_batch"](1, 10, 10, 1.234)
        callbacks["on_epoch"](Epoch(1, 1.234, 0.4321, RankingRule(Scoring.DOT), 1.0, True))
        callbacks["on_batch"](2, 10, 10, 1.2)
    shown = screen.getvalue()
    assert "learning 2/5" in shown
    assert "loss 1.200" in shown
    assert "ndcg@20 0.4321 (best" in shown


def test_no_bar_away_from_a_terminal() -> None:
    with training_progress(quiet=False) as callbacks:
        assert callbacks == {}


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (KeyboardInterrupt(), 130, "Stopped. Nothing was written."),
        (MemoryError(), 2, "not enough memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: 1 bytes"), 2, "not enough"),
    ],
)
def test_ends_without_a_traceback(
    error: BaseException, code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    @friendly
    def command() -> None:
        raise error

    with pytest.raises(typer.Exit) as caught:
        command()
    assert caught.value.exit_code == code
    assert words in capsys.readouterr().err


def test_real_faults_are_not_hidden() -> None:
    @friendly
    def command() -> None:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        command()


def test_json_has_no_nan(capsys: pytest.CaptureFixture[str]) -> None:
    show_json({"a": float("nan"), "é": "ü"})
    assert capsys.readouterr().out == '{\n  "a": null,\n  "é": "ü"\n}\n'


def test_long_titles_are_whole_when_piped(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(["movie_id", "title"], [[1, "x" * 200]])
    assert "x" * 200 in capsys.readouterr().out
