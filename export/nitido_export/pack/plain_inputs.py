"""Writes a model with plain inputs for its settings, for bindings without optional inputs, such as Node and browsers.

In a model file, ``strength`` and ``noise`` are initializers that are also inputs, so callers that do not set them get
the defaults. onnxruntime-node and onnxruntime-web pass only plain inputs and ignore others without a message. Here the
initializers are removed, so both numbers must be given.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from nitido.errors import ExportError
from nitido.inference.model import Model
from nitido.inference.settings import DEFAULTS
from nitido.model_file.certificate import VECTORS, vectors_from_text, vectors_to_text
from nitido.model_file.properties import read_properties, with_properties
from nitido_export.pack.ort_format import largest_difference
from nitido_export.pack.template import fill


def write_plain(source: Model, folder: Path, frame: NDArray[np.uint8]) -> int:
    """Writes ``source`` with plain inputs and a README into ``folder``, loads the result and returns the largest
    difference in 8-bit levels.

    frame: uint8 H×W×3 BGR to compare on. Raises ``ExportError`` for a model without settings and when the two differ.
    """
    target = folder / source.path.name
    names = with_plain_inputs(source.path, target)
    written = Model(target, "cpu")
    worst = largest_difference(source, written, [frame])
    if written.card != source.card or worst > 1:
        raise ExportError(f"{target.name} differs from {source.path} by {worst} of 255 levels; nothing written")
    values = {
        "model": target.name,
        "names": " and ".join(f"`{name}`" for name in names),
        "feeds": "\n".join(
            [f"  {name}: new ort.Tensor('float32', Float32Array.of({DEFAULTS[name]:g}), [])," for name in names]
            + (["  ...states,"] if source.recurrent else [])
        ),
        **(_states(source) if source.recurrent else {"begin": "", "after": "", "states": ""}),
    }
    (folder / "README.md").write_text(fill("plain/README.md", values), encoding="utf-8")
    return worst


def with_plain_inputs(source: Path, target: Path) -> list[str]:
    """Writes the model file with its settings as plain inputs and returns their names. Its certificate contains values
    for them.
    Raises ``ExportError`` for a model without settings."""
    model = onnx.load(source)
    defaults = [tensor for tensor in model.graph.initializer if tensor.name in DEFAULTS]
    if not defaults:
        raise ExportError(f"{source} has no {' or '.join(DEFAULTS)} to set; it has plain inputs as it is")
    for tensor in defaults:
        model.graph.initializer.remove(tensor)
    names = [tensor.name for tensor in defaults]
    content = model.SerializeToString()
    text = read_properties(content).get(VECTORS)
    if text is not None:
        given = {name: np.array(DEFAULTS[name], np.float32) for name in names}
        vectors = [
            replace(v, inputs={**v.inputs, **{n: a for n, a in given.items() if n not in v.inputs}})
            for v in vectors_from_text(text, str(source))
        ]
        content = with_properties(content, {VECTORS: vectors_to_text(vectors)})
    target.write_bytes(content)
    return names


def _states(source: Model) -> dict[str, str]:
    """The README's parts about a recurrent model: code before the first frame, code after each frame, and an
    explanation."""
    multiple = source.card.multiple
    rows = ", ".join(f"['{s['name']}', {s['channels']}, {s['grid']}]" for s in source.card.states)
    return {
        "begin": f"""\
// Once, and again after a cut or a change of the size: zeros, no past. Name, channels, pixels per position:
let states = Object.fromEntries([{rows}].map(([name, channels, grid]) => {{
  const [h, w] = [height, width].map((side) => (Math.ceil(side / {multiple}) * {multiple}) / grid);
  const zeros = new Float32Array(channels * h * w);
  return [`state_in_${{name}}`, new ort.Tensor('float32', zeros, [1, channels, h, w])];
}}));
// For each frame:
""",
        "after": """\
states = Object.fromEntries(
  Object.entries(results)
    .filter(([name]) => name.startsWith('state_out'))
    .map(([name, tensor]) => [name.replace('_out_', '_in_'), tensor]),
);
""",
        "states": """
The model is recurrent: the outputs `state_out_…` of a frame are the inputs `state_in_…` of the next one. Nítido in
Python also moves the states along with the picture before each frame (`states` in the card says how). Without that, the
result is still correct but improves less where something moves.
""",
    }
