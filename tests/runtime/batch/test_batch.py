from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from nitido import __version__ as nitido_version
from nitido.batch.engine import LocalEngine, Settings
from nitido.batch.journal import NAME, Journal, State
from nitido.batch.plan import SUFFIXES, Job, PlanMismatch, plan_jobs
from nitido.batch.run import Batch, producer_of, run_jobs, units
from nitido.batch.watch import Arrivals
from nitido.errors import SinkUnavailable, SourceUnavailable
from nitido.images.io import read_picture
from nitido.inference.model import load
from nitido.model_file import zoo
from nitido.system.memory_budget import MemoryBudget
from nitido.system.search import Filter, left_out
from support.batch_files import command, crops, nitido
from support.paths import ROOT


def names(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("[!.]*.*"))


# --- plan


def test_folders_keep_their_paths_and_globs_choose(tmp_path: Path) -> None:
    for name in ("a.jpg", "raw/b.png", "raw/deep/c.tif", ".hidden/d.jpg", "._a.jpg", "note.txt"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text("")
    out = tmp_path / "out"

    def planned(*include: str, exclude: tuple[str, ...] = (), kind: str | None = None) -> list[str]:
        jobs = plan_jobs([tmp_path / "in"], out, Filter(include, exclude), kind)
        return [job.target.relative_to(out).as_posix() for job in jobs]

    assert planned() == ["a.jpg", "raw/b.png", "raw/deep/c.tif"]
    assert planned("*.jpg", "*.png") == ["a.jpg", "raw/b.png"]
    assert planned("raw/*", exclude=("c.*",)) == ["raw/b.png"]
    assert planned(kind="webp") == ["a.webp", "raw/b.webp", "raw/deep/c.webp"]
    assert planned(kind="jpeg")[0] == "a.jpg"
    with pytest.raises(SourceUnavailable, match="--include and --exclude leave"):
        planned("*.bmp")


def test_results_inside_the_folder_are_not_sources(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "a.jpg").write_text("")
    (tmp_path / "out" / "a.jpg").write_text("")
    assert [job.source.name for job in plan_jobs([tmp_path], tmp_path / "out")] == ["a.jpg"]
    with pytest.raises(PlanMismatch, match="is the folder that is read"):
        plan_jobs([tmp_path], tmp_path)


def test_two_inputs_of_one_target_are_told_and_one_is_done(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    for folder in ("one", "two"):
        crops(tmp_path / folder, 1)
    (tmp_path / "one" / "sub" / "0000.png").write_bytes((tmp_path / "one" / "sub" / "0000.jpg").read_bytes())
    arguments = ["-o", tmp_path / "out", "--model", tiny_models["denoise"], "--format", "png"]
    run = nitido("denoise", tmp_path / "one", tmp_path / "two", tmp_path / "one", *arguments)
    assert run.returncode == 1
    failed = [line for line in run.stderr.splitlines() if line.startswith("failed")]
    assert len(failed) == 2
    assert all("is where the result of" in line and "one/sub/0000" in line for line in failed)
    assert names(tmp_path / "out") == ["sub/0000.png"]


def test_pictures_of_other_kinds_are_told_and_what_is_none_is_not(setting, tmp_path: Path) -> None:
    source, out, model = setting
    (source / "scans").mkdir()
    others = ("a.gif", "b.GIF", "sub/c.heic", "scans/d.wmv", "e.cr2")
    for name in (*others, ".hidden.gif", "notes.txt", "e.xmp", "Thumbs.db", "page.xml"):
        (source / name).write_text("")
    told = "left out, not pictures or videos that this version reads: 2 .gif, 1 .cr2, 1 .heic, 1 .wmv"
    assert nitido("denoise", source, "-o", out, *model, "--dry-run").stdout.splitlines()[-1] == told
    run = nitido("denoise", source, source / "sub", "-o", out, *model)  # the inner folder's file is one all the same
    assert run.returncode == 0 and run.stdout.splitlines()[-1] == told
    chosen = nitido("denoise", source, "-o", out, *model, "--exclude", "*.[gG][iI][fF]", "--exclude", "*.wmv")
    assert chosen.stdout.splitlines()[-1].endswith("reads: 1 .cr2, 1 .heic")
    assert "left out" not in nitido("denoise", source, "-o", out, *model, "--include", "*.jpg").stdout
    assert (
        left_out([source / "a.gif"], SUFFIXES, outside=out) == {}
    )  # named by the user, it fails with a line of its own
    for path in source.rglob("*.[jp][pn]g"):
        path.unlink()
    with pytest.raises(SourceUnavailable, match=f"no pictures or videos in .*; {told}"):
        plan_jobs([source], out)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{in}", "{in}", "-o", "{tmp}/x.png"], "expected a folder for several inputs"),
        (["{in}", "-o", "{in}"], "is the folder that is read"),
        (["{in}/0001.png", "-o", "{in}/0001.png"], "would replace its own source"),
        (["{in}/0001.png", "-o", "{tmp}/x.png", "--format", "jpeg"], "does not name a jpeg file"),
        (["{in}", "-o", "{tmp}/out", "--lossless"], "jpeg cannot be lossless"),
        (["{in}", "-o", "{tmp}/x.png", "--watch"], "--watch needs a folder"),
        (["{in}", "-o", "{tmp}/out", "--quality", "0"], "quality"),
    ],
)
def test_wrong_usage_is_exit_code_2(
    tiny_models: dict[str, Path], tmp_path: Path, arguments: list[str], said: str
) -> None:
    crops(tmp_path / "in", 3)
    places = {"in": tmp_path / "in", "tmp": tmp_path}
    run = nitido("denoise", *[a.format(**places) for a in arguments], "--model", tiny_models["denoise"])
    assert run.returncode == 2
    assert said in run.stderr
    assert not (tmp_path / "out").exists()


# --- journal


@pytest.fixture
def setting(tiny_models: dict[str, Path], tmp_path: Path) -> tuple[Path, Path, list[object]]:
    crops(tmp_path / "in", 6)
    return tmp_path / "in", tmp_path / "out", ["--model", tiny_models["denoise"]]


def test_results_of_another_strength_or_model_are_not_taken_for_done(setting) -> None:
    source, out, model = setting
    assert "6 done" in nitido("denoise", source, "-o", out, *model).stdout
    full = (out / "0001.png").read_bytes()
    assert "6 skipped (done before)" in nitido("denoise", source, "-o", out, *model).stdout
    assert "6 done" in nitido("denoise", source, "-o", out, *model, "--strength", 0.5).stdout
    assert (out / "0001.png").read_bytes() != full
    assert "6 done" in nitido("run", source, "-o", out, "--model", "denoise-n", "--quality", 80).stdout
    assert "6 skipped (done before)" in nitido("run", source, "-o", out, "--model", "denoise-n", "--quality", 80).stdout


def test_a_changed_source_is_done_again_and_the_others_are_not(setting) -> None:
    source, out, model = setting
    nitido("denoise", source, "-o", out, *model)
    cv2.imwrite(str(source / "0001.png"), np.zeros((9, 9, 3), np.uint8))
    assert "1 done, 0 failed, 5 skipped" in nitido("denoise", source, "-o", out, *model).stdout
    assert read_picture(out / "0001.png").pixels.shape == (9, 9, 3)


def test_files_of_somebody_else_are_kept_unless_asked(setting) -> None:
    source, out, model = setting
    nitido("denoise", source, "-o", out, *model)
    (out / "0001.png").write_text("edited by hand")
    (out / "0002.jpg").unlink()
    run = nitido("denoise", source, "-o", out, *model, "--strength", 0.5)
    assert "5 done, 0 failed, 1 skipped (result exists; --overwrite replaces it)" in run.stdout
    assert (out / "0001.png").read_text() == "edited by hand"
    assert "6 done" in nitido("denoise", source, "-o", out, *model, "--overwrite").stdout
    assert read_picture(out / "0001.png").pixels.shape == (48, 48, 3)


def test_a_result_of_another_source_is_kept(setting, tmp_path: Path) -> None:
    source, out, model = setting
    nitido("denoise", source, "-o", out, *model)
    other = tmp_path / "elsewhere"
    other.mkdir()
    cv2.imwrite(str(other / "0001.png"), np.zeros((9, 9, 3), np.uint8))
    assert "1 skipped (result exists" in nitido("denoise", other, "-o", out, *model).stdout
    assert read_picture(out / "0001.png").pixels.shape == (48, 48, 3)


def test_a_failed_file_is_tried_again(setting) -> None:
    source, out, model = setting
    good = (source / "0001.png").read_bytes()
    (source / "0001.png").write_bytes(good[:100])
    assert nitido("denoise", source, "-o", out, *model).returncode == 1
    (source / "0001.png").write_bytes(good)
    run = nitido("denoise", source, "-o", out, *model)
    assert "1 done, 0 failed, 5 skipped" in run.stdout and run.returncode == 0


def test_a_second_run_into_the_same_folder_waits_outside(setting) -> None:
    pytest.importorskip("fcntl", reason="no locks on this system")
    source, out, model = setting
    with Journal(out):
        run = nitido("denoise", source, "-o", out, *model)
    assert run.returncode == 1
    assert "another nitido run is writing into" in run.stderr
    assert names(out) == []


def test_dry_run_tells_and_touches_nothing(setting) -> None:
    source, out, model = setting
    run = nitido("denoise", source, "-o", out, *model, "--dry-run")
    assert run.returncode == 0 and not out.exists()
    assert run.stdout.count("would write ") == 6
    nitido("denoise", source, "-o", out, *model)
    (out / "0001.png").write_text("edited")
    before = {p: p.stat().st_mtime_ns for p in out.rglob("*")}
    again = nitido("denoise", source, "-o", out, *model, "--strength", 0.5, "--dry-run").stdout
    assert (again.count("would replace "), again.count("would keep ")) == (5, 1)
    assert nitido("denoise", source, "-o", out, *model, "--dry-run").stdout.count("done before ") == 5
    assert {p: p.stat().st_mtime_ns for p in out.rglob("*")} == before


def test_lines_of_threads_are_all_whole(tmp_path: Path, tiny_models: dict[str, Path]) -> None:
    maker = producer_of(load(tiny_models["denoise"], "cpu"), Settings())
    sources = [tmp_path / f"{i}.png" for i in range(64)]
    for path in sources:
        path.write_text(path.name)
    with Journal(tmp_path / "out") as journal:
        journal.begin(maker, overwrite=False)

        def add(paths: list[Path]) -> None:
            from nitido.batch.journal import version_of

            for path in paths:
                stamp = version_of(path)
                assert stamp is not None
                journal.done(path, stamp, tmp_path / "out" / path.name, path, maker)

        threads = [threading.Thread(target=add, args=(sources[i::4],)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    lines = [json.loads(line) for line in (tmp_path / "out" / NAME).read_text().splitlines()]
    assert sorted(line["target"] for line in lines if line["status"] == "done") == sorted(p.name for p in sources)


def test_a_single_file_leaves_no_journal(setting, tmp_path: Path) -> None:
    source, _, model = setting
    target = tmp_path / "alone" / "x.png"
    assert nitido("denoise", source / "0001.png", "-o", target, *model).returncode == 0
    assert [p.name for p in target.parent.iterdir()] == ["x.png"]


# --- running


def test_the_order_and_number_of_workers_do_not_matter(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    crops(tmp_path / "in", 12)
    model = load(tiny_models["upscale"], "cpu")
    results: list[dict[str, bytes]] = []
    for workers in (1, 5):
        out = tmp_path / str(workers)
        jobs = plan_jobs([tmp_path / "in"], out)
        report = run_jobs(model, jobs, Settings(workers=workers))
        assert len(report.done) == 12 and not report.failed and not report.stopped
        results.append({name: (out / name).read_bytes() for name in names(out)})
    assert results[0] == results[1]


def test_a_surprise_in_one_file_does_not_end_the_others(
    tiny_models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = crops(tmp_path / "in", 6)
    model, settings = load(tiny_models["denoise"], "cpu"), Settings()
    engine = LocalEngine(model, settings)

    class Surprising:
        place, workers = "here", 3

        def __call__(self, job: Job):
            if job.source == paths[1]:
                raise ZeroDivisionError("who would have thought")
            return engine(job)

    report = run_jobs(model, plan_jobs([tmp_path / "in"], tmp_path / "out"), settings, engine=Surprising())
    assert len(report.done) == 5
    assert [path for path, _ in report.failed] == [paths[1]]
    assert "ZeroDivisionError" in report.failed[0][1]


def test_progress_counts_files_and_frames(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    crops(tmp_path / "in", 3)
    writer = cv2.VideoWriter(str(tmp_path / "in" / "clip.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for i in range(7):
        writer.write(np.full((48, 64, 3), 30 * i, np.uint8))
    writer.release()
    (tmp_path / "in" / "bad.jpg").write_text("bad")
    jobs = plan_jobs([tmp_path / "in"], tmp_path / "out")
    seen: list[int] = []
    report = run_jobs(load(tiny_models["denoise"], "cpu"), jobs, progress=seen.append)
    assert (len(report.done), len(report.failed)) == (4, 1)
    assert sum(seen) == units(jobs) == 3 + 7 + 1


def test_a_budget_is_never_exceeded_and_nobody_waits_for_ever() -> None:
    budget, most, lock = MemoryBudget(100), 0, threading.Lock()
    done: list[int] = []

    def use(amount: int) -> None:
        nonlocal most
        for _ in range(50):
            with budget.reserve(amount), lock:
                most = max(most, budget.used)
        done.append(amount)

    threads = [threading.Thread(target=use, args=(amount,)) for amount in (10, 20, 60, 100, 500)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(done) == [10, 20, 60, 100, 500]
    assert 0 < most <= 100 and budget.used == 0


def test_provenance_names_the_model_unless_unwanted(setting) -> None:
    source, out, model = setting
    nitido("denoise", source / "0002.jpg", source / "0001.png", "-o", out, *model)
    with Image.open(out / "0002.jpg") as jpeg, Image.open(out / "0001.png") as png:
        software = jpeg.getexif()[0x0131]
        assert png.info["Software"] == software
    digest = hashlib.sha256(Path(str(model[1])).read_bytes()).hexdigest()
    assert software == f"nitido {nitido_version}, denoise, sha256 {digest[:12]}"
    nitido("denoise", source, "-o", out, *model, "--no-provenance")
    assert b"nitido" not in (out / "0002.jpg").read_bytes()
    assert b"nitido" not in (out / "0001.png").read_bytes()


def test_a_picture_of_1_bit_becomes_grey(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    page = np.zeros((40, 50), bool)
    page[10:20] = True
    for name, compression in (("page.tif", "group4"), ("page.png", None)):
        Image.fromarray(page).save(tmp_path / name, compression=compression)
        run = nitido("denoise", tmp_path / name, "-o", tmp_path / "out", "--model", tiny_models["denoise"])
        assert run.returncode == 0, run.stderr
        with Image.open(tmp_path / "out" / name) as result:
            assert (result.mode, result.size) == ("L", (50, 40))


def test_report_holds_every_file(setting, tmp_path: Path) -> None:
    source, out, model = setting
    (source / "bad.webp").write_text("bad")
    (source / "moving.GIF").write_text("not read")
    out.mkdir()
    (out / "0001.png").write_text("kept")
    run = nitido("denoise", source, "-o", out, *model, "--report", tmp_path / "r.json")
    report = json.loads((tmp_path / "r.json").read_text())
    assert run.returncode == 1
    assert (len(report["done"]), len(report["skipped"]), len(report["resumed"])) == (5, 1, 0)
    assert report["failed"][0]["source"].endswith("bad.webp") and "not a picture" in report["failed"][0]["reason"]
    assert report["stopped"] is None and report["left_out"] == {".gif": 1}
    assert report["model"] and len(report["sha256"]) == 64 and report["options"]["strength"] == 1.0


def test_a_model_file_is_found_by_its_bare_name(
    tiny_models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = crops(tmp_path / "in", 2)[1]
    for name in ("mine.ort", "denoise"):
        (tmp_path / name).write_bytes(tiny_models["upscale"].read_bytes())
    monkeypatch.chdir(tmp_path)
    assert zoo.find("mine.ort") == Path("mine.ort")
    run = nitido("run", source, "-o", tmp_path / "x.png", "--model", "./denoise")  # the file, not the shipped model
    assert run.returncode == 0, run.stderr
    assert read_picture(tmp_path / "x.png").pixels.shape == (96, 96, 3)
    assert zoo.find("denoise").parent != Path()
    assert "no such model file: other.ort" in nitido("denoise", source, "-o", "x.png", "--model", "other.ort").stderr


def test_run_takes_a_model_of_any_task(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    crops(tmp_path / "in", 2)
    for task, side in (("denoise", 48), ("upscale", 96)):
        out = tmp_path / task
        assert nitido("run", tmp_path / "in", "-o", out, "--model", tiny_models[task]).returncode == 0
        assert read_picture(out / "0001.png").pixels.shape == (side, side, 3)


# --- stopping


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_cleanly_and_the_same_command_goes_on(setting, number: int, code: int, tmp_path: Path) -> None:
    source, out, model = tmp_path / "many", *setting[1:]
    crops(source, 300)
    arguments = ["denoise", source, "-o", out, *model, "--report", tmp_path / "r.json"]
    process = subprocess.Popen(command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and len(names(out)) < 5:
        time.sleep(0.005)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == code, said
    assert "Interrupted" in said and "Traceback" not in said
    report = json.loads((tmp_path / "r.json").read_text())
    done = names(out)
    assert 5 <= len(done) < 300
    assert sorted(Path(p).relative_to(out).as_posix() for p in report["done"]) == done
    assert report["stopped"] == "interrupted"
    rest = nitido(*arguments)
    assert f"{300 - len(done)} done, 0 failed, {len(done)} skipped (done before)" in rest.stdout


def test_a_stopped_video_leaves_nothing(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    writer = cv2.VideoWriter(str(tmp_path / "in.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for i in range(20):
        writer.write(np.full((48, 64, 3), 10 * i, np.uint8))
    writer.release()
    frames: list[int] = []
    report = run_jobs(
        load(tiny_models["denoise"], "cpu"),
        [Job(tmp_path / "in.avi", tmp_path / "out" / "x.avi")],
        stopping=lambda: len(frames) >= 3,
        progress=frames.append,
    )
    assert report.stopped == "interrupted" and not report.done and not report.failed
    assert list((tmp_path / "out").iterdir()) == []


# --- watching


def test_an_arriving_file_is_taken_once_it_stops_growing(tmp_path: Path) -> None:
    arrivals = Arrivals(lambda: plan_jobs([tmp_path], tmp_path / "out"))
    assert arrivals.ready() == []  # an empty folder is no error while one waits
    path = tmp_path / "a.png"
    path.write_bytes(b"half")
    assert arrivals.ready() == []
    path.write_bytes(b"half and more")
    assert arrivals.ready() == []
    assert [job.source for job in arrivals.ready()] == [path]
    assert arrivals.ready() == []
    path.write_bytes(b"something new")
    os.utime(path, ns=(1, 1))
    assert arrivals.ready() == []
    assert [job.source for job in arrivals.ready()] == [path]


def test_watch_does_what_arrives_until_it_is_stopped(setting) -> None:
    source, out, model = setting
    arguments = ["denoise", source, "-o", out, *model, "--watch", "--poll", 0.05]
    process = subprocess.Popen(command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def wait_for(count: int) -> None:
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline and len(names(out)) < count:
            time.sleep(0.01)

    wait_for(6)
    cv2.imwrite(str(source / "late.png"), np.zeros((9, 9, 3), np.uint8))
    (source / "bad.png").write_text("bad")
    wait_for(7)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    told, said = process.communicate(timeout=60)
    assert process.returncode == 1, said  # one failed
    assert "7 done, 1 failed" in told
    assert said.count("failed: ") == 1 and "bad.png is not a picture" in said
    assert f"done {out / 'late.png'}" in told


# --- sound


def test_a_video_keeps_its_sound(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    import shutil

    if not shutil.which("ffmpeg") or not shutil.which("ffprobe"):
        pytest.skip("needs ffmpeg")
    clip = tmp_path / "clip.mp4"
    made = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=1"]
    made += ["-f", "lavfi", "-i", "sine=duration=1", "-c:v", "mpeg4", "-c:a", "aac", str(clip)]
    subprocess.run(made, check=True, capture_output=True)
    run = nitido("denoise", clip, "-o", tmp_path / "out", "--model", tiny_models["denoise"])
    assert run.returncode == 0, run.stderr
    probe = ["ffprobe", "-v", "error", "-show_entries", "stream=codec_type,nb_frames", "-of", "csv=p=0"]
    found = subprocess.run([*probe, str(tmp_path / "out" / "clip.mp4")], check=True, capture_output=True, text=True)
    streams = found.stdout.split()
    assert "video,10" in streams and any(line.startswith("audio,") for line in streams)
    assert names(tmp_path / "out") == ["clip.mp4"]
    assert not [p for p in (tmp_path / "out").iterdir() if "silent" in p.name]


def test_states_without_a_journal(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "there.png").write_text("")
    jobs = [Job(tmp_path / "a.png", tmp_path / "there.png"), Job(tmp_path / "a.png", tmp_path / "new.png")]
    model = load(tiny_models["denoise"], "cpu")
    assert [state for _, state in Batch(model).sort(jobs)] == [State.KEPT, State.OPEN]
    overwriting = Batch(model, Settings(overwrite=True))
    assert [state for _, state in overwriting.sort(jobs)] == [State.OPEN, State.OPEN]


def test_a_journal_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkUnavailable, match="cannot write"), Journal(tmp_path / "file" / "out"):
        pass


def test_the_documented_program_runs(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs/guide/batch.md").read_text(encoding="utf-8")
    code = page.split("```python\n")[1].split("```")[0]
    photos.rename(photos.parent / "scans")
    monkeypatch.chdir(photos.parent)
    exec(compile(code, "docs/guide/batch.md", "exec", dont_inherit=True), {"__name__": "__example__"})
    assert len(names(photos.parent / "out")) == 3


def test_videos_that_can_only_be_read_get_another_ending(tmp_path: Path) -> None:
    (tmp_path / "clip.webm").write_text("")
    (job,) = plan_jobs([tmp_path], tmp_path / "out")
    assert (job.target.name, job.problem) == ("clip.mp4", "")
    (tmp_path / "clip.mp4").write_text("")
    assert [bool(job.problem) for job in plan_jobs([tmp_path], tmp_path / "out")] == [False, True]  # one name for two
