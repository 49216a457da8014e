"""The site builds without a warning, and is whole."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench import api, hookspecs
from bench.cli import COMMANDS
from tests.helpers.site import CAN_BE_BUILT, build_site

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CAN_BE_BUILT, reason="needs the extra 'docs'"),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_site(tmp_path_factory.mktemp("site"))


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
