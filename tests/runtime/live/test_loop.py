"""The live loop with fakes that wait for each other: which frames are shown, and how a run ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import cast

import pytest

from nitido.errors import FrameMismatch, SinkClosed, SinkUnavailable, SourceUnavailable
from nitido.frames import Frame
from nitido.inference.model import Model
from nitido.live.loop import run
from nitido.live.sinks import Viewer
from nitido.live.state import Controls, Shot, Status
from support.live_fakes import FakeClock, FakeModel, FakeSource, ListSink, fake_model, frame
from support.waiting import reached, threads_left, until


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


def test_a_sink_whose_reader_has_gone_ends_the_run_normally() -> None:
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


def test_a_run_without_frames_is_alive_and_one_whose_model_hangs_is_not() -> None:
    signs: list[str] = []
    waiting, hanging, over = threading.Event(), threading.Event(), threading.Event()

    def frames() -> Iterator[Frame]:
        yield frame(0)
        reached(waiting)
        yield frame(1)

    def work(item: Frame) -> None:
        if item[0, 0, 0] == 1:
            hanging.set()
            reached(over)

    def alive() -> None:
        signs.append("hangs" if hanging.is_set() else "waits")
        if len(signs) >= 3:
            waiting.set()

    def release() -> None:
        reached(hanging)
        over.wait(0.3)  # six looks at the controls
        over.set()

    threading.Thread(target=release).start()
    with FakeSource(frames()) as source, ListSink() as sink:
        run(source, fake_model(work), sink, alive=alive)
    assert signs.count("waits") >= 3
    assert signs.count("hangs") <= 1  # one may have been on its way
    assert sink.values == [1, 2]
