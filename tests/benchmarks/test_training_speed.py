"""A training step beside a plain PyTorch loop of the seed paper's kind, and true HAAQI as a loss.

Both sides train the decoders of the same small HDemucs on the same segments by the same losses (MSE
of the remix and minus SI-SDR). The plain loop reads its files, calls the network, adds up stems and
steps, with none of the system's checks. CPU time of one thread, in turns, the least of several.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import soundfile
import torch
from torch import Tensor

from bench.builtin.separators.weights import load_model
from bench.data.generate.demo import write_demo
from bench.runtime.machine import one_thread
from bench.separation.hdemucs import Config, build_model
from bench.separation.masks import mask_mixture
from tests.helpers.trainings import trainer_of

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3600)]

SECONDS, BATCH, STEPS = 3.0, 2, 3
ROUNDS = 3


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("training") / "set"
    write_demo(folder, songs_train=3, songs_valid=1, seconds=6.0, scenes_per_song=1)
    return folder


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Weights of an HDemucs of full size, the seed paper's; random ones."""
    path = tmp_path_factory.mktemp("full") / "random.pt"
    torch.manual_seed(0)
    torch.save(build_model(Config()).state_dict(), path)
    return str(path)


def system_step(root: Path, folder: Path, loss: str, weights: str = "bundled") -> float:
    """CPU seconds a step of the trainer: all that an epoch does but validate and keep."""
    settings = {
        "epochs": 1, "segments": BATCH * STEPS, "batch": BATCH, "segment_seconds": SECONDS,
        "validation_pairs": 0,
    }  # fmt: skip
    system = {"separator": "hdemucs-ft", "gains": "fixed", "weights": weights}
    trainer = trainer_of(root, folder, settings, loss=loss, **system)
    with pytest.MonkeyPatch.context() as patch:
        # Measured apart from the steps: it takes as long as two of them in every fifth epoch.
        patch.setattr("bench.training.trainer.gradient_norms", lambda *given: {})
        started = time.process_time()
        trainer.train()
        return (time.process_time() - started) / STEPS


def negative_si_sdr(estimate: Tensor, reference: Tensor) -> Tensor:
    scale = (estimate * reference).sum(-1, keepdim=True) / reference.square().sum(-1, keepdim=True)
    error = estimate - scale * reference
    ratio = (scale * reference).square().sum(-1) / error.square().sum(-1).clamp_min(1e-8)
    return -10 * ratio.clamp_min(1e-8).log10().mean()


def plain_step(root: Path) -> float:
    """The same of a loop as scripts have it."""
    model, config = load_model("bundled")
    model.requires_grad_(False)
    decoders = (model.freq_decoder, model.time_decoder)
    parameters = [p.requires_grad_(True) for part in decoders for p in part.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=1e-4)
    folders = sorted((root / "audio" / "at_mic_music" / "train").iterdir())
    frames = round(SECONDS * 44_100)
    names = ("mixture", *model.sources)
    started = time.process_time()
    for step in range(STEPS):
        read = []
        for item in range(BATCH):
            folder = folders[(step * BATCH + item) % len(folders)]
            files = (soundfile.read(folder / f"{n}.wav", frames, dtype="float32") for n in names)
            read.append(torch.stack([torch.from_numpy(samples.T.copy()) for samples, _ in files]))
        data = torch.stack(read)
        mixture, stems = data[:, 0], data[:, 1:]
        estimate = mask_mixture(model(mixture), mixture, config.sharpness)
        remixed, wanted = estimate.sum(1), stems.sum(1)
        mse = torch.nn.functional.mse_loss(remixed, wanted)
        loss = mse + 0.3 * negative_si_sdr(remixed, wanted)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(parameters, 5.0)
        optimizer.step()
    return (time.process_time() - started) / STEPS


def test_beside_a_plain_loop(benchmark: Any, root: Path, tmp_path: Path) -> None:
    times: dict[str, list[float]] = {"system": [], "plain": []}

    def both() -> None:
        for number in range(ROUNDS + 1):
            folder = tmp_path / str(number)
            times["system"].append(system_step(root, folder, "mse@remix + 0.3*sdr@remix"))
            times["plain"].append(plain_step(root))

    with one_thread():
        benchmark.pedantic(both, rounds=1)
    ours, theirs = (min(times[who][1:]) for who in ("system", "plain"))
    benchmark.extra_info["CPU seconds a step"] = ours
    benchmark.extra_info["times as long as a plain loop"] = ours / theirs


@pytest.mark.parametrize("size", ["bundled", "full"])
def test_true_haaqi_as_a_loss(
    benchmark: Any, root: Path, full: str, tmp_path: Path, size: str
) -> None:
    """Beside the same step without it, for the bundled separator and for the seed paper's."""
    times: dict[str, list[float]] = {"mse + haaqi": [], "mse@output": []}
    weights = full if size == "full" else size

    def both() -> None:
        for number in range(ROUNDS + 1 if size == "bundled" else 2):
            for loss, spent in times.items():
                spent.append(system_step(root, tmp_path / f"{number}-{loss}", loss, weights))

    with one_thread():
        benchmark.pedantic(both, rounds=1)
    dear, cheap = (min(spent[1:]) for spent in times.values())
    benchmark.extra_info["CPU seconds a step"] = dear
    benchmark.extra_info["times as long as without it"] = dear / cheap
