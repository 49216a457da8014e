"""The tables of a board."""

from __future__ import annotations

from bench.board import schema


def test_every_column_is_documented() -> None:
    for table, columns in schema.TABLES.items():
        names = [column.name for column in columns]
        assert len(set(names)) == len(names)
        assert all(column.description for column in columns)
        stored = schema.arrow_schema(table)
        assert stored.names == names
        assert stored.metadata[schema.VERSION_KEY] == str(schema.SCHEMA_VERSION).encode()
