"""Encoders and decoders: what goes in, what comes out, how they are found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nitido.errors import CardMismatch, FrameMismatch, ModelNotFound
from nitido.latent.autoencoder import CHUNK, load_decoder, load_encoder
from nitido.model_file.zoo import default_latent_model
from support.latent_models import (
    HEIGHT,
    LOG_VAR,
    WIDTH,
    graph_writer,
    halves,
    write,
    write_index,
    write_latent_model,
    write_latent_net,
    write_melody_model,
    z_of,
)


def test_a_picture_goes_through_its_latent_and_back(tmp_path: Path) -> None:
    model = write_latent_model(tmp_path)
    encoder, decoder = load_encoder(model, "cpu"), load_decoder(model, "cpu")
    assert (encoder.size, encoder.device, encoder.path.name) == (2, "cpu", "tiny.encoder.onnx")
    picture = halves(210, 40)
    latents = encoder(picture)
    assert latents.mean.shape == (1, 2) and latents.mean.dtype == np.float32
    assert np.allclose(latents.mean[0], z_of(210, 40), atol=1e-4)
    assert latents.log_var is not None and np.allclose(latents.log_var, LOG_VAR)
    assert encoder.variational
    assert np.array_equal(decoder(latents.mean), picture[None])
    assert np.array_equal(decoder(latents.mean[0]), picture)


def test_more_than_go_through_at_once_give_what_each_gives(tmp_path: Path) -> None:
    model = write_latent_model(tmp_path, kind="autoencoder")
    encoder, decoder = load_encoder(model, "cpu"), load_decoder(model, "cpu")
    pictures = np.stack([halves(i % 256, (7 * i) % 256) for i in range(2 * CHUNK + 3)])
    latents = encoder(pictures)
    assert latents.log_var is None and not encoder.variational
    assert np.allclose(latents.mean[[0, CHUNK, -1]], [encoder(pictures[i]).mean[0] for i in (0, CHUNK, -1)], atol=1e-5)
    assert np.array_equal(decoder(latents.mean), pictures)


def test_classes_are_given_by_name_or_number(tmp_path: Path) -> None:
    model = write_latent_model(tmp_path, kind="cvae", labels=("dim", "plain", "bright"))
    encoder, decoder = load_encoder(model, "cpu"), load_decoder(model, "cpu")
    zero = np.zeros(2, np.float32)
    for told, level in (("dim", 128), ("bright", 208), ("2", 208), (1, 168)):
        assert np.array_equal(decoder(zero, told), halves(level, level))
        assert np.allclose(encoder(halves(level, level), told).mean, 0, atol=1e-4)
    each = decoder(np.zeros((3, 2)), np.array([2, 0, 1]))
    assert each[:, 0, 0, 0].tolist() == [208, 128, 168]
    with pytest.raises(FrameMismatch, match="needs a class"):
        decoder(zero)
    for wrong in ("purple", 3, -1, "-1", np.array([5])):
        with pytest.raises(FrameMismatch, match="no class"):
            decoder(zero, wrong)
    with pytest.raises(FrameMismatch, match="expected 1 class number,"):
        decoder(zero, np.array([0, 1]))
    plain = load_decoder(write_latent_model(tmp_path, "plain"), "cpu")
    with pytest.raises(FrameMismatch, match="knows no classes"):
        plain(zero, "dim")


@pytest.mark.parametrize("kind", ["autoencoder", "vae", "cvae"])
def test_what_an_export_writes_is_read_and_equals_the_network(kind: str, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from nitido_train.nets.latent import LatentNet

    torch.manual_seed(0)
    net = LatentNet(kind, 16, 24, 1, latent=3, widths=[4, 8], hidden=16, labels=["a", "b"]).eval()
    model = write_latent_net(tmp_path, net)
    encoder, decoder = load_encoder(model, "cpu"), load_decoder(model, "cpu")
    label = "b" if kind == "cvae" else None
    told = net.condition(torch.tensor([1]))
    grey = np.repeat(np.random.default_rng(0).integers(0, 256, (1, 16, 24, 1), np.uint8), 3, axis=3)
    with torch.no_grad():
        expected = net.encoder((torch.from_numpy(grey[..., 0])[:, None].float() - 128) / 255, told)
        z = expected[0] if isinstance(expected, tuple) else expected
        image = torch.sigmoid(net.decoder(z, told)) * 255
    assert np.allclose(encoder(grey, label).mean, z, atol=1e-4)
    found = decoder(z.numpy(), label)
    assert found.shape == (1, 16, 24, 3)
    assert np.abs(found[..., 0].astype(float) - image[:, 0].numpy()).max() <= 1


def test_melodies_go_through_too(tmp_path: Path) -> None:
    model = write_melody_model(tmp_path)
    encoder, decoder = load_encoder(model, "cpu"), load_decoder(model, "cpu")
    notes = np.array([22, 22, 22, 17, 17, 17], np.uint8)
    assert np.allclose(encoder(notes).mean, [[2, -3]])
    assert np.array_equal(decoder(np.array([2.0, -3.0])), notes)
    with pytest.raises(FrameMismatch, match="takes melodies"):
        encoder.fit(halves(1, 2))


def test_a_half_is_found_by_the_models_name_its_own_or_its_siblings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_latent_model(tmp_path, "one")
    write_latent_model(tmp_path, "two")
    write_latent_model(tmp_path, "loose")
    write_index(tmp_path, "one", "two", default="two")
    monkeypatch.setenv("NITIDO_MODELS", str(tmp_path))
    wanted = tmp_path / "one.decoder.onnx"
    for name in ("one", "one.decoder", "one.encoder", tmp_path / "one", wanted, tmp_path / "one.encoder.onnx"):
        assert load_decoder(name, "cpu").path == wanted
    assert load_encoder("one.decoder", "cpu").path == tmp_path / "one.encoder.onnx"
    assert load_encoder("loose", "cpu").space.name == "loose"  # in the folder and not in its index
    assert default_latent_model() == "two"
    renamed = tmp_path / "mine.onnx"
    wanted.rename(renamed)
    assert load_decoder(renamed, "cpu").path == renamed
    with pytest.raises(ModelNotFound, match=r"one\.decoder\.onnx is in the index but missing"):
        load_decoder("one")


def test_another_model_is_refused_and_those_at_hand_are_named(
    tmp_path: Path, tiny_models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_latent_model(tmp_path, "one")
    write_index(tmp_path, "one")
    monkeypatch.setenv("NITIDO_MODELS", str(tmp_path))
    at_hand = r"at hand with one: (.*, )?one\b"
    with pytest.raises(CardMismatch, match=rf"for 'denoise', expected the encoder.*{at_hand}"):
        load_encoder(tiny_models["denoise"], "cpu")
    with pytest.raises(CardMismatch, match=rf"denoise-n is a model for 'denoise' and has no encoder; .*{at_hand}"):
        load_encoder("denoise-n", "cpu")
    with pytest.raises(ModelNotFound, match=rf"no decoder of a model named 'absent'; .*{at_hand}"):
        load_decoder("absent")
    with pytest.raises(ModelNotFound, match=rf"no such model file: .*absent\.encoder\.onnx; .*{at_hand}"):
        load_encoder(tmp_path / "absent")
    (tmp_path / "one.encoder.onnx").unlink()
    with pytest.raises(ModelNotFound, match=r"no such model file: .*one\.encoder\.onnx"):
        load_encoder(tmp_path / "one.decoder.onnx")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": None}, "says too little about its latents"),
        ({"mean": [0.0]}, "contradict each other"),
        ({"height": 0}, "contradict each other"),
        ({"medium": "smell"}, "contradict each other"),
        ({"kind": "cvae", "labels": ["a"]}, "expected z, label → image or notes or .*, found z → image"),
    ],
)
def test_a_card_that_makes_no_sense_is_reported(tmp_path: Path, change: dict[str, object], message: str) -> None:
    w = graph_writer()
    from onnx import TensorProto

    z = w.input("z", TensorProto.FLOAT, ["N", 2])
    w.op("Identity", [z], "image")
    w.output("image", TensorProto.FLOAT, ["N", 2])
    latent = {"kind": "vae", "medium": "picture", "size": 2, "height": 8, "width": 8, "labels": [], "prior": "normal"}
    path = tmp_path / "odd.decoder.onnx"
    write(w.model(), path, "decode", latent | {"mean": [0.0, 0.0], "std": [1.0, 1.0]} | change)
    with pytest.raises(CardMismatch, match=message):
        load_decoder(path, "cpu")


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((HEIGHT, WIDTH), np.uint8),
        np.zeros((HEIGHT, WIDTH + 1, 3), np.uint8),
        np.zeros((HEIGHT, WIDTH, 3), np.float32),
        np.zeros((0, HEIGHT, WIDTH, 3), np.uint8),
        np.zeros((2, 2, HEIGHT, WIDTH, 3), np.uint8),
    ],
)
def test_other_pictures_are_refused(tmp_path: Path, wrong: np.ndarray) -> None:
    encoder = load_encoder(write_latent_model(tmp_path), "cpu")
    with pytest.raises(FrameMismatch, match=rf"expected uint8 N×{HEIGHT}×{WIDTH}×3, found .*Encoder\.fit"):
        encoder(wrong)


@pytest.mark.parametrize("wrong", [np.zeros(3), np.zeros((0, 2)), np.zeros((1, 1, 2)), np.float32(1), np.array(["a"])])
def test_other_latents_are_refused(tmp_path: Path, wrong: np.ndarray) -> None:
    decoder = load_decoder(write_latent_model(tmp_path), "cpu")
    with pytest.raises(FrameMismatch, match="expected float32 N×2"):
        decoder(wrong)
    with pytest.raises(FrameMismatch, match="infinite"):
        decoder(np.array([np.nan, 0]))
