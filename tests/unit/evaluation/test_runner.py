"""Scenes are scored by several processes, each pair once, whatever happens to a process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bench.api import Scene
from bench.board.store import Board
from bench.evaluation import runner
from bench.evaluation.runner import (
    _FirstScenes,
    chosen_pairs,
    evaluate_runs,
    pairs_to_score,
)
from bench.evaluation.worker import RunToScore, SceneJob
from bench.plugins import Plugins, installed
from bench.runtime.executors import WorkerDiedError
from bench.spec.resolve import make_run_spec
from bench.spec.suite import parse_suite
from tests.helpers.noises import ENDS, FAILS, LISTENERS, SCENES, Noises, entry_point

UNKNOWN: Any = None


def scenes(count: int, listeners: Sequence[str] = ("L1", "L2")) -> list[Scene]:
    return [
        Scene(f"s{i}", f"song {i}", "h", (0, 0, 0, 0), tuple(listeners), audio=UNKNOWN)
        for i in range(count)
    ]


def score(scene: str, listener: str = "L1", value: float | None = 0.5) -> dict[str, Any]:
    status = "failed" if value is None else "ok"
    return {"listener": listener, "metric": "haaqi", "part": "mean", "value": value} | {
        "scene": scene,
        "status": status,
    }


def test_all_pairs_are_chosen_without_a_limit() -> None:
    everything = {f"s{i}": ["L1", "L2"] for i in range(3)}
    for limit in (None, 0, 6, 100):
        assert chosen_pairs(scenes(3), limit) == everything


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 10, 19])
def test_a_limit_is_spread_evenly(limit: int) -> None:
    found = chosen_pairs(scenes(10), limit)
    places = [2 * int(scene[1:]) + int(who == "L2") for scene in found for who in found[scene]]
    assert len(places) == limit
    assert places == sorted(set(places))
    # Between two of them, and after the last, are as many pairs as between any others.
    steps = {b - a for a, b in zip(places, [*places[1:], 20], strict=True)}
    assert steps <= {20 // limit, -(-20 // limit)}


def test_what_is_scored_by_all_runs_is_left_out(tmp_path: Path) -> None:
    runs = [RunToScore(name, spec=UNKNOWN) for name in ("ra", "rb")]
    board = Board(tmp_path)
    everything = pairs_to_score(scenes(3), runs, board)
    both = {"ra": ["L1", "L2"], "rb": ["L1", "L2"]}
    assert everything == {"s0": both, "s1": both, "s2": both}
    for run, scene in (("ra", "s0"), ("rb", "s0"), ("ra", "s1")):
        board.append_scores(run, scene, [score(scene)])
    # A scene of which something failed is scored again.
    board.append_scores("rb", "s2", [score("s2"), score("s2", "L2", None)])
    assert pairs_to_score(scenes(3), runs, board) == {"s1": {"rb": ["L1", "L2"]}, "s2": both}


def test_a_limit_counts_what_is_scored(tmp_path: Path) -> None:
    run, board = RunToScore("ra", spec=UNKNOWN), Board(tmp_path)
    assert list(pairs_to_score(scenes(10), [run], board, 5)) == ["s0", "s2", "s4", "s6", "s8"]
    board.append_scores("ra", "s0", [score("s0")])
    assert list(pairs_to_score(scenes(10), [run], board, 5)) == ["s2", "s4", "s6", "s8"]


# --- with processes ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plugins]:
    site = tmp_path_factory.mktemp("site")
    entry_point(site)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(site))
        installed.cache_clear()
        yield installed()
    installed.cache_clear()


@pytest.fixture(scope="module")
def runs(plugins: Plugins) -> list[RunToScore]:
    suite = parse_suite(
        {
            "name": "noises",
            "dataset": {"name": "noises"},
            "evaluation": {"split": "valid", "metrics": ["level"]},
            "defaults": {"loss": "mse"},
        },
        where="test",
    )
    return [
        RunToScore(f"r{gains}", make_run_spec(plugins, suite, separator="oracle", gains=gains))
        for gains in ("none", "fixed")
    ]


Pairs = dict[str, dict[str, list[str]]]


@pytest.fixture(scope="module")
def evaluated(
    plugins: Plugins,
    runs: list[RunToScore],
    quick_workers: None,
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., pd.DataFrame]:
    """All scores, or those of `todo`, as rows sorted by run, scene and listener."""

    def call(workers: int, todo: Pairs | None = None, **more: Any) -> pd.DataFrame:
        board = Board(tmp_path_factory.mktemp("board"))
        if todo is None:
            todo = pairs_to_score(Noises().scenes("valid"), runs, board)
        evaluate_runs(runs, todo, board, plugins, workers=workers, **more)
        frame = board.scores(metric="level")
        return frame.sort_values(["run_id", "scene", "listener"], ignore_index=True)

    return call


@pytest.fixture(scope="module")
def whole(evaluated: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    return evaluated(1)


def pairs_of(frame: pd.DataFrame) -> set[tuple[str, str, str]]:
    return set(zip(frame.run_id, frame.scene, frame.listener, strict=True))


EVERYTHING = {
    (run, scene, who) for run in ("rnone", "rfixed") for scene in SCENES for who in LISTENERS
}


def test_neither_order_nor_the_number_of_workers_matters(
    evaluated: Callable[..., pd.DataFrame], whole: pd.DataFrame
) -> None:
    assert len(whole) == len(EVERYTHING)
    assert pairs_of(whole) == EVERYTHING
    assert set(whole.status) == {"ok"}
    assert whole.value.nunique() == len(whole)  # each pair is told from the others
    both = {"rfixed": list(LISTENERS), "rnone": list(LISTENERS)}
    backwards = dict.fromkeys(reversed(SCENES), both)
    for workers in (1, 2):
        pd.testing.assert_frame_equal(evaluated(workers, backwards), whole)


def test_only_the_pairs_that_are_asked_for_are_scored(
    evaluated: Callable[..., pd.DataFrame], whole: pd.DataFrame
) -> None:
    todo = {"s3": {"rfixed": ["L2"]}, "s1": {"rnone": ["L1"], "rfixed": ["L1", "L2"]}}
    found = evaluated(1, todo)
    wanted = [("rfixed", "s1", "L1"), ("rfixed", "s1", "L2"), ("rfixed", "s3", "L2")]
    wanted.append(("rnone", "s1", "L1"))
    keys = ["run_id", "scene", "listener"]
    assert list(found[keys].itertuples(index=False, name=None)) == wanted
    expected = whole.set_index(keys).value[pd.MultiIndex.from_tuples(wanted)]
    assert list(found.value) == list(expected)


def test_a_worker_that_dies_costs_its_scene_alone(
    evaluated: Callable[..., pd.DataFrame], whole: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENDS, "s2")
    found = evaluated(2)
    failed = found[found.status == "failed"]
    assert pairs_of(failed) == {key for key in EVERYTHING if key[1] == "s2"}
    assert failed.value.isna().all()
    assert failed.reason.str.contains("its worker process died (SIGKILL", regex=False).all()
    scored = found[found.status == "ok"].reset_index(drop=True)
    expected = whole[whole.scene != "s2"].reset_index(drop=True)
    pd.testing.assert_frame_equal(scored, expected)


def test_a_scene_that_cannot_be_read_costs_itself_alone(
    evaluated: Callable[..., pd.DataFrame], whole: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FAILS, "s1")
    found = evaluated(1)
    failed = found[found.status == "failed"]
    assert pairs_of(failed) == {key for key in EVERYTHING if key[1] == "s1"}
    (reason,) = set(failed.reason)
    assert reason.startswith("OSError: no mixture of s1 (tests/helpers/noises.py:")
    scored = found[found.status == "ok"].reset_index(drop=True)
    pd.testing.assert_frame_equal(scored, whole[whole.scene != "s1"].reset_index(drop=True))


class Told:
    """Notes the stages and their steps."""

    def __init__(self) -> None:
        self.stages: list[tuple[str, int]] = []
        self.steps: list[tuple[str, int]] = []

    @contextmanager
    def stage(self, title: str, total: int) -> Iterator[Callable[[str, int], None]]:
        self.stages.append((title, total))
        yield lambda note, done: self.steps.append((note, done))


def test_progress_counts_pairs(
    evaluated: Callable[..., pd.DataFrame],
) -> None:
    told = Told()
    evaluated(1, {"s0": {"rnone": ["L1"], "rfixed": ["L1", "L2"]}, "s4": {"rnone": ["L2"]}},
              progress=told)  # fmt: skip
    assert told.stages == [("scoring", 4)]
    assert told.steps == [("s0", 3), ("s4", 1)]


def test_observers_are_told_of_each_scene(
    evaluated: Callable[..., pd.DataFrame], plugins: Plugins, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[Mapping[str, Any]] = []
    monkeypatch.setattr(plugins, "notify", lambda hook, **more: said.append({"hook": hook, **more}))
    evaluated(1, {"s0": {"rnone": ["L2"]}})
    (one,) = said
    assert (one["hook"], one["run_id"], one["scene"]) == ("scene_scored", "rnone", "s0")
    assert {row["listener"] for row in one["rows"]} == {"L2"}


def test_nothing_to_do_makes_nothing(tmp_path: Path, plugins: Plugins) -> None:
    board, told = Board(tmp_path / "board"), Told()
    evaluate_runs([], {}, board, plugins, workers=2, progress=told)
    assert told.stages == []
    assert not board.path.exists()


def test_a_run_that_was_killed_before_its_parts_became_one_file(
    runs: list[RunToScore], plugins: Plugins, tmp_path: Path
) -> None:
    board = Board(tmp_path)
    for run in runs:
        board.append_scores(run.run_id, "s0", [score("s0")])
    evaluate_runs(runs, {}, board, plugins, workers=1)
    for run in runs:
        assert [path.name for path in board.score_files(run.run_id)] == ["scores.parquet"]


def seen(*reasons: str, run: str = "ra") -> dict[str, str]:
    """What is stopped after scenes that failed for these reasons; empty is a success."""
    first = _FirstScenes()
    for number, reason in enumerate(reasons):
        row = {"metric": "haaqi", "status": "failed" if reason else "ok", "reason": reason}
        seconds = {"metric": "time", "status": "ok", "reason": ""}
        first.see(run, f"s{number}", [row, seconds])
    return first.stopped


def test_a_run_of_which_three_scenes_fail_alike_is_stopped() -> None:
    reason = "ValueError: no weights (plugin.py:3)"
    assert seen(reason, reason) == {}
    stopped = f"stopped because its first 3 scenes all failed: {reason}"
    assert seen(reason, reason, reason) == seen(*[reason] * 4) == {"ra": stopped}
    # The name of the scene is no difference.
    named = [f"OSError: no audio of s{number} (x.py:1)" for number in range(3)]
    assert set(seen(*named)) == {"ra"}


@pytest.mark.parametrize(
    "reasons",
    [
        ("A: a", "A: a", "B: b"),
        ("A: a", "B: b", "B: b"),
        ("", "A: a", "A: a", "A: a"),
        ("A: a", "", "A: a", "A: a", "A: a"),
        ("A: a", "A: a", "", "A: a", "A: a", "A: a"),
    ],
)
def test_a_run_that_fails_otherwise_or_later_goes_on(reasons: tuple[str, ...]) -> None:
    assert seen(*reasons) == {}


def test_metrics_of_a_scene_that_fail_in_different_ways_are_no_cause() -> None:
    first = _FirstScenes()
    for number in range(3):
        rows = [{"metric": m, "status": "failed", "reason": f"{m}: x"} for m in ("a", "b")]
        first.see("ra", f"s{number}", rows)
        first.see("rb", f"s{number}", [rows[0], {**rows[1], "status": "ok", "reason": ""}])
        first.see("rc", f"s{number}", [])
    assert first.stopped == {}


def test_what_is_left_is_that_of_the_runs_that_go_on() -> None:
    first = _FirstScenes()
    first.stopped["ra"] = "stopped"
    todo = {"s1": {"ra": ["L1"], "rb": ["L1"]}, "s2": {"ra": ["L2"]}}
    assert first.without_stopped(todo) == {"s1": {"rb": ["L1"]}}
    assert _FirstScenes().without_stopped(todo) == todo


def test_a_job_names_the_scene_that_its_worker_will_likely_take_next(
    runs: list[RunToScore], plugins: Plugins, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs: list[SceneJob] = []

    def run_jobs(work: object, given: list[SceneJob], workers: int, **more: object) -> Any:
        assert workers == 2
        jobs.extend(given)
        return [(job, {}) for job in given]

    monkeypatch.setattr(runner, "run_jobs", run_jobs)
    todo = {scene: {"rfixed": ["L1"]} for scene in SCENES}
    assert list(runner._results(runs, todo, plugins, 2, {})) == [(scene, {}) for scene in SCENES]
    assert [list(job.upcoming) for job in jobs] == [["s2"], ["s3"], ["s4"], [], []]


def test_progress_counts_the_pairs_that_are_left_of_a_run_that_is_stopped(
    plugins: Plugins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def results(runs: object, todo: Mapping[str, Pairs], *more: object) -> Iterator[Any]:
        for scene, by_run in todo.items():
            found = {"ra": score(scene, value=None), "rb": score(scene)}
            yield scene, {run: [{**found[run], "reason": "A: a"}] for run in by_run}

    monkeypatch.setattr(runner, "_results", results)
    runs = [RunToScore(name, spec=UNKNOWN) for name in ("ra", "rb")]
    both = {"ra": ["L1", "L2"], "rb": ["L1", "L2"]}
    told = Told()
    todo = {f"s{number}": both for number in range(5)}
    stopped = evaluate_runs(runs, todo, Board(tmp_path), plugins, workers=1, progress=told)
    assert list(stopped) == ["ra"]
    assert told.stages == [("scoring", 20)]
    steps = [("s0", 4), ("s1", 4), ("s2", 4), ("s2", 4), ("s3", 2), ("s4", 2)]
    assert told.steps == steps  # after the third scene, ra's pairs of the last two are done with


def test_the_allocator_is_set_back_after_the_scenes_of_this_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[object] = []

    class Scores:
        def __init__(self, *given: object, **more: object) -> None:
            pass

        def evaluate(self, scene: str, pairs: object) -> dict[str, Any]:
            calls.append(scene)
            if scene == "bad":
                raise ValueError(scene)
            return {}

    monkeypatch.setattr(runner, "Evaluator", Scores)
    monkeypatch.setattr(runner, "recycle", calls.append)
    alone = Plugins([])
    assert list(runner._results([], {"s0": {}, "s1": {}}, alone, 1, {})) == [("s0", {}), ("s1", {})]
    with pytest.raises(ValueError, match="bad"):
        list(runner._results([], {"bad": {}}, alone, 1, {}))
    assert calls == ["s0", "s1", False, "bad", False]


@pytest.mark.parametrize("is_local", [True, False])
def test_data_are_compared_where_workers_are_on_other_machines(
    runs: list[RunToScore], plugins: Plugins, monkeypatch: pytest.MonkeyPatch, is_local: bool
) -> None:
    monkeypatch.setattr(runner, "is_local", lambda: is_local)
    found = runner._expected(runs, plugins)
    assert {name: one.is_elsewhere for name, one in found.items()} == dict.fromkeys(
        ("rnone", "rfixed"), not is_local
    )


def test_of_a_scene_that_ended_its_worker_each_run_is_tried_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Fails:
        def __init__(self, *given: object) -> None:
            pass

        def all_failed(self, scene: str, pairs: Pairs, cause: object) -> dict[str, Any]:
            return dict.fromkeys(pairs, "failed")

    def run_jobs(work: object, jobs: list[SceneJob], *given: object, **more: object) -> Any:
        for job in jobs:
            (run,) = job.pairs
            yield job, (WorkerDiedError("again") if run == "ra" else {run: "scored"})

    monkeypatch.setattr(runner, "Evaluator", Fails)
    monkeypatch.setattr(runner, "run_jobs", run_jobs)
    death = WorkerDiedError("died")
    both = SceneJob("s0", {"ra": ["L1"], "rb": ["L2"]})
    found: Any = runner._one_by_one(both, [], UNKNOWN, UNKNOWN, death)
    assert found == {"ra": "failed", "rb": "scored"}
    # A single one is not tried again.
    found = runner._one_by_one(SceneJob("s0", {"rb": ["L2"]}), [], UNKNOWN, UNKNOWN, death)
    assert found == {"rb": "failed"}
