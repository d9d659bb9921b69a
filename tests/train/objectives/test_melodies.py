"""Tunes are read as phrases in one key and one time, a network learns them, and its two files equal it."""

from __future__ import annotations

import logging
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime as ort
import pytest
import torch
from torch import nn

from nitido.errors import ExportError, RecipeError, SourceUnavailable
from nitido.inference.verify import verify
from nitido.latent.autoencoder import load_decoder, load_encoder
from nitido.latent.melody import FIRST, HOLD, REST, write_midi
from nitido_export.draft import ReleaseInfo
from nitido_export.export import export_parts
from nitido_export.graph.melodies import melody_decoder_graph, melody_encoder_graph, without_norms
from nitido_train.checkpoint import Checkpoint, load_checkpoint
from nitido_train.data import melodies
from nitido_train.data.batches import MelodyBatch
from nitido_train.data.melodies import hold_out, read_melodies
from nitido_train.data.scores import BAR, Grid
from nitido_train.nets.melody import MelodyNet
from nitido_train.objectives.melodies import MelodyObjective, settle
from nitido_train.objectives.options import RunOptions
from nitido_train.recipe.files import load_recipe
from nitido_train.training.loop import train
from support.melodies import abc_of, noisy_net, tiny_melody_recipe, write_tunes
from support.paths import ROOT
from support.resuming import assert_resumes_bit_for_bit

GRID = Grid(steps=32, lowest=55, pitches=34)
C = 72 - 55 + FIRST  # code of C5
SHIPPED = ROOT / "models" / "checkpoints" / "vae-melody.pt"
SCALE = (0, 2, 4, 5, 7, 9, 11)


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def phrases_of(tmp_path: Path, *tunes: str, grid: Grid = GRID) -> list[list[int]]:
    path = tmp_path / "tunes.abc"
    path.write_text(abc_of(*tunes))
    return read_melodies([path], grid).notes.tolist()


def held(*notes: tuple[int, int]) -> list[int]:
    """(code, steps) as a row."""
    return [code for note, steps in notes for code in (note, *[REST if note == REST else HOLD] * (steps - 1))]


def test_a_tune_becomes_codes_in_c(tmp_path: Path) -> None:
    (row,) = phrases_of(tmp_path, "M:4/4\nL:1/4\nK:C\nc2 z c/d/|(e2 e2)|")
    assert row == held((C, 8), (REST, 4), (C, 2), (C + 2, 2), (C + 4, 8), (C + 4, 8))
    (tied,) = phrases_of(tmp_path, "M:4/4\nL:1/4\nK:C\nc4-|c2 d2|")
    assert tied == held((C, 24), (C + 2, 8))
    (sharp,) = phrases_of(tmp_path, "M:4/4\nL:1/4\nK:D\nd2 z d/e/|f2 f2|")  # two sharps
    assert sharp == row
    (minor,) = phrases_of(tmp_path, "M:4/4\nL:1/4\nK:Gm\nG2 B2|d2 g2|")  # becomes A minor
    assert [(code - C) % 12 for code in minor if code >= FIRST] == [9, 0, 4, 9]


def test_two_four_is_written_as_slowly_as_common_time(tmp_path: Path) -> None:
    slow = phrases_of(tmp_path, "M:C|\nL:1/8\nK:C\ncdef g2a2|g8|")
    quick = phrases_of(tmp_path, "M:2/4\nL:1/16\nK:C\ncdef g2a2|g8|")
    assert slow == quick and len(slow) == 1


def test_phrases_begin_with_a_strain_and_its_last_note_fills_the_bar(tmp_path: Path) -> None:
    tune = "M:4/4\nL:1/4\nK:C\nG|c4|d4|e4|f3:|\nf|g4|a4|b4|c'3|]"
    rows = phrases_of(tmp_path, tune)
    assert rows == [held((C + a, 16), (C + b, 16)) for a, b in ((0, 2), (4, 5), (7, 9), (11, 12))]


def test_endings_are_no_part_of_the_next_strain(tmp_path: Path) -> None:
    tune = "M:4/4\nL:1/4\nK:C\n|:c4|d4|e4|1 f4:|2 g4||G4|A4|"
    assert phrases_of(tmp_path, tune) == [held((C + a, 16), (C + b, 16)) for a, b in ((0, 2), (4, 5), (-5, -3))]


def test_a_triplet_is_rounded_and_too_many_are_left_out(tmp_path: Path) -> None:
    (row,) = phrases_of(tmp_path, "M:4/4\nL:1/8\nK:C\n(3cde cccc cc|c2c2c2c2|")
    assert row[:4] == [C, C + 2, HOLD, C + 4]
    path = tmp_path / "triplets.abc"
    path.write_text(abc_of("M:4/4\nL:1/8\nK:C\n(3cde(3cde(3cde(3cde|(3cde(3cde(3cde(3cde|"))
    with pytest.raises(SourceUnavailable, match="1 with too many notes between the steps"):
        read_melodies([path], GRID)


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    good = "M:4/4\nL:1/4\nK:C\ncdef|gfed|"
    path = tmp_path / "tunes.abc"
    path.write_text(
        abc_of(
            good,
            "M:6/8\nL:1/8\nK:C\ncdefga|cdefga|cdefga|cdefga|",
            good.replace("K:C\nc", "K:D\nd").replace("def|gfed", "efg|agfe"),  # the first again, a tone higher
            "M:4/4\nL:1/4\nK:C\ng|cdef||c2|d2|]",
            "M:4/4\nL:1/4\nK:C\nC,,,cde|c'''cde|",
        )
    )
    found = read_melodies([path], GRID)
    assert (len(found), found.used) == (1, 1)
    assert found.left_out == {
        "in another time than 4/4, 2/2 and 2/4": 1,
        "known already": 1,
        "with strains that are too short": 1,
        "out of range": 1,
    }


def test_midi_files_are_read_too_and_what_is_none_is_counted(tmp_path: Path) -> None:
    folder = tmp_path / "midi"
    row = np.array(held(*((C + step, 4) for step in (0, 2, 4, 5, 7, 4, 2, 0))), np.uint8)
    write_midi(folder / "tune.mid", row)
    (folder / "broken.mid").write_bytes(b"MThd no more")
    found = read_melodies([folder], GRID)
    assert found.left_out == {"unreadable": 1}
    (again,) = found.notes
    begun = again >= FIRST
    assert np.array_equal(begun, row >= FIRST)
    assert len(set(again[begun].astype(int) - row[begun])) == 1  # moved as a whole, by its key


def test_tunes_are_read_once_until_a_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "tunes.abc"
    path.write_text(abc_of("M:4/4\nL:1/4\nK:C\ncdef|gfed|"))
    first = read_melodies([path], GRID)
    monkeypatch.setitem(sys.modules, "music21", None)
    again = read_melodies([path], GRID)
    assert np.array_equal(first.notes, again.notes) and (first.used, first.left_out) == (again.used, again.left_out)
    with pytest.raises(SourceUnavailable, match=r"pip install 'nitido\[melodies\]'"):
        read_melodies([path], replace(GRID, pitches=30))
    path.write_text(abc_of("M:4/4\nL:1/4\nK:C\ncdef|gfec|"))
    with pytest.raises(SourceUnavailable, match="music21 is not installed"):
        read_melodies([path], GRID)


def test_a_damaged_cache_is_made_anew(tmp_path: Path) -> None:
    first = phrases_of(tmp_path, "M:4/4\nL:1/4\nK:C\ncdef|gfed|")
    (kept,) = (tmp_path / "cache" / "nitido").glob("*.npz")
    kept.write_bytes(kept.read_bytes()[:50])
    assert read_melodies([tmp_path / "tunes.abc"], GRID).notes.tolist() == first


def test_what_is_no_source_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match=r"no corpus 'bartok'; it has airdsAirs, .*ryansMammoth"):
        read_melodies([Path("music21:bartok")], GRID)
    with pytest.raises(SourceUnavailable, match=r"no tunes in .*expected files \.abc"):
        read_melodies([tmp_path], GRID)
    with pytest.raises(SourceUnavailable, match="no tunes in"):
        read_melodies([tmp_path / "missing.abc"], GRID)


def test_whole_tunes_are_held_out() -> None:
    tunes = np.repeat(np.arange(25), 3)
    rows = np.arange(75, dtype=np.uint8)[:, None]
    kept, apart = hold_out(melodies.Melodies(rows, tunes, 25, {}))
    assert (len(kept), kept.used, len(apart), apart.used) == (69, 23, 6, 2)
    assert not set(kept.tunes) & set(apart.tunes)
    kept, apart = hold_out(melodies.Melodies(rows[:6], tunes[:6], 2, {}))
    assert (kept.used, apart.used) == (1, 1)


@pytest.fixture
def tunes(tmp_path: Path) -> Path:
    return write_tunes(tmp_path / "tunes")


def options_for(out: Path, data: Path, **changes: Any) -> RunOptions:
    return replace(RunOptions(out=out, data=(data,), workers=0, accelerator="cpu", progress=False), **changes)


@pytest.mark.slow
def test_a_network_learns_tunes_it_was_not_shown(tunes: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    recipe = tiny_melody_recipe(steps=400, validate_every=100, lr=1e-2, ema=0.9)
    result = train(recipe, options_for(tmp_path / "run", tunes))
    last = result.history[-1]
    assert last["accuracy"] > result.facts["baseline"] + 0.1
    assert last["notes"] > 0.4 and last["elbo"] > result.history[0]["elbo"]
    assert last["elbo"] == pytest.approx(-last["reconstruction"] - last["kl"])
    assert result.facts["examples"].shape == (2, 32) and len(result.facts["std"]) == 6
    assert "others for validation; tunes left out" in caplog.text
    for name in ("given_restored", "samples", "interpolation"):
        assert cv2.imread(str(tmp_path / "run" / "figures" / f"{name}.png")) is not None
    assert 'id="samples"' in (tmp_path / "run" / "report.html").read_text()


@pytest.mark.slow
def test_resumed_training_equals_an_uninterrupted_one(
    tunes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_resumes_bit_for_bit(tiny_melody_recipe(), options_for(tmp_path / "whole", tunes), 6, monkeypatch)


def test_half_of_the_phrases_end_as_another_of_their_tune(tunes: Path, tmp_path: Path) -> None:
    objective = MelodyObjective(tiny_melody_recipe(steps=40), options_for(tmp_path / "run", tunes))
    known = {row.tobytes() for row in objective.melodies.notes}
    halves = {row[16:].tobytes() for row in objective.melodies.notes}
    rows = [row for batch in objective.batches(0, 0, 1, 0) for row in batch.notes]
    assert all(row[16:].tobytes() in halves for row in rows)
    new = np.mean([row.tobytes() not in known for row in rows])
    assert 0.05 < new < 0.5  # half, less those whose ending is their own, or makes a phrase that there is anyway
    assert {row.tobytes() for row in objective.melodies.notes} == known  # the collection itself stays as it is


def test_processes_share_a_batch(tunes: Path, tmp_path: Path) -> None:
    objective = MelodyObjective(tiny_melody_recipe(), options_for(tmp_path / "run", tunes))
    whole = next(objective.batches(3, 0, 1, 0))
    shares = [next(objective.batches(3, rank, 2, 0)) for rank in (0, 1)]
    assert np.array_equal(whole.notes, np.concatenate([share.notes for share in shares]))
    assert np.array_equal(whole.draw, np.concatenate([share.draw for share in shares]))


def test_settling_takes_the_statistics_of_the_weights_as_they_are() -> None:
    net = noisy_net()
    batches = [
        MelodyBatch(np.random.default_rng(i).integers(0, 36, (64, 32), np.uint8), np.zeros((64, 6), np.float32))
        for i in (0, 1)
    ]
    settle(net, batches, torch.device("cpu"))
    norm = net.encoder.features[1]
    assert isinstance(norm, nn.BatchNorm2d) and not norm.training and norm.momentum == 0.1
    with torch.no_grad():
        given = torch.from_numpy(np.concatenate([batch.notes for batch in batches]))
        channels = net.encoder.features[0](net.one_hot(given))
    assert norm.running_mean is not None
    assert torch.allclose(norm.running_mean, channels.mean((0, 2, 3)), atol=1e-5)


def test_a_recipe_that_makes_no_sense_is_one_line(tunes: Path, tmp_path: Path) -> None:
    options = options_for(tmp_path / "run", tunes)
    recipe = tiny_melody_recipe()
    assert recipe.latent is not None
    with pytest.raises(RecipeError, match="expects beta and beta_warmup"):
        MelodyObjective(replace(recipe, latent=replace(recipe.latent, noise=0.1)), options)
    for wrong in ({"steps": 30}, {"pitches": 100}, {"widths": [1]}):
        with pytest.raises(RecipeError, match="make no melody-vae"):
            MelodyObjective(replace(recipe, net=replace(recipe.net, options={**recipe.net.options, **wrong})), options)


def test_normalization_goes_into_the_layers_before_it() -> None:
    net = noisy_net()
    plain = without_norms(net)
    assert not [m for m in plain.modules() if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d))]
    assert [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    notes, draw = torch.randint(0, 36, (8, 32)), torch.randn(8, 6)
    for ours, theirs in zip(net(notes, draw), plain(notes, draw), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-4)


def test_the_graphs_equal_the_network() -> None:
    net = noisy_net()
    notes = np.random.default_rng(1).integers(0, 36, (9, 32), np.uint8)
    encoder, decoder = (
        ort.InferenceSession(graph(net).SerializeToString()) for graph in (melody_encoder_graph, melody_decoder_graph)
    )
    mean, log_var = (np.asarray(found) for found in encoder.run(["z_mean", "z_log_var"], {"notes": notes}))
    with torch.no_grad():
        passage = net(torch.from_numpy(notes), torch.zeros(9, 6))
    assert np.allclose(mean, passage.mean, atol=1e-4) and np.allclose(log_var, passage.log_var, atol=1e-4)
    (codes,) = decoder.run(["notes"], {"z": mean})
    assert np.asarray(codes).dtype == np.uint8
    assert np.mean(np.asarray(codes) == passage.logits.argmax(1)[..., 0].numpy()) > 0.99


def test_both_files_carry_their_proof_and_open_as_a_latent_model(tmp_path: Path) -> None:
    net = noisy_net()
    rng = np.random.default_rng(2)
    facts = {
        "mean": [0.0] * 6,
        "std": [1.0] * 6,
        "examples": torch.from_numpy(rng.integers(0, 36, (2, 32), np.uint8)),
    }
    state = Checkpoint(tiny_melody_recipe(), 4, net.state_dict(), net.state_dict(), facts=facts)
    cards = export_parts(state, tmp_path / "tune.onnx", ReleaseInfo("none", "none"), ("encoder", "decoder"))
    assert [card.task for card in cards] == ["encode", "decode"]
    for card in cards:
        assert verify(tmp_path / f"{card.name}.onnx", "cpu").passed
        assert (card.latent["medium"], card.latent["steps"], card.latent["lowest"]) == ("melody", 32, 55)
    encoder, decoder = load_encoder(tmp_path / "tune", "cpu"), load_decoder(tmp_path / "tune", "cpu")
    notes = decoder(encoder(rng.integers(0, 36, (3, 32), np.uint8)).mean)
    assert notes.shape == (3, 32) and notes.max() < net.codes
    with pytest.raises(ExportError, match="an encoder and a decoder"):
        export_parts(state, tmp_path / "tune.onnx", ReleaseInfo("none", "none"), ("whole",))


def test_the_recipe_of_the_shipped_model_builds_what_is_shipped() -> None:
    state = load_checkpoint(SHIPPED)
    recipe = load_recipe("vae-melody")
    assert (state.recipe.net, state.recipe.latent) == (recipe.net, recipe.latent)
    assert not state.optimizer


def test_the_shipped_model_gives_held_out_phrases_back_and_invents_others_in_key() -> None:
    state = load_checkpoint(SHIPPED)
    net = state.averaged_net()
    assert isinstance(net, MelodyNet)
    given = state.facts["examples"]
    with torch.no_grad():
        restored = net(given, torch.zeros(len(given), net.latent)).logits.argmax(1)[..., 0]
        z = torch.randn(300, net.latent, generator=torch.Generator().manual_seed(0))
        sampled = net.decoder(z)[..., 0].argmax(1).numpy()
    assert (restored == given).float().mean() > 0.8
    assert len(np.unique(sampled, axis=0)) == 300
    begun = sampled >= FIRST
    assert np.isin((sampled[begun] - FIRST + net.grid.lowest) % 12, SCALE).mean() > 0.97
    assert 12 < begun.sum(1).mean() < 40  # notes in four bars
    assert begun[:, ::BAR].mean() > 0.8  # bars begin with a note
    steps = np.concatenate([np.diff(row[row >= FIRST].astype(int)) for row in sampled])
    assert np.mean(np.abs(steps) > 12) < 0.03
