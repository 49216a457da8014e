"""``bench score`` of one file beside its reference."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import soundfile

from tests.helpers.command_line import Bench

RATE = 44_100


def test_a_file_scores_as_in_a_run(
    bench: Bench, rendered_pair: dict, capsys: pytest.CaptureFixture[str]
) -> None:
    """Scores of the same pair by the runner's path; the mixture beside is the same system here."""
    folder = rendered_pair["folder"]
    code = bench(
        *("score", folder / "processed.flac", "--reference", folder / "reference.wav"),
        *("--mixture", folder / "mixture.wav", "--format", "json"),
        *("--listener", rendered_pair["set"] / "metadata" / "listeners.valid.json"),
        *("--listener-id", rendered_pair["listener"].id),
    )
    content = json.loads(capsys.readouterr().out)
    assert code == 0
    assert content["listener"] == rendered_pair["listener"].id
    found = {(row["metric"], row["part"]): row for row in content["scores"]}
    assert set(found) == set(rendered_pair["scores"])
    for key, value in rendered_pair["scores"].items():
        assert found[key]["processed"] == pytest.approx(value, abs=1e-6)
        assert found[key]["mixture"] == pytest.approx(value, abs=1e-6)


def test_the_table_names_units_and_the_listener(
    bench: Bench, rendered_pair: dict, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = rendered_pair["folder"]
    arguments = ("score", folder / "processed.flac", "--reference", folder / "reference.wav")
    assert bench(*arguments, "--audiogram", "250:20,4000:60") == 0
    text = capsys.readouterr().out
    assert "processed.flac for audiogram" in text
    (loudness,) = [line for line in text.splitlines() if "lufs" in line]
    assert loudness.split()[-1] == "LU" or " LU " in loudness


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ((), "one file needs its reference"),
        (("--reference", "{reference}"), "no listener given"),
        (("--reference", "/no/such.wav", "--audiogram", "N3"), "missing"),
    ],
)
def test_what_is_not_said(
    bench: Bench,
    rendered_pair: dict,
    more: tuple[str, ...],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = rendered_pair["folder"]
    arguments = [text.format(reference=folder / "reference.wav") for text in more]
    assert bench("score", folder / "processed.flac", *arguments) == 2
    assert message in capsys.readouterr().err


def halved(path: Path, folder: Path) -> Path:
    """The first half of a file's bytes."""
    half = folder / path.name
    half.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return half


@pytest.mark.parametrize("which", ["processed.flac", "reference.wav", "mixture.wav"])
def test_a_file_that_was_cut_short_is_not_scored(
    bench: Bench,
    rendered_pair: dict,
    tmp_path: Path,
    which: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = ("processed.flac", "reference.wav", "mixture.wav")
    files = {name: rendered_pair["folder"] / name for name in names}
    files[which] = halved(files[which], tmp_path)
    code = bench(
        *("score", files["processed.flac"], "--reference", files["reference.wav"]),
        *("--mixture", files["mixture.wav"], "--audiogram", "N3"),
    )
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert f"{files[which]}: the file is truncated" in err


def test_a_scale_beside_the_file_counts_as_in_a_folder(
    bench: Bench, rendered_pair: dict, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, scores = rendered_pair["folder"], {}
    samples, rate = soundfile.read(folder / "processed.flac")
    for name, scale in (("whole", 1.0), ("scaled", 4.0)):
        path = tmp_path / f"{name}.flac"
        soundfile.write(path, samples / scale, rate, subtype="PCM_24")
        if scale != 1.0:
            path.with_suffix(".txt").write_text(str(scale))
        arguments = ("score", path, "--reference", folder / "reference.wav", "--audiogram", "N3")
        assert bench(*arguments, "--format", "json") == 0
        content = json.loads(capsys.readouterr().out)
        scores[name] = [row["processed"] for row in content["scores"]]
        told = [note for note in content["notes"] if "multiplied by 4, as scaled.txt says" in note]
        assert len(told) == (scale != 1.0)
    assert scores["scaled"] == pytest.approx(scores["whole"], abs=1e-4)
