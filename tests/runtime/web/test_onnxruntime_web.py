"""The browser build of ONNX Runtime: how it gets onto the machine and is found."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from nitido.cli.main import cli
from nitido.errors import SinkUnavailable, SourceUnavailable
from nitido.system.files import cache_folder
from nitido.web.onnxruntime_web import BINARY, SCRIPT, VERSION, find_engine, install_engine
from support.browser import engine_archive


@pytest.mark.network
def test_the_engine_is_installed_from_the_archive_with_its_licence_and_found(
    home: Path, pytestconfig: pytest.Config
) -> None:
    archive = engine_archive(pytestconfig)
    done = CliRunner().invoke(cli, ["explore", "--install", "--from", str(archive)], catch_exceptions=False)
    assert done.exit_code == 0
    folder = find_engine()
    assert str(folder) in done.output and str(folder).startswith(str(home))
    assert f"v{VERSION}".encode() in (folder / SCRIPT).read_bytes()[:200]
    assert (folder / BINARY).read_bytes()[:4] == b"\0asm"
    assert "Microsoft" in (folder / "LICENSE").read_text()
    assert install_engine(cache_folder(), home / "gone.tgz") == folder  # nothing to do
    assert [path.name for path in cache_folder().iterdir()] == [folder.name]  # no draft is left


def test_an_engine_in_the_package_is_preferred(home: Path, pretended: Path) -> None:
    for root in (cache_folder(), home / "pages" / "engine"):
        shutil.copytree(pretended, root / f"onnxruntime-web-{VERSION}")
        assert find_engine() == root / f"onnxruntime-web-{VERSION}"
    (home / "pages" / "engine" / f"onnxruntime-web-{VERSION}" / BINARY).unlink()  # half of one is none
    assert str(find_engine()).startswith(str(cache_folder()))


def test_what_is_not_the_pinned_archive_is_refused_and_leaves_nothing(home: Path) -> None:
    (home / "other.tgz").write_bytes(b"not it")
    with pytest.raises(SourceUnavailable, match=r"other\.tgz is not the expected file"):
        install_engine(cache_folder(), home / "other.tgz")
    with pytest.raises(SourceUnavailable, match=r"cannot read .*missing\.tgz: No such file"):
        install_engine(cache_folder(), home / "missing.tgz")
    assert not cache_folder().exists()


def test_without_npm_the_message_says_how_to_do_without_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(home))
    with pytest.raises(SourceUnavailable, match=rf"npm pack onnxruntime-web@{VERSION}.*--from"):
        install_engine(cache_folder())


@pytest.mark.network
def test_a_registry_that_does_not_answer_is_one_line(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("npm") is None:
        pytest.skip("npm is not on PATH")
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")  # nobody listens there
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    monkeypatch.setenv("npm_config_cache", str(home / "npm"))
    with pytest.raises(SourceUnavailable, match=r"npm cannot reach its registry \(ECONNREFUSED\).*--from") as caught:
        install_engine(cache_folder())
    assert "\n" not in str(caught.value)


@pytest.mark.network
def test_a_folder_that_cannot_be_written_is_one_line(home: Path, pytestconfig: pytest.Config) -> None:
    (home / "file").write_text("")
    with pytest.raises(SinkUnavailable, match="cannot write"):
        install_engine(home / "file", engine_archive(pytestconfig))


@pytest.mark.network
def test_a_registry_that_never_answers_is_given_up_soon(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("npm") is None:
        pytest.skip("npm is not on PATH")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("npm_config_registry", f"http://127.0.0.1:{silent.getsockname()[1]}/")
        monkeypatch.setenv("npm_config_noproxy", "127.0.0.1")
        monkeypatch.setenv("npm_config_cache", str(home / "npm"))
        began = time.monotonic()
        with pytest.raises(SourceUnavailable, match=r"npm cannot reach its registry \(.*--from") as caught:
            install_engine(home)
        assert time.monotonic() - began < 15
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("reply", "goes_on"),
    [
        ("npm error code E404", True),
        ("npm error code ENOTFOUND", False),
        ("npm error code FETCH_ERROR\nnpm error network timeout at: http://127.0.0.1:9/-/ping", False),
    ],
)
def test_a_mirror_that_refuses_the_question_is_asked_for_the_file(
    home: Path, monkeypatch: pytest.MonkeyPatch, reply: str, goes_on: bool
) -> None:
    asked: list[str] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        asked.append(command[1])
        return subprocess.CompletedProcess(command, 1, "", reply)

    monkeypatch.setattr("shutil.which", lambda _name: "npm")
    monkeypatch.setattr("subprocess.run", run)
    with pytest.raises(SourceUnavailable):
        install_engine(home)
    assert asked == (["ping", "pack"] if goes_on else ["ping"])
