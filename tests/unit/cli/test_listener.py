"""``bench listener show``: the text, the numbers and the picture."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from clarity.utils.audiogram import Audiogram, Listener

from bench.cli import main
from bench.commands.songs import make_listener
from bench.hearing.nalr import nalr_gains
from bench.report.audiogram import picture

# Byrne and Dillon (1986), table 2: what NAL-R adds at each frequency, dB.
K = {500: -8, 1000: 1, 2000: -1, 3000: -2, 4000: -2, 6000: -2}


def show(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(["listener", "show", *arguments])
    return int(caught.value.code or 0)


@pytest.mark.parametrize("levels", [(50.0,) * 8, (20.0, 20.0, 25.0, 35.0, 40.0, 45.0, 50.0, 50.0)])
def test_gains_are_the_published_ones(levels: tuple[float, ...]) -> None:
    frequencies = (250, 500, 1000, 2000, 3000, 4000, 6000, 8000)
    ear = Audiogram(levels=np.array(levels), frequencies=np.array(frequencies))
    level = dict(zip(frequencies, levels, strict=True))
    common = 0.05 * (level[500] + level[1000] + level[2000])
    expected = [common + 0.31 * level[f] + k for f, k in K.items()]
    gains = nalr_gains(Listener(ear, ear, "x"), list(K), 44_100)
    assert gains.shape == (2, 6)
    # A filter of 220 taps rounds the corner between the bands.
    assert gains[0].numpy() == pytest.approx(expected, abs=2.5)
    assert gains[0].numpy()[1:] == pytest.approx(expected[1:], abs=1.0)
    assert (gains[0] == gains[1]).all()


def test_shows_levels_grade_and_chart(capsys: pytest.CaptureFixture[str]) -> None:
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


def test_json_of_one_listener_of_many(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
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


def test_the_picture_keeps_a_clinics_conventions() -> None:
    audiogram, gain = picture(make_listener("N3", "S3")).axes
    left, right = audiogram.get_lines()
    assert (left.get_marker(), left.get_color()) == ("x", "#1f4fbf")
    assert (right.get_marker(), right.get_color()) == ("o", "#c4161c")
    assert left.get_ydata()[0] == 35
    assert right.get_ydata()[0] == 30
    bottom, top = audiogram.get_ylim()
    assert bottom >= 120 > -10 >= top
    # An octave is as wide as 20 dB are high.
    assert audiogram.get_aspect() == 1 / 20
    assert left.get_xdata()[1] - left.get_xdata()[0] == 1
    curves = [line.get_ydata() for line in gain.get_lines()]
    assert curves[1].max() > curves[0].max() > 20


@pytest.mark.parametrize(
    ("name", "start"), [("a.svg", b"<?xml"), ("deep/a.png", b"\x89PNG"), ("a.pdf", b"%PDF")]
)
def test_pictures_are_written(tmp_path: Path, name: str, start: bytes) -> None:
    assert show("--audiogram", "N2", "-O", str(tmp_path / name)) == 0
    assert (tmp_path / name).read_bytes().startswith(start)


def test_a_wrong_picture_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert show("--audiogram", "N2", "-O", str(tmp_path / "a.jpg")) == 2
    assert "Name it with .png, .svg, .pdf" in capsys.readouterr().err
