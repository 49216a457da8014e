"""The trials of MUSHRA (Recommendation ITU-R BS.1534-3).

In each trial an open reference, and in random order the systems, the reference once more (hidden)
and low-pass anchors of it, rated from 0 to 100.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from scipy.signal import firwin, oaconvolve

from bench.errors import BenchError
from bench.listening.audio import RATE, Array, audio_text, match_levels
from bench.listening.codes import code_of
from bench.listening.render import MIXTURE, REFERENCE, HeardPair

MOST_SIGNALS: Final = 12
"""Signals a trial may have besides the open reference: the Recommendation's advice."""
_TAPS: Final = 1023
_SLOPE: Final = 170.0
"""Hz from the pass band to the stop band of _TAPS taps."""


def low_pass(signal: Array, cutoff: float) -> Array:
    """An anchor: ``(2, N)`` at 44.1 kHz without what is above `cutoff` Hz.

    A linear-phase FIR filter, its delay taken off: within 0.1 dB up to the cut-off, more than 50 dB
    down from 170 Hz above it on. (The standard asks of its 3.5 kHz anchor for 25 dB at 4 kHz and
    50 dB at 4.5 kHz.)
    """
    # The cut-off of a window design is the middle of its slope.
    taps = firwin(_TAPS, cutoff + _SLOPE / 2, window=("kaiser", 6.0), fs=RATE)
    filtered: Array = oaconvolve(signal, taps[None], mode="same", axes=-1)
    return filtered


def check_anchors(anchors: Sequence[float], systems: int) -> None:
    """Check the anchors of trials with some systems, the mixture included where it is rated.

    Raises:
        BenchError: there are too many signals, or an anchor is out of range.
    """
    for cutoff in anchors:
        if not 500.0 <= cutoff <= 16_000.0:
            raise BenchError(f"an anchor of {cutoff:g} Hz is out of range", hint="500 to 16000 Hz")
    count = systems + 1 + len(anchors)
    if count > MOST_SIGNALS:
        hint = "Select fewer systems with --run."
        what = f"a trial would have {count} signals, more than {MOST_SIGNALS}"
        raise BenchError(what, hint=hint)


def mushra_trial(
    heard: HeardPair,
    names: Sequence[str],
    labels: Mapping[str, str],
    way: str,
    anchors: Sequence[float],
    secret: str,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The page's part of a trial, and the part that only the key has.

    Args:
        heard: the pair.
        names: of the signals that are rated beside the hidden reference and the anchors.
        labels: of the runs, by id.
        way: of hearing.
        anchors: cut-off frequencies, Hz.
        secret: what the codes are made of.
    """
    given = heard.ways[way].signals
    signals = {name: given[name] for name in (*names, REFERENCE)}
    about: dict[str, dict[str, Any]] = {
        name: {"kind": name if name in (MIXTURE, REFERENCE) else "system"} for name in signals
    }
    for name in signals.keys() & labels.keys():
        about[name] |= {"run_id": name, "label": labels[name]}
    for cutoff in anchors:
        name = f"anchor {cutoff:g}"
        signals[name] = low_pass(signals[REFERENCE], cutoff)
        about[name] = {"kind": "anchor", "cutoff_hz": float(cutoff)}
    if way != "simulated":  # where loudness is part of what is heard
        signals = dict(match_levels(signals).signals)
    trial = code_of(secret, heard.scene.id, heard.listener.id)
    codes = {name: code_of(secret, trial, name) for name in signals}
    shown = [{"code": codes[name], "audio": audio_text(s)} for name, s in signals.items()]
    page = {
        "code": trial,
        "reference": audio_text(signals[REFERENCE]),
        # In the order of the codes, which says nothing of what they stand for.
        "signals": sorted(shown, key=lambda signal: signal["code"]),
    }
    return page, {"signals": {codes[name]: about[name] for name in signals}}
