"""bench from Python."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
import torch

import bench
from bench.spec.choices import Choices
from tests.helpers.suites import WriteSuite

HEAVY = ("torch", "pandas", "matplotlib", "scipy", "numba", "pyarrow", "click", "pluggy")


@pytest.fixture(scope="module")
def suite(small_suite: WriteSuite) -> Path:
    return small_suite(loss="mse@remix", baselines=("oracle + fixed",))


def test_importing_it_imports_nothing_else() -> None:
    code = f"import sys, bench; dir(bench); print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", bench.__all__)
def test_each_public_name_is_there_and_documented(name: str) -> None:
    assert name in dir(bench)
    assert getattr(bench, name).__doc__


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'ran'"):
        bench.ran  # noqa: B018


def test_from_a_run_to_a_song(suite: Path, small_set: Path, tmp_path: Path) -> None:
    choices: Choices = {"separator": "mixture", "gains": "cnn-residual", "suite": suite}
    planned = bench.plan(**choices).runs
    done = bench.run(**choices, out=tmp_path / "board", workers=1)
    assert done.outcome.ok
    assert [run.run_id for run in done.runs] == [run.run_id for run in planned]
    assert {row.label for row in done.leaderboard.rows} == {
        "oracle + fixed",
        "mixture + cnn-residual",
    }
    again = bench.read_leaderboard(tmp_path / "board", suite=suite)
    assert bench.render(again, "csv") == bench.render(done.leaderboard, "csv")
    page = bench.write_report(tmp_path / "board", suite=suite, to=tmp_path / "report")
    assert page == tmp_path / "report" / "index.html"
    assert "mixture + cnn-residual" in page.read_text(encoding="utf-8")

    song = next((small_set / "audio" / "music" / "valid").glob("*/mixture.wav"))
    listener = bench.make_listener("N3", "S2")

    def enhance(**more: object) -> torch.Tensor:
        out = tmp_path / "song.flac"
        enhanced = bench.enhance(
            song,
            out,
            listener,
            requested={"vocals": 3},
            overwrite=True,
            **more,  # type: ignore[arg-type]
        )
        assert soundfile.info(out).frames == soundfile.info(song).frames + 220
        return enhanced.gains

    by_run = enhance(run="mixture + cnn-residual", out=tmp_path / "board", suite=suite)
    by_id = enhance(run=done.runs[-1].run_id, out=tmp_path / "board", suite=suite)
    untrained = enhance(**choices)
    asked = torch.tensor([3.0, 0.0, 0.0, 0.0], dtype=torch.float64)
    assert torch.equal(by_run, by_id)
    assert torch.equal(untrained, asked.expand(2, 4))
    assert not torch.equal(by_run, untrained)


def test_a_board_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(bench.BenchError, match="there is no board here"):
        bench.read_leaderboard(tmp_path / "nowhere")
