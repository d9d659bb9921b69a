"""``nitido sample`` and ``nitido interpolate`` as they are typed."""

from __future__ import annotations

from pathlib import Path
from statistics import NormalDist

import cv2
import numpy as np
import pytest
from PIL import Image

from nitido.latent.autoencoder import load_decoder
from nitido.latent.melody import piano_roll, read_midi, write_midi
from nitido.latent.sampling import draw
from nitido.video.reader import VideoSource
from support.commands import nitido
from support.latent_models import STEPS, halves, latent_space, write_latent_model, write_melody_model


def pixels(path: Path) -> np.ndarray:
    picture = cv2.imread(str(path))
    assert picture is not None, path
    return np.asarray(picture)


def test_sample_makes_a_sheet_that_the_seed_repeats(tmp_path: Path) -> None:
    model = write_latent_model(tmp_path)
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        run = nitido("sample", "--model", model, "-n", 6, "--seed", seed, "-o", tmp_path / f"{name}.png")
        assert run.returncode == 0 and f"6 by tiny on cpu, seed {seed}" in run.stdout, run.stderr
    assert pixels(tmp_path / "a.png").shape == (2 * 10 - 2, 3 * 10 - 2, 3)
    assert np.array_equal(pixels(tmp_path / "a.png"), pixels(tmp_path / "b.png"))
    assert not np.array_equal(pixels(tmp_path / "a.png"), pixels(tmp_path / "c.png"))
    first = draw(latent_space(), 6, 3)[0]
    assert np.array_equal(pixels(tmp_path / "a.png")[:8, :8], load_decoder(model, "cpu")(first))


def test_sample_prints_the_seed_that_it_chose(tmp_path: Path) -> None:
    model = write_latent_model(tmp_path)
    run = nitido("sample", "--model", model, "-o", tmp_path / "a.png")
    seed = run.stdout.split("seed ")[1].split()[0]
    nitido("sample", "--model", model, "--seed", seed, "-o", tmp_path / "b.png")
    assert pixels(tmp_path / "a.png").shape == (8 * 10 - 2, 8 * 10 - 2, 3)
    assert np.array_equal(pixels(tmp_path / "a.png"), pixels(tmp_path / "b.png"))


def test_a_manifold_is_a_picture_of_the_plane(tmp_path: Path) -> None:
    model = write_latent_model(tmp_path)
    run = nitido("sample", "--model", model, "--manifold", 3, "-o", tmp_path / "m.png")
    assert run.returncode == 0, run.stderr
    grid = pixels(tmp_path / "m.png")
    assert grid.shape == (24, 24, 3)
    low, high = (128 + round(40 * NormalDist().inv_cdf(q)) for q in (1 / 6, 5 / 6))
    assert np.abs(grid[:8, :8].astype(int) - halves(low, high)).max() <= 1
    assert np.abs(grid[16:, 16:].astype(int) - halves(high, low)).max() <= 1
    assert np.array_equal(grid[8:16, 8:16], halves(128, 128))
    nitido("sample", "--model", model, "--manifold", 3, "--axes", "1,0", "-o", tmp_path / "turned.png")
    turned = pixels(tmp_path / "turned.png")
    assert np.array_equal(turned[:8, :8], grid[16:, 16:])


def test_classes_are_made_in_turn_or_as_asked(tmp_path: Path) -> None:
    model = write_latent_model(tmp_path, kind="cvae", labels=("a", "b", "c"))
    cold = ["sample", "--model", model, "-n", 6, "--temperature", 0]
    assert nitido(*cold, "-o", tmp_path / "all.png").returncode == 0
    assert pixels(tmp_path / "all.png")[::10, ::10, 0].tolist() == [[128, 168, 208]] * 2  # a column each
    assert nitido(*cold, "--class", "c", "-o", tmp_path / "c.png").returncode == 0
    assert (pixels(tmp_path / "c.png")[::10, ::10, 0] == 208).all()
    run = nitido(*cold, "--class", "d", "-o", tmp_path / "d.png")
    assert run.returncode == 1 and run.stderr == "Error: tiny has no class d: expected one of a, b, c\n"
    run = nitido("sample", "--model", model, "--manifold", 2, "-o", tmp_path / "m.png")
    assert run.returncode == 2 and "--class" in run.stderr


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--axes", "0,1", "-o", "{}/a.png"], 2, "--axes is for --manifold only"),
        (["--axes", "x", "--manifold", "3", "-o", "{}/a.png"], 2, "expected two numbers of axes"),
        (["--manifold", "3", "-n", "4", "-o", "{}/a.png"], 2, "leave out -n"),
        (["--manifold", "3", "--axes", "0,2", "-o", "{}/a.png"], 1, "two different axes of 0 to 1"),
        (["--class", "1", "-o", "{}/a.png"], 1, "knows no classes"),
        (["-o", "{}/a.mid"], 1, "tiny makes pictures"),
        (["-o", "{}/a.wav"], 1, "expected a picture"),
        (["-o", "{}/there.png"], 1, "exists; choose another name"),
    ],
)
def test_what_sample_cannot_do_is_one_line(tmp_path: Path, options: list[str], code: int, message: str) -> None:
    model = write_latent_model(tmp_path)
    (tmp_path / "there.png").write_bytes(b"mine")
    run = nitido("sample", "--model", model, *[option.format(tmp_path) for option in options])
    assert run.returncode == code and message in run.stderr and "Traceback" not in run.stderr
    assert code == 2 or len(run.stderr.splitlines()) == 1
    assert (tmp_path / "there.png").read_bytes() == b"mine"
    assert len(list(tmp_path.iterdir())) == 3


def test_interpolate_goes_from_one_picture_to_the_other(tmp_path: Path) -> None:
    model = write_latent_model(tmp_path, kind="autoencoder")
    cv2.imwrite(str(tmp_path / "a.png"), halves(28, 228, 40, 60))  # another size: its middle is taken
    cv2.imwrite(str(tmp_path / "b.png"), halves(228, 28))
    ends = [tmp_path / "a.png", tmp_path / "b.png", "--model", model]
    run = nitido("interpolate", *ends, "--steps", 5, "-o", tmp_path / "strip.png")
    assert run.returncode == 0 and "linear" in run.stdout, run.stderr
    strip = pixels(tmp_path / "strip.png")
    assert strip.shape == (8, 5 * 10 - 2, 3)
    assert np.abs(strip[0, ::10, 0].astype(int) - [28, 78, 128, 178, 228]).max() <= 1
    assert np.abs(strip[0, 7::10, 0].astype(int) - [228, 178, 128, 78, 28]).max() <= 1
    for target in ("moving.gif", "moving.mp4", "each"):
        run = nitido("interpolate", *ends, "--steps", 5, "-o", tmp_path / target)
        assert run.returncode == 0, run.stderr
    with Image.open(tmp_path / "moving.gif") as gif:
        assert getattr(gif, "n_frames", 1) == 5
    with VideoSource(tmp_path / "moving.mp4") as video:
        assert len(list(video)) == 5
    assert np.array_equal(pixels(tmp_path / "each" / "0002.png"), strip[:, 10:18])


def test_interpolate_stays_on_the_sphere_where_the_prior_is_normal(tmp_path: Path) -> None:
    model = write_latent_model(tmp_path)
    cv2.imwrite(str(tmp_path / "a.png"), halves(208, 128))
    cv2.imwrite(str(tmp_path / "b.png"), halves(128, 208))
    ends = [tmp_path / "a.png", tmp_path / "b.png", "--model", model, "--steps", 3]
    run = nitido("interpolate", *ends, "-o", tmp_path / "round.png")
    assert "spherical" in run.stdout
    middle = 128 + round(80 * 0.5**0.5)
    assert np.abs(pixels(tmp_path / "round.png")[:, 10:18].astype(int) - middle).max() <= 1
    nitido("interpolate", *ends, "--path", "linear", "-o", tmp_path / "straight.png")
    assert np.abs(pixels(tmp_path / "straight.png")[:, 10:18].astype(int) - 168).max() <= 1


def test_interpolate_of_a_cvae_needs_the_class(tmp_path: Path) -> None:
    model = write_latent_model(tmp_path, kind="cvae", labels=("a", "b"))
    cv2.imwrite(str(tmp_path / "a.png"), halves(208, 128))
    given = ["interpolate", tmp_path / "a.png", tmp_path / "a.png", "--model", model, "-o", tmp_path / "s.png"]
    run = nitido(*given)
    assert run.returncode == 1 and "needs a class" in run.stderr
    assert nitido(*given, "--class", "b").returncode == 0
    assert np.abs(pixels(tmp_path / "s.png")[:, :8].astype(int) - halves(208, 128)).max() <= 1


def test_what_is_not_a_picture_is_one_line(tmp_path: Path) -> None:
    model = write_latent_model(tmp_path)
    (tmp_path / "a.png").write_text("no picture")
    for bad, message in ((tmp_path / "a.png", "is not a picture"), (tmp_path / "b.png", "no such file")):
        run = nitido("interpolate", bad, bad, "--model", model, "-o", tmp_path / "s.png")
        assert run.returncode == 1 and message in run.stderr and len(run.stderr.splitlines()) == 1


def codes(path: Path, steps: int = STEPS) -> list[int]:
    return read_midi(path, steps, 2, 30).tolist()


def test_sample_writes_one_tune_or_several(tmp_path: Path) -> None:
    model = write_melody_model(tmp_path / "models")
    cold = ["sample", "--model", model, "--temperature", 0]
    assert nitido(*cold, "-o", tmp_path / "one.mid").returncode == 0
    assert codes(tmp_path / "one.mid") == [20] * STEPS
    assert nitido(*cold, "-n", 3, "-o", tmp_path / "some.mid").returncode == 0
    assert nitido(*cold, "-n", 2, "-o", tmp_path / "folder").returncode == 0
    found = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*.mid"))
    assert found == ["folder/0001.mid", "folder/0002.mid", "one.mid", "some-1.mid", "some-2.mid", "some-3.mid"]
    (tmp_path / "some-1.mid").unlink()
    run = nitido(*cold, "-n", 3, "-o", tmp_path / "some.mid")
    assert run.returncode == 1 and f"{tmp_path}/some-2.mid exists" in run.stderr
    assert not (tmp_path / "some-1.mid").exists()


def test_tunes_can_be_seen(tmp_path: Path) -> None:
    model = write_melody_model(tmp_path / "models")
    run = nitido("sample", "--model", model, "-n", 2, "--temperature", 0, "--columns", 1, "-o", tmp_path / "rolls.png")
    assert run.returncode == 0, run.stderr
    roll = piano_roll(np.full(STEPS, 20, np.uint8), 2, 30)
    sheet = pixels(tmp_path / "rolls.png")
    assert np.array_equal(sheet[: roll.shape[0]], roll) and np.array_equal(sheet[-roll.shape[0] :], roll)


def test_interpolate_plays_the_way_from_one_tune_to_the_other(tmp_path: Path) -> None:
    model = write_melody_model(tmp_path / "models")
    write_midi(tmp_path / "a.mid", np.full(STEPS, 22, np.uint8), 2, 30)
    write_midi(tmp_path / "b.mid", np.full(STEPS, 26, np.uint8), 2, 30)
    ends = ["interpolate", tmp_path / "a.mid", tmp_path / "b.mid", "--path", "linear", "--steps", 3]
    run = nitido(*ends, "--model", model, "-o", tmp_path / "way.mid")
    assert run.returncode == 0, run.stderr
    assert codes(tmp_path / "way.mid", 3 * STEPS) == [22] * STEPS + [24] * STEPS + [26] * STEPS
    assert nitido(*ends, "--model", model, "-o", tmp_path / "each").returncode == 0
    assert codes(tmp_path / "each" / "0002.mid") == [24] * STEPS
    run = nitido(*ends, "-o", tmp_path / "b.mid")
    assert run.returncode == 2 and "--model" in run.stderr


def test_tempo_and_instrument_are_in_the_midi_file(tmp_path: Path) -> None:
    mido = pytest.importorskip("mido")
    model, out = write_melody_model(tmp_path / "tunes"), tmp_path / "tune.mid"
    run = nitido("sample", "--model", model, "--seed", 1, "-o", out, "--tempo", 90, "--instrument", 73)
    assert run.returncode == 0, run.stderr
    found = {message.type: message for message in mido.MidiFile(out).tracks[0]}
    assert mido.tempo2bpm(found["set_tempo"].tempo) == pytest.approx(90, abs=0.01)
    assert found["program_change"].program == 73
