"""What docs/serving.md tells people to type."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from graphrec.serve.service import Service
from graphrec.serve.store import Store
from tests.serve.running import running

DOCS = Path(__file__).parents[2] / "docs" / "serving.md"
LINES = re.findall(r"^\$ (curl .*?)(?:\s+#.*)?$", DOCS.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.fixture(scope="module")
def address(sample_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    store = Store(tmp_path_factory.mktemp("docs") / "store.db")
    with running(Service(sample_model, store)) as own:
        yield own


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("line", LINES)
def test_each_curl_line_is_answered(address: str, line: str) -> None:
    host = address.removeprefix("http://")
    command = line.replace("localhost:8000", host).replace("curl ", "curl -sS --fail-with-body ", 1)
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    if done.stdout and "/metrics" not in line:
        json.loads(done.stdout)


def test_every_address_has_its_line(address: str) -> None:
    answer = subprocess.run(
        ["curl", "-s", f"{address}/openapi.json"], capture_output=True, check=True
    )
    document = json.loads(answer.stdout)
    for path, methods in document["paths"].items():
        pattern = re.compile(
            "localhost:8000" + re.sub(r"\\\{\w+\\\}", r"\\w+", re.escape(path)) + r"(?![\w/])"
        )
        found = [line for line in LINES if pattern.search(line)]
        for method in methods:
            own = {"delete": "-X DELETE", "post": "-d "}.get(method, "")
            assert [line for line in found if own in line], f"{method} {path}"
