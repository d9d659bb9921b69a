"""Noise in files from cameras: developed, smoothed by the camera's own denoiser, and compressed.

A sensor's noise (:class:`nitido_train.data.degrade.CameraNoise`) is white before development. Users have files. In
these, demosaicing and the camera's denoiser have correlated neighbouring pixels, colour noise is coarser than luma
noise, a tone curve makes its strength depend on brightness, and JPEG has replaced part of it by its own error, often
twice.

Sources: noise before development and JPEG 60..100 after it, Guo, Yan, Zhang, Zuo, Zhang, "Toward Convolutional Blind
Denoising of Real Photographs" (CBDNet), CVPR 2019. Denoisers of white noise fail on real noise because it is
correlated: Zhou et al., "When AWGN-based Denoiser Meets Real Noises" (PD-Denoising), AAAI 2020. The order of a camera's
steps: Brooks et al., "Unprocessing Images for Learned Raw Denoising", CVPR 2019. Two compressions on different grids
mislead networks that never saw them: Jiang, Zhang, Timofte, "Towards Flexible Blind JPEG Artifacts Removal" (FBCNN),
ICCV 2021. The ranges follow published pairs of real noise and are wider than those of any single set.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from nitido.frames import Frame
from nitido_train.data.degrade import blurred, compress_anywhere, in_colours, to_bytes

LEVELS = (0.7, 14.0)  # range of luma noise in 8-bit levels
SOFTNESS = (0.5, 2.5)  # range of cameras' colour blur in pixels
UNEVEN_GRAIN = 12.0  # pixels
DETAIL = 6.0  # difference in 8-bit levels between a pixel and its neighbours at which smoothing ends
FIRST_QUALITY = (90, 98)  # quality of a camera's own JPEG, if the file was saved again


@dataclass(frozen=True)
class DevelopedNoise:
    """Noise of one camera at one setting.

    level: standard deviation of luma noise at middle grey, in 8-bit levels.
    slope: exponent of its growth with brightness.
    shoulder: 0..1, how much weaker it is in white areas, where the tone curve is flat.
    grain: standard deviation in pixels of the blur of luma noise. The level stays the same.
    coarse, coarse_grain: share 0..1 of the luma noise that is blurred more, and its blur in pixels.
    colour: levels of Cb and Cr noise as shares of ``level``.
    colour_grain: blur of Cb and Cr noise in pixels.
    qualities: JPEG qualities in order, each on a grid with a random origin.
    uneven: standard deviation of ln(level) across the picture, at a scale of about 20 pixels.
    flat: 0..1, how much weaker it is in flat areas, which cameras smooth most.
    """

    level: float
    slope: float = 0.15
    shoulder: float = 0.4
    grain: float = 0.6
    coarse: float = 0.0
    coarse_grain: float = 2.0
    colour: tuple[float, float] = (0.8, 0.6)
    colour_grain: tuple[float, float] = (1.2, 1.2)
    qualities: tuple[int, ...] = (85,)
    uneven: float = 0.0
    flat: float = 0.0

    @staticmethod
    def draw(
        rng: np.random.Generator,
        jpeg: float = 0.9,
        jpeg_quality: tuple[int, int] = (60, 97),
        level: float | None = None,
    ) -> DevelopedNoise:
        """A random camera. jpeg: probability that the file is JPEG. level: the level, instead of a random one."""
        low, high = np.log(LEVELS)
        drawn = float(np.exp(rng.uniform(low, high)))
        share = float(rng.uniform(0.3, 1.2))
        qualities: list[int] = []
        if rng.random() < jpeg:
            if rng.random() < 0.3:
                qualities.append(int(rng.integers(FIRST_QUALITY[0], FIRST_QUALITY[1] + 1)))
            qualities.append(int(rng.integers(jpeg_quality[0], jpeg_quality[1] + 1)))
        return DevelopedNoise(
            level=drawn if level is None else level,
            slope=float(rng.uniform(-0.2, 0.5)),
            shoulder=float(rng.uniform(0.0, 0.7)),
            grain=float(rng.uniform(0.3, 0.9)),
            coarse=float(rng.uniform(0.0, 0.25)) if rng.random() < 0.5 else 0.0,
            coarse_grain=float(rng.uniform(1.0, 3.0)),
            colour=(share * float(rng.uniform(1.0, 1.6)), share),
            colour_grain=(float(rng.uniform(0.3, 2.5)), float(rng.uniform(0.3, 2.5))),
            qualities=tuple(qualities),
            uneven=float(rng.uniform(0.0, 0.5)) if rng.random() < 0.5 else 0.0,
            flat=float(rng.uniform(0.0, 0.7)) if rng.random() < 0.5 else 0.0,
        )


# Settings at which denoisers are validated: levels of luma noise.
DEVELOPED = {"soft": 2.5, "medium": 5.0, "strong": 10.0}


def add_developed_noise(frame: Frame, noise: DevelopedNoise, rng: np.random.Generator) -> Frame:
    """The frame with that noise, rounded to bytes and compressed."""
    shape = frame.shape[:2]
    light = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY).astype(np.float32) / 255  # H W
    curve = (0.05 + light) ** noise.slope * (1 - noise.shoulder * light * light)
    middle = 0.55**noise.slope * (1 - noise.shoulder * 0.25)
    curve *= np.float32(noise.level / middle)
    if noise.uneven > 0:
        places = blurred(rng.standard_normal(shape, dtype=np.float32), UNEVEN_GRAIN, keep_strength=True)
        curve *= np.exp(np.float32(noise.uneven) * places)
    if noise.flat > 0:
        detail = cv2.blur(np.abs(cv2.Laplacian(255 * light, cv2.CV_32F)), (9, 9))
        curve *= 1 - np.float32(noise.flat) * np.exp(-detail / np.float32(DETAIL))

    def grained(sigma: float) -> NDArray[np.float32]:
        return blurred(rng.standard_normal(shape, dtype=np.float32), sigma, keep_strength=True)

    luma = grained(noise.grain)
    if noise.coarse > 0:
        # Shares of the variance, so the sum has the same strength.
        luma = np.sqrt(1 - noise.coarse**2) * luma + noise.coarse * grained(noise.coarse_grain)
    luma *= curve
    blue, red = (share * curve * grained(sigma) for share, sigma in zip(noise.colour, noise.colour_grain, strict=True))
    noisy = to_bytes(frame + in_colours(luma, blue, red))
    for quality in noise.qualities:
        noisy = compress_anywhere(noisy, quality, rng)
    return noisy


def developed_noise_at(frame: Frame, position: int, setting: str) -> Frame:
    """The frame at ``position`` of a test set, as from a random camera at a setting of ``DEVELOPED``.

    It is seeded by setting and position.
    """
    rng = np.random.default_rng([2000 + list(DEVELOPED).index(setting), position])
    return add_developed_noise(frame, DevelopedNoise.draw(rng, level=DEVELOPED[setting]), rng)


def soften_colour(frame: Frame, sigma: float) -> Frame:
    """The frame with its colour blurred by ``sigma`` pixels, as in cameras, which measure each colour at one of two or
    four pixels and smooth the interpolated colours."""
    luma, *colour = cv2.split(cv2.cvtColor(frame, cv2.COLOR_BGR2YCrCb))
    soft = [cv2.GaussianBlur(plane, (0, 0), sigma) for plane in colour]
    return np.asarray(cv2.cvtColor(cv2.merge([luma, *soft]), cv2.COLOR_YCrCb2BGR), np.uint8)
