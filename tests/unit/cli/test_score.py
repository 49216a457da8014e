"""``bench score`` of one file beside its reference."""

from __future__ import annotations

import json

import pytest

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
