"""Change one thing of a module at a time, and see whether its tests notice.

    python -m tests.torture.mutation --mutants 300 --seed 0

A mutant is `graphrec/nn`, `graphrec/evaluate/metrics.py` or `graphrec/data/split.py` with one
operator swapped, number raised, condition turned round, or argument, sign or call left out. It is
caught if the module's own tests fail, or else those of what uses it. Survivors are printed as they
are found, and are for a person to look at: some change nothing that matters, like the size of a
block.

This is not mutmut, which changes no decorated function, so hardly any of `HybridModel`, and draws
no sample, nor cosmic-ray, which starts Python and loads torch anew for every mutant.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

MODULES = (
    *sorted(Path("graphrec/nn").glob("*.py")),
    Path("graphrec/evaluate/metrics.py"),
    Path("graphrec/data/split.py"),
)
_TRAIN = ("objective", "data", "validation", "estimate", "continuing", "trainer")
USERS = {
    "nn": ["tests/nn", *(f"tests/train/test_{name}.py" for name in _TRAIN)],
    "evaluate": ["tests/evaluate"],
    "data": ["tests/test_sample_facts.py", "tests/train/test_data.py", "tests/train"],
}
"""Tests of what uses a module, by its folder."""
PRELOADED = (
    *("hypothesis.extra.numpy", "pandas", "pyarrow.parquet", "rapidfuzz", "rich.console", "typer"),
    *("scipy.linalg", "scipy.sparse.linalg", "sklearn.linear_model", "sklearn.utils.extmath"),
    *("torch_geometric.nn", "torch_geometric.sampler", "torchmetrics"),
)
"""What is loaded once for all mutants; none of it imports graphrec."""
GUARDS = ("strict", "device")  # arguments that change nothing where all is right, or on a CPU
SWAPS: dict[type[ast.AST], type[Any]] = {
    **{ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt},
    **{ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is},
    **{ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And},
    **{ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult},
    **{ast.FloorDiv: ast.Mult, ast.Pow: ast.Mult, ast.MatMult: ast.Mult},
    **{ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd},
}


def sites(tree: ast.Module) -> list[tuple[ast.AST, Callable[[], object]]]:
    """Each thing that can be changed: the node, and what changes it.

    Annotations, decorators, `GUARDS`, what is raised and what is for type checkers alone stay.
    """
    kept = {id(inner) for outer in _kept(tree) for inner in ast.walk(outer)}
    nodes = (node for node in ast.walk(tree) if id(node) not in kept)
    return [(node, change) for node in nodes for change in _changes(node)]


def _kept(tree: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) or (isinstance(node, ast.keyword) and node.arg in GUARDS):
            yield node
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            yield node
        for name in ("annotation", "returns", "decorator_list"):
            part = getattr(node, name, None) or []
            yield from part if isinstance(part, list) else [part]


def _changes(node: ast.AST) -> Iterator[Callable[[], object]]:
    """The ways to change a node."""

    def put(name: str, value: Any) -> Callable[[], object]:
        return lambda: setattr(node, name, value)

    match node:
        case ast.Compare(ops=ops):
            for place, own in enumerate(ops):
                swapped = [*ops[:place], SWAPS[type(own)](), *ops[place + 1 :]]
                yield put("ops", swapped)
        case ast.BinOp(op=op) | ast.BoolOp(op=op) | ast.AugAssign(op=op) if type(op) in SWAPS:
            yield put("op", SWAPS[type(op)]())
        case ast.UnaryOp(op=ast.USub()):
            yield put("op", ast.UAdd())
        case ast.UnaryOp(op=ast.Not() | ast.Invert() as op, operand=operand):
            yield put("operand", ast.UnaryOp(op, operand))
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
            yield put("test", ast.UnaryOp(ast.Not(), test))
        case ast.Constant(value=bool() as value):
            yield put("value", not value)
        case ast.Constant(value=int() | float() as value):
            yield put("value", value + 1)
        case ast.Expr(value=ast.Call()):
            yield put("value", ast.Constant(None))
        case ast.Call(keywords=keywords):
            for place, keyword in enumerate(keywords):
                if keyword.arg not in (None, *GUARDS):
                    yield put("keywords", [*keywords[:place], *keywords[place + 1 :]])


def mutate(source: str, number: int) -> tuple[ast.Module, str]:
    """A module with one of its `sites` changed, and the change in words."""
    tree = ast.parse(source)
    node, change = sites(tree)[number]
    before = ast.unparse(node)
    change()
    after = ast.unparse(ast.fix_missing_locations(node))
    pairs = enumerate(zip(before, after, strict=False))
    same = next((place for place, (was, now) in pairs if was != now), 0)
    was, now = (text[max(0, same - 40) :] for text in (before, after))
    return tree, " ".join(f"{getattr(node, 'lineno', 0)}: {was:.90}  ->  {now:.90}".split())


class _Changed(SourceFileLoader):
    """Finds and loads one module of another tree than its file's."""

    def __init__(self, path: Path, tree: ast.Module) -> None:
        parts = path.with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        super().__init__(name, str(path.resolve()))
        self.tree = tree

    def get_code(self, fullname: str) -> CodeType:
        del fullname
        return compile(self.tree, self.path, "exec", dont_inherit=True)

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        if fullname != self.name:
            return None
        return spec_from_file_location(fullname, self.path, loader=self)


def passes(path: Path, tree: ast.Module, tests: list[str], seconds: float) -> bool:
    """Whether tests pass in time with a changed module, in a process of their own."""
    child = os.fork()
    if not child:
        code = 1
        try:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            os.dup2(null, 2)
            signal.setitimer(signal.ITIMER_REAL, seconds)  # ends the process
            sys.meta_path.insert(0, _Changed(path, tree))
            options = ["-x", "-p", "no:cacheprovider", "-m", "not slow and not realdata"]
            options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # of what is preloaded
            with tempfile.TemporaryDirectory() as folder:
                code = int(pytest.main([*tests, *options, f"--basetemp={folder}/tests"]))
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def tests_of(path: Path) -> list[list[str]]:
    """What is run for a module: its own tests and examples, then those of what uses it."""
    name = "exports" if path.stem == "__init__" else path.stem
    own = [f"tests/{path.parent.name}/test_{name}.py", str(path)]
    return [[*own, "tests/test_fixed_numbers.py"], USERS[path.parent.name]]


def main() -> int:
    """Read the command line, try the mutants, and print how many are caught."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture.mutation")
    parser.add_argument("--mutants", type=int, default=300, help="how many (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the sample (%(default)s)")
    parser.add_argument("--only", default="", metavar="TEXT", help="modules with this in the path")
    asked = parser.parse_args()
    os.environ.setdefault("CI", "1")  # hypothesis then draws the same examples for every mutant
    for name in PRELOADED:
        import_module(name)

    sources = {path: path.read_text() for path in MODULES}
    every = [(path, k) for path in MODULES for k in range(len(sites(ast.parse(sources[path]))))]
    drawn = random.Random(asked.seed).sample(every, min(asked.mutants, len(every)))
    drawn = sorted(one for one in drawn if asked.only in str(one[0]))
    print(f"{len(drawn)} of {len(every):,} possible mutants, seed {asked.seed}", flush=True)

    left = [(path, *mutate(sources[path], number)) for path, number in drawn]
    tried, limits = Counter(path for path, *_ in left), dict[str, float]()
    for stage, missed in enumerate(("own tests miss", "survived")):
        tests = {path: tests_of(path)[stage] for path in tried}
        still = []
        for path, tree, change in left:
            key = " ".join(tests[path])
            if key not in limits:
                start = time.monotonic()
                if not passes(path, ast.parse(sources[path]), tests[path], 3_600):
                    sys.exit(f"{key} fails before anything is changed.")
                limits[key] = 60 + 3 * (time.monotonic() - start)
            if passes(path, tree, tests[path], limits[key]):
                still.append((path, tree, change))
                print(f"{missed}: {path}:{change}", flush=True)
        left = still
    survived = Counter(path for path, *_ in left)
    for path, number in tried.items():
        print(f"{path!s:<32} {number - survived[path]:>4} of {number:>3} caught")
    caught = tried.total() - survived.total()
    print(f"{'all':<32} {caught:>4} of {tried.total():>3} caught, {caught / tried.total():.0%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
