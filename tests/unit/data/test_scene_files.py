"""Audio files of a scene: partial reads, and each way in which a file can be wrong."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from bench.api import STEMS, SceneAudio
from bench.data.audio import read_header
from bench.data.scene_files import SceneFiles
from bench.errors import BenchError
from tests.helpers.cadenza_set import signal


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    sample = tmp_path / "sample"
    sample.mkdir()
    for number, part in enumerate(("mixture", *STEMS)):
        sf.write(sample / f"{part}.wav", signal(number), 44_100, subtype="PCM_16")
    return sample


@pytest.fixture
def audio(folder: Path) -> SceneFiles:
    return SceneFiles(folder)


def test_only_the_frames_that_are_asked_for_are_read(
    audio: SceneFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: SceneAudio = audio
    seen = []
    original = sf.SoundFile.read

    def read(self: sf.SoundFile, frames: int = -1, *args: object, **kwargs: object) -> object:
        result = original(self, frames, *args, **kwargs)
        seen.append(len(result))
        return result

    monkeypatch.setattr(sf.SoundFile, "read", read)
    part = checked.read("drums", 300, 7)
    assert seen == [7]
    np.testing.assert_array_equal(part.numpy(), signal(2).T[:, 300:307])
    assert checked.read("drums", 1000).shape == (2, 0)


def test_a_header_is_read_once(audio: SceneFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def header(path: Path) -> object:
        calls.append(path.name)
        return read_header(path)

    monkeypatch.setattr("bench.data.scene_files.read_header", header)
    for _ in range(3):
        audio.read("drums", 0, 1)
        assert audio.frames == 1000
    assert sorted(calls) == ["drums.wav", "mixture.wav"]


@pytest.mark.parametrize(("start", "frames"), [(-1, 5), (0, 1001), (999, 2), (1001, None)])
def test_samples_that_are_not_there(audio: SceneFiles, start: int, frames: int | None) -> None:
    with pytest.raises(ValueError, match="of 1000"):
        audio.read("mixture", start, frames)


def test_a_part_that_no_scene_has(audio: SceneFiles) -> None:
    with pytest.raises(ValueError, match="no part of a scene"):
        audio.read("piano")


def broken(audio: SceneFiles, part: str, what: str) -> BenchError:
    with pytest.raises(BenchError) as caught:
        audio.read(part)
    assert what in caught.value.what
    assert caught.value.where == str(audio.path(part))
    return caught.value


def test_missing(audio: SceneFiles) -> None:
    audio.path("bass").unlink()
    assert broken(audio, "bass", "the audio file is missing").hint


def test_wrong_sample_rate(audio: SceneFiles) -> None:
    sf.write(audio.path("mixture"), signal(0), 48_000)
    broken(audio, "mixture", "the sample rate is 48000 Hz, expected 44100 Hz")


@pytest.mark.parametrize(("channels", "kind"), [(1, "mono"), (3, "of 3 channels")])
def test_not_two_channels(audio: SceneFiles, channels: int, kind: str) -> None:
    sf.write(audio.path("bass"), np.zeros((1000, channels)), 44_100)
    broken(audio, "bass", f"the file is {kind}, expected 2 channels")


@pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT"])
def test_truncated(audio: SceneFiles, subtype: str) -> None:
    for part in ("mixture", *STEMS):  # all alike, so that no length differs
        path = audio.path(part)
        sf.write(path, signal(0), 44_100, subtype=subtype)
        os.truncate(path, path.stat().st_size - 40)
    broken(audio, "mixture", "the file is truncated: 40 bytes of samples are missing")
    broken(audio, "bass", "truncated")


def test_truncated_after_its_header_was_read(audio: SceneFiles) -> None:
    audio.read("bass", 0, 1)
    os.truncate(audio.path("bass"), audio.path("bass").stat().st_size - 40)
    broken(audio, "bass", "the file is truncated: 40 bytes of samples are missing")


def test_a_chunk_after_the_samples_is_no_truncation(audio: SceneFiles) -> None:
    path = audio.path("bass")
    content = path.read_bytes() + b"LIST" + (6).to_bytes(4, "little") + b"abcdef"
    path.write_bytes(content[:4] + (len(content) - 8).to_bytes(4, "little") + content[8:])
    np.testing.assert_array_equal(audio.read("bass").numpy(), signal(3).T)


def test_another_container_is_read_too(audio: SceneFiles) -> None:
    for container in ("RF64", "WAVEX", "FLAC"):
        sf.write(audio.path("bass"), signal(3), 44_100, format=container, subtype="PCM_16")
        assert read_header(audio.path("bass")).frames == 1000


def test_a_stem_of_another_length(audio: SceneFiles) -> None:
    sf.write(audio.path("bass"), signal(0, 999), 44_100)
    broken(audio, "bass", "the stem has 999 samples, the mixture 1000")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_not_finite(audio: SceneFiles, value: float) -> None:
    samples = signal(0)
    samples[123, 1] = value
    sf.write(audio.path("bass"), samples, 44_100, subtype="FLOAT")
    broken(audio, "bass", "sample 123 is NaN or infinite")
    assert audio.read("bass", 0, 123).shape == (2, 123)
    with pytest.raises(BenchError, match="sample 123 is"):
        audio.read("bass", 100, 50)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"no audio at all" * 50])
def test_no_audio(audio: SceneFiles, content: bytes) -> None:
    audio.path("bass").write_bytes(content)
    broken(audio, "bass", "cannot be read as audio")


def test_a_folder_in_place_of_a_file(audio: SceneFiles) -> None:
    audio.path("bass").unlink()
    audio.path("bass").mkdir()
    broken(audio, "bass", "cannot be read as audio")


def test_no_samples(audio: SceneFiles) -> None:
    sf.write(audio.path("mixture"), np.zeros((0, 2)), 44_100)
    broken(audio, "mixture", "no samples")


def test_a_link_is_followed_wherever_it_leads(audio: SceneFiles, tmp_path: Path) -> None:
    """DVC and git-annex keep files elsewhere, and leave links in their place."""
    store = tmp_path / "store" / "0f" / "d7b3.bin"
    store.parent.mkdir(parents=True)
    audio.path("bass").rename(store)
    audio.path("bass").symlink_to(store)
    np.testing.assert_array_equal(audio.read("bass").numpy(), signal(3).T)


def test_a_link_to_what_was_not_fetched(audio: SceneFiles) -> None:
    path = audio.path("bass")
    path.unlink()
    path.symlink_to(path.parent / "not-fetched")
    broken(audio, "bass", "the audio file is missing")


@pytest.mark.parametrize("name", ["Bass.wav", "bass.WAV", "BASS.Wav"])
def test_a_name_in_another_case(audio: SceneFiles, name: str) -> None:
    audio.path("bass").rename(audio.folder / name)
    np.testing.assert_array_equal(audio.read("bass").numpy(), signal(3).T)


def test_two_names_of_which_neither_is_the_one(audio: SceneFiles) -> None:
    audio.path("bass").rename(audio.folder / "Bass.wav")
    (audio.folder / "BASS.wav").write_bytes(b"")
    with pytest.raises(BenchError, match=r"it has BASS.wav and Bass.wav"):
        audio.read("bass")
