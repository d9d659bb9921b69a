"""Facts about the machine: processor, cores, cameras, display. Devices are never opened for them."""

from __future__ import annotations

import json
import os
import platform
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from nitido.system.cpus import physical_cores, usable_cpus

# Instructions that make these models fast, by their names in Linux.
_X86 = {"AVX2": "avx2", "AVX-512": "avx512f", "AVX-512 VNNI": "avx512_vnni", "AVX-VNNI": "avx_vnni"}
_ARM = {"NEON": "asimd", "dot product": "asimddp", "int8 matrix": "i8mm", "half floats": "asimdhp"}
_CAMERA_SECONDS = 5.0
_LIST_CAMERAS = (
    "import json\nfrom cv2_enumerate_cameras import enumerate_cameras\n"
    "print(json.dumps([[c.name, str(c.index)] for c in enumerate_cameras()]))"
)


@dataclass(frozen=True)
class Machine:
    """features: availability of important instructions; ``None`` if unknown. physical_cores: ``None`` if unknown.
    logical_cpus: of the system. usable_cpus: for this process, limited by affinity and container. board: name of a
    single-board computer in its firmware, otherwise empty."""

    system: str
    cpu: str
    features: dict[str, bool | None]
    physical_cores: int | None
    logical_cpus: int
    usable_cpus: int
    board: str = ""


@dataclass(frozen=True)
class Camera:
    """where: what to open. usable: whether this user may open it; detail: why not."""

    name: str
    where: str
    usable: bool
    detail: str


@dataclass(frozen=True)
class Display:
    """available: whether a window could be shown; ``None`` if unknown."""

    available: bool | None
    detail: str


def describe_machine(root: Path = Path("/")) -> Machine:
    """root: where ``proc`` and ``sys`` are."""
    _, flags = parse_cpuinfo(_read(root / "proc/cpuinfo"))
    known = _ARM if platform.machine().lower() in ("aarch64", "arm64", "armv7l", "armv8l") else _X86
    return Machine(
        system=f"{_system(root)} {platform.machine()}",
        cpu=processor_name(root),
        features={title: flag in flags if flags else None for title, flag in known.items()},
        physical_cores=physical_cores(root),
        logical_cpus=os.cpu_count() or 1,
        usable_cpus=usable_cpus(root),
        board=_read(root / "proc/device-tree/model").strip("\0\n "),
    )


def processor_name(root: Path = Path("/")) -> str:
    """The name of the processor; ``unknown`` if the system does not say it."""
    return parse_cpuinfo(_read(root / "proc/cpuinfo"))[0] or platform.processor() or "unknown"


def parse_cpuinfo(text: str) -> tuple[str, frozenset[str]]:
    """(name of the processor, its feature flags) from ``/proc/cpuinfo`` of x86 or ARM; empty if missing."""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if colon:
            fields.setdefault(key.strip().lower(), value.strip())
    flags = frozenset((fields.get("flags") or fields.get("features") or "").split())
    if "neon" in flags:  # its name on a 32-bit system
        flags |= {"asimd"}
    return fields.get("model name") or fields.get("hardware") or fields.get("model") or "", flags


def find_cameras(root: Path = Path("/")) -> list[Camera] | None:
    """Cameras in the system's list; ``None`` if unknown. None of them is opened, so nothing can hang."""
    if sys.platform.startswith("linux"):
        nodes = sorted((root / "dev").glob("video[0-9]*"), key=lambda p: int(p.name[5:]))
        return [camera for camera in (_linux_camera(root, node) for node in nodes) if camera]
    if find_spec("cv2_enumerate_cameras") is None:
        return None
    try:
        done = subprocess.run(
            [sys.executable, "-c", _LIST_CAMERAS], capture_output=True, text=True, timeout=_CAMERA_SECONDS, check=True
        )
        return [Camera(name, where, True, "") for name, where in json.loads(done.stdout)]
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


def find_display(environment: Mapping[str, str] = os.environ) -> Display:
    """Whether windows can be shown. A display that is set but does not answer does not count."""
    if not sys.platform.startswith("linux"):
        return Display(None, f"not checked on {platform.system()}")
    screen, wayland = environment.get("DISPLAY", ""), environment.get("WAYLAND_DISPLAY", "")
    if wayland:
        place = Path(environment.get("XDG_RUNTIME_DIR", "")) / wayland
        if place.exists():
            return Display(True, f"WAYLAND_DISPLAY={wayland}")
    if screen.startswith(":"):
        number = screen[1:].partition(".")[0]
        if _answers(f"/tmp/.X11-unix/X{number}"):
            return Display(True, f"DISPLAY={screen}")
    elif screen:
        return Display(True, f"DISPLAY={screen}, on another machine; not tried")
    if screen or wayland:
        named = f"DISPLAY={screen}" if screen else f"WAYLAND_DISPLAY={wayland}"
        return Display(False, f"{named} is set but nothing answers there")
    return Display(False, "neither DISPLAY nor WAYLAND_DISPLAY is set")


def _linux_camera(root: Path, node: Path) -> Camera | None:
    facts = root / "sys/class/video4linux" / node.name
    if _read(facts / "index").strip() not in ("", "0"):
        return None  # a camera's second node gives metadata, not pictures
    usable = os.access(node, os.R_OK | os.W_OK)
    detail = "" if usable else "no permission; run: sudo usermod -aG video $USER, then log in again"
    return Camera(_read(facts / "name").strip() or node.name, str(node), usable, detail)


def _system(root: Path) -> str:
    for line in _read(root / "etc/os-release").splitlines():
        if line.startswith("PRETTY_NAME="):
            return f"{line.partition('=')[2].strip(chr(34))}, {platform.system()} {platform.release()}"
    return f"{platform.system()} {platform.release()}"


def _answers(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        for address in (path, f"\0{path}"):
            try:
                probe.connect(address)
                return True
            except OSError:
                continue
    return False


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
