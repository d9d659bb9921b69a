"""Degradations of clean frames: noise, compression, shrinking.

Every function takes a frame and a random generator and returns a frame. Noise is rounded and clipped to uint8, in
training and in evaluation, because devices work with uint8.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from nitido.frames import Frame

BT601_BGR = (0.114, 0.587, 0.299)

SIGMAS = (15, 25, 50)  # the noise levels at which denoisers are compared


def add_gaussian(frame: Frame, sigma: float, rng: np.random.Generator) -> Frame:
    """Adds white Gaussian noise of standard deviation ``sigma`` (8-bit levels), rounds and clips."""
    noise = rng.standard_normal(frame.shape, dtype=np.float32) * np.float32(sigma)
    return to_bytes(frame + noise)


def gaussian_at(frame: Frame, position: int, sigma: int) -> Frame:
    """The frame at ``position`` of a test set, with Gaussian noise.

    It is seeded by sigma and position, so that every denoiser gets the same frames.
    """
    return add_gaussian(frame, sigma, np.random.default_rng([sigma, position]))


def _log_read(log_shot: float) -> float:
    """The read noise that usually comes with a shot noise, both as logarithms of the variances in CameraNoise."""
    return 2.18 * log_shot + 1.20


@dataclass(frozen=True)
class CameraNoise:
    """Parameters of one exposure.

    shot: variance per unit of linear light, full scale 1.
    read: constant variance, full scale 1.
    gains: white-balance gains of blue, green and red. They amplify the noise of their channel.
    smear: 0..1, correlation of the noise of neighbouring pixels, as after demosaicing.
    grain: standard deviation in pixels of the blur that the camera's own denoiser applies to the noise. The noise keeps
    its strength.
    colour: the same for the colour of the noise, which does get weaker.
    """

    shot: float
    read: float
    gains: tuple[float, float, float] = (1.6, 1.0, 2.0)
    smear: float = 0.5
    grain: float = 0.0
    colour: float = 0.0

    @staticmethod
    def draw(rng: np.random.Generator) -> CameraNoise:
        """A random camera at a random gain. The ranges of shot and read noise are those of Brooks et al., "Unprocessing
        Images for Learned Raw Denoising", CVPR 2019."""
        log_shot = rng.uniform(np.log(1e-4), np.log(0.012))
        log_read = _log_read(log_shot) + rng.normal(0.0, 0.26)
        denoised = rng.random() < 0.7
        return CameraNoise(
            shot=float(np.exp(log_shot)),
            read=float(np.exp(log_read)),
            gains=(float(rng.uniform(1.2, 2.0)), 1.0, float(rng.uniform(1.2, 2.4))),
            smear=float(rng.uniform(0.0, 1.0)),
            grain=float(rng.uniform(0.3, 1.2)) if denoised else 0.0,
            colour=float(rng.uniform(0.0, 3.0)) if denoised else 0.0,
        )


# Exposures at which denoisers are compared: a shot noise, with the read noise in the middle of the range above.
CAMERAS = {
    name: CameraNoise(shot=shot, read=float(np.exp(_log_read(np.log(shot)))))
    for name, shot in (("low", 0.001), ("mid", 0.004), ("high", 0.012))
}


CAMERA_JPEG = 90  # quality at which frames from these cameras are compressed


def camera_noise_at(frame: Frame, position: int, camera: str) -> Frame:
    """The frame at ``position`` of a test set, as a camera of ``CAMERAS`` returns it, compressed.

    It is seeded by camera and position.
    """
    rng = np.random.default_rng([1000 + list(CAMERAS).index(camera), position])
    return compress(add_camera_noise(frame, CAMERAS[camera], rng), CAMERA_JPEG)


def add_camera_noise(frame: Frame, camera: CameraNoise, rng: np.random.Generator) -> Frame:
    """Adds signal-dependent noise where a sensor adds it: in linear light, before white balance and gamma.

    display → linear (sRGB curve) → ÷ gains → + N(0, shot·x + read) → smear → × gains → clip → display.
    """
    raw = _LINEAR[frame] / np.asarray(camera.gains, np.float32)
    noise = rng.standard_normal(frame.shape, dtype=np.float32)
    noise *= np.sqrt(np.float32(camera.shot) * raw + np.float32(camera.read))
    if camera.smear > 0:
        noise += np.float32(camera.smear) * (cv2.GaussianBlur(noise, (3, 3), 0) - noise)
    if camera.grain > 0:
        noise = blurred(noise, camera.grain, keep_strength=True)
    linear = np.clip((raw + noise) * np.asarray(camera.gains, np.float32), 0.0, 1.0)
    noisy = _DISPLAY[(linear * np.float32(len(_DISPLAY) - 1)).astype(np.int32)]
    if camera.colour <= 0:
        return noisy
    added = noisy.astype(np.float32) - frame.astype(np.float32)
    grey = np.asarray(added @ np.asarray(BT601_BGR, np.float32), np.float32)  # H W
    colours = added - grey[..., None]
    return to_bytes(frame + (grey[..., None] + blurred(colours, camera.colour)))


def in_colours(
    luma: NDArray[np.floating], blue: NDArray[np.floating], red: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Y, Cb and Cr, H×W each, as H×W×3 BGR: full-range BT.601, as in JPEG."""
    return np.stack([luma + 1.772 * blue, luma - 0.344136 * blue - 0.714136 * red, luma + 1.402 * red], axis=-1)


def blurred(noise: NDArray[np.float32], sigma: float, *, keep_strength: bool = False) -> NDArray[np.float32]:
    """Noise, blurred. keep_strength: white noise keeps its standard deviation."""
    kernel = cv2.getGaussianKernel(2 * max(1, round(3 * sigma)) + 1, sigma)
    if keep_strength:
        kernel /= np.sqrt(np.square(kernel).sum())  # applied once in each direction
    return np.asarray(cv2.sepFilter2D(noise, -1, kernel, kernel), np.float32)


def compress(frame: Frame, quality: int) -> Frame:
    """The frame after one JPEG round trip (4:2:0, as cameras and OpenCV write it)."""
    _, data = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def compress_anywhere(frame: Frame, quality: int, rng: np.random.Generator) -> Frame:
    """:func:`compress` with a grid of blocks that begins at a random place, as in a frame that was cut from another."""
    top, left = (int(n) for n in rng.integers(0, 16, 2))
    return compress_at(frame, quality, top, left)


def compress_at(frame: Frame, quality: int, top: int, left: int) -> Frame:
    """:func:`compress` with a grid of blocks that begins ``top`` and ``left`` pixels outside the frame."""
    wider = cv2.copyMakeBorder(frame, top, 0, left, 0, cv2.BORDER_REFLECT_101)
    return np.ascontiguousarray(compress(np.asarray(wider, np.uint8), quality)[top:, left:])


def shrink(frame: Frame, scale: int) -> Frame:
    """Antialiased bicubic shrinking (a = -0.5), the field's standard.

    Pillow's ``BICUBIC`` widens its kernel by the scale, as MATLAB's ``imresize`` does. H and W must be multiples of
    ``scale``, see :func:`crop_to_multiple`.
    """
    h, w = frame.shape[:2]
    return np.asarray(Image.fromarray(frame).resize((w // scale, h // scale), Image.Resampling.BICUBIC))


def enlarge(frame: Frame, scale: int) -> Frame:
    """Bicubic enlargement (Pillow ``BICUBIC``): the baseline of every super-resolution table."""
    h, w = frame.shape[:2]
    return np.asarray(Image.fromarray(frame).resize((w * scale, h * scale), Image.Resampling.BICUBIC))


def crop_to_multiple(frame: Frame, multiple: int) -> Frame:
    """The frame without the last rows and columns that do not fill a multiple ("modcrop")."""
    h, w = frame.shape[:2]
    return frame[: h - h % multiple, : w - w % multiple]


def to_bytes(values: NDArray[np.floating]) -> Frame:
    """Rounds (half to even) and clips to 0..255."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _linear_of(display: NDArray[np.floating]) -> NDArray[np.float32]:
    low = display / 12.92
    return np.where(display <= 0.04045, low, ((display + 0.055) / 1.055) ** 2.4).astype(np.float32)


# Tables instead of powers: a patch takes 0.3 ms less. 16,384 steps keep the darkest levels distinct.
_LINEAR = _linear_of(np.arange(256, dtype=np.float32) / 255)
_STEPS = np.linspace(0, 1, 16384, dtype=np.float32)
_DISPLAY = to_bytes(
    255 * np.where(_STEPS <= 0.0031308, 12.92 * _STEPS, 1.055 * np.maximum(_STEPS, 1e-6) ** (1 / 2.4) - 0.055)
)
