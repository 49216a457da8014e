"""The losses of auraloss, as terms of loss expressions."""

from __future__ import annotations

from dataclasses import dataclass

from bench.api import LossSpec, hookimpl, option

_STFT_CITATION = "Yamamoto, Song and Kim (2020), Parallel WaveGAN, ICASSP"
_SDR_CITATION = "Le Roux et al. (2019), SDR - half-baked or well done?, ICASSP"
_ESR_CITATION = "Wright and Välimäki (2020), Perceptual loss function for neural modelling, ICASSP"


@dataclass(frozen=True)
class StftOptions:
    """Options of the two spectral losses; the defaults are auraloss's own."""

    fft_sizes: str = option(
        "1024,2048,512", "FFT sizes, one a resolution, separated by commas", unit="samples"
    )
    hop_sizes: str = option("120,240,50", "hops, as many as FFT sizes", unit="samples")
    win_lengths: str = option("600,1200,240", "window lengths, as many", unit="samples")
    w_sc: float = option(1.0, "weight of the spectral convergence", least=0, most=1e6)
    w_log_mag: float = option(1.0, "weight of the L1 distance of log magnitudes", least=0, most=1e6)
    w_lin_mag: float = option(0.0, "weight of the L1 distance of magnitudes", least=0, most=1e6)
    perceptual_weighting: bool = option(False, "A-weight both signals first")


@hookimpl
def register_losses() -> list[LossSpec]:
    """The losses."""
    return [
        LossSpec(
            name="mrstft",
            target="bench_auraloss.losses:MultiResolutionStft",
            summary="auraloss: multi-resolution STFT of each channel",
            options=StftOptions,
            licence="Apache-2.0",
            citation=_STFT_CITATION,
        ),
        LossSpec(
            name="mrstft-sum-diff",
            target="bench_auraloss.losses:SumAndDifferenceStft",
            summary="auraloss: multi-resolution STFT of the sum and of the difference of the ears",
            options=StftOptions,
            licence="Apache-2.0",
            citation="Steinmetz et al. (2021), Automatic multitrack mixing, ICASSP",
        ),
        LossSpec(
            name="snr",
            target="bench_auraloss.losses:Snr",
            summary="auraloss: negative signal-to-noise ratio of each channel, dB",
            licence="Apache-2.0",
        ),
        LossSpec(
            name="sd-sdr",
            target="bench_auraloss.losses:SdSdr",
            summary="auraloss: negative scale-dependent SDR of each channel, dB",
            licence="Apache-2.0",
            citation=_SDR_CITATION,
        ),
        LossSpec(
            name="esr",
            target="bench_auraloss.losses:Esr",
            summary="auraloss: error-to-signal power ratio of each channel",
            licence="Apache-2.0",
            citation=_ESR_CITATION,
        ),
        LossSpec(
            name="log-cosh",
            target="bench_auraloss.losses:LogCosh",
            summary="auraloss: log cosh of the difference, quadratic near 0 and linear beyond",
            licence="Apache-2.0",
        ),
    ]
