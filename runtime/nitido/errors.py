"""Everything that Nítido raises on purpose.

    NitidoError
    ├── ModelNotFound          no such model file or name
    ├── CardMismatch           the file is not a Nítido model, or is one for another task
    ├── ProviderUnavailable    the requested device cannot be used
    ├── SourceUnavailable      a picture, video or folder that cannot be read
    ├── SinkUnavailable        a place that cannot be written
    │   └── SinkClosed         the other side has closed: a window, or the reader of a pipe
    ├── FrameMismatch          an array of the wrong shape or dtype
    ├── RecipeError            a training recipe that does not make sense
    ├── CheckpointError        a checkpoint that cannot be used
    ├── TrainingError          a training that cannot continue
    └── ExportError            an export whose result is not as good as its source

Every message is one line and says what was expected, what was found and what to do next.
Libraries raise these; only the command line prints them and exits.
"""

from __future__ import annotations


class NitidoError(Exception):
    """Base of all errors raised on purpose. ``str(error)`` is one readable line."""


class ModelNotFound(NitidoError):
    """No model of that name is shipped and no such file exists."""


class CardMismatch(NitidoError):
    """The file has no readable model card, or the card is for another task or contract version."""


class ProviderUnavailable(NitidoError):
    """The requested device cannot run the model. No other device is used silently."""


class SourceUnavailable(NitidoError):
    """An input that is missing, truncated, or not of the kind that its name says."""


class SinkUnavailable(NitidoError):
    """An output that cannot be written, or would overwrite something without permission."""


class SinkClosed(SinkUnavailable):
    """The other side has closed: a window, or the reader of a pipe. A live run then ends normally."""


class FrameMismatch(NitidoError):
    """An array that is not uint8 N×H×W×3 or H×W×3."""


class RecipeError(NitidoError):
    """A recipe with an unknown key, a wrong type, or values that contradict each other."""


class CheckpointError(NitidoError):
    """A checkpoint that is missing, unreadable, or of another recipe."""


class TrainingError(NitidoError):
    """A training that has diverged, or whose processes or files failed. It names the checkpoint that is kept."""


class ExportError(NitidoError):
    """An exported graph that does not equal the network it was made from."""
