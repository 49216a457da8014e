"""The loss of a batch: the system's own code, with each term where it belongs."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, nullcontext
from typing import Final

import torch
from torch import Tensor

from bench.api import LossInput
from bench.evaluation.protocol import reference_gains
from bench.hearing.audiograms import audiogram_tensor
from bench.hearing.calibration import level1
from bench.system.remix import remix, scale_stems
from bench.system.system import System
from bench.training.segments import Batch

_LEAST_RMS: Final = 1e-8
"""Full scale; what a silent reference counts as in training, where nothing may be infinite."""


def loss_inputs(
    system: System,
    batch: Batch,
    protocol: str,
    places: Collection[str],
    *,
    precision: str = "float32",
    timed: Callable[[str], AbstractContextManager[object]] = nullcontext,
) -> dict[str, LossInput]:
    """The signals that the loss terms at `places` compare.

    The separator alone computes in `precision`; `timed` measures it as "separate", and what follows
    as "render".

    On stems, both sides carry their gains. On output, the estimate is clipped to [-1, 1] as the
    file that an entrant submits would be; the reference never is, and has the suite's prescription.
    """
    with timed("separate"):
        separated = _separated(system, batch, precision)
    with timed("render"):
        return _compared(system, batch, separated, protocol, places)


def _separated(system: System, batch: Batch, precision: str) -> Tensor:
    if precision == "float32":
        return system.separate(batch.mixture, batch.stems)
    separator = system.modules().get("separator")
    parameters = iter(separator.parameters() if separator is not None else ())
    device = next((parameter.device for parameter in parameters), batch.mixture.device)
    with torch.autocast(device.type, getattr(torch, precision)):
        separated = system.separate(batch.mixture, batch.stems)
    return separated.float()


def _compared(
    system: System, batch: Batch, separated: Tensor, protocol: str, places: Collection[str]
) -> dict[str, LossInput]:
    applied = system.gains(separated, batch.requested, batch.listeners)
    wanted = reference_gains(protocol, batch.requested, applied)
    own, clean = scale_stems(separated, applied), scale_stems(batch.stems, wanted)
    rate = system.sample_rate
    own_remix, clean_remix = remix(own, batch.mixture, rate), remix(clean, batch.mixture, rate)
    pairs = {"stems": (own, clean), "remix": (own_remix, clean_remix)}
    if "output" in places:
        amplified = system.amplify(own_remix, batch.listeners).clamp(-1.0, 1.0)
        pairs["output"] = (amplified, system.amplify_reference(clean_remix, batch.listeners))
    audiograms = torch.stack([audiogram_tensor(who) for who in batch.listeners])
    calibration = level1(clean_remix.detach().square().mean(dim=-1).sqrt().clamp_min(_LEAST_RMS))
    return {
        place: LossInput(
            estimate=pairs[place][0],
            reference=pairs[place][1],
            audiograms=audiograms.to(batch.mixture.device),
            level1=calibration,
            sample_rate=rate,
            place=place,
        )
        for place in places
    }
