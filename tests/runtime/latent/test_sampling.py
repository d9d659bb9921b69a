"""Places in a latent space, sheets and animations of what is there, and the commands ``sample`` and ``interpolate``."""

from __future__ import annotations

from pathlib import Path
from statistics import NormalDist

import cv2
import numpy as np
import pytest
from PIL import Image

from nitido.errors import FrameMismatch, SinkUnavailable
from nitido.latent.autoencoder import load_decoder
from nitido.latent.melody import piano_roll, read_midi, write_midi
from nitido.latent.sampling import between, decode_each, draw, labels_in_turn, manifold
from nitido.latent.sheets import Style, check_target, contact_sheet, write_frames
from nitido.video.io import VideoSource
from support.commands import nitido
from support.latent_models import STEPS, halves, latent_space, write_latent_model, write_melody_model


def test_the_same_seed_draws_the_same_and_the_prior_says_from_where() -> None:
    there = latent_space(3)
    assert np.array_equal(draw(there, 5, 7), draw(there, 5, 7))
    assert not np.array_equal(draw(there, 5, 7), draw(there, 5, 8))
    assert not np.array_equal(draw(there, 5), draw(there, 5))
    assert draw(there, 5, 7).dtype == np.float32
    many = draw(latent_space(2, "none", mean=[5.0, -1.0], std=[0.1, 3.0]), 4000, 1)
    assert np.allclose(many.mean(axis=0), [5, -1], atol=0.2) and np.allclose(many.std(axis=0), [0.1, 3], rtol=0.05)
    # A normal prior is what the model was trained for, wherever the training set came to lie.
    many = draw(latent_space(2, "normal", mean=[5.0, -1.0], std=[0.1, 3.0]), 4000, 1)
    assert np.allclose(many.mean(axis=0), 0, atol=0.1) and np.allclose(many.std(axis=0), 1, rtol=0.05)


def test_temperature_scales_the_spread() -> None:
    there = latent_space(2, "none", mean=[5.0, -1.0], std=[2.0, 2.0])
    assert np.allclose(draw(there, 3, 1, temperature=0), [5, -1])
    assert np.allclose(draw(there, 3, 1, temperature=0.5) - [5, -1], (draw(there, 3, 1) - [5, -1]) / 2, atol=1e-6)
    with pytest.raises(FrameMismatch, match="from 0 on"):
        draw(there, 3, temperature=-1)


def test_a_manifold_stands_on_quantiles() -> None:
    z = manifold(latent_space(4), 3, (3, 1)).reshape(3, 3, 4)
    edge = NormalDist().inv_cdf(1 / 6)
    assert np.allclose(z[:, :, 3], [[edge, 0, -edge]] * 3)  # grows to the right
    assert np.allclose(z[:, 0, 1], [-edge, 0, edge])  # and upwards
    assert not z[:, :, [0, 2]].any()
    spread = manifold(latent_space(2, "none", mean=[4.0, 2.0], std=[1.0, 10.0]), 3).reshape(3, 3, 2)
    assert np.allclose(spread[1, 1], [4, 2]) and np.allclose(spread[0, 2], [4 - edge, 2 - 10 * edge])


@pytest.mark.parametrize(("size", "axes"), [(1, (0, 1)), (3, (0, 3)), (3, (1, 1)), (3, (-1, 0))])
def test_a_manifold_over_axes_that_there_are_not_is_refused(size: int, axes: tuple[int, int]) -> None:
    with pytest.raises(FrameMismatch, match="two different axes"):
        manifold(latent_space(size), 3, axes)


def test_the_straight_way_and_the_way_on_the_sphere() -> None:
    a, b = np.array([[2.0, 0.0]], np.float32), np.array([[0.0, 4.0]], np.float32)
    straight = between(a, b, 5)
    assert np.allclose(straight, [[2, 0], [1.5, 1], [1, 2], [0.5, 3], [0, 4]])
    round_ = between(a, b, 5, "spherical")
    assert np.allclose(round_[[0, -1]], [[2, 0], [0, 4]], atol=1e-6)
    assert np.allclose(np.linalg.norm(round_, axis=1), [2, 2.5, 3, 3.5, 4])
    assert np.allclose(np.arctan2(round_[:, 1], round_[:, 0]), np.linspace(0, np.pi / 2, 5), atol=1e-6)


@pytest.mark.parametrize("end", [[3.0, 0.0], [-3.0, 0.0], [0.0, 0.0]])
def test_where_a_sphere_gives_no_direction_the_way_is_straight(end: list[float]) -> None:
    a, b = np.array([1.0, 0.0], np.float32), np.array(end, np.float32)
    assert np.array_equal(between(a, b, 7, "spherical"), between(a, b, 7))


def test_a_way_of_one_step_or_between_spaces_is_refused() -> None:
    with pytest.raises(FrameMismatch, match="two steps or more"):
        between(np.zeros(2, np.float32), np.ones(2, np.float32), 1)
    with pytest.raises(FrameMismatch, match="latents of one size"):
        between(np.zeros(2, np.float32), np.ones(3, np.float32), 3)


def test_classes_come_in_turn() -> None:
    turn = labels_in_turn(latent_space(labels=("a", "b", "c")), 5)
    assert turn is not None and turn.tolist() == [0, 1, 2, 0, 1]
    assert labels_in_turn(latent_space(), 5) is None


def test_decoding_one_by_one_gives_what_decoding_all_gives(tmp_path: Path) -> None:
    decoder = load_decoder(write_latent_model(tmp_path, kind="cvae", labels=("a", "b")), "cpu")
    z, labels = draw(decoder.space, 300, 0), np.arange(300, dtype=np.int64) % 2
    assert np.array_equal(list(decode_each(decoder, z, labels)), decoder(z, labels))


def levels(*values: int, side: int = 4) -> list[np.ndarray]:
    return [np.full((side, side, 3), value, np.uint8) for value in values]


def test_a_sheet_goes_row_by_row() -> None:
    sheet = contact_sheet(levels(0, 10, 20, 30, 40), 5)
    assert sheet.shape == (2 * 6 - 2, 3 * 6 - 2, 3)
    assert sheet[::6, ::6, 0].tolist() == [[0, 10, 20], [30, 40, 96]]
    assert (sheet[4:6] == 96).all() and (sheet[:, 4:6] == 96).all()
    bare = contact_sheet(levels(1, 2), 2, Style(columns=1, gap=0, zoom=3))
    assert bare.shape == (24, 12, 3) and bare[11:13, 0, 0].tolist() == [1, 2]


def test_a_strip_is_one_row_until_it_is_wider_than_a_screen() -> None:
    assert contact_sheet(levels(*range(16)), 16, Style(strip=True)).shape[0] == 4
    wide = contact_sheet(levels(*range(16), side=200), 16, Style(strip=True))
    # Seven would fit beside each other; three rows of six are more even.
    assert wide.shape == (3 * 202 - 2, 6 * 202 - 2, 3)


@pytest.mark.parametrize(
    ("frames", "count"),
    [(levels(1, 2), 3), (levels(1, 2), 1), ([], 0), (levels(1) + levels(2, side=5), 2), ([np.zeros((4, 4, 3))], 1)],
)
def test_other_pictures_than_promised_are_refused(frames: list[np.ndarray], count: int, tmp_path: Path) -> None:
    for target in ("sheet.png", "moving.gif", "moving.mp4"):
        with pytest.raises(FrameMismatch, match="expected"):
            write_frames(tmp_path / target, frames, count)
    assert not list(tmp_path.iterdir())


def test_a_sheet_that_no_machine_holds_is_refused_before_it_is_made() -> None:
    with pytest.raises(SinkUnavailable, match="too large"):
        contact_sheet(iter(levels(0, side=1000)), 1000)


def test_grey_pictures_become_a_grey_file_and_coloured_ones_do_not(tmp_path: Path) -> None:
    write_frames(tmp_path / "grey.png", levels(0, 255), 2)
    write_frames(tmp_path / "blue.png", [np.full((4, 4, 3), (255, 0, 0), np.uint8)], 1)
    with Image.open(tmp_path / "grey.png") as grey, Image.open(tmp_path / "blue.png") as blue:
        assert grey.mode == "L"
        assert blue.convert("RGB").getpixel((0, 0)) == (0, 0, 255)


def test_a_gif_holds_every_frame(tmp_path: Path) -> None:
    frames = [*levels(0, 77, 200), np.full((4, 4, 3), (10, 20, 250), np.uint8)]
    write_frames(tmp_path / "a.gif", frames, 4, Style(fps=10))
    with Image.open(tmp_path / "a.gif") as gif:
        assert gif.size == (256, 256) and getattr(gif, "n_frames", 1) == 4
        assert gif.info["duration"] == 100 and gif.info["loop"] == 0
        for number, colour in enumerate([(0, 0, 0), (77, 77, 77), (200, 200, 200), (250, 20, 10)]):
            gif.seek(number)
            assert gif.convert("RGB").getpixel((128, 128)) == colour


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
def test_a_video_loses_no_row_or_column_of_an_odd_size(suffix: str, tmp_path: Path) -> None:
    frames = [np.full((7, 9, 3), value, np.uint8) for value in (40, 120, 200)]
    write_frames(tmp_path / f"a{suffix}", frames, 3, Style(zoom=3, fps=5))
    with VideoSource(tmp_path / f"a{suffix}") as video:
        found = list(video)
    assert [frame.shape for frame in found] == [(22, 28, 3)] * 3
    assert np.allclose([frame.mean() for frame in found], [40, 120, 200], atol=6)


def test_a_folder_gets_a_file_each(tmp_path: Path) -> None:
    write_frames(tmp_path / "out", levels(1, 2), 2, Style(zoom=2))
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["0001.png", "0002.png"]
    second = cv2.imread(str(tmp_path / "out" / "0002.png"))
    assert second is not None and np.asarray(second).shape == (8, 8, 3) and (np.asarray(second) == 2).all()


def test_what_exists_or_has_no_meaning_as_a_target_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"mine")
    for there in (tmp_path / "a.png", tmp_path):
        with pytest.raises(SinkUnavailable, match="exists"):
            check_target(there)
        check_target(there, overwrite=True)
    check_target(tmp_path / "new")
    with pytest.raises(SinkUnavailable, match=r"expected a picture .* or a folder"):
        check_target(tmp_path / "a.xyz", overwrite=True)


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


def test_sample_tells_the_seed_that_it_chose(tmp_path: Path) -> None:
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
        (["--axes", "0,1", "-o", "{}/a.png"], 2, "--axes belongs to --manifold"),
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
    assert run.returncode == 1 and "must be told a class" in run.stderr
    assert nitido(*given, "--class", "b").returncode == 0
    assert np.abs(pixels(tmp_path / "s.png")[:, :8].astype(int) - halves(208, 128)).max() <= 1


def test_what_is_no_picture_is_one_line(tmp_path: Path) -> None:
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
