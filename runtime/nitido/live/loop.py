"""The live loop: capture, restoration and sink run at their own pace, and only the newest frame is processed.

    with open_source("0") as source, open_sink("window") as sink:
        report = run(source, open_variants("denoise"), sink, fps=30)

They are connected by mailboxes for one frame. A stage that is late finds the newest frame there and never a queue, so
latency does not grow during an overload.

A model's first run is slow, so every variant runs once before anything is shown. A clip starts to play after that, with
its first frame. A camera continues meanwhile, and the run starts with its newest frame.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from nitido.inference.model import Model
from nitido.live.sinks import Sink
from nitido.live.sources import Source
from nitido.live.stage import LadderStage, Stage
from nitido.live.state import Controls, Status
from nitido.live.statistics import LiveReport
from nitido.live.threads import LiveThreads


def run(
    source: Source,
    models: Model | Sequence[Model],
    sink: Sink,
    *,
    fps: float | None = None,
    every_frame: bool = False,
    overlay: bool = False,
    controls: Controls | None = None,
    progress: Callable[[Status], None] = lambda _status: None,
    alive: Callable[[], None] = lambda: None,
    clock: Callable[[], float] = time.monotonic,
) -> LiveReport:
    """Restores frames from ``source`` for ``sink`` until the source ends or the controls say stop. The caller enters
    both.

    Args:
        source: frames, see :func:`nitido.live.sources.open_source`.
        models: one model, or variants from best to fastest, see :func:`nitido.live.variants.open_variants`.
        sink: see :func:`nitido.live.sinks.open_sink`.
        fps: frames per second to keep. When restoration is too slow, a faster model or less work is used, until there
            is room again. Default: the first model, as fast as it is.
        every_frame: no frame is dropped; for files and pipes. Otherwise a file is read at its own rate.
        overlay: whether the status is drawn onto frames for a sink without a view of its own.
        controls: strength, pause and stop, which the caller may change during the run.
        progress: called in the calling thread with the status of each frame shown.
        alive: called in the calling thread several times a second while no frame is shown and the model is not at work.
        clock: seconds that only grow.

    Raises:
        NitidoError: what source, model and sink raise, after all threads have stopped. ``SinkClosed`` ends the run
            normally.
    """
    given = list(models) if isinstance(models, Sequence) else [models]
    if fps is not None:
        # A camera slower than the requested rate leaves more time for each of its frames.
        fps = None if every_frame else min(fps, source.fps or fps)
    return run_stage(
        source,
        LadderStage(given, fps=fps),
        sink,
        every_frame=every_frame,
        overlay=overlay,
        controls=controls,
        progress=progress,
        alive=alive,
        clock=clock,
    )


def run_stage(
    source: Source,
    stage: Stage,
    sink: Sink,
    *,
    every_frame: bool = False,
    overlay: bool = False,
    controls: Controls | None = None,
    progress: Callable[[Status], None] = lambda _status: None,
    alive: Callable[[], None] = lambda: None,
    clock: Callable[[], float] = time.monotonic,
) -> LiveReport:
    """Runs ``source`` through ``stage`` into ``sink`` until it ends or the controls say stop.

    every_frame: no frame is dropped; for files and pipes. A source that is not live is otherwise read at its own rate.
    overlay: draw the status onto frames for a sink without a view of its own.
    progress: called with the status of each frame shown, in the calling thread.
    alive: called in the calling thread several times a second while no frame is shown and the stage does not work on
    one. A stage that is silent for long hangs.
    clock: seconds that only grow; waiting always uses the system's clock.

    The sink runs in the calling thread; capture and stage run in separate threads. Raises the errors of source, stage
    and sink after all three have stopped; ``SinkClosed`` ends the run normally.
    """
    loop = LiveThreads(source, stage, sink, every_frame, overlay, controls or Controls(), clock)
    return loop.run(progress, alive)
