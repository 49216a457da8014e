"""Whatever a plugin does, the rows of all others are what they are without it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import bench as library
from bench.board.schema import GAINS_METRIC, TIME_METRIC
from bench.evaluation.worker import Evaluator, RunToScore
from bench.plugins import Plugins, installed
from bench.plugins.process_state import Snapshot
from bench.spec.resolve import make_run_spec
from bench.spec.suite import parse_suite
from bench.testing import checks_for, find
from tests.helpers import misbehaving, noises
from tests.helpers.command_line import Bench
from tests.helpers.suites import WriteSuite

pytestmark = pytest.mark.usefixtures("quick_workers")

Scores = dict[tuple[str, str, str, str], float | str]


@pytest.fixture(scope="module")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plugins]:
    site = tmp_path_factory.mktemp("site")
    for module in (noises, misbehaving):
        noises.entry_point(site, module.__name__)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(site))
        installed.cache_clear()
        yield installed()
    installed.cache_clear()


Evaluate = Callable[..., Scores]


@pytest.fixture(scope="module")
def evaluate(plugins: Plugins) -> Evaluate:
    """Values by run, listener, metric and part, or why there are none, of a scene."""

    def call(*systems: str, metrics: tuple[str, ...] = ("lufs", "sdr"), limit: float = 0) -> Scores:
        suite = parse_suite(
            {
                "name": "noises",
                "dataset": {"name": "noises"},
                "evaluation": {"split": "valid", "metrics": list(metrics)},
                "defaults": {"loss": "mse"},
            },
            where="test",
        )
        runs = []
        for system in systems:
            named = system.split(" + ")
            separator, gains, prescription = [*named, *("", "fixed", "nalr")[len(named) :]]
            spec = make_run_spec(
                plugins, suite, separator=separator, gains=gains, prescription=prescription
            )
            runs.append(RunToScore(system, spec))
        evaluator = Evaluator(runs, plugins, time_limit=limit)
        evaluator.keep_nothing()
        rows = evaluator.evaluate("s0", {system: ["L1", "L2"] for system in systems})
        return {
            (run, row["listener"], row["metric"], row["part"]): (
                row["value"] if row["status"] == "ok" else row["reason"]
            )
            for run, found in rows.items()
            for row in found
            if row["metric"] not in (TIME_METRIC, GAINS_METRIC)
        }

    return call


GOOD = ("mixture + fixed", "oracle + fixed")


@pytest.fixture(scope="module")
def undisturbed(evaluate: Evaluate) -> Scores:
    return evaluate(*GOOD)


def of(scores: Scores, systems: tuple[str, ...]) -> Scores:
    return {key: value for key, value in scores.items() if key[0] in systems}


@pytest.mark.parametrize(
    ("system", "told"),
    [
        ("writes-mixture", "separator 'writes-mixture': it changed its input (mixture)"),
        ("writes-by-numpy", "changed its input (mixture)"),
        ("swaps-ears", "changed its input (mixture)"),
        ("writes-stems", "changed its input (stems)"),
        ("writes-data", "changed its input (mixture)"),
        ("writes-by-memory", "changed its input (mixture)"),
        ("frees-memory", "not resizable"),
        ("mixture + scales-stems", "gains 'scales-stems': it changed its input (stems)"),
        ("oracle + scales-stems", "changed its input (stems)"),
        ("mixture + fixed + in-place", "prescription 'in-place': it changed its input"),
    ],
)
def test_a_plugin_that_writes_into_what_it_is_given_fails_its_own_row_alone(
    evaluate: Evaluate, undisturbed: Scores, system: str, told: str
) -> None:
    # It comes first, so that all others would suffer.
    scores = evaluate(system, *GOOD)
    assert of(scores, GOOD) == undisturbed
    own = of(scores, (system,))
    assert len(own) == 4
    assert all(told in str(value) for value in own.values()), own


@pytest.mark.parametrize(
    "system",
    [
        *("view", "sets-defaults", "mixture + writes-request", "one-buffer"),
        *("keeps + writes-kept", "writes-later", "sets-the-process", "forks", "uses-processes"),
        "mixture + fixed + writes-audiogram",
        "view + scales-stems",
    ],
)
def test_what_it_returns_keeps_or_sets_changes_no_other_row(
    evaluate: Evaluate, undisturbed: Scores, system: str
) -> None:
    assert of(evaluate(system, *GOOD), GOOD) == undisturbed
    assert torch.get_default_dtype() == torch.float32
    assert torch.get_num_threads() >= 1
    assert np.geterr()["divide"] == "warn"


def test_stems_are_the_runs_own_though_a_separator_has_one_buffer(evaluate: Evaluate) -> None:
    alone = evaluate("one-buffer")
    both = evaluate("one-buffer", "one-buffer + none")
    assert of(both, ("one-buffer",)) == alone


def test_a_plugin_moves_no_generator_of_random_numbers(evaluate: Evaluate) -> None:
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()  # type: ignore[index]  # noqa: NPY002
    evaluate("sets-defaults", "one-buffer")
    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()  # type: ignore[index]  # noqa: NPY002
    assert after[:2] == before[:2]
    assert torch.equal(after[2], before[2])


@pytest.mark.parametrize(
    ("metric", "told"),
    [
        ("writes-output", "metric 'writes-output': it changed its input (output)"),
        ("writes-everything", "it changed its input (stems, stems reference, remix"),
        ("exits", "metric 'exits': it tried to end the program (SystemExit: enough)"),
        ("ends-process", "it tried to end the program (os._exit: 3)"),
        ("lazy-failure", "it tried to end the program (SystemExit: 1)"),
        ("sleeps", "metric 'sleeps': it took longer than 0.2 s"),
        ("stubborn", "metric 'stubborn': it took longer than 0.2 s"),
        ("writes-listener", ""),
        ("writes-scene", "it changed its input (stems)"),
        ("keeps-rendering", ""),
        ("writes-in-thread", ""),
        ("changes-folder", ""),
        ("prints", ""),
    ],
)
def test_a_metric_costs_no_other_metric_and_no_other_system(
    evaluate: Evaluate,
    undisturbed: Scores,
    capfd: pytest.CaptureFixture[str],
    metric: str,
    told: str,
) -> None:
    folder = Path.cwd()
    limit = 0.2 if "took longer" in told else 0
    scores = evaluate(*GOOD, metrics=("lufs", metric, "sdr"), limit=limit)
    assert {key: value for key, value in scores.items() if key[2] != metric} == undisturbed
    own = [value for key, value in scores.items() if key[2] == metric]
    assert len(own) == 4
    if metric != "writes-in-thread":  # whether that is noticed at once is chance
        assert all(told in str(value) if told else value == 1.0 for value in own), own
    assert Path.cwd() == folder
    assert capfd.readouterr().out == ""


@pytest.mark.usefixtures("plugins")
@pytest.mark.parametrize(
    ("kind", "name", "told"),
    [
        *(("separator", name, "inputs-untouched") for name in ("writes-mixture", "writes-data")),
        *(("separator", n, "inputs-untouched") for n in ("writes-by-numpy", "writes-by-memory")),
        *(("separator", name, "inputs-untouched") for name in ("swaps-ears", "writes-stems")),
        ("separator", "one-buffer", "global-state"),
        ("separator", "sets-defaults", "global-state"),
        ("separator", "sets-the-process", "global-state"),
        ("gains", "scales-stems", "inputs-untouched"),
        ("prescription", "in-place", "inputs-untouched"),
        ("loss", "writes-reference", "inputs-untouched"),
        ("loss", "sleeps-in-training", "shape"),
        ("loss", "exits-backward", "gradients"),
        *(("metric", name, "inputs-untouched") for name in ("writes-output", "writes-everything")),
        *(("metric", name, "shape") for name in ("exits", "ends-process", "lazy-failure")),
        *(("metric", name, "shape") for name in ("sleeps", "stubborn")),
        ("metric", "changes-folder", "global-state"),
    ],
)
def test_what_the_checks_catch_a_run_survives(
    kind: str, name: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    never_ends = name in ("sleeps", "stubborn", "sleeps-in-training")
    monkeypatch.setattr("bench.testing.check.LIMIT", 1.0 if never_ends else 60.0)
    before = Snapshot.now(generators=True)
    (check,) = (check for check in checks_for(kind) if check.name == told)
    result = check.run(find(installed(), kind, name))
    assert result.status == "failed", result.got
    # What a plugin adds to the path stays, at its end.
    assert {setting.name for setting, _ in before.changed()} <= {"sys.path"}


# --- by the command line ------------------------------------------------------------------------


@pytest.fixture
def suite(tmp_path: Path) -> Callable[..., Path]:
    def write(*metrics: str) -> Path:
        path = tmp_path / "noises.toml"
        listed = ", ".join(f'"{name}"' for name in ("lufs", *metrics))
        path.write_text(
            f'name = "noises"\n[dataset]\nname = "noises"\n'
            f'[evaluation]\nsplit = "valid"\nmetrics = [{listed}]\n'
            '[ranking]\nbaseline = "mixture + fixed"\n'
        )
        return path

    return write


@pytest.mark.usefixtures("plugins")
@pytest.mark.parametrize(
    ("metric", "told"),
    [("kills", "its worker process died (SIGKILL"), ("blocks", "its worker process died")],
)
def test_one_that_ends_or_blocks_its_process_fails_its_scene_with_the_reason(
    suite: Callable[..., Path], tmp_path: Path, metric: str, told: str
) -> None:
    done = library.run(
        suite=suite(metric), separator="mixture", out=tmp_path / "board", workers=1, limit=1,
        time_limit=1.0, baselines=False,
    )  # fmt: skip
    assert not done.outcome.ok
    scores = done.board.scores(metric=metric)
    assert len(scores) == 1
    assert told in scores.reason[0]


@pytest.mark.usefixtures("plugins")
@pytest.mark.parametrize("how", ["writes", "exits", "moves", "prints", "sleeps"])
def test_an_observer_changes_neither_rows_nor_folder_nor_standard_output(
    suite: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    how: str,
    bench: Bench,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(misbehaving.OBSERVES, how)
    monkeypatch.setattr("bench.plugins.catalogue.OBSERVER_LIMIT", 0.5)
    monkeypatch.setattr("bench.spec.run.RunSpec.has_strangers", lambda spec, plugins: False)
    arguments = ["--suite", str(suite("prints")), "--separator", "mixture", "--out", "board"]
    more = ["--no-baselines", "--no-report", "--workers", "1", "--format", "csv", "--limit", "2"]
    assert bench("run", *arguments, *more) == 0
    printed = capfd.readouterr().out
    assert printed.startswith("rank,") or printed.splitlines()[0].count(",") > 5
    assert "scored" not in printed
    assert "by " not in printed
    assert Path.cwd() == tmp_path
    assert len(library.Board(tmp_path / "board").scores(metric="lufs")) == 2


@pytest.mark.usefixtures("plugins")
def test_a_dataset_that_ends_the_program_is_an_error(
    suite: Callable[..., Path], tmp_path: Path, bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    path = suite()
    path.write_text(
        path.read_text().replace('name = "noises"\n[eval', 'name = "exits-asked"\n[eval')
    )
    arguments = ("--suite", path, "--separator", "mixture", "--out", tmp_path / "board")
    assert bench("run", *arguments, "--no-baselines") == 2
    assert "dataset 'exits-asked': it tried to end the program" in capsys.readouterr().err
    assert not (tmp_path / "board").exists()


@pytest.mark.usefixtures("plugins")
@pytest.mark.parametrize(
    ("loss", "told"),
    [
        ("writes-reference", "loss 'writes-reference': it changed its input (reference)"),
        ("kills-training", "its worker process died (SIGKILL"),
        ("sleeps-in-training", "loss 'sleeps-in-training': it took longer than 1 s"),
        ("exits-backward", "it tried to end the program (SystemExit: enough)"),
    ],
)
def test_a_loss_that_misbehaves_stops_its_run_alone(
    small_suite: WriteSuite, tmp_path: Path, loss: str, told: str
) -> None:
    done = library.run(
        suite=small_suite(loss=loss), separator="mixture", gains="cnn",
        out=tmp_path / "board", workers=1, limit=1, time_limit=1.0,
    )  # fmt: skip
    (reason,) = done.outcome.stopped.values()
    assert told in reason
    assert sorted(done.board.runs().status) == ["done", "failed"]
