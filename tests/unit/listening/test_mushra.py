"""Listening tests: blind, with the standard's anchors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.signal import freqz

from bench.errors import BenchError
from bench.listening.audio import (
    RATE,
)
from bench.listening.blind import make_test
from bench.listening.mushra import low_pass
from tests.helpers.heard import RUNS, data_of, heard, samples_of, stored_runs


@pytest.mark.parametrize("cutoff", [3500.0, 7000.0])
def test_anchors_have_the_standards_slope(cutoff: float) -> None:
    """BS.1534: of the 3.5 kHz anchor +-0.1 dB below, 25 dB at 4 kHz, 50 dB at 4.5 kHz."""
    click = np.zeros((2, 4096))
    click[:, 2048] = 1.0
    response = low_pass(click, cutoff)
    assert np.abs(response[0]).argmax() == 2048  # no delay
    frequencies, gain = freqz(response[0], worN=8192, fs=RATE)
    level = 20 * np.log10(np.maximum(np.abs(gain), 1e-9))
    assert np.abs(level[frequencies <= cutoff]).max() < 0.1
    assert level[frequencies >= cutoff * 4 / 3.5].max() < -25
    assert level[frequencies >= cutoff * 4.5 / 3.5].max() < -50


def make(tmp_path: Path, **changes: Any) -> tuple[dict[str, Any], dict[str, Any], str]:
    pairs = [heard("s1", "L1"), heard("s2", "L2")]
    made = make_test(tmp_path, pairs, stored_runs(), **{"way": "remix", "seed": 1, **changes})
    text = made.page.read_text(encoding="utf-8")
    return data_of(text, "test"), json.loads(made.key.read_text(encoding="utf-8")), text


def test_the_page_does_not_tell_what_is_what(tmp_path: Path) -> None:
    data, key, text = make(tmp_path)
    assert [path.name for path in (tmp_path / "test").iterdir()] == ["index.html"]
    for secret in (*RUNS, *RUNS.values(), '"s1"', '"L1"', "a song", "anchor", "cutoff"):
        assert secret not in text
    known = {"id", "method", "seconds", "checks", "post", "repeats", "trials"}
    assert set(data) == known
    for trial in data["trials"]:
        own = key["trials"][trial["code"]]["signals"]
        codes = [signal["code"] for signal in trial["signals"]]
        assert set(codes) == set(own)
        assert codes == sorted(codes)
        kinds = sorted(signal["kind"] for signal in own.values())
        assert kinds == ["anchor", "anchor", "reference", "system", "system"]
        assert all(set(signal) == {"code", "audio"} for signal in trial["signals"])


def test_the_key_tells_the_truth(tmp_path: Path) -> None:
    """Whatever the page plays under a code is the signal that the key names."""
    data, key, _ = make(tmp_path)
    for trial in data["trials"]:
        secrets = key["trials"][trial["code"]]
        given = heard(secrets["scene"]).ways["remix"].signals
        for signal in trial["signals"]:
            about, samples = secrets["signals"][signal["code"]], samples_of(signal["audio"])
            if about["kind"] == "reference":
                assert np.array_equal(samples, samples_of(trial["reference"]))
            original = given[about.get("run_id", "reference")][0]
            match = np.corrcoef(samples[0], original)[0, 1]
            # Of white noise an anchor leaves its share of the bandwidth.
            expected = np.sqrt(about.get("cutoff_hz", RATE / 2) / (RATE / 2))
            assert match == pytest.approx(expected, abs=0.03)


def test_codes_depend_on_the_seed_alone(tmp_path: Path) -> None:
    one, again, other = (make(tmp_path / str(n), seed=seed)[1] for n, seed in enumerate((1, 1, 2)))
    assert one == again
    assert not one["trials"].keys() & other["trials"].keys()
    assert one["test"] != other["test"]


def test_the_mixture_can_be_rated_too(tmp_path: Path) -> None:
    _, key, _ = make(tmp_path, with_mixture=True, anchors=(3500.0,))
    [first, _] = key["trials"].values()
    kinds = [signal["kind"] for signal in first["signals"].values()]
    assert sorted(kinds) == ["anchor", "mixture", "reference", "system", "system"]


def test_what_makes_no_test(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="more than 12"):
        make(tmp_path, anchors=tuple(range(1000, 2000, 100)))
    with pytest.raises(BenchError, match="anchor of 100 Hz is out of range"):
        make(tmp_path, anchors=(100.0,))
    with pytest.raises(BenchError, match="no common reference"):
        make_test(tmp_path, [heard(own_reference=True)], stored_runs(), way="remix", seed=1)
