"""The board: the stored results of runs, in Parquet.

:mod:`bench.board.schema` documents the columns, :class:`bench.board.store.Board` reads and writes
them, :mod:`bench.board.layout` knows the names of its files."""
