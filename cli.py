"""``python cli.py train`` from a checkout; installed, the same is ``graphrec train``."""

from graphrec.cli import app

if __name__ == "__main__":
    app()
