"""A system: demix -> gains -> remix -> amplify. Training and evaluation run this same code."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from bench.api import (
    AdaptivePrescription,
    GainQuery,
    GainsSpec,
    GainStrategy,
    Prescription,
    PrescriptionSpec,
    Separator,
    SeparatorSpec,
)
from bench.hearing.audiograms import audiogram_tensor
from bench.plugins.guard import guarded
from bench.runtime.memory import copy_of
from bench.runtime.seeds import derive, seeded

if TYPE_CHECKING:
    from clarity.utils.audiogram import Listener

    from bench.plugins import Plugins, Registered
    from bench.spec.run import Choice, RunSpec


@dataclass
class System:
    """Separator, gain strategy and prescription, made ready to run.

    Its methods are the only way in which they are called. In evaluation a plugin that is not
    bench's own is given copies: whatever it writes there, at once or later, no other sees. One
    that writes into them at once is an error (:class:`bench.plugins.guard.ChangedInputError`).
    """

    separator: Separator
    gain_strategy: GainStrategy
    prescription: Prescription
    reference_prescription: Prescription
    """Of the reference: the suite's, whatever the system's own."""
    reads_stems: bool
    sample_rate: int = 44_100
    titles: Mapping[str, str] = field(default_factory=dict)
    """The plugins as errors name them, by ``"separator"``, ``"gains"``, ``"prescription"`` and
    ``"reference prescription"``."""
    own: frozenset[str] = frozenset()
    """The roles of the plugins that are bench's own."""

    def separate(self, mixture: Tensor, stems: Tensor) -> Tensor:
        """``(B, 2, N)`` -> ``(B, 4, 2, N)``; only an oracle is given the clean stems."""
        device = _device(self.separator, mixture.device)
        given = {"mixture": mixture.to(device)}
        if self.reads_stems:
            given["stems"] = stems.to(device)
        with self._calling("separator", **given) as signals:
            separated = cast(Any, self.separator).separate(*signals)
        return cast(Tensor, separated).to(mixture.device)

    def gains(self, stems: Tensor, requested: Tensor, listeners: Sequence[Listener]) -> Tensor:
        """The gains that the system applies, dB, ``(B, 4)`` or ``(B, 2, 4)``."""
        audiograms = torch.stack([audiogram_tensor(listener) for listener in listeners])
        ids = tuple(listener.id for listener in listeners)
        device = _device(self.gain_strategy, stems.device)
        with self._calling("gains", stems=stems.to(device)) as (given,):
            wanted = requested.to(device, copy=True)
            found = self.gain_strategy.gains(GainQuery(wanted, audiograms.to(device), given, ids))
        return found.to(stems.device)

    def amplify(self, signal: Tensor, listeners: Sequence[Listener]) -> Tensor:
        """The prescription for each ear, ``(B, 2, N)`` -> ``(B, 2, N + tail)``."""
        return self._amplified("prescription", self.prescription, signal, listeners)

    def fitted(self, signal: Tensor, listeners: Sequence[Listener]) -> System:
        """This system with its prescription set for a whole signal ``(B, 2, N)``.

        It then amplifies any part of the signal as it would the whole.
        """
        if not isinstance(self.prescription, AdaptivePrescription):
            return self
        heard = [copy.deepcopy(listener) for listener in listeners]
        with self._calling("prescription", signal=signal) as (given,):
            own = self.prescription.fit(given, heard, self.sample_rate)
        return replace(self, prescription=own)

    def amplify_reference(self, signal: Tensor, listeners: Sequence[Listener]) -> Tensor:
        """The suite's prescription of the reference, ``(B, 2, N)`` -> ``(B, 2, N + tail)``."""
        by = self.reference_prescription
        return self._amplified("reference prescription", by, signal, listeners)

    def _amplified(
        self, role: str, by: Prescription, signal: Tensor, listeners: Sequence[Listener]
    ) -> Tensor:
        # Their arrays can be written to: a plugin has copies of its own.
        own = [copy.deepcopy(listener) for listener in listeners]
        with self._calling(role, signal=signal.to(_device(by, signal.device))) as (given,):
            amplified = by.amplify(given, own, self.sample_rate)
        return amplified.to(signal.device)

    @contextmanager
    def _calling(self, role: str, **signals: Tensor) -> Iterator[tuple[Tensor, ...]]:
        """Call a plugin inside the block with the signals that this yields."""
        title = self.titles.get(role, role)
        if role in self.own:
            with guarded(title):
                yield tuple(signals.values())
            return
        # A training has nothing that other runs see, and gradients go through what it is given.
        if not torch.is_grad_enabled():
            signals = {name: copy_of(signal) for name, signal in signals.items()}
        with guarded(title, **signals):
            yield tuple(signals.values())

    def modules(self) -> dict[str, nn.Module]:
        """The parts that are torch modules, by name."""
        parts = {
            "separator": self.separator,
            "gains": self.gain_strategy,
            "prescription": self.prescription,
        }
        return {name: part for name, part in parts.items() if isinstance(part, nn.Module)}

    def trainable(self) -> dict[str, list[nn.Parameter]]:
        """The parameters to be trained, by part; parts without any are left out."""
        found = {
            name: [p for p in module.parameters() if p.requires_grad]
            for name, module in self.modules().items()
        }
        return {name: parameters for name, parameters in found.items() if parameters}

    def state(self) -> dict[str, Tensor]:
        """The state of all modules, ``part.name`` -> tensor."""
        return {
            f"{part}.{key}": value.detach().cpu().clone()
            for part, module in self.modules().items()
            for key, value in module.state_dict().items()
        }

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Put back what :meth:`state` returned."""
        for part, module in self.modules().items():
            prefix = f"{part}."
            own = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
            module.load_state_dict(own)

    def to(self, device: torch.device) -> System:
        """Move the modules to a device."""
        for module in self.modules().values():
            module.to(device)
        return self

    def train(self, mode: bool) -> None:
        """Set the modules' mode."""
        for module in self.modules().values():
            module.train(mode)


def _device(part: object, otherwise: torch.device) -> torch.device:
    """The device of a part: that of its parameters, if it has some.

    Evaluation holds its signals on the CPU whatever the system is on.
    """
    if isinstance(part, nn.Module):
        return next((p.device for p in part.parameters()), otherwise)
    return otherwise


def build_system(spec: RunSpec, plugins: Plugins) -> System:
    """The system of a run as it is before training; new parts start from the run's seed.

    Raises:
        BenchError: weights are missing, or a plugin cannot be imported.
    """
    separator = plugins.get(SeparatorSpec, spec.separator.name)
    gains = plugins.get(GainsSpec, spec.gains.name)
    choices = (spec.prescription, spec.reference_prescription)
    own, others = (plugins.get(PrescriptionSpec, choice.name) for choice in choices)

    def made(part: Registered[Any], choice: Choice, seed: int = spec.seed) -> Any:
        with seeded(derive(seed, "init", part.spec.kind, part.spec.name)):
            return part.build(choice.options)

    # The reference is that of every run, so its prescription moves with no seed and no training.
    reference = made(others, spec.reference_prescription, seed=0)
    if isinstance(reference, nn.Module):
        reference.requires_grad_(False).eval()
    parts = {
        "separator": separator,
        "gains": gains,
        "prescription": own,
        "reference prescription": others,
    }
    return System(
        separator=made(separator, spec.separator),
        gain_strategy=made(gains, spec.gains),
        prescription=made(own, spec.prescription),
        reference_prescription=reference,
        reads_stems=separator.spec.reads_stems,
        titles={role: part.title for role, part in parts.items()},
        own=frozenset(role for role, part in parts.items() if part.is_own),
    )
