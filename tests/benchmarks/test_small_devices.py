"""What models need on small devices: measured, kept and printed."""

from __future__ import annotations

import re
import sys
from dataclasses import replace

import pytest
import small_devices
from small_devices_page import BOARDS, Needs, estimate_cells, operator_sets, page

from nitido.model_file import zoo
from support.paths import ROOT

NEEDS = Needs("denoise-n", "denoise", 1, False, "a", 158_014, 2_000_000_000, [70.0, 100.0, 180.0], ["Conv", "Relu"])
LATENT = Needs("vae.encoder", "encode", 1, False, "b", 20_000, 700_000, [60.0], ["Gemm"])


def table(*rows: Needs, timed: str = "") -> small_devices.Table:
    return small_devices.Table("1.2", 50.0, timed, list(rows))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read on Linux")
def test_a_recurrent_and_a_latent_model_are_measured() -> None:
    found = {
        entry.name: small_devices.measure(entry)
        for entry in zoo.entries()
        if entry.name in ("denoise-live-n", "vae-digits.decoder")
    }
    live, decoder = found["denoise-live-n"], found["vae-digits.decoder"]
    assert small_devices.peak_mb(None, (0, 0)) < live.peak_mb[0] < live.peak_mb[1] < live.peak_mb[2]
    assert live.macs == round(14559.6 * 640 * 480) and decoder.macs > round(725.6 * 28 * 28)  # and the second stage
    assert {"Conv", "Resize", "com.microsoft.FusedConv"} <= set(live.operators)
    assert len(decoder.peak_mb) == 1
    assert all(name.replace(".", "").isalnum() for name in (*live.operators, *decoder.operators))


def test_times_are_kept_as_long_as_the_file_is_the_same() -> None:
    old = table(replace(NEEDS, ms=40.0), timed="board")
    assert small_devices.merged(old, table(NEEDS)).rows[0].ms == 40.0
    assert small_devices.merged(old, table(replace(NEEDS, sha256="other"))).rows[0].ms is None
    assert small_devices.merged(old, table(NEEDS)).timed == "board"
    assert small_devices.merged(None, table(NEEDS)).rows == [NEEDS]


def test_the_page_shows_times_only_where_there_are_some() -> None:
    without = page([NEEDS, LATENT], 50.0, "1.2", "", "Linux")
    assert "Not measured yet" in without
    assert "| denoise-n | 158 KB | 2.0 | 70 MB | 100 MB | 180 MB | A |  |  |" in without
    assert "| vae.encoder | 20 KB | 0.7 | 60 MB | B |" in without
    timed = page([replace(NEEDS, ms=40.0)], 50.0, "1.2", "board", "Linux")
    assert "180 MB | A | 40.0 | 25.0 |" in timed and "on one thread, board." in timed


def test_estimates_follow_from_cores_clock_and_operations() -> None:
    pi_4, pi_5, _ = BOARDS
    assert pi_4.fps(NEEDS) == pytest.approx((0.2 * 4 * 1.8 * 4 / 2, 0.4 * 4 * 1.8 * 4 / 2))
    assert pi_5.fps(replace(NEEDS, integer=True)) == pytest.approx((0.1 * 4 * 2.4 * 32 / 2, 0.2 * 4 * 2.4 * 32 / 2))


def test_models_with_the_same_operators_share_a_set() -> None:
    other = replace(NEEDS, model="denoise-s")
    assert operator_sets([NEEDS, LATENT, other]) == {
        "A": (["Conv", "Relu"], ["denoise-n", "denoise-s"]),
        "B": (["Gemm"], ["vae.encoder"]),
    }


def documented() -> small_devices.Table:
    known = small_devices.read_table(ROOT / "docs/reference/small-devices.json")
    assert known is not None
    return known


def test_the_documented_table_holds_every_shipped_file_as_it_is() -> None:
    shipped = {entry.name: entry.path.stat().st_size for entry in zoo.entries()}
    assert {row.model: row.file_bytes for row in documented().rows} == shipped


def test_the_guide_has_the_estimates_of_the_table() -> None:
    guide = (ROOT / "docs/guide/raspberry-pi.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in guide.splitlines() if line[:1] == "|"]
    models = [re.findall(r"`([a-z0-9.-]+)`", cell)[0] for cell in rows[0][1:]]
    estimates = {row.model: estimate_cells(row)[1:] for row in documented().rows if row.model in models}
    for index, row in enumerate(rows[2:]):
        assert row[0].startswith(BOARDS[index].name.partition(",")[0])
        assert row[1:] == [estimates[model][index] for model in models]
    assert len(rows) == 2 + len(BOARDS)
