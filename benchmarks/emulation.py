"""Other processors without a computer that has them, by QEMU. ARM64: Debian's Python and the ARM64 wheels of PyPI in a
folder of their own. Older x86-64: the Python of this process.

Nothing is installed on this machine and no right is needed but that of writing the folder: packages are downloaded and
unpacked, and QEMU runs single programs, so there is neither a root file system nor a kernel.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nitido.errors import NitidoError
from nitido.system.files import replacing_folder

PI_4, PI_5 = "cortex-a72", "cortex-a76"
"""Processors by QEMU's names. The second has the dot product instructions of 8-bit models, as Jetson Orin has."""

AVX2, SSE4 = "Haswell", "Nehalem"
"""x86-64 processors by QEMU's names: with AVX2 and without VNNI, and without AVX."""

ONNXRUNTIME = "1.27.0"  # of the releases that were tried, the newest that QEMU 7.2 can import; 1.28 to 1.32 crash
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_SOURCE = f"deb [signed-by={_KEYRING}] http://deb.debian.org/debian bookworm main\n"
_LIBRARIES = (
    *("python3.11-minimal", "libpython3.11-minimal", "libpython3.11-stdlib", "libc6", "libstdc++6", "libgcc-s1"),
    *("zlib1g", "libexpat1", "libssl3", "libbz2-1.0", "liblzma5", "libffi8"),
)
_QEMU = {"qemu": "./usr/bin/qemu-aarch64-static", "qemu-x86_64": "./usr/bin/qemu-x86_64-static"}
_WHEELS = (f"onnxruntime=={ONNXRUNTIME}", "numpy<2.5", "opencv-python-headless<6", "pillow<14", "click<9")
_PLATFORMS = ("manylinux_2_28_aarch64", "manylinux_2_27_aarch64", "manylinux2014_aarch64")
_CONFIG = """
Dir::State "{folder}/state";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}/cache";
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "-";
APT::Architecture "arm64";
APT::Architectures {{ "arm64"; "{host}"; }};
APT::Sandbox::User "{user}";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
"""


class EmulatorUnavailable(NitidoError):
    """This machine cannot download or unpack what the emulation needs; the message says what is missing."""


@dataclass(frozen=True)
class Emulator:
    """folder: holds ``qemu``, ``qemu-x86_64``, ``root`` (Debian's libraries) and ``site`` (Python packages)."""

    folder: Path

    def python(
        self, *arguments: str, processor: str = PI_4, paths: Sequence[Path] = (), given: bytes | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """Runs Python on an emulated processor and returns what it printed and its exit code.

        paths: further folders that it imports from. given: its standard input.
        """
        if processor in (AVX2, SSE4):
            command, folders = [str(self.folder / "qemu-x86_64"), "-cpu", processor, sys.executable], list(paths)
        else:
            python = ["-L", str(self.folder / "root"), str(self.folder / "root/usr/bin/python3.11")]
            command = [str(self.folder / "qemu"), "-cpu", processor, *python]
            folders = [self.folder / "site", *paths]
        modules = os.pathsep.join(map(str, folders))
        return subprocess.run(
            [*command, *arguments],
            env=os.environ | {"PYTHONPATH": modules, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            input=given, capture_output=True, check=False, timeout=600,
        )  # fmt: skip


def prepare(folder: Path) -> Emulator:
    """The emulator in ``folder``, downloaded (about 150 MB) when it is not there. Complete or not there at all.

    Raises ``EmulatorUnavailable`` where Debian packages cannot be had, ``RuntimeError`` when one of them or a wheel
    cannot.
    """
    if folder.is_dir():
        return Emulator(folder)
    for program in ("apt-get", "dpkg", "dpkg-deb"):
        if shutil.which(program) is None:
            raise EmulatorUnavailable(f"emulating ARM64 needs {program} of Debian or Ubuntu, which is not on PATH")
    if not _KEYRING.is_file():
        raise EmulatorUnavailable(f"{_KEYRING} is missing; run: sudo apt-get install debian-archive-keyring")
    with replacing_folder(folder) as draft:
        packages = draft / "packages"
        host = _download_packages(packages)
        for package in packages.glob("*_arm64.deb"):
            _run("dpkg-deb", "--extract", str(package), str(draft / "root"))
        (qemu,) = packages.glob(f"qemu-user-static_*_{host}.deb")
        for name, inside in _QEMU.items():
            _extract_one(qemu, inside, draft / name)
        shutil.rmtree(packages)
        platforms = [word for name in _PLATFORMS for word in ("--platform", name)]
        _run(
            sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--only-binary=:all:",
            "--target", str(draft / "site"), "--python-version", "3.11", "--implementation", "cp", "--abi", "cp311",
            "--abi", "abi3", "--abi", "none", *platforms, *_WHEELS,
        )  # fmt: skip
    return Emulator(folder)


def _download_packages(folder: Path) -> str:
    """Downloads QEMU and the libraries; returns the architecture of this machine by Debian's name."""
    host = _run("dpkg", "--print-architecture").strip()
    for name in ("state/lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    user = "root" if os.geteuid() == 0 else ""
    (folder / "apt.conf").write_text(_CONFIG.format(folder=folder.resolve(), host=host, user=user))
    (folder / "sources.list").write_text(_SOURCE)
    (folder / "status").touch()
    configured = {"APT_CONFIG": str((folder / "apt.conf").resolve())}
    try:
        _run("apt-get", "update", environment=configured)
    except RuntimeError as error:
        raise EmulatorUnavailable(f"Debian's package lists cannot be downloaded: {error}") from error
    libraries = [f"{name}:arm64" for name in _LIBRARIES]
    _run("apt-get", "download", *libraries, f"qemu-user-static:{host}", cwd=folder, environment=configured)
    return host


def _extract_one(package: Path, name: str, target: Path) -> None:
    """Takes one program out of a package: emulators of all processors together have 370 MB."""
    command = ["dpkg-deb", "--fsys-tarfile", str(package)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE) as process,
        tarfile.open(fileobj=process.stdout, mode="r|") as archive,
        target.open("wb") as out,
    ):
        for member in archive:
            if member.name == name and (content := archive.extractfile(member)):
                shutil.copyfileobj(content, out)
    if not target.stat().st_size:
        raise RuntimeError(f"{package.name} holds no {name}")
    target.chmod(0o755)


def _run(*command: str, cwd: Path | None = None, environment: dict[str, str] | None = None) -> str:
    """What a program printed. Raises ``RuntimeError`` with the last line of its complaint."""
    done = subprocess.run(
        command, cwd=cwd, env=os.environ | (environment or {}), capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise RuntimeError(f"{Path(command[0]).name}: {said[-1]}")
    return done.stdout
