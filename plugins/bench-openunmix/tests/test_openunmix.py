"""The separator against openunmix's own Separator and the official recipe's decompose_signal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
from bench_openunmix import OpenUnmixOptions, register_separators
from bench_openunmix.separator import OpenUnmixSeparator
from clarity.utils.audiogram import Audiogram, Listener
from openunmix.model import OpenUnmix, Separator

from bench.api import STEMS, SeparatorSpec
from bench.errors import BenchError
from bench.plugins import installed
from bench.spec.resolve import make_run_spec
from bench.spec.suite import load_suite
from bench.testing import check_plugin

RATE = 44_100


def small(
    hidden: int = 8, n_fft: int = 512, unidirectional: bool = False, layers: int = 3
) -> Separator:
    """openunmix's Separator of four small networks with random weights, by its own constructor."""
    torch.manual_seed(hidden)
    targets = {
        stem: OpenUnmix(
            nb_bins=n_fft // 2 + 1,
            nb_channels=2,
            hidden_size=hidden,
            nb_layers=layers,
            unidirectional=unidirectional,
            max_bin=n_fft // 3,
        )
        for stem in STEMS
    }
    separator = Separator(targets, niter=0, n_fft=n_fft, n_hop=n_fft // 4)
    for parameter in separator.target_models.parameters():
        parameter.data += 0.05 * torch.randn(parameter.shape)
    return separator.eval()


@pytest.fixture(scope="module")
def peer() -> Separator:
    return small()


@pytest.fixture(scope="module")
def path(peer: Separator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "small.pth"
    torch.save(peer.state_dict(), path)
    return path


def noise(seconds: float, batch: int = 1, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 0.1 * torch.randn(batch, 2, int(seconds * RATE), generator=generator)


def separate(options: OpenUnmixOptions, mixture: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return OpenUnmixSeparator(options).separate(mixture)


def test_conforms(path: Path) -> None:
    check_plugin("separator", "bench-openunmix/openunmix", {"weights": str(path)})


def test_is_found_once_installed(path: Path) -> None:
    registered = installed().get(SeparatorSpec, "bench-openunmix/openunmix")
    separator = registered.build(registered.options({"weights": str(path)}))
    assert separator.separate(noise(0.1)).shape == (1, 4, 2, 4410)


def test_a_chunk_is_openunmixs(peer: Separator, path: Path) -> None:
    mixture = noise(0.7, batch=2)
    with torch.inference_mode():
        expected = peer(mixture)
    estimate = separate(OpenUnmixOptions(weights=str(path), overlap=0.0), mixture)
    assert float(expected.std()) > 1e-4
    torch.testing.assert_close(estimate, expected, rtol=0, atol=0)


@pytest.mark.parametrize("seconds", [1.0, 23.0])
def test_equals_the_official_recipe(peer: Separator, path: Path, seconds: float) -> None:
    from recipes.cad_icassp_2024.baseline.enhance import decompose_signal

    mixture = noise(seconds)
    audiogram = Audiogram(levels=np.zeros(8))
    official = decompose_signal(
        model=peer,
        model_sample_rate=RATE,
        signal=mixture[0].numpy(),
        signal_sample_rate=RATE,
        device=torch.device("cpu"),
        sources_list=list(STEMS),
        listener=Listener(audiogram, audiogram),
        normalise=False,
    )
    expected = torch.from_numpy(np.stack([official[stem].T for stem in STEMS]))
    estimate = separate(OpenUnmixOptions(weights=str(path)), mixture)[0]
    torch.testing.assert_close(estimate, expected, rtol=0, atol=1e-7)


def test_iterations_are_openunmixs(path: Path) -> None:
    peer = small()
    peer.niter = 1
    mixture = noise(0.5)
    with torch.inference_mode():
        expected = peer(mixture)
    options = OpenUnmixOptions(weights=str(path), iterations=1, overlap=0.0)
    estimate = separate(options, mixture)
    torch.testing.assert_close(estimate, expected, rtol=0, atol=1e-7)
    assert not torch.equal(estimate, separate(replace(options, iterations=0), mixture))


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize(
    "peer", [small(16, 1024, unidirectional=True), small(6, 256, layers=1)], ids=["causal", "one"]
)
def test_sizes_are_read_from_the_weights(peer: Separator, suffix: str, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    path = tmp_path / f"net{suffix}"
    state = peer.state_dict()
    if suffix == ".pt":
        torch.save(state, path)
    else:
        # safetensors does not take two names of one tensor: the window of both transforms.
        save_file({name: tensor.clone() for name, tensor in state.items()}, path)
    mixture = noise(0.4)
    with torch.inference_mode():
        expected = peer(mixture)
    estimate = separate(OpenUnmixOptions(weights=str(path), overlap=0.0), mixture)
    torch.testing.assert_close(estimate, expected, rtol=0, atol=0)


@pytest.mark.parametrize("samples", [1, 200, 511, 4410, 4411, 50_001])
def test_any_length_and_silence(path: Path, samples: int) -> None:
    mixture = noise(2.0)[..., :samples]
    estimate = separate(OpenUnmixOptions(weights=str(path)), mixture)
    assert estimate.shape == (1, 4, 2, samples)
    assert bool(torch.isfinite(estimate).all())
    silence = separate(OpenUnmixOptions(weights=str(path)), torch.zeros_like(mixture))
    assert float(silence.abs().max()) == 0


def test_a_batch_is_each_of_its_items(path: Path) -> None:
    mixture = noise(0.5, batch=3)
    options = OpenUnmixOptions(weights=str(path))
    together = separate(options, mixture)
    torch.testing.assert_close(together[1:2], separate(options, mixture[1:2]), rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["umxhq", "umxl"])
def test_published_files_are_named_as_openunmix_names_them(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Published weights are asked for by the very addresses that openunmix asks for."""
    import openunmix
    from bench_openunmix import weights

    theirs: list[str] = []
    monkeypatch.setattr(
        torch.hub, "load_state_dict_from_url", lambda url, **_: theirs.append(url) or {}
    )
    getattr(openunmix, f"{name}_spec")()
    ours: list[str] = []
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", lambda url, *_: ours.append(url))
    weights._published(name)
    assert sorted(ours) == sorted(theirs)
    assert len(set(ours)) == 4


def test_published_files_are_read_from_the_hub_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files of the published form: a network a stem, with the window of an STFT besides."""
    peer = small(8, 512)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", None)
    names = {"vocals": "b62c91ce", "drums": "9619578f", "bass": "8d85a5bd", "other": "b52fbbf7"}
    (tmp_path / "checkpoints").mkdir()
    for stem, digest in names.items():
        state = {**peer.target_models[stem].state_dict(), "stft.window": torch.ones(512)}
        torch.save(state, tmp_path / "checkpoints" / f"{stem}-{digest}.pth")
    mixture = noise(0.3)
    with torch.inference_mode():
        expected = peer(mixture)
    estimate = separate(OpenUnmixOptions(overlap=0.0), mixture)
    torch.testing.assert_close(estimate, expected, rtol=0, atol=0)


def test_offline_says_which_files_go_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    with pytest.raises(BenchError) as caught:
        OpenUnmixSeparator(OpenUnmixOptions(weights="umxl"))
    for part in ("umxl", "vocals-bccbd9aa.pth", "other-c8c5b3e6.pth", str(tmp_path), "zenodo"):
        assert part in str(caught.value)


class Code:
    """Not plain weights: unpickling it would run code."""

    def __reduce__(self) -> tuple[object, ...]:
        return (print, ("this must not run",))


def test_files_that_are_no_separator(
    peer: Separator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "net.pth"

    def fails(content: object, message: str) -> None:
        torch.save(content, path)
        with pytest.raises(BenchError, match=message):
            OpenUnmixSeparator(OpenUnmixOptions(weights=str(path)))

    state = peer.state_dict()
    fails(Code(), "cannot be read")
    assert "must not run" not in capsys.readouterr().out
    fails([1, 2], "not a state dict")
    fails(peer.target_models["drums"].state_dict(), "no target_models.vocals")
    fails({k: v for k, v in state.items() if "drums.bn2.weight" not in k}, "bn2.weight")
    fails({k: v for k, v in state.items() if "fc1" not in k}, "fc1.weight")
    path.unlink()
    with pytest.raises(BenchError, match="does not exist"):
        OpenUnmixSeparator(OpenUnmixOptions(weights=str(path)))


def test_private_and_unsaid_data_are_not_ranked(path: Path) -> None:
    (spec,) = register_separators()
    assert spec.trained_on == ("musdb18-train",)
    suite = load_suite("cadenza-icassp-2024")

    def reason(**options: str) -> str:
        made = make_run_spec(
            installed(), suite, separator="openunmix", gains="fixed", options={"separator": options}
        )
        return made.unranked_reason

    assert reason() == ""
    assert "private" in reason(weights="umxl")
    assert "not stated" in reason(weights=str(path))
    assert reason(weights=str(path), trained_on="musdb18-train") == ""
    assert "musdb18-test" in reason(weights=str(path), trained_on="musdb18-train, musdb18-test")
