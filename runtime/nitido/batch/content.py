"""Processes one picture from file content to file content, for callers without files: other processes, pipes."""

from __future__ import annotations

from io import BytesIO

from nitido.batch.engine import Findings, Settings
from nitido.images.io import encode_picture, read_picture
from nitido.inference.model import Model


def restore_content(model: Model, content: bytes, name: str, kind: str, settings: Settings) -> tuple[bytes, Findings]:
    """The content of the result in a format of ``FORMAT_OF``, and facts about it.

    name: of the source, for messages. Raises ``NitidoError``.
    """
    picture = read_picture(content, name, max_pixels=settings.max_pixels)
    picture, encoding = settings.restored(model, picture)
    stream = BytesIO()
    notes = encode_picture(picture, kind, stream, encoding)
    return stream.getvalue(), Findings((*picture.notes, *notes), picture.noise)
