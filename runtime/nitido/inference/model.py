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

from nitido.errors import FrameMismatch, NitidoError
from nitido.frames import as_batch
from nitido.inference.binding import BOUND, run_bound
from nitido.inference.levels import ESTIMATE, NOISE, SIDE, LevelAverage, Measured, Noise, crops, level_in
from nitido.inference.recurrence import RecurrentState, States
from nitido.inference.session import open_session, run_graph
from nitido.inference.settings import DEFAULTS, STRENGTH, is_side, require_frames, setting_feeds
from nitido.inference.streaming import FrameStream, Step
from nitido.inference.tiling import run_tiled
from nitido.model_file import zoo
from nitido.model_file.card import Card

# Above this many pixels a frame is cut: ONNX Runtime keeps the memory of the largest frame it ever saw.
WHOLE_PIXELS = 2_100_000  # 1920×1080 still runs whole
TILE = 1024


def load(
    name_or_path: str | Path,
    device: str = "auto",
    threads: int | None = None,
    spinning: bool = True,
    provider_options: Mapping[str, str] | None = None,
) -> Model:
    """Opens a model by name (``denoise``, ``denoise-n``) or file.

    Args:
        name_or_path: a name that ``nitido models`` lists, a task, or a ``.onnx`` or ``.ort`` file.
        device: ``cpu``, ``cuda``, ``openvino`` or another name of ``nitido doctor``, or the full name of an ONNX
            Runtime provider. A device that cannot be used is an error. ``auto``: what ``nitido doctor --save`` found to
            be faster, else CUDA where it works, else the CPU.
        threads: CPU threads of one operator. Default: the physical cores that may be used.
        spinning: whether threads wait busily between frames. Use ``False`` for a live stream.
        provider_options: options of the provider, such as ``{"device_type": "GPU"}``.

    Raises:
        ModelNotFound: there is no such name or file.
        CardMismatch: the file is not a Nítido model from frame to image.
        ProviderUnavailable: the device cannot be used.
    """
    return Model(
        zoo.find(str(name_or_path)), device, threads=threads, spinning=spinning, provider_options=provider_options
    )


class Model:
    """An image model: call it with uint8 BGR frames as OpenCV gives them.

    A ``with`` block frees its memory at the end. A model may be called from several threads at once, also while it is
    streaming; each stream belongs to the thread that draws from it. After ``close``, running calls finish and later
    ones raise an error.

    Attributes:
        card: what the file says about itself.
        device: where the model really runs, such as ``cpu`` or ``cuda``.
        path: the file.
        has_strength: whether ``strength`` can be set.
        has_noise: whether the noise level can be set and is estimated.
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
        """Opens a file with the options of :func:`load`."""
        self.path = path
        session, self.device = open_session(
            path, device, threads=threads, spinning=spinning, provider_options=provider_options
        )
        self.card = Card.from_metadata(session.get_modelmeta().custom_metadata_map, str(path))
        require_frames(session, path)
        required = {i.name for i in session.get_inputs()}
        self._settable = required | {i.name for i in session.get_overridable_initializers()}
        self.has_strength, self.has_noise = STRENGTH in self._settable, NOISE in self._settable
        # A file for bindings that cannot set optional inputs has them as plain ones.
        self._always = {name: np.array(value, np.float32) for name, value in DEFAULTS.items() if name in required}
        self.state = RecurrentState.of(session, self.card, str(path))
        self._binding = BOUND.get(self.device)
        self._session: ort.InferenceSession | None = session

    @property
    def recurrent(self) -> bool:
        """Whether :meth:`stream` remembers earlier frames."""
        return bool(self.state)

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the file, in hexadecimal digits. The file is read once."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    def __repr__(self) -> str:
        return f"<nitido.Model {self.card.name} {'closed' if self._session is None else f'on {self.device}'}>"

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Frees the session. Later calls raise ``NitidoError``; closing twice does nothing."""
        self._session = None

    def __call__(
        self,
        frame: NDArray[np.uint8],
        *,
        strength: float = 1.0,
        noise: Noise | None = None,
        tile: int | None = None,
    ) -> NDArray[np.uint8]:
        """Restores one frame or a batch. A recurrent model takes each frame as the first of its stream.

        Args:
            frame: uint8 BGR, H×W×3 or N×H×W×3.
            strength: 0 (the frame itself) to 1 (fully restored), for models with ``has_strength``.
            noise: standard deviation of the luma noise in 8-bit levels, or a calibration, for models with
                ``has_noise``.
                Default: the model estimates it.
            tile: side of the tiles in pixels; 0 never tiles. Default: frames up to about 1920×1080 whole, larger ones
                in tiles of 1024.

        Returns:
            uint8 BGR of the same rank, with ``card.scale`` times the height and width.

        Raises:
            FrameMismatch: another shape or dtype, or a strength, noise level or tile that the model does not take.
            NitidoError: the run failed.
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
        """Restores frames as calling does, and also returns the noise levels."""
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
        elif not is_side(tile):
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
        """Estimates the noise level of a frame: the standard deviation of its luma noise in 8-bit levels.

        Args:
            frame: uint8 BGR, H×W×3.

        Raises:
            FrameMismatch: the model does not estimate noise levels.
        """
        if not self.has_noise:
            raise FrameMismatch(f"{self.card.name} does not estimate noise levels; use a model that does")
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
        """Restores one frame after another. Each result is computed when it is drawn.

        A recurrent model remembers earlier frames and is not tiled. A frame of another size, or after a cut, has no
        past. Other models restore each frame as calling does. Without ``noise``, a frame gets the average noise level
        of the frames before it, so that the result does not flicker; the average begins again after a cut.
        :class:`nitido.inference.streaming.FrameStream` takes one frame at a time.

        Args:
            frames: uint8 BGR, each H×W×3, or N×H×W×3 for N streams in parallel.
            strength: 0 (the frame itself) to 1 (fully restored), for models with ``has_strength``.
            noise: noise level in 8-bit levels, or a calibration, for models with ``has_noise``. Default: estimated.
            average: receives the noise levels, for callers who want to read them.
            align: whether the past is moved to where the picture is in the new frame. Without it, less is gained when
                something moves.

        Yields:
            uint8 BGR of the same rank, with ``card.scale`` times the height and width.

        Raises:
            FrameMismatch: as for calling, at the frame concerned.
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
        """Runs one black frame, so that the first real frame is not slow.

        The first run lays out memory and chooses kernels; TensorRT builds its engine.

        Args:
            height: in pixels.
            width: in pixels.
        """
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
        """Inputs besides frames. Raises ``FrameMismatch`` for values that the model does not take."""
        return setting_feeds(self.card.name, self._always, strength, noise, self._settable)
