"""Parity with the official recipe: each step is computed by pyclarity's own functions here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench.api import STEMS, Scene
from bench.data import CadenzaOptions
from bench.data.cadenza import CadenzaDataset
from bench.evaluation.protocol import OUTPUT_RATE, Excerpt, render, separate
from bench.plugins import installed
from bench.spec import make_run_spec
from bench.suites import load_suite
from bench.system import build_system

RATE = 44_100


def official(scene: Scene, listener: Any, stems: dict[str, np.ndarray], folder: Path) -> Any:
    """Remix, output and HAAQI of separated `stems` by the recipe: each array ``(samples, 2)``."""
    from clarity.enhancer.compressor import Compressor
    from clarity.enhancer.nalr import NALR
    from clarity.evaluator.haaqi import compute_haaqi
    from clarity.utils.flac_encoder import read_flac_signal
    from clarity.utils.signal_processing import compute_rms, resample
    from recipes.cad_icassp_2024.baseline import enhance, evaluate

    gains = dict(zip(STEMS, scene.gains, strict=True))
    mixture = scene.mixture().double().numpy().T
    nalr = NALR(nfir=220, sample_rate=RATE)
    remix = evaluate.remix_stems(evaluate.apply_gains(stems, RATE, gains), mixture, RATE)
    output = enhance.process_remix_for_listener(remix, nalr, Compressor(), listener)
    path = folder / "remix.flac"
    enhance.save_flac_signal(output, path, RATE, OUTPUT_RATE, do_clip_signal=True)
    handed_in, _ = read_flac_signal(path)

    clean = dict(zip(STEMS, (s.double().numpy().T for s in scene.stems()), strict=True))
    reference = evaluate.remix_stems(evaluate.apply_gains(clean, RATE, gains), mixture, RATE)
    evaluate.set_song_seed(scene.id)
    scores = []
    for ear, audiogram in enumerate((listener.audiogram_left, listener.audiogram_right)):
        amplified = evaluate.apply_ha(nalr, None, reference[:, ear], audiogram)
        scores.append(
            compute_haaqi(
                processed_signal=resample(handed_in[:, ear], OUTPUT_RATE, 24_000),
                reference_signal=resample(amplified, RATE, 24_000),
                processed_sample_rate=24_000,
                reference_sample_rate=24_000,
                audiogram=audiogram,
                equalisation=2,
                level1=65 - 20 * np.log10(compute_rms(reference[:, ear])),
            )
        )
    return remix, reference, handed_in, scores


def check_pair(
    root: Path, split: str, scene_id: str, name: str, separator: str, folder: Path
) -> None:
    dataset = CadenzaDataset(CadenzaOptions(root=str(root)))
    scene = next(s for s in dataset.scenes(split) if s.id == scene_id)
    listener = dataset.listeners(split)[name]
    plugins = installed()
    suite = load_suite("cadenza-icassp-2024")
    spec = make_run_spec(
        plugins,
        suite,
        separator=separator,
        gains="fixed",
        options={"dataset": {"root": str(root)}},
    )
    system = build_system(spec, plugins)
    excerpt = Excerpt.read(scene)
    separated = separate(system, excerpt)
    rendering = render(system, excerpt, separated, listener, "challenge")
    stems = dict(zip(STEMS, (s.double().numpy().T for s in separated), strict=True))
    remix, reference, handed_in, scores = official(scene, listener, stems, folder)

    np.testing.assert_allclose(rendering.remix.numpy().T, remix, atol=1e-9)
    np.testing.assert_allclose(rendering.remix_reference.numpy().T, reference, atol=1e-9)
    # Truncation to 16 bit turns a difference of 1e-15 into one step in a few samples.
    steps = np.abs(rendering.output.numpy().T - handed_in) * 32768
    assert steps.max() <= 1.0
    assert np.mean(steps > 0) < 1e-3
    metric = plugins.get("metric", "haaqi").build(None)
    ours = metric.score(rendering)
    assert ours["left"] == pytest.approx(scores[0], abs=1e-4)
    assert ours["right"] == pytest.approx(scores[1], abs=1e-4)
    assert ours["mean"] == pytest.approx(np.mean(scores), abs=1e-4)


@pytest.mark.parametrize("separator", ["oracle", "mixture"])
def test_a_demo_pair_scores_as_in_the_official_recipe(
    small_set: Path, tmp_path: Path, separator: str
) -> None:
    dataset = CadenzaDataset(CadenzaOptions(root=str(small_set)))
    scene = dataset.scenes("valid")[0]
    check_pair(small_set, "valid", scene.id, scene.listeners[0], separator, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("separator", ["oracle", "mixture"])
def test_real_pairs_score_as_in_the_official_recipe(
    real_data: Path, tmp_path: Path, separator: str
) -> None:
    root = real_data / "cadenza_real"
    dataset = CadenzaDataset(CadenzaOptions(root=str(root)))
    for scene in dataset.scenes("valid"):
        for name in scene.listeners:
            check_pair(root, "valid", scene.id, name, separator, tmp_path)


def test_hdemucs_is_separated_as_in_the_official_recipe(small_set: Path, tmp_path: Path) -> None:
    from recipes.cad_icassp_2024.baseline.enhance import decompose_signal

    from bench.separators import HDemucsOptions
    from bench.separators.hdemucs import HDemucsSeparator
    from bench.separators.weights import Config, build_model, save_weights

    torch.manual_seed(0)
    config = Config(channels=4, depth=5, nfft=2048)
    path = tmp_path / "random.safetensors"
    save_weights(path, build_model(config), config, {})
    separator = HDemucsSeparator(HDemucsOptions(weights=str(path)))
    model = separator.model
    scene = CadenzaDataset(CadenzaOptions(root=str(small_set))).scenes("valid")[0]
    mixture = scene.mixture()
    theirs = decompose_signal(
        model,
        RATE,
        mixture.double().numpy().T,
        RATE,
        torch.device("cpu"),
        list(model.sources),
        None,
    )
    ours = separator.separate(mixture[None])[0]
    for stem, signal in zip(STEMS, ours, strict=True):
        np.testing.assert_allclose(signal.detach().numpy().T, theirs[stem], atol=1e-6)
