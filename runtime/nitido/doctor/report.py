"""A report on this installation: what is installed, what works, what is broken and how to fix it."""

from __future__ import annotations

import platform
import shlex
import sys
from dataclasses import asdict, dataclass, field
from importlib import import_module
from typing import Any

from nitido import __version__
from nitido.doctor.checks import (
    CertificateCheck,
    ProviderTrial,
    Recommendation,
    Speed,
    check_certificates,
    measure_speeds,
    recommend,
    try_providers,
)
from nitido.doctor.devices import Comparison, compare_devices, people_use
from nitido.errors import NitidoError
from nitido.model_file import zoo
from nitido.system.machine import Camera, Display, Machine, describe_machine, find_cameras, find_display
from nitido.system.wheels import Clash, find_clashes
from nitido.video.library import VideoLibraryMissing, load_av

# Imports of the runtime: (common name, module, wheel).
_NEEDED = (
    ("onnxruntime", "onnxruntime", "onnxruntime"),
    ("OpenCV", "cv2", "opencv-python"),
    ("numpy", "numpy", "numpy"),
    ("Pillow", "PIL", "pillow"),
)


@dataclass(frozen=True)
class Version:
    """version: of the module that is actually imported; empty if the import fails.

    error: why it fails. note: what an optional module is needed for.
    """

    name: str
    version: str
    error: str = ""
    fix: str = ""
    note: str = ""


@dataclass(frozen=True)
class Problem:
    """Something broken. fix: what to do about it; a command, if there is one."""

    text: str
    fix: str


@dataclass(frozen=True)
class DoctorReport:
    """windows: the toolkit of OpenCV's windows, ``none`` for a headless build, empty if unknown. cameras: ``None`` if
    unknown. comparisons: of other devices with the CPU. model_error: why the models could not be listed."""

    versions: list[Version]
    clashes: list[Clash]
    machine: Machine
    display: Display
    windows: str
    cameras: list[Camera] | None
    providers: list[ProviderTrial] = field(default_factory=list)
    certificates: list[CertificateCheck] = field(default_factory=list)
    speeds: list[Speed] = field(default_factory=list)
    recommendations: list[Recommendation] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)
    model_error: str = ""

    @property
    def problems(self) -> list[Problem]:
        """The problems that a user should fix. A missing camera, display or GPU is not a problem."""
        found = [Problem(f"{v.name} cannot be imported: {v.error}", v.fix) for v in self.versions if v.error]
        found += [Problem(f"{' and '.join(c.wheels)} overwrite each other in {c.module}/", c.fix) for c in self.clashes]
        if self.model_error:
            found.append(Problem(self.model_error, _pip("install --force-reinstall --no-deps nitido")))
        found += [
            Problem(
                f"the certificate of {c.model} fails: {c.detail}",
                f"get {c.path} again (reinstall nitido), or do not use it here",
            )
            for c in self.certificates
            if not c.passed
        ]
        found += [
            Problem(f"the CPU cannot run a model: {p.detail}", _pip("install --force-reinstall onnxruntime"))
            for p in self.providers
            if p.device == "cpu" and not p.usable
        ]
        return found

    def to_dict(self) -> dict[str, Any]:
        """The report for JSON, with ``healthy`` and ``problems``."""
        return {
            "healthy": not self.problems,
            "problems": [asdict(problem) for problem in self.problems],
            **asdict(self),
        }


def examine(*, seconds: float = 3.0, every_model: bool = False) -> DoctorReport:
    """Does the whole examination. Broken things do not raise; they are in the report.

    seconds: for measuring the speed; 0 leaves it out. If there are other devices than the CPU, the comparison with them
    gets half of the time.
    every_model: compare devices with every model, not only with the default models of tasks.
    """
    versions = find_versions()
    basis = {
        "versions": versions,
        "clashes": find_clashes(),
        "machine": describe_machine(),
        "display": find_display(),
        "windows": find_windows(),
        "cameras": find_cameras(),
    }
    if any(version.error for version in versions):
        return DoctorReport(**basis)
    try:
        entries = zoo.entries()
    except NitidoError as error:
        return DoctorReport(**basis, model_error=str(error))
    present = [entry for entry in entries if entry.path.is_file() and entry.takes_frames]
    if not present:
        return DoctorReport(**basis, model_error="no models are installed")
    providers = try_providers(present[0].path)
    others = any(trial.usable and trial.device != "cpu" for trial in providers)
    speeds: list[Speed] = []
    comparisons: list[Comparison] = []
    if seconds > 0:
        speeds = measure_speeds(present, seconds=seconds / 2 if others else seconds)
        compared = present if every_model else people_use(present)
        comparisons = compare_devices(providers, compared, seconds=seconds / 2)
    return DoctorReport(
        **basis,
        providers=providers,
        certificates=check_certificates(entries),
        speeds=speeds,
        recommendations=recommend(speeds),
        comparisons=comparisons,
    )


def find_versions() -> list[Version]:
    """The versions of Nítido, Python and the runtime's imports, which are all actually imported; the optional one
    last."""
    found = [Version("nitido", __version__), Version("Python", platform.python_version())]
    for name, module, wheel in _NEEDED:
        try:
            found.append(Version(name, str(import_module(module).__version__)))
        except Exception as error:  # a broken wheel may raise any exception
            lines = str(error).strip().splitlines() or [type(error).__name__]
            fix = _pip(f"install --force-reinstall {wheel}")
            if "libGL" in lines[0]:
                fix = "sudo apt install libgl1"
            found.append(Version(name, "", lines[0], fix))
    return [*found, _find_video_library()]


def _find_video_library() -> Version:
    """PyAV reads and writes video files; pictures and cameras do not need it."""
    install = "pip install 'nitido[video]'"
    try:
        return Version("PyAV", str(load_av().__version__))
    except VideoLibraryMissing:
        return Version("PyAV", "", note=f"not installed; video files and network streams need it: {install}")
    except Exception as error:  # a broken wheel, or an OpenCV that cannot be imported before it
        lines = str(error).strip().splitlines() or [type(error).__name__]
        return Version("PyAV", "", note=f"cannot be imported, so no video files and network streams: {lines[0]}")


def find_windows() -> str:
    """The toolkit of OpenCV's windows, such as ``QT5``; ``none`` for a headless build, empty where unknown."""
    try:
        import cv2
    except Exception:  # reported with the versions
        return ""
    for line in cv2.getBuildInformation().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "GUI":
            return value.strip().lower() if value.strip().lower() == "none" else value.strip()
    return ""


def _pip(arguments: str) -> str:
    return f"{shlex.quote(sys.executable)} -m pip {arguments}"
