"""What has to hold on a device: it is really used, results are the certified ones, and states stay in its memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort

from nitido.errors import NitidoError, ProviderUnavailable
from nitido.frames import Frame
from nitido.inference.binding import BOUND, run_bound
from nitido.inference.model import Model
from nitido.inference.providers import known_provider
from nitido.inference.recurrence import States
from nitido.inference.session import nodes_on, open_session, run_graph
from nitido.inference.verify import verify
from nitido.wording import count

PHOTO = Path(__file__).parents[2] / "samples" / "chelsea.webp"
ABSENT = {"device_id": "99"}  # a GPU that no machine has


@dataclass(frozen=True)
class Check:
    """found: what was seen, in words."""

    name: str
    passed: bool
    found: str


def check_promise(device: str, path: Path) -> Check:
    """The session really runs on the device, and a device that is not there is an error."""
    session, used = open_session(path, device)
    provider = known_provider(device)
    assert provider is not None
    first = session.get_providers()[0]
    taken = nodes_on(session, provider.name)
    nodes = f", {taken[0]} of {count(taken[1], 'node')}" if taken else ""
    try:
        open_session(path, "cuda", provider_options=ABSENT)
        refused = False
    except ProviderUnavailable:
        refused = True
    passed = used == device and first == provider.name and refused
    loud = "a GPU that is not there is an error" if refused else "a GPU that is not there was NOT refused"
    return Check("provider", passed, f"{first}{nodes}; {loud}")


def check_certificates(device: str, paths: Sequence[Path], name: str = "certificates") -> Check:
    """Every file reproduces its certified results. name: of the check."""
    failed: list[str] = []
    identical = 0
    for path in paths:
        try:
            verdict = verify(path, device)
        except NitidoError as error:
            failed.append(f"{path.name}: {error}")
            continue
        identical += all(replay.identical for replay in verdict.replays)
        if not verdict.passed:
            worst = max(replay.max_error for replay in verdict.replays)
            mean = max(replay.mean_error for replay in verdict.replays)
            failed.append(f"{path.name} differs by {worst:g} (mean {mean:.4f}), allowed {verdict.tolerance:g}")
    found = f"{len(paths) - len(failed)} of {count(len(paths), 'file')} pass, {identical} to the last bit"
    return Check(name, not failed, "; ".join([found, *failed]))


def check_parity(device: str, paths: Sequence[Path]) -> Check:
    """Every model makes the same of a photograph as on the CPU, as far as its certificate allows."""
    photo = _photo()
    failed: list[str] = []
    worst, worst_name = -1, ""
    for path in paths:
        with Model(path, device) as there, Model(path, "cpu") as here:
            off = np.abs(there(photo).astype(int) - here(photo))
        largest, mean = int(off.max()), float(off.mean())
        allowed = there.card.certificate
        if largest > allowed["tolerance"] or mean > allowed["mean_tolerance"]:
            failed.append(f"{path.name} differs by {largest} (mean {mean:.4f}), allowed {allowed['tolerance']:g}")
        if largest > worst:
            worst, worst_name = largest, path.name
    found = f"{count(len(paths), 'model')}, largest difference from the CPU {worst} of 255 levels ({worst_name})"
    return Check("parity", not failed, "; ".join([found, *failed]))


def check_binding(device: str, path: Path) -> Check:
    """The states of a recurrent model stay in the device's memory, also with a noise level; its frames are the same."""
    memory = BOUND.get(device, "cpu")
    session, _ = open_session(path, device)
    model = Model(path, device)
    names = ["image", *model.state.outputs]
    frames = [np.ascontiguousarray(np.roll(_photo()[:97, :130], 2 * n, 1)[None]) for n in range(3)]
    bound: States = model.state.blank(frames[0].shape)
    free: States = dict(bound)
    worst, places = 0, set[str]()
    for frame in frames:
        given = {"frame": frame, "noise": np.array(6, np.float32)}
        one = run_bound(session, {**given, **bound}, names, memory)
        other = run_graph(session, {**given, **free}, names)
        bound, free = model.state.after(one), model.state.after(other)
        places |= {state.device_name() for state in bound.values() if isinstance(state, ort.OrtValue)}
        worst = max(worst, int(np.abs(one["image"].astype(int) - other["image"]).max()))
    passed = places == {memory} and worst <= 1
    return Check("binding", passed, f"states of {path.name} in {', '.join(places) or 'host memory'}, differ by {worst}")


def check_sequence(device: str, path: Path) -> Check:
    """A stream of a recurrent model goes on giving what it gives on the CPU."""
    frames = [np.roll(_photo()[:97, :130], 2 * n, 1) for n in range(8)]
    there, here = (list(Model(path, d).stream(frames)) for d in (device, "cpu"))
    off = [np.abs(a.astype(int) - b) for a, b in zip(there, here, strict=True)]
    mean = max(float(o.mean()) for o in off)
    # One more level than one frame may differ by: what is off in one frame is in the past of the next.
    passed = max(int(o.max()) for o in off) <= Model(path, "cpu").card.certificate["tolerance"] + 1
    return Check(
        "stream", passed, f"{count(len(frames), 'frame')}, differ by {max(int(o.max()) for o in off)} (mean {mean:.4f})"
    )


def guarded(name: str, check: Callable[[], Check]) -> Check:
    """A check that cannot be finished has failed."""
    try:
        return check()
    except NitidoError as error:
        return Check(name, False, str(error))


def _photo() -> Frame:
    picture = cv2.imread(str(PHOTO))
    assert picture is not None
    return np.ascontiguousarray(picture[:240, :320], np.uint8)
