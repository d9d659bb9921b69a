"""What a journal knows of earlier runs."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from nitido.batch.engine import Settings
from nitido.batch.journal import NAME, Journal, State
from nitido.batch.plan import Job
from nitido.batch.run import Batch, producer_of
from nitido.errors import SinkUnavailable
from nitido.inference.model import load


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
