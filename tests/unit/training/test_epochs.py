"""Which epoch of a training is kept, when it ends, what it goes on from, and what a step does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from bench.board.store import Board
from bench.data import CadenzaOptions
from bench.data.cadenza import CadenzaDataset
from bench.plugins import installed
from bench.runtime.progress import Step
from bench.system.system import System, build_system
from bench.system.weights import load_weights
from bench.training import trainer as module
from bench.training.loss import losses_of
from bench.training.trainer import Trainer
from tests.helpers.specs import make

State = dict[str, Tensor]
SETTINGS = {"epochs": 1, "segments": 1, "batch": 1, "segment_seconds": 0.5, "validation_songs": 1}


class Told:
    """A validation that finds what it is told, epoch by epoch; keeps the states that it sees."""

    truth, proxy, title, pairs = "valid/haaqi/mean", "", "HAAQI", 1

    def __init__(self, scores: Sequence[float]) -> None:
        self.scores = iter(scores)
        self.states: list[State] = []

    def score(self, system: System, step: Step) -> dict[str, float]:
        self.states.append({name: tensor.clone() for name, tensor in system.state().items()})
        return {self.truth: next(self.scores)}


def same(one: State, two: State) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


Train = Callable[..., tuple[Path, list[State]]]


@pytest.fixture
def train(small_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Train:
    """Train gains over clean stems; the weights that are kept, and the states in validation."""

    def call(*scores: float, folder: str = "run", **settings: Any) -> tuple[Path, list[State]]:
        told = Told(scores)
        monkeypatch.setattr(module, "Validation", lambda *given: told)
        training = {key: str(value) for key, value in {**SETTINGS, **settings}.items()}
        spec = make(separator="oracle", gains="cnn", loss="mse", options={"training": training})
        kept = Trainer(
            run_id="r1",
            spec=spec,
            system=build_system(spec, installed()),
            dataset=CadenzaDataset(CadenzaOptions(root=str(small_set))),
            loss=losses_of(spec, installed()),
            board=Board(tmp_path / folder),
            folder=tmp_path / folder / "checkpoints",
            plugins=installed(),
        ).train()
        return kept, told.states

    return call


def test_the_best_epoch_is_kept_and_of_equal_ones_the_first(train: Train) -> None:
    kept, states = train(0.1, 0.5, 0.3, 0.5, epochs=3)
    assert not same(states[1], states[3])
    assert same(load_weights(kept), states[1])


def test_a_training_that_makes_it_worse_keeps_what_was_there_before(train: Train) -> None:
    kept, states = train(0.5, 0.4, epochs=1)
    assert not same(states[0], states[1])
    assert same(load_weights(kept), states[0])


def test_patience_counts_the_epochs_since_the_best(train: Train) -> None:
    assert len(train(0.1, 0.5, 0.3, 0.2, 0.9, epochs=4, patience=2)[1]) == 1 + 3
    assert len(train(0.1, 0.5, 0.3, 0.2, 0.9, epochs=4, folder="whole")[1]) == 1 + 4


def test_a_training_that_goes_on_is_as_if_it_had_not_stopped(train: Train) -> None:
    """Adam's moments, too, are where they were."""
    whole = train(0.1, 0.2, 0.3, epochs=2, folder="whole")[1]
    first = train(0.1, 0.2, epochs=1)[1]
    rest = train(0.3, epochs=2)[1]
    assert [same(*states) for states in zip(whole, first + rest, strict=True)] == [True] * 3


def test_gains_have_a_learning_rate_of_their_own(train: Train) -> None:
    """The first step of Adam moves each weight by the rate, up or down."""
    before, after = train(0.1, 0.2, gains_learning_rate=5e-4, learning_rate=1e-2)[1]
    most = max(float((after[name] - before[name]).abs().max()) for name in before)
    assert most == pytest.approx(5e-4, rel=1e-2)


def test_along_a_cosine_the_rates_fall_to_nothing(
    train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a cosine from the first step to the last, over all epochs and batches."""
    used: list[float] = []
    step = torch.optim.Adam.step

    def noted(self: torch.optim.Adam, *given: Any) -> Any:
        used.extend(group["lr"] for group in self.param_groups)
        return step(self, *given)

    monkeypatch.setattr(torch.optim.Adam, "step", noted)
    how = {"epochs": 2, "segments": 2, "gains_learning_rate": 8e-4}
    train(0.1, 0.2, 0.3, schedule="cosine", folder="cosine", **how)
    assert used == pytest.approx([8e-4, 8e-4 * (0.5 + 8**-0.5), 4e-4, 8e-4 * (0.5 - 8**-0.5)])
    used.clear()
    train(0.1, 0.2, 0.3, folder="constant", **how)
    assert used == [8e-4] * 4


def test_a_training_along_a_cosine_goes_on_where_it_stopped(
    train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    how = {"epochs": 2, "schedule": "cosine"}
    whole = train(0.1, 0.2, 0.3, folder="whole", **how)[1]
    with pytest.raises((StopIteration, RuntimeError)):  # no score of the second epoch
        train(0.1, 0.2, **how)
    assert same(train(0.3, **how)[1][-1], whole[-1])


@pytest.mark.parametrize("limit", [1e-6, 0.0])
def test_gradients_are_clipped_to_a_norm_where_one_is_set(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: float
) -> None:
    norms: list[float] = []
    step = torch.optim.Adam.step

    def noted(self: torch.optim.Adam, *given: Any) -> Any:
        own = [p.grad.flatten() for group in self.param_groups for p in group["params"]]
        norms.append(float(torch.cat(own).norm()))
        return step(self, *given)

    monkeypatch.setattr(torch.optim.Adam, "step", noted)
    train(0.1, 0.2, clip_norm=limit)
    log = Board(tmp_path / "run").training("r1")
    whole = log[log.name == "grad_norm"].value.item()
    assert whole > 1e-5
    assert norms == pytest.approx([limit or whole], rel=1e-3)


def test_a_step_begins_without_the_gradients_of_the_one_before(
    train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[bool] = []
    compute = module.loss_inputs

    def noted(system: System, *given: Any, **more: Any) -> Any:
        parameters = [p for own in system.trainable().values() for p in own]
        left.append(any(p.grad is not None and bool(p.grad.any()) for p in parameters))
        return compute(system, *given, **more)

    monkeypatch.setattr(module, "loss_inputs", noted)
    train(0.1, 0.2, segments=3)
    assert left == [False] * 3
