"""The package for browsers in a real one, without network: modules and the example page."""

from __future__ import annotations

import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page, expect

from nitido.inference.model import load
from nitido_export.pack.write import write_pack
from support.browser import chromium, engine
from support.waiting import WAIT

pytestmark = [pytest.mark.browser, pytest.mark.network, pytest.mark.slow]

# A camera that needs neither hardware nor a click.
CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")

# Two streams of one model take turns; the first forgets before its third frame.
STREAMS = """
async ({ clips, width, height, settings, cut }) => {
  const { open } = await import('./browser.js');
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const text = (pixels) => btoa(Array.from(pixels, (c) => String.fromCharCode(c)).join(''));
  const model = await open({ threads: 1 });
  const streams = clips.map(() => model.stream());
  const found = clips.map(() => []);
  for (let n = 0; n < clips[0].length; n += 1) {
    for (const [i, stream] of streams.entries()) {
      if (i === 0 && n === cut) stream.reset();
      const { pixels } = await stream.restore({ pixels: bytes(clips[i][n]), width, height }, settings);
      found[i].push(text(pixels));
    }
  }
  await model.close();
  return found;
}
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium(*CAMERA) as opened:
        yield opened


class Quiet(SimpleHTTPRequestHandler):
    extensions_map = {**SimpleHTTPRequestHandler.extensions_map, ".wasm": "application/wasm"}  # noqa: RUF012

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def opened(browser: Browser, model: str, engine_folder: Path, folder: Path) -> Iterator[Page]:
    """The example page of a packed model, as its README has it served. Whatever it complains of fails the test."""
    write_pack(model, "node", folder)
    modules = folder / "node_modules" / "onnxruntime-web"
    modules.mkdir(parents=True)
    (modules / "dist").symlink_to(engine_folder)
    (folder / "favicon.ico").touch()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    complaints: list[str] = []
    page = browser.new_page()
    try:
        page.set_default_timeout(1000 * WAIT)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        page.goto(f"http://127.0.0.1:{server.server_address[1]}/index.html")
        expect(page.locator("#status")).to_have_text("Ready", timeout=1000 * WAIT)
        yield page
    finally:
        page.close()
        server.shutdown()
        server.server_close()
    assert complaints == []


def steps(model: str, clip: NDArray[np.uint8], settings: dict[str, float], cut: int | None) -> list[NDArray[np.uint8]]:
    """What nitido makes of a stream, states not moved along with the picture."""
    opened_model, states, images = load(model, "cpu"), {}, []
    for number, frame in enumerate(clip):
        step = opened_model.step(frame[None], {} if number == cut else states, **settings)
        states = step.states
        images.append(step.images[0])
    return images


@pytest.mark.parametrize("name", ["denoise-live-n", "denoise-n.int8"])
def test_streams_in_a_browser_give_the_bytes_that_nitido_gives(
    browser: Browser, pytestconfig: pytest.Config, frame: NDArray[np.uint8], tmp_path: Path, name: str
) -> None:
    small = frame[:65, :82]
    clips = [np.stack([np.roll(one, 2 * n, 1) for n in range(4)]) for one in (small, small[::-1])]
    settings = {"noise": 6.0} if "live" in name else {"strength": 0.8}
    with opened(browser, name, engine(pytestconfig), tmp_path / "packed") as page:
        given = {
            "clips": [[b64encode(f.tobytes()).decode() for f in clip] for clip in clips],
            "width": small.shape[1],
            "height": small.shape[0],
            "settings": settings,
            "cut": 2,
        }
        found = page.evaluate(STREAMS, given)
    for number, (clip, images) in enumerate(zip(clips, found, strict=True)):
        wanted = steps(name, clip, settings, 2 if number == 0 else None)
        for image, expected in zip(images, wanted, strict=True):
            pixels = np.frombuffer(b64decode(image), np.uint8).reshape(expected.shape).astype(int)
            assert np.abs(pixels - expected).max() <= 1
    if "live" in name:
        assert not np.array_equal(steps(name, clips[0], settings, None)[2], steps(name, clips[0], settings, 2)[2])


def test_the_page_restores_a_picture_and_a_camera(
    browser: Browser, pytestconfig: pytest.Config, frame: NDArray[np.uint8], tmp_path: Path
) -> None:
    cv2.imwrite(str(tmp_path / "picture.png"), frame)
    with opened(browser, "denoise-camera-n", engine(pytestconfig), tmp_path / "packed") as page:
        page.set_input_files("#file", tmp_path / "picture.png")
        expect(page.locator("#status")).to_contain_text("noise level", timeout=1000 * WAIT)
        url = page.evaluate("document.querySelector('#canvas').toDataURL()")
        found = cv2.imdecode(np.frombuffer(b64decode(url.partition(",")[2]), np.uint8), cv2.IMREAD_COLOR)
        assert found is not None
        expected = load("denoise-camera-n", "cpu")(frame)
        assert np.abs(found.astype(int) - expected).max() <= 1
        page.fill("#strength", "0.5")
        page.click("#camera")
        expect(page.locator("#status")).to_contain_text("640×480", timeout=1000 * WAIT)
        before = page.inner_text("#status")
        page.click("#reset")
        expect(page.locator("#status")).not_to_have_text(before, timeout=1000 * WAIT)
