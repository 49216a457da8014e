"""Which system a worker scores, and whose stems it takes for a run's."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from bench.api import DatasetSpec, MetricSpec, SeparatorSpec, option
from bench.errors import BenchError
from bench.evaluation import worker
from bench.evaluation.worker import Evaluator, Expected, RunToScore
from bench.plugins import Plugins, Registered, installed
from bench.spec.resolve import make_run_spec
from bench.spec.suite import parse_suite
from bench.system.system import build_system
from bench.system.weights import save_weights
from tests.helpers.noises import Level, Noise, Noises

WORTH_KEEPING = worker.WORTH_KEEPING


class Songs(Noises):
    splits = ("train", "valid")


@dataclass(frozen=True)
class Options:
    scale: float = option(0.25, "of the mixture, that each stem is")
    weights: str = option("", "a file", weights=True, path=True)


class Scaled(nn.Module):
    """Each stem is the mixture at an option's scale; notes when it separates, and in which mode."""

    called: ClassVar[list[bool]] = []

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.scale = options.scale

    def separate(self, mixture: Tensor, *stems: Tensor) -> Tensor:
        self.called.append(self.training)
        return self.scale * mixture[:, None].repeat(1, 4, 1, 1)


class Edited(Registered[Any]):
    """A plugin whose code is what a test says."""

    code = "first"

    @property
    def source(self) -> str:
        return self.code


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plugins:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(worker, "WORTH_KEEPING", -1.0)  # stems of any separator
    Scaled.called.clear()
    own: dict[str, Any] = {"target": f"{__name__}:Scaled", "summary": "", "options": Options}
    songs, level = f"{__name__}:Songs", f"{Level.__module__}:Level"
    more: list[Registered[Any]] = [
        Registered(DatasetSpec(name="songs", target=songs, summary=""), "tests", "1"),
        Registered(MetricSpec(name="level", target=level, summary=""), "tests", "1"),
        Edited(SeparatorSpec(name="scaled", **own), "tests", "1"),
        Edited(SeparatorSpec(name="reads", reads_stems=True, **own), "tests", "1"),
        Edited(SeparatorSpec(name="learns", trainable=True, **own), "tests", "1"),
    ]
    return installed().adding(more)


def to_score(plugins: Plugins, separator: str, gains: str = "fixed", **own: Any) -> RunToScore:
    suite = parse_suite(
        {
            "name": "songs",
            "dataset": {"name": "songs"},
            "evaluation": {"split": "valid", "metrics": ["level"]},
            "defaults": {"loss": "mse"},
        },
        where="test",
    )
    options = {"separator": own}
    spec = make_run_spec(plugins, suite, separator=separator, gains=gains, options=options)
    return RunToScore("run", spec)


def values(plugins: Plugins, run: RunToScore, scene: str = "s0", **how: Any) -> dict[str, float]:
    """Each value of a pair by metric and part, but for its seconds."""
    evaluator = Evaluator([run], plugins, strict=True, **how)
    rows = evaluator.evaluate(scene, {"run": ["L1"]})["run"]
    return {f"{r['metric']} {r['part']}": r["value"] for r in rows if r["metric"] != "time"}


def separated(plugins: Plugins, separator: str = "scaled", scene: str = "s0", **how: Any) -> int:
    """How often a separator is asked for the stems of a scene: 0 where kept ones are used."""
    fresh = how.pop("fresh", False)
    before = len(Scaled.called)
    values(plugins, to_score(plugins, separator, **how), scene, fresh=fresh)
    return len(Scaled.called) - before


def test_a_trained_run_is_scored_with_its_weights(plugins: Plugins, tmp_path: Path) -> None:
    bare = to_score(plugins, "oracle", "cnn")
    trained = build_system(bare.spec, plugins)
    trained.load_state({name: tensor + 0.01 for name, tensor in trained.state().items()})
    save_weights(tmp_path / "w.safetensors", trained.state())
    trained.train(False)
    listener, requested = Noises().listeners("valid")["L1"], torch.tensor([[3.0, -3.0, 0.0, 1.0]])
    with torch.inference_mode():
        gains = trained.gains(torch.zeros(1, 4, 2, 100), requested, [listener])
    found = values(plugins, replace(bare, weights=tmp_path / "w.safetensors"))
    logged = [value for name, value in found.items() if name.startswith("gains ")]
    assert max(map(abs, logged)) > 0.01  # without its weights they are 0
    assert logged == pytest.approx(gains.flatten().tolist())


def test_networks_are_in_evaluation_mode(plugins: Plugins) -> None:
    values(plugins, to_score(plugins, "scaled"))
    assert Scaled.called == [False]


def test_systems_that_have_a_separator_share_its_stems(plugins: Plugins) -> None:
    assert separated(plugins) == 1
    assert separated(plugins) == 0
    assert separated(plugins, gains="none") == 0
    assert separated(plugins, scene="s1") == 1
    assert separated(plugins, fresh=True) == 1


def test_other_options_or_weights_are_other_stems(plugins: Plugins, tmp_path: Path) -> None:
    weights = tmp_path / "w.bin"
    weights.write_bytes(b"one")
    assert separated(plugins) == 1
    assert separated(plugins, scale=0.5) == 1
    assert separated(plugins, weights=str(weights)) == 1
    assert separated(plugins, weights=str(weights)) == 0
    weights.write_bytes(b"two")
    assert separated(plugins, weights=str(weights)) == 1
    assert separated(plugins, scale=0.25) == 0  # the first ones
    quiet, loud = (to_score(plugins, "scaled", scale=scale) for scale in (0.25, 0.5))
    assert quiet.spec.separator.canonical() != loud.spec.separator.canonical()


def test_edited_code_is_other_stems(plugins: Plugins, monkeypatch: pytest.MonkeyPatch) -> None:
    assert separated(plugins) == 1
    monkeypatch.setattr(Edited, "code", "second")
    assert separated(plugins) == 1
    assert separated(plugins) == 0
    monkeypatch.setattr(worker, "code_hash", lambda: "of another bench")
    assert separated(plugins) == 1


@pytest.mark.parametrize("separator", ["reads", "learns"])
def test_stems_of_an_oracle_or_of_a_trained_separator_are_not_kept(
    plugins: Plugins, separator: str
) -> None:
    for _ in range(2):
        assert separated(plugins, separator) == 1


@pytest.mark.parametrize(("frames", "expected"), [(60 * 100, True), (60 * 100 - 1, False)])
def test_a_minute_is_long(frames: int, expected: bool) -> None:
    [scene, *_] = Noises().scenes("valid")
    audio = Noise("s0", sample_rate=100, frames=frames)
    assert worker.is_long(replace(scene, audio=audio)) is expected


@pytest.mark.parametrize(("seconds", "is_kept"), [(0.026, True), (0.024, False)])
def test_stems_are_kept_where_separating_takes_a_twentieth_of_the_time(
    plugins: Plugins, monkeypatch: pytest.MonkeyPatch, seconds: float, is_kept: bool
) -> None:
    """Of half a second of audio."""
    monkeypatch.setattr(worker, "WORTH_KEEPING", WORTH_KEEPING)
    clock = iter([1.0, 1.0 + seconds])
    monkeypatch.setattr(time, "thread_time", lambda: next(clock))
    evaluator = Evaluator([to_score(plugins, "scaled")], plugins, strict=True, fresh=True)
    kept: list[str] = []
    monkeypatch.setattr(evaluator._separations, "put", lambda key, stems: kept.append(key))
    assert not evaluator.keeps_stems("run")
    evaluator.evaluate("s0", {"run": ["L1"]})
    assert evaluator.keeps_stems("run") is is_kept
    assert bool(kept) is is_kept


def test_a_call_may_take_what_is_said_or_what_suits_the_scene(
    plugins: Plugins, monkeypatch: pytest.MonkeyPatch
) -> None:
    allowed: list[float] = []

    def limited(seconds: float) -> Any:
        allowed.append(seconds)
        return nullcontext()

    monkeypatch.setattr(worker, "limited", limited)
    monkeypatch.setattr(worker, "time_limit", lambda spec, seconds, known: 1000 + seconds)
    for limit, expected in ((None, 1000.5), (7.0, 7.0), (0.0, 0.0)):
        allowed.clear()
        values(plugins, to_score(plugins, "scaled"), time_limit=limit)
        assert allowed == [expected] * 2  # for the separator, and for the rest of a pair


def test_what_is_made_of_something_else_here_is_refused(plugins: Plugins) -> None:
    spec = to_score(plugins, "scaled").spec
    data = spec.fingerprints(Songs())
    identity = spec.run_id(plugins, data)
    Expected(identity, data).check(spec, plugins)
    Expected(identity, data, is_elsewhere=True).check(spec, plugins)
    with pytest.raises(BenchError, match="its code or files differ"):
        Expected("r0", data).check(spec, plugins)
    other = {"valid": "of another set"}
    with pytest.raises(BenchError, match="the data of split valid differ"):
        Expected(identity, other, is_elsewhere=True).check(spec, plugins)
    # On one machine the same files are read.
    with pytest.raises(BenchError, match="its code or files differ"):
        Expected(identity, other).check(spec, plugins)


def test_files_of_scenes_to_come_are_read_ahead(plugins: Plugins) -> None:
    evaluator = Evaluator([to_score(plugins, "scaled")], plugins)
    ahead: list[str] = []

    class Slow(Noise):
        def prefetch(self) -> None:
            ahead.append(self.scene)

    evaluator.scenes = {
        name: replace(scene, audio=Slow(name) if name != "s1" else scene.audio)
        for name, scene in evaluator.scenes.items()
    }
    evaluator.prefetch(["s2", "s1", "s0"])
    assert ahead == ["s2", "s0"]


def test_a_plugin_that_fails_to_separate_costs_its_run_alone(
    plugins: Plugins, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = (replace(to_score(plugins, name), run_id=name) for name in ("scaled", "learns"))
    evaluator = Evaluator([bad, good], plugins)

    def fails(*given: Any) -> Tensor:
        raise ValueError("too little memory")

    monkeypatch.setattr(evaluator._systems["learns"].separator, "separate", fails)
    found = evaluator.evaluate("s0", {"learns": ["L1", "L2"], "scaled": ["L2"]})
    assert [(r["listener"], r["status"]) for r in found["learns"]] == [
        ("L1", "failed"),
        ("L2", "failed"),
    ]
    assert "too little memory" in found["learns"][0]["reason"]
    scores = [row for row in found["scaled"] if row["metric"] == "level"]
    assert [(row["listener"], row["status"]) for row in scores] == [("L2", "ok")]
    strict = Evaluator([bad], plugins, strict=True)
    monkeypatch.setattr(strict._systems["learns"].separator, "separate", fails)
    with pytest.raises(ValueError, match="too little memory"):
        strict.evaluate("s0", {"learns": ["L1"]})
