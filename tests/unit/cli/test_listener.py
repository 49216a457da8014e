"""``bench listener show``: the text, the numbers and the picture."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from tests.helpers.command_line import Bench


@pytest.fixture
def show(bench: Bench) -> Bench:
    return partial(bench, "listener", "show")


def test_shows_levels_grade_and_chart(show: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert show("--audiogram", "N3", "--audiogram-right", "250:10,1000:10,4000:50") == 0
    said = capsys.readouterr().out
    lines = said.splitlines()
    assert "hearing loss mild" in lines[0]
    assert "left ear, 46.2 dB HL on average" in said
    columns = {name: lines[-2].index(name) for name in ("250", "1k", "4k")}
    marks = {line[:6].strip(): line for line in lines if "|" in line}
    assert marks["10"][columns["250"]] == marks["10"][columns["1k"]] == "O"
    assert marks["50"][columns["4k"]] == "O"
    assert marks["60"][columns["4k"]] == marks["40"][columns["1k"]] == "X"
    levels = [int(label) for label in marks if label]
    assert levels == sorted(levels)  # the loss goes downwards


def test_json_of_one_listener_of_many(
    show: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "listeners.json"
    record = {
        "audiogram_cfs": [500, 1000, 2000, 4000],
        "audiogram_levels_l": [60, 60, 60, 60],
        "audiogram_levels_r": [20, 40, 60, 80],
    }
    file.write_text(json.dumps({"L1": {"name": "L1", **record}, "L2": {"name": "L2", **record}}))
    assert show("--listener", str(file), "--listener-id", "L2", "--format", "json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["listener"] == "L2"
    assert facts["group"] == "moderately severe"
    assert facts["right"]["levels_db_hl"] == [20, 40, 60, 80]
    assert facts["right"]["pure_tone_average_db_hl"] == 50
    assert len(facts["left"]["nalr_gain_db"]) == 4
    assert show("--listener", str(file)) == 2
    assert "--listener-id" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "start"), [("a.svg", b"<?xml"), ("deep/a.png", b"\x89PNG"), ("a.pdf", b"%PDF")]
)
def test_pictures_are_written(show: Bench, tmp_path: Path, name: str, start: bytes) -> None:
    assert show("--audiogram", "N2", "-O", str(tmp_path / name)) == 0
    assert (tmp_path / name).read_bytes().startswith(start)


def test_a_wrong_picture_is_refused(
    show: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show("--audiogram", "N2", "-O", str(tmp_path / "a.jpg")) == 2
    assert "Name it with .png, .svg, .pdf" in capsys.readouterr().err
