"""The explorer without a browser: what the server gives to whom."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from nitido.errors import SinkUnavailable
from nitido.latent.autoencoder import load_decoder
from nitido.latent.explorer import Explorer
from nitido.latent.explorer_files import space_facts
from nitido.web.onnxruntime_web import BINARY, SCRIPT
from support.bump_decoders import write_bump_decoder, write_tune_decoder
from support.commands import HANG


@pytest.fixture
def explorer(tmp_path: Path, pretended: Path) -> Iterator[Explorer]:
    path = write_bump_decoder(tmp_path / "bump.decoder.onnx")
    with Explorer(load_decoder(path, "cpu"), pretended) as opened:
        yield opened


def get(explorer: Explorer, path: str, **headers: str) -> tuple[int, bytes, http.client.HTTPMessage]:
    address = explorer.url.removeprefix("http://").rstrip("/")
    connection = http.client.HTTPConnection(address, timeout=HANG)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers
    finally:
        connection.close()


def test_the_browser_gets_the_page_the_facts_and_the_very_file(explorer: Explorer, tmp_path: Path) -> None:
    status, page, headers = get(explorer, "/")
    assert status == 200 and headers["Content-Type"].startswith("text/html")
    assert b"explore.js" in page and b"<nav" not in page and b"http://" not in page and b"https://" not in page
    (model,) = json.loads(get(explorer, "/latents.json")[1])["models"]
    assert (model["name"], model["size"], model["normal"], model["labels"]) == ("bump", 2, True, [])
    assert get(explorer, "/models/bump.decoder.onnx")[1] == (tmp_path / "bump.decoder.onnx").read_bytes()
    for path, kind in [
        ("/explore.js", "text/javascript"), ("/explore.css", "text/css"), ("/base.css", "text/css"),
        (f"/engine/{SCRIPT}", "text/javascript"), (f"/engine/{BINARY}", "application/wasm"),
    ]:  # fmt: skip
        status, body, headers = get(explorer, path)
        assert status == 200 and body and headers["Content-Type"].startswith(kind), path
    for path in ("/missing.js", "/../explore.py", "/engine/../../cli.py", "/etc/passwd"):
        assert get(explorer, path)[0] == 404


def test_the_page_may_reach_nothing_but_its_own_address(explorer: Explorer) -> None:
    headers = get(explorer, "/")[2]
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'self'"
    assert policy["script-src"] == "'self' 'wasm-unsafe-eval'"
    assert "unsafe-inline" not in headers["Content-Security-Policy"]
    assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    assert explorer.url.startswith("http://127.0.0.1:")
    assert get(explorer, "/models/bump.decoder.onnx", Host="evil.example")[0] == 403
    assert get(explorer, "/latents.json", Host="localhost:1")[0] == 200


def test_a_port_in_use_is_one_clear_error(explorer: Explorer, tmp_path: Path, pretended: Path) -> None:
    port = int(explorer.url.rsplit(":", 1)[1].rstrip("/"))
    with pytest.raises(SinkUnavailable, match="choose another port"):
        Explorer(load_decoder(tmp_path / "bump.decoder.onnx", "cpu"), pretended, port)


def test_facts_of_a_melody_and_of_latents_without_a_normal_prior(tmp_path: Path) -> None:
    tune = space_facts(load_decoder(write_tune_decoder(tmp_path / "tune.decoder.onnx"), "cpu"))
    named = ("medium", "steps", "steps_per_beat", "lowest", "pitches")
    assert [tune[name] for name in named] == ["melody", 16, 4, 60, 27]
    plain = space_facts(load_decoder(write_bump_decoder(tmp_path / "plain.decoder.onnx", 3, prior="none"), "cpu"))
    assert (plain["normal"], plain["mean"], plain["std"]) == (False, [10.0] * 3, [1.0] * 3)
