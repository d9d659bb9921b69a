"""Opening an ONNX Runtime session on the device that was asked for, or failing loudly."""

from __future__ import annotations

from pathlib import Path

import onnxruntime as ort

from nitido.errors import CardMismatch, NitidoError, ProviderUnavailable

DEVICES = ("auto", "cpu", "cuda")
_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


def open_session(
    path: Path, device: str = "auto", *, threads: int | None = None, spinning: bool = True
) -> tuple[ort.InferenceSession, str]:
    """A session for the file and the device it really runs on, ``cpu`` or ``cuda``.

    device: ``cpu``; ``cuda``, which is an error when it is not active afterwards; ``auto``, CUDA where it works.
    threads: for one operator; default the physical cores. spinning: threads wait busily between frames, which is
    fastest for a batch and wastes a core for a live stream.

    Raises ``ProviderUnavailable`` for a device that cannot be had, ``CardMismatch`` for a file that is not ONNX.
    """
    if device not in DEVICES:
        raise ProviderUnavailable(f"unknown device '{device}': expected one of {', '.join(DEVICES)}")
    if device == "auto":
        try:
            return _open(path, "cuda", threads, spinning), "cuda"
        except ProviderUnavailable:
            device = "cpu"
    return _open(path, device, threads, spinning), device


def _open(path: Path, device: str, threads: int | None, spinning: bool) -> ort.InferenceSession:
    provider = _PROVIDERS[device]
    available = ort.get_available_providers()
    if provider not in available:
        raise ProviderUnavailable(
            f"device '{device}' needs {provider}, but this onnxruntime {ort.__version__} offers only "
            f"{', '.join(available)}; install onnxruntime-gpu in place of onnxruntime"
        )
    if device == "cuda" and hasattr(ort, "preload_dlls"):
        ort.preload_dlls()  # finds the CUDA and cuDNN libraries of pip packages and of torch
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3  # errors only: a warning on stderr is not an answer a user can act on
    options.intra_op_num_threads = threads or 0
    if not spinning:
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = ort.InferenceSession(str(path), options, providers=[provider])
    except Exception as error:  # onnxruntime's exceptions share no base but Exception
        if device != "cpu":
            raise ProviderUnavailable(f"device '{device}' could not be started: {_first_line(error)}") from error
        raise CardMismatch(
            f"{path} cannot be loaded as an ONNX model by onnxruntime {ort.__version__}: {_first_line(error)}"
        ) from error
    # ONNX Runtime falls back to the CPU without a word when a provider's libraries are missing.
    if provider not in session.get_providers():
        raise ProviderUnavailable(
            f"device '{device}' was asked for, but the session runs on {', '.join(session.get_providers())}: "
            "the CUDA or cuDNN libraries that this onnxruntime needs were not found; install "
            "onnxruntime-gpu[cuda,cudnn] or use --device cpu"
        )
    return session


def run_error(error: Exception) -> NitidoError:
    """A readable error for a failed ``session.run``."""
    return NitidoError(f"onnxruntime could not run the model: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
