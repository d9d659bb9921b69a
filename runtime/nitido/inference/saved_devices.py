"""The faster devices that ``nitido doctor --save`` has measured on this machine: one for each model file."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import onnxruntime as ort

from nitido.system.files import config_folder, write_whole

_log = logging.getLogger(__name__)
_FILE = "devices.json"
_said: set[str] = set()  # in this process


@dataclass(frozen=True)
class SavedDevice:
    """The device to take for one model file.

    sha256: of the file.
    model: its name, for people.
    device: a short name of ``providers.DEVICES``.
    ratio: its time for a frame, divided by the CPU's.
    """

    sha256: str
    model: str
    device: str
    ratio: float


def saved_path() -> Path:
    """Where the devices are saved, whether or not there is such a file."""
    return config_folder() / _FILE


def save_devices(devices: Sequence[SavedDevice]) -> Path:
    """Saves the devices in place of all that were saved before; they are for this processor and this onnxruntime.
    Raises ``SinkUnavailable``."""
    path = saved_path()
    content = {**_circumstances(), "devices": [asdict(device) for device in devices]}
    write_whole(path, (json.dumps(content, indent=2) + "\n").encode())
    return path


def forget_devices() -> bool:
    """Removes what was saved; whether there was anything. Raises ``OSError``."""
    try:
        saved_path().unlink()
    except FileNotFoundError:
        return False
    return True


def saved_device(model: Path) -> SavedDevice | None:
    """The device that was saved for a model file, if it was measured with this very file, on this processor and with
    this version of onnxruntime. A file that is damaged is reported once in the log and ignored."""
    path = saved_path()
    try:
        content = json.loads(path.read_bytes())
        known = {name: content[name] for name in ("onnxruntime", "processor")}
        devices = {row["sha256"]: SavedDevice(**row) for row in content["devices"]}
        for device in devices.values():
            if not (isinstance(device.device, str) and isinstance(device.ratio, int | float)):
                raise TypeError(f"'{device.device}' in {device.ratio} of the time")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        say_once(f"{path} cannot be used ({_first_line(error)}) and is ignored; run: nitido doctor --save, or --forget")
        return None
    if known != _circumstances():
        _log.info("%s is for another onnxruntime or processor and is ignored; run: nitido doctor --save", path)
        return None
    try:
        return devices.get(hashlib.sha256(model.read_bytes()).hexdigest()) if devices else None
    except OSError:
        return None  # whoever opens the model says it better


def say_once(text: str, level: int = logging.WARNING) -> None:
    """A line in the log, once in a process."""
    if text not in _said:
        _said.add(text)
        _log.log(level, "%s", text)


def _circumstances() -> dict[str, str]:
    from nitido.system.machine import processor_name  # only where something is saved

    return {"onnxruntime": ort.__version__, "processor": processor_name()}


def _first_line(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{error} is missing"
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
