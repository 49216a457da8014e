"""Blind tests: what is no test is left out, and what a page may send to is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.errors import BenchError
from bench.listening.blind import LeftOut, MadeTest, make_test
from bench.listening.codes import sounds_the_same
from tests.helpers.heard import RUNS, data_of, heard, samples_of, stored_runs


def make(folder: Path, pairs: Any, **choices: Any) -> tuple[MadeTest, dict[str, Any], Any, str]:
    made = make_test(folder, pairs, stored_runs(), **{"way": "remix", "seed": 1, **choices})
    text = made.page.read_text(encoding="utf-8")
    return made, json.loads(made.key.read_text(encoding="utf-8")), data_of(text, "test"), text


@pytest.mark.parametrize("method", ["mushra", "abx"])
def test_what_is_the_reference_is_left_out(method: str, tmp_path: Path) -> None:
    pairs = [heard("s1", same=("rone",)), heard("s2")]
    made, key, data, text = make(tmp_path, pairs, method=method)
    assert made.left_out == (LeftOut("s1", "L1", "system one"),)
    assert key["left_out"] == [{"scene": "s1", "listener": "L1", "label": "system one"}]
    there = {
        (trial["scene"], signal["run_id"])
        for trial in key["trials"].values()
        for signal in trial["signals"].values()
        if signal["kind"] == "system"
    }
    assert there == {("s1", "rtwo"), ("s2", "rone"), ("s2", "rtwo")}
    assert "left_out" not in text
    assert made.trials == (2 if method == "mushra" else 3 * 8)
    if method == "mushra":
        assert sorted(len(trial["signals"]) for trial in data["trials"]) == [4, 5]
        assert "2 trials of 4 to 5 signals each" in text


def test_the_mixture_is_left_out_too_where_no_gains_are_asked_for(tmp_path: Path) -> None:
    pairs = [heard("s1", same=("mixture",))]
    made, *_ = make(tmp_path, pairs, with_mixture=True)
    assert made.left_out == (LeftOut("s1", "L1", "mixture"),)


def test_a_trial_without_a_system_is_none(tmp_path: Path) -> None:
    pairs = [heard("s1", same=tuple(RUNS)), heard("s2")]
    made, key, *_ = make(tmp_path, pairs)
    assert [trial["scene"] for trial in key["trials"].values()] == ["s2"]
    assert made.trials == 1
    with pytest.raises(BenchError, match="no system differs from the reference"):
        make(tmp_path / "none", pairs[:1])
    assert not (tmp_path / "none").exists()


def test_the_key_of_another_test_is_not_replaced(tmp_path: Path) -> None:
    made, *_ = make(tmp_path, [heard()])
    before = made.key.read_bytes()
    make(tmp_path, [heard()])  # the same test may be made again
    with pytest.raises(BenchError, match="it is the key of another test"):
        make(tmp_path, [heard()], seed=2)
    assert made.key.read_bytes() == before
    made.key.write_text("mine", encoding="utf-8")
    with pytest.raises(BenchError, match="it is the key of another test"):
        make(tmp_path, [heard()])


def test_one_step_of_16_bit_is_no_difference() -> None:
    signal = np.random.default_rng(0).normal(0, 0.1, (2, 100))
    assert sounds_the_same(signal, signal + 0.9 / 32768)
    other = signal.copy()
    other[1, 7] += 1.5 / 32768
    assert not sounds_the_same(signal, other)


def test_abx_has_each_of_the_two_as_a_clip(tmp_path: Path) -> None:
    made, key, data, text = make(tmp_path, [heard("s1")], method="abx", repeats=3)
    assert made.trials == 6
    assert data["repeats"] == 3
    for secret in (*RUNS, *RUNS.values(), '"s1"', '"L1"', "a song"):
        assert secret not in text
    for trial in data["trials"]:
        about = key["trials"][trial["code"]]["signals"]
        assert [clip["code"] for clip in trial["clips"]] == sorted(about)
        for clip in trial["clips"]:
            side = "a" if about[clip["code"]]["kind"] == "reference" else "b"
            assert clip["audio"] == trial[side]
        system = next(one for one in about.values() if one["kind"] == "system")
        expected = heard("s1").ways["remix"].signals[system["run_id"]]
        assert np.abs(samples_of(trial["b"]) / 32768 - expected).max() <= 1 / 32768


def test_a_page_sends_to_one_host_or_to_none(tmp_path: Path) -> None:
    *_, data, text = make(tmp_path, [heard()], post="https://Example.org:8080/a/b?c=d")
    assert data["post"] == "https://Example.org:8080/a/b?c=d"
    assert "; connect-src https://Example.org:8080&#34;" not in text
    assert 'img-src data:; connect-src https://Example.org:8080">' in text
    *_, text = make(tmp_path, [heard()])
    assert "connect-src" not in text
    assert "Nothing is sent anywhere" in text


@pytest.mark.parametrize(
    "address",
    [
        "example.org/ratings",
        "ftp://example.org",
        "https://",
        "https://user:secret@example.org/",
        "https://example.org/; script-src *",
        "https://example.org:99999/",
        "https://[::1/",
        "https://exa'mple.org/",
        "javascript:alert(1)",
    ],
)
def test_what_is_no_address(address: str, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="is not an address to post to"):
        make(tmp_path / "out", [heard()], post=address)
    assert not (tmp_path / "out").exists()
