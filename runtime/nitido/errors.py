"""Everything that Nítido raises on purpose.

    NitidoError
    ├── ModelNotFound          no such model file or name
    ├── CardMismatch           the file is not a Nítido model, or is one for another task
    ├── ProviderUnavailable    the requested device is not really there
    ├── SourceUnavailable      a picture, video or folder that cannot be read
    ├── SinkUnavailable        a place that cannot be written
    │   └── SinkClosed         the other side has had enough: a window closed, the reader of a pipe gone
    ├── FrameMismatch          an array of the wrong shape or dtype
    ├── RecipeError            a training recipe that does not make sense
    ├── CheckpointError        a checkpoint that cannot be used
    ├── TrainingError          a training that cannot go on
    └── ExportError            an export whose result was not as good as its source

Every message is one line and says what was expected, what was found and what to do next.
Libraries raise these; only the command line prints them and exits.
"""

from __future__ import annotations


class NitidoError(Exception):
    """Base of all errors raised on purpose. ``str(error)`` is one readable line."""


class ModelNotFound(NitidoError):
    """No model of that name is shipped and no such file exists."""


class CardMismatch(NitidoError):
    """The file carries no readable model card, or the card is for another task or contract version."""


class ProviderUnavailable(NitidoError):
    """The requested device cannot run the model; nothing is silently run elsewhere."""


class SourceUnavailable(NitidoError):
    """An input that is missing, truncated, or not what its name promises."""


class SinkUnavailable(NitidoError):
    """An output that cannot be written, or would overwrite something unasked."""


class SinkClosed(SinkUnavailable):
    """The other side has had enough: a window was closed, the reader of a pipe has gone. A live run ends well."""


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
