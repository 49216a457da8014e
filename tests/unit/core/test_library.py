"""bench from Python."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
import torch

import bench
from bench.cli.options import run_options
from bench.commands.songs import requested_gains
from bench.spec.choices import Choices, resolve

HEAVY = ("torch", "pandas", "matplotlib", "scipy", "numba", "pyarrow", "click", "pluggy")

SUITE = """
name = "small"
[dataset]
name = "cadenza"
root = '{root}'
[evaluation]
split = "valid"
metrics = ["lufs", "clipping"]
[defaults]
loss = "mse@remix"
[[baselines]]
separator = "oracle"
gains = "fixed"
[ranking]
baseline = "oracle + fixed"
[training]
epochs = 1
segments = 4
batch = 2
segment_seconds = 1.0
gains_learning_rate = 0.05
validation_songs = 1
validation_pairs = 1
validation_seconds = 1.0
"""


@pytest.fixture(scope="module")
def suite(small_set: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("suite") / "small.toml"
    path.write_text(SUITE.format(root=small_set), encoding="utf-8")
    return path


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


def test_it_takes_what_the_command_line_takes() -> None:
    @run_options
    def command() -> None: ...

    options = {option.name for option in command.__click_params__}  # type: ignore[attr-defined]
    # Where the board is and whether baselines are run are no part of what a run is.
    expected = options - {"out", "baselines", "option"} | {"options"}
    assert set(Choices.__annotations__) == expected


def test_options_count_as_on_the_command_line() -> None:
    _, _, spec = resolve(
        separator="hdemucs-ft",
        epochs=3,
        options={"separator.segment": 5.0, "training.batch": 2, "loss.sdr.scale_invariant": False},
    )
    assert spec.separator.options.segment == 5.0
    assert (spec.training.batch, spec.training.epochs) == (2, 3)
    assert next(c for c in spec.losses if c.name == "sdr").options.scale_invariant is False


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"separator": "hdemuks"}, "Did you mean 'hdemucs'"),
        ({"options": {"weights": "x"}}, "is not an option"),
        ({"options": {"separator.wieghts": "x"}}, "Did you mean 'weights'"),
        ({"suite": "nowhere"}, "there is no suite"),
    ],
)
def test_wrong_choices_are_named(choices: Choices, message: str) -> None:
    with pytest.raises(bench.BenchError, match=message):
        bench.plan(**choices)


def test_requested_gains_are_in_the_order_of_stems() -> None:
    assert requested_gains({"other": -3, "vocals": 6.0}) == (6.0, 0.0, 0.0, -3.0)
    with pytest.raises(bench.BenchError, match="Did you mean 'drums'"):
        requested_gains({"drum": 1})


def test_from_a_run_to_a_song(suite: Path, small_set: Path, tmp_path: Path) -> None:
    choices: Choices = {"separator": "mixture", "gains": "cnn-residual", "suite": suite}
    planned = bench.plan(**choices)
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
        enhanced = bench.enhance(song, out, listener, requested={"vocals": 3}, **more)  # type: ignore[arg-type]
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
