"""A whole song through a system: any file that soundfile reads, any length, in bounded memory.

The output for a song is that of an evaluation: the same system and remix, one
loudness match over the whole song, and the same way to 16 bit. Up to SECTION seconds go through
the system in one piece. A longer song is cut into even sections: their remixes are cross-faded,
a prescription that adapts is fitted to the whole remix once, and every amplification starts LEAD
seconds early and ends TRAIL seconds late, so that a prescription with a memory has settled and one
that looks ahead sees enough. What is too long for memory lies in files beside the output meanwhile,
24 bytes a sample.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt
import soundfile
import soxr
import torch
from torch import Tensor

from bench.api import SAMPLE_RATE, STEMS
from bench.data.audio import AudioFile, scale_note
from bench.errors import BenchError
from bench.hearing.loudness import finite_loudness
from bench.runtime.files import replacing
from bench.runtime.progress import NO_PROGRESS, Progress
from bench.system.output import to_pcm
from bench.system.remix import loudness_factor, scale_stems
from bench.system.system import System

if TYPE_CHECKING:
    from clarity.utils.audiogram import Listener


SECTION: Final = 240.0
"""Seconds that go through a system in one piece."""
FADE: Final = 1.0
"""Seconds over which two sections are cross-faded."""
LEAD: Final = 10.0
"""Seconds by which an amplification starts early, or up to one more."""
TRAIL: Final = 1.0
"""Seconds that it sees of the next section, for a prescription that looks ahead."""
FORMATS: Final = {".flac": "FLAC", ".wav": "WAV"}
_BLOCK: Final = 1 << 19
"""Samples that are read, summed or written at once."""

Planar = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Enhanced:
    """The result of enhancing a song.

    Attributes:
        path: the file.
        sample_rate: Hz.
        seconds: its length.
        clipped: share of its samples at full scale, 0 to 1.
        gains: what the system applied, dB, ``(4,)`` or per ear ``(2, 4)``; the mean over the song
            where they change on the way.
        notes: what was done to the song before, in words.
    """

    path: Path
    sample_rate: int
    seconds: float
    clipped: float
    gains: Tensor
    notes: tuple[str, ...]


def enhance_file(
    song: Path,
    output: Path,
    system: System,
    listener: Listener,
    *,
    requested: Sequence[float] = (0.0, 0.0, 0.0, 0.0),
    sample_rate: int = SAMPLE_RATE,
    overwrite: bool = False,
    progress: Progress = NO_PROGRESS,
) -> Enhanced:
    """Separate, change the gains, remix and amplify a song for one listener.

    Args:
        song: an audio file, stereo or mono, of any sample rate.
        output: a .flac or .wav file to write, 16 bit; it appears when it is whole.
        system: in evaluation mode.
        listener: pyclarity's Listener.
        requested: gains asked for, dB, in the order of STEMS.
        sample_rate: of the output, Hz.
        overwrite: whether a file that is there already is replaced.
        progress: notified of progress.

    Raises:
        BenchError: the song or the output is invalid, the output already exists, or
            the system is an oracle.
    """
    check_output(song, output, overwrite)
    if system.reads_stems:
        hint = "Choose another: bench plugins list --kind separator"
        raise BenchError("an oracle needs clean stems, which a song does not have", hint=hint)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        mixture, notes = _read(song, output.parent)
        cuts = _cuts(mixture.shape[1])
        with progress.stage(f"enhancing {song.name}", 2 * (len(cuts) - 1)) as step:
            remixed, gains = _remix(mixture, cuts, system, listener, requested, output.parent, step)
            wanted = finite_loudness(mixture, SAMPLE_RATE)
            _scale(remixed, loudness_factor(remixed, wanted, SAMPLE_RATE))
            system = system.fitted(torch.from_numpy(remixed)[None], [listener])
            with replacing(output) as draft:
                frames, clipped = _amplify(
                    remixed, cuts, system, listener,
                    draft, FORMATS[output.suffix.lower()], sample_rate, step,
                )  # fmt: skip
                check_output(song, output, overwrite)  # what came meanwhile is not replaced
    except (OSError, soundfile.LibsndfileError) as error:
        # What cannot be read is a BenchError by now; libsndfile does not say why it cannot write.
        reason = getattr(error, "strerror", None) or "is the disk full?"
        raise BenchError(f"cannot be written: {reason}", where=str(output)) from None
    share = clipped / max(1, 2 * frames)
    return Enhanced(output, sample_rate, frames / sample_rate, share, gains, notes)


def check_output(song: Path, output: Path, overwrite: bool) -> None:
    """Check that a file can be written without the loss of another.

    Args:
        song: which is never replaced, whatever the name or link that leads to it.
        output: the file to write.
        overwrite: whether a file that is there already may be replaced.

    Raises:
        BenchError: the output is a folder, the song itself, or of a kind that cannot be written; or
            there is such a file already, also by another case or as a link.
    """
    where = str(output)
    if output.suffix.lower() not in FORMATS:
        hint = f"Name it with {' or '.join(FORMATS)}."
        raise BenchError("files of this kind cannot be written", where=where, hint=hint)
    try:
        if output.exists() and song.exists() and output.samefile(song):
            hint = "Give another -O."
            raise BenchError("the output would replace the song", where=where, hint=hint)
        if output.is_dir():
            hint = f"Name a file in it: {output / f'{song.stem}.enhanced{output.suffix}'}"
            raise BenchError("it is a folder", where=where, hint=hint)
        is_there = os.path.lexists(output)  # a link to nothing is there, too
        twins = [] if is_there or not output.parent.is_dir() else _twins(output)
        if overwrite and is_there and not (output.is_file() or output.is_symlink()):
            raise BenchError("it is not a regular file and cannot be replaced", where=where)
    except OSError as error:
        raise BenchError(f"cannot be written: {error.strerror}", where=where) from None
    hint = "Give another -O, or --overwrite."
    if is_there and not overwrite:
        target = f": a link to {os.readlink(output)}" if output.is_symlink() else ""
        raise BenchError(f"the file already exists{target}", where=where, hint=hint)
    if twins and not overwrite:
        # Here they are two files; where the case of a name does not count, one would be lost.
        what = f"a file whose name differs only in capital letters exists already: {twins[0]}"
        raise BenchError(what, where=where, hint=hint)


def _twins(output: Path) -> list[str]:
    """Names beside a file that are the same where neither case nor the form of accents counts."""
    own = _folded(output.name)
    return sorted(
        name for name in os.listdir(output.parent)
        if name != output.name and _folded(name) == own
    )  # fmt: skip


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _read(song: Path, folder: Path) -> tuple[Planar, tuple[str, ...]]:
    """The song at SAMPLE_RATE as a file in memory's place, float32 ``(2, N)``, and notes."""
    notes = []
    with AudioFile(song) as file:
        header = file.header
        if header.channels > 2:
            hint = "Mix it down to two channels, left and right."
            what = f"it has {header.channels} channels, expected 1 or 2"
            raise BenchError(what, where=str(song), hint=hint)
        if header.channels == 1:
            notes.append("the song is mono, so both ears get the same mixture")
        if header.scale != 1.0:
            notes.append(scale_note(song, header))
        if header.sample_rate != SAMPLE_RATE:
            notes.append(f"resampled from {header.sample_rate} Hz to {SAMPLE_RATE} Hz (soxr HQ)")
        # Files without names: nothing is left of them, however the process ends.
        with (
            tempfile.TemporaryFile(dir=folder) as left,
            tempfile.TemporaryFile(dir=folder) as right,
        ):
            blocks = file.blocks(_BLOCK, "float32")
            for block in _at_rate(blocks, header.sample_rate, SAMPLE_RATE):
                left.write(block[:, 0].tobytes())
                right.write(block[:, -1].tobytes())
            frames = right.tell() // 4
            if frames < 0.4 * SAMPLE_RATE:
                what = "it is shorter than 0.4 s, too short to measure its loudness"
                raise BenchError(what, where=str(song))
            right.seek(0)
            shutil.copyfileobj(right, left)
            left.flush()
            # Never written to, but numba takes no read-only arrays: "c" never reaches the file.
            return np.memmap(left, np.float32, "c", shape=(2, frames)), tuple(notes)


def _at_rate(blocks: Iterator[Planar], rate: int, wanted: int) -> Iterator[Planar]:
    """Interleaved blocks at another sample rate: what soxr gives for the whole at once."""
    if rate == wanted:
        yield from blocks
        return
    stream = None
    for block in blocks:
        if stream is None:
            dtype, channels = str(block.dtype), block.shape[1]
            stream = soxr.ResampleStream(rate, wanted, channels, dtype=dtype, quality="HQ")
        yield stream.resample_chunk(block)
    if stream is not None:
        yield stream.resample_chunk(np.zeros((0, channels), dtype), last=True)


def _cuts(frames: int) -> list[int]:
    """Even sections of at most SECTION seconds: where they begin and end, samples."""
    count = max(1, -(-frames // int(SECTION * SAMPLE_RATE)))
    return [frames * number // count for number in range(count + 1)]


def _remix(
    mixture: Planar,
    cuts: list[int],
    system: System,
    listener: Listener,
    requested: Sequence[float],
    folder: Path,
    step: Callable[[str, int], None],
) -> tuple[Planar, Tensor]:
    """The sum of the scaled stems before the loudness match, float64 ``(2, N)``; and the gains."""
    frames = mixture.shape[1]
    with tempfile.TemporaryFile(dir=folder) as file:
        # Room is taken at once: a disk that fills up later would kill the process.
        os.posix_fallocate(file.fileno(), 0, 16 * frames)
        remixed = np.memmap(file, np.float64, "r+", shape=(2, frames))
    wanted = torch.tensor([list(requested)], dtype=torch.float32)
    fade = round(FADE * SAMPLE_RATE / 2)
    gains = []
    for start, stop in pairwise(cuts):
        first, last = max(0, start - fade), min(frames, stop + fade)
        ramps = np.ones(last - first)
        if start:
            ramps[: 2 * fade] = np.linspace(0, 1, 2 * fade)
        if stop < frames:
            ramps[-2 * fade :] = np.linspace(1, 0, 2 * fade)
        with torch.inference_mode():
            section = torch.from_numpy(np.array(mixture[:, first:last]))
            stems = _separate(system, section)
            applied = system.gains(stems, wanted, [listener]).double()
            for at in range(0, last - first, _BLOCK):
                block = stems[..., at : at + _BLOCK].double()
                scaled = scale_stems(block, applied).sum(dim=1)[0].numpy()
                end = at + scaled.shape[1]
                remixed[:, first + at : first + end] += scaled * ramps[at:end]
        gains.append(applied[0] * (stop - start) / frames)
        step("separated", 1)
    return remixed, torch.stack(gains).sum(dim=0)


def _separate(system: System, section: Tensor) -> Tensor:
    """Stems ``(1, 4, 2, N)`` of a section ``(2, N)``."""
    stems = system.separate(section[None], section.new_zeros(0))
    expected = (1, len(STEMS), *section.shape)
    if stems.shape != expected:
        raise BenchError(f"the separator returned {tuple(stems.shape)}, expected {expected}")
    return stems


def _scale(remixed: Planar, factor: float) -> None:
    """Multiply in place, block by block."""
    for at in range(0, remixed.shape[1], _BLOCK):
        remixed[:, at : at + _BLOCK] *= factor


def _amplify(
    remixed: Planar,
    cuts: list[int],
    system: System,
    listener: Listener,
    path: Path,
    kind: str,
    rate: int,
    step: Callable[[str, int], None],
) -> tuple[int, int]:
    """Write the amplified remix as 16 bit; samples a channel, and how many are at full scale."""

    def amplified() -> Iterator[Planar]:
        for start, stop in pairwise(cuts):
            # From a whole second on, where prescriptions that go by frames begin one.
            first = int(max(0.0, start / SAMPLE_RATE - LEAD)) * SAMPLE_RATE
            with torch.inference_mode():
                last = stop + round(TRAIL * SAMPLE_RATE)
                section = torch.from_numpy(np.array(remixed[:, first:last]))
                whole = system.amplify(section[None], [listener])[0].numpy().T
            # The last section keeps the prescription's tail.
            part = whole[start - first : None if stop == cuts[-1] else stop - first]
            yield from (part[at : at + _BLOCK] for at in range(0, len(part), _BLOCK))
            step("amplified", 1)

    frames = clipped = 0
    with soundfile.SoundFile(path, "w", rate, 2, subtype="PCM_16", format=kind) as file:
        for block in _at_rate(amplified(), SAMPLE_RATE, rate):
            pcm = to_pcm(np.array(block))
            file.write(pcm)
            frames += len(pcm)
            clipped += int(np.count_nonzero((pcm == 32767) | (pcm <= -32767)))
    return frames, clipped
