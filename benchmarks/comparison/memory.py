"""A process of its own: ``python -m comparison.memory JSON`` prints the peak memory in MB of a frame and a method.

JSON: {"method": name, "path": of a model file or "", "setting": strength or scale, "shape": [height, width]}.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from comparison import methods
from comparison.ffmpeg import high_water_kb


def main(what: dict[str, object]) -> None:
    name, setting, shape = str(what["method"]), float(str(what["setting"])), np.asarray(what["shape"])
    if what["path"]:
        path = Path(str(what["path"]))
        run = methods.open_model(path) if path.suffix == ".onnx" else methods.open_superres(path, setting)
    else:
        known = [*methods.denoisers()[0], *methods.upscalers()[0]]
        run = next(method for method in known if method.name == name).open(setting)
    run(np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8))
    found = high_water_kb("self")
    print(json.dumps(None if found is None else found / 1024))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
