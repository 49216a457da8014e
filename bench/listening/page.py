"""Write the listening pages: a self-contained file for each (scene, listener) pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from bench.api import EARS, STEMS
from bench.errors import BenchError
from bench.hearing.audiograms import hearing_loss_group
from bench.leaderboard.headline import column_of
from bench.leaderboard.model import Column
from bench.leaderboard.render import clean
from bench.listening.audio import audio_text, place_of, spectrogram, text_of
from bench.listening.codes import sounds_the_same
from bench.listening.render import MIXTURE, REFERENCE, HeardPair
from bench.listening.simulation import WORST
from bench.report.html import STYLE, fill, write
from bench.runtime.progress import NO_PROGRESS, Progress
from bench.spec.identity import code_hash
from bench.version import __version__

if TYPE_CHECKING:
    from bench.board.store import Board
    from bench.listening.audio import MatchedSignals
    from bench.runs.restore import StoredRun

_TEMPLATES: Final = Path(__file__).parent / "templates"
_TICKS: Final = {"125": 125.0, "500": 500.0, "2k": 2000.0, "8k": 8000.0}
TITLES: Final = {
    "remix": "before amplification",
    "amplified": "amplified for the listener",
    "simulated": "as the listener hears it (simulated)",
}


def write_pages(
    board: Board,
    out: Path,
    runs: Sequence[StoredRun],
    heard: Sequence[HeardPair],
    progress: Progress = NO_PROGRESS,
) -> Path:
    """Write a page for each pair.

    Args:
        board: whose scores are shown: those of the first metric of the suite.
        out: folder to write; the first pair's page is its index.html.
        runs: whose outputs were rendered.
        heard: from :func:`bench.listening.selection.render_all`.
        progress: notified of each page.

    Returns:
        The first page.

    Raises:
        BenchError: the folder cannot be written.
    """
    scores = board.scores([run.run_id for run in runs], metric=runs[0].spec.headline)
    files = ["index.html", *(f"pair-{number}.html" for number in range(2, len(heard) + 1))]
    pairs = [
        (f"{one.scene.id}, {one.listener.id}", file) for one, file in zip(heard, files, strict=True)
    ]
    try:
        with progress.stage("writing pages", len(heard)) as step:
            for one, file in zip(heard, files, strict=True):
                content = _content(one, runs, scores, board) | {"pairs": pairs, "own_file": file}
                write(out / file, _page(content))
                step(file, 1)
    except OSError as error:
        raise BenchError(
            f"the pages cannot be written: {error.strerror or error}",
            where=str(out),
            hint="Give another folder with --to.",
        ) from error
    return out / files[0]


def _page(content: dict[str, Any]) -> str:
    return fill(
        _TEMPLATES / "listening.html.j2",
        styles=(STYLE, _TEMPLATES / "listening.css"),
        scripts=(_TEMPLATES / "player.js", _TEMPLATES / "listening.js"),
        functions={},
        content=content,
    )


def _content(
    heard: HeardPair, runs: Sequence[StoredRun], scores: pd.DataFrame, board: Board
) -> dict[str, Any]:
    scene, listener = heard.scene, heard.listener
    labels = {run.run_id: run.label for run in runs}
    names = list(next(iter(heard.ways.values())).signals)
    metric = column_of(runs[0].spec.headline)
    own = scores[(scores.scene == scene.id) & (scores.listener == listener.id)]
    rows = [
        {
            "name": name,
            "label": _label(name, labels),
            "scores": _scores(own[own.run_id == name], metric),
            "gains": _gains(name, heard),
        }
        for name in names
    ]
    older = [r.label for r in runs if (board.run(r.run_id) or {}).get("code_hash") != code_hash()]
    audiograms = (listener.audiogram_left, listener.audiogram_right)
    return {
        "song": scene.song,
        "scene": scene.id,
        "genre": scene.genre,
        "listener": listener.id,
        "grade": _grade(hearing_loss_group(listener)),
        "excerpt_words": _excerpt_words(heard),
        "stems": STEMS,
        "metric": metric.title,
        "ways": [
            {
                "name": way,
                "title": TITLES[way],
                "words": _words(way, levelled) + _same_words(levelled, labels),
            }
            for way, levelled in heard.ways.items()
        ],
        "ticks": [(name, round(100 * place_of(hertz), 1)) for name, hertz in _TICKS.items()],
        "rows": rows,
        "older": ", ".join(older),
        "audiogram": {
            "frequencies": [f"{hertz:g}" for hertz in audiograms[0].frequencies],
            "ears": [
                (ear, [f"{level:g}" for level in audiogram.levels])
                for ear, audiogram in zip(EARS, audiograms, strict=True)
            ],
        },
        "data": {
            "seconds": heard.seconds,
            "ways": [_way(way, levelled, labels) for way, levelled in heard.ways.items()],
        },
        "version": __version__,
        "written": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
    }


def _way(name: str, levelled: MatchedSignals, labels: Mapping[str, str]) -> dict[str, Any]:
    """The signals of one way of hearing, for the player."""
    return {
        "name": name,
        "signals": {
            key: {
                "label": clean(_label(key, labels)),
                "audio": audio_text(signal),
                "picture": text_of(spectrogram(signal)),
                "change": f"{levelled.changes[key]:+.1f}",
            }
            for key, signal in levelled.signals.items()
        },
    }


def _same_words(levelled: MatchedSignals, labels: Mapping[str, str]) -> str:
    """Which signals are the reference itself, so that one does not listen for a difference."""
    signals = levelled.signals
    same = [
        _label(name, labels)
        for name, signal in signals.items()
        if name != REFERENCE
        and REFERENCE in signals
        and sounds_the_same(signal, signals[REFERENCE])
    ]
    if not same:
        return ""
    return f" Identical to the reference, bit for bit: {clean(', '.join(same))}."


def _label(name: str, labels: Mapping[str, str]) -> str:
    if name in (MIXTURE, REFERENCE):
        return name
    start, _, run_id = name.partition("/")
    return f"reference of {labels[run_id]}" if start == REFERENCE else labels[name]


def _scores(own: pd.DataFrame, metric: Column) -> list[str]:
    """Mean, left and right of a metric; a dash where the board has none."""
    values = own[own.status == "ok"].set_index("part")["value"]
    return [
        f"{values[part] * metric.scale:.{metric.decimals}f}" if part in values else "–"
        for part in ("mean", *EARS)
    ]


def _gains(name: str, heard: HeardPair) -> list[str]:
    """Gains by stem, of the ears where they differ."""
    if name == REFERENCE and not heard.own_reference:
        return [f"{gain:+.1f}" for gain in heard.scene.gains]
    if name not in heard.gains:
        return ["–"] * len(STEMS)
    texts = [[f"{gain:+.1f}" for gain in ear] for ear in np.atleast_2d(heard.gains[name])]
    return [" / ".join(dict.fromkeys(ears)) for ears in zip(*texts, strict=True)]


def _grade(name: str) -> str:
    return "no" if name == "normal" else name


def _excerpt_words(heard: HeardPair) -> str:
    own = "the reference is a system's own output through the suite's prescription, unclipped"
    said = f" Clean stems are not used: {own}." if heard.own_reference else ""
    return _extent(heard) + said


def _extent(heard: HeardPair) -> str:
    whole = heard.scene.frames / heard.scene.sample_rate
    if whole - heard.seconds < 0.01:
        return f"The whole scene, {heard.seconds:.0f} s."
    end = heard.start + heard.seconds
    return (
        f"{heard.start:.1f} to {end:.1f} s of {whole:.0f} s; the systems processed only this "
        "excerpt."
    )


def _words(way: str, levelled: MatchedSignals) -> str:
    level = f"{levelled.loudness:.1f} LUFS"
    if way == "remix":
        return (
            "The input of the amplification, for people with normal hearing. Every signal was "
            f"brought to the same integrated loudness (ITU-R BS.1770-4), {level}."
        )
    if way == "amplified":
        return (
            "What the hearing aid plays to the ears, amplified by the prescription for this "
            "listener: resampled, clipped and quantised as it is scored (the reference is not). "
            "Every signal was then brought to the same integrated loudness (ITU-R BS.1770-4), "
            f"{level}, well below the level at the listener's ears. To anyone but this listener "
            "it sounds shrill."
        )
    return (
        "The amplified signals through the MSBG model of hearing loss: raised thresholds, "
        "recruitment and smeared spectra, so that people with normal hearing can hear the loss. "
        "Every signal was brought to the loudness of the reference at the ear before the model, "
        "at the level that HAAQI takes (65 dB SPL before amplification), and all were changed by "
        "the same amount after it: what is softer here is softer for the listener. Thresholds "
        f"above {WORST:.0f} dB HL count as {WORST:.0f}."
    )
