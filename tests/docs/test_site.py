"""The site builds without a warning, and is whole."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench import api, hookspecs
from bench.cli import COMMANDS
from tests.helpers.paths import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (importlib.util.find_spec("mkdocs") and importlib.util.find_spec("mkdocstrings")),
        reason="needs the extra 'docs'",
    ),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stderr
    return folder


def test_every_hook_command_and_protocol_has_a_place(site: Path) -> None:
    pages = {path.stem: path.read_text("utf-8") for path in (site / "reference").glob("*.html")}
    hooks = [name for name, value in vars(hookspecs).items() if hasattr(value, "bench_spec")]
    assert len(hooks) >= 10
    for name in hooks:
        assert f'id="bench.hookspecs.{name}"' in pages["hooks"]
    for name in COMMANDS:
        assert f'id="bench-{name}"' in pages["cli"]
    for name in ("STEMS", "SeparatorSpec", "Separator", "Metric", "Rendering", "option"):
        assert hasattr(api, name)
        assert f'id="bench.api.{name}"' in pages["api"]


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 10
    for page in pages:
        text = page.read_text("utf-8")
        loaded = re.findall(r"<(?:script|img|iframe|source)[^>]*\ssrc=\"?([^\"\s>]+)", text)
        loaded += re.findall(r"<link[^>]*rel=\"?(?:stylesheet|preconnect)[^>]*>", text)
        assert loaded
        assert not [address for address in loaded if "//" in address], page


def test_no_markup_is_left_over(site: Path) -> None:
    for page in (site / "reference").glob("*.html"):
        text = page.read_text("utf-8")
        assert "<!-- " not in text
        assert not re.search(r":(?:class|func|meth|mod|data):<code", text)
        assert "Sentinel" not in text
