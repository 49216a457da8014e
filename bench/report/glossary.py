"""Terms of the field that a report explains to a reader who is new to them."""

from __future__ import annotations

from typing import Final

from bench.leaderboard.model import Column
from bench.leaderboard.render import clean

TERMS: Final = {
    "HAAQI": (
        "The Hearing-Aid Audio Quality Index (Kates and Arehart 2016): how close the music is to "
        "its reference in a model of the listener's ears, from 0 to 1; 1 is no difference"
    ),
    "SDR": (
        "Signal-to-distortion ratio, dB: the power of a true stem over that of the error in the "
        "separated one; 0 dB is as much error as stem, and each 10 dB is a tenth of it"
    ),
    "LUFS": (
        "Loudness units relative to full scale (ITU-R BS.1770): the loudness that music has to a "
        "listener with normal hearing; a change of 1 is 1 dB"
    ),
}
_BETTER: Final = {1: "more is better", -1: "less is better", 0: "near 0 is better"}


def explained(column: Column) -> str:
    """What a column is: its term of the field, what the metric computes, which way is better."""
    terms = [text for term, text in TERMS.items() if term == column.title.split()[0]]
    about = clean(column.about)
    parts = [*terms, about[:1].upper() + about[1:]] if about else terms
    return f"{'. '.join(parts)}; {_BETTER[column.better]}." if parts else ""
