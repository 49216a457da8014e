"""What tests of pages that play wait for."""

from __future__ import annotations

from typing import Any

READY = "#play:not([disabled])"

# What is waited for is a function: a plain expression would be evaluated by the page, whose policy
# rightly forbids it.


def advanced(page: Any) -> None:
    """Wait until the position has moved."""
    before = page.evaluate("player.position")
    page.wait_for_function("before => player.position !== before", arg=before)


def wait_for(page: Any, name: str) -> None:
    """Wait until one signal alone sounds, all others being silent."""
    page.wait_for_function(
        "name => Object.entries(player.gains).every(([n, g]) => g === (n === name ? 1 : 0))",
        arg=name,
    )


def says(page: Any, selector: str, text: str) -> None:
    """Wait until an element's text has `text` in it: texts follow the player a frame later."""
    page.wait_for_function(
        "([selector, text]) => document.querySelector(selector).textContent.includes(text)",
        arg=[selector, text],
    )
