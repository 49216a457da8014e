"""The published head against an independent one, in numpy from the paper's description."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.errors import BenchError
from bench.hearing.haaqi_net.published import FrontEnd, HaaqiNet, load_checkpoint
from bench.plugins.front_ends import load_predictor

LAYERS, FEATURES, REDUCED, HIDDEN, HEADS = 12, 768, 256, 100, 16


class Patches(FrontEnd):
    """A front end for tests: 100 patches a second, each a fixed projection of its samples."""

    def __init__(self) -> None:
        super().__init__()
        self.projection = torch.nn.Linear(160, LAYERS * FEATURES)

    def layers(self, waveform: Tensor) -> Tensor:
        patches = waveform.unfold(-1, 160, 160)
        return self.projection(patches).unflatten(-1, (LAYERS, FEATURES)).movedim(-2, 0)


def random_model(seed: int = 0) -> HaaqiNet:
    generator = torch.Generator().manual_seed(seed)
    model = HaaqiNet(Patches())
    for parameter in model.parameters():
        parameter.data = 0.1 * torch.randn(parameter.shape, generator=generator)
    return model.eval()


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def lstm(x: np.ndarray, w: dict[str, np.ndarray], suffix: str) -> np.ndarray:
    """One direction over time, gates in the order input, forget, cell, output."""
    h, c, outputs = np.zeros(HIDDEN), np.zeros(HIDDEN), []
    for frame in x:
        gates = w[f"weight_ih_l0{suffix}"] @ frame + w[f"bias_ih_l0{suffix}"]
        gates = gates + w[f"weight_hh_l0{suffix}"] @ h + w[f"bias_hh_l0{suffix}"]
        i, f, g, o = np.split(gates, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        outputs.append(h)
    return np.array(outputs)


def attention(x: np.ndarray, w: dict[str, np.ndarray]) -> np.ndarray:
    """Self-attention of 16 heads over time."""
    q, k, v = np.split(x @ w["in_proj_weight"].T + w["in_proj_bias"], 3, axis=-1)
    width = REDUCED // HEADS
    heads = []
    for head in range(HEADS):
        part = slice(head * width, (head + 1) * width)
        scores = softmax(q[:, part] @ k[:, part].T / np.sqrt(width))
        heads.append(scores @ v[:, part])
    return np.concatenate(heads, -1) @ w["out_proj.weight"].T + w["out_proj.bias"]


def published_head(
    state: dict[str, np.ndarray], layers: np.ndarray, audiogram: np.ndarray
) -> dict[str, np.ndarray]:
    """One signal's ``(12, patches, 768)`` and audiogram (8) through the head, layer by layer."""

    def part(name: str) -> dict[str, np.ndarray]:
        return {k.removeprefix(f"{name}."): v for k, v in state.items() if k.startswith(f"{name}.")}

    shares = softmax(state["weights"])
    mixed = np.zeros(layers.shape[1:])
    for index, layer in enumerate(layers):
        centred = layer - layer.mean(-1, keepdims=True)
        normal = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
        norm = part(f"layer_norm.{index}")
        mixed += shares[index] * (normal * norm["weight"] + norm["bias"])
    reduced = mixed @ state["linear0.weight"].T + state["linear0.bias"]
    joined = np.concatenate([reduced, np.tile(audiogram, (len(reduced), 1))], -1)
    blstm = part("blstm")
    forward = lstm(joined, blstm, "")
    backward = lstm(joined[::-1], blstm, "_reverse")[::-1]
    recurrent = np.concatenate([forward, backward], -1)
    hidden = np.maximum(recurrent @ state["linear1.weight"].T + state["linear1.bias"], 0)
    attended = attention(hidden, part("haaqiAtt_layer"))
    score = attended @ state["haaqiframe_score.weight"].T + state["haaqiframe_score.bias"]
    return {
        "linear0": reduced,
        "blstm": recurrent,
        "linear1": recurrent @ state["linear1.weight"].T + state["linear1.bias"],
        "haaqiAtt_layer": attended,
        "frames": sigmoid(score[:, 0]),
    }


def test_every_layer_is_the_published_one() -> None:
    model = random_model().double()
    generator = torch.Generator().manual_seed(1)
    layers = torch.randn(LAYERS, 2, 30, FEATURES, generator=generator, dtype=torch.float64)
    audiogram = 80 * torch.rand(2, 8, generator=generator, dtype=torch.float64)
    seen: dict[str, Tensor] = {}

    def keep(name: str, batch_first: bool) -> None:
        def hook(_: object, __: object, output: Tensor | tuple[Tensor, ...]) -> None:
            value = output[0] if isinstance(output, tuple) else output
            seen[name] = value if batch_first else value.transpose(0, 1)

        model.get_submodule(name).register_forward_hook(hook)

    for name in ("linear0", "blstm", "linear1"):
        keep(name, batch_first=True)
    keep("haaqiAtt_layer", batch_first=False)
    seen["frames"] = model.frame_scores(layers, audiogram)
    state = {name: value.numpy() for name, value in model.state_dict().items()}
    for row in range(2):
        expected = published_head(state, layers[:, row].numpy(), audiogram[row].numpy())
        assert expected["frames"].std() > 1e-6
        for name, value in expected.items():
            np.testing.assert_allclose(seen[name][row].detach(), value, atol=1e-10, err_msg=name)


def test_the_head_has_the_published_size() -> None:
    model = HaaqiNet(FrontEnd())
    assert sum(parameter.numel() for parameter in model.parameters()) == 822_989


def test_an_original_checkpoint_loads_by_its_own_names(tmp_path: Path) -> None:
    original = random_model(3)
    prefixes = {name.split(".")[0] for name in original.state_dict()}
    assert prefixes == {
        "beats_model", "blstm", "linear0", "linear1", "haaqiAtt_layer", "haaqiframe_score",
        "weights", "layer_norm",
    }  # fmt: skip
    torch.save({"model": original.state_dict()}, tmp_path / "net.pt")
    loaded = load_checkpoint(random_model(4), tmp_path / "net.pt")
    for name, value in loaded.state_dict().items():
        assert torch.equal(value, original.state_dict()[name]), name
    assert not any(parameter.requires_grad for parameter in loaded.parameters())


def test_a_checkpoint_must_fit_exactly(tmp_path: Path) -> None:
    state = random_model().state_dict()
    state.pop("blstm.weight_hh_l0")
    torch.save({"model": state}, tmp_path / "less.pt")
    with pytest.raises(BenchError, match="weight_hh_l0"):
        load_checkpoint(random_model(), tmp_path / "less.pt")
    torch.save({"state": state}, tmp_path / "other.pt")
    with pytest.raises(BenchError, match="'model'"):
        load_checkpoint(random_model(), tmp_path / "other.pt")
    with pytest.raises(BenchError, match="put it here"):
        load_checkpoint(random_model(), tmp_path / "none.pt")


class Code:
    """Not plain weights: unpickling it would run code."""

    def __reduce__(self) -> tuple[object, ...]:
        return (print, ("this must not run",))


def test_a_checkpoint_with_code_is_not_opened(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save({"model": Code()}, tmp_path / "code.pt")
    with pytest.raises(BenchError, match="cannot be read"):
        load_checkpoint(random_model(), tmp_path / "code.pt")
    assert "must not run" not in capsys.readouterr().out


def test_backward_works_in_eval_mode_and_keeps_rows_apart() -> None:
    model = random_model().requires_grad_(False)
    signal = torch.randn(2, 32_000, generator=torch.Generator().manual_seed(2)).requires_grad_()
    audiogram, level1 = torch.full((2, 8), 40.0), torch.full((2,), 85.0)
    score = model.score(signal, audiogram, level1, 32_000)
    assert score.shape == (2,)
    score[0].backward()
    assert signal.grad is not None
    assert float(signal.grad[0].abs().max()) > 0
    assert float(signal.grad[1].abs().max()) == 0


def test_stereo_never_passes_for_a_batch() -> None:
    model = random_model()
    stereo = torch.zeros(2, 16_000)
    with pytest.raises(ValueError, match=r"\(B, N\)"):
        model.score(stereo, torch.zeros(8), torch.zeros(2), 16_000)
    with pytest.raises(ValueError, match=r"\(B, N\)"):
        model.score(stereo[None], torch.zeros(1, 8), torch.zeros(1), 16_000)
    with pytest.raises(ValueError, match=r"\(B, 8\)"):
        model.score(stereo, torch.zeros(1, 8), torch.zeros(1), 16_000)


def test_an_unknown_front_end_says_what_to_install() -> None:
    with pytest.raises(BenchError, match="lihgt"):
        load_predictor("lihgt")
