"""The Parquet files of a board: each is read by its schema, and written whole or not at all.

Parquet has no checksum of its own that covers all of a file: one damaged bit may be another number.
So each file of a board carries a seal, a digest of all else that is in it, right before its footer,
where no reader of Parquet looks. A file without one, of an older bench or another program, is read
as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from bench.board.schema import SCHEMA_VERSION, VERSION_KEY, arrow_schema
from bench.errors import BenchError
from bench.runtime.files import replacing

_MAGIC: Final = b"bench seal"
_DIGEST: Final = 16
_SEAL: Final = len(_MAGIC) + _DIGEST
_MANY_ROWS: Final = 50_000
"""Rows from which on a file is read by several threads: below, to share the work costs more."""
_TAIL: Final = 8
"""Bytes behind a footer: its length, and Parquet's own name."""


class UnusableError(Exception):
    """A file that does not belong to a board."""


def schema_of(table: str, columns: Sequence[str] | None, encoded: bool) -> pa.Schema:
    """The schema of some columns of a table, texts as dictionaries where `encoded`."""
    whole = arrow_schema(table)
    fields = [whole.field(name) for name in columns or whole.names]
    if encoded:
        texts = pa.dictionary(pa.int32(), pa.string())
        fields = [f.with_type(texts) if f.type == pa.string() else f for f in fields]
    return pa.schema(fields, metadata=whole.metadata)


def write_table(path: Path, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as one file of a table of the schema, in one step; what they lack is null.

    Raises:
        ValueError: an unknown or missing column.
        BenchError: the file cannot be written.
    """
    schema = arrow_schema(table)
    columns = [
        pa.array([row.get(field.name) for row in rows], type=field.type, from_pandas=True)
        for field in schema
    ]
    unknown = sorted({name for names in set(map(tuple, rows)) for name in names} - {*schema.names})
    missing = [
        field.name
        for field, column in zip(schema, columns, strict=True)
        if not field.nullable and column.null_count
    ]
    if unknown or missing:
        raise ValueError(f"table {table}: unknown columns {unknown}, missing columns {missing}")
    replace_table(path, pa.Table.from_arrays(columns, schema=schema))


def replace_table(path: Path, table: pa.Table) -> None:
    """Put `table` at `path` in one step that outlasts a power cut."""
    try:
        with replacing(path) as draft:
            stream = pa.BufferOutputStream()
            pq.write_table(table, stream, compression="zstd")
            draft.write_bytes(_sealed(stream.getvalue().to_pybytes()))
    except OSError as error:
        raise BenchError(
            f"the board cannot be written: {error.strerror or error}",
            where=str(path.parent),
            hint="Check that there is space and that you may write there, or give another --out.",
        ) from error


def read_table(path: Path, table: str, schema: pa.Schema) -> tuple[pa.Table, int]:
    """Read the columns of a schema from a file, null where it lacks them, and the file's version.

    Raises:
        UnusableError: it is damaged, no file of a board, of a newer version, or lacks a required
            column.
        FileNotFoundError: it is not there.
        OSError: it cannot be read.
    """
    content = path.read_bytes()
    _check_seal(content)
    try:
        return _parsed(content, table, schema)
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())
        raise UnusableError(f"it is damaged, or not a Parquet file: {reason}") from None


def _parsed(data: bytes, table: str, schema: pa.Schema) -> tuple[pa.Table, int]:
    footer = pq.read_metadata(pa.BufferReader(data))
    names = set(footer.schema.names)  # of an older bench, or another program, it may lack some
    encoded = [f.name for f in schema if pa.types.is_dictionary(f.type) and f.name in names]
    source = pa.BufferReader(data)
    with pq.ParquetFile(source, metadata=footer, read_dictionary=encoded) as file:
        version = (file.schema_arrow.metadata or {}).get(VERSION_KEY)
        if version is None:
            raise UnusableError("not a file of a bench board")
        if int(version) > SCHEMA_VERSION:
            raise UnusableError(
                f"written with board schema {int(version)}, newer than this bench's "
                f"{SCHEMA_VERSION}; update bench to read it"
            )
        missing = [
            field.name
            for field in arrow_schema(table)
            if not field.nullable and field.name not in names
        ]
        if missing:
            raise UnusableError(f"columns are missing: {', '.join(missing)}")
        several = file.metadata.num_rows > _MANY_ROWS
        content = file.read([name for name in schema.names if name in names], use_threads=several)
    own = content.schema
    columns = []
    for field in schema:
        if field.name not in names:
            columns.append(pa.nulls(content.num_rows, field.type))
            continue
        column = content.column(field.name)
        same = own.field(field.name).type == field.type
        columns.append(column if same else column.cast(field.type))
    return pa.Table.from_arrays(columns, schema=schema), int(version)


def _sealed(data: bytes) -> bytes:
    """A Parquet file with its seal."""
    body, footer = _split(data)
    return body + _MAGIC + blake2b(body + footer, digest_size=_DIGEST).digest() + footer


def _check_seal(data: bytes) -> None:
    """Raise UnusableError where a file has a seal, and something of it changed since."""
    body, footer = _split(data)
    seal = body[-_SEAL:]
    if not seal.startswith(_MAGIC):
        return
    digest = blake2b(memoryview(body)[:-_SEAL], digest_size=_DIGEST)
    digest.update(footer)
    if digest.digest() != seal[len(_MAGIC) :]:
        raise UnusableError("it is damaged: its content is not what was written")


def _split(data: bytes) -> tuple[bytes, bytes]:
    """What is before the footer, and the footer with what is behind it."""
    length = int.from_bytes(data[-_TAIL:-4], "little") + _TAIL
    return (data[:-length], data[-length:]) if length <= len(data) else (data, b"")
