"""A model as a function: frame in, frame out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from nitido.errors import CardMismatch, FrameMismatch, NitidoError
from nitido.frames import describe_array
from nitido.inference.recurrence import IN, OUT, RecurrentState, States
from nitido.inference.session import open_session, readable_errors, run_graph
from nitido.inference.tiling import run_tiled
from nitido.model_file import zoo
from nitido.model_file.card import Card

# Above this many pixels a frame is cut: ONNX Runtime keeps the memory of the largest frame it ever saw.
WHOLE_PIXELS = 2_100_000  # 1920×1080 still runs whole
TILE = 1024
# Where memory of the device is bound: states never leave it. On the CPU there is nothing to gain.
_BOUND = {"cuda": "cuda", "tensorrt": "cuda"}


def load(
    name_or_path: str | Path,
    device: str = "auto",
    threads: int | None = None,
    spinning: bool = True,
    provider_options: Mapping[str, str] | None = None,
) -> Model:
    """Opens a model by name (``denoise``, ``denoise-n``) or file.

    device: ``auto`` (CUDA where it works, else the CPU), ``cpu``, ``cuda``, ``openvino`` or another of
    ``nitido.providers.DEVICES``, or the full name of an ONNX Runtime provider: what is asked for is used, or it is an
    error. threads: of the CPU for one operator; default the physical cores that may be used. spinning: ``False`` for a
    live stream, so that no core is busy between frames. provider_options: for the provider, such as
    ``{"device_type": "GPU"}``. Raises ``ModelNotFound``, ``CardMismatch`` or ``ProviderUnavailable``.
    """
    return Model(
        zoo.find(str(name_or_path)), device, threads=threads, spinning=spinning, provider_options=provider_options
    )


class Model:
    """An image model: ``model(frame)`` for uint8 BGR frames as OpenCV gives them. In a ``with`` block its memory is
    freed at the end.

    card: what the file says of itself. device: where it really runs, such as ``cpu`` or ``cuda``. path: the file.
    has_strength: whether ``strength`` can be set. recurrent: whether :meth:`stream` remembers earlier frames.

    Threads: a model may be called from several threads at once, also while it is streaming; each stream belongs to
    the thread that draws from it. ``close`` waits for nobody: calls under way finish, later ones raise.
    """

    def __init__(
        self,
        path: Path,
        device: str = "auto",
        *,
        threads: int | None = None,
        spinning: bool = True,
        provider_options: Mapping[str, str] | None = None,
    ) -> None:
        """As :func:`load`, for a file."""
        self.path = path
        session, self.device = open_session(
            path, device, threads=threads, spinning=spinning, provider_options=provider_options
        )
        self.card = Card.from_metadata(session.get_modelmeta().custom_metadata_map, str(path))
        _require_frames(session, path)
        self.has_strength = "strength" in {i.name for i in session.get_overridable_initializers()}
        self._state = RecurrentState(session, self.card.multiple, str(path))
        self._binding = _BOUND.get(self.device)
        self._session: ort.InferenceSession | None = session

    @property
    def recurrent(self) -> bool:
        return bool(self._state)

    @cached_property
    def sha256(self) -> str:
        """Of the file, read once."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    def __repr__(self) -> str:
        return f"<nitido.Model {self.card.name} {'closed' if self._session is None else f'on {self.device}'}>"

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Frees the session; twice is once. A later call raises ``NitidoError``."""
        self._session = None

    def __call__(
        self, frame: NDArray[np.uint8], *, strength: float = 1.0, tile: int | None = None
    ) -> NDArray[np.uint8]:
        """Restores one frame H×W×3 or a batch N×H×W×3; returns uint8 BGR of the same rank, ``card.scale`` times the
        height and width. A recurrent model takes it as the first of its stream.

        strength: 0 (input unchanged) to 1 (fully restored), for models with ``has_strength``.
        tile: side of the tiles in pixels; default: whole up to about 1920×1080, then 1024. ``0`` never tiles.
        Raises ``FrameMismatch`` for another shape, dtype, strength or tile; ``NitidoError`` when the run fails.
        """
        feeds = self._strength_feed(strength)
        frames = _as_batch(frame)
        height, width = frames.shape[1:3]
        if tile is None:
            tile = TILE if height * width > WHOLE_PIXELS else 0
        elif not _is_side(tile):
            raise FrameMismatch(f"tile expects a side in whole pixels, or 0 to never tile, found {tile!r}")
        if tile and (height > tile or width > tile):
            result = np.stack([self._tiled(f, int(tile), feeds) for f in frames])
        else:
            result = self._run(np.ascontiguousarray(frames), feeds)[0]
        return result if frame.ndim == 4 else result[0]

    def stream(self, frames: Iterable[NDArray[np.uint8]], *, strength: float = 1.0) -> Iterator[NDArray[np.uint8]]:
        """Restores frame after frame, each H×W×3 (or N×H×W×3: N streams side by side), uint8 BGR; yields the results
        one by one, as they are drawn.

        A recurrent model remembers from frame to frame and runs every frame whole; a frame of another size begins
        anew, without a past. Other models do what calling them does. Raises as calling does, at the frame concerned.
        """
        if not self._state:
            for frame in frames:
                yield self(frame, strength=strength)
            return
        feeds, states, size = self._strength_feed(strength), {}, ()
        for frame in frames:
            batch = np.ascontiguousarray(_as_batch(frame))
            if batch.shape != size:
                size, states = batch.shape, {}
            result, states = self._run(batch, feeds, states)
            yield result if frame.ndim == 4 else result[0]

    def warm_up(self, height: int, width: int) -> None:
        """Runs one black frame of that size in pixels, so that the first real one is not the slow one: memory is laid
        out, kernels are chosen, TensorRT builds its engine."""
        self(np.zeros((height, width, 3), np.uint8))

    def _tiled(self, frame: NDArray[np.uint8], tile: int, feeds: dict[str, Any]) -> NDArray[np.uint8]:
        card = self.card
        return run_tiled(
            frame,
            lambda window: self._run(window, feeds)[0],
            scale=card.scale,
            tile=tile,
            halo=card.halo,
            multiple=card.multiple,
        )

    def _run(
        self, frames: NDArray[np.uint8], feeds: dict[str, Any], states: States | None = None
    ) -> tuple[NDArray[np.uint8], States]:
        """(images, states after them) for frames N×H×W×3; no states: no past."""
        session = self._session  # held, so that a close in another thread does not free it under the run
        if session is None:
            raise NitidoError(f"the model {self.card.name} is closed; load it again")
        state = self._state
        given = {"frame": frames, **feeds, **(states or state.blank(session, frames.shape))}
        names = ["image", *state.outputs]
        # A binding knows nothing of inputs that have a default, such as strength.
        if self._binding and not feeds:
            outputs = _run_bound(session, given, names, self._binding)
        else:
            given = {name: v.numpy() if isinstance(v, ort.OrtValue) else v for name, v in given.items()}
            outputs = run_graph(session, given, names)
        return np.asarray(outputs["image"], np.uint8), state.after(outputs)

    def _strength_feed(self, strength: float) -> dict[str, Any]:
        if not 0.0 <= strength <= 1.0:
            raise FrameMismatch(f"strength expects 0..1, found {strength}")
        if strength == 1.0:
            return {}
        if not self.has_strength:
            raise FrameMismatch(f"{self.card.name} has no adjustable strength; leave it at 1")
        return {"strength": np.array(strength, np.float32)}


def _run_bound(session: ort.InferenceSession, given: dict[str, Any], names: list[str], device: str) -> dict[str, Any]:
    """One run with the image brought to the host and everything else left on the device."""
    with readable_errors():
        binding = session.io_binding()
        for name, value in given.items():
            if isinstance(value, ort.OrtValue):
                binding.bind_ortvalue_input(name, value)
            else:
                binding.bind_cpu_input(name, value)
        for name in names:
            binding.bind_output(name, "cpu" if name == "image" else device)
        session.run_with_iobinding(binding)
        outputs = dict(zip(names, binding.get_outputs(), strict=True))
        return {**outputs, "image": outputs["image"].numpy()}


def _require_frames(session: ort.InferenceSession, path: Path) -> None:
    inputs = [i.name for i in session.get_inputs() if not i.name.startswith(IN)]
    outputs = [o.name for o in session.get_outputs() if not o.name.startswith(OUT)]
    if (inputs, outputs) == (["frame"], ["image"]):
        return
    found = f"{', '.join(inputs)} → {', '.join(outputs)}"
    half = any(n.split("_")[0] == "z" for n in (*inputs, *outputs))
    kind = " (half of an autoencoder)" if half else ""
    way = "'nitido embed', 'sample', 'interpolate' and 'explore' take it" if half else "run it with onnxruntime itself"
    raise CardMismatch(f"{path} is not a model from frame to image: expected frame → image, found {found}{kind}; {way}")


def _is_side(value: object) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and int(value) >= 0


def _as_batch(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if not isinstance(frame, np.ndarray) or frame.dtype != np.uint8 or frame.ndim not in (3, 4):
        raise FrameMismatch(f"expected a uint8 array H×W×3 or N×H×W×3 (BGR), found {describe_array(frame)}")
    if frame.shape[-1] != 3 or 0 in frame.shape:
        raise FrameMismatch(f"expected three channels (BGR) and no empty side, found {describe_array(frame)}")
    return frame if frame.ndim == 4 else frame[None]
