"""Parity with the official recipe: each step is computed by pyclarity's own functions here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soxr
import torch

from bench.api import STEMS, Scene
from bench.builtin.metrics import HaaqiOptions
from bench.builtin.metrics import haaqi as haaqi_metric
from bench.builtin.separators import HDemucsOptions
from bench.builtin.separators.hdemucs import HDemucsSeparator
from bench.data import CadenzaOptions
from bench.data.cadenza import CadenzaDataset
from bench.evaluation.protocol import Excerpt, render, separate
from bench.hearing import calibration
from bench.plugins import installed
from bench.separation.hdemucs import Config, build_model, save_network
from bench.spec.resolve import make_run_spec
from bench.spec.suite import load_suite
from bench.system.output import OUTPUT_RATE
from bench.system.system import System, build_system
from tests.helpers.flac import read_by_pyclarity

RATE = 44_100


Array = np.ndarray


@dataclass(frozen=True)
class Official:
    """What the recipe's own functions make of a pair; signals are ``(samples, 2)``."""

    remix: Array
    amplified: Array
    resampled: Array
    handed_in: Array
    reference: Array
    amplified_reference: Array
    processed_24k: Array
    reference_24k: Array
    level1: list[float]
    scores: list[float]


RECIPES_COMPRESSOR = {
    "threshold": 0.35,
    "attenuation": 0.1,
    "attack": 50,
    "release": 1000,
    "rms_buffer_size": 0.064,
}


def official(
    scene: Scene, listener: Any, stems: dict[str, Array], folder: Path, *, compress: bool = False
) -> Official:
    """The recipe's enhance and evaluate, from separated `stems` on.

    With `compress` its setting ``apply_compressor`` is on, which its evaluation does not read.
    """
    from clarity.enhancer.compressor import Compressor
    from clarity.enhancer.nalr import NALR
    from clarity.evaluator.haaqi import compute_haaqi
    from clarity.utils.signal_processing import compute_rms, resample
    from recipes.cad_icassp_2024.baseline import enhance, evaluate

    gains = dict(zip(STEMS, scene.gains, strict=True))
    mixture = scene.mixture().double().numpy().T
    nalr = NALR(nfir=220, sample_rate=RATE)
    remix = evaluate.remix_stems(evaluate.apply_gains(stems, RATE, gains), mixture, RATE)
    amplified = enhance.process_remix_for_listener(
        remix, nalr, Compressor(**RECIPES_COMPRESSOR), listener, compress
    )
    path = folder / "remix.flac"
    enhance.save_flac_signal(amplified, path, RATE, OUTPUT_RATE, do_clip_signal=True)
    handed_in = read_by_pyclarity(path)

    clean = dict(zip(STEMS, (s.double().numpy().T for s in scene.stems()), strict=True))
    reference = evaluate.remix_stems(evaluate.apply_gains(clean, RATE, gains), mixture, RATE)
    evaluate.set_song_seed(scene.id)
    references, processed, level1, scores = [], [], [], []
    audiograms = (listener.audiogram_left, listener.audiogram_right)
    for ear, audiogram in enumerate(audiograms):
        references.append(evaluate.apply_ha(nalr, None, reference[:, ear], audiogram))
        processed.append(resample(handed_in[:, ear], OUTPUT_RATE, 24_000))
        level1.append(65 - 20 * np.log10(compute_rms(reference[:, ear])))
        scores.append(
            compute_haaqi(
                processed_signal=processed[ear],
                reference_signal=resample(references[ear], RATE, 24_000),
                processed_sample_rate=24_000,
                reference_sample_rate=24_000,
                audiogram=audiogram,
                equalisation=2,
                level1=level1[ear],
            )
        )
    return Official(
        remix=remix,
        amplified=amplified,
        resampled=resample(amplified, RATE, OUTPUT_RATE),
        handed_in=handed_in,
        reference=reference,
        amplified_reference=np.stack(references, axis=1),
        processed_24k=np.stack(processed, axis=1),
        reference_24k=np.stack([resample(r, RATE, 24_000) for r in references], axis=1),
        level1=level1,
        scores=scores,
    )


def close(found: Any, expected: Array, tolerance: float = 1e-9) -> None:
    """Compare ``(2, samples)`` with ``(samples, 2)``."""
    np.testing.assert_allclose(np.asarray(found).T, expected, rtol=0, atol=tolerance)


def check_pair(
    system: System, excerpt: Excerpt, listener: Any, separated: torch.Tensor, theirs: Official
) -> None:
    """Every stage of a pair against the recipe's."""
    rendering = render(system, excerpt, separated, listener, "challenge")
    close(rendering.remix, theirs.remix)
    amplified = system.amplify(rendering.remix[None], [listener])[0].numpy()
    close(amplified, theirs.amplified)
    close(soxr.resample(amplified.T, RATE, OUTPUT_RATE, quality="HQ").T, theirs.resampled)
    close(rendering.remix_reference, theirs.reference)
    close(rendering.output_reference, theirs.amplified_reference)
    # Truncation to 16 bit turns a difference of 1e-15 into one step in a few samples.
    steps = np.abs(rendering.output.numpy().T - theirs.handed_in) * 32768
    assert steps.max() <= 1.0
    assert np.mean(steps > 0) < 1e-3
    for ear in (0, 1):
        reference = haaqi_metric.resampled(rendering.output_reference[ear].numpy(), RATE)
        np.testing.assert_allclose(reference, theirs.reference_24k[:, ear], atol=1e-9)
        output = haaqi_metric.resampled(rendering.output[ear].numpy(), OUTPUT_RATE)
        np.testing.assert_allclose(output, theirs.processed_24k[:, ear], atol=2 / 32768)
        rms = float(np.sqrt(np.mean(rendering.remix_reference[ear].numpy() ** 2)))
        level1 = calibration.level1(rms)
        assert level1 == pytest.approx(theirs.level1[ear], abs=1e-9)
    # With the recipe's noise every ear's score is the official one, with a fixed table nearly so.
    exact = haaqi_metric.Haaqi(HaaqiOptions(noise="recipe")).score(rendering)
    assert [exact["left"], exact["right"]] == pytest.approx(theirs.scores, abs=1e-8)
    assert exact["mean"] == pytest.approx(np.mean(theirs.scores), abs=1e-8)
    fast = haaqi_metric.Haaqi().score(rendering)
    assert [fast["left"], fast["right"]] == pytest.approx(theirs.scores, abs=1e-4)


def system_with(root: Path, separator: str, *, prescription: str = "", **options: str) -> System:
    plugins = installed()
    spec = make_run_spec(
        plugins,
        load_suite("cadenza-icassp-2024"),
        separator=separator,
        gains="fixed",
        prescription=prescription,
        options={"dataset": {"root": str(root)}, "separator": options},
    )
    return build_system(spec, plugins)


def by_name(stems: Any) -> dict[str, Array]:
    return dict(zip(STEMS, (s.double().numpy().T for s in stems), strict=True))


def decomposed(separator: Any, mixture: torch.Tensor) -> dict[str, Array]:
    """The recipe's separation with the same network."""
    from recipes.cad_icassp_2024.baseline.enhance import decompose_signal

    model = separator.model
    device = torch.device("cpu")
    found: dict[str, Array] = decompose_signal(
        model, RATE, mixture.double().numpy().T, RATE, device, list(model.sources), None
    )
    return found


@pytest.mark.parametrize(
    ("separator", "prescription"),
    [
        ("oracle", "nalr"),
        pytest.param("mixture", "nalr", marks=pytest.mark.slow),
        ("oracle", "nalr-compressor"),
    ],
)
def test_a_demo_pair_scores_as_in_the_official_recipe(
    small_set: Path, tmp_path: Path, separator: str, prescription: str
) -> None:
    dataset = CadenzaDataset(CadenzaOptions(root=str(small_set)))
    scene = dataset.scenes("valid")[0]
    # The fast mode's noise differs from the recipe's by more for a severe loss: see docs/protocol.
    compress = prescription == "nalr-compressor"
    listener = dataset.listeners("valid")[scene.listeners[-1 if compress else 0]]
    system = system_with(small_set, separator, prescription=prescription)
    excerpt = Excerpt.read(scene)
    separated = separate(system, excerpt)
    theirs = official(scene, listener, by_name(separated), tmp_path, compress=compress)
    check_pair(system, excerpt, listener, separated, theirs)


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("separator", ["oracle", "mixture", "hdemucs"])
def test_real_pairs_score_as_in_the_official_recipe(
    real_data: Path, tmp_path: Path, separator: str
) -> None:
    """All pairs; hdemucs of full size with random weights, separated by either side itself."""
    root = real_data / "cadenza_real"
    options = {}
    if separator == "hdemucs":
        torch.manual_seed(0)
        weights = tmp_path / "random.pt"
        torch.save(build_model(Config()).state_dict(), weights)
        options["weights"] = str(weights)
    system = system_with(root, separator, **options)
    dataset = CadenzaDataset(CadenzaOptions(root=str(root)))
    pairs = 0
    for split in ("train", "valid"):
        listeners = dataset.listeners(split)
        for scene in dataset.scenes(split):
            excerpt = Excerpt.read(scene)
            separated = given = separate(system, excerpt)
            theirs = by_name(separated)
            if separator == "hdemucs":
                theirs = decomposed(system.separator, excerpt.mixture)
                for stem, signal in zip(STEMS, separated, strict=True):
                    close(signal, theirs[stem], 1e-6)
                # The stages that follow start from the same samples on both sides.
                given = torch.stack([torch.from_numpy(theirs[s].T.copy()) for s in STEMS])
            for name in scene.listeners:
                pair = official(scene, listeners[name], theirs, tmp_path)
                check_pair(system, excerpt, listeners[name], given, pair)
                # And all of it from end to end, by what each side separated: networks in single
                # precision round differently, and NAL-R amplifies that with all else.
                whole = render(system, excerpt, separated, listeners[name], "challenge")
                close(whole.remix, pair.remix, 1e-6)
                amplified = system.amplify(whole.remix[None], [listeners[name]])[0]
                close(amplified, pair.amplified, 1e-6 * max(1.0, np.abs(pair.amplified).max()))
                score = haaqi_metric.Haaqi().score(whole)["mean"]
                assert score == pytest.approx(np.mean(pair.scores), abs=1e-4)
                pairs += 1
    print(f"{separator}: {pairs} pairs equal")
    assert pairs == 24


def test_hdemucs_is_separated_as_in_the_official_recipe(small_set: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = Config(channels=4, depth=5, nfft=2048)
    path = tmp_path / "random.safetensors"
    save_network(path, build_model(config), config, {})
    separator = HDemucsSeparator(HDemucsOptions(weights=str(path)))
    scene = CadenzaDataset(CadenzaOptions(root=str(small_set))).scenes("valid")[0]
    theirs = decomposed(separator, scene.mixture())
    ours = separator.separate(scene.mixture()[None])[0]
    for stem, signal in zip(STEMS, ours, strict=True):
        close(signal.detach(), theirs[stem], 1e-6)


def test_the_official_recipe_separates_every_pair_anew_and_amplifies_once() -> None:
    """Why a song's second listener is not amplified twice there: the loop never takes a shortcut.

    The recipe means to keep the remix of the song before, and would amplify it again; but it never
    notes which song that was.
    """
    import inspect

    from recipes.cad_icassp_2024.baseline import enhance

    source = inspect.getsource(enhance)
    assert source.count("previous_song") == 2  # set once to "", and compared
