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
from nitido.frames import as_batch
from nitido.inference.binding import BOUND, run_bound
from nitido.inference.levels import (
    AUTOMATIC,
    ESTIMATE,
    NOISE,
    SIDE,
    LevelAverage,
    Measured,
    Noise,
    crops,
    level_in,
)
from nitido.inference.recurrence import RecurrentState, States
from nitido.inference.session import open_session, run_graph
from nitido.inference.streaming import FrameStream, Step
from nitido.inference.tiling import run_tiled
from nitido.model_file import zoo
from nitido.model_file.card import Card
from nitido.model_file.states import IN, OUT

# Above this many pixels a frame is cut: ONNX Runtime keeps the memory of the largest frame it ever saw.
WHOLE_PIXELS = 2_100_000  # 1920×1080 still runs whole
TILE = 1024
STRENGTH = "strength"
DEFAULTS = {STRENGTH: 1.0, NOISE: AUTOMATIC}  # of the settings that a file may leave to its caller


def load(
    name_or_path: str | Path,
    device: str = "auto",
    threads: int | None = None,
    spinning: bool = True,
    provider_options: Mapping[str, str] | None = None,
) -> Model:
    """Opens a model by name (``denoise``, ``denoise-n``) or file.

    device: ``auto`` (what ``nitido doctor --save`` found faster, else CUDA where it works, else the CPU), ``cpu``,
    ``cuda``, ``openvino`` or another of ``nitido.providers.DEVICES``, or the full name of an ONNX Runtime provider:
    what is asked for is used, or it is an error. threads: of the CPU for one operator; default the physical cores that
    may be used. spinning: ``False`` for a live stream, so that no core is busy between frames. provider_options: for
    the provider, such as ``{"device_type": "GPU"}``. Raises ``ModelNotFound``, ``CardMismatch`` or
    ``ProviderUnavailable``.
    """
    return Model(
        zoo.find(str(name_or_path)), device, threads=threads, spinning=spinning, provider_options=provider_options
    )


class Model:
    """An image model: ``model(frame)`` for uint8 BGR frames as OpenCV gives them. In a ``with`` block its memory is
    freed at the end.

    card: what the file says of itself. device: where it really runs, such as ``cpu`` or ``cuda``. path: the file.
    has_strength, has_noise: whether ``strength`` and the noise level can be set. recurrent: whether :meth:`stream`
    remembers earlier frames.

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
        required = {i.name for i in session.get_inputs()}
        settable = required | {i.name for i in session.get_overridable_initializers()}
        self.has_strength, self.has_noise = STRENGTH in settable, NOISE in settable
        # A file for bindings that cannot set optional inputs has them as plain ones.
        self._always = {name: np.array(value, np.float32) for name, value in DEFAULTS.items() if name in required}
        self.state = RecurrentState.of(session, self.card, str(path))
        self._binding = BOUND.get(self.device)
        self._session: ort.InferenceSession | None = session

    @property
    def recurrent(self) -> bool:
        return bool(self.state)

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
        self,
        frame: NDArray[np.uint8],
        *,
        strength: float = 1.0,
        noise: Noise | None = None,
        tile: int | None = None,
    ) -> NDArray[np.uint8]:
        """Restores one frame H×W×3 or a batch N×H×W×3; returns uint8 BGR of the same rank, ``card.scale`` times the
        height and width. A recurrent model takes it as the first of its stream.

        strength: 0 (input unchanged) to 1 (fully restored), for models with ``has_strength``.
        noise: standard deviation of the frame's luma noise in 8-bit levels, for models with ``has_noise``, or what
        knows it, such as a calibration; default: estimated from the frame.
        tile: side of the tiles in pixels; default: whole up to about 1920×1080, then 1024. ``0`` never tiles.
        Raises ``FrameMismatch`` for another shape, dtype, strength, noise or tile; ``NitidoError`` when the run fails.
        """
        return self.measured(frame, strength=strength, noise=noise, tile=tile).image

    def measured(
        self,
        frame: NDArray[np.uint8],
        *,
        strength: float = 1.0,
        noise: Noise | None = None,
        tile: int | None = None,
    ) -> Measured:
        """As calling, with the noise levels."""
        frames = as_batch(frame)
        told = level_in(frames, noise)
        feeds = self._feeds(strength, told)
        height, width = frames.shape[1:3]
        if self.card.halo < 0:
            if tile:
                raise FrameMismatch(f"{self.card.name} looks at whole frames, which cannot be tiled; leave out tile")
            tile = 0
        elif tile is None:
            tile = TILE if height * width > WHOLE_PIXELS else 0
        elif not _is_side(tile):
            raise FrameMismatch(f"tile expects a side in whole pixels, or 0 to never tile, found {tile!r}")
        estimate = None
        if tile and (height > tile or width > tile):
            # All tiles are given one level, or their borders would show.
            levels = [self._level_of(f, told) for f in frames]
            parts = [
                self._tiled(f, int(tile), feeds if level is None else {**feeds, NOISE: np.array(level, np.float32)})
                for f, level in zip(frames, levels, strict=True)
            ]
            result = np.stack(parts)
            estimate = levels[0] if told is None else None
        else:
            result, _, estimate = self._run(frames, feeds)
        used = estimate if told is None else told
        return Measured(result if frame.ndim == 4 else result[0], estimate, used)

    def noise_level(self, frame: NDArray[np.uint8]) -> float:
        """The noise level of a frame H×W×3: the estimated standard deviation of its luma noise in 8-bit levels. Raises
        ``FrameMismatch`` for a model without ``has_noise``."""
        if not self.has_noise:
            raise FrameMismatch(f"{self.card.name} does not estimate noise levels; take a model that does")
        frames = as_batch(frame)
        if frames.shape[1] * frames.shape[2] > WHOLE_PIXELS and min(frames.shape[1:3]) >= SIDE:
            frames = np.concatenate([crops(f) for f in frames])
        estimate = self._run(frames, self._feeds(1.0, None))[2]
        assert estimate is not None
        return estimate

    def _level_of(self, frame: NDArray[np.uint8], told: float | None) -> float | None:
        if not self.has_noise:
            return None
        return self.noise_level(frame) if told is None else told

    def stream(
        self,
        frames: Iterable[NDArray[np.uint8]],
        *,
        strength: float = 1.0,
        noise: Noise | None = None,
        average: LevelAverage | None = None,
        align: bool = True,
    ) -> Iterator[NDArray[np.uint8]]:
        """Restores frame after frame, each H×W×3 (or N×H×W×3: N streams side by side), uint8 BGR; yields the results
        one by one, as they are drawn.

        A recurrent model remembers from frame to frame and runs every frame whole. Its past is first moved to where the
        picture is in the new frame (align: ``False`` leaves it where it was, which gains less when something moves). A
        frame of another size, or after a cut, has no past. Other models do what calling them does. Without ``noise`` a
        frame is given the average level of the frames before it, so that the result does not flicker; after a cut the
        average begins again. average: takes the levels, for who wants to know them.
        Raises as calling does, at the frame concerned. For one frame at a time see
        :class:`nitido.inference.streaming.FrameStream`.
        """
        restore = FrameStream(self, align=align, average=average)
        for frame in frames:
            yield restore(frame, strength=strength, noise=noise)

    def step(
        self, frames: NDArray[np.uint8], states: States, *, strength: float = 1.0, noise: Noise | None = None
    ) -> Step:
        """Frames N×H×W×3 whole, with states by input name; none: no past. Raises as calling does."""
        given = level_in(frames, noise)
        images, after, estimate = self._run(frames, self._feeds(strength, given), states)
        return Step(images, after, estimate, given)

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
    ) -> tuple[NDArray[np.uint8], States, float | None]:
        """(images, states after them, the estimated noise level where the model has one) for frames N×H×W×3; no states:
        no past."""
        session = self._session  # held, so that a close in another thread does not free it under the run
        if session is None:
            raise NitidoError(f"the model {self.card.name} is closed; load it again")
        state = self.state
        given = {"frame": np.ascontiguousarray(frames), **feeds, **(states or state.blank(frames.shape))}
        names = ["image", *state.outputs, *([ESTIMATE] if self.has_noise else [])]
        if self._binding:
            outputs = run_bound(session, given, names, self._binding)
        else:
            given = {name: v.numpy() if isinstance(v, ort.OrtValue) else v for name, v in given.items()}
            outputs = run_graph(session, given, names)
        estimate = float(np.asarray(outputs[ESTIMATE])) if self.has_noise else None
        return np.asarray(outputs["image"], np.uint8), state.after(outputs), estimate

    def _feeds(self, strength: float, noise: float | None) -> dict[str, Any]:
        """What is given beside frames. Raises ``FrameMismatch`` for values that the model does not take."""
        if not 0.0 <= strength <= 1.0:
            raise FrameMismatch(f"strength expects 0..1, found {strength}")
        feeds: dict[str, Any] = dict(self._always)
        if strength != 1.0:
            if not self.has_strength:
                raise FrameMismatch(f"{self.card.name} has no adjustable strength; leave it at 1")
            feeds[STRENGTH] = np.array(strength, np.float32)
        if noise is not None:
            if not self.has_noise:
                raise FrameMismatch(f"{self.card.name} cannot be given a noise level; leave it out")
            if not 0.0 <= noise <= 255.0:
                raise FrameMismatch(f"noise expects a standard deviation of 0..255, found {noise}")
            feeds[NOISE] = np.array(noise, np.float32)
        return feeds


def _require_frames(session: ort.InferenceSession, path: Path) -> None:
    given, made = (STRENGTH, NOISE), (ESTIMATE,)
    inputs = [i.name for i in session.get_inputs() if not i.name.startswith(IN) and i.name not in given]
    outputs = [o.name for o in session.get_outputs() if not o.name.startswith(OUT) and o.name not in made]
    if (inputs, outputs) == (["frame"], ["image"]):
        return
    found = f"{', '.join(inputs)} → {', '.join(outputs)}"
    half = any(n.split("_")[0] == "z" for n in (*inputs, *outputs))
    kind = " (half of an autoencoder)" if half else ""
    way = "'nitido embed', 'sample', 'interpolate' and 'explore' take it" if half else "run it with onnxruntime itself"
    raise CardMismatch(f"{path} is not a model from frame to image: expected frame → image, found {found}{kind}; {way}")


def _is_side(value: object) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and int(value) >= 0
