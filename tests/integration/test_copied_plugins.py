"""A built-in plugin has no privilege: a copy under another name, from another package, is the same.

The copies differ in name and distribution alone. What the harness knows of a plugin it must know
from its spec, so that scores, leaderboard, notes, effects, what is skipped and the report agree.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import pytest
import torch

import bench
from bench.board.schema import PROFILE_METRIC, TIME_METRIC
from bench.commands.runs import RunResult
from bench.plugins import KINDS, installed
from bench.plugins.front_ends import load_predictor
from bench.system import system as system_module
from tests.helpers.suites import WriteSuite

pytestmark = pytest.mark.usefixtures("quick_workers")

PACKAGE = '''
"""Every built-in plugin as ``copy-NAME``."""

from dataclasses import replace

import bench.system.system
from bench.api import hookimpl
from bench.builtin import datasets, front_ends, gains, losses, metrics, prescriptions, separators

# Initial weights are drawn by a plugin's name; here they shall be the same, in every process.
bench.system.system.derive = lambda seed, *names: seed


def copies(specs):
    return [
        replace(spec, name="copy-" + spec.name, formerly=(), **predicted(spec)) for spec in specs
    ]


def predicted(spec):
    return {"predicts": "copy-" + spec.predicts} if getattr(spec, "predicts", "") else {}


def copied(register):
    return hookimpl(lambda: copies(register()))


register_datasets = copied(datasets.register_datasets)
register_front_ends = copied(front_ends.register_front_ends)
register_gains = copied(gains.register_gains)
register_losses = copied(losses.register_losses)
register_metrics = copied(metrics.register_metrics)
register_prescriptions = copied(prescriptions.register_prescriptions)
register_separators = copied(separators.register_separators)
'''
BUILT_IN = {
    f"bench.builtin.{kind}"
    for kind in (
        "datasets",
        "front_ends",
        "gains",
        "losses",
        "metrics",
        "prescriptions",
        "separators",
    )
}
METRICS = ("haaqi", "sdr", "lufs", "clipping", "haaqi-light")


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package of copies, installed."""
    site = tmp_path / "site"
    about = site / "copies-1.0.dist-info"
    about.mkdir(parents=True)
    (site / "copies.py").write_text(PACKAGE, encoding="utf-8")
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: copies\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[bench]\ncopies = copies\n")
    monkeypatch.syspath_prepend(str(site))
    # The package sets another in this process and in each that trains; it is set back in this one.
    monkeypatch.setattr(system_module, "derive", system_module.derive)
    installed.cache_clear()
    yield
    installed.cache_clear()


def ablation(write: WriteSuite, out: Path, copy: str, separators: Sequence[str]) -> RunResult:
    path = write(
        metrics=[copy + name for name in METRICS],
        loss=f"{copy}mse",
        baselines=[f"{copy}mixture + {copy}fixed"],
    )
    text = path.read_text(encoding="utf-8").replace('"cadenza"', f'"{copy}cadenza"')
    text = text.replace("[defaults]", f'[defaults]\nprescription = "{copy}nalr"')
    path.write_text(text, encoding="utf-8")
    return bench.ablate(
        suite=path,
        separator=[copy + name for name in separators],
        gains=[f"{copy}fixed", f"{copy}cnn"],
        out=out,
        workers=1,
        report=True,
    )


def plain(text: object) -> str:
    """A text without what a name, an id or a clock changes."""
    text = str(text).replace("copies/", "").replace("copy-", "").replace("copies", "bench-hearing")
    text = re.sub(r"\b\d\d:\d\d(:\d\d)?\b", "TIME", text)
    return re.sub(r"\br[0-9a-f]{12}\b", "RUN", text)


def scores(result: RunResult) -> pd.DataFrame:
    labels = {run.run_id: plain(run.spec.label) for run in result.runs}
    table = result.board.scores()
    table = table[~table["metric"].isin([TIME_METRIC, PROFILE_METRIC])]
    table = table.assign(run=table["run_id"].map(labels), metric=table["metric"].map(plain))
    keys = ["run", "scene", "listener", "metric", "part"]
    return table.set_index(keys)["value"].sort_index()


def words(page: Path | None) -> list[str]:
    """The texts of a report, without its figures and its account of each run."""
    assert page is not None
    html = re.sub(r"(?s)<(svg|style|script|details)\b.*?</\1>", "", page.read_text("utf-8"))
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "\n", plain(html))).split(" ")


@pytest.mark.usefixtures("copied")
@pytest.mark.parametrize(
    "separators",
    [("hdemucs-ft",), pytest.param(("mixture", "hdemucs-ft"), marks=pytest.mark.slow)],
    ids=" ".join,
)
def test_copies_behave_as_the_originals(
    small_suite: WriteSuite, tmp_path: Path, separators: Sequence[str]
) -> None:
    for kind in KINDS.values():
        names = {item.spec.name for item in installed().all(kind.spec)}
        own = {item.spec.name for item in installed().all(kind.spec) if item.module in BUILT_IN}
        assert own
        assert {f"copy-{name}" for name in own} <= names
    first, second = (
        ablation(small_suite, tmp_path / f"{copy}board", copy, separators) for copy in ("", "copy-")
    )
    assert first.outcome.ok
    assert second.outcome.ok
    pd.testing.assert_series_equal(scores(first), scores(second), check_exact=True)
    assert len(scores(first)) > 50 * len(separators)
    for format in ("csv", "markdown"):
        one, other = (bench.render(result.leaderboard, format) for result in (first, second))
        assert plain(other) == plain(one)
    assert [plain(note) for note in second.leaderboard.notes] == [
        plain(note) for note in first.leaderboard.notes
    ]
    assert [plain(effect) for effect in second.effects] == [plain(one) for one in first.effects]
    assert [plain(one) for one in second.skipped] == [plain(one) for one in first.skipped]
    assert words(second.report) == words(first.report)


@pytest.mark.usefixtures("copied")
def test_a_copied_front_end_predicts_the_same() -> None:
    reference = torch.randn(1, 24_000, generator=torch.Generator().manual_seed(1)) / 10
    audiogram = torch.full((1, 8), 30.0)
    one, other = (
        load_predictor(name).score(
            reference.clamp(-0.1, 0.1), audiogram, torch.full((1,), 80.0), 24_000, reference
        )
        for name in ("haaqi-light", "copy-haaqi-light")
    )
    torch.testing.assert_close(one, other, rtol=0, atol=0)
    assert 0 < float(one) < 1
