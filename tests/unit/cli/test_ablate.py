"""``bench ablate`` and ``bench compare`` on a small synthesised set."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.board.store import Board
from tests.helpers.command_line import Bench
from tests.helpers.suites import WriteSuite


@pytest.fixture(scope="module")
def suite(small_suite: WriteSuite) -> Path:
    return small_suite(metrics=("haaqi", "lufs"), training={})


def test_an_ablation_from_end_to_end(
    bench: Bench, suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    board = tmp_path / "board"
    file = tmp_path / "ablation.toml"
    file.write_text(
        f"suite = '{suite}'\nseparator = 'mixture,oracle'\ngains = 'fixed,none,table'\nlimit = 2\n",
        encoding="utf-8",
    )
    ablate = ("ablate", file, "--out", board, "--workers", "1", "--no-report")
    # The table has no file: those runs fail, and stop no other.
    assert bench(*ablate, "--format", "json") == 1
    done = capsys.readouterr()
    assert "skipped 1 combination of mixture + none" in done.err
    assert "failed: oracle + table" in done.err
    content = json.loads(done.out)
    status = {row["label"]: row["status"] for row in content["rows"]}
    assert status == {
        "oracle + fixed (2 pairs)": "done",
        "oracle + none (2 pairs)": "done",
        "mixture + fixed (2 pairs)": "done",
        "oracle + table (2 pairs)": "failed",
    }
    [effects] = content["sections"]
    found = {(row["factor"], row["level"]): row for row in effects["rows"]}
    assert set(found) == {("separator", "oracle"), ("gains", "none")}
    assert found["separator", "oracle"]["difference"] > 0
    assert found["gains", "none"]["difference"] < 0

    # The same again does nothing again; without what failed, all is well.
    files = {p: p.stat().st_mtime_ns for p in (board / "scores").rglob("*.parquet")}
    assert bench(*ablate, "--gains", "fixed,none", "--format", "csv") == 0
    assert capsys.readouterr().out.startswith("rank_best,")
    assert files == {p: p.stat().st_mtime_ns for p in (board / "scores").rglob("*.parquet")}
    assert bench(*ablate, "--gains", "fixed,none", "--plan") == 0
    plan = capsys.readouterr().out
    assert "3 runs, 0 of them baselines; 3 already scored" in plan
    assert "to do: 0 trainings, 0 epochs in all; 0 scores" in plan
    assert "skipped 1 combination of mixture + none" in plan

    compare = ("compare", "oracle + fixed", "mixture + fixed", "--suite", suite, "--out", board)
    assert bench(*compare, "--format", "json") == 0
    content = json.loads(capsys.readouterr().out)
    titles = [section["title"] for section in content["sections"]]
    assert titles[:2] == ["What was run differently", "By metric and part"]
    first = content["sections"][1]["rows"][0]
    scores = Board(board).scores(metric="haaqi")
    means = scores[scores.part == "mean"].groupby("run_id").value.mean()
    runs = Board(board).runs().set_index("label").run_id
    labels = ("oracle + fixed (2 pairs)", "mixture + fixed (2 pairs)")
    expected = means[runs[labels[0]]] - means[runs[labels[1]]]
    assert (first["metric"], first["part"], first["n"]) == ("haaqi", "mean", 2)
    assert first["difference"] == pytest.approx(expected, rel=1e-12)
    assert bench(*compare[:2], "mixture + fixd", *compare[3:]) == 2
    assert "mixture + fixed" in capsys.readouterr().err


def test_a_plan_imports_nothing_heavy_and_runs_nothing(suite: Path, tmp_path: Path) -> None:
    out = tmp_path / "board"
    arguments = [
        *("ablate", "--suite", str(suite), "--plan", "--out", str(out)),
        *("--separator", "hdemucs,hdemucs-ft", "--gains", "fixed,cnn"),
        *("--loss", "mse + {alpha}*haaqi-light", "--grid", "alpha=0,10", "--seeds", "2"),
    ]
    code = (
        "import sys\n"
        "from bench.cli import main\n"
        "try:\n"
        f"    main({arguments!r})\n"
        "finally:\n"
        "    heavy = ('torch', 'pandas', 'matplotlib', 'scipy', 'numba', 'pyarrow')\n"
        "    print('HEAVY', [m for m in heavy if m in sys.modules], file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "HEAVY []" in done.stderr
    assert "14 runs, 1 of them baselines; 0 already scored" in done.stdout
    assert "to do: 12 trainings, 120 epochs in all; 56 scores of (scene" in done.stdout
    assert "time: " in done.stdout
    assert "hdemucs-ft + cnn (10*haaqi-light+mse, seed 1): to do: train 10 epochs" in done.stdout
    assert "skipped 3 combinations of hdemucs + fixed: the same run" in done.stdout
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--grid", "alpha"), "'alpha' is not name=value"),
        (("--grid", "alpha=1,2"), "nothing uses 'alpha'"),
        (("nowhere.toml",), "nowhere.toml: cannot be read"),
        (("--separator", "hdemuks"), "Did you mean 'hdemucs"),
        (("--seeds", "0"), "'seeds' must be a whole number, 1 or more"),
    ],
)
def test_wrong_input_is_told(
    bench: Bench, arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench("ablate", *arguments) == 2
    said = capsys.readouterr().err
    assert message in said
    assert len(said.strip().splitlines()) <= 2


def test_plan_shows_the_matrix_too(
    bench: Bench, suite: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    lists = ("--separator", "hdemucs,hdemucs-ft", "--gains", "fixed,cnn", "--seeds", "2")

    def said(*arguments: str, code: int = 0) -> str:
        assert bench(*arguments, *lists, "--suite", suite, "--out", tmp_path) == code
        return capsys.readouterr()[1 if code else 0]

    assert said("plan") == said("ablate", "--plan")
    assert "Give --seeds." in said("plan", "--seed", "1", code=2)
