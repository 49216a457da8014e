"""``make mutants``: small faults put into the code, one at a time, by cosmic-ray; do tests notice?

Of each group a seeded sample is tried, with the tests of its own package. What no test noticed is
printed as a difference. Usage: ``python -m tests.mutants [NUMBER A GROUP] [GROUP ...]``.
"""

from __future__ import annotations

import io
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
GROUPS = {
    "audio": ("bench/data/audio.py bench/data/containers.py", "tests/unit/data/test_audio.py"),
    "cadenza": ("bench/data/cadenza.py bench/data/metadata.py", "tests/unit/data"),
    "spec": ("bench/spec", "tests/unit/spec"),
    "losses": ("bench/builtin/losses", "tests/unit/builtin/losses"),
    "metrics": ("bench/builtin/metrics", "tests/unit/builtin/metrics"),
    "statistics": (
        "bench/leaderboard/statistics.py bench/leaderboard/table.py",
        "tests/unit/leaderboard",
    ),
    "training": ("bench/training", "tests/unit/training"),
    "evaluation": ("bench/evaluation", "tests/unit/evaluation"),
}
CONFIG = """[cosmic-ray]
module-path = {modules}
timeout = 300.0
excluded-modules = []
test-command = "{python} -m pytest -q -x -p no:benchmark -p no:cacheprovider {tests}"
[cosmic-ray.distributor]
name = "local"
"""


def sample(session: Path, number: int) -> int:
    """Leave a seeded sample of the faults of a session; how many."""
    with sqlite3.connect(session) as data:
        jobs = sorted(row[0] for row in data.execute("select job_id from mutation_specs"))
        columns = "job_id, module_path || start_pos_row || operator_name || occurrence"
        places = dict(data.execute(f"select {columns} from mutation_specs"))
        jobs.sort(key=lambda job: str(places[job]))
        kept = set(random.Random(0).sample(jobs, min(number, len(jobs))))
        for job in jobs:
            if job not in kept:
                data.execute("delete from mutation_specs where job_id = ?", (job,))
                data.execute("delete from work_items where job_id = ?", (job,))
    return len(kept)


def run(group: str, number: int, copy: Path) -> tuple[int, str]:
    """How many faults were tried in a copy of the repository, and those that no test noticed."""
    modules, tests = GROUPS[group]
    session, config = copy / f"{group}.sqlite", copy / f"{group}.toml"
    named = str(modules.split()).replace("'", '"')
    config.write_text(CONFIG.format(modules=named, tests=tests, python=sys.executable))
    tool = os.environ.get("COSMIC_RAY", str(Path(sys.executable).with_name("cosmic-ray")))
    environment = os.environ | {"PYTHONPATH": str(copy), "OMP_NUM_THREADS": "1"}

    def call(*arguments: str) -> str:
        command = [tool, *arguments]
        done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    call("init", config.name, session.name)
    tried = sample(session, number)
    call("exec", config.name, session.name)
    with sqlite3.connect(session) as data:
        survived = data.execute(
            "select diff from work_results where test_outcome like '%SURVIVED%'"
        ).fetchall()
    return tried, "\n".join(row[0] for row in survived)


def main(arguments: list[str]) -> None:
    """Try the groups that are named, or all."""
    number = int(arguments[0]) if arguments else 50
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, capture_output=True)
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as file:
            file.extractall(copy, filter="data")
        for group in arguments[1:] or GROUPS:
            tried, survivors = run(group, number, copy)
            left = survivors.count("--- mutation diff ---")
            print(f"{group}: {tried - left} of {tried} noticed\n{survivors}", flush=True)
    shutil.rmtree(ROOT / ".pytest_cache", ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1:])
