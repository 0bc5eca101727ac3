"""``python -m graphrec``."""

from graphrec.cli import app

if __name__ == "__main__":
    app(prog_name="graphrec")
