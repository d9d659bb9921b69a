"""What has to hold on a GPU. The checks are those of benchmarks/gpu.py, which also run on the CPU, with --dry."""

from __future__ import annotations

from pathlib import Path

import pytest
from accelerator.checks import (
    Check,
    check_binding,
    check_certificates,
    check_parity,
    check_promise,
    check_sequence,
)
from accelerator.files import PRECISIONS, networks

from nitido.model_file import zoo

pytestmark = [pytest.mark.gpu, pytest.mark.slow]

RECURRENT = "denoise-live-n"


def assert_passed(check: Check) -> None:
    assert check.passed, check.found


def test_what_is_asked_for_runs_there_and_what_is_missing_is_an_error(gpu: str) -> None:
    assert_passed(check_promise(gpu, zoo.find("denoise-n")))


def test_every_shipped_file_passes_its_certificate(cuda: str) -> None:
    assert_passed(check_certificates(cuda, [entry.path for entry in zoo.entries()]))


def test_every_model_makes_of_a_photograph_what_the_cpu_makes(cuda: str) -> None:
    assert_passed(check_parity(cuda, [entry.path for entry in zoo.entries() if entry.takes_frames]))


def test_states_stay_in_the_memory_of_the_device(gpu: str) -> None:
    assert_passed(check_binding(gpu, zoo.find(RECURRENT)))


def test_a_stream_goes_on_as_on_the_cpu(cuda: str) -> None:
    assert_passed(check_sequence(cuda, zoo.find(RECURRENT)))


def test_float16_files_pass_their_certificates(cuda: str, halves: Path) -> None:
    pytest.importorskip("torch")
    assert "fp16" in PRECISIONS
    assert_passed(check_certificates(cuda, [n.file("fp16", halves) for n in networks() if n.default]))
