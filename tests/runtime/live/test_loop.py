from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from nitido.errors import FrameMismatch, SinkClosed, SinkUnavailable, SourceUnavailable
from nitido.frames import Frame
from nitido.inference.model import Model, load
from nitido.live.ladder import Rung, plan_rungs
from nitido.live.loop import run
from nitido.live.mailbox import Mailbox
from nitido.live.pacing import PacedWriter, Pacer
from nitido.live.sinks import Viewer
from nitido.live.stage import LadderStage
from nitido.live.state import Controls, Shot, Status
from nitido.live.variants import open_variants
from support.live_fakes import FakeClock, FakeModel, FakeSource, ListSink, fake_model, frame
from support.waiting import WAIT, reached, threads_left, until


def test_the_newest_item_wins_and_putting_never_waits() -> None:
    box: Mailbox[int] = Mailbox()
    assert all(box.put(i) for i in range(5))
    assert (box.take(), box.dropped) == (4, 4)
    assert box.take(timeout=0) is None
    box.put(7)
    box.close()
    assert not box.put(8)
    assert not box.over and box.take() == 7 and box.over and box.take() is None


def test_a_lossless_mailbox_waits_until_the_place_is_free_or_closed() -> None:
    box: Mailbox[int] = Mailbox(lossless=True)
    results: list[bool] = []
    thread = threading.Thread(target=lambda: results.extend(box.put(i) for i in range(4)), daemon=True)
    thread.start()
    assert [box.take(WAIT) for _ in range(3)] == [0, 1, 2]
    thread.join(WAIT)
    assert box.take(WAIT) == 3 and box.dropped == 0
    box.put(0)
    waiting = threading.Thread(target=lambda: results.append(box.put(1)), daemon=True)
    waiting.start()
    box.close()
    waiting.join(WAIT)
    assert results == [True] * 4 + [False]


def test_under_overload_the_next_frame_is_the_newest_and_never_one_of_a_queue() -> None:
    seen: list[int] = []
    arrived = threading.Event()

    def frames() -> Iterator[Frame]:
        yield frame(0)
        reached(inside)
        yield from (frame(value) for value in range(1, 60))  # all while the model is at work
        arrived.set()

    inside = threading.Event()

    def work(item: Frame) -> None:
        seen.append(int(item[0, 0, 0]))
        if len(seen) == 2:  # the first is the warm-up
            inside.set()
            reached(arrived)

    with FakeSource(frames()) as source, ListSink() as sink:
        report = run(source, fake_model(work), sink)
    assert seen == [0, 0, 59]
    assert sink.values[-1] == 60
    assert report.captured == 60 == report.shown + report.dropped and report.ended == "source ended"


def test_a_slow_sink_gets_the_newest_result_too() -> None:
    done = threading.Event()

    def frames() -> Iterator[Frame]:
        yield frame(0)
        reached(writing)
        for value in range(1, 40):
            before = model.calls
            yield frame(value)
            until(lambda: model.calls > before)  # noqa: B023 (called at once)
        done.set()

    writing = threading.Event()

    def write(_frame: Frame) -> None:
        writing.set()
        reached(done)

    model = FakeModel()
    with FakeSource(frames()) as source, ListSink(work=write) as sink:
        report = run(source, model, sink)  # type: ignore[arg-type]
    assert sink.values[0] == 1 and sink.values[-1] == 40 and len(sink.values) <= 4
    assert report.shown + report.dropped == report.captured == 40


def test_every_frame_keeps_each_in_order_however_slow_the_sink() -> None:
    with FakeSource((frame(i) for i in range(100)), fps=1000.0, live=False) as source, ListSink() as sink:
        report = run(source, fake_model(), sink, fps=30, every_frame=True)
    assert sink.values == list(range(1, 101))
    assert (report.dropped, report.changes) == (0, ())


def test_a_clip_is_paced_by_its_rate_and_a_sink_with_a_rate_gets_every_moment() -> None:
    with FakeSource((frame(i) for i in range(12)), fps=200.0, live=False) as source, ListSink(fps=200.0) as sink:
        report = run(source, fake_model(), sink)
    assert len(sink.frames) >= 12  # a dropped frame, or a late one on a busy machine, is made up for by repeats
    assert report.shown + report.dropped == 12
    assert sink.values == sorted(sink.values) and sink.values[-1] == 12


def test_missing_moments_are_filled_with_the_frame_that_was_shown_then() -> None:
    sink = ListSink()
    writer = PacedWriter(sink, Pacer(10))
    for value, moment in ((1, 0.0), (2, 0.1), (3, 0.5), (4, 0.52)):
        writer.write(frame(value), moment)
    assert sink.values == [1, 2, 2, 2, 2, 3]


def test_the_frame_that_came_while_the_model_warmed_up_is_taken_first() -> None:
    warming, arrived = threading.Event(), threading.Event()

    def frames() -> Iterator[Frame]:
        yield frame(1)
        reached(warming)
        yield frame(2)
        arrived.set()

    def work(_frame: Frame) -> None:
        warming.set()
        reached(arrived)

    with FakeSource(frames()) as source, ListSink() as sink:
        report = run(source, fake_model(work), sink)
    assert sink.values == [3]
    assert (report.captured, report.shown, report.dropped) == (2, 1, 1)


def slow_at_first(seen: list[tuple[str, tuple[int, ...]]], name: str, clock: FakeClock) -> Callable[[Frame], None]:
    """Work that takes long at the first frame of each size, as a session's does; notes in ``seen`` what it is given."""

    def work(item: Frame) -> None:
        if (name, item.shape) not in seen:
            clock.seconds += 0.3
        seen.append((name, item.shape))

    return work


@pytest.mark.parametrize("fps", [None, 200.0])
def test_a_clip_begins_with_its_first_frame_however_long_the_models_warm_up(fps: float | None) -> None:
    seen: list[tuple[str, tuple[int, ...]]] = []
    before: list[tuple[str, tuple[int, ...]]] = []
    clock = FakeClock()
    models = [fake_model(slow_at_first(seen, name, clock), name=name) for name in ("m", "m.int8")]
    sink = ListSink(fps=200.0, work=lambda _frame: None if before else before.extend(seen))
    with FakeSource((frame(i) for i in range(6)), fps=200.0, live=False) as source, sink:
        report = run(source, models if fps else models[0], sink, fps=fps, clock=clock)
    assert sink.values[0] == 1 and len(sink.values) == 6
    assert report.captured == 6 and report.changes == ()
    assert clock.seconds > 0.2 and report.p95_ms < 1  # the warming up is no delay of the first frame
    whole, half = (12, 16, 3), (6, 8, 3)
    lighter = [("m.int8", whole), ("m.int8", half)] if fps else []
    assert before == [("m", whole), *lighter, ("m", whole)]  # each once, then the first frame


def test_a_source_that_knows_its_size_finds_the_model_warm() -> None:
    class Camera(FakeSource):
        frame_size = (16, 12)

    warmed = threading.Event()

    def frames() -> Iterator[Frame]:
        reached(warmed)  # the camera takes longer to start than the model
        yield frame(4)

    seen: list[int] = []

    def work(item: Frame) -> None:
        seen.append(int(item[0, 0, 0]))
        warmed.set()

    with Camera(frames()) as source, ListSink() as sink:
        report = run(source, fake_model(work), sink)
    assert seen == [0, 4]  # a black one, then the first and no other
    assert (sink.values, report.dropped) == ([5], 0)


@pytest.mark.parametrize("stopped", [False, True])
def test_a_run_that_ends_while_its_clip_waits_for_the_model_leaves_no_thread(stopped: bool) -> None:
    controls, before = Controls(), threading.enumerate()

    def work(_frame: Frame) -> None:
        if not stopped:
            raise FrameMismatch("odd")
        controls.stop()
        reached(source.closed)  # the run ends while the model is at work

    with FakeSource(endless(), fps=10.0, live=False) as source, ListSink() as sink:
        if stopped:
            assert run(source, fake_model(work), sink, controls=controls).ended == "stopped"
        else:
            with pytest.raises(FrameMismatch, match="odd"):
                run(source, fake_model(work), sink)
    assert not threads_left(before)


def test_too_slow_a_model_is_replaced_by_the_faster_and_the_report_says_so() -> None:
    changed, clock = threading.Event(), FakeClock()

    def frames() -> Iterator[Frame]:
        while not changed.is_set():
            taken = slow.calls + fast.calls
            yield frame(1)
            until(lambda: slow.calls + fast.calls > taken)  # noqa: B023 (called at once)

    def take_long(_frame: Frame) -> None:
        clock.seconds += 0.01

    def watch(status: Status) -> None:
        if status.rung == "m.int8":
            changed.set()

    slow, fast = FakeModel(take_long, name="m"), FakeModel(name="m.int8")
    models = cast(list[Model], [slow, fast])
    with FakeSource(frames()) as source, ListSink() as sink:
        report = run(source, models, sink, fps=1000, progress=watch, clock=clock)
    assert [(change.before, change.after) for change in report.changes] == [("m", "m.int8")]
    assert report.rungs["m"] >= 1 and report.rungs["m.int8"] >= 1


def test_bypass_and_strength_take_effect_while_it_runs() -> None:
    controls = Controls()

    def frames() -> Iterator[Frame]:
        yield frame(10)
        until(lambda: len(sink.frames) == 1)
        controls.bypass = True
        yield frame(20)
        until(lambda: len(sink.frames) == 2)
        controls.bypass, controls.strength = False, 0.0
        yield frame(30)

    sink = ListSink()
    with FakeSource(frames()) as source:
        report = run(source, fake_model(), sink, controls=controls)
    assert sink.values == [11, 20, 30]
    assert report.rungs == {"fake": 2, "bypass": 1}


def endless() -> Iterator[Frame]:
    value = 0
    while True:
        yield frame(value)
        value += 1


def test_stopping_ends_the_run_and_all_its_threads() -> None:
    controls, before = Controls(), threading.enumerate()
    with FakeSource(endless()) as source, ListSink(work=lambda _f: controls.stop()) as sink:
        report = run(source, fake_model(), sink, controls=controls)
        assert source.closed.is_set()  # a source that waits for its camera must not wait on
    assert report.ended == "stopped" and report.shown == 1
    assert not threads_left(before)


def refuse(error: Exception) -> None:
    raise error


@pytest.mark.parametrize("where", ["source", "model", "sink"])
def test_a_failure_anywhere_comes_out_of_run_after_all_threads_ended(where: str) -> None:
    errors = {
        "source": SourceUnavailable("gone"),
        "model": FrameMismatch("odd"),
        "sink": SinkUnavailable("full"),
    }

    def failing() -> Iterator[Frame]:
        yield frame(1)
        raise errors["source"]

    before = threading.enumerate()
    frames = failing() if where == "source" else endless()
    model = fake_model(lambda _f: refuse(errors["model"]) if where == "model" else None)
    sink = ListSink(work=lambda _f: refuse(errors["sink"]) if where == "sink" else None)
    with FakeSource(frames) as source, pytest.raises(type(errors[where]), match=str(errors[where])):
        run(source, model, sink)
    assert not threads_left(before)


def test_a_sink_whose_reader_has_gone_ends_the_run_well() -> None:
    with FakeSource(endless()) as source:
        report = run(source, fake_model(), ListSink(work=lambda _f: refuse(SinkClosed("the reader has gone"))))
    assert report.ended == "the reader has gone"


class Screen(ListSink):
    """A viewer that remembers what it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.shots: list[tuple[Shot, Status]] = []
        self.idled = threading.Event()

    def show(self, shot: Shot, status: Status, controls: Controls) -> None:
        self.shots.append((shot, status))

    def idle(self, controls: Controls) -> None:
        self.idled.set()


def test_a_viewer_gets_before_and_after_with_the_status_and_is_called_while_idle() -> None:
    def frames() -> Iterator[Frame]:
        yield frame(5)
        reached(screen.idled)
        yield frame(6)

    screen = Screen()
    assert isinstance(screen, Viewer) and not isinstance(ListSink(), Viewer)
    with FakeSource(frames()) as source:
        run(source, fake_model(), screen)
    (shot, status), *_ = screen.shots
    assert (shot.before[0, 0, 0], shot.after[0, 0, 0]) == (5, 6)
    assert (status.size, status.shown, status.rung) == ((16, 12), 1, "fake")
    assert screen.frames == []


def test_a_camera_that_comes_back_with_another_size_keeps_the_size_of_the_recording() -> None:
    def frames() -> Iterator[Frame]:
        yield frame(5)
        until(lambda: len(sink.frames) == 1)
        yield frame(6, (32, 24))

    sink = ListSink()
    with FakeSource(frames()) as source:
        run(source, fake_model(), sink)
    assert [item.shape for item in sink.frames] == [(12, 16, 3)] * 2


CLEAN = np.full((60, 80, 3), 120, np.uint8)
CLEAN[:, 40:] = 180


def noisy_frame() -> Frame:
    rng = np.random.default_rng(1)
    return np.clip(CLEAN + rng.normal(0, 15, CLEAN.shape), 0, 255).astype(np.uint8)


def test_half_size_is_close_to_the_whole_for_the_shipped_denoiser() -> None:
    given = noisy_frame()
    restore = LadderStage([load("denoise", "cpu")]).restore
    full, half, _, through = plan_rungs(["m"])
    whole, halved = (restore(given, rung) for rung in (full, half))
    error = [float(np.abs(item.astype(float) - CLEAN).mean()) for item in (given, whole, halved)]
    assert error[1] < error[2] < 0.25 * error[0]  # measured: 11.9, 1.4, 1.8
    assert restore(given, through) is given
    assert np.array_equal(restore(given, half, 0.0), given)


def test_passthrough_of_an_upscaler_has_the_size_of_its_results(tiny_models: dict[str, Path]) -> None:
    restore = LadderStage([load(tiny_models["upscale"], "cpu")]).restore
    assert restore(noisy_frame(), Rung("through", None)).shape == restore(noisy_frame(), Rung("m", 0)).shape


def test_variants_are_the_int8_beside_a_file_and_a_broken_one_is_left_out(
    tiny_models: dict[str, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = tiny_models["denoise"].read_bytes()
    for name in ("mine.onnx", "mine.int8.onnx", "other.onnx"):
        (tmp_path / name).write_bytes(data)
    mine = str(tmp_path / "mine.onnx")
    assert [m.path.name for m in open_variants(mine, "cpu")] == ["mine.onnx", "mine.int8.onnx"]
    assert [m.path.name for m in open_variants(mine, "cpu", faster=False)] == ["mine.onnx"]
    (tmp_path / "mine.int8.onnx").write_bytes(b"not a model")
    assert [m.path.name for m in open_variants(mine, "cpu")] == ["mine.onnx"]
    assert "left out the variant" in caplog.text
    (tmp_path / "mine.int8.onnx").write_bytes(tiny_models["upscale"].read_bytes())  # another task
    assert len(open_variants(mine, "cpu")) == 1


def test_variants_of_an_indexed_model_are_its_int8_and_smaller_sizes(
    tiny_models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tiny_models["denoise"].read_bytes()
    rows = []
    for name in ("soft-m", "soft-m.int8", "soft-n", "soft-n.int8", "hard-n"):
        (tmp_path / f"{name}.onnx").write_bytes(data)
        row = {"name": name, "file": f"{name}.onnx", "task": "denoise", "scale": 1, "summary": ""}
        rows.append({**row, "sha256": hashlib.sha256(data).hexdigest(), "default": False})
    (tmp_path / "index.json").write_text(json.dumps({"contract": 1, "models": rows}))
    monkeypatch.setenv("NITIDO_MODELS", str(tmp_path))
    found = {m.path.stem for m in open_variants("soft-m", "cpu")}
    assert found == {"soft-m", "soft-m.int8", "soft-n", "soft-n.int8"}
    assert {m.path.stem for m in open_variants("soft-m.int8", "cpu")} == {"soft-m.int8", "soft-n.int8"}
