"""The trials of ABX: is X the reference, A, or the system, B?

A system that is identified no more often than by guessing has no audible difference to its
reference. Source: Clark (1982), High-resolution subjective testing using a double-blind comparator,
Journal of the Audio Engineering Society 30(5).
"""

from __future__ import annotations

from typing import Any, Final

from scipy.stats import binomtest

from bench.listening.audio import audio_text
from bench.listening.codes import code_of
from bench.listening.render import REFERENCE, HeardPair

REPEATS: Final = 8
"""Times that each comparison is asked: all right by guessing has a probability of 0.4 %."""


def abx_trial(
    heard: HeardPair, run_id: str, label: str, way: str, secret: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The page's part of a comparison, and the part that only the key has.

    A is the reference and B the system, each once more as a clip under a code: X is one of the two
    clips, and which is which stands in the key.

    Args:
        heard: the pair.
        run_id: of the system.
        label: of the system.
        way: of hearing.
        secret: what the codes are made of.
    """
    signals = heard.ways[way].signals
    audio = {"a": audio_text(signals[REFERENCE]), "b": audio_text(signals[run_id])}
    trial = code_of(secret, heard.scene.id, heard.listener.id, run_id)
    codes = {code_of(secret, trial, name): name for name in audio}
    page = {
        "code": trial,
        **audio,
        "clips": [{"code": code, "audio": audio[codes[code]]} for code in sorted(codes)],
    }
    about = {"a": {"kind": REFERENCE}, "b": {"kind": "system", "run_id": run_id, "label": label}}
    return page, {"signals": {code: about[name] for code, name in codes.items()}}


def p_of_guessing(right: int, answers: int) -> float:
    """The probability of at least this many right answers by guessing (binomial, one half each).

    Example:
        >>> round(p_of_guessing(12, 16), 4)
        0.0384
    """
    return float(binomtest(right, answers, 0.5, alternative="greater").pvalue)
