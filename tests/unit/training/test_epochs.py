"""Which epoch of a training is kept, when it ends, what it goes on from, and what a step does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bench.board.store import Board
from bench.data import CadenzaOptions
from bench.data.cadenza import CadenzaDataset
from bench.plugins import installed
from bench.runtime.progress import NO_PROGRESS, Progress, Step
from bench.system.system import System
from bench.system.weights import load_weights
from bench.training import trainer as module
from bench.training.trainer import Trainer, TrainingStopped
from tests.helpers.specs import make
from tests.helpers.trainings import trainer_of

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

    def call(
        *scores: float,
        folder: str = "run",
        told: Told | None = None,
        progress: Progress = NO_PROGRESS,
        **settings: Any,
    ) -> tuple[Path, list[State]]:
        told = told or Told(scores)
        monkeypatch.setattr(module, "Validation", lambda *given: told)
        how, place = {**SETTINGS, **settings}, tmp_path / folder
        kept = trainer_of(small_set, place, how, loss="mse", progress=progress).train()
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


# --- without a choice, or ended early ------------------------------------------------------------


class Silent(Told):
    """A validation without pairs."""

    pairs = 0

    def score(self, system: System, step: Step) -> dict[str, float]:
        super().score(system, step)
        return {}


def test_without_validation_the_last_epoch_is_kept(train: Train) -> None:
    kept, states = train(told=Silent([0.0] * 3), epochs=2)
    assert same(load_weights(kept), states[2])
    assert not same(states[1], states[2])


def test_the_last_epoch_is_kept_where_that_is_asked_for(train: Train) -> None:
    kept, states = train(0.1, 0.5, 0.3, epochs=2, keep="last")
    assert same(load_weights(kept), states[2])


@pytest.mark.parametrize(("stops", "epochs"), [(True, 1), (False, 3)])
def test_the_guard_ends_a_training_where_it_may(
    train: Train,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    stops: bool,
    epochs: int,
) -> None:
    class Warns:
        warning = ""

        def __init__(self, history: object, **names: str) -> None:
            assert names == {"truth": Told.truth, "proxy": ""}

        def add(self, row: Mapping[str, Any]) -> None:
            self.warning = f"they part at epoch {row['epoch']}"

    monkeypatch.setattr(module, "GoodhartGuard", Warns)
    assert len(train(0.1, 0.2, 0.3, 0.4, epochs=3, guard_stops=stops)[1]) == 1 + epochs
    assert caplog.text.count("they part at epoch") == epochs


def test_a_loss_that_is_not_finite_ends_it_and_is_named(
    train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bench.builtin.losses.mse import MseLoss

    monkeypatch.setattr(MseLoss, "__call__", lambda self, data: data.estimate.sum() * torch.nan)
    with pytest.raises(TrainingStopped, match=r"not finite: mse \(epoch 1, step 1: .* from .* s\)"):
        train(0.1, 0.2)


def test_a_gradient_that_is_not_finite_ends_it(
    train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bench.builtin.losses.mse import MseLoss

    monkeypatch.setattr(
        MseLoss, "__call__", lambda self, data: (0 * data.estimate).square().sum().sqrt()
    )
    with pytest.raises(TrainingStopped, match=r"the gradient is not finite \(epoch 1, step 1: "):
        train(0.1, 0.2)


# --- what is told --------------------------------------------------------------------------------


class Heard:
    """Progress, as a terminal shows it."""

    def __init__(self) -> None:
        self.stages: list[tuple[str, int]] = []
        self.steps: list[tuple[str, int]] = []
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(re.sub(r"\d+ s\b", "N s", re.sub(r"loss [\d.e-]+", "loss L", text)))

    @contextmanager
    def stage(self, title: str, total: int) -> Iterator[Callable[[str, int], None]]:
        self.stages.append((title, total))
        yield lambda note, done: self.steps.append((note, done))


def test_progress_counts_steps_and_tells_each_epoch(train: Train) -> None:
    heard = Heard()
    train(0.1, 0.5, 0.3, epochs=2, segments=3, batch=2, progress=heard)
    assert heard.stages[0] == ("training oracle + cnn (mse)", 4)
    assert [done for _, done in heard.steps] == [1] * 4
    notes = [re.sub(r"loss [\d.e-]+", "loss L", note) for note, _ in heard.steps]
    assert notes[1] == "epoch 1/2, loss L, best 0.1000 of epoch 0, gradient: gains 100 % mse"
    assert notes[3] == "epoch 2/2, loss L, best 0.5000 of epoch 1, gradient: gains 100 % mse"
    truth, spent = "true HAAQI in validation", "N s of training, N s of validation"
    assert heard.lines == [
        f"epoch 0/2 (before training): {truth} 0.1000, N s of validation",
        f"epoch 1/2: loss L, {truth} 0.5000 (the best so far), {spent}, N s left",
        f"epoch 2/2: loss L, {truth} 0.3000 (best: 0.5000 of epoch 1), {spent}",
    ]


def test_a_training_that_goes_on_counts_what_is_done(train: Train) -> None:
    train(0.1, 0.5, epochs=1, segments=3, batch=2)
    heard = Heard()
    train(0.3, epochs=2, segments=3, batch=2, progress=heard)
    assert heard.stages[0][1] == 4
    assert [done for _, done in heard.steps] == [2, 1, 1]
    assert heard.lines[0] == "resuming after epoch 1/2, best: 0.5000 of epoch 1"
    again = Heard()
    train(epochs=2, segments=3, batch=2, progress=again)
    assert again.steps == [("", 4)]
    assert again.lines == []


@pytest.mark.parametrize(
    ("seconds", "left"), [(59.9, "120 s left"), (60.4, "2 min left"), (59.4, "119 s left")]
)
def test_the_time_left_is_that_of_an_epoch_for_each_that_is_left(seconds: float, left: str) -> None:
    trainer = object.__new__(Trainer)
    trainer.spec = make(options={"training": {"epochs": "5"}})
    trainer._truth = Told.truth
    row = {"epoch": 3, "loss": 0.25, "seconds": seconds, "seconds/train": seconds - 20.0}
    found = trainer._told_of(row, module.Checkpoint(3, {}, {}, 0, float("-inf")))
    spent = f"{seconds - 20:.0f} s of training, 20 s of validation"
    assert found == f"epoch 3/5: loss 0.25, {spent}, {left}"


# --- what is logged ------------------------------------------------------------------------------


def test_a_row_has_the_means_of_its_steps(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: list[dict[str, float]] = []
    step = Trainer._step

    def noted(self: Trainer, *given: Any) -> dict[str, float]:
        rows.append(step(self, *given))
        return rows[-1]

    monkeypatch.setattr(Trainer, "_step", noted)
    train(0.1, 0.2, segments=3, learning_rate=3e-3)
    log = Board(tmp_path / "run").training("r1")
    first = log[log.epoch == 1].set_index("name").value
    assert len(rows) == 3
    for name in ("loss", "loss/mse", "grad_norm"):
        assert first[name] == pytest.approx(sum(row[name] for row in rows) / 3)
    assert len({row["loss"] for row in rows}) == 3
    assert first["lr"] == 3e-3
    assert first["loss"] == pytest.approx(first["loss/mse"])
    assert 0 < first["seconds/train"] <= first["seconds"]
    assert "loss" not in set(log[log.epoch == 0].name)
    assert log[(log.epoch == 0) & (log.name == Told.truth)].value.item() == 0.1


def test_gradients_by_term_are_measured_every_fifth_epoch(train: Train, tmp_path: Path) -> None:
    train(*[0.1] * 7, epochs=6, segments=2)
    log = Board(tmp_path / "run").training("r1")
    norms = log[log.name == "grad_norm/gains/mse"]
    assert list(norms.epoch) == [1, 6]
    assert (norms.value > 0).all()


def test_observers_are_told_of_each_epoch_with_its_row(
    train: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(
        installed(), "notify", lambda hook, **more: told.append((hook, more)), raising=True
    )
    train(0.1, 0.2)
    assert [(hook, more["run_id"], more["epoch"]) for hook, more in told] == [
        ("epoch_finished", "r1", 0),
        ("epoch_finished", "r1", 1),
    ]
    assert told[1][1]["row"][Told.truth] == 0.2


# --- what it trains on ---------------------------------------------------------------------------


@pytest.mark.parametrize("split", ["", "valid"])
def test_it_validates_on_songs_held_out_or_on_a_split(
    small_set: Path, tmp_path: Path, train: Train, monkeypatch: pytest.MonkeyPatch, split: str
) -> None:
    given: list[Any] = []
    drawn: list[set[str]] = []
    draw = module.draw_epoch

    def noted(scenes: Any, *rest: Any, **more: Any) -> Any:
        drawn.append({scene.song for scene in scenes})
        return draw(scenes, *rest, **more)

    monkeypatch.setattr(module, "draw_epoch", noted)
    told = Told([0.1, 0.2])
    train(told=told, validation_split=split)

    def validation(*own: Any) -> Told:
        given.append(own)
        return told

    monkeypatch.setattr(module, "Validation", validation)
    dataset = CadenzaDataset(CadenzaOptions(root=str(small_set)))
    songs = {name: {s.song for s in dataset.scenes(name)} for name in ("train", "valid")}
    told.scores = iter([0.1])
    how = {**SETTINGS, "epochs": 0, "validation_split": split}
    trainer_of(small_set, tmp_path / "second", how, loss="mse", dataset=dataset).train()
    [(held, listeners, *_)] = given
    if split:
        assert {scene.song for scene in held} == songs["valid"]
        assert drawn == [songs["train"]]
    else:
        assert len({scene.song for scene in held}) == 1
        assert drawn == [songs["train"] - {scene.song for scene in held}]
    assert set(listeners) == set(dataset.listeners(split or "train"))


def test_each_part_has_its_learning_rate() -> None:
    trainer = object.__new__(Trainer)
    rates = {"learning_rate": "0.1", "gains_learning_rate": "0.2"}
    trainer.spec = make(options={"training": {**rates, "prescription_learning_rate": "0.3"}})
    parts = ("separator", "gains", "prescription")
    trainer._parameters = {part: [nn.Parameter(torch.zeros(1))] for part in parts}
    assert [group["lr"] for group in trainer._optimizer().param_groups] == [0.1, 0.2, 0.3]
