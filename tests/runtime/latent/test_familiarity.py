"""Pictures that a latent model was not trained on are noticed, and digits never are."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from nitido.cli.main import cli
from nitido.frames import Frame
from nitido.latent.autoencoder import load_decoder, load_encoder
from nitido.latent.familiarity import Familiarity
from nitido.latent.sampling import draw
from support.latent_models import halves, write_latent_model
from support.paths import SAMPLES

MODELS = ("vae-digits", "autoencoder-digits")


def digits(count: int) -> Frame:
    """Digits as another model of digits draws them."""
    decoder = load_decoder("cvae-digits", "cpu")
    labels = np.arange(count, dtype=np.int64) % 10
    return decoder(draw(decoder.space, count, 5, temperature=0.7), labels)


def warning(model: str, frames: Frame) -> str:
    encoder, found = load_encoder(model, "cpu"), Familiarity(load_decoder(model, "cpu"))
    found.add(frames, encoder(frames).mean)
    return found.warning()


@pytest.mark.parametrize("model", MODELS)
def test_photographs_are_not_taken_for_digits(model: str) -> None:
    photos = [cv2.imread(str(path)) for path in sorted(SAMPLES.glob("*.webp"))]
    frames = np.concatenate([load_encoder(model, "cpu").fit(np.asarray(p)).reshape(1, 28, 28, 3) for p in photos])
    said = warning(model, frames)
    assert f"unlike those that {model} was trained on (grey pictures of 28×28, MNIST" in said and "\n" not in said
    assert warning(model, 255 - digits(8))  # black on white is not what it knows either


@pytest.mark.parametrize("model", MODELS)
def test_not_a_single_digit_is_a_false_alarm(model: str) -> None:
    assert [warning(model, digit[None]) for digit in digits(40)] == [""] * 40
    assert warning(model, digits(8)) == ""


def test_nothing_seen_is_nothing_said(tmp_path: Path) -> None:
    write_latent_model(tmp_path)
    assert Familiarity(load_decoder(tmp_path / "tiny", "cpu")).warning() == ""


def test_embed_warns_in_one_line_and_goes_on(tmp_path: Path) -> None:
    def embed(folder: Path, *more: str) -> str:
        output = str(tmp_path / "z.npz")
        done = CliRunner().invoke(cli, ["embed", str(folder), "-o", output, "--device", "cpu", "--overwrite", *more])
        assert done.exit_code == 0, done.output
        return done.output

    known = tmp_path / "digits"
    known.mkdir()
    for number, digit in enumerate(digits(10)):
        cv2.imwrite(str(known / f"{number}.png"), digit)
    assert "warning" not in embed(known)
    assert sum(line.startswith("warning: ") for line in embed(SAMPLES).splitlines()) == 1
    assert "warning" not in embed(SAMPLES, "-q")
    # An encoder whose decoder is not there is used as before.
    write_latent_model(tmp_path)
    (tmp_path / "tiny.decoder.onnx").unlink()
    cv2.imwrite(str(known / "0.png"), halves(0, 200))
    assert "10 latents of 2 numbers" in embed(known, "--model", str(tmp_path / "tiny.encoder.onnx"))
