"""The terms against auraloss called by itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import auraloss
import pytest
import torch
from bench_auraloss import StftOptions, register_losses
from bench_auraloss.losses import MultiResolutionStft, SumAndDifferenceStft

from bench.api import LossInput, LossSpec
from bench.errors import BenchError
from bench.plugins import installed
from bench.spec.resolve import make_run_spec
from bench.spec.suite import load_suite
from bench.testing import check_plugin

NAMES = [spec.name for spec in register_losses()]
PEERS: dict[str, Any] = {
    "mrstft": lambda: auraloss.freq.MultiResolutionSTFTLoss(),
    "mrstft-sum-diff": lambda: auraloss.freq.SumAndDifferenceSTFTLoss(
        [1024, 2048, 512], [120, 240, 50], [600, 1200, 240]
    ),
    "snr": lambda: auraloss.time.SNRLoss(),
    "sd-sdr": lambda: auraloss.time.SDSDRLoss(),
    "esr": lambda: auraloss.time.ESRLoss(),
    "log-cosh": lambda: auraloss.time.LogCoshLoss(),
}


@pytest.mark.parametrize("name", NAMES)
def test_conforms(name: str) -> None:
    few = {"fft_sizes": "512", "hop_sizes": "256", "win_lengths": "512"}
    check_plugin("loss", f"bench-auraloss/{name}", few if "mrstft" in name else None)


def term(name: str, **options: object) -> Any:
    registered = installed().get(LossSpec, f"bench-auraloss/{name}")
    return registered.build(registered.options(options))


def given(place: str, seconds: float = 0.2, rate: int = 44_100, seed: int = 0) -> LossInput:
    generator = torch.Generator().manual_seed(seed)
    shape = (2, 4, 2) if place == "stems" else (2, 2)
    reference = 0.1 * torch.randn(*shape, int(seconds * rate), generator=generator)
    noise = 0.05 * torch.randn(reference.shape, generator=generator)
    return LossInput(
        estimate=reference + noise,
        reference=reference,
        audiograms=torch.full((2, 2, 8), 30.0),
        level1=torch.full((2, 2), 85.0),
        sample_rate=rate,
        place=place,
    )


def test_the_terms_are_found_once_installed() -> None:
    offered = {r.spec.name for r in installed().all(LossSpec) if r.distribution == "bench-auraloss"}
    assert offered == set(NAMES) == set(PEERS)


def test_terms_and_their_options_stand_in_expressions() -> None:
    spec = make_run_spec(
        installed(),
        load_suite("demo"),
        separator="hdemucs-ft",
        gains="cnn",
        loss="mrstft@remix + 0.3*mrstft-sum-diff + 0.1*sd-sdr",
        options={"loss": {"mrstft-sum-diff.w_sc": "0"}},
    )
    options = {choice.name: choice.options for choice in spec.losses}
    assert options == {
        "mrstft": StftOptions(),
        "mrstft-sum-diff": StftOptions(w_sc=0.0),
        "sd-sdr": None,
    }


@pytest.mark.parametrize("place", ["stems", "remix", "output"])
@pytest.mark.parametrize("name", NAMES)
def test_equals_auraloss(name: str, place: str) -> None:
    data = given(place)
    # Stems one after the other as a batch of stereo signals.
    pairs = [x.reshape(-1, 2, x.shape[-1]) for x in (data.estimate, data.reference)]
    expected = PEERS[name]()(*pairs)
    torch.testing.assert_close(term(name)(data), expected, rtol=0, atol=0)


def test_options_reach_auraloss() -> None:
    data = given("remix")
    expected = auraloss.freq.MultiResolutionSTFTLoss(
        [256, 4096],
        [64, 512],
        [256, 2048],
        w_sc=0.0,
        w_log_mag=2.0,
        w_lin_mag=0.5,
        sample_rate=44_100,
        perceptual_weighting=True,
    )(data.estimate, data.reference)
    loss = term(
        "mrstft",
        fft_sizes="256, 4096",
        hop_sizes="64,512",
        win_lengths="256,2048",
        w_sc=0,
        w_log_mag=2,
        w_lin_mag=0.5,
        perceptual_weighting=True,
    )
    torch.testing.assert_close(loss(data), expected, rtol=0, atol=0)
    assert float(loss(data)) != float(term("mrstft")(data))


def test_weighting_follows_the_sample_rate() -> None:
    loss = MultiResolutionStft(StftOptions(perceptual_weighting=True))
    for rate in (44_100, 32_000, 44_100):
        data = given("output", rate=rate)
        peer = auraloss.freq.MultiResolutionSTFTLoss(sample_rate=rate, perceptual_weighting=True)
        expected = peer(data.estimate, data.reference)
        torch.testing.assert_close(loss(data), expected, rtol=0, atol=0)


@pytest.mark.parametrize("silent", ["estimate", "reference", "both", "neither"])
@pytest.mark.parametrize("name", NAMES)
def test_value_and_gradient_are_finite(name: str, silent: str) -> None:
    data = given("stems", seconds=0.1)
    estimate = torch.zeros_like if silent in ("estimate", "both") else torch.clone
    reference = torch.zeros_like if silent in ("reference", "both") else torch.clone
    estimated = estimate(data.estimate).requires_grad_()
    value = term(name)(replace(data, estimate=estimated, reference=reference(data.reference)))
    assert value.shape == ()
    assert bool(torch.isfinite(value))
    value.backward()
    assert estimated.grad is not None
    assert bool(torch.isfinite(estimated.grad).all())
    if silent == "neither":
        assert float(estimated.grad.abs().max()) > 0


@pytest.mark.parametrize("name", NAMES)
def test_a_better_estimate_has_a_smaller_loss(name: str) -> None:
    data = given("stems")
    closer = data.reference + 0.5 * (data.estimate - data.reference)
    assert float(term(name)(replace(data, estimate=closer))) < float(term(name)(data))


@pytest.mark.parametrize("kind", [MultiResolutionStft, SumAndDifferenceStft])
def test_a_signal_shorter_than_a_frame_is_padded(kind: type) -> None:
    data = given("remix", seconds=0.01)
    padded = [torch.nn.functional.pad(x, (0, 4096)) for x in (data.estimate, data.reference)]
    loss = kind(StftOptions())
    by_hand = loss(replace(data, estimate=padded[0][..., :2048], reference=padded[1][..., :2048]))
    torch.testing.assert_close(loss(data), by_hand, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fft_sizes": "big"}, "not a list of sizes"),
        ({"hop_sizes": "120,240"}, "2 hops"),
        ({"win_lengths": "600,4096,240"}, "window 4096"),
        ({"hop_sizes": "120,240,0"}, "hop 0"),
    ],
)
def test_sizes_that_make_no_sense(options: dict[str, str], message: str) -> None:
    with pytest.raises(BenchError, match=message):
        term("mrstft", **options)
