"""Installs and finds ONNX Runtime's build for browsers, which the pages on this machine use.

Its 14 MB are not in the repository. They come from the npm package ``onnxruntime-web``, pinned by version and digest,
and are installed into a folder of the package (before a wheel is built) or of the user.
"""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
import tarfile
import tempfile
from importlib.resources.abc import Traversable
from io import BytesIO
from pathlib import Path

from nitido.errors import ProviderUnavailable, SourceUnavailable
from nitido.system.files import cache_folder, replacing_folder
from nitido.web.server import pages

PACKAGE = "onnxruntime-web"
VERSION = "1.30.0"
# The registry's digest of that version. npm checks it too, but not if the file has another source.
SHA512 = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
SCRIPT = "ort.wasm.bundle.min.mjs"
BINARY = "ort-wasm-simd-threaded.wasm"
LICENCE = "LICENSE"
_FOLDER = f"{PACKAGE}-{VERSION}"
_PATIENCE = 600  # seconds for 33 MB
_ANSWER = 8  # seconds for the first answer of a registry; npm alone would try for minutes
_UNREACHABLE = re.compile(
    r"\b(ENOTFOUND|EAI_AGAIN|ECONN\w+|ETIMEDOUT|E(?:NET|HOST)UNREACH|ERR_SOCKET_TIMEOUT|network timeout)\b"
)


def find_engine() -> Traversable:
    """The folder with ``SCRIPT`` and ``BINARY``: the one in the package, else the user's. Raises
    ``ProviderUnavailable`` if there is neither."""
    for root in (pages() / "engine", cache_folder()):
        folder = root / _FOLDER
        if all((folder / name).is_file() for name in (SCRIPT, BINARY)):
            return folder
    raise ProviderUnavailable(
        f"the browser engine is not installed; run: nitido explore --install (takes {PACKAGE} {VERSION} from npm, "
        "a download of 33 MB)"
    )


def engine_facts() -> dict[str, str]:
    """For the scripts of a page: the engine's name and addresses."""
    return {"name": f"{PACKAGE} {VERSION}", "script": f"engine/{SCRIPT}", "binary": f"engine/{BINARY}"}


def engine_files(folder: Traversable | None) -> dict[str, Traversable]:
    """The engine's files by address. folder: the one that :func:`find_engine` found; ``None``: no files."""
    if folder is None:
        return {}
    return {f"engine/{name}": folder / name for name in (SCRIPT, BINARY, LICENCE) if (folder / name).is_file()}


def install_engine(root: Path, archive: Path | None = None) -> Path:
    """Installs the engine below ``root`` and returns its folder; does nothing if it is already there.

    archive: the npm package's ``.tgz``; ``None`` lets the ``npm`` program fetch it, with its configured registry, proxy
    and permissions. Raises ``SourceUnavailable`` when it cannot be fetched or is not the pinned one,
    ``SinkUnavailable`` when the folder cannot be written.
    """
    folder = root / _FOLDER
    if folder.is_dir():
        return folder
    content = _fetch() if archive is None else _read(archive)
    if base64.b64encode(hashlib.sha512(content).digest()).decode() != SHA512:
        where = archive or f"what npm fetched as {PACKAGE} {VERSION}"
        raise SourceUnavailable(
            f"{where} is not the expected file (SHA-512 differs); try again, or another registry or mirror"
        )
    with replacing_folder(folder, advice="choose another folder") as draft:
        _unpack(content, draft)
    return folder


def _fetch() -> bytes:
    npm = shutil.which("npm")
    archive = f"{_FOLDER}.tgz"
    if npm is None:
        raise SourceUnavailable(
            f"npm is not on PATH; install Node.js, or run 'npm pack {PACKAGE}@{VERSION}' elsewhere and give the file "
            f"with --from {archive}"
        )
    with tempfile.TemporaryDirectory() as place:
        _require_registry(npm, place)
        command = [npm, "pack", f"{PACKAGE}@{VERSION}", "--ignore-scripts", "--loglevel=error", "--fetch-retries=1"]
        try:
            done = subprocess.run(
                command, cwd=place, capture_output=True, text=True, errors="replace", timeout=_PATIENCE, check=False
            )
        except subprocess.TimeoutExpired:
            raise SourceUnavailable(f"npm did not fetch {archive} within {_PATIENCE} seconds; try again") from None
        if done.returncode or not (Path(place) / archive).is_file():
            reason = next((line for line in done.stderr.splitlines() if line.strip()), "no reason given")
            raise SourceUnavailable(f"npm could not fetch {archive} ({reason}); check that npm can reach its registry")
        return _read(Path(place) / archive)


def _require_registry(npm: str, folder: str) -> None:
    """Raises ``SourceUnavailable`` if npm's registry does not answer quickly. Any answer counts, because not every
    mirror supports this request."""
    flags = ("--fetch-retries=0", f"--fetch-timeout={1000 * _ANSWER}", "--no-update-notifier", "--loglevel=error")
    try:
        done = subprocess.run(
            [npm, "ping", *flags], cwd=folder, capture_output=True, text=True, errors="replace", timeout=_ANSWER + 4,
            check=False,
        )  # fmt: skip
        found = _UNREACHABLE.search(done.stderr) if done.returncode else None
        reason = found[0] if found else ""
    except subprocess.TimeoutExpired:
        reason = f"no answer within {_ANSWER + 4} seconds"
    if reason:
        raise SourceUnavailable(
            f"npm cannot reach its registry ({reason}); check the network or npm's proxy settings, or run "
            f"'npm pack {PACKAGE}@{VERSION}' elsewhere and give the file with --from {_FOLDER}.tgz"
        )


def _read(archive: Path) -> bytes:
    try:
        return archive.read_bytes()
    except OSError as error:
        raise SourceUnavailable(
            f"cannot read {archive}: {error.strerror or error}; expected the file that 'npm pack {PACKAGE}@{VERSION}' "
            "makes"
        ) from error


def _unpack(content: bytes, folder: Path) -> None:
    with tarfile.open(fileobj=BytesIO(content), mode="r:gz") as packed:
        for name in (SCRIPT, BINARY):
            file = packed.extractfile(f"package/dist/{name}")
            assert file is not None  # the digest identifies the content
            (folder / name).write_bytes(file.read())
    # The npm package names the licence but does not contain its text.
    (folder / LICENCE).write_bytes((pages() / "onnxruntime-web.LICENSE").read_bytes())
