"""The main job from end to end, on a small synthesised set."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
import torch

from bench.board.layout import BEST, LAST, checkpoint_folder
from bench.board.store import Board
from bench.plugins import installed
from bench.runs.restore import stored_run
from bench.spec.suite import load_suite
from bench.system.weights import load_weights
from bench.training.checkpoint import Checkpoint, load_checkpoint
from bench.training.trainer import Trainer
from bench.training.validation import Validation
from tests.helpers.command_line import Bench
from tests.helpers.suites import SHORT_TRAINING, WriteSuite

pytestmark = pytest.mark.usefixtures("quick_workers")

TRAINING = {**SHORT_TRAINING, "epochs": 2, "learning_rate": 0.001, "gains_learning_rate": 0.01}


@pytest.fixture(scope="module")
def write_suite(small_suite: WriteSuite) -> WriteSuite:
    return partial(
        small_suite,
        metrics=("haaqi", "sdr", "lufs", "clipping"),
        loss="mse + 0.3*sdr@remix",
        baselines=("mixture + fixed", "oracle + fixed"),
        training=TRAINING,
    )


@pytest.fixture(scope="module")
def suite(write_suite: WriteSuite) -> Path:
    return write_suite()


Run = Callable[..., int]


@pytest.fixture
def run(bench: Bench, suite: Path, tmp_path: Path) -> Run:
    def call(*arguments: str, out: str = "board", suite_file: Path = suite) -> int:
        return bench(
            *("run", "--suite", suite_file, "--out", tmp_path / out),
            *("--workers", "1", "--no-report", *arguments),
        )

    return call


TRAINED = ("--separator", "mixture", "--gains", "cnn-residual")


def scores(board: Board) -> pd.DataFrame:
    frame = board.scores()
    frame = frame[frame.metric != "time"]
    return frame.sort_values(["run_id", "scene", "listener", "metric", "part"], ignore_index=True)


def test_trains_scores_and_shows(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*TRAINED, "--format", "markdown") == 0
    shown = capsys.readouterr().out
    assert "mixture + cnn-residual" in shown
    assert "oracle + fixed" in shown
    board = Board(tmp_path / "board")
    runs = board.runs()
    assert set(runs.status) == {"done"}
    assert set(runs.n_pairs) == {4}
    haaqi = board.scores(metric="haaqi")
    means = haaqi[haaqi.part == "mean"].merge(runs[["run_id", "label"]]).groupby("label").value
    assert means.mean()["oracle + fixed"] > means.mean()["mixture + fixed"]
    trained = runs[runs.label == "mixture + cnn-residual"].iloc[0]
    log = board.training(trained.run_id)
    assert sorted(set(log.epoch)) == [0, 1, 2]
    assert {"loss", "loss/mse", "loss/sdr@remix"} <= set(log.name)
    assert {f"valid/haaqi/{part}" for part in ("left", "right", "mean")} <= set(log.name)

    # The same command again finds everything done.
    files = {p: p.stat().st_mtime_ns for p in (tmp_path / "board" / "scores").rglob("*.parquet")}
    assert run(*TRAINED) == 0
    assert files == {
        p: p.stat().st_mtime_ns for p in (tmp_path / "board" / "scores").rglob("*.parquet")
    }


def test_a_killed_training_ends_as_if_never_killed(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(*TRAINED, "--no-baselines", out="whole") == 0
    epoch = Trainer._epoch

    def killed(self: Trainer, state: Checkpoint, *rest: object) -> dict[str, object]:
        if state.epoch == 1:
            raise KeyboardInterrupt
        return epoch(self, state, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Trainer, "_epoch", killed)
    assert run(*TRAINED, "--no-baselines", out="killed") == 130
    monkeypatch.undo()
    assert run(*TRAINED, "--no-baselines", out="killed") == 0
    whole, resumed = Board(tmp_path / "whole"), Board(tmp_path / "killed")
    pd.testing.assert_frame_equal(scores(whole), scores(resumed))
    logs = [
        b.training()[lambda f: ~f.name.str.contains("seconds")].reset_index(drop=True)
        for b in (whole, resumed)
    ]
    pd.testing.assert_frame_equal(*logs)


def test_a_killed_run_leaves_the_rows_that_had_ended_as_they_were(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("--separator", "mixture", "--gains", "fixed") == 0
    board = Board(tmp_path / "board")
    before = board.runs()
    assert (before.seconds > 0).all()

    def killed(self: Trainer, *rest: object) -> dict[str, object]:
        raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "_epoch", killed)
    assert run(*TRAINED) == 130
    after = board.runs()
    kept = after[after.run_id.isin(before.run_id)].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, before, check_dtype=False)
    assert set(after.status[~after.run_id.isin(before.run_id)]) == {"running"}


def test_scores_do_not_depend_on_the_number_of_workers(run: Run, tmp_path: Path) -> None:
    choice = ("--separator", "mixture", "--gains", "none")
    assert run(*choice, out="one") == 0
    assert run(*choice, "--workers", "2", out="two") == 0
    pd.testing.assert_frame_equal(scores(Board(tmp_path / "one")), scores(Board(tmp_path / "two")))


def test_a_failed_scene_is_a_row_and_stops_nothing(
    run: Run,
    write_suite: WriteSuite,
    small_set: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = tmp_path / "damaged"
    shutil.copytree(small_set, root)
    bad = sorted((root / "audio" / "at_mic_music" / "valid").glob("*/bass.wav"))[0]
    bad.write_bytes(bad.read_bytes()[:2000])
    choice = ("--separator", "mixture", "--gains", "fixed")
    assert run(*choice, suite_file=write_suite(root=root)) == 1
    frame = Board(tmp_path / "board").scores(metric="haaqi")
    failed = frame[frame.status == "failed"]
    assert len(set(failed.scene)) == 1
    assert failed.value.isna().all()
    assert failed.reason.str.contains("bass.wav").all()
    assert len(set(frame[frame.status == "ok"].scene)) == 1
    assert "2 pairs" in capsys.readouterr().err


def test_a_training_that_pleases_only_the_proxy_says_so_and_can_stop(
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    epochs = iter([*range(9), *range(9)])

    def parting(self: Validation, *given: object) -> dict[str, float]:
        epoch = next(epochs)
        return {self.truth: 0.5 - epoch / 100, self.proxy: 0.5 + epoch / 100}

    monkeypatch.setattr(Validation, "proxy", "valid/haaqi-light/mean")
    monkeypatch.setattr(Validation, "score", parting)
    short = (*TRAINED, "--no-baselines", "--epochs", "8", "--limit", "1")
    short += ("-o", "training.segments=1", "-o", "training.batch=1")
    assert run(*short, out="warned") == 0
    assert "is learning to please the proxy" in caplog.text
    assert Board(tmp_path / "warned").training().epoch.max() == 8
    stops = (*short, "-o", "training.guard_stops=true")
    assert run(*stops, out="stopped") == 0
    assert Board(tmp_path / "stopped").training().epoch.max() == 4
    # The weights that are scored are the best by truth: epoch 0's, before any training.
    untrained = (*short, "--epochs", "0")
    assert run(*untrained, out="untrained") == 0
    kept, first = (
        Board(tmp_path / name).scores(metric="haaqi") for name in ("stopped", "untrained")
    )
    assert list(kept.value) == list(first.value)


def test_a_loss_that_is_not_finite_stops_the_run_and_names_the_batch(
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from bench.builtin.losses.mse import MseLoss

    monkeypatch.setattr(MseLoss, "__call__", lambda self, data: data.estimate.sum() * float("nan"))
    assert run(*TRAINED, "--no-baselines") == 1
    said = capsys.readouterr().err
    assert "not finite: mse" in said
    assert "epoch 1, step 1" in said
    row = Board(tmp_path / "board").runs().iloc[0]
    assert row.status == "failed"
    assert "scene_" in row.failure


def test_oracle_is_handed_the_stems_and_others_are_not(run: Run, tmp_path: Path) -> None:
    assert run("--separator", "oracle", "--gains", "none", "--limit", "2") == 0
    board = Board(tmp_path / "board")
    runs = board.runs().set_index("label")
    assert not runs.loc["oracle + none (2 pairs)"].ranked
    assert set(runs.n_pairs) == {2}
    # Stems without any error have no SDR; those of a system that has the mixture alone have one.
    sdr = board.scores(metric="sdr").merge(board.runs()[["run_id", "separator"]])
    assert set(board.runs().separator) == {"oracle", "mixture"}
    known = sdr[sdr.status == "ok"]
    assert set(known.separator) == {"mixture"}
    assert set(known.part) == {"mean", "vocals", "drums", "bass", "other"}
    rest = sdr[sdr.status != "ok"]
    assert set(rest.separator) == {"oracle"}
    assert set(rest.status) == {"missing"}
    assert rest.value.isna().all()
    assert (rest.reason != "").all()


def test_both_protocols_on_one_board_are_kept_apart(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    choice = ("--separator", "oracle", "--gains", "none", "--no-baselines")
    assert run(*choice) == 0
    official = capsys.readouterr().out
    assert run(*choice, "--protocol", "shared-gains", "--format", "json") == 0
    shared = capsys.readouterr().out
    assert "challenge" in official
    assert "shared-gains" in shared
    assert shared.count('"label": "oracle + none"') == 1


def test_a_profile_tells_the_stages_and_changes_no_score(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    choice = ("--separator", "oracle", "--gains", "none", "--no-baselines", "--limit", "2")
    assert run(*choice, out="plain") == 0
    assert "Seconds per pair" not in capsys.readouterr().err
    assert run(*choice, "--profile", out="told") == 0
    assert "Seconds per pair, by stage" in capsys.readouterr().err
    plain, told = scores(Board(tmp_path / "plain")), scores(Board(tmp_path / "told"))
    stages = told[told.metric == "seconds"]
    assert {"read", "separate", "remix", "prescribe", "reference", "haaqi"} <= set(stages.part)
    assert (stages.value >= 0).all()
    assert not (plain.metric == "seconds").any()
    pd.testing.assert_frame_equal(plain, told[told.metric != "seconds"].reset_index(drop=True))
    # What is on the board already has no profile, which is said.
    assert run(*choice, "--profile", out="plain") == 0
    assert "--fresh" in capsys.readouterr().err


def test_a_prescription_is_trained_kept_and_restored(
    run: Run, write_suite: WriteSuite, tmp_path: Path
) -> None:
    training = {**SHORT_TRAINING, "segments": 2, "prescription_learning_rate": 0.5}
    suite = write_suite(
        metrics=("lufs", "clipping"), baselines=("mixture + fixed",), training=training
    )
    chosen = ("--separator", "mixture", "--prescription", "nalr-limiter-ft", "--loss", "haaqi")
    # From a threshold that every frame is above.
    assert run(*chosen, "-o", "prescription.threshold=-40", suite_file=suite) == 0
    board = Board(tmp_path / "board")
    [row] = [row for _, row in board.runs().iterrows() if row.prescription != "nalr"]
    assert row.label == "mixture + fixed (nalr-limiter-ft[threshold=-40.0], haaqi)"
    assert "loss/haaqi" in set(board.training(row.run_id).name)
    folder = checkpoint_folder(board.path, row.run_id)
    last = load_checkpoint(folder / LAST)
    assert last is not None
    thresholds = last.state["prescription.thresholds"]
    assert (thresholds + 40.0).abs().min() > 0.4
    loaded = load_suite(str(suite))
    plugins = installed()
    kept = stored_run(board, row.run_id, loaded, plugins).system(plugins)
    best = load_weights(folder / BEST)["prescription.thresholds"]
    assert torch.equal(kept.state()["prescription.thresholds"], best)
