"""Puts what benchmarks/generators.py measured into the cards of the shipped decoders.

    python models/record_samples.py

The figures are those of docs/reference/generators.json. A decoder that is not the one that was measured is an error.
"""

from __future__ import annotations

import json
from pathlib import Path

from nitido.errors import NitidoError
from nitido_export.publishing.samples import record_samples

MODELS = Path(__file__).resolve().parent
MEASURED = MODELS.parent / "docs" / "reference" / "generators.json"


def main() -> None:
    for name, measured in json.loads(MEASURED.read_text(encoding="utf-8"))["models"].items():
        file = MODELS / f"{name}.decoder.onnx"
        try:
            record_samples(file, measured)
        except NitidoError as error:
            raise SystemExit(f"{error}") from None


if __name__ == "__main__":
    main()
