"""``make mutants``: small faults put into the code, one at a time, by cosmic-ray; do tests notice?

Of each group of modules a seeded sample is tried; the small faults of ``tests/helpers/faults.py``
are the group ``known``, those of a package ``known:PACKAGE``. Each fault is written to a copy of
the repository. A fork of this process, which has imported the libraries, then runs those tests that
pass through the functions concerned, the quick ones first, up to the first that fails. What no test
noticed is printed as a difference.

Usage: ``python -m tests.mutants [NUMBER A GROUP] [GROUP ...]``; ``$MUTANTS_SEED`` seeds the sample.
"""

from __future__ import annotations

import ast
import contextlib
import difflib
import hashlib
import importlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.helpers.faults import FAULTS, UNITS

ROOT: Final = Path(__file__).parents[1]
UNIT: Final = "tests/unit"
GROUPS: Final[Mapping[str, tuple[str, str]]] = {
    "audio": ("bench/data/audio.py bench/data/containers.py", "data/test_audio.py"),
    "cadenza": ("bench/data/cadenza.py bench/data/metadata.py", "data/test_cadenza.py"),
    "spec": ("bench/spec", "spec"),
    "losses": ("bench/builtin/losses", "builtin/losses training/test_loss.py"),
    "metrics": ("bench/builtin/metrics", "builtin/metrics"),
    "statistics": (
        "bench/leaderboard/statistics.py bench/leaderboard/table.py",
        "leaderboard/test_statistics.py leaderboard/test_table.py leaderboard/test_rules.py "
        "leaderboard/test_coverage.py leaderboard/test_two_way.py leaderboard/test_systems.py",
    ),
    "training": ("bench/training", "training"),
    "evaluation": ("bench/evaluation", "evaluation"),
}
"""Modules, and the tests of ``tests/unit`` that are to notice."""
LIBRARIES: Final = (
    *("torch", "torchaudio", "numpy", "scipy.signal", "pandas", "pyarrow.parquet", "numba"),
    *("matplotlib.pyplot", "soundfile", "soxr", "rich.console", "click", "pytest"),
    *("clarity.utils.audiogram", "pyloudnorm", "safetensors.torch", "jinja2"),
)
SECONDS: Final = 120
"""Of a processor, that the tests of one fault may take; a test that waits is pytest's to end."""
MOST: Final = 60
"""Tests that are run for one fault, the quickest."""
PYTEST: Final = ("-q", "-x", "-p", "no:benchmark", "-p", "no:cacheprovider", "-p", "no:xdist")


@dataclass(frozen=True)
class Fault:
    """A change of a file.

    Attributes:
        path: of the file, from the repository's root.
        text: the file's content with the fault.
        lines: the numbers of the lines that it changes.
        name: what it is.
    """

    path: str
    text: str
    lines: frozenset[int]
    name: str = ""

    @classmethod
    def of(cls, path: str, before: str, after: str, name: str = "") -> Fault:
        """The fault that makes a file of another."""
        old, new = before.split("\n"), after.split("\n")
        steps = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
        changed = [range(a, max(b, a + 1)) for kind, a, b, _, _ in steps if kind != "equal"]
        return cls(path, after, frozenset(n + 1 for lines in changed for n in lines), name)

    def difference(self, before: str) -> str:
        """The changed lines as a unified difference."""
        lines = [before.split("\n"), self.text.split("\n")]
        found = difflib.unified_diff(*lines, self.path, self.path, lineterm="", n=1)
        return "\n".join([*([f"# {self.name}"] if self.name else []), *found])


# --- faults --------------------------------------------------------------------------------------


def mutants(modules: str, number: int, seed: str) -> list[Fault]:
    """A seeded sample of cosmic-ray's faults of some modules."""
    from cosmic_ray.ast import ast_nodes, get_ast  # type: ignore[import-not-found]
    from cosmic_ray.mutating import mutate_code  # type: ignore[import-not-found]
    from cosmic_ray.plugins import get_operator, operator_names  # type: ignore[import-not-found]

    paths = [Path(name) for name in modules.split()]
    files = sorted(f for path in paths for f in (path.rglob("*.py") if path.is_dir() else [path]))
    operators = [get_operator(name) for name in operator_names()]
    found: list[tuple[Path, Any, int]] = []
    for file in files:
        nodes = list(ast_nodes(get_ast(file.read_text(encoding="utf-8"))))
        for operator in (kind() for kind in operators if not kind.arguments()):
            count = sum(len(list(operator.mutation_positions(node))) for node in nodes)
            found += [(file, operator, occurrence) for occurrence in range(count)]
    random.Random(f"{seed} {modules}").shuffle(found)
    faults: list[Fault] = []
    for file, operator, occurrence in found:
        if len(faults) == number:
            break
        before = file.read_text(encoding="utf-8")
        after = mutate_code(before, operator, occurrence)
        # Annotations are not evaluated here: they are mypy's to check.
        if after is not None and _meaning(after) != _meaning(before):
            faults.append(Fault.of(str(file), before, after))
    return faults


def _meaning(code: str) -> str:
    """The syntax tree without annotations; empty where there is none."""
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return ""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        elif isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(0)
    return ast.dump(tree)


def known() -> list[Fault]:
    """The small faults that were found, or thought of, by people."""
    faults = []
    for name, path, old, new in FAULTS:
        before = Path(path).read_text(encoding="utf-8")
        if before.count(old) != 1:
            print(f"left out, since {path} holds it {before.count(old)} times: {old}", flush=True)
            continue
        faults.append(Fault.of(path, before, before.replace(old, new), name))
    return faults


# --- tests ---------------------------------------------------------------------------------------


class Tests:
    """Some tests, with the lines of bench that each passes through, and how long each takes."""

    def __init__(self, places: Sequence[str]) -> None:
        self.seconds: dict[str, float] = {}
        self._through: dict[str, dict[int, list[str]]] = {}
        with tempfile.TemporaryDirectory() as folder:
            found = Path(folder) / "found.json"
            if _forked(lambda: _observed([*PYTEST, "--maxfail=9", *places], found), 3600):
                raise SystemExit(f"the tests cannot be run: {' '.join(places)}\n{_said()}")
            self.seconds, self._through, failed = json.loads(found.read_text())
        for name in failed:
            print(f"fails as it is, and is left out: {name}", flush=True)
            del self.seconds[name]

    def of(self, fault: Fault) -> list[str]:
        """Those that pass through the functions that a fault changes, the quickest first."""
        functions = _functions(fault)
        names = set(self.seconds)
        if functions:
            lines = self._through.get(fault.path, {})
            names = {
                name
                for first, last in functions
                for line, through in lines.items()
                if first <= int(line) <= last
                for name in through
            }
        return sorted(names & set(self.seconds), key=lambda name: self.seconds[name])[:MOST]


def _functions(fault: Fault) -> list[tuple[int, int]]:
    """First and last line of the innermost functions of a fault; none where a line is outside."""
    tree = ast.parse(Path(fault.path).read_text(encoding="utf-8"))
    all_of = [
        (node.body[0].lineno, node.end_lineno or node.lineno)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
    ]
    found = []
    for line in fault.lines:
        around = [(first, last) for first, last in all_of if first <= line <= last]
        if not around:
            return []
        found.append(min(around, key=lambda lines: lines[1] - lines[0]))
    return found


def _observed(arguments: Sequence[str], result: Path) -> int:
    """Run tests, and keep what each passes through, and its seconds."""
    import coverage
    import pytest

    seen = coverage.Coverage(data_file=None, source=["bench"], config_file=False)
    seconds: dict[str, float] = defaultdict(float)
    failed: set[str] = set()

    class Observer:
        def pytest_runtest_logstart(self, nodeid: str) -> None:
            seen.switch_context(nodeid)

        def pytest_runtest_logreport(self, report: Any) -> None:
            seconds[report.nodeid] += report.duration
            if report.failed:
                failed.add(report.nodeid)

    seen.start()
    code = pytest.main(list(arguments), plugins=[Observer()])
    seen.stop()
    data = seen.get_data()
    through = {
        str(Path(file).relative_to(Path.cwd())): data.contexts_by_lineno(file)
        for file in data.measured_files()
    }
    result.write_text(json.dumps([seconds, through, sorted(failed)]))
    return int(code) if code > 1 else 0  # 1: some failed


def _run(tests: Sequence[str]) -> int:
    import pytest

    return int(pytest.main([*PYTEST, *tests]))


def is_noticed(fault: Fault, tests: Sequence[str]) -> bool:
    """Whether a test fails, or does not end, with a fault in the code."""
    if not tests:
        return False
    path = Path(fault.path)
    before, times = path.read_bytes(), path.stat()
    path.write_text(fault.text, encoding="utf-8")
    try:
        return _forked(lambda: _run(tests), SECONDS) != 0
    finally:
        path.write_bytes(before)
        # The compiled file beside it is of this time.
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


# --- processes -----------------------------------------------------------------------------------


def _said() -> str:
    return Path("said").read_text(encoding="utf-8", errors="replace")[-3000:]


def _forked(work: Callable[[], int], seconds: int) -> int:
    """The exit code of a fork that does some work in seconds of a processor; negative if ended."""
    process = os.fork()
    if not process:
        code = 70
        try:
            os.setsid()
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
            sys.dont_write_bytecode = True
            handle = os.open("said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(handle, 1)
            os.dup2(handle, 2)
            _keep_demo()
            code = work()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    _, status = os.waitpid(process, 0)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process, signal.SIGKILL)
    return os.waitstatus_to_exitcode(status)


def _keep_demo() -> None:
    """The sets of songs that tests make are made once."""
    from bench.data.generate import demo

    make = demo.write_demo

    def kept(root: Path, **how: Any) -> None:
        key = hashlib.sha256(json.dumps(how, sort_keys=True).encode()).hexdigest()[:12]
        store = Path("demos").absolute() / key
        if not store.exists():
            draft = store.with_name(f"{key}.draft")
            make(draft, **how)
            draft.rename(store)
        shutil.copytree(store, root, dirs_exist_ok=True)

    demo.write_demo = kept  # type: ignore[assignment]


@contextlib.contextmanager
def copied() -> Iterator[None]:
    """In a copy of the working tree, whose modules are imported; libraries are here already."""
    with tempfile.TemporaryDirectory() as folder:
        names = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.split("\0")
        for name in filter(None, names):
            target = Path(folder) / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / name).is_file():
                shutil.copy2(ROOT / name, target)
        os.chdir(folder)
        sys.path[:] = [folder, *(p for p in sys.path if Path(p or ".").resolve() != ROOT)]
        others = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        os.environ["PYTHONPATH"] = os.pathsep.join([folder, *(p for p in others if p != str(ROOT))])
        os.environ["OMP_NUM_THREADS"] = "1"
        for name in [name for name in sys.modules if name.split(".")[0] == "tests"]:
            del sys.modules[name]
        for library in LIBRARIES:
            importlib.import_module(library)
        subprocess.run([sys.executable, "-m", "compileall", "-q", "bench"], check=True)
        yield


def main(arguments: list[str]) -> None:
    """Try the groups that are named, or all."""
    number = int(arguments[0]) if arguments else 50
    seed = os.environ.get("MUTANTS_SEED", "0")
    with copied():
        for group in arguments[1:] or ["known", *GROUPS]:
            kind, _, package = group.partition(":")
            if kind != "known":
                modules, places = GROUPS[group]
                try_all(group, mutants(modules, number, seed), places)
                continue
            by_places: dict[str, list[Fault]] = defaultdict(list)
            for fault in known():
                if fault.path.startswith(f"bench/{package}"):
                    by_places[UNITS[fault.path]].append(fault)
            for places, faults in sorted(by_places.items()):
                try_all(f"known, {places}", faults, places)


def try_all(title: str, faults: Sequence[Fault], places: str) -> None:
    """Try faults with the tests of some places; print those that none noticed, and how many."""
    began = time.monotonic()
    tests = Tests([f"{UNIT}/{place}" for place in places.split()])
    left = 0
    for fault in faults:
        own = tests.of(fault)
        if not is_noticed(fault, own):
            left += 1
            difference = fault.difference(Path(fault.path).read_text(encoding="utf-8"))
            print(f"{difference}\n# {len(own)} tests\n", flush=True)
    spent = time.monotonic() - began
    print(f"{title}: {len(faults) - left} of {len(faults)} noticed, {spent:.0f} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
