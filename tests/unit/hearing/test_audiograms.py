"""Audiograms against the published table and pyclarity's interpolation."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from clarity.utils.audiogram import DEFAULT_CLARITY_AUDIOGRAM_FREQUENCIES, Audiogram, Listener

from bench.api import AUDIOGRAM_FREQUENCIES
from bench.errors import BenchError
from bench.hearing.audiograms import (
    GROUPS,
    audiogram_tensor,
    check_audiogram,
    check_listener,
    hearing_loss_group,
    parse_audiogram,
    pure_tone_average,
    standard_audiograms,
)

# Four-frequency averages worked out by hand from tables 2 and 3 of Bisgaard et al. (2010).
PUBLISHED_PTA = {
    "N1": (10 + 10 + 15 + 30) / 4,
    "N2": (20 + 25 + 35 + 45) / 4,
    "N3": (35 + 40 + 50 + 60) / 4,
    "N4": (55 + 55 + 65 + 75) / 4,
    "N5": (70 + 75 + 80 + 80) / 4,
    "N6": (80 + 85 + 90 + 100) / 4,
    "N7": (95 + 105 + 105 + 105) / 4,
    "S1": (10 + 10 + 15 + 55) / 4,
    "S2": (20 + 25 + 55 + 95) / 4,
    "S3": (35 + 60 + 75 + 80) / 4,
}


def flat(left: float, right: float | None = None) -> Listener:
    right = left if right is None else right
    return Listener(Audiogram(np.full(8, left)), Audiogram(np.full(8, right)), "L")


def test_the_standard_audiograms_are_the_published_ones() -> None:
    audiograms = standard_audiograms()
    assert set(audiograms) == set(PUBLISHED_PTA)
    for name, levels in audiograms.items():
        assert len(levels) == len(AUDIOGRAM_FREQUENCIES)
        assert levels[-1] == levels[-2]
        assert pure_tone_average(Audiogram(np.array(levels))) == PUBLISHED_PTA[name]
    assert audiograms["N3"] == (35, 35, 40, 50, 55, 60, 65, 65)
    assert audiograms["S2"] == (20, 20, 25, 55, 75, 95, 95, 95)


def test_the_frequencies_are_pyclaritys() -> None:
    assert tuple(DEFAULT_CLARITY_AUDIOGRAM_FREQUENCIES) == AUDIOGRAM_FREQUENCIES


def test_a_tensor_keeps_given_levels_and_interpolates_the_others_on_log_frequency() -> None:
    left = Audiogram(np.array([0.0, 40.0]), np.array([500, 8000]))
    right = Audiogram(np.arange(8) * 10.0)
    tensor = audiogram_tensor(Listener(left, right, "L"))
    assert tensor.dtype == torch.float32
    # 500 Hz to 8 kHz are four octaves, so 10 dB an octave; held below 500 Hz.
    expected = 10 * np.maximum(np.log2(np.array(AUDIOGRAM_FREQUENCIES) / 500), 0)
    np.testing.assert_allclose(tensor[0], expected, atol=1e-5)
    np.testing.assert_array_equal(tensor[1], np.arange(8) * 10)


def test_text_in_any_order_is_read() -> None:
    audiogram = parse_audiogram(" 1000:40, 250:20,500:-5.5 ")
    assert audiogram.frequencies.tolist() == [250, 500, 1000]
    assert audiogram.levels.tolist() == [20, -5.5, 40]
    assert tuple(parse_audiogram("n3").levels) == standard_audiograms()["N3"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no such standard audiogram"),
        ("N8", "no such standard audiogram"),
        ("250:20", "at least two"),
        ("250:20,250:30", "each once"),
        ("250:20,500", "'500' is not Hz:dB HL"),
        ("250:20,500:a", "'500:a' is not"),
        ("250:20,500:25:30", "is not Hz"),
        ("250:20,,500:30", "is not Hz"),
        ("250:20,500:nan", "out of range"),
        ("250:20,500:200", "out of range"),
        ("0:20,500:20", "out of range"),
        ("0.25:20,0.5:20,1:30", "out of range"),
        ("500:20,25000:20", "out of range"),
        ("-250:20,500:20", "out of range"),
    ],
)
def test_bad_text_is_a_clear_error(text: str, message: str) -> None:
    with pytest.raises(BenchError, match=message) as error:
        parse_audiogram(text)
    assert text in error.value.where


@pytest.mark.parametrize(
    ("level", "group"),
    [
        (-5, "normal"),
        (19.9, "normal"),
        (20, "mild"),
        (35, "moderate"),
        (50, "moderately severe"),
        (65, "severe"),
        (80, "profound"),
        (95, "complete"),
    ],
)
def test_who_grades(level: float, group: str) -> None:
    assert hearing_loss_group(flat(level)) == group
    assert hearing_loss_group(flat(level, 120)) == ("unilateral" if group == "normal" else group)
    assert group in GROUPS


def test_a_normal_ear_beside_a_mild_one_is_normal() -> None:
    assert hearing_loss_group(flat(34.9, 10)) == "normal"
    assert hearing_loss_group(flat(10, 35)) == "unilateral"


def ear(levels: list[float], frequencies: list[float]) -> Audiogram:
    return Audiogram(levels=np.array(levels), frequencies=np.array(frequencies))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (ear([20, 30], [250, 25_000]), "a frequency is outside 20 to 24000 Hz"),
        (ear([20, 30], [0.25, 0.5]), "a frequency is outside"),
        (ear([20, 500], [250, 500]), "a level is outside -20 to 130 dB HL"),
        (ear([20, np.nan], [250, 500]), "a level is outside"),
        (ear([20], [250]), "at least two frequencies"),
        ("N3", "'N3' is no audiogram"),
        (None, "None is no audiogram"),
    ],
)
def test_what_is_no_audiogram_is_refused(wrong: Any, message: str) -> None:
    with pytest.raises(BenchError, match=message):
        check_audiogram(wrong)
    right = ear([-20, 130], [20, 24_000])
    check_audiogram(right)
    check_listener(Listener(right, right, "L"))
    for ears, side in (((wrong, right), "left ear"), ((right, wrong), "right ear")):
        listener = Listener(right, right, "L")
        listener.audiogram_left, listener.audiogram_right = ears
        with pytest.raises(BenchError, match=message) as caught:
            check_listener(listener)
        assert side in caught.value.where
    with pytest.raises(BenchError, match="is no listener"):
        check_listener(wrong)


def test_importing_brings_no_torch() -> None:
    code = "import sys, bench.hearing.audiograms; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
