"""What the server of the app takes, refuses and gives back."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from urllib.parse import quote, urlsplit

import cv2
import numpy as np
import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from nitido.app.choices import Choice
from nitido.app.server import App
from nitido.app.shelf import MOST_BYTES, safe_name
from nitido.errors import CardMismatch, SinkUnavailable
from nitido.inference.model import load
from support.frames import noise_frame
from support.waiting import until

FAST = {"task": "denoise", "quality": "fast"}


@pytest.fixture(scope="module")
def app() -> Iterator[App]:
    with App([], None, problem="no engine here", threads=1) as served:
        yield served


def ask(
    app: App, method: str, path: str, body: bytes | None = None, *, token: str | None = None, **headers: str
) -> tuple[HTTPResponse, bytes]:
    """The answer and its content. token: instead of the right one."""
    place = urlsplit(app.url)
    assert place.hostname and place.port
    connection = HTTPConnection(place.hostname, place.port, timeout=60)
    first = place.path if token is None else f"/{token}/"
    connection.request(method, first + path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer, content


def encoded(frame: np.ndarray, suffix: str = ".png") -> bytes:
    return cv2.imencode(suffix, frame)[1].tobytes()


def upload(app: App, name: str, content: bytes) -> dict[str, object]:
    answer, found = ask(app, "POST", f"api/pictures?name={quote(name)}", content)
    assert answer.status == 201, found
    return json.loads(found)


def finished(app: App) -> dict[object, dict[str, object]]:
    """The pictures by id, as soon as none is in work."""
    found: list[dict[str, object]] = []

    def over() -> bool:
        found[:] = json.loads(ask(app, "GET", "api/pictures")[1])
        return all(item["state"] in ("done", "failed") for item in found)

    until(over)
    return {item["id"]: item for item in found}


@pytest.fixture(autouse=True)
def emptied(app: App) -> Iterator[None]:
    yield
    ask(app, "DELETE", "api/pictures")


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}])
def test_other_addresses_and_other_pages_are_refused(app: App, headers: dict[str, str]) -> None:
    assert ask(app, "GET", "api/pictures", **headers)[0].status == 403


@pytest.mark.parametrize("token", ["", "wrong", "x" * 24])
def test_without_the_token_there_is_nothing(app: App, token: str) -> None:
    assert ask(app, "GET", "api/pictures", token=token)[0].status == 404


def test_every_answer_is_isolated_and_says_what_may_run(app: App) -> None:
    there, missing = ("", "camera.html", "latents.html", "latents.json"), ("no-such-file", "../../etc/passwd")
    for path, status in (*((path, 200) for path in there), *((path, 404) for path in missing)):
        answer, _ = ask(app, "GET", path)
        assert answer.status == status, path
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
        assert "default-src 'self'; " in answer.headers["Content-Security-Policy"]
        assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_a_picture_is_restored_as_the_model_restores_it(app: App) -> None:
    frame = noise_frame(48, 64)
    item = upload(app, "day/one.png", encoded(frame))
    answer, content = ask(app, "POST", "api/start", json.dumps(FAST).encode())
    assert (answer.status, json.loads(content)) == (202, {"queued": 1})
    found = finished(app)[item["id"]]
    assert (found["state"], found["result"]) == ("done", "day/one.png")
    answer, content = ask(app, "GET", f"api/pictures/{item['id']}/result")
    assert 'filename="one.png"' in answer.headers["Content-Disposition"]
    with load("denoise-camera-n", "cpu") as model:
        expected = model(frame)
    result = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert result is not None and np.abs(result.astype(int) - expected).max() <= 1
    with zipfile.ZipFile(io.BytesIO(ask(app, "GET", "api/results.zip")[1])) as archive:
        assert archive.namelist() == ["day/one.png"] and archive.read("day/one.png") == content
    for side in ("before", "after"):
        answer, picture = ask(app, "GET", f"api/pictures/{item['id']}/{side}.jpg")
        assert answer.status == 200 and picture[:2] == b"\xff\xd8"


def test_what_cannot_be_read_fails_alone_and_under_its_own_name(app: App) -> None:
    broken = upload(app, "broken.jpg", encoded(noise_frame(48, 64), ".jpg")[:60])
    whole = upload(app, "whole.jpg", encoded(noise_frame(48, 64), ".jpg"))
    ask(app, "POST", "api/start", json.dumps({**FAST, "format": "webp"}).encode())
    found = finished(app)
    assert (found[whole["id"]]["state"], found[whole["id"]]["result"]) == ("done", "whole.webp")
    assert found[broken["id"]]["state"] == "failed"
    reason = str(found[broken["id"]]["reason"])
    assert "nitido-app-" not in reason and "/source" not in reason and "\n" not in reason and reason


def test_names_of_clients_never_leave_their_folder(app: App) -> None:
    item = upload(app, "../../../etc/cron.d/x.png", encoded(noise_frame(8, 8)))
    assert item["name"] == "etc/cron.d/x.png"
    assert safe_name("C:\\a\\..\\b\x00|.png") == "C_/a/b__.png"
    assert safe_name("..") == safe_name("") == "picture"
    assert len(safe_name("a" * 5000 + ".png")) < 130


def test_what_is_not_a_picture_or_too_large_is_refused_in_a_line(app: App) -> None:
    answer, content = ask(app, "POST", "api/pictures?name=page.html", b"<html>")
    assert answer.status == 400 and json.loads(content)["problem"].startswith("expected a picture (")
    answer, content = ask(app, "POST", "api/pictures?name=a.png", b"", Content_Length=str(MOST_BYTES + 1))
    assert answer.status == 413 and "at most 512 MB" in json.loads(content)["problem"]
    assert json.loads(ask(app, "GET", "api/pictures")[1]) == []


@pytest.mark.parametrize("wish", [{"task": "x"}, {"strength": 2}, {"noise": True}, {"path": "/etc"}, {"scale": 9}, []])
def test_only_what_the_page_offers_can_be_asked_for(app: App, wish: object) -> None:
    answer, content = ask(app, "POST", "api/start", json.dumps(wish).encode())
    assert answer.status == 400 and json.loads(content)["problem"].startswith("expected ")
    if isinstance(wish, dict):
        with pytest.raises(CardMismatch):
            Choice.of(wish)


def test_an_address_in_use_is_one_line(app: App) -> None:
    port = urlsplit(app.url).port
    with pytest.raises(SinkUnavailable, match="choose another address or port"):
        App([], None, port=port or 0)


def test_pictures_are_gone_when_the_app_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with App([], None, threads=1) as served:
        upload(served, "a.png", encoded(noise_frame(8, 8)))
        assert list(tmp_path.rglob("source.png"))
    assert not list(tmp_path.iterdir())
