"""A Nítido model without nitido: onnxruntime and numpy."""

import json

import numpy as np
import onnxruntime as ort


class Stream:
    """The frames of one camera or video, one after the other. Streams may share a session."""

    def __init__(self, session: ort.InferenceSession, **settings: float) -> None:
        """settings: ``strength`` (0..1) and ``noise`` (8-bit levels), for models that have them."""
        self.session = session
        taken = {i.name for i in (*session.get_inputs(), *session.get_overridable_initializers())}
        if unknown := settings.keys() - taken:
            raise ValueError(f"the model has no setting {', '.join(sorted(unknown))}; leave it out")
        self.card = {k: v for k, v in session.get_modelmeta().custom_metadata_map.items() if k.startswith("nitido.")}
        self.settings = {name: np.array(value, np.float32) for name, value in settings.items()}
        self.names = [output.name for output in session.get_outputs()]
        self.states: dict[str, np.ndarray] = {}
        self.size = (0, 0)
        self.level: float | None = None  # the noise level of the last frame, where the model says one

    def reset(self) -> None:
        """The next frame begins a new scene: it has no past."""
        self.states = {}

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        """Restores a frame H×W×3, uint8 BGR. One of another size has no past."""
        if not self.states or frame.shape[:2] != self.size:
            self.states, self.size = self.no_past(*frame.shape[:2]), frame.shape[:2]
        results = self.session.run(self.names, {"frame": frame[None], **self.settings, **self.states})
        outputs = {name: np.asarray(value) for name, value in zip(self.names, results, strict=True)}
        self.states = {n.replace("_out_", "_in_"): v for n, v in outputs.items() if n.startswith("state_out_")}
        self.level = float(outputs["noise_level"]) if "noise_level" in outputs else None
        return outputs["image"][0]

    def no_past(self, height: int, width: int) -> dict[str, np.ndarray]:
        """The states of a recurrent model before its first frame: zeros."""
        m = json.loads(self.card.get("nitido.multiple", "1"))
        sides = -(-height // m) * m, -(-width // m) * m
        return {
            f"state_in_{s['name']}": np.zeros((1, s["channels"], *(side // s["grid"] for side in sides)), np.float32)
            for s in json.loads(self.card.get("nitido.states", "[]"))
        }


def open_session(path: str, threads: int = 0) -> ort.InferenceSession:
    """threads: 0 lets the library decide."""
    options = ort.SessionOptions()
    options.log_severity_level = 3  # it warns of inputs with a default value, such as strength
    options.intra_op_num_threads = threads
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
