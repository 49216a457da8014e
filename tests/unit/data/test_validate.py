"""A set checked whole: each fault is made on purpose and must be found."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyloudnorm
import pytest
import soundfile

from bench.data.validate import Report, validate
from bench.errors import BenchError
from tests.helpers.cadenza_set import metadata, write_set
from tests.helpers.command_line import Bench

pytestmark = pytest.mark.usefixtures("quick_workers")

RATE = 44_100
PARTS = ("mixture", "vocals", "drums", "bass", "other")


def sample(root: Path, song: str = "Song A") -> Path:
    return root / "audio" / "at_mic_music" / "valid" / f"{song}-hlp_1"


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """One second of stems that sum to the mixture, both songs."""
    root = write_set(tmp_path / "set")
    for number, song in enumerate(("Song A", "Song B")):
        rng = np.random.default_rng(number)
        stems = rng.integers(-4000, 4000, (4, RATE, 2))
        for part, sound in zip(PARTS, [stems.sum(axis=0), *stems], strict=True):
            soundfile.write(sample(root, song) / f"{part}.wav", sound.astype(np.int16), RATE)
    return root


def found(report: Report, level: str) -> list[str]:
    return [f"{f.where}: {f.what}" for f in report.findings if f.level == level]


def test_a_good_set(good: Path) -> None:
    report = validate(good, workers=1)
    assert report.ok
    assert not report.findings
    assert report.splits == {"valid": {"songs": 2, "scenes": 3, "listeners": 3, "pairs": 4}}
    assert [s.sample for s in report.samples] == ["valid/Song A-hlp_1", "valid/Song B-hlp_1"]
    first = report.samples[0]
    assert first.seconds == 1.0
    assert first.residual == -200.0
    for part in PARTS:
        signal, _ = soundfile.read(sample(good) / f"{part}.wav")
        expected = pyloudnorm.Meter(RATE).integrated_loudness(signal)
        assert first.lufs[part] == pytest.approx(expected, abs=0.006)
        peak = 20 * np.log10(np.abs(signal).max())
        assert first.peak[part] == pytest.approx(peak, abs=0.006)


def test_what_the_real_set_is_known_for(real_data: Path) -> None:
    """Its notes, made by others, list silent stems and stems-sum errors re mixture in dB."""
    report = validate(real_data / "cadenza_real", workers=1)
    assert report.ok
    silent = sorted(w.split("/")[-2:] for w in found(report, "note") if w.endswith("silent"))
    assert [[name, part.split(".")[0]] for name, part in silent] == [
        ["Mark Boas - MDN Multitrack-hlp_0052", "vocals"],
        ["Software-Entwicklungskit - Sodium-hlp_0015", "bass"],
    ]
    residuals = {s.sample.split("/")[1]: s.residual for s in report.samples}
    assert residuals == {
        "Software-Entwicklungskit - Francium-hlp_0010": -31.6,
        "Software-Entwicklungskit - Sodium-hlp_0015": -30.8,
        "Software-Entwicklungskit - Caesium-hlp_0001": -24.8,
        "Mark Boas - MDN Multitrack-hlp_0052": -4.5,
        "Music Delta - 80s Rock-hlp_0005": -27.2,
        "Music Delta - 80s Rock-hlp_0004": -21.9,
    }


def spoil_nan(folder: Path) -> None:
    samples, _ = soundfile.read(folder / "bass.wav")
    samples[777, 1] = np.nan
    soundfile.write(folder / "bass.wav", samples, RATE, subtype="FLOAT")


def spoil_length(folder: Path) -> None:
    samples, _ = soundfile.read(folder / "bass.wav")
    soundfile.write(folder / "bass.wav", samples[:-1], RATE)


def spoil_rate(folder: Path) -> None:
    samples, _ = soundfile.read(folder / "bass.wav")
    soundfile.write(folder / "bass.wav", samples, 32_000)


def spoil_channels(folder: Path) -> None:
    soundfile.write(folder / "bass.wav", np.zeros(RATE), RATE)


def spoil_end(folder: Path) -> None:
    content = (folder / "bass.wav").read_bytes()
    (folder / "bass.wav").write_bytes(content[:-1000])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_nan, "sample 777 is NaN or infinite"),
        (spoil_length, "the stem has 44099 samples, the mixture 44100"),
        (spoil_rate, "the sample rate is 32000 Hz, expected 44100 Hz"),
        (spoil_channels, "the file is mono, expected 2 channels"),
        (spoil_end, "the file is truncated"),
        (lambda folder: (folder / "bass.wav").unlink(), "the audio file is missing"),
    ],
)
def test_audio_that_breaks_the_contract(
    good: Path, spoil: Callable[[Path], None], message: str
) -> None:
    spoil(sample(good))
    report = validate(good, workers=1)
    (error,) = found(report, "error")
    assert error.startswith(f"{sample(good) / 'bass.wav'}: {message}")
    assert validate(good, audio=False).ok


def test_a_folder_that_is_missing_is_told_once_a_file(good: Path) -> None:
    for path in sample(good).iterdir():
        path.unlink()
    assert len(found(validate(good, workers=1), "error")) <= 5


def test_silence_and_stems_of_another_song(good: Path) -> None:
    zeros = np.zeros((RATE, 2), dtype=np.int16)
    soundfile.write(sample(good) / "vocals.wav", zeros, RATE)
    for part in PARTS[1:]:
        content = (sample(good, "Song A") / f"{part}.wav").read_bytes()
        if part != "vocals":
            (sample(good, "Song B") / f"{part}.wav").write_bytes(content)
    report = validate(good, workers=1)
    assert report.ok
    assert found(report, "note") == [f"{sample(good) / 'vocals.wav'}: silent"]
    (warning,) = found(report, "warning")
    assert "the stems do not belong to the mixture" in warning
    assert str(sample(good, "Song B")) in warning


def test_clipping_is_counted(good: Path) -> None:
    samples, _ = soundfile.read(sample(good) / "drums.wav", dtype="int16")
    samples[:25, 0], samples[:3, 1] = 32_767, -32_768
    soundfile.write(sample(good) / "drums.wav", samples, RATE)
    report = validate(good, workers=1)
    assert found(report, "note") == [f"{sample(good) / 'drums.wav'}: 28 samples at full scale"]


def test_all_that_is_wrong_in_the_metadata_is_told(tmp_path: Path) -> None:
    files: dict[str, Any] = metadata()
    files["scenes.valid.json"]["scene_1"]["gain"] = "gain_7"
    files["scenes.valid.json"]["scene_3"]["music"] = "Song C"
    files["scene_listeners.valid.json"]["scene_2"] = ["L9"]
    files["scene_listeners.valid.json"]["scene_8"] = ["L1"]
    root = write_set(tmp_path / "set", files)
    report = validate(root, audio=False)
    errors = found(report, "error")
    assert len(errors) == 3
    for place, what in (
        ("scene scene_1", "unknown gain 'gain_7'"),
        ("scene scene_3", "unknown music at the microphones 'Song C-hlp_1'"),
        ("scene scene_2", "unknown listener 'L9'"),
    ):
        assert any(place in error and what in error for error in errors)
    assert any("scene_8" in warning for warning in found(report, "warning"))


@pytest.mark.parametrize("name", ["gains.json", "listeners.valid.json", "at_mic_music.valid.json"])
def test_a_metadata_file_that_is_missing_or_no_json(tmp_path: Path, name: str) -> None:
    report = validate(write_set(tmp_path / "one", metadata() | {name: None}), audio=False)
    assert any("the metadata file is missing" in e for e in found(report, "error"))
    report = validate(write_set(tmp_path / "two", metadata() | {name: "{"}), audio=False)
    assert any("malformed JSON" in e for e in found(report, "error"))


def test_levels_that_no_audiometer_gives(tmp_path: Path) -> None:
    files: dict[str, Any] = metadata()
    files["listeners.valid.json"]["L1"]["audiogram_levels_l"][0] = 500
    report = validate(write_set(tmp_path / "set", files), audio=False)
    assert any("outside -20 to 130 dB HL" in error for error in found(report, "error"))


def test_unknown_split(good: Path) -> None:
    with pytest.raises(BenchError, match="no split 'test'"):
        validate(good, ["test"])


def test_processes_find_the_same(good: Path) -> None:
    assert validate(good, workers=2) == validate(good, workers=1)


def test_the_command(bench: Bench, good: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def call(*arguments: str) -> tuple[int, str]:
        code = bench("data", "validate", good, "--workers", "1", *arguments)
        return code, capsys.readouterr().out

    code, text = call()
    assert (code, "The set is in order." in text) == (0, True)
    spoil_nan(sample(good))
    code, text = call()
    assert (code, "Errors: 1." in text, "sample 777" in text) == (1, True, True)
    code, text = call("--format", "json")
    content = json.loads(text)
    assert (code, content["ok"], len(content["samples"])) == (1, False, 2)
    assert call("--metadata-only")[0] == 0
