"""Listening: pages to hear systems side by side, and blind tests whose ratings join a board.

Nothing heavy is imported here: `bench.listening.page.write_pages` writes the pages,
`bench.listening.blind.make_test` a test, `bench.listening.ratings.import_ratings` reads what
participants send.
"""

from typing import Final

ANCHORS: Final = (3500.0, 7000.0)
"""Hz; cut-off frequencies of the low and mid anchors of BS.1534-3."""
