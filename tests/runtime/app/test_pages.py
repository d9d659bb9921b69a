"""The pages of the app in a real browser, without network."""

from __future__ import annotations

import os
import re
import zipfile
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from nitido.app.camera import open_models
from nitido.app.export import export_site
from nitido.app.server import App
from nitido.inference.model import load
from nitido.latent.autoencoder import load_decoder
from nitido.latent.explorer_files import find_decoders
from support.browser import chromium, engine
from support.frames import noise_frame
from support.waiting import WAIT, until

pytestmark = [pytest.mark.browser, pytest.mark.network, pytest.mark.slow]

MODELS = ("denoise-live-n.int8", "denoise-camera-n.int8")
LATENTS = ("vae-digits", "cvae-digits", "vae-melody")
SAME = """() => {
  const [a, b] = ['before', 'after'].map((side) => document.querySelector(`#stage .layer.${side} canvas`));
  const pixels = (canvas) => {
    const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', { willReadFrequently: true });
    copy.drawImage(canvas, 0, 0);
    return copy.getImageData(0, 0, canvas.width, canvas.height).data;
  };
  const others = pixels(b);
  return pixels(a).every((value, i) => value === others[i]);
}"""
SHOTS = os.environ.get("NITIDO_SCREENSHOTS")  # a folder for pictures of the pages, for whoever wants to see them


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream") as opened:
        yield opened


@pytest.fixture(scope="module")
def engine_folder(pytestconfig: pytest.Config) -> Path:
    return engine(pytestconfig)


@contextmanager
def watched(browser: Browser, url: str, **options: Any) -> Iterator[Page]:
    """The page, ready. Whatever it complains of, or asks of another address, fails the test."""
    context = browser.new_context(**options)
    page = context.new_page()
    page.set_default_timeout(1000 * WAIT)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    own = (url.rpartition("/")[0], "data:", "blob:")
    page.on("request", lambda one: None if one.url.startswith(own) else complaints.append(one.url))
    page.goto(url)
    expect(page.locator("html")).to_have_attribute("data-ready", "true", timeout=1000 * WAIT)
    yield page
    context.close()
    assert not complaints


def shoot(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)


def test_pictures_are_dropped_restored_compared_and_saved(browser: Browser, tmp_path: Path) -> None:
    for name, side in (("first", 96), ("second", 64)):
        cv2.imwrite(str(tmp_path / f"{name}.png"), noise_frame(side, 128))
    (tmp_path / "third.jpg").write_bytes(b"no picture")
    files = [tmp_path / name for name in ("first.png", "second.png", "third.jpg")]
    with App([], None, threads=1) as app, watched(browser, app.url, color_scheme="dark") as page:
        shoot(page, "empty-dark")
        expect(page.locator("#start")).to_be_disabled()
        page.locator("#files").set_input_files(files)
        expect(page.locator("#list li")).to_have_count(3)
        page.locator("#strength").fill("50")
        expect(page.locator("#strength-value")).to_have_text("50 %")
        page.locator("#start").click()
        expect(page.locator("#list li.done")).to_have_count(2)
        expect(page.locator("#list li.failed")).to_have_count(1)
        page.locator("#list li.failed .pick").click()
        expect(page.locator("#nothing")).to_contain_text("Failed")
        page.locator("#list li.done .pick").first.click()
        expect(page.locator("#stage .layer.after img")).to_be_visible()
        page.locator("#stage input[type=range]").focus()
        for _ in range(10):
            page.keyboard.press("ArrowLeft")
        assert page.locator("#stage").evaluate("stage => stage.style.getPropertyValue('--at')") == "40%"
        shoot(page, "pictures-dark")
        with page.expect_download() as saved:
            page.locator("#save-all").click()
        with zipfile.ZipFile(saved.value.path()) as archive:
            assert sorted(archive.namelist()) == ["first.png", "second.png"]
        page.reload()  # what was given stays until it is removed
        expect(page.locator("#list li")).to_have_count(3)
        page.get_by_role("button", name="first.png").last.click()
        page.locator("#clear").click()
        expect(page.locator("#list li")).to_have_count(0)


def test_a_phone_in_daylight_sees_everything(browser: Browser) -> None:
    size = {"width": 390, "height": 844}
    with App([], None, threads=1) as app, watched(browser, app.url, viewport=size, color_scheme="light") as page:
        drop_files(page, {"a.png": noise_frame(96, 128)})
        expect(page.locator("#start")).to_be_enabled()
        page.get_by_role("button", name="Enlarge").click()
        expect(page.locator("#scale-field")).to_be_visible()
        page.locator("#start").click()
        expect(page.locator("#list li.done")).to_have_count(1)
        shoot(page, "pictures-phone")
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]


def watch_camera(page: Page) -> None:
    """Starts the camera, and waits until restored frames have come."""
    page.locator("#switch").click()
    expect(page.locator("#fps")).not_to_have_text("–")
    expect(page.locator("#frame-size")).to_have_text("320 × 240")
    assert page.evaluate("crossOriginIsolated") and page.locator("#problem").inner_text() == ""
    expect(page.locator("#engine")).to_have_text(re.compile(r"WASM, (1 thread|\d+ threads)"))
    given, restored = (
        page.locator(f"#stage .layer.{side} canvas").evaluate(
            "canvas => Array.from(canvas.getContext('2d').getImageData(0, 0, 64, 64).data)"
        )
        for side in ("before", "after")
    )
    assert max(given) > 0 and given != restored
    assert sum(abs(a - b) for a, b in zip(given, restored, strict=True)) / len(given) < 20


def test_the_camera_is_restored_in_the_browser(browser: Browser, engine_folder: Path) -> None:
    with App(open_models(MODELS), engine_folder) as app, watched(browser, f"{app.url}camera.html") as page:
        page.locator("#size").select_option("320x240")
        watch_camera(page)
        shoot(page, "camera")
        page.locator("#model").select_option("denoise-camera-n.int8.onnx")
        expect(page.locator("#fps")).not_to_have_text("–")
        page.locator("#noise-auto").uncheck()
        page.locator("#noise-level").fill("7")
        expect(page.locator("#noise")).to_have_text("7.0")
        page.locator("#strength").fill("0")  # the model returns the frame as it is
        page.wait_for_function(SAME)
        page.locator("#switch").click()
        expect(page.locator("#fps")).to_have_text("–")


def watch_latents(page: Page) -> None:
    """Waits until the page is ready, goes somewhere, and compares its picture with what Python decodes there."""
    expect(page.locator("#state")).to_have_text("ready", timeout=1000 * WAIT)
    decoder = load_decoder(LATENTS[0], "cpu")
    z = np.linspace(-0.5, 1.5, decoder.size, dtype=np.float32)
    page.locator("#z").fill(", ".join(map(str, z)))
    expected = decoder(z)
    expected = np.asarray(expected, int).reshape(expected.shape[-3:])

    def shown() -> bool:
        url = page.locator("#picture").evaluate("canvas => canvas.toDataURL()")
        found = cv2.imdecode(np.frombuffer(b64decode(url.partition(",")[2]), np.uint8), cv2.IMREAD_COLOR)
        return found is not None and int(np.abs(found - expected).max()) <= 1

    until(shown)


def test_latent_models_are_chosen_and_decoded_in_the_browser(browser: Browser, engine_folder: Path) -> None:
    size = {"width": 390, "height": 844}
    with App([], engine_folder, decoders=find_decoders(LATENTS)) as app:
        with watched(browser, f"{app.url}latents.html", color_scheme="dark") as page:
            expect(page.locator("nav [aria-current]")).to_have_text("Latents")
            watch_latents(page)
            page.wait_for_function("!document.querySelector('#grid.old')")
            shoot(page, "latents-dark")
            page.locator("#model").select_option("vae-melody")
            expect(page.locator("#about")).to_contain_text("steps")
            expect(page.locator("#state")).to_have_text("ready", timeout=1000 * WAIT)
            expect(page.locator("#picture")).to_have_attribute("aria-label", re.compile("Decoded melody: "))
            assert page.url.endswith("?model=vae-melody") and page.locator("#model").input_value() == "vae-melody"
        with watched(browser, f"{app.url}latents.html?model=cvae-digits", viewport=size, color_scheme="light") as page:
            expect(page.locator("#cost")).not_to_have_text("")
            shoot(page, "latents-phone")
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]


def test_without_an_engine_the_page_of_latents_says_what_to_do(browser: Browser) -> None:
    decoders = find_decoders(LATENTS[:1])
    with App([], None, decoders=decoders, problem="run: x") as app, watched(browser, f"{app.url}latents.html") as page:
        expect(page.locator("#state")).to_have_text("cannot decode in this browser: run: x")


def drop_files(page: Page, pictures: Mapping[str, np.ndarray | None]) -> None:
    """Drops files onto the page with a mouse's events; ``None``: one that is not a picture."""
    contents = {
        name: list(b"not a picture" if frame is None else cv2.imencode(".png", frame)[1].tobytes())
        for name, frame in pictures.items()
    }
    page.evaluate(
        """(contents) => {
          const dataTransfer = new DataTransfer();
          for (const [name, bytes] of Object.entries(contents)) {
            dataTransfer.items.add(new File([new Uint8Array(bytes)], name));
          }
          const target = document.querySelector('#drop');
          for (const kind of ['dragover', 'drop']) {
            target.dispatchEvent(new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer }));
          }
        }""",
        contents,
    )


class _Site(SimpleHTTPRequestHandler):
    """As a host that reads ``_headers``."""

    extensions_map = {**SimpleHTTPRequestHandler.extensions_map, ".wasm": "application/wasm"}  # noqa: RUF012

    def end_headers(self) -> None:
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_an_exported_site_needs_no_program(browser: Browser, engine_folder: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    small = noise_frame(530, 560)  # more than one tile each way
    names = export_site(site, open_models(MODELS[1:]), find_decoders(LATENTS), engine_folder)
    assert {
        "index.html",
        "camera.html",
        "camera.json",
        "latents.html",
        "latents.json",
        "models/vae-digits.decoder.onnx",
        "pictures.json",
        "LICENCES.md",
        "LICENSE",
        "engine/LICENSE",
    } <= set(names)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Site, directory=str(site)))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        with watched(browser, f"http://127.0.0.1:{server.server_address[1]}/") as page:
            shoot(page, "site")
            drop_files(page, {"small.png": small, "other.png": small[:40], "broken.jpg": None})
            expect(page.locator("#list li")).to_have_count(3)
            page.locator("#format").select_option("png")
            page.locator("#start").click()
            expect(page.locator("#list li.done")).to_have_count(2)
            expect(page.locator("#start")).to_be_disabled()  # everything is done as chosen
            page.locator("#list li.failed .pick").click()
            expect(page.locator("#nothing")).to_contain_text("cannot read")
            page.locator("#list .pick").first.click()
            expect(page.locator("#stage .layer.after img")).to_be_visible()
            shoot(page, "site-done")
            with page.expect_download() as saved:
                page.locator("#save-all").click()
            with zipfile.ZipFile(saved.value.path()) as archive:
                assert archive.testzip() is None and len(archive.namelist()) == 2
                found = cv2.imdecode(np.frombuffer(archive.read(archive.namelist()[0]), np.uint8), cv2.IMREAD_COLOR)
            expected = load("denoise-camera-n", "cpu")(small, tile=0)
            assert int(cv2.absdiff(found, expected).max()) <= 1  # parts of a picture give what the whole one does
            page.get_by_role("link", name="Camera").click()
            expect(page.locator("html")).to_have_attribute("data-ready", "true", timeout=1000 * WAIT)
            page.locator("#size").select_option("320x240")
            watch_camera(page)
            page.get_by_role("link", name="Latents").click()
            watch_latents(page)
    finally:
        server.shutdown()
        server.server_close()
