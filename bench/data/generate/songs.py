"""The five files of a song, as MUSDB18-HQ has them or in MUSDB18's ``.stem.mp4``."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.api import SAMPLE_RATE
from bench.data.audio import read_header
from bench.data.generate.metadata import KINDS, PACKED
from bench.data.names import file_at, folder_at, relative_path
from bench.data.scene_files import PARTS
from bench.errors import BenchError

_STREAMS = ("mixture", "drums", "bass", "other", "vocals")
"""Audio streams of a ``.stem.mp4`` in their order."""


def song_sources(music: Path, path: str) -> dict[str, Path]:
    """The file that holds each part of a song: its own, or the song's ``.stem.mp4``.

    Args:
        music: folder of the splits.
        path: of the song below it, as ``train/A Classic Education - NightOwl``.

    Raises:
        BenchError: a file is missing, damaged, not 44.1 kHz stereo, or of another length.
    """
    given = relative_path(path, f"'Path' {path}")
    folder = folder_at(music, given)
    packed = file_at(folder_at(music, given.parent), f"{given.name}{PACKED}")
    if not folder.is_dir() and packed.is_file():
        _ffmpeg(packed)
        return dict.fromkeys(PARTS, packed)
    found: dict[str, Path] = {}
    for part in PARTS:
        files = [file_at(folder, f"{part}{kind}") for kind in KINDS]
        found[part] = next((file for file in files if file.is_file()), files[0])
    frames = {part: _checked_frames(file) for part, file in found.items()}
    for part, file in found.items():
        if frames[part] != frames["mixture"]:
            what = f"{frames[part]} samples, the mixture {frames['mixture']}"
            raise BenchError(what, where=str(file))
    return found


@contextmanager
def as_wav(source: Path, part: str) -> Iterator[Path]:
    """A file that soundfile can read: the source itself, or one stream of it, decoded.

    Raises:
        BenchError: ffmpeg is missing or fails.
    """
    if source.suffix.lower() != ".mp4":
        yield source
        return
    command = [_ffmpeg(source), "-v", "error", "-nostdin", "-i", str(source)]
    command += ["-map", f"0:a:{_STREAMS.index(part)}", "-ac", "2", "-ar", str(SAMPLE_RATE)]
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        wav = Path(folder) / f"{part}.wav"
        command += ["-c:a", "pcm_s16le", str(wav)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = " ".join(done.stderr.split())[-300:]
            raise BenchError(f"ffmpeg cannot decode {part}: {reason}", where=str(source))
        yield wav


def _ffmpeg(source: Path) -> str:
    found = shutil.which("ffmpeg")
    if found is None:
        raise BenchError(
            "a .stem.mp4 file needs ffmpeg, which is not installed",
            where=str(source),
            hint="Install ffmpeg, or give MUSDB18-HQ, which has WAV files.",
        )
    return found


def _checked_frames(path: Path) -> int:
    header = read_header(path)
    if header.sample_rate != SAMPLE_RATE:
        what = f"the sample rate is {header.sample_rate} Hz, expected {SAMPLE_RATE} Hz"
        raise BenchError(what, where=str(path), hint="Give the songs as MUSDB18-HQ has them.")
    if header.channels != 2:
        raise BenchError(f"it has {header.channels} channels, expected 2", where=str(path))
    return header.frames
