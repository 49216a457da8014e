"""Escape names from data and plugins in every format."""

from __future__ import annotations

import csv
import html
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

_LATEX: Final = (
    {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {character: f"\\{character}" for character in "&%$#_{}"}
    | {"–": "--", "<": "$<$", ">": "$>$", "|": "$|$", "\N{REPLACEMENT CHARACTER}": "?"}
    # Ligatures of two of them would be other characters.
    | {'"': "''", "`": "{`}"}
)


def clean(text: str) -> str:
    """`text` on one line, without characters that steer a terminal or turn the text around.

    Example:
        >>> clean("hdemucs\\x1b[31m + fixed")
        'hdemucs\\ufffd[31m + fixed'
    """
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def escape_markdown(text: str) -> str:
    """`text` as itself in a Markdown table, HTML included.

    Example:
        >>> escape_markdown("a|b <c>")
        'a\\\\|b &lt;c&gt;'
    """
    plain = html.escape(clean(text), quote=False)
    for character in "\\`*_[]|~":
        plain = plain.replace(character, f"\\{character}")
    return plain


def escape_latex(text: str) -> str:
    """`text` as itself in a LaTeX table.

    Example:
        >>> print(escape_latex("50 % of A & B"))
        50 \\% of A \\& B
    """
    return "".join(_LATEX.get(character, character) for character in clean(text))


def json_text(content: Any) -> str:
    """Strict JSON whose control characters, those beyond ASCII too, are escaped.

    Example:
        >>> print(json_text({"haaqi": 0.9}), end="")
        {
          "haaqi": 0.9
        }
    """
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    kept = (c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)
    return "".join(kept) + "\n"


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as CSV with a header, plain values, names on one line; empty without rows.

    Example:
        >>> print(csv_text([{"system": "oracle", "haaqi": 0.9}, {"system": "mixture"}]), end="")
        system,haaqi
        oracle,0.9
        mixture,
    """
    columns = list(dict.fromkeys(key for row in rows for key in row))
    if not columns:
        return ""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(clean, columns))
    for row in rows:
        cells = (row.get(key) for key in columns)
        writer.writerow(clean(cell) if isinstance(cell, str) else cell for cell in cells)
    return text.getvalue()
