"""Trains a system: epochs, validation with true HAAQI, checkpoints, resume."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import nn

from bench.api import Dataset
from bench.board.layout import BEST, LAST
from bench.board.store import Board
from bench.evaluation.scoring import Stopwatch
from bench.plugins import Plugins
from bench.plugins.guard import guarded
from bench.runtime.memory import recycle
from bench.runtime.progress import NO_PROGRESS, Progress, Step
from bench.runtime.seeds import derive, seeded
from bench.spec.run import RunSpec
from bench.spec.suite import TrainingSettings
from bench.system.system import System
from bench.system.weights import save_weights
from bench.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from bench.training.gradients import gradient_norms, leading_terms, ruling_terms
from bench.training.guard import GoodhartGuard
from bench.training.loss import ComposedLoss, total_of
from bench.training.objective import loss_inputs
from bench.training.recompute import recompute_layers
from bench.training.segments import (
    Batch,
    Item,
    draw_epoch,
    hold_out,
    read_ahead,
    read_batch,
)
from bench.training.validation import Validation
from bench.version import DISTRIBUTION

if TYPE_CHECKING:
    from torch import Tensor

log = logging.getLogger(__name__)

NORMS_EVERY: Final = 5
"""Epochs from one measurement of the terms' gradients to the next. Each term goes backward by
itself there, which takes as long as two steps: 4 % of five epochs of ten steps."""


class TrainingStopped(Exception):
    """A training that cannot go on, such as a loss that is not finite."""


@dataclass
class Trainer:
    """A training; :meth:`train` goes on from where an earlier process stopped.

    Args:
        run_id: of the run.
        spec: of the run.
        system: to be trained, in place.
        dataset: that has the training split.
        loss: what to make small.
        board: gets a row an epoch.
        folder: of the checkpoints.
        plugins: whose observers are notified of each epoch.
        device: on which it trains.
        progress: notified of progress.
    """

    run_id: str
    spec: RunSpec
    system: System
    dataset: Dataset
    loss: ComposedLoss
    board: Board
    folder: Path
    plugins: Plugins
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    progress: Progress = NO_PROGRESS

    def train(self) -> Path:
        """Train to the last epoch and return the weights of the one to be kept.

        Raises:
            TrainingStopped: the loss is not finite; the message names the batch.
            BenchError: the data are wrong.
        """
        settings = self.spec.training
        steps = settings.epochs * settings.batches
        with self.progress.stage(f"training {self.spec.label}", steps) as step:
            # A step's memory is kept for the next: clearing it anew takes half of the time.
            recycle(self.device.type == "cpu")
            try:
                return self._train(step)
            finally:
                recycle(False)

    def _train(self, step: Step) -> Path:
        settings = self.spec.training
        scenes = self.dataset.scenes(settings.split)
        self._listeners = self.dataset.listeners(settings.split)
        if settings.validation_split:
            self._scenes, held = scenes, self.dataset.scenes(settings.validation_split)
        else:
            self._scenes, held = hold_out(scenes, settings.validation_songs, self.spec.seed)
        self.system.to(self.device)
        separator = self.system.modules().get("separator")
        if settings.recompute and separator is not None and not recompute_layers(separator):
            log.warning(
                "the separator has no lists of layers, so training.recompute has no effect on it"
            )
        self._parameters = self.system.trainable()
        self._told, self._led = False, ""
        optimizer = self._optimizer()
        heard_by = self.dataset.listeners(settings.validation_split or settings.split)
        validation = Validation(held, heard_by, self.spec, self.plugins)
        self._validation, self._truth = validation, validation.truth
        state = load_checkpoint(self._last)
        if state is None:
            state = self._start()
        else:
            self._told = True  # by the process that began
            self.system.load_state(state.state)
            optimizer.load_state_dict(state.optimizer)
            if state.epoch < settings.epochs:
                best = f", best: {_best(state)}" if _best(state) else ""
                self.progress.say(f"resuming after epoch {state.epoch}/{settings.epochs}{best}")
            step("", state.epoch * settings.batches)
        guard = GoodhartGuard(
            self.board.training(self.run_id), truth=validation.truth, proxy=validation.proxy
        )
        while state.epoch < settings.epochs and not self._stops_early(state, guard):
            row = self._epoch(state, optimizer, step)
            # The log before the checkpoint: killed in between, the epoch is done and logged again.
            self._report(row)
            state = self._keep(state, row, optimizer)
            self.progress.say(self._told_of(row, state))
            guard.add(row)
            if guard.warning:
                log.warning(guard.warning)
        return self._best

    def _told_of(self, row: Mapping[str, Any], state: Checkpoint) -> str:
        """An epoch in a line: its loss, its true score, which epoch is the best, and its time."""
        epochs, epoch = self.spec.training.epochs, row["epoch"]
        parts = [f"loss {row['loss']:.4g}"] if "loss" in row else []
        if self._truth in row:
            is_best = state.best_epoch == state.epoch
            best = "the best so far" if is_best else f"best: {_best(state)}"
            score = f"true {self._validation.title} in validation {row[self._truth]:.4f}"
            parts.append(score if epoch == 0 else f"{score} ({best})")
        trained, whole = row.get("seconds/train", 0.0), row["seconds"]
        if epoch:
            parts.append(f"{trained:.0f} s of training")
        parts.append(f"{whole - trained:.0f} s of validation")
        left = whole * (epochs - epoch)
        if epoch and left:
            parts.append(f"{left:.0f} s left" if left < 120 else f"{left / 60:.0f} min left")
        before = "" if epoch else " (before training)"
        return f"epoch {epoch}/{epochs}{before}: {', '.join(parts)}"

    def _score(self, epoch: int) -> dict[str, float]:
        """Scores in validation after an epoch, as a stage of its own."""
        title = f"validation, epoch {epoch}"
        with self.progress.stage(title, self._validation.pairs) as step:
            return self._validation.score(self.system, step)

    @property
    def _last(self) -> Path:
        return self.folder / LAST

    @property
    def _best(self) -> Path:
        return self.folder / BEST

    def _optimizer(self) -> torch.optim.Adam:
        settings = self.spec.training
        self._rates = {
            "separator": settings.learning_rate,
            "gains": settings.gains_learning_rate,
            "prescription": settings.prescription_learning_rate,
        }
        return torch.optim.Adam(
            [
                {"params": parameters, "lr": self._rates[part]}
                for part, parameters in self._parameters.items()
            ]
        )

    def _start(self) -> Checkpoint:
        """Epoch 0: the system before any training, which is the first best one."""
        started = time.perf_counter()
        row = {"epoch": 0, **self._score(0)}
        row["seconds"] = time.perf_counter() - started
        state = Checkpoint(0, self.system.state(), {}, 0, row.get(self._truth, float("-inf")))
        save_weights(self._best, state.state)
        self._report(row)
        if self._validation.pairs:
            self.progress.say(self._told_of(row, state))
        return state

    def _epoch(
        self, state: Checkpoint, optimizer: torch.optim.Optimizer, step: Step
    ) -> dict[str, Any]:
        settings, epoch = self.spec.training, state.epoch + 1
        best = f", best {_best(state)}" if _best(state) else ""
        started = time.perf_counter()
        batches = draw_epoch(
            self._scenes,
            self._listeners,
            segments=settings.segments,
            batch=settings.batch,
            seconds=settings.segment_seconds,
            seed=self.spec.seed,
            epoch=epoch,
        )
        self.system.train(True)
        self._watch = Stopwatch()
        values: dict[str, list[float]] = {}
        # What a part draws, as dropout does, depends on nothing that went before.
        with seeded(derive(self.spec.seed, "epoch", epoch)):
            for number, batch in enumerate(self._read(batches), start=1):
                for name, value in self._step(epoch, number, batch, optimizer).items():
                    values.setdefault(name, []).append(value)
                loss = f", loss {fmean(values['loss']):.4g}"
                step(f"epoch {epoch}/{settings.epochs}{loss}{best}{self._led}", 1)
        trained = time.perf_counter() - started
        row: dict[str, Any] = {"epoch": epoch, **{k: fmean(v) for k, v in values.items()}}
        row["lr"] = settings.learning_rate * rate_share(settings, epoch, number)
        row["seconds/train"] = trained
        # Of a batch, in the mean: where the time of training goes.
        row |= {f"batch_seconds/{k}": v / number for k, v in self._watch.seconds.items()}
        row.update(self._score(epoch))
        row["seconds"] = time.perf_counter() - started
        return row

    def _step(
        self, epoch: int, step: int, batch: Batch, optimizer: torch.optim.Optimizer
    ) -> dict[str, float]:
        settings = self.spec.training
        inputs = loss_inputs(
            self.system,
            batch,
            self.spec.training_protocol,
            self.loss.places,
            precision=settings.precision,
            timed=self._timed,
        )
        with self._timed("losses"):
            weighted, terms = self.loss.weighted(inputs)
            total = total_of(weighted)
        where = f"epoch {epoch}, step {step}: {'; '.join(batch.names)}"
        self._check_finite(total, terms, where)
        measured = step == 1 and (epoch - 1) % NORMS_EVERY == 0
        # Batches whose gradients make up a step; the last ones of an epoch may be fewer.
        first = (step - 1) // settings.accumulate * settings.accumulate
        count = min(settings.accumulate, settings.batches - first)
        with guarded("backward pass"):
            norms = self._gradient_norms(weighted, where) if measured else {}
            with self._timed("backward"):
                (total / count).backward()  # type: ignore[no-untyped-call]
        named = {f"loss/{name}": float(value) for name, value in terms.items()}
        row = {"loss": float(total.detach()), **norms, **named}
        if step < first + count:
            return row
        with self._timed("step"):
            share = rate_share(settings, epoch, first + 1)
            for group, part in zip(optimizer.param_groups, self._parameters, strict=True):
                group["lr"] = self._rates[part] * share
            everything = [p for parameters in self._parameters.values() for p in parameters]
            limit = settings.clip_norm or float("inf")
            norm = nn.utils.clip_grad_norm_(everything, limit)
            if not bool(torch.isfinite(norm)):
                raise TrainingStopped(f"the gradient is not finite ({where})")
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        return {**row, "grad_norm": float(norm)}

    @contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        """Add the seconds of the block to a part of the training."""
        with self._watch.stage(part):
            yield
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)

    def _read(self, drawn: Iterator[list[Item]]) -> Iterator[Batch]:
        """The batches of an epoch; the time that is spent in waiting for them is "read".

        A stranger's dataset is not read ahead: it could not be guarded in a thread of its own.
        """
        is_own = self.spec.dataset.distribution == DISTRIBUTION
        batches = read_ahead(drawn) if is_own else map(read_batch, drawn)
        while True:
            with self._timed("read"), guarded("dataset"):
                batch = next(batches, None)
            if batch is None:
                return
            yield batch

    def _gradient_norms(self, weighted: Mapping[str, Tensor], where: str) -> dict[str, float]:
        """The norm of each weighted term's gradient by part, as the log names them.

        A term that dominates a part is reported once.
        """
        norms = gradient_norms(weighted, self._parameters)
        led, ruling = leading_terms(norms), ruling_terms(norms)
        self._led = f", gradient: {led}" if led else ""
        if ruling and not self._told:
            self._told = True
            log.warning(
                "%s (%s): the other terms hardly matter there; give it a smaller weight",
                ruling,
                where,
            )
        return {
            f"grad_norm/{part}/{term}": norm
            for part, terms in norms.items()
            for term, norm in terms.items()
        }

    def _check_finite(self, total: Tensor, terms: Mapping[str, Tensor], where: str) -> None:
        if bool(torch.isfinite(total)):
            return
        broken = [name for name, value in terms.items() if not bool(torch.isfinite(value))]
        named = f": {', '.join(broken)}" if broken else ""
        raise TrainingStopped(f"the loss is not finite{named} ({where})")

    def _keep(
        self, state: Checkpoint, row: Mapping[str, Any], optimizer: torch.optim.Optimizer
    ) -> Checkpoint:
        """Write the checkpoint of an epoch, and the weights where it is the best so far."""
        epoch, current = int(row["epoch"]), self.system.state()
        score = float(row.get(self._truth, float("-inf")))
        best_epoch, best_score = state.best_epoch, state.best_score
        # Without a validation score the last epoch is as good a choice as there is.
        better = score > best_score or self._truth not in row
        if better:
            best_epoch, best_score = epoch, score
        if better or self.spec.training.keep == "last":
            save_weights(self._best, current)
        kept = Checkpoint(epoch, current, optimizer.state_dict(), best_epoch, best_score)
        save_checkpoint(self._last, kept)
        return kept

    def _stops_early(self, state: Checkpoint, guard: GoodhartGuard) -> bool:
        settings = self.spec.training
        if settings.guard_stops and guard.warning:
            return True
        return bool(settings.patience) and state.epoch - state.best_epoch >= settings.patience

    def _report(self, row: dict[str, Any]) -> None:
        self.board.append_epoch(self.run_id, row)
        self.plugins.notify("epoch_finished", run_id=self.run_id, epoch=row["epoch"], row=row)


def rate_share(settings: TrainingSettings, epoch: int, batch: int) -> float:
    """The learning rate at a batch of an epoch, both from 1, as a part of that of the settings."""
    if settings.schedule == "constant":
        return 1.0
    done = ((epoch - 1) * settings.batches + batch - 1) / (settings.epochs * settings.batches)
    return 0.5 * (1.0 + math.cos(math.pi * done))


def _best(state: Checkpoint) -> str:
    """The best true score so far and its epoch; empty where nothing is scored in validation."""
    if state.best_score == float("-inf"):
        return ""
    return f"{state.best_score:.4f} of epoch {state.best_epoch}"
