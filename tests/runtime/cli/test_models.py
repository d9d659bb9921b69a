"""Which model a command takes when its name says it, and ``nitido models`` for programs."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from nitido.cli.main import cli
from nitido.images.io import Picture, read_picture, write_picture
from support.latent_models import halves, write_latent_model


def run(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(cli, list(map(str, arguments)))
    return done.exit_code, str(done.exception) if done.exception and not isinstance(
        done.exception, SystemExit
    ) else done.output


def test_an_upscaler_has_its_own_scale_unless_another_is_asked_for(tmp_path: Path) -> None:
    source, four, two, three = (tmp_path / f"{name}.png" for name in ("source", "four", "two", "three"))
    write_picture(source, Picture(halves(0, 200)))
    assert run("upscale", source, "-o", four, "--model", "upscale-x4-n")[0] == 0
    assert run("upscale", source, "-o", two)[0] == 0
    assert run("upscale", source, "-o", three, "--scale", 3)[0] == 0
    assert [read_picture(path).pixels.shape[0] for path in (four, two, three)] == [32, 16, 24]
    code, output = run("upscale", source, "-o", tmp_path / "x.png", "--model", "upscale-x4-n", "--scale", 5)
    assert code == 2 and "--scale 5 asks for more than the ×4 that upscale-x4-n gives" in output
    assert not (tmp_path / "x.png").exists()


def test_latent_models_are_found_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_latent_model(tmp_path, "myvae")
    write_picture(tmp_path / "a.png", Picture(halves(0, 200)))
    write_picture(tmp_path / "b.png", Picture(halves(200, 0)))
    assert run("sample", "--model", "myvae", "-o", "new.png")[0] == 0
    assert run("interpolate", "a.png", "b.png", "--model", "myvae", "-o", "way.png")[0] == 0
    assert run("embed", "a.png", "--model", "myvae", "-o", "z.npz")[0] == 0
    code, output = run("sample", "--model", "other", "-o", "x.png")
    assert code == 1 and "no decoder of a model named 'other'" in output
