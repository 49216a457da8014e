"""Plugins as pip would leave them, and the files of a rendered pair."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile

from bench.api import MetricSpec
from bench.data import CadenzaOptions
from bench.data.cadenza import CadenzaDataset
from bench.evaluation.protocol import Excerpt, render, separate
from bench.plugins import installed
from bench.spec.resolve import make_run_spec
from bench.spec.suite import load_suite
from bench.system.system import build_system
from tests.helpers.plugins import Install


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of installed distributions that this process sees."""
    known = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in set(sys.modules) - known:
        if name.startswith("made_up_"):
            del sys.modules[name]


@pytest.fixture
def install(site: Path) -> Install:
    """Installs a distribution of one module, as pip would leave it."""

    def do(name: str, code: str, requires: tuple[str, ...] = ()) -> None:
        module = f"made_up_{name.replace('-', '_')}"
        (site / f"{module}.py").write_text(code, encoding="utf-8")
        info = site / f"{name.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        lines = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0", "Provides-Extra: more"]
        lines += [f"Requires-Dist: {requirement}" for requirement in requires]
        (info / "METADATA").write_text("\n".join([*lines, ""]), encoding="utf-8")
        (info / "entry_points.txt").write_text(f"[bench]\n{name} = {module}\n", encoding="utf-8")

    return do


@pytest.fixture(scope="session")
def rendered_pair(small_set: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """The files of one rendered pair: processed, reference and mixture; and its scores in a run."""
    folder = tmp_path_factory.mktemp("pair")
    plugins = installed()
    options = {"dataset": {"root": str(small_set)}}
    suite = load_suite("cadenza-icassp-2024")
    spec = make_run_spec(plugins, suite, separator="mixture", gains="fixed", options=options)
    dataset = CadenzaDataset(CadenzaOptions(root=str(small_set)))
    scene = dataset.scenes("valid")[0]
    listener = dataset.listeners("valid")[scene.listeners[0]]
    system, excerpt = build_system(spec, plugins), Excerpt.read(scene)
    rendering = render(system, excerpt, separate(system, excerpt), listener, "challenge")
    files = {
        "processed.flac": (rendering.output, 32_000, "PCM_16"),
        "reference.wav": (rendering.remix_reference, 44_100, "DOUBLE"),
        "mixture.wav": (rendering.remix, 44_100, "DOUBLE"),
    }
    for name, (signal, rate, subtype) in files.items():
        soundfile.write(folder / name, signal.numpy().T, rate, subtype=subtype)
    scores = {
        (name, part): value
        for name in ("haaqi", "lufs", "clipping")
        for part, value in plugins.get(MetricSpec, name).build(None).score(rendering).items()
    }
    return {"folder": folder, "listener": listener, "scores": scores, "set": small_set}
