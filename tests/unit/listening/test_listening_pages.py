"""Listening pages and tests: whole, safe, and blind where they must be."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from heard import RUNS, SECONDS, board_of, heard, stored_runs

from bench.errors import BenchError
from bench.listening.audio import RATE
from bench.listening.mushra import make_test
from bench.listening.page import write_pages

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\x1b[31m'\""


def data_of(text: str, name: str) -> Any:
    [found] = re.findall(
        rf'<script type="application/json" id="{name}">(.*?)</script>', text, flags=re.DOTALL
    )
    return json.loads(found)


def samples_of(text: str) -> np.ndarray:
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(text)), dtype="int16")
    assert rate == RATE
    return np.asarray(samples.T)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    labels = {**RUNS, "rone": HOSTILE}
    board = board_of(folder / "board", labels, scenes=("s1",))
    pairs = [heard("s1", "L1", HOSTILE), heard("s2", "L2")]
    return write_pages(board, folder / "out", stored_runs(labels), pairs)


def test_a_page_a_pair_and_links_between_them(page: Path) -> None:
    assert sorted(path.name for path in page.parent.iterdir()) == ["index.html", "pair-2.html"]
    text = page.read_text(encoding="utf-8")
    assert re.findall(r'href="([^"]*)"', text) == ["index.html", "pair-2.html"]


def test_a_page_is_whole_and_safe(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"<script[^>]*>", text) == [
        '<script type="application/json" id="pair">',
        "<script>",
    ]
    assert "<img src=x" not in text
    assert "\x1b" not in text
    assert not re.search(r"""(src|href)=["'](http|//)|url\(|@import""", text)
    assert "default-src &#39;none&#39;" in text


def test_the_audio_is_in_the_page_at_one_length(page: Path) -> None:
    data = data_of(page.read_text(encoding="utf-8"), "pair")
    assert [way["name"] for way in data["ways"]] == ["remix", "amplified", "simulated"]
    names = ["mixture", "reference", "rone", "rtwo"]
    assert list(data["ways"][0]["signals"]) == names
    expected = heard("s1").ways["remix"].signals
    for name in names:
        found = samples_of(data["ways"][0]["signals"][name]["audio"])
        assert found.shape == (2, round(SECONDS * RATE))
        assert np.abs(found / 32768 - expected[name]).max() <= 1 / 32768


def test_scores_and_gains_stand_beside(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    rows = re.findall(r'<tr data-signal="(\w+)">(.*?)</tr>', text, flags=re.DOTALL)
    cells = {name: re.findall(r'<td class="number">([^<]*)</td>', row) for name, row in rows}
    assert cells["mixture"] == ["–"] * 7
    assert cells["reference"] == ["–", "–", "–", "+3.0", "-6.0", "+0.0", "+1.0"]
    assert cells["rone"] == ["0.500", "0.500", "–", "+3.0", "-6.0", "+0.0", "+1.0"]
    ears = ["+0.0 / +4.0", "+1.0 / +5.0", "+2.0 / +6.0", "+3.0 / +7.0"]
    assert cells["rtwo"] == ["0.600", "0.600", "–", *ears]


# --- blind tests -------------------------------------------------------------------------------


def make(tmp_path: Path, **changes: Any) -> tuple[dict[str, Any], dict[str, Any], str]:
    pairs = [heard("s1", "L1"), heard("s2", "L2")]
    page, key = make_test(tmp_path, pairs, stored_runs(), **{"way": "remix", "seed": 1, **changes})
    text = page.read_text(encoding="utf-8")
    return data_of(text, "test"), json.loads(key.read_text(encoding="utf-8")), text


def test_the_page_does_not_tell_what_is_what(tmp_path: Path) -> None:
    data, key, text = make(tmp_path)
    assert [path.name for path in (tmp_path / "test").iterdir()] == ["index.html"]
    for secret in (*RUNS, *RUNS.values(), '"s1"', '"L1"', "a song", "anchor", "cutoff"):
        assert secret not in text
    assert set(data) == {"id", "seconds", "trials"}
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
        make(tmp_path, anchors=tuple(range(1000, 1900, 100)))
    with pytest.raises(BenchError, match="anchor of 100 Hz is out of range"):
        make(tmp_path, anchors=(100.0,))
    with pytest.raises(BenchError, match="no reference in common"):
        make_test(tmp_path, [heard(own_reference=True)], stored_runs(), way="remix", seed=1)
