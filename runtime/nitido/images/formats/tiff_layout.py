"""The layout of samples in a TIFF file, and the layouts that Pillow decodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image, TiffImagePlugin

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, CMYK = 0, 1, 2, 5
_COLOURS = {WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, RGB: 3, CMYK: 4}
_ALPHAS = (1, 2)  # kinds of extra samples: alpha that is multiplied into the colours, or not
# Compressions of bytes, independent of samples.
RAW, LZW, DEFLATE, PACKBITS, OLD_DEFLATE, LZMA, ZSTD = 1, 5, 8, 32773, 32946, 34925, 50000
_OF_BYTES = frozenset({RAW, LZW, DEFLATE, PACKBITS, OLD_DEFLATE, LZMA, ZSTD})
_MOST_SAMPLES = 1000
_KINDS = {3: "palette", 4: "mask", 6: "YCbCr", 8: "LAB", 9: "LAB", 10: "LAB", 32803: "camera raw", 34892: "camera raw"}


class PillowTiff(TiffImagePlugin.TiffImageFile):
    """Pillow's class without its global limit on the size, which also does not mistake the single channel of a file
    with planes for one of several."""

    def _setup(self) -> None:
        if _one(self.tag_v2, 277, 1) == 1 and 284 in self.tag_v2:
            del self.tag_v2[284]
        super()._setup()

    def load_prepare(self) -> None:
        if self._im is None:
            size = getattr(self, "_tile_size", self.size)
            self.im = Image.core.new(self.mode, size)
        super().load_prepare()


@dataclass(frozen=True)
class Layout:
    """width, height: in pixels. bits: of every sample; 0 when they differ. samples: of a pixel. planar: one plane for
    each sample. sample_format: 1 for whole numbers, 2 with a sign, 3 floating point. extra: what samples beyond the
    colours are. block_width, block_height: of a strip or tile, in pixels. offsets, counts: of the blocks, in bytes."""

    width: int
    height: int
    bits: int
    samples: int
    photometric: int
    planar: bool
    compression: int
    predictor: int
    sample_format: int
    extra: tuple[int, ...]
    lowest_bit_first: bool
    tiled: bool
    block_width: int
    block_height: int
    offsets: Sequence[int]
    counts: Sequence[int]

    @classmethod
    def of(cls, tags: Mapping[int, Any]) -> Layout:
        """Raises ``ValueError`` for an invalid size."""
        width, height = _one(tags, 256), _one(tags, 257)
        if width < 1 or height < 1:
            raise ValueError(f"{width}×{height} pixels")
        samples = _one(tags, 277, 1)
        if not 1 <= samples <= _MOST_SAMPLES:
            raise ValueError(f"{samples} channels")
        depths = _all(tags, 258)[:samples] or (1,)
        tiled = 322 in tags
        return cls(
            width=width,
            height=height,
            bits=int(depths[0]) if len(set(depths)) == 1 else 0,
            samples=samples,
            photometric=_one(tags, 262),
            planar=_one(tags, 284, 1) == 2 and samples > 1,
            compression=_one(tags, 259, RAW),
            predictor=_one(tags, 317, 1),
            sample_format=max((int(v) for v in _all(tags, 339)), default=1),
            extra=tuple(int(v) for v in _all(tags, 338)),
            lowest_bit_first=_one(tags, 266, 1) == 2,
            tiled=tiled,
            block_width=_one(tags, 322) if tiled else width,
            block_height=_one(tags, 323) if tiled else min(height, _one(tags, 278, height)),
            offsets=_all(tags, 324 if tiled else 273),
            counts=_all(tags, 325 if tiled else 279),
        )

    @property
    def colours(self) -> int:
        """Samples of a pixel that are its colour."""
        return _COLOURS.get(self.photometric, 0)

    @property
    def alpha(self) -> int | None:
        """The index of the alpha sample."""
        for place, kind in enumerate(self.extra_kinds):
            if kind in _ALPHAS:
                return self.colours + place
        return None

    @property
    def alpha_kind(self) -> int:
        """The kind of the extra sample :attr:`alpha`."""
        return next((kind for kind in self.extra_kinds if kind in _ALPHAS), 0)

    @property
    def extra_kinds(self) -> tuple[int, ...]:
        """The kind of each sample beyond the colours. A fourth sample of RGB without a kind counts as alpha, as in
        Pillow."""
        count = max(0, self.samples - self.colours)
        given = self.extra or ((2,) if self.photometric == RGB and count == 1 else ())
        return (*given, *(0,) * count)[:count]

    @property
    def ignored(self) -> int:
        """Samples of a pixel that are neither colour nor alpha."""
        return self.samples - self.colours - (self.alpha is not None)

    @property
    def can_be_sampled(self) -> bool:
        """Whether its samples can be read without knowing what they mean."""
        return (
            1 <= self.bits <= 16
            and self.sample_format in (1, 4)
            and 1 <= self.colours <= self.samples
            and self.compression in _OF_BYTES
            and self.predictor in (1, 2)
            and (self.predictor == 1 or self.bits in (8, 16))
            and len(self.offsets) > 0
        )

    @property
    def needs_samples(self) -> bool:
        """Whether Pillow would lose bits or misinterpret planes."""
        odd = self.bits not in (1, 8) and (self.bits not in (2, 4) or self.samples > 1)
        return self.can_be_sampled and (odd or self.planar)

    @property
    def words(self) -> str:
        """The kind of picture, for messages."""
        kind = _KINDS.get(self.photometric) or {1: "grey", 3: "RGB", 4: "CMYK"}.get(self.colours, "of an unknown kind")
        packing = TiffImagePlugin.COMPRESSION_INFO.get(self.compression, f"compression {self.compression}")
        return f"{self.bits}-bit {kind} with {self.samples} channels, {packing}"


def _all(tags: Mapping[int, Any], tag: int) -> tuple[Any, ...]:
    value = tags.get(tag, ())
    return value if isinstance(value, tuple) else (value,)


def _one(tags: Mapping[int, Any], tag: int, default: int = 0) -> int:
    values = _all(tags, tag)
    return int(values[0]) if values else default
