"""Model files for bindings that cannot set optional inputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nitido.inference.model import load
from nitido.model_file.plain import with_plain_settings
from nitido.model_file.properties import is_intact
from nitido.model_file.zoo import find
from support.frames import noise_frame
from support.paths import ROOT

RESEARCH = ROOT / "models" / "research" / "denoise-n-research.onnx"


@pytest.mark.parametrize(
    ("name", "settings"), [("denoise-camera-n", ["strength", "noise"]), (str(RESEARCH), ["strength"])]
)
def test_settings_become_plain_inputs_and_give_the_same_pictures(
    name: str, settings: list[str], tmp_path: Path
) -> None:
    content, names = with_plain_settings(find(name).read_bytes())
    assert names == settings and is_intact(content) is not False
    (tmp_path / "plain.onnx").write_bytes(content)
    frame = noise_frame(40, 48)
    original, plain = load(name, "cpu"), load(tmp_path / "plain.onnx", "cpu")
    np.testing.assert_array_equal(original(frame), plain(frame))
    np.testing.assert_array_equal(original(frame, strength=0.5), plain(frame, strength=0.5))


def test_a_model_without_settings_stays_as_it_is() -> None:
    content = find("upscale-x2-n").read_bytes()
    assert with_plain_settings(content) == (content, [])
