"""Layouts of latents on a plane that keep neighbours together: UMAP and t-SNE, from other packages."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nitido.errors import SinkUnavailable
from nitido.latent.map import Plane, plane_of

LAYOUTS = ("pca", "umap", "tsne")
FEWEST = 5  # smallest number of latents for a layout
_SEED = 1


def lay_out(z: NDArray[np.floating], way: str = "pca") -> Plane:
    """Latents N×d on a plane.

    way: ``pca`` (:func:`nitido.latent.map.plane_of`), ``umap`` (McInnes, Healy, Melville, 2018) or ``tsne`` (van der
    Maaten, Hinton, 2008). The last two put similar latents next to each other; distances between groups say little.

    Raises ``SinkUnavailable`` when the package for it is not installed, ``FrameMismatch`` for latents that are not
    finite.
    """
    plane = plane_of(z)
    if way == "pca" or len(z) < FEWEST:
        return plane
    values = np.asarray(z, np.float32)
    points = _umap(values) if way == "umap" else _tsne(values)
    name = "UMAP" if way == "umap" else "t-SNE"
    return Plane(np.asarray(points, np.float64), (f"{name} 1", f"{name} 2"))


def _umap(z: NDArray[np.float32]) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it mentions TensorFlow, which is not needed here
            from umap import UMAP  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise SinkUnavailable(
            "UMAP needs umap-learn, which is not installed; run: pip install 'nitido[maps]'; or use --layout pca"
        ) from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the warning that the seed means a single thread
        return UMAP(n_neighbors=min(15, len(z) - 1), random_state=_SEED).fit_transform(z)


def _tsne(z: NDArray[np.float32]) -> Any:
    try:
        from sklearn.manifold import TSNE
    except ImportError as error:
        raise SinkUnavailable(
            "t-SNE needs scikit-learn, which is not installed; run: pip install 'nitido[maps]'; or use --layout pca"
        ) from error
    return TSNE(perplexity=min(30.0, (len(z) - 1) / 3), init="pca", random_state=_SEED).fit_transform(z)
