"""One song and one listener: ``bench enhance`` and ``bench score`` from Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from bench.commands.boards import existing_board
from bench.errors import BenchError, near_match
from bench.runtime.progress import NO_PROGRESS, Progress
from bench.spec.choices import Choices, resolve

if TYPE_CHECKING:
    from clarity.utils.audiogram import Listener

    from bench.submission.file import PairScores
    from bench.system.song import Enhanced
    from bench.system.system import System


def make_listener(left: str, right: str = "", *, id: str = "audiogram") -> Listener:
    """A listener from audiograms as a user types them.

    Args:
        left: ``"250:20,500:25,1000:40"`` (Hz:dB HL), or a standard audiogram as ``"N3"``.
        right: the same; as the left one where it is empty.
        id: of the listener.

    Raises:
        BenchError: a text is no audiogram.
    """
    from clarity.utils.audiogram import Listener

    from bench.hearing.audiograms import parse_audiogram

    return Listener(parse_audiogram(left), parse_audiogram(right or left), id)


def enhance(
    song: Path | str,
    output: Path | str,
    listener: Listener,
    *,
    run: str = "",
    out: Path | str | None = None,
    requested: Mapping[str, float] | None = None,
    sample_rate: int = 44_100,
    progress: Progress = NO_PROGRESS,
    **choices: Unpack[Choices],
) -> Enhanced:
    """A song through a system, for one listener: ``bench enhance``.

    Args:
        song: any audio file that soundfile reads, stereo or mono, of any rate and length.
        output: a .flac or .wav file to write, 16 bit.
        listener: from :func:`make_listener`, or pyclarity's own.
        run: id or label of a run whose trained system is to be used; without it the system is
            that of the choices, with the weights that it starts from.
        out: folder of the board that has the run, ``leaderboards/SUITE`` unless given.
        requested: gains asked for in dB by stem, as ``{"vocals": 6}``; 0 dB for the others.
        sample_rate: of the output, Hz.
        progress: told how far it is.
        **choices: see :class:`Choices`; the separator is ``"hdemucs"`` unless given. With a run,
            only `suite` and `options` count.

    Raises:
        BenchError: the song, the run or a choice is wrong.
    """
    from bench.system.song import enhance_file

    wanted = requested_gains(requested or {})
    system, notes = _system(run, out, choices)
    done = enhance_file(
        Path(song), Path(output), system, listener,
        requested=wanted, sample_rate=sample_rate, progress=progress,
    )  # fmt: skip
    return replace(done, notes=(*notes, *done.notes))


def score(
    processed: Path | str,
    reference: Path | str,
    listener: Listener,
    *,
    mixture: Path | str | None = None,
    prescription: str = "nalr",
) -> PairScores:
    """One processed file beside its reference: ``bench score``.

    Args:
        processed: what a system hands in, amplified.
        reference: the remix that it should be, before amplification.
        listener: from :func:`make_listener`, or pyclarity's own.
        mixture: the unprocessed mixture, amplified and scored beside.
        prescription: what amplifies the reference.

    Raises:
        BenchError: a file cannot be used, or the two do not have the same length.
    """
    from bench.plugins import installed
    from bench.submission.file import score_pair

    return score_pair(
        Path(processed), Path(reference), listener, installed(),
        mixture=None if mixture is None else Path(mixture), prescription=prescription,
    )  # fmt: skip


def requested_gains(by_stem: Mapping[str, float]) -> tuple[float, ...]:
    """Gains in dB in the order of STEMS.

    Raises:
        BenchError: there is no such stem.
    """
    from bench.api import STEMS

    for stem in by_stem:
        if stem not in STEMS:
            hint = near_match(stem, STEMS)
            raise BenchError(f"there is no stem '{stem}'", where="requested gains", hint=hint)
    return tuple(float(by_stem.get(stem, 0.0)) for stem in STEMS)


def _system(run: str, out: Path | str | None, choices: Choices) -> tuple[System, tuple[str, ...]]:
    """The system of a run or of choices, on the GPU where there is one; notes."""
    from bench.options import parse_options
    from bench.plugins import installed
    from bench.runs.restore import stored_run
    from bench.runtime.machine import device
    from bench.system.system import build_system

    notes: tuple[str, ...] = ()
    if run:
        board, suite, _, _ = existing_board(str(choices.get("suite", "demo")), "", "", out)
        options = parse_options(
            f"{key}={value}" for key, value in choices.get("options", {}).items()
        )
        system = stored_run(board, run, suite, installed(), options).system(installed())
    else:
        choices.setdefault("separator", "hdemucs")
        plugins, _, spec = resolve(**choices)
        system = build_system(spec, plugins)
        system.train(False)
        if spec.trains:
            notes = (f"{spec.label} is used as training would start from it, without a run",)
    return system.to(device()), notes
