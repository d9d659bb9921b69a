"""A disk that fills up, and checkpoints that were cut by one: one line, and what was whole stays whole."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from nitido.errors import CheckpointError, TrainingError
from nitido.system import files
from nitido_train.checkpoint import load_checkpoint, save_checkpoint
from nitido_train.data import workers
from nitido_train.data.workers import from_workers
from nitido_train.objectives.options import RunOptions
from nitido_train.recipe.tables import recipe_from_dict
from nitido_train.training.events import EventFile
from nitido_train.training.loop import train
from support.tiny_models import random_checkpoint, tiny_recipe


def options_for(out: Path, data: Path, **more: Any) -> RunOptions:
    return RunOptions(out=out, data=(data,), workers=0, accelerator="cpu", progress=False, **more)


def full(*_: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_the_checkpoint_is_written_before_the_log(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    write = EventFile._write

    def until_a_step(self: EventFile, event: Any) -> None:
        if event.step:
            monkeypatch.setattr(self, "write", full)
        write(self, event)

    monkeypatch.setattr(EventFile, "_write", until_a_step)
    with pytest.raises(TrainingError, match=r"No space left on device; the last checkpoint, .*last\.pt, is kept"):
        train(recipe_from_dict(tiny_recipe()), options_for(run, photos))
    assert load_checkpoint(run / "last.pt").step == load_checkpoint(run / "best.pt").step == 3
    assert not [path for path in run.rglob("*") if "partial" in path.name]


def test_a_checkpoint_that_does_not_fit_leaves_the_one_before(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    whole = Path.write_bytes

    def write_bytes(self: Path, data: bytes) -> int:
        if "last" in self.name and (run / "last.pt").exists():
            whole(self, data[:100])
            full()
        return whole(self, data)

    monkeypatch.setattr(files.Path, "write_bytes", write_bytes)
    with pytest.raises(TrainingError) as caught:
        train(recipe_from_dict(tiny_recipe()), options_for(run, photos))
    assert "\n" not in str(caught.value) and "No space left on device" in str(caught.value)
    assert load_checkpoint(run / "last.pt").step == 3
    assert not [path for path in run.rglob("*") if "partial" in path.name]


def test_a_file_of_events_ends_with_a_whole_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events = EventFile(tmp_path)
    events.add_scalars({"train/loss": 0.5}, 100)
    size = events.path.stat().st_size
    file = events._file

    class Short:
        def write(self, data: memoryview) -> int:
            return full() if len(data) < 20 else file.write(data[:17])  # pyright: ignore[reportReturnType]

        def fileno(self) -> int:
            return file.fileno()

    monkeypatch.setattr(events, "_file", Short())
    with pytest.raises(Exception, match="No space left on device"):
        events.add_scalars({"train/loss": 0.25}, 200)
    assert events.path.stat().st_size == size
    file.close()
    board = EventAccumulator(str(tmp_path)).Reload()
    assert [(e.step, e.value) for e in board.Scalars("train/loss")] == [(100, 0.5)]


def test_checkpoints_that_are_empty_or_cut_are_one_line(photos: Path, tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    save_checkpoint(random_checkpoint("denoise"), path)
    content = path.read_bytes()
    for length in (0, 1, 4, 100, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(CheckpointError, match=r"last\.pt is (empty|truncated|not a checkpoint)") as caught:
            load_checkpoint(path)
        assert "\n" not in str(caught.value)
        with pytest.raises(CheckpointError):
            train(recipe_from_dict(tiny_recipe()), options_for(tmp_path, photos, resume=True))
    damaged = bytearray(content)
    damaged[len(content) // 3 : len(content) // 3 + 64] = bytes(64)
    path.write_bytes(damaged)
    try:
        load_checkpoint(path).averaged_net()
    except CheckpointError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (RuntimeError("unable to write to file </torch_1_2_3>: No space left on device (28)"), "no room in /dev/shm"),
        (RuntimeError("DataLoader worker (pid 7) is killed by signal: Bus error. Out of shared memory"), "no room in"),
        (OSError(errno.ENOSPC, "No space left on device"), "no room in /dev/shm"),
        (RuntimeError("DataLoader worker (pid(s) 7) exited unexpectedly"), "exited unexpectedly"),
        (MemoryError(), "out of memory"),
    ],
)
def test_processes_that_fail_name_the_way_without_them(error: Exception, message: str) -> None:
    class Broken:
        def __iter__(self) -> Any:
            raise error

    with pytest.raises(TrainingError, match=message) as caught:
        next(from_workers(Broken()))  # pyright: ignore[reportArgumentType]
    assert "--workers 0" in str(caught.value)


def test_shared_memory_without_room_is_known_before_a_process_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "SMALLEST", 1 << 62)
    with pytest.raises(TrainingError, match=r"no room in /dev/shm, .*--workers 0"):
        next(from_workers([]))  # pyright: ignore[reportArgumentType]
