"""The API as clients see it, over a real socket."""

from __future__ import annotations

import base64
import io
import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from graphrec.config import ModelConfig
from graphrec.data.dataset import Dataset
from graphrec.data.split import Split
from graphrec.recommend.saving import save_model
from graphrec.serve import schema
from graphrec.serve.service import Service
from graphrec.serve.store import Store
from tests.conftest import QuickFit
from tests.serve.running import client

USER = "/api/v1/users/0"
EXPORT = {
    "name": "ratings.csv",
    "content": base64.b64encode(b"Name,Year,Letterboxd URI,Rating\nOdd 1,,u,4.5\n").decode(),
}


@pytest.fixture
def service(model_folder: Path, tmp_path: Path) -> Service:
    folder = tmp_path / "model"
    shutil.copytree(model_folder, folder)
    shared = tmp_path / "shared"  # as with several processes
    shared.mkdir()
    return Service(folder, Store(tmp_path / "store.db"), watch=True, shared=shared)


@pytest.fixture
def api(service: Service) -> Iterator[httpx.Client]:
    with client(service) as own:
        yield own


def ids(answer: httpx.Response) -> list[Any]:
    assert answer.status_code == 200, answer.text
    return [one["movie_id"] for one in answer.json()["movies"]]


def test_every_answer_is_as_the_document_says(api: httpx.Client) -> None:
    history = {"movies": [2, "4"], "ratings": [5, None]}
    rows = [{"user": 0, "movie": 1, "rating": 4}]
    for answer, model in (
        (api.get("/api/v1/movies?q=odd"), schema.Movies),
        (api.get("/api/v1/movies/3"), schema.FullMovie),
        (api.get("/api/v1/movies/3/similar?why=true&by=both"), schema.SimilarMovies),
        (api.get("/api/v1/similar?movie=3&movie=5&by=all&why=1"), schema.SimilarMovies),
        (api.get("/api/v1/popular"), schema.MovieList),
        (api.get("/api/v1/latest?k=3"), schema.MovieList),
        (api.get("/api/v1/explanations/similarity?first=1&second=3"), schema.SimilarityExplanation),
        (api.get(f"{USER}/recommendations?diversity=0.4"), schema.Recommendations),
        (api.get(f"{USER}/history"), schema.History),
        (api.get(f"{USER}/similar"), schema.SimilarUsers),
        (api.get(f"{USER}/explanations/1"), schema.Explanation),
        (api.post("/api/v1/recommendations", json=history), schema.Recommendations),
        (api.post("/api/v1/exports", json=EXPORT), schema.Export),
        (api.post("/api/v1/explanations", json=history | {"explain": [6, 8]}), schema.Explanations),
        (api.post("/api/v1/feedback", json=rows), schema.Written),
        (api.post("/api/v1/feedback/delete", json=[{"user": 0, "movie": 1}]), schema.Written),
        (api.get("/api/v1/model"), schema.Model),
        (api.get("/api/v1/map"), schema.Map),
        (api.get("/health/ready"), schema.Ready),
    ):
        assert answer.status_code == 200, answer.text
        model.model_validate_json(answer.content, strict=True)
        named = set(model.model_fields)
        assert model.model_config.get("extra") == "allow" or set(answer.json()) == named
    document = api.get("/openapi.json").json()
    assert document["openapi"].startswith("3.")
    assert all(path.startswith(("/api/v1/", "/health/", "/metrics")) for path in document["paths"])


def test_feedback_is_known_to_the_next_answer(api: httpx.Client) -> None:
    before = ids(api.get(f"{USER}/recommendations?k=5"))
    row = {"user": "0", "movie": before[0], "rating": 4, "timestamp": 5}
    for _ in range(2):  # idempotent
        assert api.post("/api/v1/feedback", json=[row]).json() == {"written": 1}
        after = api.get(f"{USER}/recommendations?k=5").json()
        assert after["basis"] == "history"
        assert before[0] not in [one["movie_id"] for one in after["movies"]]
        history = api.get(f"{USER}/history").json()["movies"]
        (new,) = [one for one in history if one["new"]]
        assert (new["movie_id"], new["rating"], new["timestamp"]) == (before[0], 4, 5)
    assert api.delete(f"{USER}/history/{before[0]}").status_code == 204
    assert before[0] in ids(api.get(f"{USER}/recommendations?k=10"))
    assert before[0] not in ids(api.get(f"{USER}/history"))


def test_a_new_user_is_known_from_the_first_rating_on(api: httpx.Client) -> None:
    unknown = api.get("/api/v1/users/900/recommendations?k=4").json()
    assert unknown["basis"] == "popular"
    assert unknown["movies"] == api.get("/api/v1/popular?k=4").json()["movies"]
    rows = [{"user": 900, "movie": movie} for movie in (1, 3, 5)]
    assert api.post("/api/v1/feedback", json=rows).status_code == 200
    known = api.get("/api/v1/users/900/recommendations?k=4").json()
    assert known["basis"] == "history"
    assert all(one["movie_id"] % 2 for one in known["movies"])
    stored = api.post("/api/v1/recommendations", json={"movies": [1, 3, 5], "k": 4}).json()
    assert stored == known


def test_all_of_a_batch_is_written_or_nothing(api: httpx.Client) -> None:
    rows = [{"user": 900, "movie": 1}, {"user": 900, "movie": 99}]
    refused = api.post("/api/v1/feedback", json=rows)
    assert refused.status_code == 404
    assert "no movie with the id '99'" in refused.json()["error"]
    assert ids(api.get("/api/v1/users/900/history")) == []
    many = [{"user": user, "movie": movie} for user in range(1000, 1200) for movie in range(32)]
    assert api.post("/api/v1/feedback", json=many).json() == {"written": 6400}


def test_a_forgotten_user_is_like_one_nobody_knows(api: httpx.Client) -> None:
    api.post("/api/v1/feedback", json=[{"user": 0, "movie": 1}])
    assert api.delete(USER).status_code == 204
    assert ids(api.get(f"{USER}/history")) == []
    assert api.get(f"{USER}/recommendations").json()["basis"] == "popular"
    api.post("/api/v1/feedback", json=[{"user": 0, "movie": 1}])
    assert ids(api.get(f"{USER}/history")) == [1]


def test_pages_of_a_list_are_the_list(api: httpx.Client) -> None:
    whole = ids(api.get(f"{USER}/recommendations?k=32"))
    found, cursor = [], None
    while True:
        asked = {"k": 5} | ({} if cursor is None else {"cursor": cursor})
        page = api.get(f"{USER}/recommendations", params=asked).json()
        found += [one["movie_id"] for one in page["movies"]]
        assert [one["rank"] for one in page["movies"]][-1:] in ([len(found)], [])
        if (cursor := page["next"]) is None:
            break
    assert found == whole
    for bad in ("x", "WzEsMl0=", "bnVsbA==", "🎬"):
        assert api.get("/api/v1/popular", params={"cursor": bad}).status_code == 400
    cursor = api.get("/api/v1/popular?k=2").json()["next"]
    refused = api.get(f"{USER}/recommendations", params={"cursor": cursor, "diversity": 0.5})
    assert "one page" in refused.json()["error"]


def test_lists_are_filtered(api: httpx.Client) -> None:
    comedies = api.get("/api/v1/popular", params={"where": "genres has Comedy", "k": 50})
    assert set(ids(comedies)) == set(range(0, 32, 2))
    few = {"among": [1, 2, 3], "exclude": [2]}
    assert set(ids(api.get("/api/v1/latest", params=few))) == {1, 3}
    body = {"movies": [4], "among": [1, 2, 4], "exclude": [1]}
    assert ids(api.post("/api/v1/recommendations", json=body)) == [2]
    assert ids(api.get("/api/v1/popular", params={"where": "year > 2050"})) == []


def packed(name: str, content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return file.getvalue()


LETTERBOXD = b"Name,Year,Letterboxd URI,Rating\n"
BOMB = packed("ratings.csv", LETTERBOXD + b"a" * 17 * 2**20)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a,b\n1,2\n", "x.csv: is no export of Letterboxd or of IMDb's ratings."),
        (b"", "x.csv: can't be read as a table"),
        (b"\x00\xff" * 50, "x.csv: is not UTF-8 text, as exports are."),
        (LETTERBOXD, "x.csv: holds no film."),
        (LETTERBOXD + b"A,1999,u,11\n", "ratings there are numbers from 0 to 5"),
        (packed("other.csv", b"a"), "x.csv: holds neither watched.csv nor ratings.csv"),
        (packed("ratings.csv", LETTERBOXD)[:60], "x.csv: the archive is damaged or locked"),
        (BOMB, "unpacks to more than 16 MiB"),
    ],
    ids=["other", "empty", "bytes", "no film", "rating", "archive", "cut", "bomb"],
)
def test_what_is_no_export_is_refused(api: httpx.Client, content: bytes, said: str) -> None:
    body = {"name": "x.csv", "content": base64.b64encode(content).decode()}
    answer = api.post("/api/v1/exports", json=body)
    assert answer.status_code == 400
    assert said in answer.json()["error"]
    assert "\n" not in answer.json()["error"]


def test_what_is_not_in_base64_is_refused(api: httpx.Client) -> None:
    for content, status in (("ä", 422), ("abcde", 400)):
        answer = api.post("/api/v1/exports", json={"name": "x.csv", "content": content})
        assert answer.status_code == status


def test_movies_are_added_and_removed(api: httpx.Client) -> None:
    title = "<img src=x onerror=alert(1)>"
    added = api.post("/api/v1/movies", json={"title": title, "genres": "Comedy", "odd": 1})
    assert added.status_code == 201
    movie = added.json()
    assert movie["movie_id"] == 32
    assert movie["title"] == title
    assert movie["new"]
    assert "odd" in " ".join(movie["notes"])
    assert ids(api.get("/api/v1/movies?q=img")) == [32]
    body = {"movies": [32], "k": 32}
    assert len(ids(api.post("/api/v1/recommendations", json=body))) == 32
    again = api.post("/api/v1/movies", json={"movie_id": 32, "title": "x"})
    assert again.status_code == 409
    for movie_id in (32, 5):
        assert api.delete(f"/api/v1/movies/{movie_id}").status_code == 204
        assert api.get(f"/api/v1/movies/{movie_id}").status_code == 404
    assert not {5, 32} & set(ids(api.get("/api/v1/popular?k=50")))
    assert (
        api.post("/api/v1/movies", json={"title": "Other", "genres": "War"}).json()["movie_id"] > 32
    )
    assert api.post("/api/v1/movies", json={"movie_id": 5, "title": "back"}).json()["new"] is False
    assert api.post("/api/v1/movies", json={"genres": "War"}).status_code == 400


def test_errors_are_one_sentence_with_the_request_id(api: httpx.Client) -> None:
    for answer, status in (
        (api.get("/api/v1/movies/99"), 404),
        (api.get("/api/v1/users/ann/history"), 404),
        (api.get("/api/v1/popular?k=0"), 422),
        (api.get("/api/v1/popular?k=1000"), 422),
        (api.get("/api/v1/popular?size=3"), 422),
        (api.get("/api/v1/popular?where=budget%3E3"), 400),
        (api.get("/api/v1/movies/3/similar?by=nothing"), 422),
        (api.post("/api/v1/recommendations", json={"movies": [1], "ratings": [1, 2]}), 400),
        (api.post("/api/v1/recommendations", json={"movies": [1], "ratings": [-1]}), 422),
        (api.get("/api/v1/users/77/similar"), 400),
        (api.get("/nowhere"), 404),
        (api.put("/api/v1/popular"), 405),
    ):
        assert answer.status_code == status, answer.text
        told = answer.json()
        schema.Error.model_validate(told)
        assert told["request_id"] == answer.headers["x-request-id"]
        assert "\n" not in told["error"]
        assert "/tmp" not in answer.text
        assert "Traceback" not in answer.text


def test_another_method_is_told_those_that_there_are(api: httpx.Client) -> None:
    for path, methods in (
        ("/api/v1/movies", "GET, POST"),
        ("/api/v1/movies/1", "DELETE, GET"),
        ("/metrics", "GET"),
    ):
        answer = api.put(path)
        assert answer.status_code == 405
        assert answer.headers["allow"] == methods


def test_request_ids_are_the_clients_own_if_they_are_plain(api: httpx.Client) -> None:
    own = api.get("/health/live", headers={"x-request-id": "abc-1"})
    assert own.headers["x-request-id"] == "abc-1"
    other = api.get("/health/live", headers={"x-request-id": "a b\t<c>"})
    assert other.headers["x-request-id"] != "a b\t<c>"


def test_metrics_count(api: httpx.Client) -> None:
    api.post("/api/v1/recommendations", json={"movies": [2]})
    api.get("/api/v1/movies/12345")
    text = api.get("/metrics").text
    route = 'route="/api/v1/movies/{movie_id}",status="404"'
    assert f'graphrec_requests_total{{method="GET",{route}}} 1.0' in text
    assert "graphrec_fold_ins_total 1.0" in text
    assert "graphrec_model_age_seconds" in text
    assert "12345" not in text  # ids would make a label of their own each


def test_a_new_model_is_taken_up(
    service: Service, small_world: tuple[Dataset, Split], quick_fit: QuickFit
) -> None:
    with client(service) as api:
        api.post("/api/v1/movies", json={"movie_id": 50, "title": "Later", "genres": "War"})
        before = api.get("/api/v1/model").json()
        cursor = api.get("/api/v1/popular?k=2").json()["next"]
        fitted = quick_fit(ModelConfig(embedding_dim=8))
        save_model(service.folder, *small_world, fitted, force=True)
        service.refresh()
        after = api.get("/api/v1/model").json()
        assert after["version"] != before["version"]
        assert after["movies_added"] == 1
        assert service.shared is not None
        assert len(list(service.shared.iterdir())) == 2  # those of the old one are removed
        old = api.get(f"/api/v1/popular?k=2&cursor={cursor}")
        assert "model that was replaced" in old.json()["error"]
        assert 'graphrec_model_loads_total{result="taken"} 1.0' in api.get("/metrics").text


@pytest.mark.parametrize("damage", ["cut", "gone", "removed", "manifest"])
def test_a_damaged_model_is_refused_and_the_old_one_kept(
    service: Service, model_folder: Path, damage: str
) -> None:
    with client(service) as api:
        expected = api.get(f"{USER}/recommendations").json()
        file = service.folder / ("manifest.json" if damage == "manifest" else "model.safetensors")
        match damage:
            case "cut" | "manifest":
                file.write_bytes(file.read_bytes()[:-100])
            case "gone":
                file.unlink()
            case "removed":
                shutil.rmtree(service.folder)
        service.refresh()
        ready = api.get("/health/ready")
        assert ready.status_code == 200
        assert "the old one is kept" in ready.json()["model"]["problem"]
        assert str(service.folder) not in ready.text
        assert api.get(f"{USER}/recommendations").json() == expected
        assert api.get(f"{USER}/explanations/1").status_code == 200  # all of it is in memory
        assert api.get("/api/v1/movies/1/similar?why=1").status_code == 200
        shutil.rmtree(service.folder, ignore_errors=True)
        shutil.copytree(model_folder, service.folder)
        service.refresh()
        assert api.get("/health/ready").json()["model"]["problem"] is None


def test_a_store_that_fails_is_said_without_its_address(service: Service, tmp_path: Path) -> None:
    with client(service) as api:
        service.store.engine.dispose()
        for file in tmp_path.glob("store.db*"):
            file.unlink()
        (tmp_path / "store.db").mkdir()
        answer = api.get(f"{USER}/recommendations")
        assert answer.status_code == 503
        assert answer.json()["error"] == "the store can't be used now; the log says why."
        assert api.get("/health/ready").status_code == 503
        assert api.get("/health/live").status_code == 200
        assert "graphrec_store_errors_total" in api.get("/metrics").text
        assert ids(api.get("/api/v1/popular?k=1"))


def test_what_is_typed_in_a_body_may_be_any_text(api: httpx.Client) -> None:
    for title in ("\x00", "\ud800", "a" * 501, "", None, 7, ["x"]):
        content = json.dumps({"title": title, "genres": "War"})
        kind = {"content-type": "application/json"}
        answer = api.post("/api/v1/movies", content=content, headers=kind)
        assert answer.status_code in (400, 422), title
