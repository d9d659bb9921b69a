"""Everything that is compared: Nítido's model files and what people use today, each as a function on pictures.

Pictures are uint8 H×W×3 BGR. Libraries are imported when a method is opened, so that the memory of one process shows
of that method alone; those of the `bench` extra by name, because types are checked without them too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from comparison import ffmpeg
from nitido.frames import Frame
from nitido_train.data.degrade import to_bytes

Restore = Callable[[Frame], Frame]
THREADS = 2  # of every method that knows threads


@dataclass(frozen=True)
class Method:
    """open: makes the function; takes a strength in 8-bit levels of noise (denoisers), a scale (interpolation), and
    models ignore it. identity: changes when the results may. start: the strength from which the best one is looked for,
    as a multiple of the level of the noise; 0: there is none. slow: does a part of the pictures only. scale: 0 for any.
    path: of a model file, which has a card when it is an .onnx file."""

    name: str
    task: str
    identity: str
    open: Callable[[float], Restore] = field(repr=False)
    start: float = 0.0
    slow: bool = False
    scale: int = 1
    path: Path | None = None


def models(task: str, more: Sequence[Path] = ()) -> list[Method]:
    """A method for each model of that task in the index and in ``more``, by name."""
    import nitido
    from nitido.model_file import zoo

    paths = [entry.path for entry in zoo.entries() if entry.task == task] + list(more)
    found: dict[str, Method] = {}
    for path in paths:
        with nitido.load(path, "cpu") as model:
            card = model.card
        if card.task == task:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
            found[card.name] = Method(card.name, task, digest, partial(open_model, path), scale=card.scale, path=path)
    return [found[name] for name in sorted(found)]


def open_model(path: Path, _setting: float = 0.0) -> Restore:
    import nitido

    return nitido.load(path, "cpu", threads=THREADS, spinning=False)


def denoisers() -> tuple[list[Method], list[str]]:
    """The classical denoisers that are at hand, and a line about each that is not."""
    opencv = f"cv2 {cv2.__version__}"
    found = [
        Method("input", "denoise", "1", _same),
        Method("OpenCV fastNlMeansColored", "denoise", opencv, _nlm, 0.6),
    ]
    missing: list[str] = []
    program = ffmpeg.version()
    if program is None:
        missing.append("ffmpeg dctdnoiz, hqdn3d, nlmeans: no ffmpeg program")
    for name, chain, start in _FILTERS if program else ():
        found.append(Method(f"ffmpeg {name}", "denoise", f"{program} {chain}", partial(_filter, chain), start))
    for package, methods in _PACKAGES.items():
        try:
            number = version(package)
        except PackageNotFoundError:
            missing.append(f"{', '.join(name for name, *_ in methods)}: not installed; pip install 'nitido[bench]'")
            continue
        for name, opened, start, slow in methods:
            found.append(Method(name, "denoise", f"{package} {number}", opened, start, slow))
    return found, missing


def upscalers() -> tuple[list[Method], list[str]]:
    """Interpolations for any scale, and a line about what is not at hand."""
    opencv = f"cv2 {cv2.__version__}"
    found = [
        Method("Pillow bicubic", "upscale", f"pillow {version('pillow')}", _bicubic, scale=0),
        Method("OpenCV cubic", "upscale", opencv, partial(_resize, cv2.INTER_CUBIC), scale=0),
        Method("OpenCV Lanczos", "upscale", opencv, partial(_resize, cv2.INTER_LANCZOS4), scale=0),
    ]
    missing = (
        [] if hasattr(cv2, "dnn_superres") else ["OpenCV dnn_superres: not in this OpenCV (opencv-contrib has it)"]
    )
    return found, missing


def superres_networks(folder: Path) -> Iterator[Method]:
    """The networks of OpenCV's ``dnn_superres`` in files like ``FSRCNN_x2.pb``."""
    for path in sorted(folder.glob("*_x[234].pb")):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        identity = f"cv2 {cv2.__version__} {digest}"
        scale = int(path.stem[-1])
        yield Method(f"OpenCV {path.stem}", "upscale", identity, partial(open_superres, path), scale=scale, path=path)


def _same(_strength: float) -> Restore:
    return lambda picture: picture


def _nlm(strength: float) -> Restore:
    return lambda p: np.asarray(cv2.fastNlMeansDenoisingColored(p, None, strength, strength, 7, 21), np.uint8)


def _filter(chain: str, strength: float) -> Restore:
    return ffmpeg.FfmpegFilter(chain.format(strength, min(max(strength, 1.0), 30.0)))


def _bm3d(sigma: float) -> Restore:
    bm3d = import_module("bm3d")

    # It turns colours about as for RGB.
    return lambda p: to_bytes(np.asarray(bm3d.bm3d_rgb(p[..., ::-1].astype(np.float64), sigma)))[..., ::-1]


def _wavelet(sigma: float) -> Restore:
    restoration = import_module("skimage.restoration")

    def restore(picture: Frame) -> Frame:
        rgb = picture[..., ::-1].astype(np.float32) / 255
        options = {"method": "BayesShrink", "mode": "soft", "convert2ycbcr": True, "channel_axis": -1}
        done = restoration.denoise_wavelet(rgb, sigma=sigma / 255, rescale_sigma=True, **options)
        return to_bytes(255 * np.asarray(done))[..., ::-1]

    return restore


def _tv(strength: float) -> Restore:
    restoration = import_module("skimage.restoration")

    def restore(picture: Frame) -> Frame:
        bgr = picture.astype(np.float32) / 255
        done = restoration.denoise_tv_chambolle(bgr, weight=strength / 255, channel_axis=-1)
        return to_bytes(255 * np.asarray(done))

    return restore


def _bicubic(scale: float) -> Restore:
    def restore(picture: Frame) -> Frame:
        size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
        return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC))

    return restore


def _resize(how: int, scale: float) -> Restore:
    return lambda p: np.asarray(cv2.resize(p, None, fx=scale, fy=scale, interpolation=how), np.uint8)


def open_superres(path: Path, scale: float) -> Restore:
    network = cv2.dnn_superres.DnnSuperResImpl_create()  # pyright: ignore[reportAttributeAccessIssue]
    network.readModel(str(path))
    network.setModel(path.stem.replace("-", "_").split("_")[0].lower(), int(scale))
    return lambda p: np.asarray(network.upsample(p), np.uint8)


# {0} is the strength, {1} the same within what nlmeans takes. Nothing is taken from earlier frames.
_FILTERS = (
    ("dctdnoiz 8×8", "format=gbrp,dctdnoiz={0:.3f}", 0.8),
    ("dctdnoiz 16×16", "format=gbrp,dctdnoiz={0:.3f}:n=4", 0.8),
    ("hqdn3d", "format=yuv444p,hqdn3d={0:.3f}:{0:.3f}:0:0", 2.0),
    ("nlmeans", "format=yuv444p,nlmeans={1:.3f}", 0.4),
)
_PACKAGES = {
    "scikit-image": (
        ("scikit-image wavelet", _wavelet, 1.0, False),
        ("scikit-image TV", _tv, 0.6, False),
    ),
    "bm3d": (("BM3D", _bm3d, 1.0, True),),
}
