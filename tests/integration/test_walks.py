"""Three walks of a new user, in a terminal of 80 and of 120 columns.

Learning the tool, bringing a separator, reading a board. Each command is typed as README and
tutorial have it. It must end as it should, and no table may be wider than the terminal. What a
reader sees in a browser is in ``tests/browser/test_reading_walk.py``.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.helpers.paths import ROOT
from tests.helpers.suites import SHORT_TRAINING, WriteSuite
from tests.helpers.terminal import in_terminal

MEASURED = ROOT / "leaderboards" / "measured"
ABLATION = MEASURED / "demo-ablation" / "board"
REAL = MEASURED / "output-stage" / "board"
WIDTHS = (80, 120)
LONG = (80, pytest.param(120, marks=pytest.mark.slow))
"""Of walks that take more than a few seconds."""
RULE = re.compile(r"─{3,}")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="pseudo-terminals of Linux")


def walk(
    folder: Path,
    columns: int,
    *commands: str,
    code: int = 0,
    variables: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """What each command showed, checked for its exit code and its width."""
    found = {}
    typed = [shlex.split(line) for line in commands]
    shown = in_terminal(typed, columns, folder, variables=variables)
    for line, (_, lines, ended) in zip(commands, shown, strict=True):
        text = "\n".join(lines)
        assert ended == code, f"{line}\n{text}"
        assert "Traceback (most" not in text
        tables = [part for part in re.split(r"\n\s*\n", text) if RULE.search(part)]
        wide = [row for part in tables for row in part.split("\n") if len(row) > columns]
        assert wide == [], f"{line} at {columns} columns"
        found[line] = text
    return found


def in_words(text: str) -> str:
    """A text without its line breaks, which depend on the width."""
    return " ".join(text.split())


@pytest.fixture(scope="module")
def suite(small_suite: WriteSuite) -> Path:
    """Three metrics, the mixture as the baseline, and a short training."""
    training = {**SHORT_TRAINING, "segments": 2, "validation_songs": 2}
    return small_suite(metrics=("haaqi", "lufs", "clipping"), training=training)


# --- learning the tool ---------------------------------------------------------------------------


@pytest.mark.parametrize("columns", WIDTHS)
def test_learning(tmp_path: Path, columns: int) -> None:
    shown = walk(
        tmp_path,
        columns,
        "--help",
        "run --help",
        "suites",
        "plugins list",
        "plugins show hdemucs",
        "listener show --audiogram N3",
        "ablate --list",
        "leaderboard --published",
    )
    assert "The main command:  bench run --separator hdemucs-ft --gains cnn" in shown["--help"]
    for page in ("--help", "run --help"):
        assert max(map(len, shown[page].split("\n"))) <= 80
    assert "cadenza-icassp-2024" in shown["suites"]
    assert "-o separator.NAME=VALUE" in shown["plugins show hdemucs"]
    lost = walk(tmp_path, columns, "leaderboard", "report", "listen", "runs", code=2)
    for text in lost.values():
        assert "there is no board here" in text
        assert "bench run" in text
    assert list(tmp_path.iterdir()) == []  # nothing was written


@pytest.mark.parametrize("columns", LONG)
def test_learning_with_a_first_run(tmp_path: Path, columns: int, suite: Path) -> None:
    """Plan, run, look, train, compare, and hear: what the tutorial does with the demo's set."""
    chosen = f"--suite {suite} --separator mixture"
    first = f"run {chosen} --gains none --out board --workers 1"
    trained = f"run {chosen} --gains cnn-residual --out board --workers 1 --no-report"
    data = f"--suite {suite} -o dataset.root={_root(suite)}"
    listen = f"listen --out board {data} --no-simulated --seconds 1"
    shown = walk(
        tmp_path,
        columns,
        f"plan {chosen} --gains none --out board",
        first,
        trained,
        f"plan {chosen} --gains cnn-residual --out board",
        "runs --out board",
        'show "mixture + cnn-residual" --out board',
        "leaderboard --out board",
        "leaderboard --out board --sort lufs --metric haaqi,lufs --where gains=fixed,none",
        'compare "mixture + cnn-residual" "mixture + none" --out board',
        listen,
    )
    before, after = (text for line, text in shown.items() if line.startswith("plan"))
    assert (before.count("(0 done)"), before.count("all done")) == (2, 0)
    assert (after.count("(0 done)"), after.count("all done")) == (0, 2)
    assert "Report: board/report/index.html" in in_words(shown[first])
    assert "1 of 3 songs are held out, not 2" in in_words(shown[trained])
    for line in (first, trained, "leaderboard --out board"):
        assert "HAAQI" in shown[line]
        assert "mixture + none" in in_words(shown[line])
    assert (tmp_path / "board" / "report" / "index.html").is_file()
    assert (tmp_path / "board" / "listening" / "index.html").is_file()


def _root(suite: Path) -> Path:
    [root] = re.findall(r"root = (\".*\")", suite.read_text(encoding="utf-8"))
    return Path(json.loads(root))


# --- bringing a separator ------------------------------------------------------------------------


@pytest.mark.parametrize("columns", WIDTHS)
def test_bringing_a_separator(tmp_path: Path, columns: int) -> None:
    new = "plugins new my-separator --kind separator"
    plan = f"plan --separator mixture --gains fixed --out {tmp_path}"
    shown = walk(tmp_path, columns, new, plan)
    assert "bench plugins check my-separator" in shown[new]
    assert (tmp_path / "my-separator" / "src" / "my_separator" / "separator.py").is_file()
    again = walk(tmp_path, columns, new, "run --separator my-separatr", code=2)
    assert "already exists" in again[new]
    assert "there is no separator 'my-separatr'" in again["run --separator my-separatr"]


def _installed(folder: Path) -> dict[str, str]:
    """The variables under which a package in `folder`, left as pip -e leaves it, is installed."""
    site = folder / "site"
    info = site / "my_separator-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-separator\nVersion: 0.1.0\n")
    project = (folder / "my-separator" / "pyproject.toml").read_text(encoding="utf-8")
    [entry] = re.findall(r'\[project\.entry-points\.bench\]\n(\S+) = "(\S+)"', project)
    (info / "entry_points.txt").write_text(f"[bench]\n{entry[0]} = {entry[1]}\n")
    paths = [site, folder / "my-separator" / "src", os.environ.get("PYTHONPATH", "")]
    return {"PYTHONPATH": os.pathsep.join(map(str, paths)), "BENCH_LOAD_PLUGINS": entry[0]}


@pytest.mark.slow
@pytest.mark.parametrize("columns", WIDTHS)
def test_a_separator_from_the_scaffold_to_the_board_and_when_it_fails(
    tmp_path: Path, columns: int, suite: Path
) -> None:
    new = "plugins new my-separator --kind separator"
    walk(tmp_path, columns, new)
    variables = _installed(tmp_path)
    chosen = f"--suite {suite} --separator my-separator --out board"
    run = f"run {chosen} --workers 1 --no-report"
    other = f"{run} -o separator.crossover=120"
    shown = walk(
        tmp_path,
        columns,
        "plugins list --kind separator",
        "plugins show my-separator",
        "plugins check my-separator",
        f"plan {chosen}",
        run,
        other,
        "leaderboard --out board",
        variables=variables,
    )
    assert "crossover" in shown["plugins show my-separator"]
    assert "checks passed" in shown["plugins check my-separator"]
    assert "my-separator" in shown[run]
    assert "crossover=120" in in_words(shown["leaderboard --out board"])

    source = tmp_path / "my-separator" / "src" / "my_separator" / "separator.py"
    text = source.read_text(encoding="utf-8")
    at = "    def separate(self, mixture: Tensor) -> Tensor:\n"
    assert at in text
    broken = text.replace(at, at + '        raise RuntimeError("the model is not loaded")\n')
    source.write_text(broken, encoding="utf-8")
    failed = walk(tmp_path, columns, run, code=1, variables=variables)
    found = re.search(r"bench show (\w+) --failures", in_words(failed[run]))
    assert found is not None
    why = f"show {found[1]} --failures --out board"
    looked = walk(tmp_path, columns, "leaderboard --out board", variables=variables)
    for said in (failed[run], *looked.values()):
        assert "the model is not loaded" in in_words(said)
        assert "separator.py" in in_words(said)
    [(_, lines, ended)] = in_terminal([shlex.split(why)], columns, tmp_path, variables=variables)
    assert ended == 0
    assert 'raise RuntimeError("the model is not loaded")' in "\n".join(lines)
    debug = shlex.split(f"--debug {run} --fresh")
    [(_, lines, ended)] = in_terminal([debug], columns, tmp_path, variables=variables)
    assert ended != 0
    assert "Traceback" in "\n".join(lines)
    assert "the model is not loaded" in lines[-1]


# --- reading a board -----------------------------------------------------------------------------


@pytest.mark.parametrize("columns", LONG)
def test_reading_a_board(tmp_path: Path, columns: int) -> None:
    board, real = f"--out {ABLATION}", f"--out {REAL}"
    shown = walk(
        tmp_path,
        columns,
        f"leaderboard {board}",
        f"leaderboard {board} --effects",
        f"leaderboard {board} --seeds",
        f"leaderboard {board} --sort sdr --metric haaqi,sdr --where separator=hdemucs,hdemucs-ft",
        f"runs {board} --where gains=cnn",
        f'show "hdemucs + fixed" {board}',
        f'compare "oracle + fixed" "hdemucs + fixed" {board}',
        f"power {board}",
        f"board show {ABLATION}",
        f"report {board} --to page",
        f"leaderboard {real}",
        f"runs {real}",
    )
    first = in_words(shown[f"leaderboard {board}"])
    for name in ("oracle + fixed", "hdemucs + fixed", "baseline"):
        assert name in first
    # The verdict comes before the table.
    assert 0 < first.index("better than") < first.index("Rank System")
    assert "Effect of each part" in shown[f"leaderboard {board} --effects"]
    assert "nalr-tuned" in shown[f"leaderboard {real}"]
    assert (tmp_path / "page" / "index.html").is_file()
    few = walk(tmp_path, columns, f"power {real}", code=2)
    assert "no row is compared with a baseline" in in_words(few[f"power {real}"])
