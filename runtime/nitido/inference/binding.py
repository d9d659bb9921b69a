"""Runs whose results stay in the memory of a device, but for what the host wants to see."""

from __future__ import annotations

from typing import Any

import onnxruntime as ort

from nitido.inference.levels import ESTIMATE
from nitido.inference.session import readable_errors

# Devices where memory is bound, so that states never leave it. On the CPU there is nothing to gain.
BOUND = {"cuda": "cuda", "tensorrt": "cuda"}
_HOST = ("image", ESTIMATE)


def run_bound(session: ort.InferenceSession, given: dict[str, Any], names: list[str], device: str) -> dict[str, Any]:
    """One run with the image and the noise level brought to the host and everything else left on the device."""
    with readable_errors():
        binding = session.io_binding()
        for name, value in given.items():
            # Not bind_cpu_input, which knows nothing of inputs that have a default, such as noise.
            tensor = value if isinstance(value, ort.OrtValue) else ort.OrtValue.ortvalue_from_numpy(value)
            binding.bind_ortvalue_input(name, tensor)
        for name in names:
            binding.bind_output(name, "cpu" if name in _HOST else device)
        session.run_with_iobinding(binding)
        outputs = dict(zip(names, binding.get_outputs(), strict=True))
        return {n: v.numpy() if n in _HOST else v for n, v in outputs.items()}
