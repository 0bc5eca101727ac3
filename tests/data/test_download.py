"""Downloads from a real server on this machine: whole and right, or nothing."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from graphrec.data import download
from graphrec.data.download import BASE_URL, CHECKSUMS, cache_folder, fetch
from graphrec.data.sources import load_dataset
from graphrec.errors import DownloadError

RATINGS = "userId,movieId,rating\n1,10,4\n1,20,5\n2,10,3\n"


class Server:
    """Files by path, and what was asked for."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.cut_short = False
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                content = outer.files.get(self.path)
                if content is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[: len(content) // 2] if outer.cut_short else content)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    served = Server()
    thread = Thread(target=served.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield served
    served.http.shutdown()
    thread.join()
    served.http.server_close()


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "cache"


def archive(members: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as bundle:
        for name, text in members.items():
            bundle.writestr(name, text)
    return buffer.getvalue()


WHOLE = archive({"ml-1m/": "", "ml-1m/ratings.csv": RATINGS, "ml-1m/sub/README": "hello"})


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def offer(server: Server, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """Serve this as ml-1m.zip with the right checksum published."""
    server.files["/ml-1m.zip"] = content
    monkeypatch.setitem(CHECKSUMS, "ml-1m", f"md5:{md5(content)}")


def everything_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_data_set_is_fetched_once(
    server: Server, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    offer(server, monkeypatch, WHOLE)

    folder = fetch("ml-1m", cache=cache, base_url=f"{server.url}/")

    assert folder == cache / "ml-1m"
    assert (folder / "ratings.csv").read_text(encoding="utf-8") == RATINGS
    assert everything_in(cache) == [
        "ml-1m",
        "ml-1m/ratings.csv",
        "ml-1m/sub",
        "ml-1m/sub/README",
    ]
    assert fetch("ml-1m", cache=cache, base_url=server.url) == folder
    assert server.asked == ["/ml-1m.zip"]


@pytest.mark.parametrize("published", ["MD5 (ml-latest-small.zip) = {}\n", "{}  file.zip", "{}"])
def test_a_renewed_data_set_is_checked_against_the_published_checksum(
    server: Server, cache: Path, published: str
) -> None:
    content = archive({"ml-latest-small/ratings.csv": RATINGS})
    server.files["/ml-latest-small.zip"] = content
    server.files["/ml-latest-small.zip.md5"] = published.format(md5(content).upper()).encode()

    folder = fetch("ml-latest-small", cache=cache, base_url=server.url)

    assert everything_in(folder) == ["ratings.csv"]
    assert server.asked == ["/ml-latest-small.zip.md5", "/ml-latest-small.zip"]


@pytest.mark.parametrize("published", [b"", b"<html>\xff</html>", b"0" * 32])
def test_a_published_checksum_that_is_wrong_or_none(
    server: Server, cache: Path, published: bytes
) -> None:
    server.files["/ml-latest-small.zip"] = archive({"ml-latest-small/ratings.csv": RATINGS})
    server.files["/ml-latest-small.zip.md5"] = published

    with pytest.raises(DownloadError, match=r"not an MD5 digest|has a wrong checksum"):
        fetch("ml-latest-small", cache=cache, base_url=server.url)
    assert everything_in(cache) == []


def test_a_wrong_checksum(server: Server, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    offer(server, monkeypatch, WHOLE)
    server.files["/ml-1m.zip"] = archive({"ml-1m/ratings.csv": "evil"})

    with pytest.raises(DownloadError) as caught:
        fetch("ml-1m", cache=cache, base_url=server.url)

    assert str(caught.value) == (
        f"ml-1m could not be fetched from {server.url}/ml-1m.zip: the file that came has a wrong"
        " checksum; try again, or download it by hand, unpack it and name the folder with data."
    )
    assert everything_in(cache) == []


def test_a_data_set_that_is_not_there(server: Server, cache: Path) -> None:
    for name in ("ml-1m", "ml-latest-small"):
        with pytest.raises(DownloadError, match=rf"^{name} could not be fetched from .*404"):
            fetch(name, cache=cache, base_url=server.url)
    assert everything_in(cache) == []


def test_half_a_download_is_none(
    server: Server, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    offer(server, monkeypatch, WHOLE)
    server.cut_short = True

    with pytest.raises(DownloadError, match=r"ml-1m could not be fetched from .*try again"):
        fetch("ml-1m", cache=cache, base_url=server.url)
    assert everything_in(cache) == []

    server.cut_short = False
    assert (fetch("ml-1m", cache=cache, base_url=server.url) / "ratings.csv").is_file()


def test_no_server_at_all(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(DownloadError, match=r"^ml-1m could not be fetched from http://127"):
        fetch("ml-1m", cache=cache, base_url="http://127.0.0.1:9")


@pytest.mark.parametrize("url", ["nonsense", "gopher://127.0.0.1"])
def test_an_address_that_is_none(cache: Path, url: str) -> None:
    with pytest.raises(DownloadError, match=rf"^ml-1m could not be fetched from {url}/ml-1m\.zip"):
        fetch("ml-1m", cache=cache, base_url=url)


@pytest.mark.parametrize(
    "member", ["../evil.txt", "ml-1m/../../evil.txt", "/evil.txt", "other/evil.txt", "..\\evil.txt"]
)
def test_an_archive_that_reaches_outside(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cache: Path, member: str
) -> None:
    offer(server, monkeypatch, archive({"ml-1m/ratings.csv": RATINGS, member: "evil"}))

    with pytest.raises(DownloadError) as caught:
        fetch("ml-1m", cache=cache, base_url=server.url)

    assert f"the archive holds an unsafe path {member!r}" in str(caught.value)
    assert everything_in(tmp_path) == ["deep", "deep/cache"]
    assert not Path("/evil.txt").exists()


@pytest.mark.parametrize(
    "content",
    [b"no zip at all", archive({}), archive({".": ""})],
    ids=["no archive", "empty", "a folder only"],  # an archive holds the time it was made at
)
def test_an_archive_that_holds_no_data(
    server: Server, monkeypatch: pytest.MonkeyPatch, cache: Path, content: bytes
) -> None:
    offer(server, monkeypatch, content)

    with pytest.raises(DownloadError, match="ml-1m could not be fetched"):
        fetch("ml-1m", cache=cache, base_url=server.url)
    assert everything_in(cache) == []


def test_a_cache_that_can_not_be_written(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")

    with pytest.raises(DownloadError, match="ml-1m could not be fetched"):
        fetch("ml-1m", cache=tmp_path / "file" / "cache", base_url=server.url)
    assert server.asked == []


def test_the_environment_says_where_from_and_where_to(
    server: Server, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    offer(server, monkeypatch, WHOLE)
    monkeypatch.setenv("GRAPHREC_MOVIELENS_URL", server.url)
    monkeypatch.setenv("GRAPHREC_CACHE", str(cache))

    dataset = load_dataset("ml-1m")

    assert len(dataset.interactions) == 3
    assert (cache / "ml-1m").is_dir()


def test_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRAPHREC_CACHE", raising=False)

    assert "graphrec" in cache_folder().parts[-1]
    assert BASE_URL.startswith("https://")
    assert all(known is None or len(known) == len("md5:") + 32 for known in CHECKSUMS.values())
    assert download.CHECKSUMS["ml-latest-small"] is None
