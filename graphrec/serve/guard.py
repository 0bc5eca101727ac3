"""What stands before every request: limits, tokens, hosts, times, logs and numbers."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from uuid import uuid4

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from graphrec.serve.limits import Limits
from graphrec.serve.metrics import Metrics

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

log = logging.getLogger("graphrec.serve")
COOKIE = "graphrec"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'self'"
)
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
_SECRET = ("/api/", "/metrics", "/map")
"""Where a token is needed, if there is one; the page itself holds no data."""
_SAFE = ("GET", "HEAD")
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_MOST_HEADERS = 100
_MOST_CLIENTS = 10_000  # whose rates are remembered
_LINGER = 1.0  # seconds in which a refused client may finish sending


class RefusedError(Exception):
    """A request that is not let in."""

    def __init__(self, status: int, sentence: str, **headers: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence, self.headers = status, sentence, headers


class Guard:
    """An ASGI application before another one.

    It lets in what the limits allow, reads bodies whole, and answers in time. Every answer has a
    request id, which its line of the log has, too.

    Args:
        app: the service.
        limits: what is let in.
        metrics: where requests are counted.
    """

    def __init__(self, app: App, limits: Limits, metrics: Metrics) -> None:
        self.app, self.limits, self.metrics = app, limits, metrics
        self._rates = _Rates(limits.rate)
        self._left: set[asyncio.Task[None]] = set()  # that were not in time

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        answer = _Answer(scope, receive, send)
        start = time.perf_counter()
        self.metrics.running.inc()
        try:
            try:
                self._check(scope, answer.headers)
                async with asyncio.timeout(self.limits.seconds):
                    body = await self._body(scope, answer.headers, receive)
                answer.is_body_read = scope["method"] not in _SAFE
                await self._ask(scope, body, receive, answer)
            except TimeoutError:
                await answer.refuse(RefusedError(408, "the request's body didn't arrive in time."))
            except RefusedError as refused:
                await answer.refuse(refused)
            except _HungUpError:
                answer.status = 499
            except Exception:
                log.exception("failed", extra={"told": {"request_id": answer.request_id}})
                await answer.refuse(RefusedError(500, "the server failed; its log says why."))
        finally:
            self.metrics.running.dec()
            self._note(scope, answer, time.perf_counter() - start)

    def _check(self, scope: Scope, headers: dict[str, str]) -> None:
        """Raises `RefusedError` for what is not let in."""
        size = sum(len(name) + len(value) for name, value in scope["headers"])
        if size > self.limits.max_head or len(scope["headers"]) > _MOST_HEADERS:
            raise RefusedError(431, "the request has too many or too long headers.")
        if not self.limits.allows_host(headers.get("host", "")):
            raise RefusedError(
                421,
                "the Host header names a server that is not among the allowed hosts of this one.",
            )
        client = (scope.get("client") or ("",))[0]
        if not self._rates.allow(client):
            raise RefusedError(429, "too many requests; ask again in a second.", retry_after="1")
        path, method = scope["path"], scope["method"]
        if self.limits.token is not None and path.startswith(_SECRET) and path != "/api/v1/session":
            self._check_token(headers)
        if method in _SAFE:
            return
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2].lower() != headers["host"].lower():
            raise RefusedError(403, "pages of other sites may not change anything here.")
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
        if has_body and kind != "application/json":
            raise RefusedError(415, "the body must be JSON, with Content-Type: application/json.")

    def _check_token(self, headers: dict[str, str]) -> None:
        scheme, _, shown = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self.limits.allows_token(shown.strip()):
            return
        if _cookie(headers) == self.limits.cookie:
            return
        raise RefusedError(
            401, "a token is needed: Authorization: Bearer TOKEN.", www_authenticate="Bearer"
        )

    async def _body(self, scope: Scope, headers: dict[str, str], receive: Receive) -> bytes:
        if scope["method"] in _SAFE:
            return b""
        most = self.limits.max_body
        too_large = RefusedError(413, f"the body is larger than {most:,} bytes.")
        length = headers.get("content-length", "")
        if length.isdigit() and int(length[:20]) > most:
            raise too_large
        parts, size, more = [], 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _HungUpError
            part, more = message.get("body", b""), message.get("more_body", False)
            size += len(part)
            if size > most:
                raise too_large
            parts.append(part)
        return b"".join(parts)

    async def _ask(self, scope: Scope, body: bytes, receive: Receive, answer: _Answer) -> None:
        """Let the service answer, for so long as the limits say."""
        given = False

        async def replay() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        scope.setdefault("state", {})["request_id"] = answer.request_id
        task: asyncio.Task[None] = asyncio.ensure_future(self.app(scope, replay, answer.pass_on))
        done, _ = await asyncio.wait({task}, timeout=self.limits.seconds)
        if done:
            await task
            return
        self._left.add(task)  # a thread can't be stopped; what it says comes too late
        task.add_done_callback(self._forget)
        await answer.refuse(RefusedError(503, "the answer takes too long; ask for less."))

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._left.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("failed, and not in time", exc_info=task.exception())

    def _note(self, scope: Scope, answer: _Answer, seconds: float) -> None:
        """Count the request and write a line of the log."""
        route = getattr(scope.get("route"), "path", None) or "other"
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self.metrics.requests.labels(method, route, str(answer.status)).inc()
        self.metrics.seconds.labels(route).observe(seconds)
        level = logging.ERROR if answer.status >= 500 else logging.INFO
        if log.isEnabledFor(level):
            told = {
                "request_id": answer.request_id,
                "client": (scope.get("client") or ("",))[0],
                "method": method,
                "path": scope["path"][:200],
                "status": answer.status,
                "ms": round(1000 * seconds, 2),
            }
            refused = {} if answer.refusal is None else {"refused": answer.refusal}
            log.log(level, "request", extra={"told": told | refused})


_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class _HungUpError(Exception):
    """The client is gone."""


class _Answer:
    """The answer to one request, once, with the headers that every answer has."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in scope["headers"]
        }
        own = self.headers.get("x-request-id", "")
        self.request_id = own if _REQUEST_ID.fullmatch(own) else uuid4().hex
        self._receive, self._send = receive, send
        self._is_api = scope["path"].startswith("/api/")
        self._is_head = scope["method"] == "HEAD"
        self.status, self._begun, self._closed = 0, False, False
        self.refusal: str | None = None
        self.is_body_read = False

    async def pass_on(self, message: Message) -> None:
        """Send a message of the service, unless it comes too late."""
        if self._closed:
            return
        if message["type"] == "http.response.start":
            self.status, self._begun = message["status"], True
            headers = list(message.get("headers", []))
            there = {name for name, _ in headers}
            if b"content-security-policy" not in there:
                headers.append((b"content-security-policy", POLICY.encode()))
            if self._is_api and b"cache-control" not in there:
                headers.append((b"cache-control", b"no-store"))
            headers += [*_HEADERS, (b"x-request-id", self.request_id.encode())]
            message = {**message, "headers": headers}
        await self._send(message)

    async def refuse(self, refused: RefusedError) -> None:
        """Answer with an error in one sentence, if nothing was sent yet."""
        self.refusal = refused.sentence
        if self._begun:
            self._closed = True
            return
        body = error_body(refused.sentence, self.request_id)
        named = {name.replace("_", "-"): value for name, value in refused.headers.items()}
        headers = {
            "content-type": "application/json",
            "content-length": str(len(body)),
            "connection": "close",
            **named,
        }
        pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
        await self.pass_on(
            {"type": "http.response.start", "status": refused.status, "headers": pairs}
        )
        content = b"" if self._is_head else body
        await self.pass_on({"type": "http.response.body", "body": content, "more_body": True})
        if not self.is_body_read:
            await self._read_rest()
        await self.pass_on({"type": "http.response.body", "body": b""})
        self._closed = True

    async def _read_rest(self) -> None:
        """Read what the client still sends, for a while.

        A connection closed with unread bytes is reset, and then the client may lose the answer.
        """
        try:
            async with asyncio.timeout(_LINGER):
                while (await self._receive()).get("more_body", False):
                    pass
        except TimeoutError:
            pass


def error_body(sentence: str, request_id: str) -> bytes:
    """An error as JSON."""
    text = json.dumps({"error": sentence, "request_id": request_id}, ensure_ascii=False)
    return text.encode(errors="replace")


def _cookie(headers: dict[str, str]) -> str | None:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return None
    return None if found is None else found.value


class _Rates:
    """How many requests each client may still make: a bucket that fills by `rate` a second."""

    def __init__(self, rate: float) -> None:
        self.rate, self._full = rate, max(2 * rate, 1.0)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allow(self, client: str) -> bool:
        if not self.rate:
            return True
        now = time.monotonic()
        left, then = self._buckets.pop(client, (self._full, now))
        left = min(self._full, left + (now - then) * self.rate)
        self._buckets[client] = max(left - 1, 0.0) if left >= 1 else left, now
        while len(self._buckets) > _MOST_CLIENTS:
            self._buckets.popitem(last=False)
        return left >= 1


class LimitedProtocol(HttpToolsProtocol):
    """HTTP whose headers must arrive in time and may not be endless; see `limited`."""

    limits: Limits
    _timer: asyncio.TimerHandle | None = None
    _head_size = 0
    _in_head = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give a client so long to send its first headers."""
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Close the connection if its headers don't end."""
        if self._in_head:
            self._head_size += len(data)
            if self._head_size > self.limits.max_head + self.limits.max_body:
                self.transport.close()
                return
        super().data_received(data)
        if self._in_head and self._head_size > self.limits.max_head:
            self.send_400_response("the address and the headers of the request are too long.")

    def send_400_response(self, msg: str) -> None:
        """Refuse what isn't HTTP like any other request: in JSON, with an id that the log has."""
        request_id = uuid4().hex
        log.info("request", extra={"told": {"request_id": request_id, "refused": msg}})
        body = error_body(msg, request_id)
        head = (
            "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nx-request-id: {request_id}\r\n"
            "connection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._in_head, self._head_size = True, 0
        self._start_timer()

    def on_headers_complete(self) -> None:
        """Its headers are there."""
        self._in_head, self._head_size = False, 0
        self._stop_timer()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The next request may begin."""
        super().on_message_complete()
        self._in_head = True

    def _start_timer(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(self.limits.head_seconds, self._too_late)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_late(self) -> None:
        self._timer = None
        if not self.transport.is_closing():
            log.info("request", extra={"told": {"refused": "its headers didn't arrive in time"}})
            self.transport.close()


def limited(limits: Limits) -> type[LimitedProtocol]:
    """The protocol with some limits."""
    return type("LimitedProtocol", (LimitedProtocol,), {"limits": limits})
