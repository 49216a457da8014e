"""One song and one listener: ``bench enhance``, ``bench score FILE`` and ``bench listener``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from bench.commands.boards import board_of_run
from bench.commands.checks import checked
from bench.errors import BenchError, suggest
from bench.runtime.progress import NO_PROGRESS, Progress
from bench.spec.choices import Choices, named_parts, options_by_section, resolve
from bench.spec.defaults import DEFAULT_SUITE, LISTENING_PRESCRIPTION, READY_SEPARATOR

if TYPE_CHECKING:
    from clarity.utils.audiogram import Listener

    from bench.submission.file import PairScores
    from bench.system.song import Enhanced
    from bench.system.system import System


def make_listener(left: str, right: str = "", *, id: str = "audiogram") -> Listener:
    """Make a listener from audiograms as a user types them.

    Args:
        left: ``"250:20,500:25,1000:40"`` (Hz:dB HL), or a standard audiogram as ``"N3"``.
        right: the same; as the left one where it is empty.
        id: of the listener.

    Raises:
        BenchError: a text is not an audiogram.

    Example:
        >>> make_listener("N3", "250:20,4000:60").audiogram_right.levels.tolist()
        [20.0, 60.0]
    """
    from clarity.utils.audiogram import Listener

    from bench.hearing.audiograms import parse_audiogram

    return Listener(parse_audiogram(left), parse_audiogram(right or left), id)


def read_listener(path: Path | str, id: str = "") -> Listener:
    """Read a listener from a JSON file of one, or of many as in ``listeners.valid.json``.

    Args:
        path: the file.
        id: which one of many.

    Raises:
        BenchError: the file is wrong, or does not say which listener.
    """
    from bench.data.listeners import read_listeners
    from bench.hearing.audiograms import standard_audiograms

    if str(path) in standard_audiograms() and not Path(path).exists():
        hint = f"A standard audiogram is given by --audiogram {path}."
        raise BenchError("there is no such file", where=str(path), hint=hint)
    listeners = read_listeners(Path(path))
    if id:
        if id not in listeners:
            hint = suggest(id, list(listeners))
            raise BenchError(f"no listener '{id}'", where=str(path), hint=hint)
        return listeners[id]
    if len(listeners) > 1:
        some = ", ".join(list(listeners)[:3])
        hint = f"Choose one: --listener-id ID. The first are {some}."
        raise BenchError(f"it holds {len(listeners)} listeners", where=str(path), hint=hint)
    return next(iter(listeners.values()))


@checked
def describe_listener(listener: Listener) -> dict[str, Any]:
    """Describe a listener in plain values, by ear: ``bench listener show``.

    Returns:
        Levels and pure-tone averages in dB HL, gains of NAL-R in dB.
    """
    from bench.hearing import EARS
    from bench.hearing.audiograms import hearing_loss_group, pure_tone_average
    from bench.hearing.nalr import nalr_gains

    ears = dict(zip(EARS, (listener.audiogram_left, listener.audiogram_right), strict=True))
    frequencies = {ear: [float(f) for f in a.frequencies] for ear, a in ears.items()}
    return {
        "listener": listener.id,
        "group": hearing_loss_group(listener),
        **{
            ear: {
                "frequencies_hz": frequencies[ear],
                "levels_db_hl": [float(level) for level in audiogram.levels],
                "pure_tone_average_db_hl": pure_tone_average(audiogram),
                "nalr_gain_db": [
                    round(float(gain), 2)
                    for gain in nalr_gains(listener, frequencies[ear], 44_100)[number]
                ],
            }
            for number, (ear, audiogram) in enumerate(ears.items())
        },
    }


@checked
def draw_listener(listener: Listener, path: Path | str) -> Path:
    """Draw the audiogram and the gain of NAL-R into a .png, .svg or .pdf file.

    Raises:
        BenchError: it cannot be written.
    """
    from bench.report.audiogram import save_picture

    save_picture(listener, Path(path))
    return Path(path)


@checked
def enhance(
    song: Path | str,
    output: Path | str,
    listener: Listener,
    *,
    run: str = "",
    out: Path | str | None = None,
    requested: Mapping[str, float] | None = None,
    sample_rate: int = 44_100,
    overwrite: bool = False,
    progress: Progress = NO_PROGRESS,
    **choices: Unpack[Choices],
) -> Enhanced:
    """Enhance a song with a system for one listener: ``bench enhance``.

    Args:
        song: any audio file that soundfile reads, stereo or mono, of any rate and length.
        output: a .flac or .wav file to write, 16 bit.
        listener: from :func:`make_listener`, or pyclarity's own.
        run: id or label of a run whose trained system is to be used; without it the system is
            that of the choices, with the weights that it starts from.
        out: folder of the board that has the run, ``leaderboards/SUITE`` by default.
        requested: gains asked for in dB by stem, as ``{"vocals": 6}``; 0 dB for the others.
        sample_rate: of the output, Hz.
        overwrite: whether a file that is there already is replaced.
        progress: notified of progress.
        **choices: see :class:`Choices`; the separator is ``"hdemucs"`` by default, the prescription
            ``"nalr-headroom"``, which leaves room for the amplification, also of a run that is
            amplified as the suite's reference is. With a run, only `suite`, `options` and
            `prescription` count.

    Raises:
        BenchError: the song, the run or a choice is wrong, or the output already exists.
    """
    from bench.system.song import check_output, enhance_file

    check_output(Path(song), Path(output), overwrite)  # before a system is made, which takes longer
    wanted = requested_gains(requested or {})
    system, notes = _system(run, out, choices, wanted)
    done = enhance_file(
        Path(song), Path(output), system, listener,
        requested=wanted, sample_rate=sample_rate, overwrite=overwrite, progress=progress,
    )  # fmt: skip
    return replace(done, notes=(*notes, *done.notes))


def score(
    processed: Path | str,
    reference: Path | str,
    listener: Listener,
    *,
    mixture: Path | str | None = None,
    prescription: str = "",
    suite: str | Path = DEFAULT_SUITE,
) -> PairScores:
    """Score one processed file against its reference: ``bench score FILE``.

    Args:
        processed: the output of a system, amplified.
        reference: the remix that it should be, before amplification.
        listener: from :func:`make_listener`, or pyclarity's own.
        mixture: the unprocessed mixture, amplified and scored beside.
        prescription: what amplifies the reference; the suite's by default.
        suite: whose metrics are computed, those of stems left out.

    Raises:
        BenchError: a file cannot be used, or the two do not have the same length.
    """
    from bench.plugins import installed
    from bench.spec.suite import load_suite
    from bench.submission.file import score_pair

    loaded = load_suite(str(suite))
    return score_pair(
        Path(processed), Path(reference), listener, installed(),
        mixture=None if mixture is None else Path(mixture),
        prescription=prescription or loaded.reference_prescription,
        metrics=loaded.metrics,
    )  # fmt: skip


def requested_gains(by_stem: Mapping[str, float]) -> tuple[float, ...]:
    """Gains in dB in the order of STEMS.

    Raises:
        BenchError: there is no such stem, or a gain is no number of at most 40 dB up or down.

    Example:
        >>> requested_gains({"drums": -3})
        (0.0, -3.0, 0.0, 0.0)
    """
    from bench.api import MOST_GAIN, STEMS

    if not isinstance(by_stem, Mapping):
        hint = 'Write it as {"vocals": 6.0}'
        raise BenchError(f"{by_stem!r} is not a mapping", where="requested gains", hint=hint)
    for stem in by_stem:
        if stem not in STEMS:
            hint = suggest(stem, STEMS)
            raise BenchError(f"there is no stem '{stem}'", where="requested gains", hint=hint)
        value = by_stem[stem]
        if isinstance(value, bool) or not isinstance(value, Real):
            raise BenchError(f"{value!r} is not a number in dB", where=f"requested gain of {stem}")
        # NaN is no less than anything.
        if not abs(value) <= MOST_GAIN:
            what = f"{value} dB is not allowed, at most {MOST_GAIN:g} dB up or down"
            raise BenchError(what, where=f"requested gain of {stem}")
    return tuple(float(by_stem.get(stem, 0.0)) for stem in STEMS)


def _system(
    run: str, out: Path | str | None, choices: Choices, wanted: Sequence[float]
) -> tuple[System, tuple[str, ...]]:
    """The system of a run or of choices, on the GPU where there is one; notes."""
    from bench.api import GainsSpec, PrescriptionSpec
    from bench.plugins import installed
    from bench.runs.restore import stored_run
    from bench.runtime.machine import device
    from bench.separation.unseparated import Unseparated
    from bench.system.system import build_system

    notes: list[str] = []
    if run:
        board, suite, run_id = board_of_run(run, choices.get("suite") or "", out)
        plugins, parts = named_parts(
            installed(), {"prescription": choices.get("prescription") or ""}
        )
        by = parts["prescription"]
        options = options_by_section(choices.get("options") or {})
        others = {**options, "prescription": {}} if by else options
        stored = stored_run(board, run_id, suite, plugins, others)
        spec, system = stored.spec, stored.system(plugins)
        caution = stored.caution(plugins)
        if not by and spec.prescription == spec.reference_prescription:
            by, own = LISTENING_PRESCRIPTION, spec.prescription.name
            notes.append(
                f"amplified by {by}, which leaves room for the gain; the run is scored with {own}: "
                f"--prescription {own}"
            )
        if by:
            registered = plugins.get(PrescriptionSpec, by)
            made = registered.build(registered.options(options.get("prescription", {})))
            titles = {**system.titles, "prescription": registered.title}
            system = replace(system, prescription=made, titles=titles)
    else:
        choices["separator"] = choices.get("separator") or READY_SEPARATOR
        choices["prescription"] = choices.get("prescription") or LISTENING_PRESCRIPTION
        plugins, _, spec = resolve(**choices)
        system, caution = build_system(spec, plugins), spec.weights_caution
        system.train(False)
        if spec.trains:
            notes.append(
                f"{spec.label} is used untrained, with its initial weights: no --run was given"
            )
    if not any(wanted) and installed().get(GainsSpec, spec.gains.name).spec.is_request:
        notes.append(
            "no gains are requested (--request), so the song is amplified without separation"
        )
        return replace(system, separator=Unseparated(), reads_stems=False), tuple(notes)
    if caution:
        notes.append(caution)
    return system.to(device()), tuple(notes)
