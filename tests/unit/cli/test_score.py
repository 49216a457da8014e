"""One file beside its reference."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from bench.api import MetricSpec
from bench.cli import main
from bench.data import CadenzaOptions
from bench.data.cadenza import CadenzaDataset
from bench.errors import BenchError
from bench.evaluation.protocol import Excerpt, render, separate
from bench.plugins import installed
from bench.spec.resolve import make_run_spec
from bench.spec.suite import load_suite
from bench.submission.file import score_pair
from bench.system.system import build_system

RATE = 44_100


def call(*arguments: object) -> int:
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    return int(caught.value.code or 0)


@pytest.fixture(scope="module")
def pair(small_set: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """The files of one rendered pair: processed, reference and mixture; and its scores in a run."""
    folder = tmp_path_factory.mktemp("pair")
    plugins = installed()
    options = {"dataset": {"root": str(small_set)}}
    suite = load_suite("cadenza-icassp-2024")
    spec = make_run_spec(plugins, suite, separator="mixture", gains="fixed", options=options)
    dataset = CadenzaDataset(CadenzaOptions(root=str(small_set)))
    scene = dataset.scenes("valid")[0]
    listener = dataset.listeners("valid")[scene.listeners[0]]
    system, excerpt = build_system(spec, plugins), Excerpt.read(scene)
    rendering = render(system, excerpt, separate(system, excerpt), listener, "challenge")
    files = {
        "processed.flac": (rendering.output, 32_000, "PCM_16"),
        "reference.wav": (rendering.remix_reference, RATE, "DOUBLE"),
        "mixture.wav": (rendering.remix, RATE, "DOUBLE"),
    }
    for name, (signal, rate, subtype) in files.items():
        soundfile.write(folder / name, signal.numpy().T, rate, subtype=subtype)
    scores = {
        (name, part): value
        for name in ("haaqi", "lufs", "clipping", "haaqi-net")
        for part, value in plugins.get(MetricSpec, name).build(None).score(rendering).items()
    }
    return {"folder": folder, "listener": listener, "scores": scores, "set": small_set}


def test_a_file_scores_as_in_a_run(pair: dict, capsys: pytest.CaptureFixture[str]) -> None:
    """Scores of the same pair by the runner's path; the mixture beside is the same system here."""
    folder = pair["folder"]
    code = call(
        *("score", folder / "processed.flac", "--reference", folder / "reference.wav"),
        *("--mixture", folder / "mixture.wav", "--format", "json"),
        *("--listener", pair["set"] / "metadata" / "listeners.valid.json"),
        *("--listener-id", pair["listener"].id),
    )
    content = json.loads(capsys.readouterr().out)
    assert code == 0
    assert content["listener"] == pair["listener"].id
    found = {(row["metric"], row["part"]): row for row in content["scores"]}
    assert set(found) == set(pair["scores"])
    for key, value in pair["scores"].items():
        assert found[key]["processed"] == pytest.approx(value, abs=1e-6)
        assert found[key]["mixture"] == pytest.approx(value, abs=1e-6)


def test_the_table_names_units_and_the_listener(
    pair: dict, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = pair["folder"]
    arguments = ("score", folder / "processed.flac", "--reference", folder / "reference.wav")
    assert call(*arguments, "--audiogram", "250:20,4000:60") == 0
    text = capsys.readouterr().out
    assert "processed.flac for audiogram" in text
    assert "lufs" in text
    assert "LU" in text


def test_mono_and_another_rate_are_told(pair: dict, tmp_path: Path) -> None:
    samples, _ = soundfile.read(pair["folder"] / "reference.wav")
    import soxr

    mono = tmp_path / "mono.wav"
    soundfile.write(mono, soxr.resample(samples[:, 0], RATE, 48_000), 48_000, subtype="FLOAT")
    result = score_pair(mono, mono, pair["listener"], installed(), metrics=("clipping",))
    assert result.ok
    assert result.notes == [
        "the reference is mono: both ears get the same signal",
        "the reference is resampled from 48000 Hz to 44100 Hz (soxr HQ)",
        "the processed file is mono: both ears get the same signal",
    ]


@pytest.mark.parametrize(
    ("samples", "rate", "message"),
    [
        (np.zeros((80_000, 2)), 32_000, "it lasts 2.500 s, reference.wav 3.000 s"),
        (np.zeros((132_300, 2)), 32_000, "it lasts 4.134 s, reference.wav 3.000 s"),
        (np.zeros((96_000, 3)), 32_000, "3 channels, expected 1 or 2"),
        (np.full((96_000, 2), np.nan), 32_000, "NaN or infinite"),
        (np.zeros((1000, 2)), 32_000, "shorter than 0.4 s"),
    ],
)
def test_files_that_cannot_be_compared(
    pair: dict, tmp_path: Path, samples: np.ndarray, rate: int, message: str
) -> None:
    path = tmp_path / "processed.wav"
    soundfile.write(path, samples, rate, subtype="FLOAT")
    with pytest.raises(BenchError, match=message):
        score_pair(path, pair["folder"] / "reference.wav", pair["listener"], installed())


def test_a_silent_reference_is_a_failed_row_and_not_a_zero(pair: dict, tmp_path: Path) -> None:
    path = tmp_path / "silent.wav"
    soundfile.write(path, np.zeros((3 * RATE, 2)), RATE)
    processed = pair["folder"] / "processed.flac"
    result = score_pair(processed, path, pair["listener"], installed(), metrics=("haaqi",))
    assert not result.ok
    assert [row["value"] for row in result.rows] == [None]
    assert "silent" in result.rows[0]["reason"]


def test_metrics_of_stems_are_refused(pair: dict) -> None:
    path = pair["folder"] / "processed.flac"
    with pytest.raises(BenchError, match="it judges stems, and a file has none"):
        score_pair(path, path, pair["listener"], installed(), metrics=("sdr",))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ((), "one file needs its reference"),
        (("--reference", "{reference}"), "nobody listens"),
        (("--reference", "/no/such.wav", "--audiogram", "N3"), "missing"),
    ],
)
def test_what_is_not_said(
    pair: dict, more: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = pair["folder"]
    arguments = [text.format(reference=folder / "reference.wav") for text in more]
    assert call("score", folder / "processed.flac", *arguments) == 2
    assert message in capsys.readouterr().err
