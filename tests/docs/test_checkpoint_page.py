"""The separator with weights that docs/how-to/checkpoint.md shows works as it is written there."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from bench.api import SeparatorSpec
from bench.builtin.separators import BUNDLES, URL, HDemucsOptions
from bench.errors import BenchError
from bench.plugins import Plugins, installed
from bench.scaffold import write_package
from bench.separation.hdemucs import build_model, load_network
from bench.spec.suite import load_suite
from tests.helpers.paths import ROOT

PAGE = (ROOT / "docs" / "how-to" / "checkpoint.md").read_text(encoding="utf-8")
OPTIONS, SEPARATOR = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_plugin_of_the_page_separates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_package("my-separator", "separator", tmp_path, Plugins([])) / "src/my_separator"
    init = (folder / "__init__.py").read_text(encoding="utf-8")
    head = init[: init.index("@dataclass")]
    (folder / "__init__.py").write_text(head + OPTIONS, encoding="utf-8")
    (folder / "separator.py").write_text(SEPARATOR, encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder.parent))
    package = importlib.import_module("my_separator")
    module = importlib.import_module("my_separator.separator")
    try:
        (spec,) = package.register_separators()
        assert spec.target == f"{module.__name__}:MySeparator"
        assert spec.needs == ("weights",)
        weights = tmp_path / "mine.safetensors"
        save_file(module.Network().state_dict(), weights)
        mixture = torch.randn(2, 2, 4567, generator=torch.Generator().manual_seed(0))
        stems = module.MySeparator(package.MySeparatorOptions(str(weights))).separate(mixture)
        assert stems.shape == (2, 4, 2, 4567)
        torch.testing.assert_close(stems.sum(1), mixture, rtol=0, atol=1e-4)
        with pytest.raises(BenchError, match="the weights cannot be read"):
            module.MySeparator(package.MySeparatorOptions(str(tmp_path / "none.safetensors")))
    finally:
        for name in ("my_separator.separator", "my_separator"):
            sys.modules.pop(name, None)


def test_a_state_dict_with_the_settings_beside_it(tmp_path: Path) -> None:
    (settings,) = re.findall(r"```json\n\s*(.*?)\n\s*```", PAGE, re.DOTALL)
    (tmp_path / "mine.json").write_text(settings, encoding="utf-8")
    import json

    from bench.separation.hdemucs import Config

    network = build_model(Config(**json.loads(settings)))
    torch.save(network.state_dict(), tmp_path / "mine.pt")
    loaded, config = load_network(tmp_path / "mine.pt")
    assert (config.channels, config.depth, config.nfft) == (16, 5, 2048)
    for name, value in loaded.state_dict().items():
        assert torch.equal(value, network.state_dict()[name])


def test_names_addresses_and_values_are_those_of_the_code() -> None:
    text = " ".join(PAGE.split())
    assert f"{URL}{BUNDLES['musdb']}" in text
    assert f"torchaudio/models/{BUNDLES['musdb']}" in text
    assert "musdb" in HDemucsOptions(weights="musdb").weights
    assert installed().get(SeparatorSpec, "hdemucs").spec.options is HDemucsOptions
    suite = load_suite("cadenza-icassp-2024")
    assert suite.baseline == "hdemucs + fixed"
    published = (ROOT / "bench/leaderboard/published.toml").read_text(encoding="utf-8")
    assert "0.668" in published or "0.6677" in published
