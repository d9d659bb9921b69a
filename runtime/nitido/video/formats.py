"""The video files that can be read and written, by suffix, and their codecs. It does not need a video library."""

from __future__ import annotations

from dataclasses import dataclass

# The container that FFmpeg writes for a suffix.
MUXERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm", ".avi": "avi"}
WRITTEN = frozenset(MUXERS)
# Files of cameras, discs and older programs can be read; their results are MP4.
_READ_ONLY = ".ts .mts .m2ts .mpg .mpeg .mpe .vob .wmv .asf .flv .f4v .3gp .3g2 .ogv .dv .mxf"
# Pictures without a container, for encoders and players of test material.
_RAW = ".h264 .264 .h265 .265 .hevc .m1v .m2v .mjpeg .mjpg .ivf .y4m"
SUFFIXES = WRITTEN | set(_READ_ONLY.split()) | set(_RAW.split())
# Common names of codecs, and their encoders for CPUs.
ENCODERS = {
    "h264": "libx264",
    "h265": "libx265",
    "av1": "libsvtav1",
    "vp9": "libvpx-vp9",
    "ffv1": "ffv1",
    "mjpeg": "mjpeg",
}
DEFAULT_CODECS = {".webm": "vp9", ".avi": "mjpeg"}
QUALITY = 85  # of 1..100


@dataclass(frozen=True)
class Encoding:
    """How video is encoded.

    codec: one of ``ENCODERS``, or the name of one of FFmpeg's encoders such as ``h264_nvenc``; ``None``: by suffix.
    quality: 1 to 100, higher is better and larger; ``None``: ``QUALITY``. Lossless codecs ignore it.
    """

    codec: str | None = None
    quality: int | None = None


DEFAULT = Encoding()


def encoder_options(encoder: str, quality: int) -> dict[str, str]:
    """FFmpeg's options for an encoder at a quality of 1..100.

    B-frames are switched off, because with them the last frames of an MP4 are after its end if the rate varies.
    """
    crf = crf_of(quality)
    if encoder == "libx264":
        # Without psychovisual options, and with finer colour, because the model's result should be kept and not look
        # sharper.
        faithful = {"tune": "psnr", "x264-params": "chroma-qp-offset=-6"}
        return {"crf": f"{crf:.1f}", "preset": "ultrafast", "bf": "0", **faithful}
    if encoder == "libx265":
        return {"crf": f"{crf:.1f}", "preset": "veryfast", "x265-params": "log-level=none:bframes=0"}
    if encoder == "libsvtav1":
        return {"crf": str(max(1, round(crf * 1.1))), "preset": "9", "svtav1-params": "lp=2"}
    if encoder == "libvpx-vp9":
        return {"crf": str(round(crf * 63 / 51)), "b": "0", "deadline": "realtime", "cpu-used": "5", "row-mt": "1"}
    if encoder == "mjpeg":
        steps = 1 + round(30 * ((100 - quality) / 99) ** 1.5)
        return {"flags": "+qscale", "global_quality": str(118 * steps), "qmin": "1"}
    if encoder == "ffv1":
        return {"level": "3", "slices": "4", "slicecrc": "1"}
    if encoder.endswith("_nvenc"):
        return {"rc": "vbr", "cq": f"{crf:.0f}", "b": "0"}
    return {"b": str(20_000_000), "bf": "0"}


def crf_of(quality: int) -> float:
    """The constant rate factor of x264 (0: lossless, 51: worst) for a quality of 1..100."""
    return 1.0 + 50.0 * ((100 - quality) / 99) ** 0.8
