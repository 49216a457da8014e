"""The command line: speed, help, errors and exit codes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("torch", "torchaudio", "pandas", "matplotlib", "scipy", "numba", "pyarrow")


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    code = (
        "import sys\n"
        "from bench.cli import main\n"
        "try:\n"
        f"    main({list(arguments)!r})\n"
        "finally:\n"
        f"    print('HEAVY', [m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)\n"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--help"], "The main command:  bench run"),
        (["--version"], "bench, version "),
        (["run", "--help"], "Usage: bench run [OPTIONS]"),
        (["plugins", "list"], "\n  hdemucs-ft "),
        (["plugins", "show", "hdemucs-ft"], "separator hdemucs-ft: "),
    ],
)
def test_light_commands_import_nothing_heavy(arguments: list[str], said: str) -> None:
    done = bench(*arguments)
    assert done.returncode == 0, done.stderr
    assert "HEAVY []" in done.stderr
    assert said in done.stdout


def test_plugins_show_lists_options_with_types() -> None:
    done = bench("plugins", "show", "hdemucs-ft")
    assert "weights (str, default 'bundled')" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rum"], "Did you mean 'run'"),
        (["run", "--separator", "hdemuks"], "Did you mean 'hdemucs"),
        (["run", "--loss", "mse +"], "found the end (column 6)"),
        (["run", "--suite", "nowhere"], "there is no suite 'nowhere'"),
        (["run", "-o", "separator.weigths=x"], "Did you mean 'weights'"),
        (["run", "--suite", "cadenza-icassp-2024", "-o", "dataset.root=/no/such"], "/no/such"),
        (["leaderboard", "--out", "/no/such/board"], "there is no board here"),
        (["plugins", "show", "nothing-like-it"], "there is no plugin"),
        (["run", "--bogus"], "No such option"),
    ],
)
def test_wrong_input_is_one_or_two_lines_and_exit_code_2(
    arguments: list[str], message: str
) -> None:
    done = bench(*arguments)
    lines = [line for line in done.stderr.splitlines() if not line.startswith("HEAVY")]
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert 1 <= len(lines) <= 4


REAL_SUITE = ("--suite", "cadenza-icassp-2024", "--separator", "mixture")


def test_plan_imports_nothing_heavy_and_runs_nothing(small_set: Path, tmp_path: Path) -> None:
    out = tmp_path / "board"
    done = bench(
        "plan", "--suite", "cadenza-icassp-2024", "-o", f"dataset.root={small_set}",
        "--gains", "cnn", "--out", str(out),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "HEAVY []" in done.stderr
    assert "4 pairs" in done.stdout
    assert "hdemucs-ft + cnn: train 10 epochs" in done.stdout
    assert not out.exists()


def test_a_missing_split_is_named(small_set: Path) -> None:
    done = bench("plan", *REAL_SUITE, "-o", f"dataset.root={small_set}", "--split", "nosuch")
    assert done.returncode == 2
    assert "no split 'nosuch'" in done.stderr
    assert "train, valid" in done.stderr


def test_info_counts(small_set: Path) -> None:
    done = bench(
        "data", "info", "--suite", "cadenza-icassp-2024", "-o", f"dataset.root={small_set}"
    )
    assert "valid: 2 songs, 2 scenes" in done.stdout
    assert "4 pairs" in done.stdout
