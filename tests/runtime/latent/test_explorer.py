"""``nitido explore`` without a browser: what the server gives to whom, and how the engine gets onto the machine."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from nitido.cli.main import cli
from nitido.errors import NitidoError, ProviderUnavailable, SinkUnavailable, SourceUnavailable
from nitido.latent.autoencoder import load_decoder
from nitido.latent.explorer import Explorer, space_facts
from nitido.system.files import cache_folder
from nitido.web import onnxruntime_web as web_engine
from nitido.web.onnxruntime_web import BINARY, SCRIPT, VERSION, find_engine, install_engine
from support.browser import engine, engine_archive
from support.bump_decoders import write_bump_decoder, write_tune_decoder
from support.commands import HANG, command, running
from support.latent_models import write_latent_model
from support.paths import ROOT


@pytest.fixture
def pretended(tmp_path: Path) -> Path:
    """A folder with files of the engine's names, for what only hands them on."""
    folder = tmp_path / "engine"
    folder.mkdir()
    (folder / SCRIPT).write_text("export const version = 1;")
    (folder / BINARY).write_bytes(b"\0asm")
    return folder


@pytest.fixture
def explorer(tmp_path: Path, pretended: Path) -> Iterator[Explorer]:
    path = write_bump_decoder(tmp_path / "bump.decoder.onnx")
    with Explorer(load_decoder(path, "cpu"), pretended) as opened:
        yield opened


def get(explorer: Explorer, path: str, **headers: str) -> tuple[int, bytes, http.client.HTTPMessage]:
    address = explorer.url.removeprefix("http://").rstrip("/")
    connection = http.client.HTTPConnection(address, timeout=HANG)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers
    finally:
        connection.close()


def test_the_browser_gets_the_page_the_facts_and_the_very_file(explorer: Explorer, tmp_path: Path) -> None:
    status, page, headers = get(explorer, "/")
    assert status == 200 and headers["Content-Type"].startswith("text/html")
    assert b"/explore.js" in page and b"http://" not in page and b"https://" not in page
    model = json.loads(get(explorer, "/model.json")[1])
    assert (model["name"], model["size"], model["normal"], model["labels"]) == ("bump", 2, True, [])
    assert get(explorer, "/decoder.onnx")[1] == (tmp_path / "bump.decoder.onnx").read_bytes()
    for path, kind in [
        ("/explore.js", "text/javascript"), ("/explore.css", "text/css"), ("/base.css", "text/css"),
        (f"/engine/{SCRIPT}", "text/javascript"), (f"/engine/{BINARY}", "application/wasm"),
    ]:  # fmt: skip
        status, body, headers = get(explorer, path)
        assert status == 200 and body and headers["Content-Type"].startswith(kind), path
    for path in ("/missing.js", "/../explore.py", "/engine/../../cli.py", "/etc/passwd"):
        assert get(explorer, path)[0] == 404


def test_the_page_may_reach_nothing_but_its_own_address(explorer: Explorer) -> None:
    headers = get(explorer, "/")[2]
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'self'"
    assert policy["script-src"] == "'self' 'wasm-unsafe-eval'"
    assert "unsafe-inline" not in headers["Content-Security-Policy"]
    assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    assert explorer.url.startswith("http://127.0.0.1:")
    assert get(explorer, "/decoder.onnx", Host="evil.example")[0] == 403
    assert get(explorer, "/model.json", Host="localhost:1")[0] == 200


def test_a_port_in_use_is_one_clear_error(explorer: Explorer, tmp_path: Path, pretended: Path) -> None:
    port = int(explorer.url.rsplit(":", 1)[1].rstrip("/"))
    with pytest.raises(SinkUnavailable, match="choose another port"):
        Explorer(load_decoder(tmp_path / "bump.decoder.onnx", "cpu"), pretended, port)


def test_facts_of_a_melody_and_of_latents_without_a_normal_prior(tmp_path: Path) -> None:
    tune = space_facts(load_decoder(write_tune_decoder(tmp_path / "tune.decoder.onnx"), "cpu"))
    named = ("medium", "steps", "steps_per_beat", "lowest", "pitches")
    assert [tune[name] for name in named] == ["melody", 16, 4, 60, 27]
    plain = space_facts(load_decoder(write_bump_decoder(tmp_path / "plain.decoder.onnx", 3, prior="none"), "cpu"))
    assert (plain["normal"], plain["mean"], plain["std"]) == (False, [10.0] * 3, [1.0] * 3)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user without an engine, whose package has none either."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(web_engine, "pages", lambda: tmp_path / "pages")
    shutil.copytree(ROOT / "runtime/nitido/web/pages", tmp_path / "pages", ignore=shutil.ignore_patterns("engine"))
    return tmp_path


def test_nothing_is_downloaded_unasked_and_the_command_that_does_is_told(home: Path) -> None:
    write_latent_model(home)
    for arguments in (["explore", str(home / "tiny")], ["explore", str(home / "tiny.decoder.onnx")]):
        found = CliRunner().invoke(cli, arguments).exception
        assert isinstance(found, ProviderUnavailable)
        assert "nitido explore --install" in str(found) and VERSION in str(found) and "\n" not in str(found)
    assert not cache_folder().exists()


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


def test_without_npm_the_way_without_it_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    with pytest.raises(SourceUnavailable, match=r"npm could not fetch .*ECONNREFUSED.*registry") as caught:
        install_engine(cache_folder())
    assert "\n" not in str(caught.value)


@pytest.mark.network
def test_a_folder_that_cannot_be_written_is_one_line(home: Path, pytestconfig: pytest.Config) -> None:
    (home / "file").write_text("")
    with pytest.raises(SinkUnavailable, match="cannot write"):
        install_engine(home / "file", engine_archive(pytestconfig))


@pytest.mark.parametrize(
    "arguments", [["--install", "tiny"], ["--from", "x.tgz"], ["--into", "folder"], ["--port", "70000"]]
)
def test_options_that_make_no_sense_together_are_usage_errors(arguments: list[str]) -> None:
    assert CliRunner().invoke(cli, ["explore", *arguments]).exit_code == 2


def test_a_model_that_is_no_decoder_is_an_error_before_anything_is_served(
    home: Path, tiny_models: dict[str, Path]
) -> None:
    found = CliRunner().invoke(cli, ["explore", str(tiny_models["denoise"])]).exception
    assert isinstance(found, NitidoError) and "expected the decoder" in str(found)


@pytest.mark.network
@pytest.mark.skipif(sys.platform == "win32", reason="signals of another kind")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_until_it_is_told_to_end(
    tmp_path: Path, pytestconfig: pytest.Config, number: signal.Signals
) -> None:
    write_latent_model(tmp_path)
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "nitido").symlink_to(engine(pytestconfig).parent)
    environment = os.environ | {"NITIDO_MODELS": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    explore = command("explore", "tiny", "--port", 0)
    with running(explore, stderr=subprocess.PIPE, text=True, env=environment) as process:
        line = process.stderr.readline()
        url = next(word for word in line.split() if word.startswith("http://"))
        with urllib.request.urlopen(f"{url}model.json", timeout=HANG) as answer:
            assert json.load(answer)["name"] == "tiny"
        process.send_signal(number)
        assert process.wait(HANG) == 0
        assert process.stderr.read() == ""


def test_a_wheel_carries_the_page_and_the_engine_if_it_was_there(tmp_path: Path, pretended: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(ROOT / "runtime", source / "runtime", ignore=shutil.ignore_patterns("engine", "__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(ROOT / name, source)
    for folder in ("export/nitido_export", "train/nitido_train", "models"):
        (source / folder).mkdir(parents=True)
    shutil.copytree(pretended, source / "runtime/nitido/web/pages/engine" / f"onnxruntime-web-{VERSION}")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=source, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    names = {name.removeprefix("nitido/web/pages/") for name in zipfile.ZipFile(wheel).namelist()}
    pages = ROOT / "runtime/nitido/web/pages"
    assert {path.relative_to(pages).as_posix() for path in pages.rglob("*.*") if "engine" not in path.parts} <= names
    assert {f"engine/onnxruntime-web-{VERSION}/{name}" for name in (SCRIPT, BINARY)} <= names
