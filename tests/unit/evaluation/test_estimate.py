"""What scoring will cost, from what was measured."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench.api import Scene
from bench.evaluation.estimate import Rate, bytes_of, keep_rates, rates, seconds_of, work_of


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
