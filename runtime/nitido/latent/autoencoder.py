"""The two parts of an autoencoder as functions: from pictures or melodies to latents, and back.

    encoder, decoder = load_encoder("vae-digits"), load_decoder("vae-digits")
    z = encoder(encoder.fit(picture)).mean      # float32 1×d
    again = decoder(z)                          # uint8 1×H×W×3 BGR

Choosing latents: :mod:`nitido.latent.sampling`. Encoding many pictures: :mod:`nitido.latent.embedding`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nitido.errors import CardMismatch, FrameMismatch
from nitido.images.fit import fit_picture
from nitido.inference.session import open_session, run_graph
from nitido.latent.space import Labels, LatentSpace, Vectors
from nitido.model_file.card import Card
from nitido.model_file.zoo import PARTS, find_part, parts_at_hand

__all__ = ["CHUNK", "Decoder", "Encoder", "Latents", "find_part", "load_decoder", "load_encoder"]

# Batch size of the network: enough to keep the cores busy, with activations of bounded size.
CHUNK = 256


class Latents(NamedTuple):
    """mean: float32 N×d; for an encoder that is not variational, the latents themselves. log_var: float32 N×d, the
    logarithms of the variances around it, or ``None``."""

    mean: Vectors
    log_var: Vectors | None


def load_encoder(
    name_or_path: str | Path,
    device: str = "auto",
    *,
    threads: int | None = None,
    provider_options: Mapping[str, str] | None = None,
) -> Encoder:
    """Opens the encoder of a latent model.

    Args:
        name_or_path: name of the model (``vae-digits``) or of the encoder (``vae-digits.encoder``), or a file. For
            ``x/vae-digits`` and ``x/vae-digits.decoder.onnx`` it opens ``x/vae-digits.encoder.onnx``.
        device: as for :func:`nitido.load`.
        threads: CPU threads of one operator.
        provider_options: options of the provider.

    Raises:
        ModelNotFound: there is no such name or file.
        CardMismatch: the file is another kind of model.
        ProviderUnavailable: the device cannot be used.
    """
    path = find_part(name_or_path, "encoder")
    return Encoder(path, device, threads=threads, provider_options=provider_options)


def load_decoder(
    name_or_path: str | Path,
    device: str = "auto",
    *,
    threads: int | None = None,
    provider_options: Mapping[str, str] | None = None,
) -> Decoder:
    """Opens the decoder of a latent model, with the options and errors of :func:`load_encoder`."""
    path = find_part(name_or_path, "decoder")
    return Decoder(path, device, threads=threads, provider_options=provider_options)


class _Part:
    """One part: its file, session and card."""

    _part = ""
    _arrays: ClassVar[dict[str, str]] = {}  # names of the inputs (pictures, melodies or latents), by medium
    _results: tuple[tuple[str, ...], ...] = ()  # possible outputs

    def __init__(
        self,
        path: Path,
        device: str = "auto",
        *,
        threads: int | None = None,
        provider_options: Mapping[str, str] | None = None,
    ) -> None:
        """As :func:`load_encoder`, for a file."""
        self.path = path
        self._session, self.device = open_session(path, device, threads=threads, provider_options=provider_options)
        self.card = Card.from_metadata(self._session.get_modelmeta().custom_metadata_map, str(path))
        if self.card.task != PARTS[self._part]:
            raise CardMismatch(
                f"{path} is a model for '{self.card.task}', expected the {self._part} of a latent model; "
                f"{parts_at_hand(self._part)}"
            )
        self.space = LatentSpace.of(self.card, str(path))
        self._given = self._arrays[self.space.medium]
        expected = [self._given, *(["label"] if self.space.labels else [])]
        inputs = sorted(i.name for i in self._session.get_inputs())
        self._outputs = [o.name for o in self._session.get_outputs()]
        if inputs != sorted(expected) or tuple(self._outputs) not in self._results:
            raise CardMismatch(
                f"{path}: expected {', '.join(expected)} → {' or '.join(', '.join(r) for r in self._results)}, "
                f"found {', '.join(inputs)} → {', '.join(self._outputs)}; export it again"
            )

    @property
    def size(self) -> int:
        """d: how many numbers a latent has."""
        return self.space.size

    def __repr__(self) -> str:
        return f"<nitido.{type(self).__name__} {self.card.name} on {self.device}>"

    def _run(
        self, values: NDArray[Any], label: Labels, more: Mapping[str, NDArray[Any]] | None = None
    ) -> list[NDArray[Any]]:
        """The outputs for N×… values, computed in chunks. more: inputs that are the same for all."""
        numbers = self.space.label_numbers(label, len(values))
        chunks: list[list[NDArray[Any]]] = []
        for start in range(0, len(values), CHUNK):
            part = slice(start, start + CHUNK)
            feeds = {self._given: np.ascontiguousarray(values[part]), **(more or {})}
            if numbers is not None:
                feeds["label"] = numbers[part]
            chunks.append(list(run_graph(self._session, feeds, self._outputs).values()))
        return [np.concatenate(values) for values in zip(*chunks, strict=True)]


class Encoder(_Part):
    """Turns pictures (or melodies) into latents. It may be called from several threads at once.

    Attributes:
        card: what the file says about itself.
        space: what the file says about its latents.
        path: the file.
        device: where the encoder runs.
        size: d, the number of values of a latent.
    """

    _part = "encoder"
    _arrays: ClassVar = {"picture": "frame", "melody": "notes"}
    _results = (("z",), ("z_mean", "z_log_var"))

    def __call__(self, pictures: NDArray[np.uint8], label: Labels = None) -> Latents:
        """Encodes pictures of the size of the network (see :meth:`fit`), or melodies.

        Args:
            pictures: uint8 BGR, N×H×W×3 or H×W×3; for melodies, notes, uint8 N×T or T.
            label: for a ``cvae``, the class of all by name or number, or N numbers.

        Returns:
            Latents, N×d; one picture gives 1×d.

        Raises:
            FrameMismatch: another shape, dtype or class.
            NitidoError: the run failed.
        """
        space = self.space
        one = (space.height, space.width, 3) if space.medium == "picture" else (space.steps,)
        found = pictures if isinstance(pictures, np.ndarray) else np.empty(0, object)
        if found.dtype != np.uint8 or found.shape[-len(one) :] != one or found.ndim > len(one) + 1 or 0 in found.shape:
            more = "; Encoder.fit brings a picture to that size" if space.medium == "picture" else ""
            raise FrameMismatch(
                f"{self.card.name} expected uint8 {_shape('N', *one)}, found {found.dtype} {_shape(*found.shape)}{more}"
            )
        outputs = self._run(found.reshape(-1, *one), label)
        return Latents(outputs[0], outputs[1] if len(outputs) == 2 else None)

    @property
    def variational(self) -> bool:
        """Whether it returns variances."""
        return len(self._outputs) == 2

    def fit(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Crops the centre of a picture to the proportions of the network, and resizes it as in training.

        Args:
            picture: uint8 BGR, h×w×3, of any size.

        Returns:
            uint8 BGR, H×W×3 of the network.

        Raises:
            FrameMismatch: another array, or an encoder of melodies.
        """
        if self.space.medium != "picture":
            raise FrameMismatch(f"{self.card.name} takes melodies, expected a model for pictures")
        return fit_picture(picture, self.space.height, self.space.width)


class Decoder(_Part):
    """Turns latents into pictures (or melodies). It has the attributes of :class:`Encoder`."""

    _part = "decoder"
    _arrays: ClassVar = {"picture": "z", "melody": "z"}
    _results = tuple((first, *more) for more in ((), ("latent",), ("latent", "normal")) for first in ("image", "notes"))

    def __call__(self, z: NDArray[np.floating[Any]], label: Labels = None) -> NDArray[np.uint8]:
        """Decodes latents.

        Args:
            z: float, N×d or d.
            label: for a ``cvae``, the class of all by name or number, or N numbers.

        Returns:
            Pictures, uint8 BGR, N×H×W×3 for N×d, or H×W×3 for d; for melodies, notes N×T or T.

        Raises:
            FrameMismatch: another shape or class, or values that are not finite.
            NitidoError: the run failed.
        """
        values = np.asarray(z)
        if (
            values.dtype.kind not in "fiu"
            or values.ndim not in (1, 2)
            or values.shape[-1] != self.size
            or not values.size
        ):
            raise FrameMismatch(
                f"{self.card.name} expected float32 N×{self.size}, found {values.dtype} {_shape(*values.shape)}"
            )
        values = values.astype(np.float32)
        if not np.isfinite(values).all():
            raise FrameMismatch(f"{self.card.name} expected finite numbers, found infinite ones or NaN")
        result = self._run(values.reshape(-1, self.size), label)[0]
        return result if values.ndim == 2 else result[0]

    @property
    def has_second_stage(self) -> bool:
        """Whether the file contains the distribution of the training set's latents, see :meth:`from_normal`."""
        return "latent" in self._outputs

    @property
    def has_way_back(self) -> bool:
        """Whether the second stage has a :meth:`to_normal`: a flow has one, a mixture does not."""
        return "normal" in self._outputs

    def from_normal(self, normal: Vectors, label: Labels = None) -> Vectors:
        """Latents float32 N×d, distributed like those of the training set, from standard normal numbers N×d.

        label: as for a call. Raises ``FrameMismatch`` for a file that does not have a second stage, or another class.
        """
        return self._through(normal, label, 1.0)[1]

    def to_normal(self, z: Vectors, label: Labels = None) -> Vectors:
        """The inverse of :meth:`from_normal`: standard normal numbers float32 N×d from latents N×d.

        Raises ``FrameMismatch`` also for a second stage that is a mixture.
        """
        if self.has_second_stage and not self.has_way_back:
            raise FrameMismatch(f"the second stage of {self.card.name} is a mixture, which has no inverse")
        return self._through(z, label, 0.0)[2]

    def _through(self, values: Vectors, label: Labels, prior: float) -> list[NDArray[Any]]:
        if not self.has_second_stage:
            raise FrameMismatch(f"{self.card.name} has no second stage: export it with --prior DATA")
        return self._run(np.asarray(values, np.float32), label, {"prior": np.array(prior, np.float32)})


def _shape(*sides: object) -> str:
    return "×".join(map(str, sides)) or "a single number"
