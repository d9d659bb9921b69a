"""Runs a model to determine layout, scale, margin, valid sizes and the form of a second input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from nitido.errors import ExportError
from nitido.wording import count
from nitido_export.adoption.conventions import LAYOUTS, Conventions, LevelInput, level_values
from nitido_export.adoption.findings import Finding, unsure
from nitido_export.adoption.foreign import Foreign, Misfit, Runner

BASE = (64, 128)  # height and width that are divisible by every usual multiple
MULTIPLES = (1, 2, 4, 8, 16, 32, 64)
_MAP_GRIDS = (1, 2, 4, 8)
_DEPTHS = (3, 1, 4, 2)


def find_shapes(
    foreign: Foreign, *, layout: str | None = None, scale: int | None = None
) -> tuple[Conventions, Runner, list[Finding]]:
    """Conventions as far as shapes show them, a runner, and the findings. ``multiple`` is the smallest that runs.

    layout, scale: what is known; ``None``: find out. Raises ``ExportError``.
    """
    sizes = _promised(foreign)
    fixed = Runner(foreign, fixed=True)
    try:
        run = Runner(foreign)
    except ExportError:  # constants of the graph that hold for the promised sizes only
        run = fixed
    fitting = [how for how in _candidates(foreign, layout) if _output_of(fixed, how, sizes.get(how.layout, BASE))]
    if not fitting:
        raise ExportError(f"{foreign.path} {_complaint(fixed, foreign, layout, sizes)}")
    if len({how.layout for how in fitting}) > 1:
        raise unsure(foreign.path, "the layout", "--layout", "it takes both nchw and nhwc")
    how = fitting[0]
    findings = [Finding("layout", how.layout, _layout_reason(foreign, how, layout))]
    base = sizes.get(how.layout)
    how = _scaled(run, how, base or BASE, scale)
    if how is None and base:
        how, run = _scaled_by_one(fixed, fitting[0], base, scale), fixed
    if how is None:
        wanted = "a whole number of times" if scale is None else f"{scale} times"
        raise ExportError(
            f"{foreign.path}: its results are not {wanted} as large as its pictures, or miss unequal numbers of "
            "pixels on each side"
        )
    findings.append(Finding("scale", f"×{how.scale}", "by the size of its results" if scale is None else "as given"))
    if how.margin:
        findings.append(Finding("margin", f"{how.margin} px", "its results are smaller by that on each side"))
    if how.size is None:
        how = replace(how, multiple=_runs_from(run, how), batch=_takes_batches(run, how))
    elif base:
        findings.append(Finding("size", f"{base[1]}×{base[0]}", "it takes no other; frames are cut into windows"))
    if how.level is not None:
        findings.append(Finding("level", how.level.kind, "a second input, for the noise level"))
    return how, run, findings


def _promised(foreign: Foreign) -> dict[str, tuple[int, int]]:
    """For each layout the height and width, if the file fixes them."""
    dims = foreign.image.dims
    both = {"nchw": dims[2:4], "nhwc": dims[1:3]}
    return {layout: (sides[0], sides[1]) for layout, sides in both.items() if sides[0] and sides[1]}


def _candidates(foreign: Foreign, layout: str | None) -> Iterator[Conventions]:
    """Ways of calling the model that its declared dimensions allow."""
    dims = foreign.image.dims
    if len(dims) != 4:
        raise ExportError(f"{foreign.path}: its picture has {len(dims)} dimensions, expected 4")
    likely = [name for name, depth in zip(LAYOUTS, (dims[1], dims[3]), strict=True) if depth in _DEPTHS]
    for name in [layout] if layout else likely or LAYOUTS:
        depth = dims[1 if name == "nchw" else 3]
        for channels in [depth] if depth else _DEPTHS:
            if channels not in _DEPTHS:
                raise ExportError(
                    f"{foreign.path}: its pictures have {channels} channels in {name}, expected 1 or 3, or one more "
                    "for the noise level"
                )
            colour = "luma" if channels < 3 else "rgb"
            plain = Conventions(name, 1 if channels < 3 else 3, colour)
            if channels in (2, 4):
                yield replace(plain, level=LevelInput("channel"))
            elif foreign.level is None:
                yield plain
            else:
                yield from (replace(plain, level=level) for level in _levels(foreign.level.dims))


def _levels(dims: Sequence[int | None]) -> Iterator[LevelInput]:
    if len(dims) != 4:
        yield LevelInput("scalar", rank=len(dims))
        return
    if set(dims[1:]) == {1}:
        yield LevelInput("scalar")
        return
    yield from (LevelInput("map", grid=grid) for grid in _MAP_GRIDS)
    yield LevelInput("scalar")


def _output_of(run: Runner, how: Conventions, size: tuple[int, int], count: int = 1) -> tuple[int, int] | None:
    """Height and width of the result for grey pictures of that size; ``None`` if the model does not run."""
    shape = (count, *size, how.channels)
    values = np.full(shape, 0.5, np.float32)
    level = level_values(how, shape, 5.0)
    if how.level is not None and how.level.kind == "channel":
        values, level = np.concatenate([values, level.reshape(*shape[:3], 1)], 3), None
    try:
        found = run(values.transpose(0, 3, 1, 2) if how.layout == "nchw" else values, level)
    except Misfit:
        return None
    channel = 1 if how.layout == "nchw" else 3
    if found.ndim != 4 or found.shape[0] != count or found.shape[channel] != how.channels:
        return None
    return found.shape[how.axes[0]], found.shape[how.axes[1]]


def _scaled(run: Runner, how: Conventions, base: tuple[int, int], scale: int | None) -> Conventions | None:
    """The conventions with scale and margin, from results of two sizes; ``None`` if a size does not run or does not
    fit."""
    more = (base[0] + 64, base[1] + 128)
    first, second = _output_of(run, how, base), _output_of(run, how, more)
    if first is None or second is None:
        return None
    found = {(b - a) / step for a, b, step in zip(first, second, (64, 128), strict=True)}
    scales = {int(value) for value in found if value >= 1 and value == int(value)}
    if len(found) != 1 or len(scales) != 1 or (scale is not None and scales != {scale}):
        return None
    return _with_margin(how, first, base, scales.pop())


def _scaled_by_one(run: Runner, how: Conventions, base: tuple[int, int], scale: int | None) -> Conventions | None:
    """The same for a model of one size."""
    found = _output_of(run, how, base)
    assert found is not None
    scale = scale or max(1, *(-(-after // before) for after, before in zip(found, base, strict=True)))
    made = _with_margin(how, found, base, scale)
    return None if made is None else replace(made, size=base, batch=False)


def _with_margin(how: Conventions, found: tuple[int, int], base: tuple[int, int], scale: int) -> Conventions | None:
    margins = {scale * before - after for before, after in zip(base, found, strict=True)}
    margin = margins.pop()
    if margins or margin < 0 or margin % 2:
        return None
    return replace(how, scale=scale, margin=margin // 2)


def _runs_from(run: Runner, how: Conventions) -> int:
    """The smallest multiple whose odd multiples run and give results of the right size."""
    for multiple in MULTIPLES:
        size = (BASE[0] + multiple, BASE[1] - multiple) if multiple < BASE[0] else (3 * BASE[0], BASE[0])
        wanted = tuple(how.scale * side - 2 * how.margin for side in size)
        if _output_of(run, how, size) == wanted:
            return multiple
    return MULTIPLES[-1]


def _takes_batches(run: Runner, how: Conventions) -> bool:
    return _output_of(run, how, BASE, 2) is not None


def _layout_reason(foreign: Foreign, how: Conventions, asked: str | None) -> str:
    if asked:
        return "as given"
    depth = foreign.image.dims[1 if how.layout == "nchw" else 3]
    return (
        f"certain: the file declares {count(depth, 'channel')} there"
        if depth
        else "certain: it runs only with this one"
    )


def _complaint(run: Runner, foreign: Foreign, layout: str | None, sizes: dict[str, tuple[int, int]]) -> str:
    """Why no way of calling fits."""
    for how in _candidates(foreign, layout):
        height, width = sizes.get(how.layout, BASE)
        pixels = f"{width}×{height} pixels"
        shape = (1, height, width, how.channels)
        values = np.zeros(shape if how.layout == "nhwc" else (1, how.channels, height, width), np.float32)
        try:
            found = run(values, level_values(how, shape, 5.0))
        except Misfit as error:
            return f"does not run on pictures of 1, 3 or 4 channels and {pixels}: {error}"
        return (
            f"is not a model from picture to picture: pictures of {pixels} and {count(how.channels, 'channel')} have "
            f"results of the shape {'×'.join(map(str, found.shape))}, expected as many channels ({how.layout})"
        )
    return "fits no layout"
