"""From ``bench plugins new`` to a row on a board, for each kind, by the tutorial's commands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.board.store import Board
from bench.plugins import installed
from bench.testing.subject import KINDS
from tests.helpers.command_line import Bench
from tests.helpers.suites import SHORT_TRAINING, WriteSuite

pytestmark = pytest.mark.usefixtures("quick_workers")


def pip_install(site: Path, *folders: Path) -> None:
    """As ``pip install`` does offline, with what is built by the backend that is installed."""
    command = [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
        *("--no-index", "--no-deps", "--no-build-isolation", "--target", str(site)),
    ]
    done = subprocess.run([*command, *map(str, folders)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def packages(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A package of each kind, written, and installed for this process."""
    pytest.importorskip("hatchling", reason="the backend of the packages is not installed")
    root = tmp_path_factory.mktemp("scaffold")
    for kind in KINDS:
        assert bench("plugins", "new", f"my-{kind}", "--kind", kind, "--to", str(root)) == 0
    pip_install(root / "site", *(root / f"my-{kind}" for kind in KINDS))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(root / "site"))
        installed.cache_clear()
        yield root
    for kind in KINDS:
        # What was imported would count as installed in later tests.
        sys.modules.pop(f"my_{kind.replace('-', '_')}", None)
    installed.cache_clear()


@pytest.fixture(scope="module")
def suite(small_suite: WriteSuite) -> str:
    training = {**SHORT_TRAINING, "segments": 2, "validation_songs": 0}
    return str(small_suite(metrics=("lufs",), training=training))


def test_new_says_what_comes_next(
    bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "stems-by-me"
    assert bench("plugins", "new", folder.name, "--kind", "separator", "--to", str(tmp_path)) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[1:] == [
        f"  pip install -e {folder}",
        "  bench plugins check stems-by-me",
        "  bench run --separator stems-by-me",
    ]
    assert bench("plugins", "new", folder.name, "--kind", "separator", "--to", str(tmp_path)) == 2
    assert "already exists" in capsys.readouterr().err


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_listed_and_conforms(
    bench: Bench, kind: str, packages: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench("plugins", "list", "--kind", kind) == 0
    assert f"[my-{kind}]" in capsys.readouterr().out
    assert bench("plugins", "check", f"my-{kind}") == 0
    said = capsys.readouterr().out
    assert f"{kind} 'my-{kind}' of my-{kind}: " in said
    assert "failed" not in said


RUN: dict[str, tuple[str, ...]] = {
    "separator": ("--separator", "my-separator"),
    "gains": ("--separator", "mixture", "--gains", "my-gains"),
    "prescription": ("--separator", "mixture", "--prescription", "my-prescription"),
    "loss": ("--separator", "mixture", "--gains", "cnn", "--loss", "mse + 0.1*my-loss"),
    "metric": ("--separator", "mixture", "--gains", "none", "--limit", "1"),
    "dataset": ("--separator", "oracle", "-o", "dataset.songs=2", "-o", "dataset.seconds=1.5"),
    "front-end": (
        *("--separator", "mixture", "--gains", "cnn", "--loss", "haaqi-net"),
        *("-o", "loss.haaqi-net.front_end=my-front-end"),
    ),
    "observer": ("--separator", "mixture", "--gains", "none"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_on_a_board(
    bench: Bench,
    kind: str,
    packages: Path,
    suite: str,
    small_set: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MY_OBSERVER_PATH", str(tmp_path / "scenes.jsonl"))
    own = packages / f"my-{kind}" / "suite.toml"
    arguments = [*RUN[kind], "--suite", str(own) if own.exists() else suite]
    if kind == "metric":
        arguments += ["-o", f"dataset.root={small_set}"]
    out = tmp_path / "board"
    assert bench("run", *arguments, "--out", str(out), "--workers", "1", "--no-report") == 0
    board = Board(out)
    runs = board.runs()
    assert set(runs.status) == {"done"}
    assert (runs.n_failed == 0).all()
    seen = {
        "separator": set(runs.separator),
        "gains": set(runs.gains),
        "prescription": set(runs.prescription),
        "loss": set(board.training().name if kind == "loss" else ()),
        "metric": set(board.scores().query("status == 'ok'").metric),
        "dataset": set(runs.suite),
        "front-end": set(re.findall(r"my-front-end", "".join(runs.spec_json))),
        "observer": {"my-observer"} if (tmp_path / "scenes.jsonl").exists() else set(),
    }
    assert {"loss": "loss/my-loss"}.get(kind, f"my-{kind}") in seen[kind]


@pytest.mark.slow
def test_its_own_tests_pass_as_written(packages: Path) -> None:
    folders = [str(packages / f"my-{kind}" / "tests") for kind in KINDS]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *folders],
        capture_output=True,
        text=True,
        cwd=packages,
        env={**os.environ, "PYTHONPATH": str(packages / "site")},
    )
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.slow
def test_the_tutorials_commands_as_typed(suite: str, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    program = str(Path(sys.executable).with_name("bench"))

    def typed(*arguments: str) -> str:
        done = subprocess.run(
            [program, *arguments], capture_output=True, text=True, cwd=tmp_path, env=environment
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    typed("plugins", "new", "my-separator", "--kind", "separator")
    pip_install(tmp_path / "site", tmp_path / "my-separator")
    assert "checks passed" in typed("plugins", "check", "my-separator")
    shown = typed("run", "--separator", "my-separator", "--suite", suite, "--no-report")
    assert "my-separator + fixed" in shown
