"""The wheel and the sdist, in an environment that has nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "locks" / f"python{sys.version_info.major}.{sys.version_info.minor}.txt"
NO_INDEX = ("NewConnectionError", "NameResolutionError", "ReadTimeoutError", "No matching distr")


def run(*command: object, cwd: Path = ROOT, home: Path | None = None) -> str:
    """The output of a command, in an environment without anything of this repository."""
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "BENCH_CACHE")}
    if home is not None:
        environment |= {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True
    )
    if any(said in done.stderr for said in NO_INDEX):
        pytest.skip("no package index to install from")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as file:
        return {name: file.read(name) for name in file.namelist()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The wheel, and the wheel that is made of the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-d", folder)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    with tarfile.open(sdist) as file:
        file.extractall(folder / "source", filter="data")
    (source,) = (folder / "source").iterdir()
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder / "two", cwd=source)
    return wheel, next((folder / "two").glob("*.whl"))


@pytest.mark.slow
def test_the_sdist_makes_the_same_wheel(built: tuple[Path, Path]) -> None:
    wheel, second = map(contents, built)
    assert second == wheel
    code = {str(p.relative_to(ROOT)) for p in (ROOT / "bench").rglob("*") if p.is_file()}
    code = {name for name in code if "__pycache__" not in name}
    assert code <= set(wheel)
    assert not [name for name in wheel if name.split("/")[0] in ("tests", "docs", "plugins")]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_wheel_runs_the_demo_in_an_empty_environment(
    built: tuple[Path, Path], tmp_path: Path
) -> None:
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    python = tmp_path / "venv" / "bin" / "python"
    install = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    run(*install, "-c", LOCK, built[0], cwd=tmp_path)
    bench = tmp_path / "venv" / "bin" / "bench"
    for arguments in (
        ("doctor",),
        ("run", "--separator", "hdemucs-ft", "--gains", "cnn", "--limit", "2", "--out", "board"),
        ("leaderboard", "--out", "board", "--format", "csv"),
    ):
        said = run(bench, *arguments, cwd=tmp_path, home=tmp_path / "home")
    assert "hdemucs-ft + cnn" in said
    assert (tmp_path / "board" / "report" / "index.html").is_file()
    run(*install, "--force-reinstall", "--no-deps", built[1], cwd=tmp_path)
    assert run(bench, "--version", cwd=tmp_path).strip()
    run(python, "-m", "pip", "check", cwd=tmp_path)
