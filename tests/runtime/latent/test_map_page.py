"""A map of latents as a page that works without a server and without a network."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from nitido.errors import FrameMismatch, SinkUnavailable
from nitido.latent.layout import lay_out
from nitido.latent.map import Plane, plane_of
from nitido.latent.map_page import map_page
from support.browser import chromium


def test_a_page_shows_the_picture_under_the_pointer_and_loads_nothing(tmp_path: Path) -> None:
    points = np.array([[-1.0, 0.0], [1.0, 0.0], [0.0, 0.5]])
    thumbnails = np.full((3, 32, 32, 3), (40, 180, 90), np.uint8)
    paths = ["a/</script>.png", "a/second.png", "b/third.png"]
    file = tmp_path / "map.html"
    file.write_bytes(map_page(Plane(points, ("x", "y")), paths, thumbnails, ["a", "a", "b"], "three pictures"))
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 800, "height": 600})
        troubles: list[str] = []
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("request", lambda request: troubles.append(request.url) if request.url.startswith("http") else None)
        page.goto(file.as_uri())
        page.wait_for_function("document.querySelector('#map').width > 0")
        page.wait_for_timeout(300)
        assert page.locator("#about").text_content() == "three pictures"
        assert page.locator("#legend button").all_text_contents() == ["a", "b"]
        box = page.locator("#map").bounding_box()
        assert box
        scale = 0.92 * min(box["width"] / 2, box["height"] / 0.5)
        left, middle = box["x"] + box["width"] / 2 - scale, box["y"] + box["height"] / 2 + 0.25 * scale
        page.mouse.move(left, middle)
        expect(page.locator("#card figcaption")).to_have_text("a/</script>.png")
        page.locator("#legend button").first.click()
        page.mouse.move(left + 1, middle)
        expect(page.locator("#card")).to_be_hidden()
        assert troubles == []
    with pytest.raises(FrameMismatch, match="expected 3 thumbnails"):
        map_page(Plane(points, ("x", "y")), paths, thumbnails[:2])


def test_layouts_keep_groups_together_and_name_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.eye(3, 6) * 30, 20, axis=0)
    z = (groups + rng.normal(size=(60, 6))).astype(np.float32)
    points = lay_out(z, "tsne").points
    centres = points.reshape(3, 20, 2).mean(axis=1)
    own = np.linalg.norm(points - np.repeat(centres, 20, axis=0), axis=1).max()
    assert all(np.linalg.norm(centres[a] - centres[b]) > own for a, b in ((0, 1), (0, 2), (1, 2)))
    assert np.array_equal(lay_out(z).points, plane_of(z).points)
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(SinkUnavailable, match=r"pip install 'nitido\[maps\]'"):
        lay_out(z, "umap")
