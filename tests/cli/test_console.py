"""What the terminal shows around a result."""

from __future__ import annotations

import io
import json
import re
import sys

import pytest
import typer

from graphrec.console import fail, handle_errors, hint, show_json, show_table, training_progress
from graphrec.train.trainer import Epoch


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_bar_shows_epoch_loss_and_metric(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = _Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with training_progress(quiet=False) as callbacks:
        assert callbacks is not None
        callbacks.on_stage("learning", 5)
        callbacks.on_batch(1, 10, 10, 1.234)
        callbacks.on_epoch(Epoch(1, 1.234, 0.4321, 0.1, 1.0, True))
        callbacks.on_batch(2, 10, 10, 1.2)
    shown = screen.getvalue()
    assert "learning 2/5" in shown
    assert "loss 1.200" in shown
    assert "ndcg@20 0.4321 (best" in shown


def test_no_bar_away_from_a_terminal() -> None:
    with training_progress(quiet=False) as callbacks:
        assert callbacks is None


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (KeyboardInterrupt(), 130, "Stopped. Nothing was written."),
        (MemoryError(), 2, "not enough memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: 1 bytes"), 2, "not enough"),
        (ImportError("x.so: failed to map segment from shared object"), 2, "not enough"),
    ],
)
def test_ends_without_a_traceback(
    error: BaseException, code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    @handle_errors
    def command() -> None:
        raise error

    with pytest.raises(typer.Exit) as caught:
        command()
    assert caught.value.exit_code == code
    assert words in capsys.readouterr().err


def test_real_faults_are_not_hidden() -> None:
    @handle_errors
    def command() -> None:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        command()


def test_json_has_no_nan(capsys: pytest.CaptureFixture[str]) -> None:
    show_json({"a": float("nan"), "é": "ü"})
    assert capsys.readouterr().out == '{\n  "a": null,\n  "é": "ü"\n}\n'


def test_json_can_not_steer_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    titles = ["\x1b[31mred", "\x9b31m", "\u202etxt.exe", "two\nlines"]
    show_json(titles)
    shown = capsys.readouterr().out
    assert json.loads(shown) == titles
    assert shown.replace("\n", "").isprintable()


def test_long_titles_are_whole_when_piped(capsys: pytest.CaptureFixture[str]) -> None:
    show_table(["movie_id", "title"], [[1, "x" * 200]])
    assert "x" * 200 in capsys.readouterr().out


def _terminal(monkeypatch: pytest.MonkeyPatch) -> _Terminal:
    """A terminal of 60 columns as stdout."""
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", "60")
    return terminal


def test_long_titles_are_cut_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = _terminal(monkeypatch)
    title = "Night of the Day of the Dawn of the Son of the Bride of the Return"
    show_table(["movie_id", "title", "score"], [[123456, title, 0.5], [7, "Heat", 0.25]])
    header, first, second = screen.getvalue().splitlines()
    assert "\x1b[2m" in header
    assert first == f"  123456  {title[:41]}…  0.5000"
    assert second == f"       7  {'Heat':42}  0.2500"
    assert len(first) == 60


def test_text_of_tables_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """No markup of rich is read in it, no control sequences or line breaks are left."""
    show_table(["title", "n"], [["[red]Heat[/red] :smile:", 1], ["a\nb\x1b[31m", 2], [None, 3]])
    assert capsys.readouterr().out.splitlines()[1:] == [
        "[red]Heat[/red] :smile:  1",
        "a b [31m                 2",
        "                         3",
    ]


def test_one_more_column_goes_below_where_it_does_not_fit(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = _terminal(monkeypatch)
    why = ["because " * 9, "short"]
    show_table(["title", "score"], [["Heat", 0.5], ["Alien", 0.25]], under=("why", why))
    plain = re.sub(r"\x1b\[\d*m", "", screen.getvalue())
    below = [
        "    " + "because " * 6 + "because",
        "    because because",
        "Alien  0.2500",
        "    short",
    ]
    assert [line.rstrip() for line in plain.splitlines()[2:]] == below
    monkeypatch.undo()
    show_table(["title", "score"], [["Heat", 0.5], ["Alien", 0.25]], under=("why", why))
    piped = capsys.readouterr().out.splitlines()
    assert piped[0].split() == ["title", "score", "why"]
    assert piped[1] == "Heat   0.5000  " + ("because " * 9).rstrip()


def test_wide_characters_count_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = _terminal(monkeypatch)
    show_table(["title", "n"], [["千と千尋の神隠し", 1], ["Spirited Away", 2]])
    assert screen.getvalue().splitlines()[1:] == ["千と千尋の神隠し  1", "Spirited Away     2"]


def test_hints_are_for_people_at_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    screen = _terminal(monkeypatch)
    hint("look here")  # stderr is none
    assert capsys.readouterr().err == ""
    errors = _Terminal()
    monkeypatch.setattr(sys, "stderr", errors)
    hint("look here")
    assert "Next: look here" in errors.getvalue()
    assert screen.getvalue() == ""


@pytest.mark.parametrize(("no_color", "is_red"), [("", True), ("1", False)])
def test_errors_are_red_for_those_who_want_colour(
    no_color: str, is_red: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = _Terminal()
    monkeypatch.setattr(sys, "stderr", errors)
    monkeypatch.setenv("NO_COLOR", no_color)
    with pytest.raises(typer.Exit):
        fail("no.")
    assert ("\x1b[31m" in errors.getvalue()) is is_red
    assert "Error: no." in errors.getvalue()
