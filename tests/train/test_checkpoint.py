"""Checkpoints of shipped models: beside the models in a checkout, not in a wheel."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import pytest

from nitido import __version__
from nitido.errors import CheckpointError
from nitido.model_file import zoo
from nitido_train.checkpoint import load_checkpoint

MODELS = Path(__file__).parents[2] / "models"


@pytest.fixture
def as_from_a_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed folder of models without checkpoints."""
    folder = tmp_path / "installed"
    folder.mkdir()
    shutil.copy(MODELS / zoo.INDEX, folder)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(zoo, "shipped_folder", lambda: folder)
    return folder


def test_a_wheel_without_checkpoints_says_where_they_are(as_from_a_wheel: Path) -> None:
    expected = (
        rf"no checkpoint of denoise-n: expected checkpoints/denoise-n\.pt, found none in {as_from_a_wheel};.* "
        rf"'pip download --no-deps --no-binary nitido nitido=={__version__}'.* models/checkpoints/denoise-n\.pt$"
    )
    with pytest.raises(CheckpointError, match=expected):
        load_checkpoint(Path("denoise-n"))
    with pytest.raises(CheckpointError, match=r"no checkpoint of vae-digits: "):
        load_checkpoint(Path("vae-digits"))


def test_what_no_model_is_called_is_not_looked_for_elsewhere(as_from_a_wheel: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no such checkpoint: denoise; expected a run or a \.pt file$"):
        load_checkpoint(Path("denoise"))
    with pytest.raises(CheckpointError, match=r"no such checkpoint: denoise-n\.int8;"):
        load_checkpoint(Path("denoise-n.int8"))


def test_folders_of_models_may_bring_checkpoints(as_from_a_wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(zoo.ENVIRONMENT, str(MODELS))
    assert load_checkpoint(Path("denoise-n")).recipe.name == "denoise-n"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("content", [b"hello", pickle.dumps({"x": 1}), b"\x80\x02."])
def test_a_foreign_file_is_one_line_without_advice_of_torch(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.pt").write_bytes(content)
    with pytest.raises(CheckpointError) as raised:
        load_checkpoint(tmp_path / "a.pt")
    assert "not a checkpoint of 'nitido train'" in str(raised.value) and "weights_only" not in str(raised.value)
