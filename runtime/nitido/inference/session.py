"""Opening an ONNX Runtime session on the device that was asked for, or failing loudly.

ONNX Runtime falls back to the CPU in four ways without an error: when a provider's libraries are missing, when its
constructor fails, when it takes none of the graph's nodes, and when a run fails. All four are closed here.
"""

from __future__ import annotations

import contextlib
import io
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from nitido.errors import CardMismatch, NitidoError, ProviderUnavailable
from nitido.inference.providers import AUTO, DEVICES, Provider, known_provider
from nitido.inference.saved_devices import saved_device, say_once
from nitido.model_file import zoo
from nitido.model_file.card import Card
from nitido.model_file.properties import read_properties
from nitido.system.cpus import thread_limit, usable_cpus
from nitido.wording import count

_log = logging.getLogger(__name__)
# Where a build's source file and C++ signature stand before the message.
_ORIGIN = re.compile(r"^/\S+:\d+ .*\)(?: const)? (?=\S)")
# What a build says of a file whose format or operators are of a later release.
_TOO_NEW = re.compile(
    r"Unsupported model IR version: (?P<ir>\d+)(?:, max supported IR version: (?P<most_ir>\d+))?"
    r"|Opset (?P<opset>\d+) is under development.*?(?:is till opset (?P<most_opset>\d+)|$)",
    re.DOTALL,
)
_RECORD_NODES = "session.record_ep_graph_assignment_info"


def open_session(
    path: Path,
    device: str = AUTO,
    *,
    threads: int | None = None,
    spinning: bool = True,
    provider_options: Mapping[str, str] | None = None,
) -> tuple[ort.InferenceSession, str]:
    """A session for the file and the device it really runs on: a short name of ``providers.DEVICES``, never ``auto``.

    device: a short name such as ``cpu``, ``cuda`` or ``openvino``, or the full name of a provider; when it is not
    active afterwards, or takes no part of the model, that is an error. Nodes that it cannot do run on the CPU.
    ``auto``: the device that ``nitido doctor --save`` found faster for this very file, if it did; else CUDA where a
    frame really goes through it, else the CPU.
    threads: for one operator; default the physical cores, or fewer where affinity or a container allows fewer.
    spinning: threads wait busily between frames, which is fastest for a batch and wastes a core for a live stream.
    provider_options: handed to the provider, such as ``{"device_type": "GPU"}`` for OpenVINO.

    Raises ``ProviderUnavailable`` for a device that cannot be had, ``CardMismatch`` for a file that is not ONNX.
    """
    options = dict(provider_options or {})
    if device.lower() == AUTO:
        if options:
            raise ProviderUnavailable("provider options belong to one provider: name a device in place of 'auto'")
        if saved := _open_saved(path, threads, spinning):
            return saved
        cuda = _require("cuda")
        if cuda.name in ort.get_available_providers():
            try:
                session = _open(path, cuda, threads, spinning, {})
                _try_frame(session)
                return session, cuda.device
            except NitidoError as error:
                _log.warning("running on the CPU: %s", error)
        device = "cpu"
    provider = _require(device)
    return _open(path, provider, threads, spinning, options), provider.device


def _open_saved(path: Path, threads: int | None, spinning: bool) -> tuple[ort.InferenceSession, str] | None:
    """A session on the device that was saved for a file; ``None`` where none was, or it does not work any more."""
    chosen = saved_device(path)
    if chosen is None:
        return None
    try:
        provider = _require(chosen.device)
        session = _open(path, provider, threads, spinning, {})
        _try_frame(session)
    except NitidoError as error:
        say_once(f"{chosen.model} does not run on {chosen.device} as 'nitido doctor --save' chose: {error}")
        return None
    ratio = f"{chosen.ratio:.2g} of the CPU's time"
    say_once(f"{chosen.model} runs on {provider.device}, {ratio} by 'nitido doctor --save'", logging.INFO)
    return session, provider.device


def unknown_device(device: str) -> str:
    """The message for a device name that means nothing."""
    return (
        f"unknown device '{device}': expected one of {', '.join(DEVICES)}, or the full name of a provider; "
        f"this onnxruntime {ort.__version__} offers {', '.join(ort.get_available_providers())}"
    )


def nodes_on(session: ort.InferenceSession, provider: str) -> tuple[int, int] | None:
    """(nodes of the graph that a provider took, all nodes) of a session from :func:`open_session` on a device other
    than the CPU. ``None`` when this onnxruntime does not report it (it does from 1.24 on)."""
    tell = getattr(session, "get_provider_graph_assignment_info", None)
    if tell is None:
        return None
    try:
        parts = [(part.ep_name, len(part.get_nodes())) for part in tell()]
    except Exception as error:  # onnxruntime's exceptions share no base but Exception
        _log.debug("no node assignment: %s", _first_line(error))
        return None
    return sum(count for name, count in parts if name == provider), sum(count for _, count in parts)


def read_card(name_or_path: str | Path) -> Card:
    """The card of any kind of model, of an ``.onnx`` file without loading it. Raises ``ModelNotFound``,
    ``CardMismatch``, ``ProviderUnavailable``."""
    path = zoo.find(str(name_or_path))
    if path.suffix == ".onnx":
        try:
            return Card.from_metadata(read_properties(path.read_bytes()), str(path))
        except (CardMismatch, OSError):
            pass  # onnxruntime knows better what is wrong with it
    session, _ = open_session(path, "cpu")
    return Card.from_metadata(session.get_modelmeta().custom_metadata_map, str(path))


def run_graph(
    session: ort.InferenceSession,
    inputs: Mapping[str, Any],
    outputs: Sequence[str] | None = None,
    options: ort.RunOptions | None = None,
) -> dict[str, NDArray[Any]]:
    """Outputs by name. outputs: which ones, default all. Raises ``NitidoError`` when the graph cannot be run: this is
    the one place that knows onnxruntime's exceptions."""
    names = list(outputs) if outputs is not None else [output.name for output in session.get_outputs()]
    with readable_errors():
        return {
            name: np.asarray(value)
            for name, value in zip(names, session.run(names, dict(inputs), options), strict=True)
        }


@contextlib.contextmanager
def readable_errors() -> Iterator[None]:
    """For the block, what onnxruntime raises when it runs a graph comes out as ``NitidoError``."""
    try:
        yield
    except Exception as error:  # onnxruntime's exceptions share no base but Exception
        raise NitidoError(f"onnxruntime could not run the model: {_first_line(error)}") from error


def _require(device: str) -> Provider:
    provider = known_provider(device)
    if provider is None:
        raise ProviderUnavailable(unknown_device(device))
    return provider


def _open(
    path: Path, provider: Provider, threads: int | None, spinning: bool, provider_options: dict[str, str]
) -> ort.InferenceSession:
    available = ort.get_available_providers()
    if provider.name not in available:
        raise ProviderUnavailable(
            f"device '{provider.device}' needs {provider.name}, but this onnxruntime {ort.__version__} offers only "
            f"{', '.join(available)}; {provider.advice(_installed_wheel())}"
        )
    complaints = _preload_cuda() if provider.device in ("cuda", "tensorrt") else ""
    names = [provider.name]
    if provider.device == "tensorrt" and "CUDAExecutionProvider" in available:
        names.append("CUDAExecutionProvider")  # for the nodes that TensorRT leaves
    wanted = [
        (name, _provider_options(provider, threads, provider_options) if i == 0 else {}) for i, name in enumerate(names)
    ]
    try:
        # Without a fallback: onnxruntime's own prints to stdout and goes on with the CPU, at the start and at any run.
        session = ort.InferenceSession(
            str(path), _session_options(provider, threads, spinning), providers=wanted, enable_fallback=0
        )
    except Exception as error:  # onnxruntime's exceptions share no base but Exception
        if newer := _needs_newer(path, str(error)):
            raise CardMismatch(newer) from error
        if provider.device != "cpu":
            raise ProviderUnavailable(
                f"device '{provider.device}' could not be started: {_first_line(error)}; it needs {provider.needs}"
            ) from error
        raise CardMismatch(
            f"{path} cannot be loaded as an ONNX model by onnxruntime {ort.__version__}: {_first_line(error)}; "
            "get the file again, or export it again"
        ) from error
    session.disable_fallback()  # older releases do not know the argument
    active = session.get_providers()
    if provider.name not in active:
        raise ProviderUnavailable(
            f"device '{provider.device}' was asked for, but the session runs on {', '.join(active)}: "
            f"{complaints or 'a library or the hardware that it needs was not found'}; it needs {provider.needs}; "
            "'nitido doctor' shows what works here, --device cpu always does"
        )
    taken = nodes_on(session, provider.name) if provider.device != "cpu" else None
    if taken is not None and taken[0] == 0:
        raise ProviderUnavailable(
            f"device '{provider.device}' is active but took none of the {count(taken[1], 'node')} of {path.name}: "
            "it cannot compute this model, everything would run on the CPU; use another device"
        )
    return session


def _needs_newer(path: Path, said: str) -> str:
    """The message for a model file whose format is too new for this onnxruntime; empty when that is not its fault."""
    found = _TOO_NEW.search(said)
    if found is None:
        return ""
    what = f"IR version {found['ir']}" if found["ir"] else f"opset {found['opset']}"
    most = found["most_ir"] or found["most_opset"]
    try:
        needed = Card.from_metadata(read_properties(path.read_bytes()), str(path)).min_onnxruntime
    except (CardMismatch, OSError):  # a model of somebody else's, or of an .ort file
        needed = ""
    version = f">={needed}" if _numbers(needed) > _numbers(ort.__version__) else ""
    return (
        f"{path} has {what}, which is too new for onnxruntime {ort.__version__}{most and f' (reads up to {most})'}; "
        f"run: pip install --upgrade '{_installed_wheel()}{version}'"
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)[:3]))


def _installed_wheel() -> str:
    """The distribution that this onnxruntime came from."""
    from nitido.system.wheels import owners

    return next((str(wheel.metadata["Name"]) for wheel in owners("onnxruntime")), "onnxruntime")


def _session_options(provider: Provider, threads: int | None, spinning: bool) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3  # errors only: a warning on stderr is not an answer a user can act on
    options.intra_op_num_threads = threads or thread_limit() or 0  # 0: the physical cores of the machine
    if provider.device == "xnnpack":
        # It has threads of its own, which those of the session would only hold up.
        options.intra_op_num_threads, spinning = 1, False
    if provider.device == "directml":
        options.enable_mem_pattern = False  # a documented condition of this provider
    if provider.device != "cpu":
        options.add_session_config_entry(_RECORD_NODES, "1")
    if not spinning:
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _provider_options(provider: Provider, threads: int | None, given: dict[str, str]) -> dict[str, str]:
    defaults: dict[str, str] = {}
    if provider.device == "openvino":
        count = threads or thread_limit()
        defaults = {"device_type": "CPU"} | ({"num_of_threads": str(count)} if count else {})
    elif provider.device == "xnnpack":
        defaults = {"intra_op_num_threads": str(threads or usable_cpus())}
    return defaults | given


def _preload_cuda() -> str:
    """Finds the CUDA and cuDNN libraries of pip packages and of torch; returns what could not be loaded."""
    if not hasattr(ort, "preload_dlls"):
        return ""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):  # it prints; stdout may be a pipe of frames
        ort.preload_dlls()
    return "; ".join(line for line in said.getvalue().splitlines() if line.startswith("Failed to load"))


_TYPES = {"tensor(uint8)": np.uint8, "tensor(float)": np.float32, "tensor(int64)": np.int64}


def _try_frame(session: ort.InferenceSession) -> None:
    """Runs the model once, on zeros, on a small frame where it takes any size: some libraries are looked for only then.
    Raises ``NitidoError``."""
    inputs = session.get_inputs()
    if any(i.type not in _TYPES or i.name.startswith("state_in") for i in inputs):
        return
    # Names stand for free sizes, the first of which is the batch.
    sizes = {i.name: [n if isinstance(n, int) else 16 if axis else 1 for axis, n in enumerate(i.shape)] for i in inputs}
    feeds: dict[str, Any] = {i.name: np.zeros(sizes[i.name], _TYPES[i.type]) for i in inputs}
    run_graph(session, feeds)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return _ORIGIN.sub("", lines[0]) if lines else type(error).__name__
