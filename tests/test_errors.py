"""Errors name arguments in Python and options on the command line, by one mechanism."""

from __future__ import annotations

import ast
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import graphrec
from graphrec.config import Layers, Loss, choice
from graphrec.data.sources import load_dataset
from graphrec.data.tables import read_ratings
from graphrec.errors import Argument, ConfigError, DataError, Message, argument, typed

PACKAGE = Path(graphrec.__file__).parent
_OPTION = re.compile(r"(?<![\w-])--[a-z]")


def test_an_argument_is_written_in_both_languages() -> None:
    assert argument("layers", Layers.SAGE) == Argument("layers='sage'", "--layers sage")
    assert argument("num_neighbors", (15, 10)).option == "--num-neighbors 15,10"
    assert argument("title", "the heat").option == "--title 'the heat'"
    assert argument("k", None) == Argument("k=None", "--k None")


def test_messages_hold_messages_and_survive_pickling() -> None:
    inner = Message("give ", argument("seed", 1))
    outer = Message("Note: ", inner, ".")
    assert (outer, typed(outer)) == ("Note: give seed=1.", "Note: give --seed 1.")
    error = pickle.loads(pickle.dumps(ConfigError(outer)))
    assert (str(error), error.typed) == (outer, typed(outer))


def test_messages_hold_no_control_characters_of_what_they_quote() -> None:
    error = DataError("column '\x1b[31mred\u202etxt.exe' of ", argument("ratings"), ".")
    assert str(error) == "column ' [31mred txt.exe' of ratings."
    assert error.typed == "column ' [31mred txt.exe' of --ratings."


def test_text_of_tables_is_never_taken_for_an_argument() -> None:
    error = DataError("column 'epochs=3' of {seed} and --seed")
    assert error.typed == str(error)


def test_errors_of_the_interface_in_python_name_arguments() -> None:
    with pytest.raises(ConfigError, match=r"^epochs is 0; it must be 1 or more\.$") as caught:
        graphrec.TrainConfig(epochs=0)
    assert caught.value.typed == "--epochs is 0; it must be 1 or more."
    with pytest.raises(ConfigError, match="loss is 'loud'"):
        choice(Loss, "loud", "loss")
    ratings = pd.DataFrame({"who": [1, 2], "movie": [1, 2]})
    with pytest.raises(DataError, match=r"Name it with columns=\{'user_id': \.\.\.\}") as missing:
        load_dataset(ratings=ratings)
    assert "Name it with --user-column, or" in missing.value.typed
    with pytest.raises(DataError, match="min_rating needs a rating column"):
        read_ratings(ratings.rename(columns={"who": "user"}), min_rating=3)


_NAMES_OPTIONS = {
    "cli": "the command line itself",
    "console.py": "prints for it",
    "config.py": "holds the help of options",
    "study/verdict.py": "writes a report for people who run `graphrec ablate`",
}


def _said(tree: ast.AST) -> Iterator[ast.Constant]:
    """Strings that are neither docstrings nor parts of an `Argument`."""
    for node in ast.iter_child_nodes(tree):
        is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if is_docstring or (isinstance(node, ast.Call) and ast.unparse(node.func) == "Argument"):
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node
        yield from _said(node)


def test_no_message_of_the_library_names_an_option_itself() -> None:
    """Elsewhere than on the command line an `Argument` says it in both languages."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if name in _NAMES_OPTIONS or name.split("/")[0] in _NAMES_OPTIONS:
            continue
        for string in _said(ast.parse(path.read_text(encoding="utf-8"))):
            text = re.sub(r"'graphrec [^']*'?", "", string.value)  # a whole command to type
            if _OPTION.search(text):
                found.append(f"{name}:{string.lineno}: {string.value}")
    assert found == []
