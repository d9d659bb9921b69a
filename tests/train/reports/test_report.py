"""Every training ends with its figures and a page; the page can be made again, and runs compared on one."""

from __future__ import annotations

import csv
import logging
import re
import shutil
import signal
from dataclasses import replace
from html import unescape
from pathlib import Path

import cv2
import pytest
import torch
from click.testing import CliRunner
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor, nn

from nitido_train.checkpoint import load_checkpoint, save_checkpoint
from nitido_train.cli.report import report
from nitido_train.objectives.latents import LatentObjective
from nitido_train.objectives.options import RunOptions
from nitido_train.recipe.files import load_recipe
from nitido_train.recipe.tables import recipe_from_dict
from nitido_train.reports.run import duration
from nitido_train.reports.run_folder import read_run, train_command
from nitido_train.training import log as records
from nitido_train.training.loop import train
from support.recipes import tiny_latent, write_digits
from support.tiny_models import tiny_recipe


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    return write_digits(tmp_path / "digits", 240)


def options_for(out: Path, data: Path) -> RunOptions:
    return RunOptions(out=out, data=(data,), workers=0, accelerator="cpu", progress=False)


@pytest.mark.slow
def test_a_training_ends_with_figures_and_one_page(
    digits: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out = tmp_path / "a <run> & more"
    caplog.set_level(logging.INFO)
    recipe = tiny_latent("vae")
    result = train(recipe, options_for(out, digits))
    assert f"report: {out / 'report.html'}" in caplog.text
    names = ("given_restored", "manifold", "samples", "latents", "pca", "curve_loss", "curve_elbo", "curve_psnr")
    for name in names:
        assert cv2.imread(str(out / "figures" / f"{name}.png")) is not None, name
    page = (out / "report.html").read_text()
    html = unescape(page)
    assert "<run>" not in page
    assert set(re.findall(r"""(?:src|href)=["']?([a-z]+:)""", html)) == {"data:"}
    assert "<script" not in html and "@import" not in html and "http" not in html
    assert all(f'id="{name}"' in html for name in names)
    for text in ("tiny-vae", f"{result.best:,.2f} nats", "0.999", str(digits), str(torch.__version__)):
        assert text in html
    assert f"nitido export '{out}' -o tiny-vae.onnx" in html
    assert load_recipe(str(out / "recipe.toml")) == recipe
    board = EventAccumulator(str(out / "tensorboard"), size_guidance={"images": 0})
    board.Reload()
    assert set(names) <= set(board.Tags()["images"])


@pytest.mark.slow
def test_a_network_for_frames_has_its_curves_and_pictures(photos: Path, tmp_path: Path) -> None:
    train(recipe_from_dict(tiny_recipe()), options_for(tmp_path / "run", photos))
    html = (tmp_path / "run" / "report.html").read_text()
    assert re.findall(r'id="(\w+)"', html) == ["given_restored_clean", "curve_loss", "curve_psnr", "curve_ssim"]


@pytest.mark.slow
def test_a_stopped_run_says_how_its_page_is_drawn_and_the_page_how_to_go_on(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    loss = LatentObjective.loss

    def loss_then_interrupt(
        self: LatentObjective, net: nn.Module, batch: object, step: int, device: torch.device
    ) -> Tensor:
        if step == 1:
            signal.raise_signal(signal.SIGINT)
        return loss(self, net, batch, step, device)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(LatentObjective, "loss", loss_then_interrupt)
    run = tmp_path / "run"
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # who started the tests may ignore it
    try:
        assert train(tiny_latent(), options_for(run, digits)).step == 2
    finally:
        signal.signal(signal.SIGINT, handler)
    assert not (run / "report.html").exists()
    assert f"stopped at step 2; continue with --resume; 'nitido report {run}' draws the report" in caplog.text
    assert CliRunner().invoke(report, [str(run)], catch_exceptions=False).exit_code == 0
    html = (run / "report.html").read_text()
    assert "Not validated yet" in html
    assert f"nitido train {run}/recipe.toml --data {digits} --out {run} --resume --workers 0" in html
    monkeypatch.undo()
    train(load_recipe(str(run / "recipe.toml")), replace(options_for(run, digits), resume=True))
    assert "Not validated yet" not in (run / "report.html").read_text()


@pytest.mark.slow
def test_a_figure_that_cannot_be_drawn_takes_nothing_from_the_training(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("no ink\nand more lines")

    monkeypatch.setattr(records, "write_report", broken)
    assert train(tiny_latent(), options_for(tmp_path / "run", digits)).step == 6
    assert [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING] == [
        f"no report: ValueError: no ink; 'nitido report {tmp_path / 'run'}' tries again"
    ]
    assert (tmp_path / "run" / "last.pt").is_file()


@pytest.mark.slow
def test_a_report_can_be_drawn_again_and_without_the_data_from_what_is_left(digits: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(tiny_latent(), options_for(run, digits))
    first = (run / "report.html").read_bytes()
    (run / "report.html").unlink()
    assert CliRunner().invoke(report, [str(run)], catch_exceptions=False).output.strip() == str(run / "report.html")
    assert (run / "report.html").read_bytes() == first
    digits.rename(tmp_path / "elsewhere")
    result = CliRunner().invoke(report, [str(run)], catch_exceptions=False)
    assert result.exit_code == 0 and "the data is missing" in result.output
    html = (run / "report.html").read_text()
    assert "Drawn without the data" in html and 'id="manifold"' in html
    CliRunner().invoke(report, [str(run), "--data", str(tmp_path / "elsewhere")], catch_exceptions=False)
    assert "Drawn without the data" not in (run / "report.html").read_text()


@pytest.mark.slow
def test_runs_are_compared_with_each_other_and_with_pca(digits: Path, tmp_path: Path) -> None:
    for latent in (2, 5):
        recipe = tiny_latent("autoencoder")
        net = replace(recipe.net, options={**recipe.net.options, "latent": latent})
        train(replace(recipe, net=net), options_for(tmp_path / f"ae{latent}", digits))
    runs = [str(tmp_path / "ae2"), str(tmp_path / "ae5")]
    page = tmp_path / "compared.html"
    result = CliRunner().invoke(report, [*runs, "-o", str(page)], catch_exceptions=False)
    rows = {words[0]: words[-1] for words in map(str.split, result.output.splitlines()) if words}
    assert rows["2"] == rows["5"] == "autoencoder"
    html = page.read_text()
    assert all(text in html for text in ('id="pca"', "latent 5", 'id="course_psnr"', 'id="ae2"', "of PCA"))
    assert CliRunner().invoke(report, runs).exit_code == 2
    train(tiny_latent("autoencoder"), options_for(tmp_path / "other", write_digits(tmp_path / "fewer", 100)))
    result = CliRunner().invoke(report, [runs[0], str(tmp_path / "other"), "-o", str(page)])
    assert "different data" in str(result.exception)


@pytest.mark.slow
def test_the_log_holds_each_validation_once_whatever_was_lost(digits: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    recipe = tiny_latent("autoencoder")
    train(recipe, options_for(run, digits))
    # As if it had been killed after its second validation, with a checkpoint of the first, of a version that knew less.
    state = load_checkpoint(run / "best.pt")
    last = load_checkpoint(run / "last.pt")
    older = replace(last, step=3, history=[{k: v for k, v in last.history[0].items() if k != "ssim"}], best=0.0)
    save_checkpoint(older, run / "last.pt")
    assert state.step in (3, 6)
    train(recipe, replace(options_for(run, digits), resume=True))
    with (run / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["3", "6"]
    assert rows[0]["ssim"] == "" and float(rows[1]["ssim"]) > -1


@pytest.mark.slow
def test_the_command_to_repeat_names_what_differs_from_the_defaults(digits: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    options = replace(options_for(run, digits), val=(digits,), precision="bf16-mixed")
    train(tiny_latent(steps=3), options)
    shutil.rmtree(digits)
    assert train_command(read_run(run)) == (
        f"nitido train {run}/recipe.toml --data {digits} --val {digits} --out {run}-again "
        "--workers 0 --accelerator cpu --precision bf16-mixed"
    )


@pytest.mark.parametrize(
    ("seconds", "text"), [(12.4, "12 s"), (61, "1 min"), (3599, "1 h 00 min"), (9000, "2 h 30 min")]
)
def test_durations_are_read_by_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text
