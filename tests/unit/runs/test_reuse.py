"""A system that is scored under two protocols trains once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import bench
from bench.board.layout import BEST, checkpoint_folder
from bench.board.store import Board
from bench.training.trainer import Trainer
from tests.helpers.suites import SHORT_TRAINING, WriteSuite


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The protocols of the runs for which an epoch was computed."""
    found: list[str] = []
    epoch = Trainer._epoch

    def counted(self: Trainer, *args: Any) -> dict[str, Any]:
        found.append(self.spec.protocol)
        return epoch(self, *args)

    monkeypatch.setattr(Trainer, "_epoch", counted)
    return found


def run(suite: Path, out: Path, scored: str, separator: str = "oracle", **options: str) -> str:
    given = {f"training.{name}": value for name, value in options.items()}
    result = bench.run(
        suite=suite, separator=separator, gains="cnn", protocol=scored, out=out,
        workers=1, baselines=False, options=given,
    )  # fmt: skip
    return str(result.runs[0].run_id)


def test_the_training_of_another_protocol_is_taken(
    small_suite: WriteSuite, tmp_path: Path, trained: list[str]
) -> None:
    suite = small_suite()
    one = run(suite, tmp_path, "shared-gains", protocol="shared-gains")
    two = run(suite, tmp_path, "challenge", protocol="shared-gains")
    assert one != two
    assert trained == ["shared-gains"]
    weights = [(checkpoint_folder(tmp_path, name) / BEST).read_bytes() for name in (one, two)]
    assert weights[0] == weights[1]
    board = Board(tmp_path)
    logs = [board.training(name).drop(columns="run_id") for name in (one, two)]
    pd.testing.assert_frame_equal(*logs)
    gains = [
        board.scores(name, metric="gains").sort_values(["scene", "listener", "part"]).value
        for name in (one, two)
    ]
    assert gains[0].to_list() == gains[1].to_list()


def test_another_training_is_not_taken(
    small_suite: WriteSuite, tmp_path: Path, trained: list[str]
) -> None:
    suite = small_suite()
    run(suite, tmp_path, "shared-gains")
    # The reference of the loss is the challenge's here: another training.
    run(suite, tmp_path, "challenge")
    run(suite, tmp_path, "challenge", protocol="shared-gains", gains_learning_rate="0.01")
    assert trained == ["shared-gains", "challenge", "challenge"]


def test_the_last_epoch_is_kept_where_that_is_asked_for(
    small_suite: WriteSuite, tmp_path: Path
) -> None:
    """A rate at which the best epoch is the one before any training."""
    training = {**SHORT_TRAINING, "gains_learning_rate": 10.0}
    suite = small_suite(metrics=["haaqi"], training=training)
    gains = {}
    for keep in ("best", "last"):
        board = tmp_path / keep
        name = run(suite, board, "challenge", keep=keep)
        gains[keep] = Board(board).scores(name, metric="gains").value.abs().max()
        log = Board(board).training(name).pivot(index="epoch", columns="name", values="value")
        assert log.index.to_list() == [0, 1]
    assert gains["best"] == 0
    assert gains["last"] > 1


def test_validation_may_have_a_split_of_its_own(
    small_suite: WriteSuite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bench.training import trainer

    seen: dict[str, list[str]] = {}
    validation, draw = trainer.Validation, trainer.draw_epoch

    def watched(scenes: Any, *args: Any) -> Any:
        seen["validated"] = [scene.song for scene in scenes]
        return validation(scenes, *args)

    def drawn(scenes: Any, *args: Any, **more: Any) -> Any:
        seen["trained on"] = [scene.song for scene in scenes]
        return draw(scenes, *args, **more)

    monkeypatch.setattr(trainer, "Validation", watched)
    monkeypatch.setattr(trainer, "draw_epoch", drawn)
    name = run(small_suite(), tmp_path, "challenge", "hdemucs", validation_split="valid")
    assert len(seen["trained on"]) == 3
    assert len(seen["validated"]) == 2
    assert not set(seen["trained on"]) & set(seen["validated"])
    row = Board(tmp_path).run(name)
    assert row is not None
    assert row["unranked_reason"] == "its epoch was chosen on the split that it is scored on"


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("keep", "first", "training cannot keep the epoch 'first'"),
        ("protocol", "chalenge", "no protocol 'chalenge'"),
        ("validation_split", "walid", "no split 'walid'"),
    ],
)
def test_what_makes_no_sense_is_said(
    small_suite: WriteSuite, tmp_path: Path, setting: str, value: str, words: str
) -> None:
    with pytest.raises(bench.BenchError, match=words):
        run(small_suite(), tmp_path / "board", "challenge", **{setting: value})
    assert not (tmp_path / "board").exists()
