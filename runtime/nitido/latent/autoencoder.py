"""The two halves of an autoencoder as functions: pictures to latents, latents to pictures; melodies likewise.

    encoder, decoder = load_encoder("vae-digits"), load_decoder("vae-digits")
    z = encoder(encoder.fit(picture)).mean      # float32 1×d
    again = decoder(z)                          # uint8 1×H×W×3 BGR

Where to go in between: :mod:`nitido.latent.sampling`; many pictures at once: :mod:`nitido.latent.embedding`.
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

# How many go through the net at once: enough to keep the cores busy, and activations of bounded size.
CHUNK = 256


class Latents(NamedTuple):
    """mean: float32 N×d; of an encoder that is not variational, the latents themselves. log_var: float32 N×d, the
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
    """Opens the encoder of a latent model by the model's name (``vae-digits``), the encoder's (``vae-digits.encoder``),
    or a file; of ``x/vae-digits`` and ``x/vae-digits.decoder.onnx`` it is ``x/vae-digits.encoder.onnx``.

    device, threads, provider_options: as for :func:`nitido.load`. Raises ``ModelNotFound``, ``CardMismatch`` for
    another kind of model, or ``ProviderUnavailable``.
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
    """As :func:`load_encoder`, for the decoder."""
    path = find_part(name_or_path, "decoder")
    return Decoder(path, device, threads=threads, provider_options=provider_options)


class _Part:
    """One half: its file, session and card."""

    _part = ""
    _arrays: ClassVar[dict[str, str]] = {}  # what the pictures, melodies or latents that go in are called, by medium
    _results: tuple[tuple[str, ...], ...] = ()  # what may come out

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
        """The outputs for N×… values, a chunk at a time. more: inputs that are the same for all."""
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
    """Pictures (or melodies) to latents.

    card: what the file says of itself; space: what it says of its latents. path: the file. device: where it runs.
    size: d. May be called from several threads at once.
    """

    _part = "encoder"
    _arrays: ClassVar = {"picture": "frame", "melody": "notes"}
    _results = (("z",), ("z_mean", "z_log_var"))

    def __call__(self, pictures: NDArray[np.uint8], label: Labels = None) -> Latents:
        """Latents N×d of pictures uint8 N×H×W×3 BGR of the net's size (see :meth:`fit`), or 1×d of one H×W×3; of
        melodies, notes uint8 N×T or T.

        label: for a ``cvae``, the class of all by name or number, or numbers N. Raises ``FrameMismatch`` for another
        shape, dtype or class; ``NitidoError`` when the run fails.
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
        """Whether it gives variances."""
        return len(self._outputs) == 2

    def fit(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A picture of any size, uint8 h×w×3 BGR, as H×W×3 of the net: its middle in the net's proportions, shrunk by
        area or enlarged bicubically, as in training. Raises ``FrameMismatch`` for another array or a melody's net."""
        if self.space.medium != "picture":
            raise FrameMismatch(f"{self.card.name} takes melodies, expected a net for pictures")
        return fit_picture(picture, self.space.height, self.space.width)


class Decoder(_Part):
    """Latents to pictures (or melodies); attributes as of :class:`Encoder`."""

    _part = "decoder"
    _arrays: ClassVar = {"picture": "z", "melody": "z"}
    _results = (("image",), ("notes",), ("image", "latent"), ("image", "latent", "normal"))

    def __call__(self, z: NDArray[np.floating[Any]], label: Labels = None) -> NDArray[np.uint8]:
        """Pictures uint8 N×H×W×3 BGR for latents N×d, or H×W×3 for one of d numbers; melodies: N×T or T.

        label: for a ``cvae``, the class of all by name or number, or numbers N. Raises ``FrameMismatch`` for another
        shape, values that are no finite numbers, or another class; ``NitidoError`` when the run fails.
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
        """Whether the file knows how the latents of the training set are spread, see :meth:`from_normal`."""
        return "latent" in self._outputs

    @property
    def has_way_back(self) -> bool:
        """Whether the second stage has a :meth:`to_normal`: a flow has, a mixture has not."""
        return "normal" in self._outputs

    def from_normal(self, normal: Vectors, label: Labels = None) -> Vectors:
        """Latents float32 N×d, spread as those of the training set, from standard normal numbers N×d.

        label: as for a call. Raises ``FrameMismatch`` for a file that does not have a second stage, or another class.
        """
        return self._through(normal, label, 1.0)[1]

    def to_normal(self, z: Vectors, label: Labels = None) -> Vectors:
        """The way back of :meth:`from_normal`: standard normal numbers float32 N×d from latents N×d.

        Raises ``FrameMismatch`` also for a second stage that is a mixture.
        """
        if self.has_second_stage and not self.has_way_back:
            raise FrameMismatch(f"the second stage of {self.card.name} is a mixture, which has no way back")
        return self._through(z, label, 0.0)[2]

    def _through(self, values: Vectors, label: Labels, prior: float) -> list[NDArray[Any]]:
        if not self.has_second_stage:
            raise FrameMismatch(f"{self.card.name} has no second stage: export it with --prior DATA")
        return self._run(np.asarray(values, np.float32), label, {"prior": np.array(prior, np.float32)})


def _shape(*sides: object) -> str:
    return "×".join(map(str, sides)) or "a single number"
