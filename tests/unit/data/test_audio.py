"""One reader of audio: streams, files cut short, scales; the same by every command."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from bench.data.audio import AudioFile, read_header, read_samples, scale_note
from bench.errors import BenchError
from tests.helpers.flac import read_by_pyclarity

RATE = 44_100
KINDS = {
    "wav": ("WAV", "PCM_16"),
    "wavex": ("WAVEX", "PCM_24"),
    "rf64": ("RF64", "PCM_16"),
    "adpcm": ("WAV", "IMA_ADPCM"),
    "w64": ("W64", "PCM_16"),
    "aiff": ("AIFF", "PCM_16"),
    "aifc": ("AIFF", "FLOAT"),
    "au": ("AU", "PCM_16"),
    "caf": ("CAF", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}


def signal(frames: int = RATE) -> np.ndarray:
    """Samples ``(frames, 2)`` that 16 bits hold exactly."""
    rng = np.random.default_rng(0)
    return rng.integers(-(2**13), 2**13, (frames, 2)) / 2**15


def written(folder: Path, kind: str, samples: np.ndarray | None = None) -> Path:
    container, subtype = KINDS[kind]
    path = folder / f"x.{kind}"
    rate = 48_000 if kind == "opus" else RATE
    content = signal() if samples is None else samples
    soundfile.write(path, content, rate, format=container, subtype=subtype)
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_file_is_what_libsndfile_reads(tmp_path: Path, kind: str) -> None:
    path = written(tmp_path, kind)
    expected, rate = soundfile.read(path, always_2d=True)
    samples, found = read_samples(path)
    assert found == rate
    np.testing.assert_array_equal(samples, expected)
    with AudioFile(path) as file:
        np.testing.assert_array_equal(np.concatenate(list(file.blocks(1000))), expected)
        assert file.header.frames == len(expected)


@pytest.mark.parametrize("share", [0.5, 0.98])
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_was_cut_short_is_refused(tmp_path: Path, kind: str, share: float) -> None:
    path = written(tmp_path, kind)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    for read in (read_header, read_samples, AudioFile):
        with pytest.raises(BenchError, match=r"truncated|malformed") as caught:
            read(path)
        assert caught.value.where == str(path)


# --- streams, whose writers do not know how much will come --------------------------------------


def streamed(path: Path, size: int, form: int | None = None) -> None:
    """Make a WAV file of one that a pipe leaves: `size` in its data chunk, `form` in its first."""
    content = bytearray(path.read_bytes())
    content[40:44] = struct.pack("<I", size)
    content[4:8] = struct.pack("<I", min(size + 36, 2**32 - 1) if form is None else form)
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("size", "form"),
    [
        (0x7FFF_F000, 0x7FFF_F024),  # SoX
        (0x7FFF_FFFF, 0x7FFF_FFFF),
        (0x7FFF_FFFF - 36, 0x7FFF_FFFF),
        (0x8000_0000, 0x8000_0024),  # arecord
        (0xFFFF_FFFF, 0xFFFF_FFFF),  # ffmpeg
        (0xFFFF_FFFF - 44, 0xFFFF_FFFF - 8),
        (0, 36),
        (0, 0),
    ],
)
def test_a_wav_file_from_a_pipe_is_read_whole(tmp_path: Path, size: int, form: int) -> None:
    path = written(tmp_path, "wav")
    streamed(path, size, form)
    assert read_header(path).frames == RATE
    np.testing.assert_array_equal(read_samples(path)[0], signal())
    with AudioFile(path) as file:
        np.testing.assert_array_equal(np.concatenate(list(file.blocks(7000))), signal())
        np.testing.assert_array_equal(file.read(43_000, 1100), signal()[43_000:])


def test_a_wav_file_without_samples_has_none(tmp_path: Path) -> None:
    path = written(tmp_path, "wav", np.zeros((0, 2)))
    assert read_header(path).frames == 0
    # Another chunk behind the empty one is not taken for samples.
    content = bytearray(path.read_bytes()) + b"LIST\4\0\0\0INFO"
    content[4:8] = struct.pack("<I", len(content) - 8)
    path.write_bytes(content)
    assert read_header(path).frames == 0


def test_a_large_size_that_no_stream_has_is_a_file_cut_short(tmp_path: Path) -> None:
    path = written(tmp_path, "wav")
    streamed(path, 0x7000_0000)
    with pytest.raises(BenchError, match=f"{0x7000_0000 - 4 * RATE} bytes of samples are missing"):
        read_header(path)


def without_length(path: Path) -> None:
    """Make a FLAC file of one that was written to a pipe: 0 samples declared."""
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    path.write_bytes(content)


@pytest.mark.parametrize("frames", [1, 4095, 4096, 4097, RATE, 700_001])
@pytest.mark.parametrize("tag", [b"", b"TAG" + bytes(125)])
def test_a_flac_file_from_a_pipe_is_read_whole(tmp_path: Path, frames: int, tag: bytes) -> None:
    path = written(tmp_path, "flac", signal(frames))
    without_length(path)
    with path.open("ab") as file:
        file.write(tag)
    assert read_header(path).frames == frames
    np.testing.assert_array_equal(read_samples(path)[0], signal(frames))


def test_a_flac_file_from_a_pipe_that_was_cut_short(tmp_path: Path) -> None:
    path = written(tmp_path, "flac")
    without_length(path)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(BenchError, match="truncated: its last frame is not whole"):
        read_samples(path)


def test_silence_and_noise_end_where_they_end(tmp_path: Path) -> None:
    """Constant and verbatim frames too, of 8 to 24 bits and other rates."""
    for number, (subtype, rate) in enumerate(
        [("PCM_S8", 8000), ("PCM_16", 22_050), ("PCM_24", 96_000), ("PCM_16", 37_800)]
    ):
        for content in (np.zeros((9000, 1)), np.sign(signal(9000)), signal(9000)):
            path = tmp_path / f"{number}.flac"
            soundfile.write(path, content, rate, subtype=subtype)
            without_length(path)
            assert read_header(path).frames == 9000


def test_what_lies_behind_a_flac_stream_is_no_truncation(tmp_path: Path) -> None:
    path = written(tmp_path, "flac")
    with path.open("ab") as file:
        file.write(b"APETAGEX" + bytes(500))
    np.testing.assert_array_equal(read_samples(path)[0], signal())


def test_an_mp3_file_behind_a_tag_and_before_one(tmp_path: Path) -> None:
    path = written(tmp_path, "mp3")
    content = path.read_bytes()
    path.write_bytes(b"ID3\4\0\0\0\0\1\0" + bytes(128) + content + b"TAG" + bytes(125))
    whole = read_samples(path)[0]
    assert len(whole) == RATE
    path.write_bytes(b"ID3\4\0\0\0\0\1\0" + bytes(128) + content[: len(content) // 2])
    with pytest.raises(BenchError, match="truncated"):
        read_samples(path)


@pytest.mark.parametrize("kind", ["ogg", "opus", "mp3"])
def test_two_streams_in_one_file_are_refused(tmp_path: Path, kind: str) -> None:
    """libsndfile reads the first alone, players both."""
    content = written(tmp_path, kind, signal(2 * RATE)).read_bytes()
    path = written(tmp_path, kind, signal(2 * RATE)[::-1])
    second = path.read_bytes()
    assert len(second) > 1 << 14
    path.write_bytes(content + second)
    with pytest.raises(BenchError, match="another stream follows the first"):
        read_samples(path)
    if kind == "mp3":
        path.write_bytes(content + b"ID3\4\0\0\0\0\1\0" + bytes(128) + second)
        with pytest.raises(BenchError, match="another stream follows the first"):
            read_samples(path)
        path.write_bytes(content + b"APETAGEX" + bytes(1 << 15))
        assert len(read_samples(path)[0]) == 2 * RATE


# --- a scale beside a FLAC file ----------------------------------------------------------------


def test_a_scale_beside_a_flac_file_counts(tmp_path: Path) -> None:
    path = written(tmp_path, "flac")
    path.with_suffix(".txt").write_text("2.5\n")
    np.testing.assert_array_equal(read_samples(path)[0], 2.5 * signal())
    with AudioFile(path) as file:
        block = next(file.blocks(100, "float32"))
        assert block.dtype == np.float32
        np.testing.assert_array_equal(block, 2.5 * signal()[:100].astype(np.float32))


def test_a_scale_is_pyclaritys(tmp_path: Path) -> None:
    from clarity.utils.flac_encoder import save_flac_signal

    path = tmp_path / "x.flac"
    save_flac_signal(3.0 * signal(), path, RATE, RATE, do_scale_signal=True)
    theirs = read_by_pyclarity(path)
    ours, _ = read_samples(path)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)
    np.testing.assert_allclose(ours, 3.0 * signal(), rtol=0, atol=1e-4)


def test_a_text_beside_another_kind_of_file_is_nothing(tmp_path: Path) -> None:
    path = written(tmp_path, "wav")
    path.with_suffix(".txt").write_text("the words of the song")
    np.testing.assert_array_equal(read_samples(path)[0], signal())


@pytest.mark.parametrize("text", ["", "0", "-1", "nan", "inf", "1e999", "la la la"])
def test_a_text_that_is_no_scale(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, "flac")
    path.with_suffix(".txt").write_text(text)
    with pytest.raises(BenchError, match="it contains no scale factor") as caught:
        read_header(path)
    assert caught.value.where.endswith("x.txt")
    assert "rename it if it is not" in caught.value.hint


# --- what is no audio --------------------------------------------------------------------------


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "page.wav").write_text("<!doctype html>")
    (tmp_path / "x.raw").write_bytes(bytes(100))
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "empty.flac").write_bytes(b"")
    for name, what in {
        "page.wav": "cannot be read as audio",
        "x.raw": "a file without a header",
        "folder.wav": "it is a folder",
        "empty.flac": "cannot be read as audio",
        "gone.wav": "the audio file is missing",
    }.items():
        with pytest.raises(BenchError, match=what) as caught:
            read_samples(tmp_path / name)
        assert caught.value.where == str(tmp_path / name)


def test_damage_in_the_middle_of_a_flac_file(tmp_path: Path) -> None:
    path = written(tmp_path, "flac")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4000] = bytes(4000)
    path.write_bytes(content)
    with pytest.raises(BenchError, match=r"as audio: flac decoder lost sync"):
        read_samples(path)


def test_a_header_says_what_the_file_is(tmp_path: Path) -> None:
    for subtype, is_float in (("PCM_24", False), ("FLOAT", True), ("DOUBLE", True)):
        path = tmp_path / f"{subtype}.wav"
        soundfile.write(path, signal(700)[:, :1], 22_050, subtype=subtype)
        header = read_header(path)
        assert (header.sample_rate, header.channels, header.frames) == (22_050, 1, 700)
        assert (header.is_float, header.scale) == (is_float, 1.0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("channel", [0, 1])
def test_samples_that_are_no_numbers_are_counted_from_the_first(
    tmp_path: Path, bad: float, channel: int
) -> None:
    samples = signal(500)
    samples[321, channel] = samples[400, 0] = bad
    path = tmp_path / "x.wav"
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    with AudioFile(path) as file:
        for read in (file.read, lambda: file.read(100), lambda: list(file.blocks(64))):
            with pytest.raises(BenchError, match="sample 321 is NaN or infinite") as caught:
                read()
            assert caught.value.where == str(path)
        np.testing.assert_array_equal(file.read(322, 78), samples[322:400])
        np.testing.assert_array_equal(file.read(0, 321), samples[:321])


def test_integers_written_as_floats_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    for loudest, fault in ((1000.0, ""), (1001.0, "sample 321 is 1001 times full scale"),
                           (-32768.0, "sample 321 is 32768 times full scale")):  # fmt: skip
        samples = signal(500)
        samples[321, 1] = loudest
        soundfile.write(path, samples, RATE, subtype="FLOAT")
        with AudioFile(path) as file:
            if not fault:
                np.testing.assert_array_equal(file.read(), samples)
                continue
            with pytest.raises(BenchError, match=fault):
                file.read()
            with pytest.raises(BenchError, match=fault):
                list(file.blocks(64))


@pytest.mark.parametrize(
    ("rate", "right"),
    [(1, False), (999, False), (1000, True), (8000, True), (768_000, True), (768_001, False)],
)
def test_a_sample_rate_that_is_no_rate_of_music(tmp_path: Path, rate: int, right: bool) -> None:
    path = tmp_path / "x.wav"
    soundfile.write(path, signal(500), rate, subtype="FLOAT")
    if right:
        assert read_header(path).sample_rate == rate
    else:
        with pytest.raises(BenchError, match=f"its sample rate is {rate} Hz, not 1000 to 768000"):
            read_header(path)


def test_parts_of_a_file(tmp_path: Path) -> None:
    with AudioFile(written(tmp_path, "wav")) as file:
        for start, count in ((0, 0), (0, 7), (RATE - 1, 1), (RATE - 5, None), (RATE, None)):
            end = RATE if count is None else start + count
            np.testing.assert_array_equal(file.read(start, count), signal()[start:end])
        assert file.read(0, 3, "int16").dtype == np.int16
        assert [len(block) for block in file.blocks(20_000)] == [20_000, 20_000, 4100]
        for start, count, there in ((RATE - 5, 6, 5), (0, RATE + 1, RATE)):
            with pytest.raises(BenchError, match=f"only {there} of {count} samples could be read"):
                file.read(start, count)


def test_a_scale_is_told_of(tmp_path: Path) -> None:
    path = written(tmp_path, "flac")
    path.with_suffix(".txt").write_text("2.5")
    said = scale_note(path, read_header(path))
    assert said == "the samples of x.flac are multiplied by 2.5, as x.txt says"


def test_a_kind_that_does_not_show_whether_it_is_whole_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.nist"
    soundfile.write(path, signal(), RATE, format="NIST", subtype="PCM_16")
    with pytest.raises(BenchError, match="of the kind NIST does not show whether it is whole"):
        read_header(path)
