"""What can be asked for with ``--device``: ONNX Runtime's execution providers, and what each needs to be there.

Only a table, so that the command line can show it without loading onnxruntime.
"""

from __future__ import annotations

from dataclasses import dataclass

AUTO = "auto"
_SUFFIX = "ExecutionProvider"


@dataclass(frozen=True)
class Provider:
    """device: the short name. name: ONNX Runtime's. wheel: the pip requirement that carries it; empty when none does.
    needs: what must be on the machine, as the end of "it needs"."""

    device: str
    name: str
    wheel: str
    needs: str

    def advice(self, installed: str = "onnxruntime") -> str:
        """How to get it, in place of the wheel that is installed now: only one of them can be."""
        if not self.wheel or self.wheel == installed:
            return f"it needs {self.needs}"
        return f'pip uninstall -y {installed} && pip install "{self.wheel}"; it needs {self.needs}'


PROVIDERS = (
    Provider("cpu", "CPUExecutionProvider", "onnxruntime", "nothing"),
    Provider(
        "cuda",
        "CUDAExecutionProvider",
        "onnxruntime-gpu[cuda,cudnn]",
        "an NVIDIA driver and the CUDA and cuDNN libraries (which those extras bring)",
    ),
    Provider(
        "tensorrt",
        "TensorrtExecutionProvider",
        "onnxruntime-gpu[cuda,cudnn]",
        "an NVIDIA driver, the CUDA and cuDNN libraries (which those extras bring) and NVIDIA's TensorRT (libnvinfer)",
    ),
    Provider(
        "openvino",
        "OpenVINOExecutionProvider",
        "onnxruntime-openvino",
        "hardware of the kind that provider option device_type names (default CPU; the libraries come with the wheel)",
    ),
    Provider("coreml", "CoreMLExecutionProvider", "onnxruntime", "macOS"),
    Provider("xnnpack", "XnnpackExecutionProvider", "", "an onnxruntime built with --use_xnnpack: no wheel has it"),
    Provider(
        "directml", "DmlExecutionProvider", "onnxruntime-directml", "Windows 10 or later and a DirectX 12 graphics card"
    ),
    Provider("migraphx", "MIGraphXExecutionProvider", "onnxruntime-migraphx", "an AMD GPU, ROCm and MIGraphX"),
    Provider(
        "rocm",
        "ROCMExecutionProvider",
        "onnxruntime-rocm",
        "an AMD GPU and ROCm (onnxruntime 1.23 dropped it in favour of migraphx)",
    ),
    Provider(
        "qnn",
        "QNNExecutionProvider",
        "onnxruntime-qnn<2",
        "a Qualcomm processor (from version 2 on that wheel is a plug-in, which nitido does not load)",
    ),
)

DEVICES = (AUTO, *(provider.device for provider in PROVIDERS))


def known_provider(device: str) -> Provider | None:
    """The provider of a short name (``openvino``) or a full one (``OpenVINOExecutionProvider``), in any case.

    Another full name is taken as it stands: builds of ONNX Runtime have providers that no wheel has. ``None`` for
    ``auto`` and for names that mean nothing.
    """
    for provider in PROVIDERS:
        if device.lower() in (provider.device, provider.name.lower()):
            return provider
    if device.endswith(_SUFFIX) and device != _SUFFIX:
        return Provider(device, device, "", "an onnxruntime built with it")
    return None
