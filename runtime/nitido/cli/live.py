"""``nitido live`` and ``nitido cameras``: the command line of the live loop."""

from __future__ import annotations

from pathlib import Path

import click

from nitido.cli.noise import noise_options, told_noise
from nitido.cli.options import (
    FRAME_MODEL,
    codec_option,
    device_option,
    threads_option,
    verbosity_options,
)
from nitido.cli.streams import (
    ends_options,
    expect_frames,
    frames_options,
    open_frames,
    refuse_live,
    refuse_own_source,
    snapshots_option,
    telling,
)
from nitido.cli.terminal import clear, messages, status_line
from nitido.system.cpus import leave_cores_to_models
from nitido.system.process import stop_on_signal
from nitido.system.service import Service
from nitido.video.formats import QUALITY, Encoding

MODEL = "denoise-live-n.int8"  # default of --model


@click.command(short_help="Restore a camera, stream, clip or pipe as it runs.")
@ends_options
@click.option(
    "--model",
    type=FRAME_MODEL,
    default=MODEL,
    show_default=True,
    help="Model name or .onnx file. On a GPU denoise-live-n; frame by frame denoise-camera-n, -s or -m.",
)
@click.option("--fps", type=click.FloatRange(0, min_open=True), help="Keep this rate, with less work if necessary.")
@frames_options
@click.option(
    "--strength", type=click.FloatRange(0, 1), default=1.0, show_default=True, help="How much is restored; 0: nothing."
)
@noise_options
@click.option("--split", is_flag=True, help="Show the left half as captured.")
@click.option("--overlay", is_flag=True, help="Draw the status onto files and pipes too.")
@device_option
@threads_option
@snapshots_option
@click.option("--overwrite", is_flag=True, help="Replace an existing video file.")
@codec_option
@click.option("--quality", type=click.IntRange(1, 100), help=f"Quality of a video file.  [default: {QUALITY}]")
@click.option("--stats", type=click.Path(path_type=Path, dir_okay=False), help="Write the final statistics as JSON.")
@verbosity_options("Show the status once a second and log details.")
def live(
    source: str,
    sink: str,
    model: str,
    fps: float | None,
    every_frame: bool,
    size: tuple[int, int] | None,
    rate: float | None,
    pixel_format: str | None,
    strength: float,
    noise: float | None,
    calibration: Path | None,
    split: bool,
    overlay: bool,
    device: str,
    threads: int | None,
    snapshots: Path | None,
    overwrite: bool,
    codec: str | None,
    quality: int | None,
    stats: Path | None,
    quiet: bool,
    verbose: bool,
) -> None:
    """Restore a camera, stream, clip or pipe as it runs.

    Only the newest frame is processed, so latency never grows. With --fps, the work is reduced when frames take too
    long: faster variants of the model, half the size, every second frame, finally the frame as it is. When there is
    room, it is increased again.

    Keys in the window: q quit, space bypass, v split, g past on and off (recurrent models), s snapshot, + and -
    strength. Ctrl-C and SIGTERM end a run normally: a video file is completed, and the exit code is 0.
    """
    from nitido.live.state import Controls

    controls = Controls(strength=strength, split=split)
    with (
        messages("ERROR" if quiet else "DEBUG" if verbose else "INFO"),
        stop_on_signal(hangup=True, second="interrupt", asked=controls.stop),
        Service() as service,
    ):
        from nitido.live.loop import run
        from nitido.live.sinks import open_sink
        from nitido.live.variants import open_variants, variant_names
        from nitido.video.reader import VideoSource

        refuse_own_source(source, sink)
        leave_cores_to_models()
        models = open_variants(model, device, threads=threads, faster=fps is not None and not every_frame)
        controls.noise = told_noise(noise, calibration, models[0])
        with open_frames(source, size=size, rate=rate, pixel_format=pixel_format, controls=controls) as frames:
            if every_frame:
                refuse_live(frames, source)
            known = [value for value in (frames.fps, fps if frames.live else None) if value]
            out_fps = min(known) if known else None
            clip = frames if isinstance(frames, VideoSource) else None
            encoding = Encoding(codec, quality)
            with open_sink(
                sink, fps=out_fps, overwrite=overwrite, snapshots=snapshots, encoding=encoding, clip=clip
            ) as out:
                if not quiet:
                    names = ", ".join(variant_names(models))
                    click.echo(f"{names} on {models[0].device}: {source} -> {sink}", err=True)
                report = run(
                    frames,
                    models,
                    out,
                    fps=fps,
                    every_frame=every_frame,
                    overlay=overlay,
                    controls=controls,
                    progress=telling(service, status_line(quiet=quiet, verbose=verbose)),
                    alive=service.alive,
                )
                service.ending()
            expect_frames(report, source, controls)
        clear()
        if not quiet:
            click.echo(report.line(), err=True)
        if stats is not None:
            import json

            from nitido.system.files import write_whole

            write_whole(stats, json.dumps(report.to_dict(), indent=2).encode())


@click.command(short_help="List the cameras of this machine.")
def cameras() -> None:
    """List the cameras of this machine: what to give to --source, and the camera's name."""
    from nitido.errors import SourceUnavailable
    from nitido.system.machine import find_cameras

    found = find_cameras()
    if found is None:
        raise SourceUnavailable(
            "listing cameras on this system needs cv2-enumerate-cameras; run: pip install 'nitido[camera]', or try "
            "--source 0, 1, 2"
        )
    if not found:
        click.echo("no cameras found", err=True)
    for camera in found:
        click.echo(f"{camera.where:14} {camera.name}" + (f"  ({camera.detail})" if camera.detail else ""))
