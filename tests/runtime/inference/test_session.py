"""Devices: what was asked for runs, or it is an error. Providers that this machine lacks are played by a double."""

from __future__ import annotations

import logging
from pathlib import Path

import onnxruntime as ort
import pytest
from click.testing import CliRunner

from nitido.cli.main import cli
from nitido.cli.options import DeviceType
from nitido.errors import ProviderUnavailable
from nitido.inference.providers import DEVICES, Provider
from nitido.inference.session import nodes_on, open_session
from support.onnxruntime_double import CPU, OTHERS, Onnxruntime


@pytest.fixture
def model(tiny_models: dict[str, Path]) -> Path:
    return tiny_models["denoise"]


@pytest.mark.parametrize("provider", OTHERS, ids=lambda p: p.device)
def test_a_device_is_had_by_short_and_full_name(elsewhere: Onnxruntime, model: Path, provider: Provider) -> None:
    for name in (provider.device, provider.name, provider.device.upper()):
        assert open_session(model, name)[1] == provider.device
        assert elsewhere.asked[0][0] == provider.name


def test_the_cpu_is_had_by_its_full_name(model: Path) -> None:
    session, device = open_session(model, CPU)
    assert (device, session.get_providers()) == ("cpu", [CPU])


def test_a_provider_that_no_table_knows_is_taken_when_offered(elsewhere: Onnxruntime, model: Path) -> None:
    elsewhere.offered = ["NewExecutionProvider", CPU]
    assert open_session(model, "NewExecutionProvider")[1] == "NewExecutionProvider"
    with pytest.raises(ProviderUnavailable, match=r"OtherExecutionProvider, but this onnxruntime .* only NewEx"):
        open_session(model, "OtherExecutionProvider")


@pytest.mark.parametrize("provider", OTHERS, ids=lambda p: p.device)
def test_a_provider_that_is_not_offered_is_an_error_that_says_where_to_get_it(
    elsewhere: Onnxruntime, model: Path, provider: Provider
) -> None:
    elsewhere.offered = [CPU]
    with pytest.raises(ProviderUnavailable) as caught:
        open_session(model, provider.device)
    assert provider.name in str(caught.value) and f"offers only {CPU}" in str(caught.value)
    assert provider.wheel in str(caught.value) and provider.needs in str(caught.value)


@pytest.mark.parametrize("provider", OTHERS, ids=lambda p: p.device)
def test_a_silent_fallback_is_an_error(elsewhere: Onnxruntime, model: Path, provider: Provider) -> None:
    elsewhere.active = [CPU]
    with pytest.raises(ProviderUnavailable, match=f"session runs on {CPU}") as caught:
        open_session(model, provider.device)
    assert provider.needs in str(caught.value)


def test_a_provider_that_takes_no_node_is_an_error(elsewhere: Onnxruntime, model: Path) -> None:
    elsewhere.taken = 0
    with pytest.raises(ProviderUnavailable, match="took none of the 5 nodes"):
        open_session(model, "xnnpack")
    elsewhere.taken = 2
    assert nodes_on(open_session(model, "xnnpack")[0], "XnnpackExecutionProvider") == (2, 5)


def test_a_provider_that_does_not_start_is_an_error_and_prints_nothing(
    elsewhere: Onnxruntime, model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    elsewhere.start_error = RuntimeError("/build/state.cc:10 void f(const Options&) no such option: speed\nmore")
    with pytest.raises(ProviderUnavailable, match="could not be started: no such option: speed;"):
        open_session(model, "openvino", provider_options={"speed": "1"})
    assert capfd.readouterr() == ("", "")


def test_missing_cuda_libraries_are_named_and_stdout_stays_clean(
    elsewhere: Onnxruntime, model: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ort, "preload_dlls", lambda: print("Failed to load libcudnn.so.9: not found"))  # noqa: T201
    elsewhere.active = [CPU]
    with pytest.raises(ProviderUnavailable, match=r"Failed to load libcudnn\.so\.9: not found; it needs an NVIDIA"):
        open_session(model, "cuda")
    assert capfd.readouterr().out == ""


def test_auto_takes_cuda_where_it_works(elsewhere: Onnxruntime, model: Path) -> None:
    assert open_session(model, "auto")[1] == "cuda"


@pytest.mark.parametrize("fault", ["start", "fallback", "run"])
def test_auto_takes_the_cpu_and_says_why_where_cuda_does_not_work(
    elsewhere: Onnxruntime, model: Path, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    elsewhere.offered = ["CUDAExecutionProvider", CPU]
    if fault == "start":
        elsewhere.start_error = RuntimeError("driver too old")
    elif fault == "run":
        elsewhere.run_error = RuntimeError("no cudnn engine")
    else:
        elsewhere.active = [CPU]
    with caplog.at_level(logging.WARNING):
        assert open_session(model, "auto")[1] == "cpu"
    assert elsewhere.asked[0][0] == CPU
    assert "running on the CPU" in caplog.text


def test_auto_without_cuda_is_quiet(model: Path, caplog: pytest.LogCaptureFixture) -> None:
    if "CUDAExecutionProvider" in ort.get_available_providers():
        pytest.skip("this onnxruntime offers CUDA")
    assert open_session(model, "auto")[1] == "cpu"
    assert caplog.text == ""


def test_tensorrt_leaves_to_cuda_what_it_cannot_do(elsewhere: Onnxruntime, model: Path) -> None:
    open_session(model, "tensorrt")
    assert [name for name, _ in elsewhere.asked] == ["TensorrtExecutionProvider", "CUDAExecutionProvider"]


def test_providers_get_the_options_that_they_need(elsewhere: Onnxruntime, model: Path) -> None:
    open_session(model, "openvino", threads=3)
    assert elsewhere.asked[0][1] == {"device_type": "CPU", "num_of_threads": "3"}
    open_session(model, "openvino", provider_options={"device_type": "GPU"})
    assert elsewhere.asked[0][1] == {"device_type": "GPU"}
    open_session(model, "xnnpack", threads=3)
    assert elsewhere.asked[0][1] == {"intra_op_num_threads": "3"}
    assert elsewhere.options is not None and elsewhere.options.intra_op_num_threads == 1
    assert elsewhere.options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    open_session(model, "directml")
    assert not elsewhere.options.enable_mem_pattern


def test_provider_options_need_a_named_device(model: Path) -> None:
    with pytest.raises(ProviderUnavailable, match="name a device"):
        open_session(model, "auto", provider_options={"device_type": "GPU"})


def test_a_name_that_means_nothing_lists_the_names_and_what_is_offered(model: Path) -> None:
    with pytest.raises(ProviderUnavailable, match=f"unknown device 'gpu'.*{', '.join(DEVICES)}.*offers.*{CPU}"):
        open_session(model, "gpu")
    run = CliRunner().invoke(cli, ["verify", str(model), "--device", "gpu"])
    assert run.exit_code == 2
    assert "unknown device 'gpu'" in run.output and CPU in run.output


def test_the_command_line_completes_and_passes_on_names() -> None:
    option = DeviceType()
    assert option.convert("AUTO", None, None) == "auto"
    assert option.convert("OpenVINOExecutionProvider", None, None) == "openvino"
    completions = option.shell_complete(None, None, "cu")  # pyright: ignore[reportArgumentType]
    assert [c.value for c in completions] == ["cuda"]


@pytest.mark.skipif(
    "OpenVINOExecutionProvider" not in ort.get_available_providers(), reason="needs onnxruntime-openvino"
)
def test_openvino_verifies_the_shipped_models() -> None:
    from nitido.inference.verify import verify
    from nitido.model_file import zoo

    for entry in zoo.entries():
        verdict = verify(entry.path, "openvino")
        assert verdict.device == "openvino" and verdict.passed, entry.name
