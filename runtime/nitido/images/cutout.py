"""Replaces invisible colours, under full transparency, which a model would otherwise mix into their neighbours."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from nitido.images.picture import Alpha

Values = TypeVar("Values", NDArray[np.uint8], NDArray[np.uint16])

_STRIP = 4_000_000  # pixels that are filled at a time


def fill_hidden(values: Values, alpha: Alpha, reach: int) -> Values:
    """Colours H×W×3 or H×W in which those under alpha 0 are replaced by the colour of the nearest visible pixel. If
    nothing or everything is hidden, the same array is returned.

    reach: receptive field of the model in pixels; colours farther from all visible pixels may stay unchanged.
    """
    height, width = alpha.shape
    rows = max(_STRIP // max(1, width), 2 * reach, 1)
    result: Values | None = None
    for top in range(0, height, rows):
        part, around = slice(top, top + rows), slice(max(0, top - reach), top + rows + reach)
        hidden = alpha[around] == 0
        if not hidden[part.start - around.start :][:rows].any() or hidden.all():
            continue
        if result is None:
            result = values.copy()
        seen = values[around]
        nearest = _nearest_seen(hidden)
        inside = slice(part.start - around.start, part.start - around.start + rows)
        place = nearest[inside]
        filled = seen.reshape(-1, *seen.shape[2:])[place.reshape(-1)].reshape(*place.shape, *seen.shape[2:])
        result[part] = filled
    return values if result is None else result


def put_back_hidden(result: Values, values: Values, alpha: Alpha) -> None:
    """Changes ``result`` in place to ``values``, of the same shape, where alpha is 0."""
    hidden = alpha == 0
    if hidden.any():
        result[hidden] = values[hidden]


def _nearest_seen(hidden: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For each pixel H×W, the index of the nearest pixel that is not hidden, counted row by row."""
    import cv2  # only loaded for cut-outs

    _, found = cv2.distanceTransformWithLabels(
        hidden.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    labels, seen = np.asarray(found, np.int32), np.flatnonzero(~hidden)
    index = np.zeros(int(labels.max()) + 1, np.int64)
    index[labels.reshape(-1)[seen]] = seen
    return index[labels]
