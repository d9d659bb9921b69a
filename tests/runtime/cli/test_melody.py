"""``nitido melody`` as it is typed."""

from __future__ import annotations

import wave
from pathlib import Path

import cv2

from nitido.latent.melody import read_midi
from support.commands import nitido


def test_a_piece_is_written_as_midi_sound_and_picture(tmp_path: Path) -> None:
    names = [tmp_path / f"tune.{kind}" for kind in ("mid", "wav", "png")]
    command = ("melody", "--phrases", "3", "--seed", "5", "--instrument", "flute", "--device", "cpu")
    run = nitido(*command, "-o", names[0], "-o", names[2], "--wav", names[1])
    assert run.returncode == 0, run.stderr
    assert "3 phrases by vae-melody, 24 s, flute (73), seed 5" in run.stdout
    assert (read_midi(names[0], 192) > 1).sum() > 20
    with wave.open(str(names[1])) as file:
        assert file.getnframes() / file.getframerate() == 25
    picture = cv2.imread(str(names[2]))
    assert picture is not None and picture.shape[:2] == (3 * 34 * 4 + 20, 384)
    again = nitido(*command, "-o", names[0])
    assert again.returncode == 1 and "exists" in again.stderr
    wrong = nitido("melody", "-o", tmp_path / "tune.mp3")
    assert wrong.returncode == 2 and ".wav" in wrong.stderr
