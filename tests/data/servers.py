"""Servers that tests start here: PostgreSQL on a cluster of its own, and a web server."""

from __future__ import annotations

import http.server
import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

USER, PASSWORD = "ann", "s3cr3t-w0rd"


def postgresql_programs() -> Path | None:
    """The folder of initdb and pg_ctl, as Debian's package has them; None where there is none."""
    found = shutil.which("initdb")
    own = [Path(found).resolve().parent] if found else []
    own += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((one for one in own if (one / "initdb").exists()), None)


@contextmanager
def postgresql(programs: Path) -> Iterator[str]:
    """The address of an empty database, whose server and files are gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="graphrec-postgresql-"))
    as_owner: list[str] = []
    if os.geteuid() == 0:  # the server refuses to be root's
        shutil.chown(folder, "postgres", "postgres")
        as_owner = ["runuser", "-u", "postgres", "--"]
    word, data = folder / "word", folder / "data"
    word.write_text(PASSWORD, encoding="utf-8")
    word.chmod(0o644)
    port = _free_port()

    def run(*arguments: object) -> None:
        command = [*as_owner, *map(str, arguments)]
        subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL)

    secret = [f"--username={USER}", f"--pwfile={word}", "--auth=scram-sha-256"]
    try:
        run(programs / "initdb", f"--pgdata={data}", *secret, "--no-sync", "--encoding=UTF8")
        options = f"-c listen_addresses=127.0.0.1 -c port={port} -c fsync=off -k {folder}"
        log = f"--log={folder / 'log'}"
        run(programs / "pg_ctl", "start", "-w", f"--pgdata={data}", log, "-o", options)
        try:
            yield f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{port}/postgres"
        finally:
            run(programs / "pg_ctl", "stop", "-w", "-m", "immediate", f"--pgdata={data}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def web_server(folder: Path) -> Iterator[str]:
    """The address of a server of a folder's files."""
    handler = partial(_Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
