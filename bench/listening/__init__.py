"""Listening: pages to hear systems side by side, and blind tests whose ratings join a board.

Nothing heavy is imported here: `bench.listening.page.write_pages` writes the pages,
`bench.listening.mushra.make_test` a test, `bench.listening.ratings.import_ratings` reads what
participants send.
"""
