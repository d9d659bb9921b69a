"""Latents in files: .npz, .csv, .parquet."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from nitido.errors import SinkUnavailable, SourceUnavailable
from nitido.latent.embedding import Embedding
from nitido.latent.tables import read_table, write_table


def table() -> Embedding:
    z = np.random.default_rng(0).normal(size=(5, 12)).astype(np.float32)
    paths = ["a.png", 'with "quotes", commas.png', "línea\nnueva.png", "sub/ünïcode.png", "e"]
    return Embedding(paths, z, z * 3 - 1, "tiny")


@pytest.mark.parametrize("suffix", [".npz", ".csv", ".parquet"])
@pytest.mark.parametrize("variances", [True, False])
def test_a_table_gives_back_what_went_in(suffix: str, variances: bool, tmp_path: Path) -> None:
    given, path = table(), tmp_path / "new" / f"t{suffix}"
    write_table(path, given, variances=variances)
    found = read_table(path)
    assert found.paths == given.paths
    assert np.array_equal(found.z, given.z)
    if variances:
        assert found.log_var is not None and np.array_equal(found.log_var, np.asarray(given.log_var))
    else:
        assert found.log_var is None
    assert found.model == ("" if suffix == ".csv" else "tiny")
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_name_that_is_not_a_text_goes_into_every_table(tmp_path: Path) -> None:
    given = Embedding(["bad\udcff.png"], np.zeros((1, 2), np.float32))
    for suffix, found in ((".npz", "bad\udcff.png"), (".csv", "bad\udcff.png"), (".parquet", "bad\\udcff.png")):
        write_table(tmp_path / f"t{suffix}", given)
        assert read_table(tmp_path / f"t{suffix}").paths == [found]


def test_columns_are_what_was_said(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    write_table(tmp_path / "t.csv", Embedding(["a"], np.array([[0.1, 2]], np.float32)))
    assert (tmp_path / "t.csv").read_text().splitlines() == ["path,z_0,z_1", "a,0.100000001,2"]
    write_table(tmp_path / "t.parquet", table(), variances=True)
    columns = pq.read_table(tmp_path / "t.parquet")
    assert columns.column_names == ["path", *(f"z_{i}" for i in range(12)), *(f"log_var_{i}" for i in range(12))]
    assert str(columns.schema.field("z_0").type) == "float"
    write_table(tmp_path / "t.npz", table())
    with np.load(tmp_path / "t.npz") as arrays:
        assert sorted(arrays) == ["model", "paths", "z"] and str(arrays["model"]) == "tiny"


def test_columns_that_somebody_added_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("path,note,z_1,z_0\na,nice,2,1\n")
    assert read_table(tmp_path / "t.csv").z.tolist() == [[1, 2]]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", b"name,z_0\na,1\n"),
        ("t.csv", b"path,z_0\na,1,2\n"),
        ("t.csv", b"path,z_0\na,x\n"),
        ("t.csv", b"path,note\na,1\n"),
        ("t.csv", b""),
        ("t.npz", b"PK\x03\x04 cut short"),
        ("t.npz", b"\x93NUMPY\x01\x00"),
        ("t.parquet", b"PAR1"),
        ("t.txt", b"path"),
    ],
)
def test_what_is_not_a_table_is_reported_in_one_line(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceUnavailable, match=r"t\.\w+ is not a table of latents|expected a table") as error:
        read_table(tmp_path / name)
    assert "\n" not in str(error.value)


def test_a_missing_pyarrow_is_named_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_table(tmp_path / "t.parquet", table())
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    for kind, act in ((SinkUnavailable, lambda p: write_table(p, table())), (SourceUnavailable, read_table)):
        with pytest.raises(kind, match=r"pip install 'nitido\[parquet\]'"):
            act(tmp_path / "t.parquet")


def test_variances_that_there_are_not_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SinkUnavailable, match="gives no variances"):
        write_table(tmp_path / "t.npz", Embedding(["a"], np.zeros((1, 2), np.float32), None, "plain"), variances=True)
