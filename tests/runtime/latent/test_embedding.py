"""Folders as latents: tables, neighbours, maps, and the command ``embed``."""

from __future__ import annotations

import shutil
import sys
import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from nitido.errors import CardMismatch, FrameMismatch, SinkUnavailable, SourceUnavailable
from nitido.images.io import read_opaque
from nitido.latent.autoencoder import load_encoder
from nitido.latent.embedding import Embedding, embed_files, nearest, pictures_below
from nitido.latent.map import Plane, draw_map, plane_of, thumbnail_side
from nitido.latent.space import LatentSpace
from nitido.latent.tables import read_table, write_table
from support.commands import nitido
from support.latent_models import (
    LEVELS,
    LEVELS_Z,
    LOG_VAR,
    halves,
    write_index,
    write_latent_model,
    write_melody_model,
    write_pictures,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_pictures(tmp_path / "pictures")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_latent_model(tmp_path / "models")


def test_files_become_latents_in_their_order(folder: Path, model: Path) -> None:
    done: list[int] = []
    embedding, failed = embed_files(
        load_encoder(model, "cpu"), pictures_below(folder), below=folder, batch=3, thumbnail=6, progress=done.append
    )
    assert embedding.paths == list(LEVELS) and not failed and done == [3, 1]
    assert np.allclose(embedding.z, LEVELS_Z, atol=1e-4) and embedding.z.dtype == np.float32
    assert embedding.log_var is not None and np.allclose(embedding.log_var, LOG_VAR)
    assert embedding.model == "tiny"
    assert embedding.thumbnails is not None
    assert np.array_equal(embedding.thumbnails, [halves(*levels, 6, 6) for levels in LEVELS.values()])


def test_bad_files_are_told_and_the_others_done(folder: Path, model: Path) -> None:
    (folder / "b.png").write_text("no picture")
    (folder / "sub" / "cut.png").write_bytes((folder / "a.png").read_bytes()[:60])
    paths = [*pictures_below(folder), folder / "gone.png"]
    embedding, failed = embed_files(load_encoder(model, "cpu"), paths, below=folder, batch=2)
    assert embedding.paths == list(LEVELS) and np.allclose(embedding.z, LEVELS_Z, atol=1e-4)
    assert [path.name for path, _ in failed] == ["b.png", "cut.png", "gone.png"]
    assert ["is not a picture" in failed[0][1], "cut.png" in failed[1][1], "no such file" in failed[2][1]] == [True] * 3


def test_nothing_readable_is_an_empty_embedding(tmp_path: Path, model: Path) -> None:
    embedding, failed = embed_files(load_encoder(model, "cpu"), [tmp_path / "gone.png"])
    assert embedding.z.shape == (0, 2) and embedding.paths == [] and len(failed) == 1


def test_videos_and_hidden_files_are_left_out(folder: Path, tmp_path: Path) -> None:
    shutil.copy(folder / "a.png", folder / ".hidden.png")
    (folder / "film.mp4").write_bytes(b"film")
    (folder / "notes.txt").write_text("text")
    assert pictures_below(folder) == [folder / name for name in LEVELS]
    assert pictures_below(folder / "a.png") == [folder / "a.png"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceUnavailable, match="no pictures"):
        pictures_below(tmp_path / "empty")


def test_what_is_transparent_is_white(tmp_path: Path) -> None:
    pixels = np.array([[[0, 0, 0, 0], [0, 0, 0, 255], [0, 100, 200, 128]]], np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), pixels)
    cv2.imwrite(str(tmp_path / "deep.png"), pixels.astype(np.uint16) * 257)
    for name in ("a.png", "deep.png"):
        found = read_opaque(tmp_path / name)
        assert np.abs(found[0].astype(int) - [[255] * 3, [0] * 3, [127, 177, 227]]).max() <= 1


def test_decoded_pictures_are_not_kept(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    Image.new("RGB", (1500, 1000), (50, 50, 50)).save(tmp_path / "0.png")
    paths = [tmp_path / f"{i}.png" for i in range(24)]
    for path in paths[1:]:
        shutil.copy(paths[0], path)
    encoder = load_encoder(model, "cpu")
    tracemalloc.start()
    try:
        embedding, _ = embed_files(encoder, paths, batch=8)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(embedding.z) == 24
    assert peak < 10 * 1500 * 1000 * 3  # two that are read, copied and cut, not 24


def test_a_class_goes_for_all(folder: Path, tmp_path: Path) -> None:
    encoder = load_encoder(write_latent_model(tmp_path, "told", "cvae", labels=("a", "b")), "cpu")
    embedding, _ = embed_files(encoder, pictures_below(folder), label="b")
    assert np.allclose(embedding.z, LEVELS_Z - 1, atol=1e-4)
    with pytest.raises(FrameMismatch, match="must be told a class"):
        embed_files(encoder, pictures_below(folder))


def test_melodies_are_no_pictures(folder: Path, tmp_path: Path) -> None:
    encoder = load_encoder(write_melody_model(tmp_path), "cpu")
    with pytest.raises(FrameMismatch, match="takes melodies"):
        embed_files(encoder, pictures_below(folder))


def table() -> Embedding:
    z = np.random.default_rng(0).normal(size=(5, 12)).astype(np.float32)
    paths = ["a.png", 'with "quotes", commas.png', "línea\nnueva.png", "sub/ünïcode.png", "e"]
    return Embedding(paths, z, z * 3 - 1, "tiny")


@pytest.mark.parametrize("suffix", [".npz", ".csv", ".parquet"])
@pytest.mark.parametrize("variances", [True, False])
def test_a_table_gives_back_what_went_in(suffix: str, variances: bool, tmp_path: Path) -> None:
    given, path = table(), tmp_path / "new" / f"t{suffix}"
    write_table(path, given, variances=variances)
    found = read_table(path)
    assert found.paths == given.paths
    assert np.array_equal(found.z, given.z)
    if variances:
        assert found.log_var is not None and np.array_equal(found.log_var, np.asarray(given.log_var))
    else:
        assert found.log_var is None
    assert found.model == ("" if suffix == ".csv" else "tiny")
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_name_that_is_no_text_goes_into_every_table(tmp_path: Path) -> None:
    given = Embedding(["bad\udcff.png"], np.zeros((1, 2), np.float32))
    for suffix, found in ((".npz", "bad\udcff.png"), (".csv", "bad\udcff.png"), (".parquet", "bad\\udcff.png")):
        write_table(tmp_path / f"t{suffix}", given)
        assert read_table(tmp_path / f"t{suffix}").paths == [found]


def test_columns_are_what_was_said(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    write_table(tmp_path / "t.csv", Embedding(["a"], np.array([[0.1, 2]], np.float32)))
    assert (tmp_path / "t.csv").read_text().splitlines() == ["path,z_0,z_1", "a,0.100000001,2"]
    write_table(tmp_path / "t.parquet", table(), variances=True)
    columns = pq.read_table(tmp_path / "t.parquet")
    assert columns.column_names == ["path", *(f"z_{i}" for i in range(12)), *(f"log_var_{i}" for i in range(12))]
    assert str(columns.schema.field("z_0").type) == "float"
    write_table(tmp_path / "t.npz", table())
    with np.load(tmp_path / "t.npz") as arrays:
        assert sorted(arrays) == ["model", "paths", "z"] and str(arrays["model"]) == "tiny"


def test_columns_that_somebody_added_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("path,note,z_1,z_0\na,nice,2,1\n")
    assert read_table(tmp_path / "t.csv").z.tolist() == [[1, 2]]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", b"name,z_0\na,1\n"),
        ("t.csv", b"path,z_0\na,1,2\n"),
        ("t.csv", b"path,z_0\na,x\n"),
        ("t.csv", b"path,note\na,1\n"),
        ("t.csv", b""),
        ("t.npz", b"PK\x03\x04 cut short"),
        ("t.npz", b"\x93NUMPY\x01\x00"),
        ("t.parquet", b"PAR1"),
        ("t.txt", b"path"),
    ],
)
def test_what_is_no_table_is_told_in_one_line(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceUnavailable, match=r"t\.\w+ is not a table of latents|expected a table") as error:
        read_table(tmp_path / name)
    assert "\n" not in str(error.value)


def test_a_missing_pyarrow_is_named_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_table(tmp_path / "t.parquet", table())
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    for kind, act in ((SinkUnavailable, lambda p: write_table(p, table())), (SourceUnavailable, read_table)):
        with pytest.raises(kind, match=r"pip install 'nitido\[parquet\]'"):
            act(tmp_path / "t.parquet")


def test_variances_that_there_are_not_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SinkUnavailable, match="gives no variances"):
        write_table(tmp_path / "t.npz", Embedding(["a"], np.zeros((1, 2), np.float32), None, "plain"), variances=True)


def space(mean: list[float], std: list[float]) -> LatentSpace:
    return LatentSpace("s", "vae", "picture", 2, np.array(mean, np.float32), np.array(std, np.float32), "none", 8, 8)


def test_neighbours_by_distance_and_by_direction() -> None:
    embedding = Embedding(["near", "far", "other"], np.array([[1, 1.1], [9, 9], [1, -1]], np.float32))
    there, query = space([0, 0], [1, 1]), np.array([[2, 2]], np.float32)
    by_distance = nearest(embedding, query, there, 2)
    assert [n.path for n in by_distance] == ["near", "other"]
    assert np.allclose([n.distance for n in by_distance], [np.hypot(1, 0.9), 10**0.5])
    by_direction = nearest(embedding, query, there, 8, "cosine")
    assert [n.path for n in by_direction] == ["far", "near", "other"]
    assert np.allclose([n.distance for n in by_direction], [0, 1 - 2.1 / 2**0.5 / np.hypot(1, 1.1), 1], atol=1e-6)
    with pytest.raises(FrameMismatch, match="metric"):
        nearest(embedding, query, there, 2, "taxi")


def test_axes_count_by_how_far_they_usually_vary() -> None:
    embedding = Embedding(["a", "b"], np.array([[3.0, 0.0], [0.0, 1.0]], np.float32))
    query = np.zeros(2, np.float32)
    assert nearest(embedding, query, space([0, 0], [1, 1]))[0].path == "b"
    assert nearest(embedding, query, space([0, 0], [10, 1]))[0].path == "a"  # 0.3 and 1 standard deviations
    # An axis that the model does not use varies by next to nothing: that is not blown up to count as much.
    assert nearest(embedding, query, space([0, 0], [1, 1e-6]))[0].path == "a"
    quiet = Embedding(["a", "b"], np.array([[3.0, 0.0], [0.0, 0.01]], np.float32))
    assert nearest(quiet, query, space([0, 0], [1, 1e-6]))[0].path == "b"


def test_latents_of_another_model_have_no_neighbours_here() -> None:
    there, query = space([0, 0], [1, 1]), np.zeros(2, np.float32)
    for other in (
        Embedding(["a"], np.zeros((1, 2), np.float32), None, "t"),
        Embedding(["a"], np.zeros((1, 3), np.float32)),
    ):
        with pytest.raises(CardMismatch, match="expected latents of 2 numbers by s"):
            nearest(other, query, there)


def test_a_plane_is_the_latents_or_their_widest_directions() -> None:
    rng = np.random.default_rng(0)
    flat = rng.normal(size=(50, 2))
    assert np.array_equal(plane_of(flat).points, flat) and plane_of(flat).titles == ("z_0", "z_1")
    assert plane_of(flat[:, :1]).points[:, 1].any() == np.False_
    # Three spread directions turned into ten axes come out again, the widest first.
    turned, _ = np.linalg.qr(rng.normal(size=(10, 10)))
    inner = rng.normal(size=(400, 3)) * [10, 4, 1]
    plane = plane_of(inner @ turned[:3] + 7)
    expected = np.abs(inner - inner.mean(axis=0))
    assert np.corrcoef(np.abs(plane.points[:, 0]), expected[:, 0])[0, 1] > 0.99
    assert np.corrcoef(np.abs(plane.points[:, 1]), expected[:, 1])[0, 1] > 0.98
    assert plane.titles[0].startswith("component 1, 8") and plane.titles[1].startswith("component 2, 1")
    for wrong in (np.zeros((0, 3)), np.zeros(3), np.full((2, 3), np.nan)):
        with pytest.raises(FrameMismatch, match="finite latents"):
            plane_of(wrong)


@pytest.mark.parametrize("z", [np.zeros((1, 5)), np.ones((4, 2)), np.ones((3, 1)), np.full((2, 3), 1e30)])
def test_points_that_are_all_one_still_make_a_map(z: np.ndarray) -> None:
    picture = draw_map(plane_of(z), np.full((len(z), 16, 16, 3), (1, 2, 3), np.uint8))
    assert (picture == (1, 2, 3)).all(axis=2).sum() == 16 * 16  # one is shown, on nobody


def test_thumbnails_stand_where_their_latents_are_and_hide_no_other() -> None:
    rng = np.random.default_rng(1)
    points = rng.uniform(-3, 3, (600, 2))
    colours = np.stack([np.arange(600) % 256, np.arange(600) // 256 + 100, np.full(600, 7)], axis=1).astype(np.uint8)
    picture = draw_map(Plane(points, ("z_0", "z_1")), np.broadcast_to(colours[:, None, None], (600, 32, 32, 3)))
    whose = np.full(picture.shape[:2], -1)
    marked = picture[..., 2] == 7
    whose[marked] = picture[marked].astype(int) @ [1, 256, 0] - 25600
    shown, sizes = np.unique(whose[marked], return_counts=True)
    assert 150 < len(shown) < 600
    assert (sizes == 32 * 32).all()  # none is partly hidden
    middles = [(x.mean(), -y.mean()) for y, x in (np.nonzero(whose == i) for i in shown[:30])]
    shown = shown[:30]
    # Places in the picture are those in the plane, in one measure for both axes.
    measure = np.polyfit(points[shown, 0], [x for x, _ in middles], 1)[0]
    assert np.allclose(np.diff(middles, axis=0), np.diff(points[shown], axis=0) * measure, atol=1.1)


def test_groups_have_their_colours(tmp_path: Path) -> None:
    plane = Plane(np.array([[0.0, 0.0], [5.0, 3.0]]), ("z_0", "z_1"))
    plain, grouped = draw_map(plane), draw_map(plane, groups=["cats", "dogs"])

    def is_coloured(picture: np.ndarray) -> bool:
        return bool((picture.max(axis=2).astype(int) - picture.min(axis=2) > 60).any())

    assert not is_coloured(plain) and is_coloured(grouped)
    assert not is_coloured(draw_map(plane, groups=["same", "same"]))
    with pytest.raises(FrameMismatch, match="expected 2 groups"):
        draw_map(plane, groups=["one"])


def test_the_more_pictures_the_smaller_their_thumbnails() -> None:
    assert thumbnail_side(10) > thumbnail_side(900) > thumbnail_side(40_000)
    assert 40_000 * thumbnail_side(40_000) ** 2 * 3 < 150e6


def test_embed_writes_a_table_and_a_map(folder: Path, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for name in ("l.parquet", "l.npz", "l.csv"):
        run = nitido("embed", folder, "--model", model, "-o", out / name, "--plot", out / f"{name}.png", "--variances")
        assert run.returncode == 0, run.stderr
        assert f"4 latents of 2 numbers -> {out / name}" in run.stdout
        found = read_table(out / name)
        assert found.paths == list(LEVELS) and np.allclose(found.z, LEVELS_Z, atol=1e-4)
        assert found.log_var is not None
    picture = read_opaque(out / "l.csv.png")
    for level in (10, 20, 200, 40, 60, 220):  # each thumbnail is there, a half of 64×32 pixels and its soft edge
        assert (picture == level).all(axis=2).sum() > 64 * 32 - 64 * 4


def test_embed_reports_bad_files_and_exits_so(folder: Path, model: Path, tmp_path: Path) -> None:
    (folder / "bad.png").write_text("no picture")
    run = nitido("embed", folder, "--model", model, "-o", tmp_path / "l.npz")
    assert run.returncode == 1
    failures = [line for line in run.stderr.splitlines() if line.startswith("failed:")]
    assert len(failures) == 1 and failures[0].startswith(f"failed: {folder}/bad.png is not a picture")
    assert "4 done, 1 failed" in run.stderr and read_table(tmp_path / "l.npz").paths == list(LEVELS)
    only = nitido("embed", folder, "--model", model, "-o", tmp_path / "m.npz", "--include", "bad.png")
    assert only.returncode == 1 and not (tmp_path / "m.npz").exists() and "Traceback" not in only.stderr
    good = nitido("embed", folder, "--model", model, "-o", tmp_path / "n.npz", "--exclude", "bad.png")
    assert good.returncode == 0


def test_embed_prints_what_is_alike_from_a_folder_and_from_a_table(folder: Path, model: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "like.png"), halves(195, 45))
    like = ["--like", tmp_path / "like.png", "-k", 2, "--model", model]
    run = nitido("embed", folder, *like, "-o", tmp_path / "l.csv")
    assert run.returncode == 0 and "euclidean" in run.stdout
    lines = run.stdout.splitlines()[-2:]
    assert [line.split()[1] for line in lines] == ["sub/b.png", "z.png"]
    assert float(lines[0].split()[0]) == pytest.approx(np.hypot(5, 5) / 40, abs=1e-3)
    again = nitido("embed", tmp_path / "l.csv", *like)
    assert again.returncode == 0 and again.stdout.splitlines()[-2:] == lines
    assert "cosine" in nitido("embed", tmp_path / "l.csv", *like, "--metric", "cosine").stdout
    run = nitido("embed", tmp_path / "l.csv", "--like", tmp_path / "like.png")
    assert run.returncode == 2 and "add --model" in run.stderr


def test_a_table_becomes_another_table_and_a_map(folder: Path, model: Path, tmp_path: Path) -> None:
    nitido("embed", folder, "--model", model, "-o", tmp_path / "l.npz")
    run = nitido("embed", tmp_path / "l.npz", "-o", tmp_path / "l.parquet", "--plot", tmp_path / "map.png")
    assert run.returncode == 0, run.stderr
    assert read_table(tmp_path / "l.parquet").model == "tiny"
    assert min(read_opaque(tmp_path / "map.png").shape[:2]) > 700
    run = nitido("embed", tmp_path / "l.npz", "-o", tmp_path / "v.csv", "--variances")
    assert run.returncode == 1 and "gives no variances" in run.stderr


def test_embed_uses_the_default_model(
    folder: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_latent_model(model.parent, "other", "autoencoder")
    write_index(model.parent, "tiny", "other", default="other")
    monkeypatch.setenv("NITIDO_MODELS", str(model.parent))
    run = nitido("embed", folder, "-o", tmp_path / "l.npz")
    assert run.returncode == 0 and "other on cpu" in run.stderr and read_table(tmp_path / "l.npz").model == "other"
    run = nitido("embed", folder, "-o", tmp_path / "v.npz", "--variances")
    assert run.returncode == 1 and "other gives no variances" in run.stderr


def test_a_map_of_an_earlier_run_is_not_one_of_the_pictures(folder: Path, model: Path) -> None:
    for _ in range(2):
        run = nitido("embed", folder, "--model", model, "--plot", folder / "map.png", "--overwrite")
        assert run.returncode == 0 and "map of 4" in run.stdout, run.stderr


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ([], 2, "nothing to do"),
        (["-o", "{}/l.xlsx"], 1, "expected a table, .csv, .npz, .parquet"),
        (["-o", "{}/l.npz", "--plot", "{}/map.pdf"], 1, "expected a name ending in"),
        (["-o", "{}/there.npz"], 1, "exists; choose another name"),
        (["--like", "{}/gone.png"], 1, "no such file"),
        (["-o", "{}/l.npz", "--class", "a"], 1, "knows no classes"),
        (["-o", "{}/l.npz", "--include", "*.gif"], 1, "no pictures"),
    ],
)
def test_what_embed_cannot_do_is_one_line(
    folder: Path, model: Path, tmp_path: Path, options: list[str], code: int, message: str
) -> None:
    (tmp_path / "there.npz").write_bytes(b"mine")
    before = sorted(tmp_path.rglob("*"))
    run = nitido("embed", folder, "--model", model, *[option.format(tmp_path) for option in options])
    errors = [line for line in run.stderr.splitlines() if line and not line.startswith("tiny on")]
    assert run.returncode == code and message in run.stderr
    assert code == 2 or len(errors) == 1
    assert sorted(tmp_path.rglob("*")) == before and (tmp_path / "there.npz").read_bytes() == b"mine"


def test_a_model_from_frame_to_image_has_no_latents(folder: Path, tiny_models: dict[str, Path], tmp_path: Path) -> None:
    run = nitido("embed", folder, "--model", tiny_models["denoise"], "-o", tmp_path / "l.npz")
    assert run.returncode == 1 and len(run.stderr.splitlines()) == 1
    assert "is a model for 'denoise', expected the encoder of a latent model; models at hand with one:" in run.stderr
