"""Models that reconstruct a picture: one file from frame to image, or the two parts of an autoencoder."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from nitido.errors import CardMismatch, FrameMismatch, ModelNotFound
from nitido.frames import Frame, require_frame
from nitido.images.fit import fit_picture, middle_window
from nitido.inference.model import Model
from nitido.latent.autoencoder import Decoder, Encoder, find_part
from nitido.model_file import zoo
from nitido.model_file.card import Card
from nitido.wording import did_you_mean

TASK = "reconstruct"
_PARTS = (".encoder", ".decoder")


class Pair(NamedTuple):
    """Input and result of the model, both uint8 h×w×3 BGR of the same size. window: rows and columns of the picture
    that they show."""

    given: Frame
    returned: Frame
    window: tuple[slice, slice]


class Reconstruction:
    """Runs pictures through a model of task ``reconstruct``, or through an encoder and its decoder.

    Attributes:
        card: of the model, or of the encoder.
        files: the model, or encoder and decoder; the first has the threshold.
        device: where it runs.
        latent: whether the picture is reduced to a latent of a few values.
        size: (height, width) to which the centre of each picture is cropped and resized; ``None``: pictures are used
        unchanged.
    """

    def __init__(self, name_or_path: str | Path, device: str = "auto", *, threads: int | None = None) -> None:
        """Opens a model. Its threads do not spin between pictures.

        Args:
            name_or_path: name or file. If there is no file or model ``part``, ``part.encoder`` and ``part.decoder`` are
                opened.
            device: as for :func:`nitido.load`.
            threads: CPU threads of one operator.

        Raises:
            ModelNotFound: there is no such name or file.
            CardMismatch: the model does something else.
            ProviderUnavailable: the device cannot be used.
        """
        self._encoder: Encoder | None = None
        self._decoder: Decoder | None = None
        self._model: Model | None = None
        whole = _whole_file(str(name_or_path))
        if whole is not None:
            self._model = Model(whole, device, threads=threads, spinning=False)
            self.card: Card = self._model.card
            self.card.require_task(TASK, str(whole))
            self.device, self.files = self._model.device, [whole]
        else:
            self._encoder = Encoder(find_part(name_or_path, "encoder"), device, threads=threads)
            self._decoder = Decoder(find_part(name_or_path, "decoder"), device, threads=threads)
            space = self._encoder.space
            if space.medium != "picture" or space.labels:
                raise CardMismatch(
                    f"{self._encoder.path} is for {'pictures of a named class' if space.labels else 'melodies'}, "
                    "expected an autoencoder for pictures"
                )
            self.card = self._encoder.card
            self.device, self.files = self._encoder.device, [self._encoder.path, self._decoder.path]
        latent = self.card.latent
        self.latent = bool(latent)
        self.size = (int(latent["height"]), int(latent["width"])) if latent.get("height") else None

    @property
    def path(self) -> Path:
        """The file with the threshold."""
        return self.files[0]

    def __call__(self, picture: Frame) -> Pair:
        """Input and result of the model for a picture uint8 H×W×3 BGR. Raises ``FrameMismatch`` for another array,
        ``NitidoError`` when the run fails."""
        require_frame(picture, "one picture")
        window = slice(0, picture.shape[0]), slice(0, picture.shape[1])
        if self.size is not None:
            window = middle_window(picture.shape[0], picture.shape[1], *self.size)
            picture = fit_picture(picture, *self.size)
        if self._model is not None:
            returned = self._model(picture)
        else:
            assert self._encoder is not None and self._decoder is not None
            returned = self._decoder(self._encoder(picture).mean)[0]
        if returned.shape != picture.shape:
            raise FrameMismatch(
                f"{self.path} returned {returned.shape[1]}×{returned.shape[0]} pixels for "
                f"{picture.shape[1]}×{picture.shape[0]}, expected the same size; export it again"
            )
        return Pair(picture, returned, window)


def _whole_file(name: str) -> Path | None:
    """The file of a model in one file; ``None`` for a pair of encoder and decoder. Raises ``ModelNotFound`` for
    neither."""
    try:
        path = zoo.find(name)
    except ModelNotFound:
        try:
            find_part(name, "encoder")
        except (ModelNotFound, CardMismatch):
            near = did_you_mean(name, zoo.latent_names(zoo.entries())) or ";"
            raise ModelNotFound(
                f"no model '{name}', nor an encoder and decoder of that name{near} 'nitido models' lists "
                f"the models; those for '{TASK}' and pairs of encoder and decoder can find anomalies"
            ) from None
        return None
    return None if any(part in path.name for part in _PARTS) else path
