"""One picture through a model from content to content, for whoever has no file: another process, a pipe."""

from __future__ import annotations

from io import BytesIO

from nitido.batch.engine import Settings
from nitido.images.io import encode_picture, read_picture
from nitido.images.restore import restore_picture
from nitido.inference.model import Model


def restore_content(
    model: Model, content: bytes, name: str, kind: str, settings: Settings
) -> tuple[bytes, tuple[str, ...]]:
    """The content of the result in a format of ``FORMAT_OF``, and a line for whatever of the source is not in it.

    name: of the source, for messages. Raises ``NitidoError``.
    """
    picture = read_picture(content, name, max_pixels=settings.max_pixels)
    picture = restore_picture(model, picture, strength=settings.strength)
    stream = BytesIO()
    notes = encode_picture(picture, kind, stream, settings.encoding)
    return stream.getvalue(), (*picture.notes, *notes)
