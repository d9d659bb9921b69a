"""A batch on a local Ray cluster of two nodes, one of whose workers is killed while it computes."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from nitido.batch.journal import NAME
from support.batch_files import crops
from support.commands import HANG, nitido, nitido_process

needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed: pip install 'nitido[ray]'")

# In a process of its own: Ray's threads and warnings are not this suite's.
_RUN = """
import json, os, signal, sys
from pathlib import Path
from ray.cluster_utils import Cluster
from nitido.batch.run import run_jobs
from nitido.batch.engine import Settings
from nitido.batch.journal import Journal
from nitido.inference.model import load
from nitido.batch.plan import plan_jobs
from nitido.batch.ray import RayEngine

model, source, out, kills = load(sys.argv[1], "cpu"), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
cluster.add_node(num_cpus=1)
cluster.wait_for_nodes()
settings, finished, told = Settings(), [], {}
with Journal(out) as journal, RayEngine(model, settings, address=cluster.address) as engine:
    told["before"] = engine.processes()

    def ended(job, reason):
        finished.append(str(job.target))
        if kills and len(finished) == 8:
            os.kill(told["before"][0], signal.SIGKILL)

    report = run_jobs(
        model, plan_jobs([source], out), settings, journal=journal, engine=engine, finished=ended
    )
    told["after"] = engine.processes()
cluster.shutdown()
told |= {"done": len(report.done), "failed": [str(f) for f in report.failed], "stopped": report.stopped}
print(json.dumps(told | {"finished": finished}))
"""


@pytest.mark.cluster
@needs_ray
def test_every_file_is_done_once_though_a_worker_is_killed(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    files = 80
    crops(tmp_path / "in", files)
    (tmp_path / "in" / "bad.png").write_text("bad")
    out, local = tmp_path / "out", tmp_path / "local"
    arguments = [tiny_models["denoise"], tmp_path / "in", out, 1]
    command = [sys.executable, "-c", _RUN, *map(str, arguments)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=HANG, check=False)
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout.splitlines()[-1])

    assert told["before"][0] != told["after"][0]  # it was killed, and another one took its place
    assert told["before"][1] == told["after"][1]
    assert (told["done"], len(told["failed"]), told["stopped"]) == (files, 1, "")
    assert "bad.png is not a picture" in told["failed"][0]
    assert len(set(told["finished"])) == len(told["finished"]) == files + 1
    lines = [json.loads(line) for line in (out / NAME).read_text().splitlines()]
    targets = [line["target"] for line in lines if line["status"] == "done"]
    assert len(targets) == len(set(targets)) == files
    nitido("denoise", tmp_path / "in", "-o", local, "--model", tiny_models["denoise"], "--no-provenance")
    for target in targets:
        assert (out / target).read_bytes() == (local / target).read_bytes()


@pytest.mark.cluster
@needs_ray
def test_the_command_runs_on_a_cluster_of_this_machine(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    crops(tmp_path / "in", 6)
    model = ["--model", tiny_models["denoise"]]
    run = nitido_process("denoise", tmp_path / "in", "-o", tmp_path / "out", *model, "--engine", "ray")
    assert run.returncode == 0, run.stderr
    assert "6 done, 0 failed" in run.stdout
    assert "6 skipped (done before)" in nitido("denoise", tmp_path / "in", "-o", tmp_path / "out", *model).stdout


def test_without_ray_the_error_names_the_extra(
    tiny_models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    crops(tmp_path / "in", 1)
    model = ["--model", tiny_models["denoise"]]
    run = nitido("denoise", tmp_path / "in", "-o", tmp_path / "out", *model, "--engine", "ray")
    assert run.returncode == 1
    assert "pip install 'nitido[ray]'" in run.stderr
