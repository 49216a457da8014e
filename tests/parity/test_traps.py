"""Traps that have produced wrong numbers elsewhere: each is walked into here on purpose.

A trap is impossible (nothing that a user or a plugin may say leads into it), caught (an error or a
failed row that tells the reason) or visible (on the board, in words).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr
import torch
from clarity.utils.audiogram import Listener

from bench.api import STEMS, MetricSpec, Rendering, Scene
from bench.board.store import Board
from bench.builtin.metrics.haaqi import Haaqi
from bench.data import CadenzaOptions
from bench.data.cadenza import CadenzaDataset
from bench.errors import BenchError
from bench.evaluation.protocol import Excerpt, render, separate
from bench.evaluation.runner import pairs_to_score
from bench.evaluation.worker import Evaluator, RunToScore
from bench.hearing.haaqi import haaqi
from bench.plugins import installed
from bench.runs.record import unranked_reason
from bench.spec.resolve import baseline_specs, make_run_spec
from bench.spec.run import RunSpec
from bench.spec.suite import load_suite
from bench.system.output import OUTPUT_RATE, to_output
from bench.system.system import System, build_system

RATE = 44_100
SUITE = "cadenza-icassp-2024"


def spec_of(root: Path, separator: str = "mixture", gains: str = "fixed", **more: Any) -> RunSpec:
    options = {"dataset": {"root": str(root)}, **more.pop("options", {})}
    return make_run_spec(
        installed(), load_suite(SUITE), separator=separator, gains=gains, options=options, **more
    )


def system_of(root: Path, separator: str = "mixture", gains: str = "fixed", **more: Any) -> System:
    return build_system(spec_of(root, separator, gains, **more), installed())


def scenes_of(root: Path) -> tuple[list[Scene], dict[str, Listener]]:
    dataset = CadenzaDataset(CadenzaOptions(root=str(root)))
    return list(dataset.scenes("valid")), dict(dataset.listeners("valid"))


def rendered(system: System, scene: Scene, listener: Listener, protocol: str) -> Rendering:
    excerpt = Excerpt.read(scene)
    return render(system, excerpt, separate(system, excerpt), listener, protocol)


def score(rendering: Rendering) -> float:
    return float(Haaqi().score(rendering)["mean"])


@pytest.fixture(scope="module")
def pair(small_set: Path) -> tuple[Scene, Listener]:
    scenes, listeners = scenes_of(small_set)
    return scenes[0], listeners[scenes[0].listeners[0]]


@pytest.fixture
def copy(small_set: Path, tmp_path: Path) -> Path:
    root = tmp_path / "set"
    shutil.copytree(small_set, root)
    return root


def rows_with(
    root: Path,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    part: Callable[[torch.Tensor], torch.Tensor],
) -> list[dict[str, Any]]:
    """Rows of the first scene when the separator does what `part` does."""
    from bench.builtin.separators.mixture import Mixture

    monkeypatch.setenv("BENCH_CACHE", str(cache))  # where no stems are kept
    monkeypatch.setattr(Mixture, "separate", lambda self, mixture: part(mixture))
    evaluator = Evaluator([RunToScore("run", spec_of(root))])
    scene = next(iter(evaluator.scenes.values()))
    return evaluator.evaluate(scene.id, {"run": list(scene.listeners)})["run"]


# --- the level ---------------------------------------------------------------------------------


def test_level1_left_at_65(pair: tuple[Scene, Listener], small_set: Path) -> None:
    """Impossible: the metric has no option for it, and calibrates by itself."""
    spec = installed().get(MetricSpec, "haaqi").spec
    assert isinstance(spec, MetricSpec)
    assert spec.options is not None
    assert {field.name for field in fields(spec.options)} == {"noise", "unclipped"}
    scene, listener = pair
    rendering = rendered(system_of(small_set), scene, listener, "challenge")
    ours = Haaqi().score(rendering)
    reference = soxr.resample(rendering.output_reference[0].numpy(), RATE, 24_000, quality="HQ")
    output = soxr.resample(rendering.output[0].numpy(), OUTPUT_RATE, 24_000, quality="HQ")
    rms = float(rendering.remix_reference[0].square().mean().sqrt())
    right, wrong = (
        haaqi(reference, output, listener.audiogram_left, 24_000, level1)
        for level1 in (65 - 20 * np.log10(rms), 65.0)
    )
    assert ours["left"] == pytest.approx(right, abs=1e-9)
    assert abs(ours["left"] - wrong) > 0.005


def test_an_uncalibrated_set(copy: Path) -> None:
    """Impossible: a set that is quieter throughout is scored the same."""
    _, listeners = scenes_of(copy)
    found = []
    for factor in (0.1, 0.05):  # both too quiet for the amplified output to clip
        for part in ("mixture", *STEMS):
            path = next((copy / "audio/at_mic_music/valid").glob("*")) / f"{part}.wav"
            samples, _ = soundfile.read(path)
            scale = factor if factor == 0.1 else 0.5
            soundfile.write(path, scale * samples, RATE, subtype="FLOAT")
        folder = path.parent.name
        (scene,) = [s for s in scenes_of(copy)[0] if f"{s.song}-{s.head_position}" == folder][:1]
        listener = listeners[scene.listeners[0]]
        found.append(score(rendered(system_of(copy), scene, listener, "challenge")))
    assert found[0] == pytest.approx(found[1], abs=0.01)


def test_a_separator_of_another_level(pair: tuple[Scene, Listener], small_set: Path) -> None:
    """Impossible: the remix is brought to the mixture's loudness whatever the stems' level is."""
    scene, listener = pair
    usual = system_of(small_set)

    class Quiet:
        def separate(self, mixture: torch.Tensor) -> torch.Tensor:
            return usual.separator.separate(mixture) / 8

    quiet = replace(usual, separator=Quiet())
    expected = rendered(usual, scene, listener, "challenge").remix
    found = rendered(quiet, scene, listener, "challenge").remix
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


# --- the reference -----------------------------------------------------------------------------


def test_a_reference_that_moves_with_the_prescription(
    pair: tuple[Scene, Listener], small_set: Path
) -> None:
    """Impossible: the reference has the suite's prescription. It would show."""
    scene, listener = pair
    plain, compressed = (
        rendered(system_of(small_set, "oracle", prescription=name), scene, listener, "challenge")
        for name in ("nalr", "nalr-compressor")
    )
    assert torch.equal(plain.output_reference, compressed.output_reference)
    assert not torch.equal(plain.output, compressed.output)
    system = system_of(small_set, "oracle", prescription="nalr-compressor")
    own = system.amplify(compressed.remix_reference[None], [listener])[0]
    moved = replace(compressed, output_reference=own)
    assert score(moved) > score(compressed) + 0.005


def test_a_prescription_that_is_not_the_suites_is_named(small_set: Path) -> None:
    """Visible: in the row's name; and the baselines beside it stay with the suite's."""
    own = spec_of(small_set, "oracle", prescription="nalr-compressor")
    assert own.label == "oracle + fixed (nalr-compressor)"
    assert spec_of(small_set, "oracle", prescription="nalr").label == "oracle + fixed"
    suite = load_suite("cadenza-icassp-2024")
    beside = baseline_specs(installed(), suite, own)
    assert {spec.prescription.name for spec in beside} == {"nalr"}
    assert {spec.label for spec in beside} >= {"mixture + fixed", "oracle + fixed"}
    moved = replace(suite, reference_prescription="nalr-compressor")
    other = make_run_spec(
        installed(),
        moved,
        separator="oracle",
        gains="fixed",
        options={"dataset": {"root": str(small_set)}},
    )
    plain = spec_of(small_set, "oracle")
    assert other.run_id(installed(), {}) != plain.run_id(installed(), {})


# --- rates, lengths, clipping ------------------------------------------------------------------


def test_44100_hz_read_as_32000_hz(pair: tuple[Scene, Listener], small_set: Path) -> None:
    """Impossible: the output is made at 32 kHz, and a rendering says so. It would show."""
    scene, listener = pair
    system = system_of(small_set, "oracle")
    rendering = rendered(system, scene, listener, "challenge")
    assert rendering.output_rate == OUTPUT_RATE
    seconds = scene.frames / RATE
    assert rendering.output.shape[1] / OUTPUT_RATE == pytest.approx(seconds, abs=0.01)
    amplified = system.amplify(rendering.remix[None], [listener])[0]
    misread = replace(rendering, output=amplified.clamp(-1, 1))  # 44.1 kHz, taken for 32 kHz
    assert score(misread) < score(rendering) - 0.2


def test_a_file_of_another_rate(copy: Path) -> None:
    """Caught, with the file and both rates."""
    scene = scenes_of(copy)[0][0]
    path = copy / "audio/at_mic_music/valid" / f"{scene.song}-{scene.head_position}" / "bass.wav"
    samples, _ = soundfile.read(path)
    soundfile.write(path, samples, 32_000, subtype="PCM_16")
    with pytest.raises(BenchError, match=r"32000 Hz, expected 44100"):
        Excerpt.read(scenes_of(copy)[0][0])


def test_a_stem_of_another_length(copy: Path) -> None:
    """Caught, with both lengths."""
    scene = scenes_of(copy)[0][0]
    path = copy / "audio/at_mic_music/valid" / f"{scene.song}-{scene.head_position}" / "bass.wav"
    samples, _ = soundfile.read(path)
    soundfile.write(path, samples[:-1], RATE, subtype="PCM_16")
    with pytest.raises(BenchError, match=f"{scene.frames - 1} samples, the mixture {scene.frames}"):
        Excerpt.read(scenes_of(copy)[0][0])


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        (lambda x: x.new_zeros(1, 4, 2, x.shape[-1] - 1), "expected"),
        (lambda x: x.new_zeros(1, 4, x.shape[-1]), "expected"),
        (lambda x: x.new_full((1, 4, 2, x.shape[-1]), torch.nan), "not finite"),
    ],
    ids=["length", "mono", "nan"],
)
def test_a_separator_that_returns_something_else(
    small_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: Any, reason: str
) -> None:
    """Caught: every score of the scene is a failed row with the reason, never a zero."""
    rows = [
        row for row in rows_with(small_set, tmp_path, monkeypatch, part) if row["metric"] != "time"
    ]
    assert {row["status"] for row in rows} == {"failed"}
    assert all(row["value"] is None and reason in row["reason"] for row in rows)


def test_clipping_at_the_wrong_stage(pair: tuple[Scene, Listener], small_set: Path) -> None:
    """Impossible: clipped once, at 32 kHz, after all; the reference never. It would show."""
    scene, listener = pair
    system = system_of(small_set, "oracle")
    excerpt = Excerpt.read(scene)
    loud = replace(excerpt, mixture=4 * excerpt.mixture)  # clips for certain
    rendering = render(system, loud, excerpt.stems, listener, "challenge")
    amplified = system.amplify(rendering.remix[None], [listener])[0]
    assert float(rendering.output.abs().max()) == 1.0
    torch.testing.assert_close(rendering.output, to_output(amplified, RATE), rtol=0, atol=0)
    assert float(rendering.output_reference.abs().max()) > 1.0
    # Clipped before the prescription, or before resampling, it is another signal.
    early = to_output(system.amplify(rendering.remix[None].clamp(-1, 1), [listener])[0], RATE)
    before = to_output(amplified.clamp(-1, 1), RATE)
    assert not torch.equal(early, rendering.output)
    assert not torch.equal(before, rendering.output)


def test_nalr_twice(pair: tuple[Scene, Listener], small_set: Path) -> None:
    """Impossible: each listener's output is amplified once, from the remix. It would show."""
    scene, _ = pair
    listeners = scenes_of(small_set)[1]
    first, second = (listeners[name] for name in scene.listeners[:2])
    system = system_of(small_set, "oracle")
    excerpt = Excerpt.read(scene)
    stems = separate(system, excerpt)
    render(system, excerpt, stems, first, "challenge")
    after = render(system, excerpt, stems, second, "challenge")
    alone = rendered(system, scene, second, "challenge")
    assert torch.equal(after.output, alone.output)
    once = system.amplify(after.remix[None], [second])
    assert torch.equal(after.output, to_output(once[0], RATE))
    twice = replace(after, output=to_output(system.amplify(once, [second])[0], RATE))
    assert score(twice) < score(after) - 0.05


# --- the reference -----------------------------------------------------------------------------


def test_own_gains_on_the_reference(pair: tuple[Scene, Listener], small_set: Path) -> None:
    """Visible: only the protocol shared-gains does it, and a board never mixes the two."""
    scene, listener = pair
    asked, deaf = (system_of(small_set, "oracle", gains) for gains in ("fixed", "none"))
    official = rendered(asked, scene, listener, "challenge")
    own = rendered(deaf, scene, listener, "challenge")
    assert torch.equal(official.remix_reference, own.remix_reference)
    shared = rendered(deaf, scene, listener, "shared-gains")
    assert not torch.equal(shared.remix_reference, official.remix_reference)
    torch.testing.assert_close(shared.remix, shared.remix_reference, rtol=0, atol=0)
    specs = [spec_of(small_set, protocol=name) for name in ("challenge", "shared-gains")]
    plugins = installed()
    assert len({spec.run_id(plugins, {"valid": "same"}) for spec in specs}) == 2


def test_stems_that_do_not_sum_to_the_mixture(
    pair: tuple[Scene, Listener], small_set: Path
) -> None:
    """Impossible: the reference is made of the stems, and the mixture gives it its level alone."""
    scene, listener = pair
    excerpt = Excerpt.read(scene)
    silent = replace(scene, gains=(0.0, 0.0, 0.0, 0.0))
    flat = render(
        system_of(small_set, "oracle"),
        replace(excerpt, scene=silent), excerpt.stems, listener, "challenge",
    )  # fmt: skip
    total = excerpt.stems.double().sum(dim=0)
    direction = (flat.remix_reference * total).sum() / (flat.remix_reference.norm() * total.norm())
    assert float(direction) == pytest.approx(1.0, abs=1e-12)
    assert not torch.allclose(flat.remix_reference, excerpt.mixture.double(), atol=1e-3)


def test_a_moved_reference(copy: Path) -> None:
    """Impossible: a changed file is another set, and no score or stem of the old one is found."""
    plugins, spec = installed(), spec_of(copy)
    dataset = CadenzaDataset(CadenzaOptions(root=str(copy)))
    before = spec.run_id(plugins, spec.fingerprints(dataset))
    again = CadenzaDataset(CadenzaOptions(root=str(copy)))
    assert spec.run_id(plugins, spec.fingerprints(again)) == before
    path = next((copy / "audio/at_mic_music/valid").glob("*/vocals.wav"))
    samples, _ = soundfile.read(path, dtype="int16")
    soundfile.write(path, np.roll(samples, 5, axis=0), RATE, subtype="PCM_16")
    moved = CadenzaDataset(CadenzaOptions(root=str(copy)))
    assert spec.run_id(plugins, spec.fingerprints(moved)) != before


# --- what is scored, and what is ranked --------------------------------------------------------


def test_the_first_pairs_only(tmp_path: Path) -> None:
    """Impossible: a part of the pairs is spread over the whole split, and the label says so."""
    scenes = [
        Scene(f"s{i}", f"song {i // 4}", "h", (0, 0, 0, 0), ("A", "B"), audio=None)  # type: ignore[arg-type]
        for i in range(40)
    ]
    run = RunToScore("run", spec=None)  # type: ignore[arg-type]
    chosen = pairs_to_score(scenes, [run], Board(tmp_path), limit=10)
    songs = {scene.song for scene in scenes if scene.id in chosen}
    assert len(songs) == 10  # the first ten pairs are of two
    limited = spec_of(tmp_path, limit=10)
    assert limited.label.endswith("(10 pairs)")
    plugins = installed()
    assert limited.run_id(plugins, {}) != spec_of(tmp_path).run_id(plugins, {})


@pytest.mark.parametrize(
    ("weights", "trained_on", "reason"),
    [
        ("musdb", "", ""),
        ("musdb-plus", "", "its weights were trained on musdb18-test, private"),
        ("somewhere.pt", "", "the training data of its weights is not stated"),
        ("somewhere.pt", "musdb18-train, musdb18-test", "its weights were trained on musdb18-test"),
        ("somewhere.pt", "private", "its weights were trained on private"),
        ("somewhere.pt", "musdb18-train", ""),
    ],
)
def test_weights_that_were_trained_on_the_evaluation_songs(
    small_set: Path, weights: str, trained_on: str, reason: str
) -> None:
    """Visible: the row is shown and not ranked, with the reason."""
    options = {"separator": {"weights": weights, "trained_on": trained_on}}
    spec = spec_of(small_set, "hdemucs", options=options)
    assert spec.unranked_reason.startswith(reason)
    assert bool(spec.unranked_reason) == bool(reason)


def test_weights_that_were_trained_on_the_split_that_is_scored(small_set: Path) -> None:
    """Visible: what is fair on the valid split is not on the train split."""
    options = {"separator": {"weights": "musdb"}}
    assert spec_of(small_set, "hdemucs", options=options).unranked_reason == ""
    reason = spec_of(small_set, "hdemucs", split="train", options=options).unranked_reason
    assert reason == "its weights were trained on musdb18-train"


def test_training_on_the_songs_that_are_scored(copy: Path) -> None:
    """Visible: by split, and by song where two splits share some."""
    dataset = CadenzaDataset(CadenzaOptions(root=str(copy)))
    honest = spec_of(copy, gains="cnn")
    assert unranked_reason(honest, dataset) == ""
    cheat = spec_of(copy, gains="cnn", options={"training": {"split": "valid"}})
    assert "trained on 2 of the songs that it is scored on" in unranked_reason(cheat, dataset)
    # What does not train may be scored on any split.
    assert unranked_reason(spec_of(copy, split="train"), dataset) == ""
