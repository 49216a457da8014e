"""What a person sees of a page: what sticks out of it, how small its text is, and a picture."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

SCREENSHOTS: Final = "SCREENSHOTS"
"""Names the folder in which pictures are kept for a person to look at."""

_BEYOND = """() => {
  const wide = document.documentElement.clientWidth;
  const scrolled = e => e.closest(".scroll, .panels, pre");
  return [...document.body.querySelectorAll("*")]
    .filter(e => e.checkVisibility() && !scrolled(e))
    .filter(e => e.getBoundingClientRect().right > wide + 1 || e.getBoundingClientRect().left < -1)
    .map(e => `${e.tagName} ${e.id} ${e.getAttribute("class")} ${e.textContent.slice(0, 40)}`);
}"""

_SIZES = """() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement, text = walker.currentNode.textContent.trim();
    if (!text || !e.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
    const svg = e.closest("svg");
    const scale = svg ? svg.getBoundingClientRect().width / svg.viewBox.baseVal.width : 1;
    found.push([scale * parseFloat(getComputedStyle(e).fontSize), text]);
  }
  return found;
}"""

_CUT = """() => [...document.querySelectorAll("th, td, figure svg text")].filter(e => {
  const box = e.closest("svg") || e;
  const [own, around] = [e, box].map(x => x.getBoundingClientRect());
  return e === box ? e.scrollWidth > e.clientWidth + 1
    : own.left < around.left - 1 || own.right > around.right + 1;
}).map(e => e.textContent)"""


def beyond(page: Any) -> list[str]:
    """The elements that reach out of the page, other than those of what scrolls by itself."""
    found: list[str] = page.evaluate(_BEYOND)
    return found


def smallest_text(page: Any) -> tuple[float, str]:
    """The size in pixels of the smallest text that is shown, and the text."""
    size, text = min(page.evaluate(_SIZES))
    return float(size), str(text)


def cut_off(page: Any) -> list[str]:
    """The texts of cells and figures that do not fit where they stand."""
    found: list[str] = page.evaluate(_CUT)
    return found


def picture(page: Any, name: str) -> np.ndarray:
    """The whole page as shades of grey from 0 to 1, ``(height, width)``.

    It is also kept as ``NAME.png`` in the folder that the variable SCREENSHOTS names, if any.
    """
    data = page.screenshot(full_page=True)
    if folder := os.environ.get(SCREENSHOTS):
        Path(folder).mkdir(parents=True, exist_ok=True)
        Path(folder, f"{name}.png").write_bytes(data)
    return np.asarray(Image.open(io.BytesIO(data)).convert("L"), dtype=np.float64) / 255.0
