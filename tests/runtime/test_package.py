"""The package itself: its public names, and what importing it does and does not."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import nitido


def test_usage_events_of_the_runtime_are_off_unless_asked_for() -> None:
    code = "import os, nitido; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    for given, expected in (({}, "1"), ({"ORT_DISABLE_TELEMETRY": "0"}, "0")):
        environment = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"} | given
        found = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
        )
        assert found.stdout.strip() == expected


def test_the_package_is_light_and_its_names_are_there() -> None:
    code = "import sys, nitido; print(sorted({'onnxruntime', 'cv2', 'numpy', 'PIL', 'click'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    for name in nitido.__all__:
        assert getattr(nitido, name) is not None
    assert set(nitido.__all__) <= set(dir(nitido))
    with pytest.raises(AttributeError, match="no attribute 'absent'"):
        _ = nitido.absent
