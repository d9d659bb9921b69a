"""A model as a function: frame in, frame out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nitido import zoo
from nitido.card import Card
from nitido.errors import CardMismatch, FrameMismatch
from nitido.session import open_session, run_error
from nitido.tiling import run_tiled

# Above this many pixels a frame is cut: ONNX Runtime keeps the memory of the largest frame it ever saw.
WHOLE_PIXELS = 2_100_000  # 1920×1080 still runs whole
TILE = 1024


def load(name_or_path: str | Path, device: str = "auto", threads: int | None = None) -> Model:
    """Opens a model by name (``denoise``, ``denoise-n``) or file.

    device: ``auto``, ``cpu`` or ``cuda``. threads: default the physical cores.
    Raises ``ModelNotFound``, ``CardMismatch`` or ``ProviderUnavailable``.
    """
    return Model(zoo.find(str(name_or_path)), device, threads=threads)


class Model:
    """An image model: ``model(frame)`` for uint8 BGR frames as OpenCV gives them.

    card: what the file says of itself. device: where it really runs, ``cpu`` or ``cuda``. path: the file.
    A model may be called from several threads at once.
    """

    def __init__(self, path: Path, device: str = "auto", *, threads: int | None = None, spinning: bool = True) -> None:
        self.path = path
        self._session, self.device = open_session(path, device, threads=threads, spinning=spinning)
        self.card = Card.from_metadata(self._session.get_modelmeta().custom_metadata_map, str(path))
        inputs = {i.name for i in self._session.get_overridable_initializers()}
        self.has_strength = "strength" in inputs
        names = [i.name for i in self._session.get_inputs()], [o.name for o in self._session.get_outputs()]
        if names != (["frame"], ["image"]):
            raise CardMismatch(f"{path}: expected input 'frame' and output 'image', found {names[0]} and {names[1]}")

    def __repr__(self) -> str:
        return f"<nitido.Model {self.card.name} on {self.device}>"

    def __call__(
        self, frame: NDArray[np.uint8], *, strength: float = 1.0, tile: int | None = None
    ) -> NDArray[np.uint8]:
        """Restores one frame H×W×3 or a batch N×H×W×3; returns uint8 BGR of the same rank, ``card.scale`` times the
        height and width.

        strength: 0 (input unchanged) to 1 (fully restored), for models with ``has_strength``.
        tile: side of the tiles in pixels; default: whole up to about 1920×1080, then 1024. ``0`` never tiles.
        Raises ``FrameMismatch`` for another shape, dtype, or strength.
        """
        feeds = self._strength_feed(strength)
        if not isinstance(frame, np.ndarray) or frame.dtype != np.uint8 or frame.ndim not in (3, 4):
            raise FrameMismatch(f"expected a uint8 array H×W×3 or N×H×W×3 (BGR), found {_describe(frame)}")
        if frame.shape[-1] != 3 or 0 in frame.shape:
            raise FrameMismatch(f"expected three channels (BGR) and no empty side, found {_describe(frame)}")
        frames = frame if frame.ndim == 4 else frame[None]
        height, width = frames.shape[1:3]
        if tile is None:
            tile = TILE if height * width > WHOLE_PIXELS else 0
        if tile and (height > tile or width > tile):
            result = np.stack([self._tiled(f, tile, feeds) for f in frames])
        else:
            result = self._run(np.ascontiguousarray(frames), feeds)
        return result if frame.ndim == 4 else result[0]

    def _tiled(self, frame: NDArray[np.uint8], tile: int, feeds: dict[str, Any]) -> NDArray[np.uint8]:
        card = self.card
        return run_tiled(
            frame,
            lambda window: self._run(window, feeds),
            scale=card.scale,
            tile=tile,
            halo=card.halo,
            multiple=card.multiple,
        )

    def _run(self, frames: NDArray[np.uint8], feeds: dict[str, Any]) -> NDArray[np.uint8]:
        try:
            return np.asarray(self._session.run(["image"], {"frame": frames, **feeds})[0], np.uint8)
        except Exception as error:  # onnxruntime's exceptions share no base but Exception
            raise run_error(error) from error

    def _strength_feed(self, strength: float) -> dict[str, Any]:
        if not 0.0 <= strength <= 1.0:
            raise FrameMismatch(f"strength expects 0..1, found {strength}")
        if strength == 1.0:
            return {}
        if not self.has_strength:
            raise FrameMismatch(f"{self.card.name} has no adjustable strength; leave it at 1")
        return {"strength": np.array(strength, np.float32)}


def _describe(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {'×'.join(map(str, value.shape))}"
    return type(value).__name__
