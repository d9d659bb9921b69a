"""The texts about a model in the READMEs of packed programs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from nitido.inference.model import Model
from nitido_export.pack.template import fill, read

_STRENGTH = """
`--strength` sets how much of the noise is removed: 0 is nothing, 1 (the default) is all.

```sh
{call} {picture} --strength 0.5
```
"""

_NOISE = """
The model estimates how noisy a frame is. `--noise` gives it the noise level instead: the standard deviation of
brightness noise in 8-bit levels. For a video, give it one level, or the average of its estimates for earlier frames.
Otherwise the level changes slightly from frame to frame, and the result flickers.

```sh
{call} {picture} --noise 4
```
"""

_STATES = """
The model is recurrent: it uses earlier frames to improve the current one. Its memory is in the tensors `state_in_…` and
`state_out_…`. For the first frame, the inputs are zeros; for every other frame, they are the outputs of the frame
before. A stream starts again if the size changes, if it is reset, and, in the program, at `--cut`:

```sh
{call} {video} --cut 250   # frame 250 is the first of another scene
```

`nitido` also moves the states along with the picture before each frame (`states` in the card says how). The programs do
not. Their result is still correct but improves less where something moves.
"""


def values_of(source: Model, call: str, picture: str, video: str) -> dict[str, str]:
    """Values for the templates of READMEs.

    call: how the program is started. picture, video: its arguments for one frame, and for several.
    """
    card = source.card
    parts = ((_STRENGTH, source.has_strength), (_NOISE, source.has_noise), (_STATES, source.recurrent))
    settings = "".join(text.format(call=call, picture=picture, video=video) for text, there in parts if there)
    return {
        "name": card.name,
        "model": source.path.name,
        "summary": card.summary,
        "size": "as large as the frame" if card.scale == 1 else f"{card.scale} times as wide and as high as the frame",
        "minimum": card.min_onnxruntime,
        "settings": settings,
        "licence": card.licence,
    }


def write_readme(template: str, folder: Path, values: Mapping[str, str]) -> None:
    """Writes ``README.md``. Raises ``OSError``."""
    licences = f"{template.split('/', maxsplit=1)[0]}/LICENCES.md"
    text = fill(template, {**values, "licences": read(licences).strip()})
    (folder / "README.md").write_text(text, encoding="utf-8")
