"""Run the notebooks from top to bottom and keep what they show: ``python -m notebooks.run``."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

FOLDER = Path(__file__).parent
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def run(path: Path, folder: Path) -> NotebookNode:
    """The notebook as a run gives it now, with nothing in it that says where or when.

    Args:
        path: the notebook; it stays as it is.
        folder: where it runs, and leaves what it writes.

    Raises:
        nbclient.exceptions.CellExecutionError: if a cell fails.
    """
    notebook: NotebookNode = nbformat.read(path, as_version=4)
    environment = {
        **os.environ,
        "PYTHONPATH": str(FOLDER.parent),  # this graphrec, whichever is installed
        "IPYTHONDIR": str(folder / ".ipython"),  # nobody's own start-up files
    }
    resources = {"metadata": {"path": str(folder)}}
    client = NotebookClient(
        notebook,
        timeout=600,
        resources=resources,
        record_timing=False,
        extra_arguments=["--log-level=ERROR"],
    )
    client.execute(env=environment)
    notebook.metadata = NotebookNode(_METADATA)
    return notebook


def main(names: list[str]) -> None:
    """Run the notebooks whose names begin so, or all, and write them back."""
    for path in NOTEBOOKS:
        if not names or path.name.startswith(tuple(names)):
            with tempfile.TemporaryDirectory() as folder:
                nbformat.write(run(path, Path(folder)), path)
            print(f"{path.name}: {path.stat().st_size / 1e3:.0f} kB", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
