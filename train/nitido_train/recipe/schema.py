"""The schema of recipes. Each class is a table of the TOML file, each field a key in it.

The same names are in checkpoints and in the cards of models, so a key must not be renamed. Values are checked when a
recipe is made, before the first picture is read.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from nitido.errors import RecipeError

OPTIMIZERS = ("adam", "muon")
TASKS = ("denoise", "upscale", "reconstruct", "autoencode")


@dataclass(frozen=True)
class NetRecipe:
    """The network.

    kind: its name in :data:`nitido_train.nets.registry.NETS`.
    options: its constructor's options.
    """

    kind: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DataRecipe:
    """How patches are cut from pictures.

    patch: side of the target patch in pixels.
    batch: patches per step.
    edges: share of patches, 0..1, for which the most detailed of three random places is taken.
    turn: flip and turn patches at random. Not for pictures with a fixed orientation.
    zoom: range of factors by which pictures are scaled before a patch is cut. Below 1 they get sharper, with more
    detail per pixel; above 1 they get softer, like a camera's pictures at full size.
    zoomed: share of patches, 0..1, that ``zoom`` applies to.
    jpeg: share of patches, 0..1, that are first JPEG-compressed, with colour at half the size, like most people's
    pictures.
    jpeg_quality: range of their quality.
    soft_colour: share of patches, 0..1, whose colour is blurred before that, as in cameras.
    """

    patch: int = 96
    batch: int = 16
    edges: float = 0.5
    turn: bool = True
    zoom: tuple[float, float] = (1.0, 1.0)
    zoomed: float = 1.0
    jpeg: float = 0.0
    jpeg_quality: tuple[int, int] = (80, 98)
    soft_colour: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.soft_colour <= 1:
            raise RecipeError(f"[data] soft_colour is a share in 0..1; found {self.soft_colour}")
        if not (0 <= self.jpeg <= 1 and 1 <= self.jpeg_quality[0] <= self.jpeg_quality[1] <= 100):
            raise RecipeError(
                f"[data] expects 0 <= jpeg <= 1 and jpeg_quality [low, high] in 1..100; found jpeg={self.jpeg}, "
                f"jpeg_quality={list(self.jpeg_quality)}"
            )
        if not 0 < self.zoom[0] <= self.zoom[1]:
            raise RecipeError(f"[data] zoom expects [low, high] with 0 < low <= high; found {list(self.zoom)}")
        if self.patch < 16 or self.batch < 1 or not 0 <= self.edges <= 1 or not 0 <= self.zoomed <= 1:
            raise RecipeError(
                f"[data] expects patch >= 16, batch >= 1, 0 <= edges <= 1, 0 <= zoomed <= 1; found patch={self.patch}, "
                f"batch={self.batch}, edges={self.edges}, zoomed={self.zoomed}"
            )


@dataclass(frozen=True)
class NoiseRecipe:
    """The noise that a denoiser learns to remove.

    sigma: range of the standard deviation of Gaussian noise in 8-bit levels, drawn uniformly.
    camera: share of patches, 0..1, that get a sensor's noise instead (:class:`nitido_train.data.degrade.CameraNoise`).
    developed: share of patches, 0..1, that get the noise of a camera's files instead
    (:class:`nitido_train.data.developed.DevelopedNoise`).
    jpeg: share of the camera and developed patches, 0..1, that are JPEG-compressed afterwards.
    jpeg_quality: range of their quality.
    calibration: file of 'nitido calibrate' for the camera to denoise, or empty.
    measured: share of patches, 0..1, that get the noise in ``calibration`` instead.
    paired: share of patches, 0..1, that are a camera's own frames, with the mean of other frames as the target; for a
    calibration with frames.
    compressed: range of JPEG qualities, for a network against JPEG artefacts: patches get these and no other noise.
    [0, 0]: it is a network against noise.
    compressed_twice: share of these patches, 0..1, that are compressed twice.
    told: share of patches, 0..1, whose noise level the network is given. For the others, it estimates the level.
    told_error: standard deviation of the error of a given level, as a share of it. Half of the given levels have no
    error.
    """

    sigma: tuple[float, float] = (0.0, 55.0)
    camera: float = 0.25
    jpeg: float = 0.5
    jpeg_quality: tuple[int, int] = (60, 98)
    developed: float = 0.0
    calibration: str = ""
    measured: float = 0.0
    paired: float = 0.0
    compressed: tuple[int, int] = (0, 0)
    compressed_twice: float = 0.25
    told: float = 0.5
    told_error: float = 0.15

    def __post_init__(self) -> None:
        if min(self.measured, self.paired) < 0 or self.measured + self.paired > 1 + 1e-9:
            raise RecipeError(
                "[noise] measured and paired are shares in 0..1 that add up to at most 1; found "
                f"{self.measured} and {self.paired}"
            )
        if (self.measured or self.paired) and not self.calibration:
            raise RecipeError("[noise] measured and paired need a calibration, a file of 'nitido calibrate'")
        if not (0 <= self.developed <= 1 - self.camera and 0 <= self.told <= 1 and 0 <= self.told_error < 1):
            raise RecipeError(
                "[noise] expects shares in 0..1, of which camera and developed add up to at most 1, and told_error in "
                f"0..1; found camera={self.camera}, developed={self.developed}, "
                f"told={self.told}, told_error={self.told_error}"
            )
        if not 0 <= self.sigma[0] <= self.sigma[1]:
            raise RecipeError(f"[noise] sigma expects [low, high] with 0 <= low <= high; found {list(self.sigma)}")
        if not (0 <= self.camera <= 1 and 0 <= self.jpeg <= 1):
            raise RecipeError(f"[noise] camera and jpeg are shares in 0..1; found {self.camera} and {self.jpeg}")
        if not 1 <= self.jpeg_quality[0] <= self.jpeg_quality[1] <= 100:
            raise RecipeError(f"[noise] jpeg_quality expects [low, high] in 1..100; found {list(self.jpeg_quality)}")
        if self.compressed != (0, 0) and not 1 <= self.compressed[0] <= self.compressed[1] <= 100:
            raise RecipeError(f"[noise] compressed expects [low, high] in 1..100; found {list(self.compressed)}")
        if not 0 <= self.compressed_twice <= 1:
            raise RecipeError(f"[noise] compressed_twice is a share in 0..1; found {self.compressed_twice}")


@dataclass(frozen=True)
class ShrinkRecipe:
    """How training pictures are shrunk for an upscaler of everyday pictures, see :mod:`nitido_train.data.shrinking`.
    Without this table, they are shrunk by antialiased bicubic.

    bicubic: share of patches, 0..1, that are shrunk by antialiased bicubic. The others get other kernels.
    twice: share of these others, 0..1, that are resized once before.
    noise: share of patches, 0..1, with the noise of a camera's files.
    noise_level: range of its level at middle grey in 8-bit levels.
    sharpen: share of patches, 0..1, that are sharpened after shrinking, as web sites and cameras do.
    sharpen_amount: range of the share of the detail that is added.
    jpeg: share of patches, 0..1, that are JPEG-compressed at the end.
    jpeg_quality: range of their quality.
    jpeg_twice: share of these, 0..1, that are compressed twice.
    """

    bicubic: float = 0.4
    twice: float = 0.25
    noise: float = 0.2
    noise_level: tuple[float, float] = (0.5, 10.0)
    sharpen: float = 0.0
    sharpen_amount: tuple[float, float] = (0.1, 1.0)
    jpeg: float = 0.5
    jpeg_quality: tuple[int, int] = (40, 95)
    jpeg_twice: float = 0.25

    def __post_init__(self) -> None:
        names = ("bicubic", "twice", "noise", "sharpen", "jpeg", "jpeg_twice")
        shares = {name: getattr(self, name) for name in names}
        if not all(0 <= share <= 1 for share in shares.values()):
            raise RecipeError(f"[shrink] {', '.join(shares)} are shares in 0..1; found {shares}")
        if not 0 <= self.noise_level[0] <= self.noise_level[1]:
            raise RecipeError(f"[shrink] noise_level expects 0 <= low <= high; found {list(self.noise_level)}")
        if not 0 <= self.sharpen_amount[0] <= self.sharpen_amount[1]:
            raise RecipeError(f"[shrink] sharpen_amount expects 0 <= low <= high; found {list(self.sharpen_amount)}")
        if not 1 <= self.jpeg_quality[0] <= self.jpeg_quality[1] <= 100:
            raise RecipeError(f"[shrink] jpeg_quality expects [low, high] in 1..100; found {list(self.jpeg_quality)}")


@dataclass(frozen=True)
class ClipRecipe:
    """How a recurrent network is trained on clips.

    length: frames of a clip.
    back: frames over which gradients go back in time. Every ``back`` frames, the state is detached from the past.
    real: share of clips, 0..1, that are cut from videos. The others are made from pictures.
    flicker: weight of the error of the change from frame to frame.
    first: weight of the first frame, which has no past. The others have 1.
    worse: weight of the amount by which blocks are worse than the network makes them without a past.
    """

    length: int = 8
    back: int = 8
    real: float = 0.5
    flicker: float = 0.3
    first: float = 2.0
    worse: float = 1.0

    def __post_init__(self) -> None:
        if self.length < 2 or self.back < 1 or not 0 <= self.real <= 1 or min(self.flicker, self.first, self.worse) < 0:
            raise RecipeError(
                "[clips] expects length >= 2, back >= 1, 0 <= real <= 1, and flicker, first and worse >= 0; "
                f"found length={self.length}, back={self.back}, real={self.real}, flicker={self.flicker}, "
                f"first={self.first}, worse={self.worse}"
            )


@dataclass(frozen=True)
class DefectRecipe:
    """The defects that a network for finding anomalies learns to remove, see :mod:`nitido_train.data.defects`.

    count: range of the number of defects on a patch.
    size: range of their length in pixels.
    clean: share of patches, 0..1, without defects.
    rooted: share of defects, 0..1, that start at an edge in the picture: spurs, bites, bridges, gaps.
    foreign: share of defects, 0..1, in a random colour instead of one of the picture.
    sigma: range of the standard deviation of Gaussian noise on the whole patch, in 8-bit levels.
    """

    count: tuple[int, int] = (1, 4)
    size: tuple[float, float] = (4.0, 48.0)
    clean: float = 0.1
    rooted: float = 0.4
    foreign: float = 0.1
    sigma: tuple[float, float] = (0.0, 4.0)

    def __post_init__(self) -> None:
        if not 1 <= self.count[0] <= self.count[1]:
            raise RecipeError(f"[blots] count expects [low, high] with 1 <= low <= high; found {list(self.count)}")
        if not 2 <= self.size[0] <= self.size[1]:
            raise RecipeError(f"[blots] size expects [low, high] with 2 <= low <= high; found {list(self.size)}")
        if not (0 <= self.clean < 1 and 0 <= self.rooted <= 1 and 0 <= self.foreign <= 1):
            raise RecipeError(
                f"[blots] clean, rooted and foreign are shares in 0..1, not all clean; found {self.clean}, "
                f"{self.rooted} and {self.foreign}"
            )
        if not 0 <= self.sigma[0] <= self.sigma[1]:
            raise RecipeError(f"[blots] sigma expects [low, high] with 0 <= low <= high; found {list(self.sigma)}")


@dataclass(frozen=True)
class LatentRecipe:
    """What an autoencoder is trained for, see :mod:`nitido_train.objectives.latents`.

    reconstruction: ``bce`` (pixels as probabilities), ``mse``, or ``pyramid`` (absolute errors of shapes of all sizes).
    beta: weight of the KL divergence (Higgins et al., beta-VAE, 2017).
    beta_warmup: steps over which ``beta`` grows linearly from 0.
    binarize: draw each pixel black or white at every step, with its brightness as the probability (Salakhutdinov and
    Murray, 2008). This makes the likelihood of a VAE a proper one.
    noise: standard deviation of Gaussian noise on the input of a denoising autoencoder, of full scale 1.
    masked: largest share of the picture that a random rectangle hides.
    adversary: weight of the discriminator in an adversarial autoencoder.
    mirror: mirror half of the pictures left to right, at random, in input and target.
    crop: take a random part of each picture, in input and target. Each side is shorter by up to this share, 0..1.
    augment: mirror and crop few pictures if that helps (:mod:`nitido_train.data.augmentation`).
    leave_out: labels whose examples are not trained on.
    """

    reconstruction: str = "bce"
    beta: float = 1.0
    beta_warmup: int = 0
    binarize: bool = False
    noise: float = 0.0
    masked: float = 0.0
    adversary: float = 0.002
    mirror: bool = False
    crop: float = 0.0
    augment: bool = False
    leave_out: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.reconstruction not in ("bce", "mse", "pyramid"):
            raise RecipeError(
                f"[latent] reconstruction expects 'bce', 'mse' or 'pyramid'; found '{self.reconstruction}'"
            )
        if min(self.beta, self.beta_warmup, self.noise, self.adversary) < 0 or not 0 <= self.masked < 1:
            raise RecipeError("[latent] expects beta, beta_warmup, noise, adversary >= 0 and 0 <= masked < 1")
        if not 0 <= self.crop < 1:
            raise RecipeError(f"[latent] crop is a share in 0..1, below 1; found {self.crop}")

    def warmup_factor(self, step: int) -> float:
        """The share of ``beta`` and of the adversary's weight at a step: 0..1."""
        return min(1.0, (step + 1) / self.beta_warmup) if self.beta_warmup else 1.0


@dataclass(frozen=True)
class Schedule:
    """How long a training runs, and how fast.

    lr, final_lr, warmup: the learning rate grows linearly over ``warmup`` steps, then follows a cosine from ``lr`` to
    ``final_lr``.
    optimizer: ``adam``, or ``muon`` (:mod:`nitido_train.training.muon`) for convolutions without normalisation, at
    about ten times Adam's rate.
    loss: a name in :data:`nitido_train.objectives.losses.LOSSES`.
    ema: decay of the averaged weights, which are the result of the training.
    clip: largest norm of the gradient.
    validate_every: steps between validations.
    patience: validations without a better score after which the training ends early. 0 means never.
    """

    steps: int
    lr: float = 1e-3
    final_lr: float = 1e-6
    warmup: int = 500
    optimizer: str = "adam"
    loss: str = "charbonnier"
    ema: float = 0.999
    clip: float = 1.0
    validate_every: int = 2000
    patience: int = 0

    def __post_init__(self) -> None:
        if self.steps < 1 or self.validate_every < 1 or min(self.warmup, self.patience) < 0:
            raise RecipeError("[schedule] expects steps, validate_every >= 1 and warmup, patience >= 0")
        if self.optimizer not in OPTIMIZERS:
            raise RecipeError(f"[schedule] optimizer expects one of {', '.join(OPTIMIZERS)}; found '{self.optimizer}'")
        if not (0 <= self.ema < 1 and self.clip > 0):
            raise RecipeError(f"[schedule] expects 0 <= ema < 1 and clip > 0; found ema={self.ema}, clip={self.clip}")
        if not 0 < self.final_lr <= self.lr < math.inf:
            raise RecipeError(f"[schedule] expects 0 < final_lr <= lr; found lr={self.lr}, final_lr={self.final_lr}")


@dataclass(frozen=True)
class Recipe:
    """One training.

    name: becomes the model's name.
    task: ``denoise``, ``upscale``, ``reconstruct``, or ``autoencode`` for everything with a latent space.
    blots: the defects of ``reconstruct``. A file may call the table ``[defects]``; cards and older files call it
    ``[blots]``.
    clips: the clips of a recurrent denoiser.
    shrink: how an upscaler's pictures are shrunk, if not only by antialiased bicubic.
    qat: the schedule of quantization-aware fine-tuning (``nitido train --qat``).
    """

    name: str
    task: str
    summary: str
    net: NetRecipe
    schedule: Schedule
    seed: int = 0
    data: DataRecipe = field(default_factory=DataRecipe)
    noise: NoiseRecipe | None = None
    blots: DefectRecipe | None = None
    latent: LatentRecipe | None = None
    clips: ClipRecipe | None = None
    shrink: ShrinkRecipe | None = None
    qat: Schedule | None = None

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise RecipeError(f"task expects one of {', '.join(TASKS)}; found '{self.task}'")
        if not 0 <= self.seed < 1 << 32:
            raise RecipeError(f"seed expects a whole number of 0 to 2^32 - 1; found {self.seed}")
        if not self.name.strip() or any(sign in self.name for sign in "/\\\0"):
            raise RecipeError(f"name expects a valid file name; found {self.name!r}")
        for table, task in (("noise", "denoise"), ("blots", "reconstruct"), ("latent", "autoencode")):
            if (self.task == task) != (getattr(self, table) is not None):
                raise RecipeError(f"a recipe has a [{table}] table exactly when its task is '{task}'")
        if self.clips is not None and self.task != "denoise":
            raise RecipeError("a recipe has a [clips] table only when its task is 'denoise'")
        if self.shrink is not None and self.task != "upscale":
            raise RecipeError("a recipe has a [shrink] table only when its task is 'upscale'")

    @property
    def scale(self) -> int:
        return int(self.net.options.get("scale", 2 if self.task == "upscale" else 1))

    @property
    def for_cameras(self) -> bool:
        """Whether it is a denoiser for cameras, not for white noise."""
        return self.noise is not None and self.noise.camera + self.noise.developed >= 0.5

    @property
    def purpose(self) -> str:
        """What its network is measured on: ``camera`` noise, ``jpeg`` artefacts, ``found`` (everyday pictures, shrunk
        by any program), or, for all others, ``plain``: the degradations of papers."""
        if self.noise is not None and self.noise.compressed != (0, 0):
            return "jpeg"
        return "camera" if self.for_cameras else "plain" if self.shrink is None else "found"
