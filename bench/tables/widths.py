"""How wide a text table is, how its columns share a line, and where a long name is broken."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Sequence
from typing import Final

from rich.cells import cell_len

WIDTH: Final = 100
"""Columns of a text table that is not written to a terminal."""

_BREAKS: Final = re.compile(r"(?<=[,+=/\]_-])|(?=\[)")


def line_width() -> int:
    """Columns of a text table: ``$COLUMNS`` where it is set, else the terminal's, else WIDTH."""
    stated = os.environ.get("COLUMNS", "")
    if stated.isdecimal() and int(stated) > 0:
        return int(stated)
    return shutil.get_terminal_size((WIDTH, 24)).columns if sys.stdout.isatty() else WIDTH


def shared_out(natural: Sequence[int], least: Sequence[int], room: int) -> list[int]:
    """Widths of columns that fit into `room`: the widest give first, none below its least.

    Example:
        >>> shared_out([30, 12], [10, 10], 30)
        [18, 12]
        >>> shared_out([30, 12], [20, 10], 20)
        [20, 10]
    """
    widths = list(natural)
    while sum(widths) > room:
        able = [place for place, width in enumerate(widths) if width > least[place]]
        if not able:
            break
        widths[max(able, key=lambda place: widths[place])] -= 1
    return widths


def wrapped(text: str, width: int) -> str:
    """A text in lines of `width` cells: broken at spaces, else after ``,+=/-_]`` or before ``[``.

    Only a piece that is wider than a line by itself is cut.

    Example:
        >>> wrapped("hdemucs-ft + cnn-residual", 16)
        'hdemucs-ft +\\ncnn-residual'
        >>> wrapped("nalr-fit[max_loudness_loss=3.0]", 24)
        'nalr-fit\\n[max_loudness_loss=3.0]'
    """
    return "\n".join(line for given in text.split("\n") for line in _lines(given, max(1, width)))


def _lines(text: str, width: int) -> list[str]:
    lines = [""]
    for word in re.findall(r"\S+|\s+", text):
        if cell_len(lines[-1] + word) <= width:
            lines[-1] += word
        elif word.isspace():
            lines.append("")
        elif cell_len(word) <= width:
            lines.append(word)
        else:
            for piece in _pieces(word, width):
                for part in _cut(piece, width):
                    fits = cell_len(lines[-1] + part) <= width
                    lines[-1:] = [lines[-1] + part] if fits else [lines[-1], part]
    return [line.strip() for line in lines if line.strip()] or [""]


def _pieces(word: str, width: int) -> list[str]:
    """Where a word may be broken: before its options alone, where that is enough."""
    options = re.split(r"(?=\[)", word)
    return options if max(map(cell_len, options)) <= width else _BREAKS.split(word)


def _cut(piece: str, width: int) -> list[str]:
    parts = [""]
    for letter in piece:
        if cell_len(parts[-1] + letter) > width:
            parts.append("")
        parts[-1] += letter
    return parts


def longest_word(text: str) -> int:
    """Cells of the longest word of a heading, which is never broken."""
    return max((cell_len(word) for word in text.split()), default=0)
