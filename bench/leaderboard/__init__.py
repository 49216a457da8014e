"""Leaderboards: the Parquet board, its statistics and its tables.

Nothing heavy is imported here: `bench.board.store.Board` reads and writes a board,
`bench.leaderboard.table.leaderboard` ranks it, `bench.board.schema` documents its columns.
"""
