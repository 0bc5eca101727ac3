"""docs/engine.md has every fixed number of the model, its validation and its splits."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

import graphrec.nn

ENGINE = Path(__file__).parents[1] / "docs" / "engine.md"
ROW = re.compile(r"^\| `([\w.]+)` \| `(\w+)` \| ([\d.,e/-]+) \|", re.MULTILINE)
MODULES = [
    *("data.split", "evaluate.metrics", "train.closed_form", "train.validation"),
    *(f"nn.{module.name}" for module in iter_modules(graphrec.nn.__path__)),
]


def _constants(module: str) -> dict[str, float]:
    """A module's own public numbers."""
    own_module = import_module(f"graphrec.{module}")
    found, source = vars(own_module), inspect.getsource(own_module)
    written = re.findall(r"^([A-Z][\w, ]*?) = ", source, re.MULTILINE)
    own = {name.strip() for line in written for name in line.split(",")}
    return {name: found[name] for name in own if isinstance(found[name], (int, float))}


def test_the_table_of_fixed_numbers_is_that_of_the_code() -> None:
    text = ENGINE.read_text(encoding="utf-8")
    told = {
        (module, name): float(Fraction(value.replace(",", "")))
        for module, name, value in ROW.findall(text)
    }
    code = {
        (module, name): float(value)
        for module in MODULES
        for name, value in _constants(module).items()
    }
    assert len(code) > 30
    assert told == pytest.approx(code, rel=1e-9)


def _functions() -> list[Callable[..., object]]:
    modules = [import_module(f"graphrec.{name}") for name in MODULES]
    classes = [own for module in modules for own in vars(module).values() if inspect.isclass(own)]
    return [
        function
        for owner in (*modules, *classes)
        for _, function in inspect.getmembers(owner, inspect.isroutine)
        if str(getattr(function, "__module__", "")).startswith("graphrec.")
    ]


def test_without_a_seed_it_is_zero() -> None:
    seeds = {
        parameter.default
        for function in _functions()
        for name, parameter in inspect.signature(function).parameters.items()
        if name == "seed" and parameter.default is not inspect.Parameter.empty
    }
    assert seeds == {0}
