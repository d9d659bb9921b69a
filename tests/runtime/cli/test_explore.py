"""``nitido explore`` as it is typed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner

from nitido.cli.main import cli
from nitido.errors import NitidoError, ProviderUnavailable
from nitido.system.files import cache_folder
from nitido.web.onnxruntime_web import VERSION
from support.browser import engine
from support.commands import HANG, command, running
from support.latent_models import write_latent_model


def test_nothing_is_downloaded_without_request_and_the_command_for_it_is_named(home: Path) -> None:
    write_latent_model(home)
    for arguments in (["explore", str(home / "tiny")], ["explore", str(home / "tiny.decoder.onnx")]):
        found = CliRunner().invoke(cli, arguments).exception
        assert isinstance(found, ProviderUnavailable)
        assert "nitido explore --install" in str(found) and VERSION in str(found) and "\n" not in str(found)
    assert not cache_folder().exists()


@pytest.mark.parametrize(
    "arguments", [["--install", "tiny"], ["--from", "x.tgz"], ["--into", "folder"], ["--port", "70000"]]
)
def test_options_that_make_no_sense_together_are_usage_errors(arguments: list[str]) -> None:
    assert CliRunner().invoke(cli, ["explore", *arguments]).exit_code == 2


def test_a_model_that_is_not_a_decoder_is_an_error_before_anything_is_served(
    home: Path, tiny_models: dict[str, Path]
) -> None:
    found = CliRunner().invoke(cli, ["explore", str(tiny_models["denoise"])]).exception
    assert isinstance(found, NitidoError) and "expected the decoder" in str(found)


@pytest.mark.network
@pytest.mark.skipif(sys.platform == "win32", reason="signals of another kind")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_until_a_signal_ends_it(
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
        with urllib.request.urlopen(f"{url}latents.json", timeout=HANG) as answer:
            assert json.load(answer)["models"][0]["name"] == "tiny"
        process.send_signal(number)
        assert process.wait(HANG) == 0
        assert process.stderr.read() == ""
