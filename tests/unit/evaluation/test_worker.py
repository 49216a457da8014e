"""Which system a worker scores, and whose stems it takes for a run's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from bench.api import DatasetSpec, MetricSpec, SeparatorSpec, option
from bench.evaluation import worker
from bench.evaluation.worker import Evaluator, RunToScore
from bench.plugins import Plugins, Registered, installed
from bench.spec.resolve import make_run_spec
from bench.spec.suite import parse_suite
from bench.system.system import build_system
from bench.system.weights import save_weights
from tests.helpers.noises import Level, Noises


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
