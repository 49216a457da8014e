"""From a script or a notebook: objects of one's own as parts, results that show themselves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn

import bench
from bench.board.store import Board
from bench.errors import BenchError
from tests.helpers.boards import known_board
from tests.helpers.suites import WriteSuite


class EqualShares:
    """A quarter of the mixture each."""

    def separate(self, mixture: Tensor) -> Tensor:
        return mixture[:, None].expand(-1, 4, -1, -1) / 4


class Scaled(nn.Module):
    """A module with a state."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale))

    def separate(self, mixture: Tensor) -> Tensor:
        return self.scale * mixture[:, None].expand(-1, 4, -1, -1)


@pytest.fixture
def suite(small_suite: WriteSuite) -> Path:
    return small_suite(metrics=("lufs",))


def test_a_class_or_an_instance_is_scored_and_marked_as_local_code(
    suite: Path, tmp_path: Path
) -> None:
    how = {"gains": "fixed", "suite": suite, "out": tmp_path / "board", "baselines": False}
    ids = set()
    for part in (EqualShares, EqualShares(), Scaled(0.25), Scaled(0.5)):
        found = bench.run(separator=part, workers=1, **how)  # type: ignore[arg-type]
        assert found.outcome.ok
        row = found.board.run(found.runs[0].run_id) or {}
        assert row["separator"].startswith("local-")
        assert '"local-' in row["plugin_versions_json"]
        ids.add(row["run_id"])
    assert len(ids) >= 3  # another state is another run
    again = bench.run(separator=Scaled(0.5), workers=1, **how)  # type: ignore[arg-type]
    assert again.runs[0].run_id in ids
    loud, soft = (Board(tmp_path / "board").scores(run, metric="lufs") for run in sorted(ids)[:2])
    assert len(loud) == len(soft) > 0


def test_an_ablation_takes_lists_of_names_and_objects(suite: Path, tmp_path: Path) -> None:
    found = bench.plan_ablation(
        separator=["mixture", EqualShares], gains=["fixed", "none"], suite=suite, out=tmp_path
    )
    labels = [run.spec.label for run in found.runs]
    assert sum("equal-shares" in label for label in labels) == 2
    assert repr(found).startswith("<plan of ")


def test_a_module_with_one_class_is_that_class(suite: Path) -> None:
    module = ModuleType("my_module")
    exec("class Mine:\n    def separate(self, mixture):\n        return mixture\n", vars(module))
    module.Mine.__module__ = "my_module"
    (run,) = bench.plan(separator=module, suite=suite, baselines=False).runs
    assert run.spec.separator.name.endswith("/mine")


def test_what_is_no_separator_is_refused(suite: Path) -> None:
    with pytest.raises(BenchError, match=r"it has no method separate\(\)"):
        bench.plan(separator=object(), suite=suite)
    broken = EqualShares()
    broken.lock = lambda: None  # type: ignore[attr-defined]
    with pytest.raises(BenchError, match="cannot be pickled"):
        bench.plan(separator=broken, suite=suite)


SCRIPT = """
import bench
class Mine:
    def separate(self, mixture):
        return mixture[:, None].expand(-1, 4, -1, -1) / 4
found = bench.run(separator=Mine, gains="fixed", suite={suite!r}, out={out!r}, workers=2)
print("ran", found.outcome.ok, len(found.to_frame()))
"""


@pytest.mark.slow
@pytest.mark.parametrize("way", ["file", "standard input"])
def test_a_program_without_a_guard_may_use_several_processes(
    way: str, suite: Path, tmp_path: Path
) -> None:
    text = SCRIPT.format(suite=str(suite), out=str(tmp_path / "board"))
    script = tmp_path / "script.py"
    script.write_text(text, encoding="utf-8")
    command = [sys.executable, str(script) if way == "file" else "-"]
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.stdout.splitlines() == ["ran True 2"], done.stderr


def test_results_show_themselves(tmp_path: Path) -> None:
    known_board(tmp_path)
    table = bench.leaderboard(tmp_path)
    assert repr(table) == (
        "<leaderboard of demo, split valid, protocol challenge: 5 systems, 8 songs>"
    )
    frame = table.to_frame()
    assert frame.label.iloc[0] == "oracle + fixed"
    assert frame.haaqi.is_monotonic_decreasing
    page = table._repr_html_()
    assert page.count("<tr>") == 6
    assert "hdemucs-ft + fixed" in page
    pair = bench.compare("hdemucs + fixed", "mixture + fixed", tmp_path)
    assert repr(pair).startswith("<hdemucs + fixed minus mixture + fixed: haaqi: A - B = +0.2")
    assert set(pair.to_frame().metric) == {"haaqi", "sdr", "lufs", "clipping"}
    assert "<script" not in pair._repr_html_()


class Raises:
    """A separator of one's own that does not work yet."""

    def separate(self, mixture: Tensor) -> Tensor:
        raise KeyError("conv1.weight")


def test_a_result_shows_why_it_failed(suite: Path, tmp_path: Path) -> None:
    """The cause and its place, in the line that a shell and a notebook show."""
    how = {"gains": "fixed", "suite": suite, "out": tmp_path / "board", "baselines": False}
    found = bench.run(separator=Raises, workers=1, report=False, **how)  # type: ignore[arg-type]
    line = repr(found)
    assert line.startswith(f"<1 run on {tmp_path / 'board'}: 4 pairs failed: KeyError")
    assert "pairs failed: KeyError: 'conv1.weight' (" in line
    assert "test_objects.py:" in line
    assert "\n" not in line
    page = found._repr_html_()
    assert "<p>Failures</p>" in page
    assert "KeyError: &#x27;conv1.weight&#x27;" in page
    assert f"bench show {found.runs[0].run_id} --failures" in page
    fine = bench.run(separator=EqualShares, workers=1, report=False, **how)  # type: ignore[arg-type]
    assert repr(fine) == f"<1 run on {tmp_path / 'board'}: all scored>"
    assert "Failures" not in fine._repr_html_().partition("local-")[0]
