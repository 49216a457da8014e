"""Every layer of the full model against an implementation from the papers, in numpy.

BEATs: Chen et al. (2022), arXiv 2212.09058: Kaldi's filter bank, patches of 16 x 16, a convolution
for position, and a transformer with gated relative position bias (WavLM, arXiv 2110.13900, eq. 3 to
5), buckets as in T5 (arXiv 1910.10683) and DeepNorm (arXiv 2203.00555). HAAQI-Net: Wisnu et al.
(2024), arXiv 2401.01145.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import erf

pytest.importorskip("speechbrain")

from bench_beats.front_end import BeatsFrontEnd
from conftest import BEATS_FILE, CONFIG

from bench.plugins.front_ends import load_predictor

Array = NDArray[np.float64]
State = dict[str, Array]
LAYERS, HEADS, FEATURES = 12, 12, 768
RATE = 16_000
BINS = 128


def filter_bank(waveform: Array) -> Array:
    """Kaldi's log mel energies, ``(frames, 128)``: 25 ms by 10 ms, as Kaldi has them by default."""
    frames = np.lib.stride_tricks.sliding_window_view(waveform * 2**15, 400)[::160]
    frames = frames - frames.mean(-1, keepdims=True)
    before = np.concatenate([frames[:, :1], frames[:, :-1]], -1)
    window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 399)) ** 0.85
    power = np.abs(np.fft.rfft((frames - 0.97 * before) * window, 512)) ** 2

    def mel(frequency: Array | float) -> Array:
        return 1127 * np.log1p(np.asarray(frequency) / 700)

    edges = np.linspace(mel(20.0), mel(RATE / 2), BINS + 2)
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    at = mel(np.arange(256) * RATE / 512)
    weights = np.minimum((at - left) / (centre - left), (right - at) / (right - centre)).clip(0)
    return np.log(np.maximum(power[:, :256] @ weights.T, np.finfo(np.float32).eps))


def layer_norm(x: Array, state: State, name: str) -> Array:
    centred = x - x.mean(-1, keepdims=True)
    normal = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    return normal * state[f"{name}.weight"] + state[f"{name}.bias"]


def linear(x: Array, state: State, name: str) -> Array:
    return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]


def gelu(x: Array) -> Array:
    return 0.5 * x * (1 + erf(x / math.sqrt(2)))


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def softmax(x: Array) -> Array:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def patches(waveform: Array, state: State) -> Array:
    """Normalised filter bank in patches of 16 frames by 16 bins, time first, ``(patches, 768)``."""
    bank = (filter_bank(waveform) - 15.41663) / (2 * 6.55582)
    blocks = bank[: len(bank) // 16 * 16].reshape(-1, 16, BINS // 16, 16).transpose(0, 2, 1, 3)
    kernel = state["patch_embedding.weight"].reshape(-1, 256)
    embedded = blocks.reshape(-1, 256) @ kernel.T
    return linear(layer_norm(embedded, state, "layer_norm"), state, "post_extract_proj")


def with_position(x: Array, state: State) -> Array:
    """A grouped convolution over patches, whose kernel has a norm of its own at each tap."""
    direction = state["encoder.pos_conv.0.weight_v"]
    norm = np.sqrt((direction**2).sum((0, 1), keepdims=True))
    kernel = state["encoder.pos_conv.0.weight_g"] * direction / norm
    width, groups = kernel.shape[-1], CONFIG["conv_pos_groups"]
    size = FEATURES // groups
    padded = np.pad(x, ((width // 2, width // 2), (0, 0)))
    # (patches, features, taps): one output more than patches, of which the last is dropped.
    seen = np.lib.stride_tricks.sliding_window_view(padded, width, axis=0)[: len(x)]
    convolved = np.concatenate(
        [
            np.einsum("pit,oit->po", seen[:, part], kernel[part])
            for part in (slice(g * size, (g + 1) * size) for g in range(groups))
        ],
        -1,
    )
    return x + gelu(convolved + state["encoder.pos_conv.0.bias"])


def bucket(distance: int) -> int:
    """T5's bucket of the key's position minus the query's."""
    half = CONFIG["num_buckets"] // 2
    start, size, exact = (half if distance > 0 else 0), abs(distance), half // 2
    if size < exact:
        return start + size
    share = math.log(size / exact) / math.log(CONFIG["max_distance"] / exact)
    return start + min(half - 1, exact + int(share * (half - exact)))


def attention(x: Array, state: State, layer: int, table: Array) -> Array:
    name = f"encoder.layers.{layer}.self_attn"
    count, width = len(x), FEATURES // HEADS
    query, key, value = (
        linear(x, state, f"{name}.{part}_proj").reshape(count, HEADS, width).transpose(1, 0, 2)
        for part in "qkv"
    )
    where = np.array([[bucket(j - i) for j in range(count)] for i in range(count)])
    bias = table[where].transpose(2, 0, 1)
    # Eight outputs of one linear map, of which four each are summed, are the two gates.
    update, reset = sigmoid(
        linear(query, state, f"{name}.grep_linear").reshape(HEADS, count, 2, 4).sum(-1)
    ).transpose(2, 0, 1)
    scaled = reset * state[f"{name}.grep_a"].reshape(HEADS, 1)
    gated = bias + (1 - update[..., None]) * bias + (update * scaled)[..., None] * bias
    weights = softmax(query @ key.transpose(0, 2, 1) / math.sqrt(width) + gated)
    mixed = (weights @ value).transpose(1, 0, 2).reshape(count, FEATURES)
    return linear(mixed, state, f"{name}.out_proj")


def beats(waveform: Array, state: State) -> Array:
    """The outputs of the twelve layers, ``(12, patches, 768)``."""
    x = with_position(patches(waveform, state), state)
    x = layer_norm(x, state, "encoder.layer_norm")
    alpha = (2 * LAYERS) ** 0.25
    table = state["encoder.layers.0.self_attn.relative_attention_bias.weight"]
    outputs = []
    for layer in range(LAYERS):
        name = f"encoder.layers.{layer}"
        x = alpha * x + attention(x, state, layer, table)
        x = layer_norm(x, state, f"{name}.self_attn_layer_norm")
        x = alpha * x + linear(gelu(linear(x, state, f"{name}.fc1")), state, f"{name}.fc2")
        x = layer_norm(x, state, f"{name}.final_layer_norm")
        outputs.append(x)
    return np.stack(outputs)


def test_buckets_cover_near_and_far() -> None:
    """The cases of the test are exact, logarithmic, and beyond the last bucket, both ways."""
    assert [bucket(d) for d in (0, 1, -1, 7, -7)] == [0, 17, 1, 23, 7]
    assert bucket(-8) == 8
    assert bucket(9) == 24
    assert bucket(-500) == 15
    assert bucket(500) == 31


@pytest.mark.parametrize("seconds", [1.0, 2.3])
def test_every_layer_of_beats_is_the_published_one(folder: Path, seconds: float) -> None:
    checkpoint = torch.load(folder / BEATS_FILE, weights_only=True)["model"]
    state = {name: value.double().numpy() for name, value in checkpoint.items()}
    generator = np.random.default_rng(0)
    time = np.arange(int(seconds * RATE)) / RATE
    waveform = 0.1 * np.sin(2 * np.pi * (200 + 900 * time) * time)
    waveform += 0.01 * generator.standard_normal(len(time))
    expected = beats(waveform, state)
    front_end = BeatsFrontEnd(folder / BEATS_FILE).eval().double()
    with torch.inference_mode():
        layers = front_end.layers(torch.from_numpy(waveform)[None])[:, 0].numpy()
    assert layers.shape == expected.shape
    for index, (ours, theirs) in enumerate(zip(layers, expected, strict=True)):
        assert theirs.std() > 0.5
        # torchaudio's mel filters and SpeechBrain's GELU are float32 whatever they are given.
        np.testing.assert_allclose(ours, theirs, atol=1e-4, err_msg=f"layer {index}")


def test_the_score_is_the_head_over_these_layers(folder: Path) -> None:
    """The head has a test of its own; here it is that it gets the layers, resampled and in order.

    What is checked is the mean over patches of the frame scores of a signal at 32 kHz.
    """
    model = load_predictor("beats", str(folder / "haaqi_net.pt"))
    generator = np.random.default_rng(1)
    # Band-limited, so that resampling by torchaudio or by dropping samples comes to the same.
    time = np.arange(32_000) / 32_000
    pitches = generator.uniform(100, 3000, 8)
    signal = 0.02 * np.sin(2 * np.pi * pitches[:, None] * time).sum(0)
    checkpoint = torch.load(folder / "haaqi_net.pt", weights_only=True)["model"]
    state = {
        name.removeprefix("beats_model."): value.double().numpy()
        for name, value in checkpoint.items()
        if name.startswith("beats_model.")
    }
    audiogram = torch.tensor([[10.0, 20, 30, 40, 50, 60, 70, 80]])
    layers = torch.from_numpy(beats(signal[::2], state)[:, None]).float()
    with torch.inference_mode():
        expected = model.frame_scores(layers, audiogram).mean()  # type: ignore[attr-defined]
        score = model.score(
            torch.from_numpy(signal[None]).float(), audiogram, torch.tensor([85.0]), 32_000
        )
    assert float(score) == pytest.approx(float(expected), abs=1e-3)
