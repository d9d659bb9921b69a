"""Tables of latents: NumPy's ``.npz``, ``.csv``, and ``.parquet`` where pyarrow is installed."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from nitido.errors import SinkUnavailable, SourceUnavailable
from nitido.latent.embedding import Embedding
from nitido.latent.space import Vectors
from nitido.system.files import write_whole
from nitido.wording import count

_MODEL = b"nitido.model"  # in the metadata of a parquet file


def require_table(path: Path) -> None:
    """Raises ``SinkUnavailable`` unless :func:`write_table` can write a file of that name."""
    if path.suffix.lower() not in TABLES:
        raise SinkUnavailable(f"cannot write {path}: expected a table, {', '.join(sorted(TABLES))}")
    if path.suffix.lower() == ".parquet":
        _pyarrow(SinkUnavailable, path)


def write_table(path: Path, embedding: Embedding, *, variances: bool = False) -> None:
    """Writes paths and latents atomically.

    Args:
        path: ``.parquet`` and ``.csv`` have the columns ``path``, ``z_0`` … as float32; a parquet file names the model
            in its metadata (``nitido.model``). ``.npz`` has ``paths`` (text N), ``z`` (float32 N×d) and ``model``
            (text).
        embedding: what to write.
        variances: whether log variances are written too (``log_var_0`` … or ``log_var``).

    Raises:
        SinkUnavailable: the file cannot be written, there are no variances, or pyarrow is missing.
    """
    require_table(path)
    if variances and embedding.log_var is None:
        raise SinkUnavailable(f"{embedding.model} gives no variances, expected a variational model; leave them out")
    kept = embedding if variances else Embedding(embedding.paths, embedding.z, None, embedding.model)
    write_whole(path, TABLES[path.suffix.lower()][0](kept))


def read_table(path: Path) -> Embedding:
    """Reads a table of :func:`write_table`. A ``.csv`` does not name the model.

    Raises:
        SourceUnavailable: another kind of file, or pyarrow is missing.
    """
    if path.suffix.lower() not in TABLES:
        raise SourceUnavailable(f"cannot read {path}: expected a table, {', '.join(sorted(TABLES))}")
    if path.suffix.lower() == ".parquet":
        _pyarrow(SourceUnavailable, path)
    try:
        return TABLES[path.suffix.lower()][1](path.read_bytes())
    except OSError as error:
        raise SourceUnavailable(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile, csv.Error) as error:
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise SourceUnavailable(f"{path} is not a table of latents ({said}); make it with 'nitido embed'") from error


def _to_npz(embedding: Embedding) -> bytes:
    stream = io.BytesIO()
    table: dict[str, Any] = {"paths": np.array(embedding.paths, np.str_), "z": embedding.z}
    table |= {"model": np.array(embedding.model)}
    table |= {} if embedding.log_var is None else {"log_var": embedding.log_var}
    np.savez_compressed(stream, **table)
    return stream.getvalue()


def _from_npz(data: bytes) -> Embedding:
    with np.load(io.BytesIO(data)) as table:
        log_var = _vectors(table["log_var"]) if "log_var" in table else None
        return _consistent(list(map(str, table["paths"])), _vectors(table["z"]), log_var, str(table["model"]))


def _to_csv(embedding: Embedding) -> bytes:
    stream = io.StringIO(newline="")
    rows = csv.writer(stream, lineterminator="\n")
    rows.writerow(["path", *_columns(embedding)])
    # Nine digits are necessary to get the same float32 back.
    for path, values in zip(embedding.paths, _values(embedding), strict=True):
        rows.writerow([path, *(format(value, ".9g") for value in values.tolist())])
    return stream.getvalue().encode("utf-8", "surrogateescape")


def _from_csv(data: bytes) -> Embedding:
    rows = csv.reader(io.StringIO(data.decode("utf-8", "surrogateescape"), newline=""))
    header = next(rows, [])
    if header[:1] != ["path"] or len(header) < 2:
        raise ValueError("no columns path, z_0, …")
    ours = [i for i, name in enumerate(header) if _is_ours(name)]
    paths: list[str] = []
    values: list[list[float]] = []
    for row in rows:
        if len(row) != len(header):
            raise ValueError(f"line {rows.line_num} has {count(len(row), 'value')}, expected {len(header)}")
        paths.append(row[0])
        values.append([float(row[i]) for i in ours])
    return _split(paths, [header[i] for i in ours], np.array(values, np.float32).reshape(len(paths), len(ours)), "")


def _to_parquet(embedding: Embedding) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    # Names that are not UTF-8 cannot be stored: their invalid bytes are written as \udcxx.
    paths = [path.encode("utf-8", "backslashreplace").decode() for path in embedding.paths]
    columns: dict[str, Any] = {"path": pa.array(paths, pa.string())}
    for name, values in zip(_columns(embedding), _values(embedding).T, strict=True):
        columns[name] = pa.array(np.ascontiguousarray(values), pa.float32())
    stream = io.BytesIO()
    pq.write_table(pa.table(columns).replace_schema_metadata({_MODEL: embedding.model.encode()}), stream)
    return stream.getvalue()


def _from_parquet(data: bytes) -> Embedding:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(pa.BufferReader(data))  # ArrowInvalid is a ValueError
    names = [name for name in table.column_names if _is_ours(name)]
    columns = [np.asarray(table.column(name).to_numpy(), np.float32) for name in names]
    model = (table.schema.metadata or {}).get(_MODEL, b"").decode()
    paths = [str(path) for path in table.column("path").to_pylist()]
    return _split(paths, names, np.stack(columns, axis=1) if columns else np.empty((len(paths), 0), np.float32), model)


# By suffix: (embedding → content, content → embedding).
TABLES: dict[str, tuple[Callable[[Embedding], bytes], Callable[[bytes], Embedding]]] = {
    ".npz": (_to_npz, _from_npz),
    ".csv": (_to_csv, _from_csv),
    ".parquet": (_to_parquet, _from_parquet),
}


def _columns(embedding: Embedding) -> list[str]:
    names = [f"z_{i}" for i in range(embedding.z.shape[1])]
    return names if embedding.log_var is None else [*names, *(f"log_var_{i}" for i in range(len(names)))]


def _values(embedding: Embedding) -> Vectors:
    return embedding.z if embedding.log_var is None else np.concatenate([embedding.z, embedding.log_var], axis=1)


def _is_ours(name: str) -> bool:
    """Whether a column contains latents; other columns, which somebody may have added, are ignored."""
    return re.fullmatch(r"(z|log_var)_\d+", name) is not None


def _split(paths: list[str], names: list[str], values: Vectors, model: str) -> Embedding:
    """An embedding from columns by name."""
    z = [names.index(f"z_{i}") for i in range(len(names)) if f"z_{i}" in names]
    log_var = [names.index(f"log_var_{i}") for i in range(len(names)) if f"log_var_{i}" in names]
    return _consistent(paths, values[:, z], values[:, log_var] if log_var else None, model)


def _vectors(values: Any) -> Vectors:
    return np.asarray(values, np.float32)


def _consistent(paths: list[str], z: Vectors, log_var: Vectors | None, model: str) -> Embedding:
    if z.ndim != 2 or z.shape[1] == 0 or len(z) != len(paths) or (log_var is not None and log_var.shape != z.shape):
        raise ValueError("its columns do not match")
    return Embedding(paths, z, log_var, model)


def _pyarrow(kind: type[SinkUnavailable] | type[SourceUnavailable], path: Path) -> None:
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise kind(
            f"{path} needs pyarrow, which is not installed; run: pip install 'nitido[parquet]', or use .npz or .csv"
        ) from None
