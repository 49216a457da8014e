"""The challenge's files of a system."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from bench.data import CadenzaOptions
from bench.data.cadenza import CadenzaDataset
from bench.evaluation.protocol import Excerpt, render, separate
from bench.plugins import installed
from bench.spec.resolve import make_run_spec
from bench.spec.suite import load_suite
from bench.system.system import build_system
from tests.helpers.command_line import Bench


def test_the_files_hold_what_a_run_scores(
    pairs: list[tuple[str, str]], submitted: Path, suite: Path, small_set: Path
) -> None:
    folder = submitted / "enhanced_signals"
    names = {f"{scene}_{who}_remix.flac" for scene, who in pairs}
    assert {path.name for path in folder.iterdir()} == names
    plugins = installed()
    spec = make_run_spec(plugins, load_suite(str(suite)), separator="mixture", gains="fixed")
    system = build_system(spec, plugins)
    dataset = CadenzaDataset(CadenzaOptions(root=str(small_set)))
    scene = dataset.scenes("valid")[0]
    excerpt = Excerpt.read(scene)
    stems = separate(system, excerpt)
    for who in scene.listeners:
        listener = dataset.listeners("valid")[who]
        output = render(system, excerpt, stems, listener, "challenge").output
        path = folder / f"{scene.id}_{who}_remix.flac"
        assert soundfile.info(path).subtype == "PCM_16"
        samples, rate = soundfile.read(path)
        assert rate == 32_000
        np.testing.assert_array_equal(samples.T, output.numpy())


def test_goes_on_where_it_stopped(bench: Bench, copy: Path, suite: Path) -> None:
    out = copy.parent / "again"
    arguments = ("submit", out, "--separator", "mixture", "--suite", suite, "--workers", 1)
    assert bench(*arguments, "--limit", 2) == 0
    files = sorted((out / "enhanced_signals").iterdir())
    assert len(files) == 2
    kept = files[0].stat().st_mtime_ns
    files[1].unlink()
    assert bench(*arguments, "--limit", 2) == 0
    assert sorted((out / "enhanced_signals").iterdir()) == files
    assert files[0].stat().st_mtime_ns == kept
    assert files[1].read_bytes() == (copy / files[1].name).read_bytes()


def test_two_systems_never_share_a_folder(
    bench: Bench, submitted: Path, suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench("submit", submitted, "--separator", "oracle", "--suite", suite) == 2
    assert "it holds the files of another system" in capsys.readouterr().err
    assert bench("submit", suite.parent, "--separator", "mixture", "--suite", suite) == 2
    assert "not empty" in capsys.readouterr().err


def test_a_system_that_is_not_trained(
    bench: Bench, tmp_path: Path, suite: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--separator", "mixture", "--gains", "cnn", "--suite", suite)
    assert bench("submit", tmp_path / "out", *arguments) == 2
    assert "is not trained" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_passport_says_what_wrote_the_files(submitted: Path) -> None:
    passport = json.loads((submitted / "submission.json").read_text())
    assert passport["label"] == "mixture + fixed"
    assert passport["identity"]["spec"]["separator"]["name"] == "mixture"
