"""Songs packed as MUSDB18 has them: one ``.stem.mp4`` a song, decoded by ffmpeg."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import numpy as np
import pytest
import soundfile

from bench.data.generate.songs import as_wav, song_sources
from bench.errors import BenchError

# Stands for ffmpeg: writes a second of the stream's number, and fails for what is no song.
FAKE = """#!/bin/sh
for last; do :; done
while [ "$1" != "-map" ]; do [ "$1" = "-i" ] && song="$2"; shift; done
case "$song" in *bad*) echo "Invalid data found" >&2; exit 1;; esac
exec {python} -c "
import numpy as np, soundfile
soundfile.write('$last', np.full((44100, 2), int('$2'.split(':')[-1]) / 8), 44100, 'PCM_16')"
"""


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    for name in ("song", "bad"):
        (tmp_path / "train").mkdir(exist_ok=True)
        (tmp_path / "train" / f"{name}.stem.mp4").write_bytes(b"")
    return tmp_path


@pytest.fixture
def fake_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    path = tmp_path / "bin" / "ffmpeg"
    path.parent.mkdir()
    path.write_text(FAKE.format(python=sys.executable))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{path.parent}:/usr/bin:/bin")


@pytest.mark.usefixtures("fake_ffmpeg")
def test_each_part_is_its_stream(packed: Path) -> None:
    """MUSDB18's order of streams: mixture, drums, bass, other, vocals."""
    sources = song_sources(packed, "train/song")
    order = ("mixture", "drums", "bass", "other", "vocals")
    for number, part in enumerate(order):
        with as_wav(sources[part], part) as wav:
            samples, rate = soundfile.read(wav)
            assert rate == 44_100
            np.testing.assert_array_equal(samples, number / 8)
        assert not wav.exists()


@pytest.mark.usefixtures("fake_ffmpeg")
def test_what_ffmpeg_cannot_decode(packed: Path) -> None:
    with (
        pytest.raises(BenchError, match="cannot decode bass: Invalid data found"),
        as_wav(packed / "train" / "bad.stem.mp4", "bass"),
    ):
        pass


def test_without_ffmpeg(packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/no/such")
    with pytest.raises(BenchError, match="needs ffmpeg, which is not installed"):
        song_sources(packed, "train/song")


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_a_real_stem_file(tmp_path: Path) -> None:
    """Five AAC streams that ffmpeg itself packs come back in their order."""
    import subprocess

    (tmp_path / "train").mkdir()
    command = ["ffmpeg", "-v", "error"]
    for hertz in (200, 400, 600, 800, 1000):
        command += ["-f", "lavfi", "-i", f"sine=f={hertz}:r=44100:d=2"]
    for stream in range(5):
        command += ["-map", str(stream)]
    command += ["-ac", "2", "-c:a", "aac", str(tmp_path / "train" / "tones.stem.mp4")]
    subprocess.run(command, check=True)
    sources = song_sources(tmp_path, "train/tones")
    for part, hertz in {"mixture": 200, "drums": 400, "vocals": 1000}.items():
        with as_wav(sources[part], part) as wav:
            samples, _ = soundfile.read(wav)
        spectrum = np.abs(np.fft.rfft(samples[:, 0] * np.hanning(len(samples))))
        found = float(np.argmax(spectrum)) * 44_100 / len(samples)
        assert found == pytest.approx(hertz, abs=1.0)


def test_a_song_may_be_flac(tmp_path: Path) -> None:
    for part in ("mixture", "vocals", "drums", "bass", "other"):
        (tmp_path / "s").mkdir(exist_ok=True)
        soundfile.write(tmp_path / "s" / f"{part}.flac", np.zeros((100, 2)), 44_100)
    assert song_sources(tmp_path, "s")["bass"] == tmp_path / "s" / "bass.flac"
