"""What a live stream may step down to, among the models that are shipped."""

from __future__ import annotations

import pytest

from nitido.live.variants import open_variants, variant_names
from support.paths import ROOT

RESEARCH = ROOT / "models" / "research"
SMALL = ["denoise-n", "denoise-n.int8"]
STILLS = ["denoise-m", "denoise-m.int8", "denoise-s", "denoise-s.int8", *SMALL]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("denoise-m", STILLS),
        ("denoise-n", SMALL),
        ("denoise-m.int8", ["denoise-m.int8", "denoise-s.int8", "denoise-n.int8"]),
        (str(RESEARCH / "denoise-n-research.onnx"), ["denoise-n-research", "denoise-n-research.int8"]),
    ],
)
def test_the_same_family_from_most_work_to_least(name: str, expected: list[str]) -> None:
    assert variant_names(open_variants(name, "cpu", threads=1)) == expected


def test_without_faster_ones_a_model_stays_alone() -> None:
    assert variant_names(open_variants("denoise-n", "cpu", threads=1, faster=False)) == ["denoise-n"]
