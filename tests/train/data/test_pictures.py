"""Pictures to train on."""

from __future__ import annotations

from pathlib import Path

from nitido_train.data.pictures import PictureStore, find_pictures


def test_unreadable_training_pictures_are_counted_and_left_out(photos: Path) -> None:
    (photos / "broken.png").write_bytes(b"\x89PNG broken")
    store = PictureStore(find_pictures([photos]), smallest=64)
    assert (len(store), store.skipped) == (3, 1)
