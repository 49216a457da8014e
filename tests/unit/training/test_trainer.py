"""What a training logs of its loss terms, and that their weights matter."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import torch
from torch import Tensor

from bench.board.store import Board
from bench.data import CadenzaOptions
from bench.data.cadenza import CadenzaDataset
from bench.system.system import System
from bench.training.trainer import Trainer
from tests.helpers.trainings import trainer_of

SETTINGS = {
    "epochs": 2,
    "segments": 8,
    "batch": 2,
    "segment_seconds": 1.0,
    "clip_norm": 0.0,
    "gains_learning_rate": 5e-4,
    "validation_pairs": 1,
    "validation_songs": 1,
    "validation_seconds": 1.0,
}


def trained(
    root: Path,
    folder: Path,
    loss: str,
    separator: str = "oracle",
    gains: str = "cnn",
    **settings: float | str,
) -> tuple[System, pd.DataFrame]:
    """A trained gain strategy, over clean stems by default, and the log."""
    how = {**SETTINGS, **settings}
    trainer = trainer_of(root, folder, how, loss=loss, separator=separator, gains=gains)
    trainer.train()
    return trainer.system, Board(folder).training("r1")


def gains_of(system: System, root: Path) -> Tensor:
    """The gains for a listener of the set, dB."""
    dataset = CadenzaDataset(CadenzaOptions(root=str(root)))
    listener = next(iter(dataset.listeners("train").values()))
    with torch.no_grad():
        return system.gains(torch.zeros(1, 4, 2, 10), torch.zeros(1, 4), [listener])


def test_the_weight_of_the_proxy_changes_what_is_learned(small_set: Path, tmp_path: Path) -> None:
    found = {}
    for alpha in (0, 10):
        loss = f"mse + 0.3*sdr + 2*loudness + {alpha}*haaqi-light"
        system, log = trained(
            small_set,
            tmp_path / str(alpha),
            loss,
            separator="hdemucs",
            gains="cnn-residual",
            gains_learning_rate=1e-3,
        )
        truth = log[log.name == "valid/haaqi/mean"].set_index("epoch").value
        found[alpha] = gains_of(system, small_set), float(truth[2])
    assert float((found[0][0] - found[10][0]).abs().max()) > 1
    assert abs(found[0][1] - found[10][1]) > 2e-3


def test_the_log_has_each_terms_gradient_by_part(small_set: Path, tmp_path: Path) -> None:
    _, log = trained(small_set, tmp_path, "mse + 2*loudness + 0*haaqi-light", segments=2)
    norms = log[log.name.str.startswith("grad_norm/")]
    assert set(norms.name) == {"grad_norm/gains/mse", "grad_norm/gains/loudness"}
    assert set(norms.epoch) == {1}  # and the sixth, which is not reached
    # One step an epoch: two terms have no more together, and no less, than a triangle allows.
    for epoch, own in norms.groupby("epoch"):
        whole = log[(log.name == "grad_norm") & (log.epoch == epoch)].value.item()
        assert abs(own.value.iloc[0] - own.value.iloc[1]) <= whole * (1 + 1e-4)
        assert whole <= own.value.sum() * (1 + 1e-4)


def test_the_log_says_where_the_time_went(small_set: Path, tmp_path: Path) -> None:
    _, log = trained(small_set, tmp_path, "mse", segments=3, epochs=1)
    parts = log[log.name.str.startswith("batch_seconds/")].set_index("name").value
    names = ("read", "separate", "render", "losses", "backward", "step")
    assert set(parts.index) == {f"batch_seconds/{name}" for name in names}
    assert (parts > 0).all()
    whole = log[log.name == "seconds/train"].value.item()
    assert 0.5 * whole < 2 * parts.sum() <= whole  # two batches


def test_the_log_has_the_seconds_before_training(
    small_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter((1000.0, 1007.0))
    monkeypatch.setattr(
        "bench.training.trainer.time", SimpleNamespace(perf_counter=lambda: next(clock))
    )
    monkeypatch.setattr(Trainer, "_epoch", lambda *given: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        trained(small_set, tmp_path, "mse", validation_pairs=0)
    log = Board(tmp_path).training("r1")
    assert log[log.name == "seconds"].value.tolist() == [7.0]


def test_memory_is_kept_from_step_to_step_and_given_back_at_the_end(
    small_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[bool | str] = []
    step = Trainer._step
    monkeypatch.setattr("bench.training.trainer.recycle", calls.append)

    def counted(self: Trainer, *given: Any) -> dict[str, float]:
        calls.append("step")
        return step(self, *given)

    monkeypatch.setattr(Trainer, "_step", counted)
    trained(small_set, tmp_path, "mse")
    assert calls[0] is True
    assert calls[-1] is False
    assert set(calls[1:-1]) == {"step"}
    monkeypatch.setattr(Trainer, "_step", lambda self, *given: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        trained(small_set, tmp_path / "fails", "mse")
    assert calls[-2:] == [True, False]


def test_gradients_added_up_are_those_of_one_batch(small_set: Path, tmp_path: Path) -> None:
    """Two batches of two, one step: as one batch of four, by the loss's mean."""
    states = {}
    for name, batch, accumulate in (("whole", 4, 1), ("parts", 2, 2), ("one", 2, 1)):
        system, log = trained(
            small_set, tmp_path / name, "mse", segments=4, epochs=1,
            batch=batch, accumulate=accumulate,
        )  # fmt: skip
        states[name] = gains_of(system, small_set)
        assert log[log.name == "grad_norm"].value.item() > 0
    assert not torch.equal(states["one"], states["whole"])
    torch.testing.assert_close(states["parts"], states["whole"], rtol=1e-4, atol=1e-4)


def test_the_last_step_of_an_epoch_may_be_of_fewer_batches(small_set: Path, tmp_path: Path) -> None:
    """Three batches, two a step: the last one alone weighs as a step of one batch does."""
    odd, _ = trained(small_set, tmp_path / "a", "mse", segments=3, epochs=1, batch=1, accumulate=2)
    many, _ = trained(small_set, tmp_path / "b", "mse", segments=3, epochs=1, batch=1, accumulate=9)
    assert not torch.equal(gains_of(odd, small_set), gains_of(many, small_set))


def test_a_last_step_of_fewer_batches_is_taken(
    small_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of four batches, three a step, the fourth is a step."""
    steps: list[int] = []
    step = torch.optim.Adam.step

    def counted(self: torch.optim.Adam, *given: Any) -> Any:
        steps.append(1)
        return step(self, *given)

    monkeypatch.setattr(torch.optim.Adam, "step", counted)
    how = {"segments": 4, "epochs": 1, "batch": 1, "accumulate": 3, "validation_pairs": 0}
    trained(small_set, tmp_path, "mse", **how)
    assert len(steps) == 2


def test_layers_computed_again_change_no_training(small_set: Path, tmp_path: Path) -> None:
    how = {"separator": "hdemucs-ft", "gains": "none", "segments": 2, "epochs": 1}
    kept, _ = trained(small_set, tmp_path / "kept", "mse", **how)  # type: ignore[arg-type]
    again, _ = trained(small_set, tmp_path / "again", "mse", recompute=True, **how)  # type: ignore[arg-type]
    assert kept.state().keys() == again.state().keys()
    assert all(torch.equal(value, again.state()[name]) for name, value in kept.state().items())


def test_a_separator_may_train_in_bfloat16(small_set: Path, tmp_path: Path) -> None:
    how = {"separator": "hdemucs-ft", "gains": "none", "segments": 2, "epochs": 1}
    _, exact = trained(small_set, tmp_path / "f", "mse", **how)  # type: ignore[arg-type]
    rough, log = trained(small_set, tmp_path / "b", "mse", precision="bfloat16", **how)  # type: ignore[arg-type]
    assert all(value.dtype == torch.float32 for value in rough.state().values())
    losses = [one[one.name == "loss"].value.item() for one in (exact, log)]
    assert losses[0] != losses[1]
    assert losses[1] == pytest.approx(losses[0], rel=0.05)


def test_a_ruling_term_is_told_once(
    small_set: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="bench.training.trainer"):
        trained(small_set, tmp_path / "a", "mse + 2*loudness", segments=2)
    assert caplog.text.count("of the gains' gradient (epoch 1, step 1:") == 1
    assert "loudness accounts for 9" in caplog.text
    caplog.clear()
    trained(small_set, tmp_path / "b", "loudness", segments=2, epochs=1)
    assert "gradient" not in caplog.text


def test_measuring_gradients_changes_no_training(
    small_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loss = "mse + 0.3*sdr + 2*loudness"
    measured, _ = trained(small_set, tmp_path / "a", loss, epochs=1)
    monkeypatch.setattr("bench.training.trainer.gradient_norms", lambda *given: {})
    other, _ = trained(small_set, tmp_path / "b", loss, epochs=1)
    for name, value in measured.state().items():
        assert torch.equal(value, other.state()[name])


def test_progress_names_the_leading_terms(small_set: Path, tmp_path: Path) -> None:
    notes: list[str] = []
    lines: list[str] = []
    stages: list[tuple[str, int]] = []

    class Heard:
        def say(self, text: str) -> None:
            lines.append(text)

        def stage(self, title: str, total: int) -> Heard:
            stages.append((title, total))
            return self

        def __enter__(self) -> object:
            return lambda note, done: notes.append(note)

        def __exit__(self, *about: object) -> None:
            return None

    how = {**SETTINGS, "epochs": 1}
    trainer_of(small_set, tmp_path, how, loss="mse + loudness", progress=Heard()).train()
    first = next(note for note in notes if note.startswith("epoch 1/1, loss "))
    assert " of epoch 0, gradient: gains " in first
    assert first.endswith("% loudness")
    assert [title for title, _ in stages[1:]] == ["validation, epoch 0", "validation, epoch 1"]
    assert stages[1] == ("validation, epoch 0", SETTINGS["validation_pairs"])
    before, line = lines
    assert before.startswith("epoch 0/1 (before training): true HAAQI in validation 0.")
    assert line.startswith("epoch 1/1: loss ")
    assert "true HAAQI in validation 0." in line
    assert "best" in line
    assert line.endswith("s of validation")
