"""Makes a blind listening test: a page for the participants and a key that stays at home.

The method is MUSHRA (Recommendation ITU-R BS.1534-3): in each trial an open reference, and in
random order the systems, the reference once more (hidden) and low-pass anchors of it, rated from 0
to 100. The page knows signals by codes only; which is which is in the key alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from scipy.signal import firwin, oaconvolve

from bench.errors import BenchError
from bench.listening import ANCHORS
from bench.listening.audio import RATE, Array, flac, match_levels, text_of
from bench.listening.render import MIXTURE, REFERENCE, HeardPair
from bench.report.html import STYLE, fill, write

if TYPE_CHECKING:
    from bench.runs.restore import StoredRun

MOST_SIGNALS: Final = 12
"""Signals a trial may have besides the open reference: the Recommendation's advice."""
KEY_FORMAT: Final = "bench-listening-key"
_TEMPLATES: Final = Path(__file__).parent / "templates"
_TAPS: Final = 1023
_SLOPE: Final = 170.0
"""Hz from the pass band to the stop band of _TAPS taps."""
_HEARD: Final = {
    "remix": "The music is meant for people who hear well.",
    "amplified": "The music is amplified for one listener's hearing loss.",
    "simulated": "The music sounds as it does for somebody with a hearing loss.",
}


def make_test(
    out: Path,
    heard: Sequence[HeardPair],
    runs: Sequence[StoredRun],
    *,
    way: str,
    anchors: Sequence[float] = ANCHORS,
    with_mixture: bool = False,
    seed: int,
) -> tuple[Path, Path]:
    """Write the test of some (scene, listener) pairs, a trial each.

    Args:
        out: folder to write.
        heard: the pairs, rendered at least in `way`.
        runs: the systems under test.
        way: of hearing, see :data:`bench.listening.render.WAYS`.
        anchors: cut-off frequencies of the anchors, Hz.
        with_mixture: whether the unprocessed mixture is rated, too.
        seed: of the codes; who knows it can tell what they stand for.

    Returns:
        The page for the participants, and the key, which must not be given to them.

    Raises:
        BenchError: too many signals, a pair whose systems have different references, or a folder
            that cannot be written.
    """
    _check(heard, way, anchors)
    labels = {run.run_id: run.label for run in runs}
    pairs = [(one.scene.id, one.listener.id) for one in heard]
    secret = _code(seed, way, list(anchors), with_mixture, pairs, sorted(labels))
    test_id = _code(secret, "test")[:8]
    trials, key = [], {}
    for one in heard:
        trial, secrets = _trial(one, labels, way, anchors, with_mixture, secret)
        trials.append(trial)
        key[trial["code"]] = secrets
    count = len(trials[0]["signals"])
    page = fill(
        _TEMPLATES / "mushra.html.j2",
        styles=(STYLE, _TEMPLATES / "listening.css", _TEMPLATES / "mushra.css"),
        scripts=(_TEMPLATES / "player.js", _TEMPLATES / "mushra.js"),
        functions={},
        content={
            "trials": len(trials),
            "signals": count,
            "minutes": max(5, round(len(trials) * count * heard[0].seconds * 2 / 60 / 5) * 5),
            "heard": _HEARD[way],
            "data": {
                "id": test_id,
                "seconds": min(one.seconds for one in heard),
                "trials": sorted(trials, key=lambda trial: str(trial["code"])),
            },
        },
    )
    spec = runs[0].spec
    answers = {
        "format": KEY_FORMAT,
        "version": 1,
        "test": test_id,
        "suite": spec.suite,
        "split": spec.split,
        "protocol": spec.protocol,
        "heard": way,
        "seed": seed,
        "trials": key,
    }
    try:
        write(out / "test" / "index.html", page)
        write(out / "key.json", json.dumps(answers, indent=1, ensure_ascii=False) + "\n")
    except OSError as error:
        raise BenchError(
            f"the test cannot be written: {error.strerror or error}",
            where=str(out),
            hint="Give another folder with --to.",
        ) from error
    return out / "test" / "index.html", out / "key.json"


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


def _check(heard: Sequence[HeardPair], way: str, anchors: Sequence[float]) -> None:
    signals = heard[0].ways[way].signals
    if REFERENCE not in signals:
        hint = "Take runs of the protocol challenge, or of one gain strategy."
        raise BenchError("these systems have no reference in common", where="test", hint=hint)
    count = len(signals) + len(anchors)
    if count > MOST_SIGNALS:
        hint = "Choose fewer with --run."
        raise BenchError(f"{count} signals a trial are more than {MOST_SIGNALS}", hint=hint)
    for cutoff in anchors:
        if not 500.0 <= cutoff <= 16_000.0:
            raise BenchError(f"an anchor of {cutoff:g} Hz is out of range", hint="500 to 16000 Hz")


def _trial(
    heard: HeardPair,
    labels: Mapping[str, str],
    way: str,
    anchors: Sequence[float],
    with_mixture: bool,
    secret: str,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The page's part of a trial, and the part that only the key has."""
    signals = dict(heard.ways[way].signals)
    if not with_mixture:
        del signals[MIXTURE]
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
    trial = _code(secret, heard.scene.id, heard.listener.id)
    codes = {name: _code(secret, trial, name) for name in signals}
    shown = [{"code": codes[name], "audio": _audio(signal)} for name, signal in signals.items()]
    page = {
        "code": trial,
        "reference": _audio(signals[REFERENCE]),
        # In the order of the codes, which says nothing of what they stand for.
        "signals": sorted(shown, key=lambda signal: signal["code"]),
    }
    key = {
        "scene": heard.scene.id,
        "listener": heard.listener.id,
        "song": heard.scene.song,
        "start_s": heard.start,
        "seconds": heard.seconds,
        "signals": {codes[name]: about[name] for name in signals},
    }
    return page, key


def _audio(signal: Array) -> str:
    return text_of(flac(signal))


def _code(*names: object) -> str:
    return hashlib.sha256("\x1f".join(map(str, names)).encode()).hexdigest()[:12]
