"""Anomalies on pictures whose heat can be worked out: the model returns, for each pixel, the mean of its 5×5."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto

from nitido.anomaly.heatmap import draw_heatmap
from nitido.anomaly.inspector import find_regions, open_inspector
from nitido.anomaly.reconstruction import Reconstruction
from nitido.anomaly.stage import InspectionStage, Sighting
from nitido.anomaly.threshold import PROPERTY, Measure, Threshold, fit_threshold, write_fitted
from nitido.errors import CardMismatch, FrameMismatch, ModelNotFound, SourceUnavailable
from nitido.inference.verify import verify
from nitido.live.state import Captured, Controls
from nitido.model_file.properties import read_properties, with_properties
from nitido.video.io import VideoSink
from nitido_export.graph.writer import GraphWriter
from support.latent_models import halves, write, write_latent_model, write_melody_model
from support.paths import ROOT

SPOT = (slice(30, 33), slice(50, 53))


def nitido(*arguments: object, stdin: Path | None = None) -> subprocess.CompletedProcess[str]:
    code = "from nitido.cli.main import main; main()"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    with stdin.open("rb") if stdin else nullcontext() as given:
        return subprocess.run(command, stdin=given, capture_output=True, text=True, timeout=120, check=False)


def write_smoothing_model(path: Path, task: str = "reconstruct") -> Path:
    """A model from frame to image, any size: each pixel becomes the mean of the 5×5 around it."""
    w = GraphWriter()
    frame = w.input("frame", TensorProto.UINT8, ["N", "H", "W", 3])
    planes = w.op("Transpose", [w.op("Cast", [frame], "levels", to=TensorProto.FLOAT)], "planes", perm=[0, 3, 1, 2])
    means = w.op("AveragePool", [planes], "means", kernel_shape=[5, 5], pads=[2, 2, 2, 2])
    rounded = w.op("Cast", [w.op("Round", [means], "whole")], "bytes", to=TensorProto.UINT8)
    w.op("Transpose", [rounded], "image", perm=[0, 2, 3, 1])
    w.output("image", TensorProto.UINT8, ["N", "H", "W", 3])
    write(w.model(), path, task, {})
    return path


def good_picture(shade: int = 100, height: int = 64, width: int = 96) -> NDArray[np.uint8]:
    """A gentle slope from left to right."""
    row = np.linspace(shade, shade + 40, width).astype(np.uint8)
    return np.repeat(np.repeat(row[None, :, None], height, axis=0), 3, axis=2)


def faulty_picture(shade: int = 100) -> NDArray[np.uint8]:
    picture = good_picture(shade)
    picture[SPOT] = 250
    return picture


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_smoothing_model(tmp_path / "models" / "smooth.onnx")


@pytest.fixture
def good(tmp_path: Path) -> Path:
    folder = tmp_path / "good"
    folder.mkdir()
    for shade in range(40, 140, 10):
        cv2.imwrite(str(folder / f"{shade}.png"), good_picture(shade))
    return folder


@pytest.fixture
def part(model: Path, tmp_path: Path) -> Path:
    """The model with a threshold."""
    reconstruction = Reconstruction(model, "cpu")
    threshold = fit_threshold(reconstruction, [good_picture(shade) for shade in range(40, 140, 10)])
    (written,) = write_fitted(reconstruction, threshold, tmp_path / "part.onnx")
    return written


def test_stamped_metadata_is_there_once_and_the_rest_unchanged(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    plain = tiny_models["denoise"].read_bytes()
    once = with_properties(plain, {"nitido.note": '"first"', "nitido.summary": '"of my own"'})
    twice = with_properties(once, {"nitido.note": '"ünd"'})
    before, after = onnx.load_from_string(plain), onnx.load_from_string(twice)
    keys = [entry.key for entry in after.metadata_props]
    assert sorted(keys) == sorted({*keys}) and len(keys) == len(before.metadata_props) + 1
    assert (
        read_properties(twice)["nitido.note"] == '"ünd"' and read_properties(twice)["nitido.summary"] == '"of my own"'
    )
    assert after.graph == before.graph and list(after.opset_import) == list(before.opset_import)
    restored = with_properties(twice, {"nitido.note": None, "nitido.summary": read_properties(plain)["nitido.summary"]})
    assert read_properties(restored) == {
        **read_properties(plain),
        "nitido.seal": read_properties(restored)["nitido.seal"],
    }


def test_a_stamped_model_is_sealed_anew(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "stamped.onnx"
    path.write_bytes(with_properties(tiny_models["denoise"].read_bytes(), {PROPERTY: "{}"}))
    assert verify(path, "cpu").passed
    path.write_bytes(path.read_bytes().replace(b'"mean_tolerance": 0.35', b'"mean_tolerance": 9.35'))
    assert verify(path, "cpu").intact is False


@pytest.mark.parametrize("damage", [b"\xff" * 40, b"\x0a\x7fshort", b"\x0b\x01"])
def test_what_is_no_model_is_not_stamped(damage: bytes) -> None:
    with pytest.raises(CardMismatch, match="no ONNX model"):
        with_properties(damage, {PROPERTY: "{}"})


def test_a_fault_is_hot_where_it_is(part: Path) -> None:
    inspect = open_inspector(part, "cpu")
    assert not inspect(good_picture(75)).anomalous
    found = inspect(faulty_picture(75))
    assert found.anomalous and found.score > 5 * found.threshold.score
    row, column = np.unravel_index(int(found.heat.argmax()), found.heat.shape)
    assert SPOT[0].start - 3 <= row < SPOT[0].stop + 3 and SPOT[1].start - 3 <= column < SPOT[1].stop + 3
    (region,) = found.regions
    assert region.x <= SPOT[1].start and region.x + region.width >= SPOT[1].stop
    assert region.y <= SPOT[0].start and region.y + region.height >= SPOT[0].stop
    assert region.width < 20 and region.height < 20


def test_heat_is_the_root_mean_square_difference(model: Path) -> None:
    picture = np.full((21, 21, 3), 100, np.uint8)
    picture[10, 10] = 200
    heat = Measure(blur=1).heat(Reconstruction(model, "cpu")(picture))
    assert heat[10, 10] == pytest.approx(96) and heat[8, 12] == pytest.approx(4) and heat[0, 0] == 0
    whole = Measure(blur=1, pool="mean")
    assert whole.score(whole.heat(Reconstruction(model, "cpu")(picture))) == pytest.approx(
        np.sqrt((96**2 + 24 * 4**2) / 21**2), rel=1e-4
    )
    assert Measure(blur=3).heat(Reconstruction(model, "cpu")(picture))[10, 10] == pytest.approx(
        np.sqrt((96**2 + 8 * 4**2) / 9), rel=1e-4
    )


def test_the_threshold_is_the_quantile_and_its_margin(model: Path) -> None:
    reconstruction, pictures = Reconstruction(model, "cpu"), []
    for number in range(10):
        pictures.append(good_picture())
        pictures[-1][30, 30] += np.uint8(10 * (number + 1))
    scores = [Measure().score(Measure().heat(reconstruction(p))) for p in pictures]
    threshold = fit_threshold(reconstruction, pictures, quantile=0.5, margin=0.2)
    assert threshold.score == pytest.approx(1.2 * sorted(scores)[5], abs=1e-3)  # the larger of the two in the middle
    assert threshold.pictures == 10 and threshold.enough == 2 and threshold.size == (64, 96)
    assert threshold.mean == pytest.approx(np.mean(scores), abs=1e-3)
    assert Threshold.from_text(threshold.to_text(), "here") == threshold
    with pytest.raises(SourceUnavailable, match="found 1"):
        fit_threshold(reconstruction, pictures[:1])


def test_regions_are_separate_and_the_hottest_first() -> None:
    heat = np.zeros((60, 80), np.float32)
    heat[5:9, 10:14] = 50
    heat[40:42, 60:70] = 90
    heat[44, 66] = 70  # two pixels away: the same fault
    heat[20, 20] = 9  # below the limit
    assert [tuple(region) for region in find_regions(heat, 10.0)] == [(60, 40, 10, 5, 90.0), (10, 5, 4, 4, 50.0)]


def test_a_model_that_cannot_be_used_says_what_to_do(
    model: Path, part: Path, tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(CardMismatch, match="nitido anomaly fit GOOD"):
        open_inspector(model, "cpu")
    with pytest.raises(CardMismatch, match="'denoise', expected one for 'reconstruct'"):
        Reconstruction(tiny_models["denoise"], "cpu")
    with pytest.raises(ModelNotFound, match="nitido models"):
        Reconstruction(tmp_path / "nothing", "cpu")
    with pytest.raises(CardMismatch, match="melodies"):
        Reconstruction(write_melody_model(tmp_path), "cpu")
    with pytest.raises(FrameMismatch, match="2×4"):
        open_inspector(part, "cpu")(np.zeros((2, 4), np.uint8))
    part.write_bytes(with_properties(part.read_bytes(), {PROPERTY: '{"score": 3}'}))
    with pytest.raises(CardMismatch, match="fit it again"):
        open_inspector(part, "cpu")


def test_the_two_halves_of_an_autoencoder_inspect_pictures_of_any_size(tmp_path: Path) -> None:
    """The model knows pictures of two grey halves; the middle of a wide picture is what it looks at."""
    reconstruction = Reconstruction(write_latent_model(tmp_path, kind="autoencoder"), "cpu")
    pictures = [halves(left, right) for left in (60, 120, 180) for right in (90, 150)]
    threshold = fit_threshold(reconstruction, pictures)
    assert threshold.measure.pool == "mean"
    files = write_fitted(reconstruction, threshold, tmp_path / "part.onnx")
    assert [file.name for file in files] == ["part.encoder.onnx", "part.decoder.onnx"]
    inspect = open_inspector(tmp_path / "part", "cpu")
    wide = np.zeros((80, 160, 3), np.uint8)
    wide[:, 40:120] = halves(60, 150, 80, 80)
    assert not inspect(wide).anomalous
    wide[30:50, 90:110] = 0
    found = inspect(wide)
    assert found.anomalous and found.heat.shape == (80, 160)
    assert found.heat[:, :40].max() == found.heat[:, 120:].max() == 0
    hottest = found.regions[0]
    assert 80 <= hottest.x + hottest.width / 2 <= 120 and 20 <= hottest.y + hottest.height / 2 <= 60


def test_the_heat_map_shows_the_fault_and_leaves_the_picture(part: Path) -> None:
    picture = cv2.resize(faulty_picture(), (480, 320), interpolation=cv2.INTER_NEAREST)
    kept = picture.copy()
    view = draw_heatmap(np.asarray(picture, np.uint8), open_inspector(part, "cpu")(np.asarray(picture, np.uint8)))
    assert np.array_equal(picture, kept) and view.shape == picture.shape
    colourful = view.astype(int).max(axis=2) - view.astype(int).min(axis=2)
    assert colourful[150:166, 250:266].max() > 60  # the spot
    assert colourful[200:, :200].max() <= 2  # the ground keeps its grey


def test_fit_and_check_from_the_command_line(model: Path, good: Path, tmp_path: Path) -> None:
    part, out = tmp_path / "part.onnx", tmp_path / "heat"
    (good / "text.png").write_text("not a picture")
    fitted = nitido("anomaly", "fit", good, "--model", model, "-o", part, "--device", "cpu")
    assert fitted.returncode == 0, fitted.stderr
    assert "10 good pictures" in fitted.stdout and "too few" not in fitted.stdout
    assert "left out" in fitted.stderr and "better are 100" in fitted.stderr
    assert "exists" in nitido("anomaly", "fit", good, "--model", model, "-o", part).stderr

    (good / "text.png").unlink()
    checked = nitido("anomaly", "check", good, "--model", part, "--device", "cpu")
    assert checked.returncode == 0 and "10 ok" in checked.stderr
    cv2.imwrite(str(good / "85.png"), faulty_picture(85))
    checked = nitido("anomaly", "check", good, "--model", part, "-o", out, "--anomalies-only", "--json")
    assert checked.returncode == 3
    rows = [json.loads(line) for line in checked.stdout.splitlines()]
    assert [row["verdict"] for row in rows].count("anomaly") == 1 and len(rows) == 11
    (bad,) = (row for row in rows if row["verdict"] == "anomaly")
    assert bad["file"] == str(good / "85.png") and bad["heatmap"] == str(out / "85.png.png")
    assert bad["score"] > bad["threshold"] and bad["regions"][0]["x"] in range(44, 54)
    assert [path.name for path in out.iterdir()] == ["85.png.png"]


def test_what_cannot_be_checked_is_told_and_the_rest_checked(part: Path, good: Path, tmp_path: Path) -> None:
    (good / "cut.png").write_bytes((good / "40.png").read_bytes()[:60])
    table, named = tmp_path / "table.csv", tmp_path / "heat.png"
    cv2.imwrite(str(good / "bad.png"), faulty_picture())
    checked = nitido("anomaly", "check", good, tmp_path / "missing.png", "--model", part, "--csv", table)
    assert checked.returncode == 1 and "10 ok, 1 anomalies, 2 failed" in checked.stderr
    assert checked.stdout.count("ANOMALY") == 1 and "no such file" in checked.stderr
    with table.open(newline="") as file:
        rows = {Path(row["file"]).name: row for row in csv.DictReader(file)}
    assert len(rows) == 13 and rows["cut.png"]["verdict"] == "failed" and "decoded" in rows["cut.png"]["error"]
    assert rows["bad.png"]["x"].isdecimal() and rows["40.png"]["x"] == ""
    again = nitido("anomaly", "check", good / "bad.png", "--model", part, "--csv", table)
    assert again.returncode == 1 and "exists" in again.stderr
    one = nitido("anomaly", "check", good / "bad.png", "--model", part, "-o", named, "--csv", table, "--overwrite")
    assert one.returncode == 3 and cv2.imread(str(named)) is not None


def test_a_clip_is_watched_frame_by_frame(part: Path, tmp_path: Path) -> None:
    clip, view = tmp_path / "clip.avi", tmp_path / "view.mp4"
    with VideoSink(clip, 10) as sink:
        for number in range(9):
            sink.write(faulty_picture() if 3 <= number < 6 or number == 7 else good_picture())
    common = ("anomaly", "live", "--source", clip, "--model", part, "--every-frame", "--device", "cpu")
    watched = nitido(*common, "--sink", view, "--json")
    rows = [json.loads(line) for line in watched.stdout.splitlines()]
    assert watched.returncode == 3, watched.stderr
    assert [row["frame"] for row in rows] == list(range(9))
    assert [row["frame"] for row in rows if row["verdict"] == "anomaly"] == [3, 4, 5, 7]
    assert "9 frames inspected, 4 of them anomalies" in watched.stderr and view.stat().st_size > 0
    steady = nitido(*common, "--sink", "none", "--steady", "2", "--json", "--changes")
    rows = [json.loads(line) for line in steady.stdout.splitlines()]
    assert [(row["frame"], row["steady"]) for row in rows] == [(1, "ok"), (4, "anomaly")]
    first = nitido(*common, "--sink", "none", "--until-anomaly")
    assert first.returncode == 3 and "ANOMALY" in first.stdout and "frames inspected" in first.stderr
    assert int(first.stderr.split(" frames inspected")[0].split()[-1]) < 9


def test_a_clip_without_faults_is_all_good(part: Path, tmp_path: Path) -> None:
    clip = tmp_path / "clip.avi"
    with VideoSink(clip, 10) as sink:
        for _ in range(4):
            sink.write(good_picture())
    watched = nitido("anomaly", "live", "--source", clip, "--model", part, "--every-frame", "--sink", "none")
    assert watched.returncode == 0, watched.stderr
    assert watched.stdout.count("ok") == 1  # the first verdict; none changes it


def test_the_documented_example_runs(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (ROOT / "docs/guide/anomaly.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    write_smoothing_model(tmp_path / "part-n.onnx")
    cv2.imwrite("photo.png", faulty_picture())
    exec(compile(example, "docs/guide/anomaly.md", "exec", dont_inherit=True), {"__name__": "__example__"})
    assert capsys.readouterr().out.startswith("anomaly")
    assert shows_the_entry(tmp_path / "part.onnx", text)


def shows_the_entry(part: Path, text: str) -> bool:
    """Whether the documentation shows the entry as it is."""
    (shown,) = re.findall(r'^({"score".*?"pool": "peak"}})$', text, re.DOTALL | re.MULTILINE)
    return json.loads(shown).keys() == json.loads(read_properties(part.read_bytes())[PROPERTY]).keys()


def test_a_verdict_changes_when_frames_agree(part: Path) -> None:
    marks = "..x.xx.x..xxx"
    told: list[Sighting] = []
    stage = InspectionStage(open_inspector(part, "cpu"), told.append, steady=2)
    stage.warm_up(*good_picture().shape[:2], Controls())
    assert not told and stage.seen == 0  # a black frame is an anomaly, but nobody's
    for index, mark in enumerate(marks):
        frame = faulty_picture() if mark == "x" else good_picture()
        result = stage(Captured(frame, index, float(index)), Controls())
        assert result.frame.shape == frame.shape and result.rung == stage.name
    assert [sighting.index for sighting in told] == list(range(len(marks)))
    assert "".join("x" if sighting.anomalous else "." for sighting in told) == ".....xxxx..xx"
    assert [sighting.index for sighting in told if sighting.changed] == [1, 5, 9, 11]
    assert (stage.seen, stage.anomalies) == (13, marks.count("x"))


def test_a_bypassed_frame_is_not_inspected(part: Path) -> None:
    told: list[Sighting] = []
    stage, controls = InspectionStage(open_inspector(part, "cpu"), told.append), Controls()
    controls.bypass = True
    frame = faulty_picture()
    assert stage(Captured(frame, 0, 0.0), controls).frame is frame and not told


def test_a_clip_in_a_pipe_has_no_black_frame_before_it(part: Path, tmp_path: Path) -> None:
    frames = [good_picture(), good_picture()]
    (tmp_path / "raw").write_bytes(b"".join(frame.tobytes() for frame in frames))
    size = f"{frames[0].shape[1]}x{frames[0].shape[0]}"
    common = ("anomaly", "live", "--source", "-", "--size", size, "--model", part, "--sink", "none", "--json")
    watched = nitido(*common, "--every-frame", stdin=tmp_path / "raw")
    assert [json.loads(line)["frame"] for line in watched.stdout.splitlines()] == [0, 1], watched.stderr
    assert watched.returncode == 0
