"""``nitido embed`` as it is typed."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from nitido.images.io import read_opaque
from nitido.latent.tables import read_table
from support.commands import nitido
from support.latent_models import (
    LEVELS,
    LEVELS_Z,
    halves,
    write_index,
    write_latent_model,
    write_pictures,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_pictures(tmp_path / "pictures")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_latent_model(tmp_path / "models")


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
    assert run.returncode == 2 and "name it with --model" in run.stderr


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


def test_a_map_can_be_a_page(folder: Path, model: Path, tmp_path: Path) -> None:
    run = nitido("embed", folder, "--model", model, "--plot", tmp_path / "map.html")
    assert run.returncode == 0, run.stderr
    text = (tmp_path / "map.html").read_text("utf-8")
    assert "map of 4 pictures" in run.stdout and "data:image/jpeg;base64," in text and "http" not in text
    again = nitido("embed", folder, "--model", model, "--plot", tmp_path / "map.html")
    assert again.returncode == 1 and "exists" in again.stderr
