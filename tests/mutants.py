"""``make mutants``: small faults put into the code, one at a time, by cosmic-ray; do tests notice?

Of each group of modules a seeded sample is tried; the small faults of ``tests/helpers/faults.py``
are the group ``known``, those of a package ``known:PACKAGE``. Each fault is written to a copy of
the repository. A process there has collected the tests; a fork of it, in which the functions
concerned have the fault, runs those tests that pass through them, the quick ones first, up to the
first that fails. Where the fault is outside of functions, they are run in a process that imports
all of bench anew. What no test noticed is printed as a difference.

Usage: ``python -m tests.mutants [NUMBER A GROUP] [GROUP ...]``; ``$MUTANTS_SEED`` seeds the sample.
No fault is begun after ``$MUTANTS_SECONDS``.
"""

from __future__ import annotations

import ast
import contextlib
import difflib
import hashlib
import importlib
import itertools
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
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.helpers.faults import FAULTS, UNITS
from tests.helpers.patching import Functions, functions_under, patch

if TYPE_CHECKING:
    import pytest

ROOT: Final = Path(__file__).parents[1]
UNIT: Final = "tests/unit"
GROUPS: Final[Mapping[str, tuple[str, str]]] = {
    "audio": (
        "bench/data/audio.py bench/data/containers.py",
        "data/test_audio.py data/test_containers.py data/test_scene_files.py",
    ),
    "cadenza": (
        "bench/data/cadenza.py bench/data/metadata.py",
        "data/test_cadenza.py data/test_metadata.py data/test_song_names.py data/test_validate.py",
    ),
    "spec": ("bench/spec", "spec"),
    "losses": ("bench/builtin/losses", "builtin/losses training/test_loss.py"),
    "metrics": ("bench/builtin/metrics", "builtin/metrics"),
    "statistics": (
        "bench/leaderboard/statistics.py bench/leaderboard/table.py",
        "leaderboard/test_statistics.py leaderboard/test_table.py leaderboard/test_rules.py "
        "leaderboard/test_coverage.py leaderboard/test_two_way.py leaderboard/test_systems.py "
        "leaderboard/test_notes.py",
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
SECONDS: Final = 180
"""Of a processor, that the tests of one fault may take where all of bench is imported anew."""
MOST_SECONDS: Final = 40
"""That the tests of one fault take without it; the quickest are run."""
PYTEST: Final = (
    *("-q", "-x", "-p", "no:benchmark", "-p", "no:cacheprovider", "-p", "no:xdist"),
    *("--basetemp=kept", "--timeout=900"),
)
SLOW: Final = 10.0
"""Seconds of a processor from which a test, as it is observed, is not run for any fault."""
WAITING: Final = 60.0
"""Seconds after which a process ends that has done nothing meanwhile."""
UNTIL: Final = time.monotonic() + float(os.environ.get("MUTANTS_SECONDS", "inf"))
ANEW: Final = 75
"""The exit code of a fork that cannot have the fault."""
_OUTPUT: Final = os.dup(1)


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
    """The tests that pytest has collected, the lines that each passes through, and its seconds.

    Args:
        session: pytest's, after the collection.
        through: by the file and the number of the line, the names of the tests.
        seconds: of each test.
    """

    def __init__(
        self,
        session: pytest.Session,
        through: Mapping[str, Mapping[str, Sequence[str]]],
        seconds: Mapping[str, float],
    ) -> None:
        self._items = {item.nodeid: item for item in session.items}
        self._session, self._through, self.seconds = session, through, seconds

    @classmethod
    def observed(cls, session: pytest.Session) -> Tests:
        """Run all, and once more, now the quick ones first, to leave out what fails by itself."""
        found = Path("found.json").absolute()
        _forked(lambda: _observe(session, session.items, found), 3600)
        seconds, through, modules = json.loads(found.read_text())
        for name in modules:
            with contextlib.suppress(Exception):
                importlib.import_module(name)
        order = sorted(
            (item for item in session.items if seconds.get(item.nodeid, SLOW) < SLOW),
            key=lambda item: float(seconds[item.nodeid]),
        )
        _forked(lambda: _observe(session, order, found, covered=False), 3600)
        passed = json.loads(found.read_text())[0]
        for item in session.items:
            if item.nodeid not in passed:
                spent = seconds.get(item.nodeid, 0.0)
                why = f"takes {spent:.0f} s" if spent >= SLOW else "fails as it is"
                say(f"left out, since it {why}: {item.nodeid}")
        return cls(session, through, passed)

    def of(self, fault: Fault) -> list[str]:
        """Those that a fault may concern, the likely ones first.

        Likely are those that pass through its lines, and of them the quick ones. What is computed
        once, or outside of functions, concerns others: those that pass through the file are next.
        """
        lines = self._through.get(fault.path, {})

        def through(numbers: Iterable[int]) -> set[str]:
            return {name for number in numbers for name in lines.get(str(number), ())}

        functions = _functions(fault)
        inside = through(n for first, last in functions for n in range(first, last + 1))
        near, names = through(fault.lines), through(map(int, lines))
        if not functions:
            names = set(self.seconds)
        own = sorted(
            names & set(self.seconds),
            key=lambda name: (name not in near, name not in inside, self.seconds[name]),
        )
        spent = itertools.accumulate(self.seconds[name] for name in own)
        return [name for name, so_far in zip(own, spent, strict=True) if so_far < MOST_SECONDS]

    def notice(self, fault: Fault, names: Sequence[str], functions: Functions) -> bool | None:
        """Whether one fails, or does not end, in a fork in which functions have the fault.

        None where the fault must be imported to be there.
        """
        path = Path(fault.path).absolute()
        before = path.read_text(encoding="utf-8")
        imported = any(file == str(path) for file, _, _ in functions)

        def work() -> int:
            if imported and not patch(path, before, fault.text, functions):
                return ANEW
            return _run_items(self._session, [self._items[name] for name in names])

        with put(fault):
            code = _forked(work, self._limit(names))
        return None if code == ANEW else code != 0

    def _limit(self, names: Sequence[str]) -> int:
        return 20 + 3 * round(sum(self.seconds[name] for name in names))


def examples(faults: Sequence[Fault]) -> list[str]:
    """The tests of the examples in the docstrings of the files concerned."""
    files = sorted({fault.path for fault in faults})
    names = [".".join(Path(file).with_suffix("").parts) for file in files if _has_examples(file)]
    return [f"tests/docs/test_examples.py::test_docstrings[{name}]" for name in names]


def _has_examples(file: str) -> bool:
    lines = Path(file).read_text(encoding="utf-8").splitlines()
    return any(">>> " in line and "+SKIP" not in line for line in lines)


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


def _observe(
    session: pytest.Session, items: Sequence[pytest.Item], result: Path, *, covered: bool = True
) -> int:
    """Run tests; keep the seconds of those that pass, what each passes through, and imports."""
    import coverage

    seen = coverage.Coverage(data_file=None, source=[str(Path("bench").absolute())])
    seconds: dict[str, float] = {}
    failed: set[str] = set()

    def now() -> float:
        return sum(os.times()[:4])

    class Observer:
        def pytest_runtest_logstart(self, nodeid: str) -> None:
            seconds[nodeid] = -now()
            if covered:
                seen.switch_context(nodeid)

        def pytest_runtest_logfinish(self, nodeid: str) -> None:
            seconds[nodeid] += now()

        def pytest_runtest_logreport(self, report: Any) -> None:
            if report.failed:
                failed.add(report.nodeid)

    session.config.pluginmanager.register(Observer())
    if covered:
        seen.start()
    _run_items(session, items, to_the_end=True)
    through: dict[str, dict[int, list[str]]] = {}
    if covered:
        seen.stop()
        data = seen.get_data()
        through = {
            str(Path(file).relative_to(Path.cwd())): data.contexts_by_lineno(file)
            for file in data.measured_files()
        }
    modules = sorted(name for name in sys.modules if name.startswith("bench."))
    passed = {name: spent for name, spent in seconds.items() if name not in failed}
    result.write_text(json.dumps([passed, through, modules]))
    return 0


def _run_items(
    session: pytest.Session, items: Sequence[pytest.Item], *, to_the_end: bool = False
) -> int:
    """Run tests that are collected; 1 as soon as one fails."""
    session.items = list(items)
    for item, following in zip(items, [*items[1:], None], strict=True):
        session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed and not to_the_end:
            return 1
    return 0


def in_session(faults: Sequence[Fault], places: Sequence[str], to: Connection) -> int:
    """Collect the tests of some places; send of each fault its tests, and whether one noticed."""
    import pytest

    class Loop:
        def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
            if session.testsfailed:
                return None  # pytest says which file cannot be imported
            tests = Tests.observed(session)
            functions = functions_under(Path("bench").absolute())
            to.send(None)
            for fault in faults:
                names = tests.of(fault)
                to.send((names, tests.notice(fault, names, functions) if names else False))
                to.recv()
            return True

    _keep_demo()
    return int(pytest.main([*PYTEST, *places], plugins=[Loop()]))


def is_noticed(fault: Fault, tests: Sequence[str]) -> bool:
    """Whether a test fails, or does not end, where all of bench is imported with the fault."""

    def work() -> int:
        import pytest

        _keep_demo()
        return int(pytest.main([*PYTEST, *tests]))

    with put(fault):
        return bool(tests) and _forked(work, SECONDS) != 0


@contextlib.contextmanager
def put(fault: Fault) -> Iterator[None]:
    """The file has the fault meanwhile."""
    path = Path(fault.path)
    before, times = path.read_bytes(), path.stat()
    path.write_text(fault.text, encoding="utf-8")
    # Compiled files are told apart by time and size, which two faults may share.
    sys.dont_write_bytecode = True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    try:
        yield
    finally:
        sys.dont_write_bytecode = False
        del os.environ["PYTHONDONTWRITEBYTECODE"]
        path.write_bytes(before)
        # The compiled file beside it is of this time.
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


# --- processes -----------------------------------------------------------------------------------


def say(text: str) -> None:
    """Print, whatever the output of this process is."""
    os.write(_OUTPUT, f"{text}\n".encode())


def _begun(work: Callable[[], int], seconds: int) -> int:
    """The id of a fork that does some work in seconds of a processor."""
    process = os.fork()
    if not process:
        code = 70
        try:
            os.setsid()
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
            handle = os.open("said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(handle, 1)
            os.dup2(handle, 2)
            code = work()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return process


def _ended(process: int) -> int:
    """The exit code of a fork; negative if it was killed, as one is that only waits."""
    spent, since = 0, time.monotonic()
    while os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        time.sleep(0.02)
        if time.monotonic() - since > WAITING:
            now = _ticks(process)
            if now == spent:
                break
            spent, since = now, time.monotonic()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def _ticks(session: int) -> int:
    """The time on a processor of all processes of a session, in the kernel's ticks."""
    found = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            words = path.read_text(errors="replace").rpartition(") ")[2].split()
            if int(words[3]) == session:
                found += int(words[11]) + int(words[12])
    return found


def _forked(work: Callable[[], int], seconds: int) -> int:
    return _ended(_begun(work, seconds))


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
        # What is compiled is that of the same files.
        for made in (ROOT / "bench").rglob("__pycache__/*.*"):
            target = Path(folder) / made.relative_to(ROOT)
            if target.parents[1].exists():
                target.parent.mkdir(exist_ok=True)
                shutil.copy2(made, target)
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
    """Try the groups that are named, or all; what has the same tests is tried together."""
    number = int(arguments[0]) if arguments else 50
    seed = os.environ.get("MUTANTS_SEED", "0")
    with copied():
        todo: dict[str, list[tuple[str, Fault]]] = defaultdict(list)
        for group in arguments[1:] or ["known", *GROUPS]:
            kind, _, package = group.partition(":")
            if kind == "known":
                for fault in known():
                    if fault.path.startswith(f"bench/{package}"):
                        todo[UNITS[fault.path]].append(("known", fault))
            else:
                modules, places = GROUPS[group]
                todo[places] += [(group, fault) for fault in mutants(modules, number, seed)]
        for places, faults in todo.items():
            try_all(faults, places)


def try_all(named: Sequence[tuple[str, Fault]], places: str) -> None:
    """Try faults with the tests of some places; print those that none noticed, and how many.

    Args:
        named: each fault with the name of its group.
        places: under ``tests/unit``.
    """
    began = time.monotonic()
    if began > UNTIL:
        return
    here, there = Pipe()
    faults = [fault for _, fault in named]
    paths = [*(f"{UNIT}/{place}" for place in places.split()), *examples(faults)]
    session = _begun(lambda: in_session(faults, paths, there), 4 * 3600)
    there.close()
    tried, noticed, anew = Counter[str](), Counter[str](), 0
    try:
        here.recv()
        observed = time.monotonic() - began
        for number, (group, fault) in enumerate(named):
            if time.monotonic() > UNTIL:
                say(f"{len(named) - number} are not tried, since $MUTANTS_SECONDS are over")
                break
            os.write(2, f"{group} {number + 1} of {len(named)}\n".encode())
            names, found = here.recv()
            if found is None:
                anew += 1
                found = is_noticed(fault, names)
            tried[group] += 1
            noticed[group] += found
            if not found:
                difference = fault.difference(Path(fault.path).read_text(encoding="utf-8"))
                say(f"{difference}\n# {group}: {len(names)} tests\n")
            here.send(None)
    except EOFError:
        said = Path("said").read_text(encoding="utf-8", errors="replace")[-3000:]
        raise SystemExit(f"the tests cannot be run: {places}\n{said}") from None
    finally:
        os.kill(session, signal.SIGKILL)
        _ended(session)
    for group in tried:
        say(f"{group}: {noticed[group]} of {tried[group]} noticed ({places})")
    spent = time.monotonic() - began
    say(f"{spent:.0f} s, {observed:.0f} of them to observe the tests; {anew} imported anew")


if __name__ == "__main__":
    main(sys.argv[1:])
