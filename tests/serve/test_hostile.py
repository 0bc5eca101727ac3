"""Clients that mean harm or are broken: each is refused in a sentence, and the service lives on."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from graphrec.serve.limits import LOOPBACK, Limits
from graphrec.serve.service import Service
from graphrec.serve.store import Store
from tests.serve.running import client

TOKEN = "a-token-of-forty-two-letters-or-some-more"
BODY = {"content-type": "application/json"}
MOVIES, LISTS = "/api/v1/movies", "/api/v1/recommendations"
MANY = "&".join(f"among={number}" for number in range(3000))


@pytest.fixture(scope="module")
def service(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Service:
    return Service(model_folder, Store(tmp_path_factory.mktemp("hostile") / "store.db"))


@pytest.fixture(scope="module")
def api(service: Service) -> Iterator[httpx.Client]:
    with client(service, max_body=100_000, head_seconds=1.0, seconds=2.0) as own:
        yield own


@pytest.fixture(autouse=True)
def _alive(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "api" in request.fixturenames:
        own = request.getfixturevalue("api")
        assert own.get("/api/v1/popular?k=1").status_code == 200


def raw(api: httpx.Client, data: bytes) -> bytes:
    """What the server says to some bytes until it closes the connection."""
    with socket.create_connection((api.base_url.host, api.base_url.port or 0), timeout=20) as own:
        own.sendall(data)
        said = b""
        try:
            while part := own.recv(65536):
                said += part
        except ConnectionResetError:
            pass
        return said


REQUESTS = [
    # method, path, headers, body, status
    ("POST", LISTS, BODY, b"x" * 100_001, 413),
    ("POST", LISTS, BODY, b"[" * 50_000, 400),
    ("POST", LISTS, BODY, b'{"movies": [1', 422),
    ("POST", LISTS, BODY, b'{"movies": ' + b"[" * 900 + b"]" * 900 + b"}", 422),
    ("POST", LISTS, BODY, b"\xff\xfe\x00", 400),
    ("POST", LISTS, BODY, b"", 422),
    ("POST", LISTS, BODY, b"null", 422),
    ("POST", LISTS, BODY, b'{"movies": [1], "k": 1e999}', 422),
    ("POST", LISTS, BODY, b'{"movies": [1], "k": -5}', 422),
    ("POST", LISTS, BODY, b'{"movies": [1], "k": "20; drop"}', 422),
    ("POST", LISTS, BODY, b'{"movies": [1], "ratings": [NaN]}', 422),
    ("POST", LISTS, BODY, b'{"movies": [1], "ratings": [-Infinity]}', 422),
    ("POST", LISTS, BODY, b'{"movies": [true]}', 422),
    ("POST", LISTS, BODY, b'{"movies": [{"$gt": 0}]}', 422),
    ("POST", LISTS, BODY, b'{"movies": [1' + b"0" * 5000 + b"]}", 400),
    ("POST", LISTS, BODY, b'{"movies": [1], "__class__": "x"}', 422),
    ("POST", LISTS, {"content-type": "text/plain"}, b'{"movies": [1]}', 415),
    ("POST", LISTS, {"content-type": "application/xml"}, b"<!ENTITY x>", 415),
    ("POST", LISTS, BODY | {"origin": "https://evil.example"}, b'{"movies": [1]}', 403),
    ("POST", LISTS, BODY | {"origin": "null"}, b'{"movies": [1]}', 403),
    ("DELETE", "/api/v1/users/1", {"origin": "https://evil.example"}, b"", 403),
    ("POST", "/api/v1/feedback", BODY, b"[" + b'{"user":1,"movie":1},' * 4000 + b"{}]", 422),
    ("POST", "/api/v1/feedback", BODY, b'[{"user":"1; drop table interaction","movie":1}]', 404),
    ("POST", "/api/v1/feedback", BODY, b'[{"user":1,"movie":1,"rating":1e300}]', 422),
    ("POST", "/api/v1/feedback", BODY, b'[{"user":1,"movie":1,"timestamp":9e99}]', 422),
    ("POST", "/api/v1/feedback", BODY, b'[{"user":"\\u0000","movie":1}]', 422),
    ("POST", "/api/v1/feedback", BODY, b'[{"user":99999999999999999999,"movie":1}]', 404),
    ("POST", MOVIES, BODY, b'{"title": {"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}}}', 422),
    ("POST", MOVIES, BODY, b'{"title": "x", "genres": {"a":{"b":{"c":{"d":{"e":{"f":1}}}}}}}', 400),
    ("POST", MOVIES, BODY, b'{"title": "x", "movie_id": "../../etc/passwd"}', 404),
    ("POST", MOVIES, BODY, b'{"title": "x", "movie_id": "1e3"}', 404),
    ("GET", f"{MOVIES}/..%2f..%2fetc%2fpasswd", {}, b"", 404),
    ("GET", f"{MOVIES}/%00", {}, b"", 422),
    ("GET", f"{MOVIES}/1%27%20or%201=1--", {}, b"", 404),
    ("GET", f"{MOVIES}/" + "9" * 5000, {}, b"", 422),
    ("GET", "/page/../../../etc/passwd", {}, b"", 404),
    ("GET", "/page/%2e%2e/%2e%2e/store.py", {}, b"", 404),
    ("GET", "/api/v1/popular?where=" + "(" * 500, {}, b"", 400),
    ("GET", "/api/v1/popular?where=" + "x" * 501, {}, b"", 422),
    ("GET", "/api/v1/popular?where=__import__('os').system('x')", {}, b"", 400),
    ("GET", "/api/v1/popular?k=" + "9" * 4000, {}, b"", 422),
    ("GET", f"/api/v1/popular?{MANY}", {}, b"", 404),
    ("GET", f"{MOVIES}/1/similar?diversity=nan", {}, b"", 422),
    ("GET", "/api/v1/popular", {"host": "evil.example"}, b"", 421),
    ("GET", "/api/v1/popular", {"host": "localhost.evil.example"}, b"", 421),
    ("GET", "/api/v1/popular", {"host": ""}, b"", 421),
    ("GET", "/api/v1/popular", {"cookie": "a" * 40_000}, b"", 431),
    ("GET", "/api/v1/popular", {f"x-{number}": "1" for number in range(150)}, b"", 431),
    ("TRACE", "/api/v1/popular", {}, b"", 405),
    ("OPTIONS", "/api/v1/popular", {"origin": "https://evil.example"}, b"", 403),
]


@pytest.mark.parametrize(
    "hostile", REQUESTS, ids=[f"{number}-{one[4]}" for number, one in enumerate(REQUESTS)]
)
def test_a_hostile_request_is_refused_in_one_sentence(
    api: httpx.Client,
    caplog: pytest.LogCaptureFixture,
    hostile: tuple[str, str, dict[str, str], bytes, int],
) -> None:
    method, path, headers, body, status = hostile
    caplog.set_level(logging.INFO, "graphrec.serve")
    answer = api.request(method, path, headers=headers, content=body)
    assert answer.status_code == status, answer.text[:300]
    told = answer.json()
    assert set(told) == {"error", "request_id"}
    assert len(told["error"]) < 700
    assert told["error"].count("\n") == 0
    assert "access-control-allow-origin" not in answer.headers
    for secret in ("Traceback", "/tmp", "site-packages", "sqlite", "root:"):
        assert secret not in answer.text

    def is_logged() -> bool:
        logged = [getattr(record, "told", {}).get("request_id") for record in caplog.records]
        return told["request_id"] in logged

    deadline = time.monotonic() + 10  # the server writes it after it has answered
    while not is_logged() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert is_logged()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n", b""),  # and nothing more: slow loris
        (b"", b""),
        (b"POST /api/v1/recommendations HTTP/1.1\r\nHost: localhost\r\nContent-Type:"
         b" application/json\r\nContent-Length: 90\r\n\r\n{", b" 408 "),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 300_000, b""),
        (b"GARBAGE\r\n\r\n", b" 400 "),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01", b" 400 "),
        (b"GET http://[::1 HTTP/1.1\r\nHost: localhost\r\n\r\n", b" 400 "),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n", b" 400 "),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked"
         b"\r\n\r\n0\r\n\r\n", b" 400 "),
    ],
    ids=str,
)  # fmt: skip
def test_connections_that_go_wrong_are_closed_in_time(
    api: httpx.Client, data: bytes, said: bytes
) -> None:
    start = time.monotonic()
    answer = raw(api, data)
    assert said in answer[:40]
    if said:
        told = json.loads(answer.partition(b"\r\n\r\n")[2])
        assert set(told) == {"error", "request_id"}
    assert time.monotonic() - start < 18


def test_a_refused_client_that_still_sends_gets_the_answer(api: httpx.Client) -> None:
    """Closing a connection with unread bytes resets it, and the answer may be lost."""
    head = (
        b"POST /api/v1/recommendations HTTP/1.1\r\nHost: localhost\r\nContent-Length: 90000\r\n\r\n"
    )
    with socket.create_connection((api.base_url.host, api.base_url.port or 0), timeout=20) as own:
        own.sendall(head)
        time.sleep(0.2)
        own.sendall(b"x" * 45_000)
        time.sleep(0.2)
        own.sendall(b"x" * 45_000)
        said = b""
        while part := own.recv(65536):
            said += part
    assert b" 415 " in said[:40]


def test_a_chunked_body_without_end_is_cut(api: httpx.Client) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(200):
            yield b"x" * 10_000

    try:
        answer = api.post(LISTS, content=endless(), headers=BODY)
    except httpx.HTTPError:
        return  # closed before all of it was sent
    assert answer.status_code == 413


def test_a_token_is_needed_where_there_is_one(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "graphrec.serve")
    again = Service(service.folder, Store(service.folder.parent / "token.db"))
    with client(again, token=TOKEN) as api:
        for headers in (
            {},
            {"authorization": "Bearer " + TOKEN[:-1]},
            {"authorization": "Basic " + TOKEN},
            {"authorization": TOKEN},
            {"authorization": "Bearer \xfc".encode("latin-1").decode("latin-1")},
            {"cookie": "graphrec=" + TOKEN},
            {"cookie": "graphrec"},
        ):
            own = {name: value.encode("latin-1") for name, value in headers.items()}
            for path in ("/api/v1/popular", "/metrics", "/map", "/api/v1/users/1/history"):
                answer = api.get(path, headers=own)
                assert answer.status_code == 401
                assert answer.headers["www-authenticate"] == "Bearer"
        assert api.get("/health/live").status_code == 200
        right = {"authorization": f"Bearer {TOKEN}"}
        assert api.get("/api/v1/popular", headers=right).status_code == 200
        assert api.post("/api/v1/session", json={"token": "wrong"}).status_code == 401
        assert api.get("/api/v1/popular").status_code == 401
        entered = api.post("/api/v1/session", json={"token": TOKEN})
        cookie = entered.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert TOKEN not in cookie
        assert api.get("/api/v1/popular").status_code == 200
    assert TOKEN not in json.dumps([getattr(one, "told", {}) for one in caplog.records])


def test_a_client_that_asks_too_often_waits(service: Service) -> None:
    again = Service(service.folder, Store(service.folder.parent / "rate.db"))
    with client(again, rate=5.0) as api:
        answers = [api.get("/api/v1/popular?k=1") for _ in range(30)]
        refused = [one for one in answers if one.status_code == 429]
        assert 1 <= len(refused) <= 20  # ten at once, and five more a second
        assert refused[0].headers["retry-after"] == "1"


def test_an_answer_that_takes_too_long_is_given_up(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = Service(service.folder, Store(service.folder.parent / "slow.db"))
    gate = threading.Event()

    def wait(_: object) -> list[object]:
        gate.wait(30)
        return []

    monkeypatch.setattr(again.model, "popular", wait)
    with client(again, seconds=0.3) as api:
        answer = api.get("/api/v1/popular")
        assert answer.status_code == 503
        assert "takes too long" in answer.json()["error"]
        gate.set()


def test_hosts() -> None:
    limits = Limits(LOOPBACK | {"films.example"})
    assert limits.allows_host("Films.Example:8000")
    assert limits.allows_host("films.example.")
    assert not limits.allows_host("films.example.evil")
    assert not limits.allows_host("")
    assert Limits(frozenset({"*"})).allows_host("anything")
