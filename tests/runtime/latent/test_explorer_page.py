"""The page of ``nitido explore`` in a real browser, without network: what it shows is what Python decodes."""

from __future__ import annotations

import re
import shutil
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page, expect

from nitido.latent.autoencoder import Decoder, load_decoder
from nitido.latent.explorer import Explorer
from nitido.latent.melody import FIRST
from nitido.latent.sampling import between
from nitido.web.onnxruntime_web import BINARY, SCRIPT
from support.browser import chromium, engine
from support.bump_decoders import LOWEST, SIDE, write_bump_decoder, write_tune_decoder
from support.waiting import WAIT, until

pytestmark = [pytest.mark.browser, pytest.mark.network]

NAMES = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")
Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def engine_folder(pytestconfig: pytest.Config) -> Path:
    return engine(pytestconfig)


@contextmanager
def opened(browser: Browser, engine_folder: Path, decoder: Decoder, **options: Any) -> Iterator[Page]:
    """The page, ready. Whatever it complains of, or asks of another address, fails the test."""
    with Explorer(decoder, engine_folder) as explorer:
        context = browser.new_context(**options)
        complaints: list[str] = []
        page = context.new_page()
        page.set_default_timeout(1000 * WAIT)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        page.on("requestfailed", lambda request: complaints.append(f"{request.url}: {request.failure}"))
        page.on(
            "request", lambda request: complaints.append(request.url) if _elsewhere(request.url, explorer) else None
        )
        page.goto(explorer.url)
        expect(page.locator("#state")).to_have_text("ready", timeout=1000 * WAIT)
        yield page
        context.close()
    assert complaints == []


def _elsewhere(url: str, explorer: Explorer) -> bool:
    return not url.startswith((explorer.url, f"blob:{explorer.url}", "data:"))


def pixels(page: Page, canvas: str = "#picture") -> Pixels:
    """What a canvas holds, uint8 H×W×3 BGR."""
    url = page.evaluate("(id) => document.querySelector(id).toDataURL()", canvas)
    found = cv2.imdecode(np.frombuffer(b64decode(url.partition(",")[2]), np.uint8), cv2.IMREAD_COLOR)
    assert found is not None
    return np.asarray(found, np.uint8)


def place(page: Page) -> NDArray[np.float32]:
    """z, as the page writes it."""
    return np.array(page.input_value("#z").split(","), np.float32)


def settle(page: Page) -> None:
    """Until the screen has shown everything that is already on its way."""
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def shows(page: Page, decoder: Decoder, label: int | None = None) -> bool:
    """Whether the picture is the one that Python decodes for the z that the page tells."""
    expected = decoder(place(page), label)
    found = pixels(page)
    # Another build of the engine may sum floats in another order.
    return found.shape == expected.shape and int(np.abs(found.astype(int) - expected).max()) <= 1


def point(page: Page, across: float, up: float) -> tuple[float, float]:
    """Where on the screen a place of the plane is, in shares of its sides."""
    box = page.locator("#plane").bounding_box()
    assert box is not None
    return box["x"] + across * box["width"], box["y"] + (1 - up) * box["height"]


@pytest.fixture(scope="module")
def bump(tmp_path_factory: pytest.TempPathFactory) -> Decoder:
    return load_decoder(write_bump_decoder(tmp_path_factory.mktemp("models") / "bump.decoder.onnx"), "cpu")


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Decoder:
    """Eight dimensions, whose latents are around 10."""
    path = tmp_path_factory.mktemp("models") / "wide.decoder.onnx"
    return load_decoder(write_bump_decoder(path, 8, prior="none"), "cpu")


def test_dragging_decodes_on_the_way_what_python_decodes(browser: Browser, engine_folder: Path, bump: Decoder) -> None:
    with opened(browser, engine_folder, bump) as page:
        until(lambda: shows(page, bump))
        seen = [pixels(page)]
        page.mouse.move(*point(page, 0.5, 0.5))
        page.mouse.down()
        for across, up in [(0.7, 0.6), (0.85, 0.8), (0.2, 0.75), (0.1, 0.1)]:
            page.mouse.move(*point(page, across, up), steps=8)
            until(lambda: not np.array_equal(pixels(page), seen[-1]) and shows(page, bump))  # the button still held
            assert np.abs(place(page) - [6 * across - 3, 6 * up - 3]).max() < 0.02
            seen.append(pixels(page))
        page.mouse.move(*point(page, 1.4, -0.3), steps=4)  # beyond the edge
        until(lambda: shows(page, bump) and np.array_equal(place(page), [3, -3]))
        page.mouse.up()
        page.mouse.move(*point(page, 0.5, 0.5))
        settle(page)
        assert np.array_equal(place(page), [3, -3])  # a released button moves nothing
        cost = page.inner_text("#cost")
        assert re.fullmatch(r"\d+(\.\d)? ms", cost)


def test_the_plane_shows_what_lies_where(browser: Browser, engine_folder: Path, bump: Decoder) -> None:
    middles = (np.arange(15) + 0.5) / 15 * 6 - 3
    z = np.array([[x, y] for y in middles[::-1] for x in middles], np.float32)
    expected = np.zeros((15 * (SIDE + 1), 15 * (SIDE + 1), 3), np.uint8)
    for i, picture in enumerate(bump(z)):
        top, left = (i // 15) * (SIDE + 1), (i % 15) * (SIDE + 1)
        expected[top : top + SIDE, left : left + SIDE] = picture
    expected = expected[:-1, :-1]
    with opened(browser, engine_folder, bump) as page:
        until(lambda: int(np.abs(pixels(page, "#grid").astype(int) - expected).max()) <= 1)


def test_only_the_newest_place_is_decoded_and_the_background_waits(
    browser: Browser, engine_folder: Path, bump: Decoder
) -> None:
    with opened(browser, engine_folder, bump) as page:
        found = page.evaluate(
            """async () => {
              const { Decoding } = await import("./decoding.js");
              const order = [], shown = [];
              const slow = (places) => new Promise((resolve) => setTimeout(() => {
                order.push(places.map(([value]) => value));
                resolve({ data: Uint8Array.from(places, ([value]) => value), ms: 20 });
              }, 20));
              const decoding = new Decoding(slow, (error) => order.push(String(error)));
              const filled = new Promise((resolve) => {
                decoding.fill("old", [[201], [202], [203]], 0, (_, [value]) => shown.push(value));
                decoding.fill("old", [[211], [212]], 0, (index, [value]) => {
                  shown.push(value);
                  if (index) resolve();
                });
              });
              for (let value = 1; value <= 50; value++) decoding.show([value], 0, ([found]) => shown.push(found));
              await filled;
              return { order, shown };
            }"""
        )
    # The first had begun before there were newer ones; of the replaced background nothing is shown.
    assert found["order"] == [[201], [50], [211], [212]]
    assert found["shown"] == [50, 211, 212]


def test_sliders_axes_and_the_plane_of_many_dimensions(browser: Browser, engine_folder: Path, wide: Decoder) -> None:
    with opened(browser, engine_folder, wide) as page:
        until(lambda: shows(page, wide) and not page.locator("#grid.old").count())
        assert np.array_equal(place(page), [10] * 8)
        sliders = [page.get_by_label(f"Dimension z{axis}") for axis in range(8)]
        assert [sliders[0].get_attribute(end) for end in ("min", "max")] == ["7", "13"]
        before = pixels(page, "#grid")
        sliders[2].fill("12.5")
        until(lambda: place(page)[2] == 12.5 and shows(page, wide))
        until(lambda: not page.locator("#grid.old").count() and not np.array_equal(pixels(page, "#grid"), before))
        page.get_by_label("across").select_option("z5")
        page.mouse.click(*point(page, 0.25, 0.75))
        until(lambda: shows(page, wide) and abs(place(page)[5] - 8.5) < 0.02)
        assert np.abs(place(page) - [10, 11.5, 12.5, 10, 10, 8.5, 10, 10]).max() < 0.02
        page.get_by_label("up").select_option("z5")  # which is taken: the two change places
        assert page.input_value("#across") == "1"
        page.get_by_role("button", name="Random").click()
        until(lambda: shows(page, wide) and float(np.abs(place(page) - 10).min()) > 0)
        page.get_by_role("button", name="Reset").click()
        until(lambda: shows(page, wide) and np.array_equal(place(page), [10] * 8))


def test_classes_are_passed_to_the_decoder(browser: Browser, engine_folder: Path, tmp_path: Path) -> None:
    labels = ("round", "rounder", "roundest")
    decoder = load_decoder(write_bump_decoder(tmp_path / "classes.decoder.onnx", labels=labels), "cpu")
    with opened(browser, engine_folder, decoder) as page:
        until(lambda: shows(page, decoder, 0))
        before = pixels(page, "#grid")
        page.get_by_role("button", name="roundest").click()
        until(lambda: shows(page, decoder, 2))
        assert page.get_by_role("button", pressed=True).all_inner_texts() == ["roundest"]
        until(lambda: not page.locator("#grid.old").count() and pixels(page, "#grid").sum() > 1.2 * before.sum())
    many = tuple(f"class {i}" for i in range(30))
    decoder = load_decoder(write_bump_decoder(tmp_path / "many.decoder.onnx", labels=many), "cpu")
    with opened(browser, engine_folder, decoder) as page:
        page.get_by_label("Class").select_option("class 7")
        until(lambda: shows(page, decoder, 7))


def test_a_walk_between_pins_is_that_of_the_runtime(browser: Browser, engine_folder: Path, wide: Decoder) -> None:
    a = np.array([11, 10, 9, 10, 11, 12, 10, 10], np.float32)
    b = np.array([9, 12, 10, 10, 9.5, 10, 10, 8], np.float32)
    with opened(browser, engine_folder, wide) as page:
        walk, play = page.get_by_label("Position between pin A and pin B"), page.get_by_role("button", name="Play")
        assert walk.is_disabled() and play.is_disabled()
        for name, z in (("A", a), ("B", b)):
            page.get_by_label("z", exact=True).fill(", ".join(map(str, z)))
            page.get_by_role("button", name=f"Pin {name}", exact=True).click()
        assert page.locator(".pin:visible").all_inner_texts() == ["A", "B"]
        for arc, path in ((False, "linear"), (True, "spherical")):
            page.get_by_label("along an arc").set_checked(arc)
            walk.fill("0.25")
            expected = between(a, b, 5, path)[1]
            until(lambda expected=expected: bool(np.abs(place(page) - expected).max() < 1e-4) and shows(page, wide))
        page.get_by_role("button", name="Go to pin A").click()
        until(lambda: np.array_equal(place(page), a) and shows(page, wide))
        assert np.abs(pixels(page, "#thumb-a").astype(int) - wide(a)).max() <= 1
        play.click()
        on_the_way = set()
        until(lambda: on_the_way.add(place(page).tobytes()) or len(on_the_way) > 5)
        page.get_by_role("button", name="Stop").click()
        settle(page)  # the last place of the walk is shown with the next frame of the screen
        until(lambda: shows(page, wide))
        still = place(page)
        settle(page)
        assert np.array_equal(place(page), still)


def test_a_place_as_text_goes_both_ways(browser: Browser, engine_folder: Path, bump: Decoder) -> None:
    with opened(browser, engine_folder, bump, permissions=["clipboard-read", "clipboard-write"]) as page:
        text = page.get_by_label("z", exact=True)
        text.fill("[1.25 -0.5]")  # as NumPy prints it
        until(lambda: page.get_by_label("Dimension z0").input_value() == "1.25")
        text.fill("1.25, x")
        expect(page.locator("#z-wrong")).to_have_text("expected 2 numbers separated by commas")
        text.fill("1.5, -0.75")
        expect(page.locator("#z-wrong")).to_have_text("")
        until(lambda: shows(page, bump))
        page.get_by_role("button", name="Copy").click()
        expect(page.get_by_role("button", name="Copied")).to_be_visible()
        assert page.evaluate("navigator.clipboard.readText()") == "1.5, -0.75"
        with page.expect_download() as download:
            page.get_by_role("button", name="Save PNG").click()
        assert download.value.suggested_filename == "bump_1.50_-0.75.png"
        saved = cv2.imread(str(download.value.path()))
        assert saved is not None and np.array_equal(np.asarray(saved), pixels(page))


def test_arrow_keys_move_and_say_where(browser: Browser, engine_folder: Path, bump: Decoder) -> None:
    with opened(browser, engine_folder, bump) as page:
        plane = page.get_by_role("slider", name=re.compile("Position in the latent space"))
        until(lambda: shows(page, bump))  # ready, or the first key may be lost on a busy machine
        keys = {"ArrowRight": [0.1, 0.0], "ArrowUp": [0.1, 0.1], "Shift+ArrowRight": [0.6, 0.1]}
        keys |= {"Shift+ArrowDown": [0.6, -0.4], "ArrowLeft": [0.5, -0.4]}
        for key, expected in keys.items():
            plane.press(key)
            until(lambda to=expected: bool(np.abs(place(page) - to).max() < 1e-5) and shows(page, bump))
        assert plane.get_attribute("aria-valuetext") == "z0 0.50, z1 −0.40"


def test_a_finger_drags_on_a_phone_and_nothing_is_wider_than_the_screen(
    browser: Browser, engine_folder: Path, bump: Decoder
) -> None:
    phone = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
    with opened(browser, engine_folder, bump, **phone) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        picture, plane = page.locator("#picture").bounding_box(), page.locator("#plane").bounding_box()
        assert picture and plane and plane["y"] + plane["height"] < 740  # both on the first screen
        assert (2 * picture["width"]) % SIDE == 0  # every pixel equally large
        touch = page.context.new_cdp_session(page)
        for kind, shares in (("touchStart", [0.5, 0.5]), ("touchMove", [0.7, 0.4]), ("touchMove", [0.75, 0.25])):
            x, y = point(page, *shares)
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
        until(lambda: bool(np.abs(place(page) - [1.5, -1.5]).max() < 0.05) and shows(page, bump))
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        assert page.evaluate("scrollY") == 0


def test_a_melody_is_drawn_named_and_played(browser: Browser, engine_folder: Path, tmp_path: Path) -> None:
    decoder = load_decoder(write_tune_decoder(tmp_path / "tune.decoder.onnx"), "cpu")
    with opened(browser, engine_folder, decoder) as page:
        page.get_by_label("z", exact=True).fill("2, 0.5")
        codes = decoder(np.array([2, 0.5], np.float32))
        assert [int(code) - 2 + LOWEST for code in codes[[0, 4, 8]]] == [72, 74, 76]
        expect(page.locator("#picture")).to_have_attribute("aria-label", "Decoded melody: C5 D5 E5")
        bright = np.asarray((pixels(page)[:, :, 1] > 150).any(axis=0))
        share = np.flatnonzero(bright)[[0, -1]] / len(bright)
        assert share[0] < 0.02 and 0.73 < share[1] < 0.76  # the last of four beats is a rest
        page.get_by_role("button", name="Listen").click()
        until(lambda: bool((pixels(page).min(axis=2) == 255).any()))  # the note that sounds is white
        page.get_by_role("button", name="Stop").click()
        until(lambda: not (pixels(page).min(axis=2) == 255).any())


@pytest.mark.parametrize("name", ["vae-digits", "cvae-digits", "vae-emoji"])
def test_a_shipped_decoder_draws_what_python_decodes(browser: Browser, engine_folder: Path, name: str) -> None:
    """Their weights are int8 and multiplied by their scales when the file is loaded, here too."""
    decoder = load_decoder(name, "cpu")
    label = 0 if decoder.space.labels else None
    with opened(browser, engine_folder, decoder) as page:
        until(lambda: shows(page, decoder, label))
        z = np.random.default_rng(0).normal(size=decoder.space.size).astype(np.float32)
        page.get_by_label("z", exact=True).fill(", ".join(f"{value:.3f}" for value in z))
        until(lambda: np.allclose(place(page), z, atol=1e-3) and shows(page, decoder, label))
        assert np.ptp(pixels(page)) > 100


def test_the_shipped_melody_decoder_names_the_notes_that_python_decodes(browser: Browser, engine_folder: Path) -> None:
    decoder = load_decoder("vae-melody", "cpu")
    with opened(browser, engine_folder, decoder) as page:
        z = np.random.default_rng(1).normal(size=decoder.space.size).astype(np.float32)
        page.get_by_label("z", exact=True).fill(", ".join(f"{value:.3f}" for value in z))
        until(lambda: np.allclose(place(page), z, atol=1e-3))
        names = [_note(int(code) - FIRST + decoder.space.lowest) for code in decoder(place(page)) if code >= FIRST]
        expect(page.locator("#picture")).to_have_attribute("aria-label", f"Decoded melody: {' '.join(names)}")


def _note(pitch: int) -> str:
    return f"{NAMES[pitch % 12]}{pitch // 12 - 1}"


def failing(browser: Browser, engine_folder: Path, decoder: Decoder) -> str:
    """What the page says of itself when it cannot decode."""
    with Explorer(decoder, engine_folder) as explorer:
        page = browser.new_page()
        page.goto(explorer.url)
        expect(page.locator("#state.broken")).to_be_visible(timeout=1000 * WAIT)
        text = page.inner_text("#state")
        page.close()
    return text


def test_what_cannot_be_loaded_is_reported_in_one_line(
    browser: Browser, engine_folder: Path, bump: Decoder, tmp_path: Path
) -> None:
    nothing, damaged = tmp_path / "nothing", tmp_path / "damaged"
    damaged.mkdir()
    shutil.copy(engine_folder / SCRIPT, damaged)
    (damaged / BINARY).write_bytes((engine_folder / BINARY).read_bytes()[:1000])
    for folder, reason in ((nothing, SCRIPT), (damaged, "WebAssembly")):
        text = failing(browser, folder, bump)
        assert text.startswith("cannot decode in this browser: ") and reason in text and "\n" not in text
