"""`graphrec serve`."""

from __future__ import annotations

import atexit
import os
import tempfile
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graphrec.cli import options
from graphrec.console import handle_errors, say
from graphrec.errors import ConfigError, OutputError

if TYPE_CHECKING:
    from graphrec.serve.model import ServedModel

_TOKEN = "GRAPHREC_TOKEN"
_SHORTEST = 16


@handle_errors
def serve(
    *,
    model: options.ModelDir = options.DEFAULT_MODEL,
    host: Annotated[
        str, typer.Option(help="Address to listen on; by default only this machine can connect.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 for a free one.")] = 8000,
    store: Annotated[
        str | None,
        typer.Option(
            help="Where interactions and movies that come in are kept: a file of SQLite or the URL"
            " of a PostgreSQL database; by default a file beside the model.",
            metavar="FILE|URL",
            envvar="GRAPHREC_STORE",
            show_default=False,
        ),
    ] = None,
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Take up a new model in the folder once it is complete."),
    ] = False,
    token_file: Annotated[
        Path | None,
        typer.Option(
            help=f"File with the token that clients must show; or set {_TOKEN}.",
        ),
    ] = None,
    no_auth: Annotated[
        bool, typer.Option("--no-auth", help="Let other machines connect without a token.")
    ] = False,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(
            help="Name of this server that requests may use; may be repeated, '*' for any."
        ),
    ] = None,
    rate: Annotated[
        float,
        typer.Option(min=0, help="Requests per second of one client; 0 for any number."),
    ] = 100.0,
    workers: Annotated[
        int,
        typer.Option(
            min=1, max=64, help="Processes that answer; each takes a core, and counts --rate alone."
        ),
    ] = 1,
    index: Annotated[
        bool,
        typer.Option(
            "--index",
            help="Find recommendations by an approximate index, which pays from some 100,000 movies"
            " on; needs pip install 'graphrec[index]'.",
        ),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Log warnings and errors only, not each request.")
    ] = False,
) -> None:
    """Answer over HTTP, and show a page for people.

    Recommendations, similar movies and explanations, with a store of what comes in. Needs pip
    install 'graphrec[serve]'. The page is at the address that is printed, the documentation of the
    API at /docs.

    Examples:

        graphrec serve

        graphrec serve --model my-model --port 8080 --watch

        graphrec serve --host 0.0.0.0 --allowed-host films.example.org --token-file token.txt
    """
    if workers > 1:
        _count_together()
    try:
        import fastapi  # noqa: F401
        import prometheus_client  # noqa: F401
        import sqlalchemy  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError:
        raise ConfigError("serve needs more packages; install 'graphrec[serve]'.") from None
    import logging

    from threadpoolctl import threadpool_limits

    from graphrec.recommend.artefact import Artefact
    from graphrec.serve.limits import LOOPBACK, Limits, is_loopback
    from graphrec.serve.logs import start_logs
    from graphrec.serve.server import Server, listen_all
    from graphrec.serve.service import Service
    from graphrec.serve.store import Store
    from graphrec.serve.workers import run_workers

    token = _token(token_file)
    if not is_loopback(host) and token is None and not no_auth:
        raise ConfigError(
            f"other machines can connect to {host}; add --token-file FILE or set {_TOKEN}, so that"
            " clients need a token, or add --no-auth."
        )
    names = {name.lower() for name in allowed_host or ()}
    anywhere = host in ("0.0.0.0", "::")  # nosec B104 - compared, not bound to
    if anywhere and not names:
        raise ConfigError(
            f"name the server that clients ask by --allowed-host NAME, as they reach {host} by"
            " several; '*' allows any."
        )
    limits = Limits(
        hosts=frozenset({*LOOPBACK, *names, *([] if anywhere else [host.lower()])}),
        token=token,
        rate=rate,
    )
    Artefact.open(model)  # before a store is made beside it
    start_logs(logging.WARNING if quiet else logging.INFO)
    threadpool_limits(1)  # requests are answered side by side already
    opened = Store(store or f"{model.resolve()}.db")
    try:
        shared = _shared_folder() if workers > 1 else None
        service = Service(model, opened, watch=watch, shared=shared, indexed=index)
    except BaseException:
        opened.close()
        raise
    sockets = listen_all(host, port, workers)

    def answer(place: int) -> None:
        first = partial(_tell, service.model, host, sockets[0].getsockname()[1])
        Server(service, limits, None if place else first).run(sockets=[sockets[place]])

    with ExitStack() as open_sockets, suppress(KeyboardInterrupt):
        for one in sockets:
            open_sockets.enter_context(one)
        if workers == 1:
            answer(0)
        else:
            opened.close()  # each process opens connections of its own
            run_workers(workers, answer)
    say("Stopped.")


def _tell(model: ServedModel, host: str, port: int) -> None:
    shown = f"[{host}]" if ":" in host else host
    say(
        f"{model.describe()['data']['name']}: {len(model.movies):,} movies,"
        f" {len(model.user_ids):,} users. http://{shown}:{port} is ready; Ctrl-C stops."
    )


def _count_together() -> None:
    """Let the counters of `/metrics` be sums over processes.

    They are kept in files of a folder, whose name the package reads when it is imported.
    """
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = _temporary_folder("metrics")


def _shared_folder() -> Path:
    """Where the processes keep one copy of a model's arrays, also of one that is taken up later."""
    folder = Path(_temporary_folder("models")) / "arrays"
    folder.mkdir()
    return folder


def _temporary_folder(purpose: str) -> str:
    """One that is removed when this process ends."""
    folder = tempfile.TemporaryDirectory(prefix=f"graphrec-{purpose}-")
    atexit.register(folder.cleanup)
    return folder.name


def _token(path: Path | None) -> str | None:
    """The token in a file or in the environment.

    Raises:
        ConfigError: if it is too short to be one.
    """
    token = os.environ.get(_TOKEN)
    if path is not None:
        try:
            token = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise OutputError(f"--token-file {path}: the file can't be read.") from error
    if token is None:
        return None
    if len(token) < _SHORTEST or not token.isascii() or not token.isprintable() or " " in token:
        raise ConfigError(
            f"the token must have {_SHORTEST} ASCII characters or more and no spaces; make one"
            " with: python -c 'import secrets; print(secrets.token_urlsafe())'."
        )
    return token
