"""Readers of datasets in the Cadenza layout, and their checks.

What makes a set is in :mod:`bench.data.generate`.
"""

from __future__ import annotations

from dataclasses import dataclass

from bench.api import option


@dataclass(frozen=True)
class CadenzaOptions:
    """Options of a dataset in the Cadenza layout."""

    root: str = option("", "folder that holds metadata/ and audio/", path=True)
    song: str = option(
        "",
        "regular expression whose first group is the song in the name of an excerpt's music; by "
        "default the song is found by the metadata's Original Track Name, else the track list, "
        "else the name without an excerpt's number",
    )
