"""The documentation opened from disk: its search, and no page wider than its screen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.site import CAN_BE_BUILT, build_site

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CAN_BE_BUILT, reason="needs the extra 'docs'"),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_site(tmp_path_factory.mktemp("site"))


@pytest.mark.parametrize("page", ["index.html", "how-to/song.html"])
def test_search_from_disk(site: Path, visit: Callable[..., Any], page: str) -> None:
    opened = visit(site / page)
    opened.keyboard.press("/")
    opened.keyboard.type("audiogram")
    found = opened.locator(".md-search-result__item")
    found.first.wait_for(timeout=10_000)
    assert found.count() > 3
    opened.locator(".md-search-result__link").first.click()
    opened.wait_for_url(lambda url: page not in url)
    assert "audiogram" in opened.locator("article").inner_text().lower()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_no_page_is_wider_than_the_screen(
    site: Path, visit: Callable[..., Any], width: int, scheme: str
) -> None:
    opened = visit(site / "index.html", width=width, scheme=scheme)
    for path in sorted(site.rglob("*.html")):
        if path.name == "404.html":  # its links are absolute
            continue
        opened.goto(path.as_uri())
        wide = opened.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, path.relative_to(site)
        broken = opened.evaluate(
            "[...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)"
        )
        assert broken == [], path.relative_to(site)
