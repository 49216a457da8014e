"""What scoring will cost, from what was measured."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench.api import STEMS, Scene
from bench.evaluation.estimate import (
    Rate,
    TrainingRate,
    Work,
    bytes_of,
    in_turn,
    keep_rates,
    keep_training_rates,
    key_of,
    rates,
    seconds_of,
    time_limit,
    training_key_of,
    training_rates,
    training_seconds,
    work_of,
)
from tests.helpers.specs import make


class Audio:
    """Ten seconds of nothing."""

    sample_rate = 44_100
    frames = 441_000


def scenes(count: int) -> list[Scene]:
    return [
        Scene(f"s{i}", "song", "h", (0, 0, 0, 0), ("A", "B"), audio=Audio())  # type: ignore[arg-type]
        for i in range(count)
    ]


def test_time_and_disk_of_known_work() -> None:
    work = work_of(scenes(100), 0, 1.0)
    assert (work.seconds, work.pair_seconds, work.pairs) == (1000.0, 2000.0, 200)
    rate = Rate(scene=0.5, pair=0.1, keeps_stems=True)
    assert seconds_of(rate, work, 1) == pytest.approx(0.5 * 1000 + 0.1 * 2000)
    assert seconds_of(rate, work, 2) == pytest.approx(700 / 1.95)
    stems = 1000 * 44_100 * 4 * 2 * 4
    assert stems < bytes_of(rate, work, 44_100) < stems + 10**6
    assert bytes_of(Rate(0.5, 0.1), work, 44_100) < 10**6


def test_a_limit_and_what_is_done_lessen_the_work() -> None:
    assert work_of(scenes(100), 10, 1.0).pair_seconds == 100.0
    assert work_of(scenes(100), 0, 0.25).pairs == 50
    assert work_of(scenes(100), 0, 0.0).seconds == 0.0
    assert work_of([], 0, 1.0).pairs == 0


def test_rates_are_kept_and_a_damaged_file_counts_as_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    assert rates() == {}
    keep_rates({"a": Rate(1.0, 2.0)})
    path = keep_rates({"b": Rate(3.0, 4.0, True)})
    assert rates() == {"a": Rate(1.0, 2.0), "b": Rate(3.0, 4.0, True)}
    for damaged in ("", "[]", '{"x": 1', path.read_text().replace("scene", "other")):
        path.write_text(damaged)
        assert rates() == {}
        keep_rates({"c": Rate(1.0, 1.0)})
        assert rates()["c"] == Rate(1.0, 1.0)


def test_the_estimate_imports_nothing_heavy() -> None:
    code = (
        "import sys, bench.evaluation.estimate; "
        "print([m for m in ('torch', 'numpy', 'pandas', 'scipy', 'numba') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_few_scenes_are_asked_for_their_lengths() -> None:
    """64 or some more of them, spread over the split."""
    asked: list[int] = []

    class Long:
        sample_rate = 10

        def __init__(self, number: int) -> None:
            self.number = number

        @property
        def frames(self) -> int:
            asked.append(self.number)
            return 10 * self.number

    many = [replace(scene, audio=Long(i)) for i, scene in enumerate(scenes(640))]  # type: ignore[arg-type]
    work = work_of(many, 0, 1.0)
    assert asked == list(range(0, 640, 10))
    assert work.seconds == pytest.approx(640 * sum(asked) / len(asked))
    asked.clear()
    work_of(many[:63], 0, 1.0)
    assert asked == list(range(63))


def test_a_limit_is_of_pairs() -> None:
    assert work_of(scenes(100), 10, 1.0) == Work(100.0, 100.0, 10)
    assert work_of(scenes(100), 150, 1.0) == Work(1000.0, 1500.0, 150)
    for all_of_them in (200, 201):
        assert work_of(scenes(100), all_of_them, 1.0) == Work(1000.0, 2000.0, 200)


def test_rows_of_a_pair_take_some_kilobytes() -> None:
    assert bytes_of(Rate(0.5, 0.1), Work(1000.0, 2000.0, 200), 44_100) == 200 * 2500
    kept = bytes_of(Rate(0.5, 0.1, keeps_stems=True), Work(10.0, 20.0, 0), 100)
    assert kept == 10 * 100 * len(STEMS) * 2 * 4  # float32 in stereo


@pytest.mark.parametrize(("seconds", "limit"), [(9.0, 600.0), (10.5, 630.0), (100.0, 6000.0)])
def test_a_call_may_take_a_minute_a_second_where_nothing_is_known(
    seconds: float, limit: float
) -> None:
    assert time_limit(make(), seconds, {}) == limit


def test_a_call_may_take_fifty_times_what_was_measured() -> None:
    known = {key_of(make()): Rate(scene=0.5, pair=0.25)}
    assert time_limit(make(), 100.0, known) == 50 * 0.75 * 100
    assert time_limit(make(), 2.0, known) == 600.0
    assert time_limit(make(separator="mixture"), 100.0, known) == 6000.0


def test_trainings_are_kept_beside_scorings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    keep_rates({"a": Rate(1.0, 2.0)})
    keep_training_rates({"a": TrainingRate(3.0, 4.0)})
    keep_training_rates({"b": TrainingRate(5.0, 6.0)})
    keep_rates({"b": Rate(7.0, 8.0)})
    assert rates() == {"a": Rate(1.0, 2.0), "b": Rate(7.0, 8.0)}
    assert training_rates() == {"a": TrainingRate(3.0, 4.0), "b": TrainingRate(5.0, 6.0)}


def test_the_time_of_a_training() -> None:
    spec = make(options={"training": {"epochs": "10", "segments": "11", "batch": "5"}})
    rate = TrainingRate(step=2.0, validation=7.0)
    assert training_seconds(spec, rate, 0) == 10 * 3 * 2.0 + 11 * 7.0  # once before it begins
    assert training_seconds(spec, rate, 4) == 6 * (3 * 2.0 + 7.0)
    assert training_seconds(spec, rate, 9) == 3 * 2.0 + 7.0
    assert training_seconds(spec, rate, 10) == training_seconds(spec, rate, 11) == 0.0


@pytest.mark.parametrize("setting", [
    {"batch": "7"}, {"segment_seconds": "2"}, {"validation_pairs": "3"},
    {"validation_seconds": "4"}, {"protocol": "shared-gains"},
])  # fmt: skip
def test_what_the_time_of_a_step_depends_on(setting: dict[str, str]) -> None:
    assert training_key_of(make(options={"training": setting})) != training_key_of(make())


def test_what_the_time_of_a_step_does_not_depend_on() -> None:
    plain = training_key_of(make(loss="mse + sdr"))
    for setting in ({"epochs": "3"}, {"learning_rate": "0.1"}, {"segments": "9"}):
        changed = make(loss="mse + sdr", options={"training": setting})
        assert training_key_of(changed) == plain
    assert training_key_of(make(loss="mse + 9*sdr")) == plain
    # A term of weight 0 goes not backward.
    assert training_key_of(make(loss="mse + 0*sdr")) != plain


@pytest.mark.parametrize(
    ("workers", "seconds"), [(0, 12.0), (1, 12.0), (2, 8.0), (3, 7.0), (4, 5.0)]
)
def test_jobs_are_taken_one_after_the_other(workers: int, seconds: float) -> None:
    assert in_turn([3.0, 2.0, 2.0, 5.0], workers) == seconds
    assert in_turn([], workers) == 0.0
