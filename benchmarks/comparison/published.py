"""Figures of others, as they were published: for orientation next to what was measured here."""

from __future__ import annotations

from dataclasses import dataclass

UNCLIPPED = "published (unclipped float noise)"
_FFDNET = "Zhang, Zuo, Zhang: FFDNet, IEEE TIP 2018, table of colour images (github.com/cszn/FFDNet, figs/table2.png)"
_CARN = "Ahn, Kang, Sohn: CARN, ECCV 2018, as corrected in github.com/nmhkahn/CARN-pytorch, assets/table.png"
_SPAN = "Wan et al.: SPAN, CVPRW 2024, read off the authors' chart (github.com/hongyuanyu/SPAN, assets/results.png)"
_ESPCN = (
    "Shi et al.: ESPCN, CVPR 2016 (trained on 91 pictures), as quoted by github.com/yjn870/ESPCN-pytorch and "
    "github.com/Lornatang/ESPCN-PyTorch"
)


@dataclass(frozen=True)
class Published:
    """psnr: dB by (set, condition). ssim likewise, where given. parameters and MAC per input pixel: 0 where unknown."""

    name: str
    task: str
    psnr: dict[tuple[str, str], float]
    source: str
    parameters: int = 0
    macs_per_pixel: float = 0.0
    ssim: dict[tuple[str, str], float] | None = None
    scale: int = 1


def _colour(name: str, cbsd68: tuple[float, ...], kodak24: tuple[float, ...], macs: float = 0.0) -> Published:
    values = {
        (dataset, f"σ {sigma}"): value
        for dataset, row in (("CBSD68", cbsd68), ("Kodak24", kodak24))
        for sigma, value in zip((15, 25, 50), row, strict=True)
    }
    return Published(name, "denoise", values, _FFDNET, macs_per_pixel=macs)


def _luma(name: str, scale: int, thousand: int, giga: float, *pairs: tuple[float, float]) -> Published:
    """Of CARN's table: its multiply-adds are for an output of 1280×720."""
    sets = [(dataset, f"×{scale} bicubic") for dataset in ("Set5", "Set14", "B100")]
    psnr, ssim = ({key: pair[i] for key, pair in zip(sets, pairs, strict=True)} for i in (0, 1))
    macs = giga * 1e9 * scale**2 / (1280 * 720)
    return Published(name, "upscale", psnr, _CARN, 1000 * thousand, macs, ssim, scale)


PUBLISHED = (
    _colour("CBM3D", (33.52, 30.71, 27.38), (34.28, 31.68, 28.46)),
    _colour("DnCNN (colour)", (33.89, 31.23, 27.92), (34.48, 32.03, 28.85)),
    _colour("FFDNet (colour)", (33.87, 31.21, 27.96), (34.63, 32.13, 28.98), 213_000),
    _luma("FSRCNN", 2, 12, 6.0, (37.00, 0.9558), (32.63, 0.9088), (31.53, 0.8920)),
    _luma("VDSR", 2, 665, 612.6, (37.53, 0.9587), (33.03, 0.9124), (31.90, 0.8960)),
    _luma("CARN-M", 2, 412, 91.2, (37.53, 0.9583), (33.26, 0.9141), (31.92, 0.8960)),
    Published("ESPCN", "upscale", {("Set5", "×3 bicubic"): 32.55}, _ESPCN, scale=3),
    _luma("FSRCNN", 3, 12, 5.0, (33.16, 0.9140), (29.43, 0.8242), (28.53, 0.7910)),
    _luma("VDSR", 3, 665, 612.6, (33.66, 0.9213), (29.77, 0.8314), (28.82, 0.7976)),
    _luma("CARN-M", 3, 412, 46.1, (33.99, 0.9236), (30.08, 0.8367), (28.91, 0.8000)),
    _luma("FSRCNN", 4, 12, 4.6, (30.71, 0.8657), (27.59, 0.7535), (26.98, 0.7150)),
    _luma("VDSR", 4, 665, 612.6, (31.35, 0.8838), (28.01, 0.7674), (27.29, 0.7251)),
    _luma("CARN-M", 4, 412, 32.5, (31.92, 0.8903), (28.42, 0.7762), (27.44, 0.7304)),
    Published("ECBSR (M16C64)", "upscale", {("Set14", "×4 bicubic"): 28.34}, _SPAN, scale=4),
    Published("SPAN", "upscale", {("Set14", "×4 bicubic"): 28.66}, _SPAN, scale=4),
)
