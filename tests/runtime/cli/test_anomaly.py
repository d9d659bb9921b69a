"""``nitido anomaly`` as it is typed."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
from numpy.random import default_rng

from nitido.video.writer import VideoSink
from support.anomaly_models import faulty_picture, good_picture
from support.commands import nitido, nitido_process
from support.product_line import plate, write_line_model


def test_fit_and_check_from_the_command_line(smoothing_model: Path, good: Path, tmp_path: Path) -> None:
    part, out = tmp_path / "part.onnx", tmp_path / "heat"
    (good / "text.png").write_text("not a picture")
    fitted = nitido("anomaly", "fit", good, "--model", smoothing_model, "-o", part, "--device", "cpu")
    assert fitted.returncode == 0, fitted.stderr
    assert "10 good pictures" in fitted.stdout and "too few" not in fitted.stdout
    assert "left out" in fitted.stderr and "better are 100" in fitted.stderr
    assert "exists" in nitido("anomaly", "fit", good, "--model", smoothing_model, "-o", part).stderr

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


def test_what_cannot_be_checked_is_reported_and_the_rest_checked(part: Path, good: Path, tmp_path: Path) -> None:
    (good / "cut.png").write_bytes((good / "40.png").read_bytes()[:60])
    table, named = tmp_path / "table.csv", tmp_path / "heat.png"
    cv2.imwrite(str(good / "bad.png"), faulty_picture())
    checked = nitido("anomaly", "check", good, tmp_path / "missing.png", "--model", part, "--csv", table)
    assert checked.returncode == 1 and "10 ok, 1 anomaly, 2 failed" in checked.stderr
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
    assert "9 frames inspected, 4 anomalies among them" in watched.stderr and view.stat().st_size > 0
    steady = nitido(*common, "--sink", "none", "--steady", "2", "--json", "--changes")
    rows = [json.loads(line) for line in steady.stdout.splitlines()]
    assert [(row["frame"], row["steady"]) for row in rows] == [(1, "ok"), (4, "anomaly")]
    first = nitido(*common, "--sink", "none", "--until-anomaly")
    assert first.returncode == 3 and "ANOMALY" in first.stdout and " inspected, " in first.stderr
    assert int(first.stderr.split(" frame")[0].split()[-1]) < 9


def test_a_clip_without_faults_is_all_good(part: Path, tmp_path: Path) -> None:
    clip = tmp_path / "clip.avi"
    with VideoSink(clip, 10) as sink:
        for _ in range(4):
            sink.write(good_picture())
    watched = nitido("anomaly", "live", "--source", clip, "--model", part, "--every-frame", "--sink", "none")
    assert watched.returncode == 0, watched.stderr
    assert watched.stdout.count("ok") == 1  # the first verdict; none changes it


def test_a_clip_in_a_pipe_has_no_black_frame_before_it(part: Path, tmp_path: Path) -> None:
    frames = [good_picture(), good_picture()]
    (tmp_path / "raw").write_bytes(b"".join(frame.tobytes() for frame in frames))
    size = f"{frames[0].shape[1]}x{frames[0].shape[0]}"
    common = ("anomaly", "live", "--source", "-", "--size", size, "--model", part, "--sink", "none", "--json")
    with (tmp_path / "raw").open("rb") as given:
        watched = nitido_process(*common, "--every-frame", stdin=given)
    assert [json.loads(line)["frame"] for line in watched.stdout.splitlines()] == [0, 1], watched.stderr
    assert watched.returncode == 0


def test_check_alarms_when_the_product_was_swapped(smoothing_model: Path, tmp_path: Path) -> None:
    line, folder, rng = write_line_model(smoothing_model, tmp_path / "line.onnx"), tmp_path / "in", default_rng(4)
    folder.mkdir()
    for number in range(60):
        swapped = number >= 30
        cv2.imwrite(str(folder / f"{number:02}.png"), plate(rng, holes=0 if swapped else 3))
    common = ("anomaly", "check", folder, "--model", line, "--drift", "--drift-window", "20")
    checked = nitido(*common, "--json")
    rows = [json.loads(line) for line in checked.stdout.splitlines()]
    assert checked.returncode == 4, checked.stderr
    assert {row["verdict"] for row in rows} == {"ok"}  # a bare plate is nearer to what the model returns
    assert [row["drift"] for row in rows[:19]] == [None] * 19 and not rows[29]["drift"]["alarm"]
    assert rows[-1]["drift"]["alarm"] and rows[-1]["drift"]["median"] < rows[-1]["drift"]["fitted_median"]
    assert rows[-1]["drift"]["distance"] > rows[-1]["drift"]["limit"]
    told = nitido(*common)
    (alarm,) = (line for line in told.stdout.splitlines() if "DRIFT" in line)
    assert str(folder) in alarm and "drift: ALARM; the alarm went on 1 time; distance" in told.stderr
    for path in sorted(folder.iterdir())[30:]:
        path.unlink()
    still = nitido(*common)
    assert still.returncode == 0 and "drift: none" in still.stderr
    short = nitido("anomaly", "check", folder, "--model", line, "--drift")
    assert short.returncode == 0 and "drift: not tested, only 30 of the necessary 50 scores" in short.stderr


def test_live_alarms_at_a_drift_and_needs_scores_at_fitting(
    smoothing_model: Path, part: Path, good: Path, tmp_path: Path
) -> None:
    line, clip, rng = write_line_model(smoothing_model, tmp_path / "line.onnx"), tmp_path / "clip.mkv", default_rng(4)
    with VideoSink(clip, 10) as sink:  # lossless
        for number in range(80):
            sink.write(plate(rng, light=1.0 if number < 40 else 0.5))
    common = ("anomaly", "live", "--source", clip, "--sink", "none", "--every-frame", "--drift")
    counting = ("--drift-window", "10", "--drift-every", "2")
    watched = nitido(*common, *counting, "--model", line, "--json", "--changes")
    rows = [json.loads(line) for line in watched.stdout.splitlines()]
    assert watched.returncode == 4, watched.stderr
    assert 40 <= rows[-1]["frame"] < 60 and rows[-1]["drift"]["alarm"] and not rows[-1]["frame"] % 2
    told = nitido(*common, *counting, "--model", line)
    assert told.returncode == 4 and " s  DRIFT     at frame " in told.stdout and "drift: ALARM" in told.stderr
    few = nitido(*common, "--model", part)
    assert few.returncode == 1 and "needs at least 20 scores from the fitting" in few.stderr and str(part) in few.stderr


def test_a_report_compares_good_bad_and_other_sets(smoothing_model: Path, good: Path, tmp_path: Path) -> None:
    bad, noise = tmp_path / "bad", tmp_path / "noise"
    bad.mkdir()
    noise.mkdir()
    for shade in (45, 90):
        cv2.imwrite(str(bad / f"{shade}.png"), faulty_picture(shade))
    cv2.imwrite(str(noise / "a.png"), default_rng(0).integers(0, 256, (64, 96, 3), "uint8"))
    sheet = tmp_path / "sheet.png"
    command = ("anomaly", "report", noise, "--model", smoothing_model, "--good", good, "--bad", bad)
    shown = nitido(*command, "-o", sheet, "--json", "--device", "cpu")
    assert shown.returncode == 0, shown.stderr
    found = json.loads(shown.stdout)
    assert found["auroc"] == 1.0 and found["threshold"] is None
    assert [(s["role"], s["pictures"], s["auroc"]) for s in found["sets"]] == [
        ("good", 10, None),
        ("other", 1, 1.0),
        ("bad", 2, 1.0),
    ]
    picture = cv2.imread(str(sheet))
    assert picture is not None and picture.std() > 10
    (good / "text.png").write_text("not a picture")
    text = nitido(*command)
    assert text.returncode == 1 and "text.png" in text.stderr
    assert "AUROC of all bad pictures against all good ones: 1.0000" in text.stdout
