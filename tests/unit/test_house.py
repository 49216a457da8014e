"""The house itself: which package may import which, what is documented, and how it is written.

Every import counts, also one in a function and one for types alone. Each rule is tried on a small
package that breaks it, so that it can fail.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePath

import pytest

from bench.spec.identity import counts
from tests.helpers.house import Arrow, House, circles, crossing, inside, undocumented, upward
from tests.helpers.paths import ROOT

LAYERS = (
    ("errors", "version"),
    ("hearing", "options", "runtime", "tables"),
    ("api", "board"),
    ("data", "hookspecs", "separation"),
    ("plugins",),
    ("builtin", "scaffold", "spec"),
    ("leaderboard", "system"),
    ("evaluation", "pretraining", "testing"),
    ("training",),
    ("report", "runs"),
    ("ablation", "listening", "submission"),
    ("commands",),
    ("cli",),
    ("__init__", "__main__"),
)
"""The entries of ``bench`` from the bottom up; those of one layer import nothing of each other."""

MOST_ENTRIES = 29

UNCOUNTED_ALLOWED = {
    ("builtin.datasets", "data.generate"): "it makes the demo, whose fingerprint tells what it is",
    ("data.validate", "data.generate.streaming"): "it measures a set, which changes no score",
}
"""Where code that counts towards a run's id may import code that does not, and why."""

DOORS = ("__init__", "__main__")
"""Entries that pass on what others offer, and compute nothing."""

BANNED = re.compile(
    r"\b(usual(ly)?|mend(s|ed|ing)?|hand(s|ed|ing)?[ -]in|for want of|nobody|passports?)\b",
    re.IGNORECASE,
)

Build = Callable[[dict[str, str]], House]


@pytest.fixture(scope="module")
def house() -> House:
    return House.read(ROOT / "bench")


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Write a package named ``toy`` from texts by path, and read it."""

    def write(sources: dict[str, str]) -> House:
        for name, text in {"__init__.py": "", **sources}.items():
            path = tmp_path / "toy" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return House.read(tmp_path / "toy")

    return write


def told(arrows: Iterable[Arrow]) -> list[str]:
    return [str(arrow) for arrow in arrows]


# --- reading imports -----------------------------------------------------------------------------

FORMS = """
import toy.low
from toy import low
from toy.low import name
from toy.package import module, name
from . import low
from .low import name
from .package.module import name

def lazily():
    from toy.low import name

if TYPE_CHECKING:
    import toy.low as other

import os, numpy
from other.toy import low
"""


def test_every_form_of_import_is_read(build: Build) -> None:
    house = build(
        {
            "high.py": FORMS,
            "low.py": "",
            "package/__init__.py": "from .module import x\nfrom .. import low",
            "package/module.py": "",
        }
    )
    assert house.entries == {"__init__", "high", "low", "package"}
    by_line = {arrow.line: arrow.target for arrow in house.arrows if arrow.source == "toy.high"}
    low = dict.fromkeys((2, 3, 4, 6, 7, 11, 14), "toy.low")
    assert by_line == low | {5: "toy.package", 8: "toy.package.module"}
    # Line 5 names a module of a package, and what is in the package's own file.
    fifth = {arrow.target for arrow in house.arrows if arrow.line == 5}
    assert fifth == {"toy.package", "toy.package.module"}
    assert told(arrow for arrow in house.arrows if arrow.source == "toy.package") == [
        "toy.package:1 imports toy.package.module",
        "toy.package:2 imports toy.low",
    ]


# --- who may import whom -------------------------------------------------------------------------


def test_the_table_of_layers_names_every_entry_once(house: House) -> None:
    named = [entry for layer in LAYERS for entry in layer]
    assert len(named) == len(set(named))
    assert set(named) == house.entries


def test_imports_run_downwards(house: House) -> None:
    assert told(upward(house, LAYERS)) == []


@pytest.mark.parametrize(
    "text",
    [
        "from toy import high",
        "def f():\n    import toy.high.part",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from toy.high.part import x",
        "import toy.beside",
    ],
)
def test_an_import_that_runs_upwards_or_sideways_is_told(build: Build, text: str) -> None:
    house = build(
        {
            "low.py": text,
            "beside.py": "",
            "high/__init__.py": "import toy.low, toy.high.part",
            "high/part.py": "",
        }
    )
    layers = (("low", "beside"), ("high",), ("__init__",))
    (arrow,) = upward(house, layers)
    assert arrow.source == "toy.low"


def test_modules_import_each_other_in_no_circle(house: House) -> None:
    assert circles(house) == []


def test_a_circle_is_told_whole(build: Build) -> None:
    house = build(
        {
            "package/a.py": "from toy.package.b import x",
            "package/b.py": "def f():\n    import toy.package.c",
            "package/c.py": "from toy.package import a, d",
            "package/d.py": "",
            "package/__init__.py": "",
            "other.py": "from toy.package import a",
        }
    )
    assert circles(house) == [["toy.package.a", "toy.package.b", "toy.package.c"]]


def beside(house: House, *allowed: str) -> list[str]:
    """All entries but some."""
    return sorted(house.entries - set(allowed))


def test_hearing_stands_by_itself(house: House) -> None:
    assert told(crossing(house, ["hearing"], beside(house, "hearing", "errors"))) == []


def test_an_import_of_the_harness_by_hearing_is_told(build: Build) -> None:
    house = build(
        {
            "errors.py": "",
            "api.py": "",
            "hearing/__init__.py": "from toy.errors import BenchError",
            "hearing/sdr.py": "from toy.hearing import x\nfrom toy.api import STEMS",
        }
    )
    found = crossing(house, ["hearing"], beside(house, "hearing", "errors"))
    assert told(found) == ["toy.hearing.sdr:2 imports toy.api"]


def test_built_in_plugins_are_imported_by_no_other_package(house: House) -> None:
    assert told(crossing(house, beside(house, "builtin"), ["builtin"])) == []


def test_an_import_of_a_built_in_plugin_is_told(build: Build) -> None:
    house = build(
        {
            "builtin/__init__.py": "",
            "builtin/gains.py": "from toy import builtin",
            "builtin_too.py": "",
            "run.py": "import toy.builtin_too\ndef f():\n    from toy.builtin.gains import Cnn",
        }
    )
    found = crossing(house, beside(house, "builtin"), ["builtin"])
    assert told(found) == ["toy.run:3 imports toy.builtin.gains"]


def hidden_influences(house: House) -> list[Arrow]:
    """Imports, by code that counts towards a run's id, of code that does not."""

    def is_counted(module: str) -> bool:
        return counts(PurePath(*module.split(".")[1:]) / "__init__.py")

    return [
        arrow
        for arrow in house.arrows
        if house.entry(arrow.source) not in DOORS
        and is_counted(arrow.source)
        and not is_counted(arrow.target)
    ]


def test_code_that_counts_towards_an_id_uses_none_that_does_not(house: House) -> None:
    excused = {
        place: [
            arrow
            for arrow in hidden_influences(house)
            if inside(house, arrow.source, place[:1]) and inside(house, arrow.target, place[1:])
        ]
        for place in UNCOUNTED_ALLOWED
    }
    known = [arrow for arrows in excused.values() for arrow in arrows]
    assert told(arrow for arrow in hidden_influences(house) if arrow not in known) == []
    # What no import needs any more is not to be excused.
    assert [place for place, arrows in excused.items() if not arrows] == []


def test_a_hidden_influence_is_told(build: Build) -> None:
    house = build(
        {
            "__init__.py": "from toy.cli import main",
            "cli/__init__.py": "import toy.system",
            "system.py": "def f():\n    from toy.data.generate.songs import make",
            "data/__init__.py": "",
            "data/generate/__init__.py": "",
            "data/generate/songs.py": "import toy.data",
        }
    )
    assert told(hidden_influences(house)) == ["toy.system:2 imports toy.data.generate.songs"]


def entries_of(package: Path) -> list[str]:
    """What one sees on opening a package: files and folders."""
    hidden = {"__init__.py", "__pycache__", "py.typed"}
    return sorted(path.name for path in package.iterdir() if path.name not in hidden)


def test_the_first_level_can_be_taken_in_at_a_glance() -> None:
    assert len(entries_of(ROOT / "bench")) <= MOST_ENTRIES


def test_files_and_folders_of_the_first_level_are_counted(build: Build, tmp_path: Path) -> None:
    build({"a.py": "", "b/__init__.py": "", "b/c.py": "", "py.typed": "", "notes.md": ""})
    assert entries_of(tmp_path / "toy") == ["a.py", "b", "notes.md"]


# --- how it is written ---------------------------------------------------------------------------


def test_whatever_is_public_is_documented(house: House) -> None:
    assert undocumented(house) == []


def test_what_lacks_a_docstring_is_told(build: Build) -> None:
    house = build(
        {
            "__init__.py": '"""Known."""',
            "bare.py": "x = 1",
            "part.py": '"""Known."""\n'
            'def said():\n    """So it is."""\n    def within(): pass\n'
            "def unsaid(): pass\n"
            "def _private(): pass\n"
            "class Unsaid:\n    def method(self): pass\n    def _own(self): pass\n"
            "class _Private:\n    def method(self): pass\n"
            "@overload\ndef said_elsewhere(): ...\n",
        }
    )
    assert undocumented(house) == [
        "toy.bare",
        "toy.part.unsaid",
        "toy.part.Unsaid",
        "toy.part.Unsaid.method",
    ]


def texts() -> Iterator[Path]:
    """Code and pages that people read."""
    yield from (ROOT / "README.md", ROOT / "CONTRIBUTING.md")
    for folder in ("bench", "docs", "plugins"):
        for pattern in ("*.py", "*.md", "*.toml", "*.j2", "*.html", "*.js", "*.css"):
            yield from sorted((ROOT / folder).rglob(pattern))


def banned_words(paths: Iterable[Path]) -> list[str]:
    """Where words stand that have a plainer one."""
    return [
        f"{path.name}:{number}: {found[0]}"
        for path in paths
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for found in BANNED.finditer(line)
    ]


def test_words_are_plain() -> None:
    assert banned_words(texts()) == []


def test_a_banned_word_is_told(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    lines = [
        "As usual, nobody listens.",
        "It is recommended that amendments commend tremendous mendacity.",
        "Hand in what was handed in: how to mend a passport, for want of another.",
        "a helping hand inside, unusual",
    ]
    page.write_text("\n".join(lines), encoding="utf-8")
    assert banned_words([page]) == [
        "page.md:1: usual",
        "page.md:1: nobody",
        "page.md:3: Hand in",
        "page.md:3: handed in",
        "page.md:3: mend",
        "page.md:3: passport",
        "page.md:3: for want of",
    ]
