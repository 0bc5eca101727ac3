"""The routes: what can be asked over HTTP."""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Annotated, Any

import anyio.to_thread
import numpy as np
from fastapi import APIRouter, Body, FastAPI, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match

from graphrec import __version__
from graphrec.errors import ConfigError, DataError, GraphrecError, UnknownIdError
from graphrec.serve import schema
from graphrec.serve.guard import COOKIE, Guard, error_body
from graphrec.serve.limits import MAX_START, Limits
from graphrec.serve.model import Answer, ListOptions, Profile, ServedModel
from graphrec.serve.service import Service, TakenError
from graphrec.serve.store import Interaction, StoreError

_THREADS = 2  # they share one interpreter: with more, they wait for each other
_DAY = 24 * 3600
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": schema.Error}
    for status in (400, 401, 403, 404, 408, 409, 413, 415, 421, 422, 429, 431, 500, 503)
}
MovieId = Annotated[schema.PathId, Path(description="Id of a movie.")]
UserId = Annotated[schema.PathId, Path(description="Id of a user.")]


def make_app(service: Service, limits: Limits) -> Guard:
    """The service behind its guard, an ASGI application."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = _THREADS
        service.start()
        yield
        await anyio.to_thread.run_sync(service.stop)

    app = FastAPI(
        title="graphrec",
        version=__version__,
        description="Movie recommendations from a user-movie graph.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        responses=_ERRORS,
    )
    documented = (
        *(_movies(service), _users(service), _feedback(service)),
        *(_about(service, limits), _health(service)),
    )
    for router in documented:
        app.include_router(router)
    pages = _pages(service)
    app.include_router(pages, include_in_schema=False)
    routes = [route for router in (*documented, pages) for route in router.routes]
    _handle_errors(app, service, routes)
    return Guard(app, limits, service.metrics)


def _json(answer: Answer, status: int = 200) -> Response:
    return Response(_bytes(answer), status, media_type="application/json")


def _bytes(answer: Answer) -> bytes:
    text = json.dumps(answer, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode(errors="replace")


def _movies(service: Service) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["movies"])

    @router.get("/movies", response_model=schema.Movies)
    def search_movies(asked: Annotated[schema.SearchQuery, Query()]) -> Response:
        """Movies whose titles hold what was typed; the last word may be only begun."""
        return _json({"movies": service.model.search(asked.q, asked.k)})

    @router.post("/movies", response_model=schema.AddedMovie, status_code=201)
    def add_movie(movie: schema.NewMovie) -> Response:
        """Add a movie that is known by its metadata; no training is needed."""
        record = movie.model_dump(exclude_none=True)
        _check_text(record)
        added, notes = service.add_movie(record)
        return _json(added | {"notes": notes}, 201)

    @router.get("/movies/{movie_id}", response_model=schema.FullMovie)
    def get_movie(movie_id: MovieId) -> Response:
        """One movie with its metadata."""
        model = service.model
        return _json(model.movie(model.row(movie_id)))

    @router.delete("/movies/{movie_id}", status_code=204)
    def delete_movie(movie_id: MovieId) -> Response:
        """Let a movie be listed no more; ratings of it stay."""
        service.remove_movie(movie_id)
        return Response(status_code=204)

    @router.get("/movies/{movie_id}/similar", response_model=schema.SimilarMovies)
    def similar_to_movie(
        movie_id: MovieId, asked: Annotated[schema.SimilarQuery, Query()]
    ) -> Response:
        """The movies closest to one."""
        return _similar(service.model, [movie_id], asked)

    @router.get("/similar", response_model=schema.SimilarMovies)
    def similar_to_several(asked: Annotated[schema.SeveralQuery, Query()]) -> Response:
        """The movies closest to several."""
        return _similar(service.model, asked.movie, asked)

    @router.get("/popular", response_model=schema.MovieList)
    def popular_movies(asked: Annotated[schema.ListQuery, Query()]) -> Response:
        """The movies with most ratings in training."""
        model = service.model
        options = _options(model, asked)
        return _json(_page(model, model.popular(options), options))

    @router.get("/latest", response_model=schema.MovieList)
    def latest_movies(asked: Annotated[schema.ListQuery, Query()]) -> Response:
        """The newest movies; of one year those with most ratings first."""
        model = service.model
        options = _options(model, asked)
        return _json(_page(model, model.latest(options), options))

    @router.get("/explanations/similarity", response_model=schema.SimilarityExplanation)
    def explain_similarity(asked: Annotated[schema.PairQuery, Query()]) -> Response:
        """How similar two movies are, as exact sums."""
        model = service.model
        return _json(model.explain_similarity(model.row(asked.first), model.row(asked.second)))

    return router


def _similar(model: ServedModel, movie_ids: list[str], asked: schema.SimilarQuery) -> Response:
    rows = model.rows(movie_ids)
    options = asked.model_dump(include={"by", "k", "where", "diversity", "include_unrated", "why"})
    key = (tuple(rows.tolist()), *options.values())
    made = model.cache.get(key, lambda: _bytes({"movies": model.similar(rows, **options)}))
    return Response(made, media_type="application/json")


def _options(model: ServedModel, asked: schema.ListQuery | schema.RecommendBody) -> ListOptions:
    """What a list should be like.

    Raises:
        ConfigError: if its cursor is of another model, or doesn't go with diversity.
    """
    given = asked.model_dump()
    diversity = given.get("diversity", 0.0)
    if asked.cursor is not None and diversity:
        raise ConfigError("a list with diversity has one page; leave out cursor and raise k.")
    return ListOptions(
        k=asked.k,
        start=0 if asked.cursor is None else _start(asked.cursor, model),
        where=asked.where,
        among=None if asked.among is None else tuple(asked.among),
        exclude=tuple(asked.exclude),
        diversity=diversity,
        include_rated=given.get("include_rated", False),
    )


def _page(model: ServedModel, movies: list[Answer], options: ListOptions) -> Answer:
    """A page, and the cursor of the next one."""
    end = options.start + len(movies)
    goes_on = len(movies) == options.k and end <= MAX_START and not options.diversity
    cursor = None
    if goes_on:
        text = json.dumps([model.held.version, end]).encode()
        cursor = base64.urlsafe_b64encode(text).decode()
    return {"movies": movies, "next": cursor}


def _start(cursor: str, model: ServedModel) -> int:
    try:
        version, start = json.loads(base64.b64decode(cursor, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, TypeError):
        version, start = None, None
    if not isinstance(start, int) or not 0 <= start <= MAX_START:
        raise ConfigError("the cursor is none that a page before had as `next`.")
    if version != model.held.version:
        raise ConfigError("the cursor is of a model that was replaced; begin with the first page.")
    return start


def _users(service: Service) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["users"])

    @router.get("/users/{user_id}/recommendations", response_model=schema.Recommendations)
    def recommend(user_id: UserId, asked: Annotated[schema.RecommendQuery, Query()]) -> Response:
        """The best movies for a user; popular ones for a user that nobody knows."""
        model = service.model
        return _recommend(model, service.profile(model, user_id), asked)

    @router.post("/recommendations", response_model=schema.Recommendations)
    def recommend_by_history(asked: schema.RecommendBody) -> Response:
        """The best movies for a history in the request; nothing is stored."""
        model = service.model
        who = _unnamed(model, asked)
        if len(who.history):
            service.metrics.fold_ins.inc()
        return _recommend(model, who, asked)

    @router.post("/exports", response_model=schema.Export)
    def read_export(asked: schema.ExportBody) -> Response:
        """The movies of an export from Letterboxd or IMDb; nothing is stored."""
        try:
            content = base64.b64decode(asked.content, validate=True)
        except binascii.Error:
            raise DataError(f"{asked.name}: the content is not in base64.") from None
        return _json(service.model.exported(content, asked.name))

    @router.get("/users/{user_id}/history", response_model=schema.History)
    def history(user_id: UserId) -> Response:
        """What a user has rated, what is new first."""
        model = service.model
        changes = service.store.user(model.check_user_id(user_id))
        return _json({"movies": model.history(user_id, changes)})

    @router.get("/users/{user_id}/similar", response_model=schema.SimilarUsers)
    def similar_users(user_id: UserId, asked: Annotated[schema.UsersQuery, Query()]) -> Response:
        """The training users whose vectors are closest."""
        model = service.model
        who = service.profile(model, user_id)
        return _json({"users": model.similar_users(who, asked.k, user_id)})

    @router.delete("/users/{user_id}", status_code=204)
    def forget_user(user_id: UserId) -> Response:
        """Delete what is stored of a user, and let nothing that training knew count any more."""
        service.store.forget(service.model.check_user_id(user_id))
        return Response(status_code=204)

    @router.get("/users/{user_id}/explanations/{movie_id}", response_model=schema.Explanation)
    def explain(user_id: UserId, movie_id: MovieId) -> Response:
        """A movie's score for a user, as an exact sum."""
        model = service.model
        row = model.row(movie_id)
        return _json(model.explain(row, service.profile(model, user_id), user_id))

    @router.post("/explanations", response_model=schema.Explanations)
    def explain_by_history(asked: schema.ExplainBody) -> Response:
        """Movies' scores for a history in the request, as exact sums."""
        model = service.model
        rows, who = model.rows(asked.explain), _unnamed(model, asked)
        return _json({"explanations": [model.explain(row, who) for row in rows.tolist()]})

    return router


def _recommend(
    model: ServedModel, who: Profile, asked: schema.RecommendQuery | schema.RecommendBody
) -> Response:
    options = _options(model, asked)
    page = _page(model, model.recommend(who, options), options)
    return _json(page | {"basis": who.basis})


def _unnamed(model: ServedModel, asked: schema.HistoryBody) -> Profile:
    """Whose history is in the request; of a movie that is named twice the last rating counts."""
    ratings = asked.ratings
    if ratings is not None and len(ratings) != len(asked.movies):
        raise ConfigError(
            f"there are {len(ratings)} ratings for {len(asked.movies)} movies; give one for each."
        )
    given = ratings or [None] * len(asked.movies)
    last = {model.row(movie): r for movie, r in zip(asked.movies, given, strict=True)}
    return model.new_profile(np.array(list(last), dtype=np.int64), list(last.values()))


def _feedback(service: Service) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["feedback"])

    @router.post("/feedback", response_model=schema.Written)
    def write(rows: Annotated[schema.FeedbackBody, Body()]) -> Response:
        """Keep ratings or other interactions; all or none are written. Writing twice is once."""
        now = int(time.time())
        service.write(
            [
                Interaction(
                    row.user,
                    row.movie,
                    row.rating,
                    now if row.timestamp is None else row.timestamp,
                )
                for row in rows
            ]
        )
        return _json({"written": len(rows)})

    @router.post("/feedback/delete", response_model=schema.Written)
    def delete(rows: Annotated[schema.PairsBody, Body()]) -> Response:
        """Take interactions back, those of the training, too."""
        _remove(service, [(row.user, row.movie) for row in rows])
        return _json({"written": len(rows)})

    @router.delete("/users/{user_id}/history/{movie_id}", status_code=204)
    def delete_one(user_id: UserId, movie_id: MovieId) -> Response:
        """Take one interaction back."""
        _remove(service, [(user_id, movie_id)])
        return Response(status_code=204)

    return router


def _remove(service: Service, pairs: list[tuple[str, str]]) -> None:
    now = int(time.time())
    service.write([Interaction(user, movie, None, now, removed=True) for user, movie in pairs])


def _about(service: Service, limits: Limits) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["model"])

    @router.get("/model", response_model=schema.Model)
    def describe() -> Response:
        """What the model is, how good, and how old."""
        return _json(service.model.describe())

    @router.get("/map", response_model=schema.Map)
    def points() -> Response:
        """All movies as points of each layout of the map."""
        model = service.model
        made = model.cache.get("map", lambda: _bytes(model.map()))
        return Response(made, media_type="application/json")

    @router.post("/session", status_code=204, include_in_schema=False)
    def enter(asked: schema.TokenBody) -> Response:
        """Let a browser in by the token."""
        if limits.token is not None and not limits.allows_token(asked.token):
            raise HTTPException(401, "that is not the token.")
        answer = Response(status_code=204)
        answer.set_cookie(
            COOKIE, limits.cookie, max_age=30 * _DAY, httponly=True, samesite="strict"
        )
        return answer

    return router


def _health(service: Service) -> APIRouter:
    router = APIRouter(tags=["health"])

    @router.get("/health/live", response_model=schema.Live)
    async def live() -> Answer:
        """Whether the process answers."""
        return {"live": True}

    @router.get("/health/ready", response_model=schema.Ready)
    def ready() -> Response:
        """Whether questions are answered; `model.problem` says why a new model isn't taken up."""
        is_ready, answer = service.ready()
        return _json(answer, 200 if is_ready else 503)

    @router.get("/metrics", response_class=PlainTextResponse)
    def metrics() -> Response:
        """Counters in Prometheus' format."""
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4")

    return router


def _pages(service: Service) -> APIRouter:
    router = APIRouter()
    own = files("graphrec.serve").joinpath("page")
    shared = files("graphrec.recommend.mapping").joinpath("page", "finding.js")  # of the map's page
    contents = {
        file.name: (file.read_bytes(), _TYPES[f".{file.name.rpartition('.')[2]}"])
        for file in (*own.iterdir(), shared)
        if f".{file.name.rpartition('.')[2]}" in _TYPES
    }

    def send(name: str) -> Callable[[], Awaitable[Response]]:
        async def page() -> Response:
            content, kind = contents[name]
            return Response(content, media_type=kind, headers={"cache-control": "no-cache"})

        return page

    for name in contents:
        router.add_api_route(f"/page/{name}", send(name), methods=["GET", "HEAD"])
    for path, name in (("/", "index.html"), ("/docs", "docs.html")):
        if name in contents:
            router.add_api_route(path, send(name), methods=["GET", "HEAD"])

    @router.get("/map")
    def drawn() -> Response:
        """The map as a page of its own, with a policy of its own."""
        from graphrec.recommend.mapping.webpage import as_html

        model = service.model
        made = model.cache.get(
            "map page", lambda: as_html(model.drawn, model.drawn.start).encode(errors="replace")
        )
        own = "frame-ancestors 'self'"  # the rest stands in the page
        return Response(made, media_type=_TYPES[".html"], headers={"content-security-policy": own})

    return router


def _check_text(value: Any, depth: int = 0) -> None:
    """Fail for text that a database or a table can't hold, and for what is too deep.

    Raises:
        DataError: saying which.
    """
    if depth > 5:
        raise DataError("a movie's metadata are too deep.")
    if isinstance(value, str) and (
        "\x00" in value or (not value.isprintable() and _is_half(value))
    ):
        raise DataError("a movie's metadata hold a NUL character or half a character.")
    inner = [*value, *value.values()] if isinstance(value, dict) else value
    if isinstance(inner, list):
        for one in inner:
            _check_text(one, depth + 1)


def _is_half(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _handle_errors(app: FastAPI, service: Service, routes: Sequence[BaseRoute]) -> None:
    def said(
        request: Request, status: int, sentence: str, headers: dict[str, str] | None = None
    ) -> Response:
        body = error_body(sentence, request.scope["state"]["request_id"])
        return Response(body, status, headers, media_type="application/json")

    @app.exception_handler(GraphrecError)
    async def of_graphrec(request: Request, error: GraphrecError) -> Response:
        match error:
            case StoreError():
                service.note_store_error(error)
                return said(request, 503, "the store can't be used now; the log says why.")
            case TakenError():
                return said(request, 409, str(error))
            case UnknownIdError():
                return said(request, 404, str(error))
            case _:
                return said(request, 400, str(error))

    @app.exception_handler(RequestValidationError)
    async def of_values(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:]) or "the request"
        return said(request, 422, f"{where[:100]}: {first['msg']}.")

    @app.exception_handler(HTTPException)
    async def of_http(request: Request, error: HTTPException) -> Response:
        sentence = _SENTENCES.get(error.status_code, error.detail)
        headers = {"allow": _methods(routes, request)} if error.status_code == 405 else None
        return said(request, error.status_code, sentence, headers)


def _methods(routes: Sequence[BaseRoute], request: Request) -> str:
    """The methods of all routes of an address; Starlette names those of the first."""
    own = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    return ", ".join(sorted({m for route in own for m in getattr(route, "methods", ())}))


_SENTENCES = {
    400: "the body is no JSON that can be read.",
    404: "there is nothing at this address; /docs lists what there is.",
    405: "this address doesn't know that method; /docs says which.",
}
