"""The separator against demucs.api.Separator, with small networks of random weights."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.error import URLError

import huggingface_hub
import pytest
import torch
from bench_demucs import DemucsOptions, register_separators
from bench_demucs.separator import DemucsSeparator
from demucs.api import Separator
from demucs.htdemucs import HTDemucs
from safetensors.torch import save_file

from bench.api import STEMS
from bench.errors import BenchError
from bench.plugins import installed
from bench.spec.resolve import make_run_spec
from bench.spec.suite import load_suite
from bench.testing import check_plugin

RATE = 44_100
SETTINGS: dict[str, Any] = {
    "sources": ["drums", "bass", "other", "vocals"],
    "channels": 8,
    "nfft": 1024,
    "depth": 3,
    "t_layers": 1,
    "t_heads": 2,
    "bottom_channels": 8,
    "segment": Fraction(1, 2),
}


def small(seed: int = 0, **changed: object) -> HTDemucs:
    torch.manual_seed(seed)
    return HTDemucs(**{**SETTINGS, **changed}).eval()


def package(network: HTDemucs, path: Path) -> Path:
    """As demucs's training exports a network."""
    args, kwargs = network._init_args_kwargs
    state = {name: value.half() for name, value in network.state_dict().items()}
    torch.save({"klass": HTDemucs, "args": args, "kwargs": kwargs, "state": state}, path)
    return path


def published(network: HTDemucs, path: Path) -> Path:
    """As demucs publishes a network: safetensors, whose metadata are what demucs.hf reads."""
    segment = {"_type": "fraction", "numerator": 1, "denominator": 2}
    metadata = {
        "klass": "demucs.htdemucs.HTDemucs",
        "args": "[]",
        "kwargs": json.dumps({**SETTINGS, "segment": segment}),
    }
    save_file({k: v.half() for k, v in network.state_dict().items()}, path, metadata=metadata)
    return path


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return package(small(), tmp_path_factory.mktemp("weights") / "small.th")


def noise(seconds: float, batch: int = 1, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 0.1 * torch.randn(batch, 2, int(seconds * RATE), generator=generator) + 0.01


def separate(options: DemucsOptions, mixture: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return DemucsSeparator(options).separate(mixture)


def by_demucs(folder: Path, name: str, mixture: torch.Tensor, overlap: float) -> torch.Tensor:
    peer = Separator(name, repo=folder, device="cpu", shifts=0, overlap=overlap)
    _, stems = peer.separate_tensor(mixture.clone(), RATE)
    return torch.stack([stems[stem] for stem in STEMS])


def test_conforms(path: Path) -> None:
    check_plugin("separator", "bench-demucs/demucs", {"weights": str(path)})


@pytest.mark.parametrize("overlap", [0.25, 0.1])
def test_equals_demucs(path: Path, overlap: float) -> None:
    mixture = noise(1.3)
    expected = by_demucs(path.parent, "small", mixture[0], overlap)
    assert float(expected.std()) > 1e-4
    estimate = separate(DemucsOptions(weights=str(path), overlap=overlap), mixture)[0]
    torch.testing.assert_close(estimate, expected, rtol=0, atol=1e-6)


def test_a_published_file_is_the_same_network(path: Path, tmp_path: Path) -> None:
    file = published(small(), tmp_path / "small.safetensors")
    mixture = noise(0.6)
    one, other = (separate(DemucsOptions(weights=str(p)), mixture) for p in (path, file))
    torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_a_batch_is_each_of_its_items(path: Path) -> None:
    mixture = noise(0.7, batch=2) * torch.tensor([1.0, 0.01])[:, None, None]
    options = DemucsOptions(weights=str(path))
    together = separate(options, mixture)
    for item in (0, 1):
        alone = separate(options, mixture[item : item + 1])[0]
        torch.testing.assert_close(together[item], alone, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("samples", [1, 2, 200, 30_001])
def test_any_length_and_silence(path: Path, samples: int) -> None:
    mixture = noise(1.0)[..., :samples]
    estimate = separate(DemucsOptions(weights=str(path)), mixture)
    assert estimate.shape == (1, 4, 2, samples)
    assert bool(torch.isfinite(estimate).all())
    silence = separate(DemucsOptions(weights=str(path)), torch.zeros_like(mixture))
    assert float(silence.abs().max()) == 0


def test_the_fine_tuned_bag_takes_each_stem_from_its_own_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files in torch's hub folder are found there; demucs's own recipe says which and for what."""
    signatures = ["f7e0c4bc", "d12395a8", "92cfc3b6", "04573f0d"]
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    for seed, signature in enumerate(signatures):
        published(small(seed), tmp_path / "checkpoints" / f"{signature}.safetensors")
    mixture = noise(0.6)
    bag = separate(DemucsOptions(weights="htdemucs_ft"), mixture)[0]
    for seed, source in enumerate(SETTINGS["sources"]):
        file = package(small(seed), tmp_path / f"{source}.th")
        alone = separate(DemucsOptions(weights=str(file)), mixture)[0]
        stem = STEMS.index(source)
        torch.testing.assert_close(bag[stem], alone[stem], rtol=0, atol=1e-6)


def test_offline_says_which_files_go_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def offline(url: str, _: str) -> None:
        asked.append(url)
        raise URLError("no route to host")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_: None)
    with pytest.raises(BenchError) as caught:
        DemucsSeparator(DemucsOptions())
    (url,) = asked
    assert url.endswith("/adefossez/HTDemucs/resolve/main/955717e8.safetensors")
    for part in ("955717e8.safetensors", "adefossez/HTDemucs", str(tmp_path)):
        assert part in str(caught.value)


def test_files_that_demucs_has_downloaded_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = published(small(), tmp_path / "somewhere.safetensors")
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", None)
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_: str(file))
    mixture = noise(0.3)
    found = separate(DemucsOptions(), mixture)
    given = separate(DemucsOptions(weights=str(file)), mixture)
    torch.testing.assert_close(found, given, rtol=0, atol=0)


class Code:
    """Not plain weights: unpickling it would run code."""

    def __reduce__(self) -> tuple[object, ...]:
        return (print, ("this must not run",))


def test_files_that_are_no_demucs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def fails(path: Path, message: str) -> None:
        with pytest.raises(BenchError, match=message):
            DemucsSeparator(DemucsOptions(weights=str(path)))

    path = tmp_path / "net.th"
    fails(path, "does not exist")
    torch.save(Code(), path)
    fails(path, "cannot be read")
    assert "must not run" not in capsys.readouterr().out
    torch.save(small().state_dict(), path)
    fails(path, "contains no Demucs")
    fails(package(small(sources=["music", "speech"]), path), "music, speech")
    other = tmp_path / "net.safetensors"
    save_file({"x": torch.zeros(1)}, other, metadata={"klass": "subprocess.Popen"})
    fails(other, "subprocess.Popen")
    save_file({"x": torch.zeros(1)}, other)
    fails(other, "no class")


def test_an_overlap_that_makes_no_sense(path: Path) -> None:
    with pytest.raises(BenchError, match="overlap"):
        DemucsSeparator(DemucsOptions(weights=str(path), overlap=1.0))


def test_private_and_unsaid_data_are_not_ranked(path: Path) -> None:
    (spec,) = register_separators()
    assert "private" in spec.trained_on
    suite = load_suite("cadenza-icassp-2024")

    def reason(**options: str) -> str:
        made = make_run_spec(
            installed(), suite, separator="demucs", gains="fixed", options={"separator": options}
        )
        return made.unranked_reason

    assert "private" in reason()
    assert "private" in reason(weights="htdemucs_ft", trained_on="musdb18-train")
    assert "not stated" in reason(weights=str(path))
    assert reason(weights=str(path), trained_on="musdb18-train") == ""
