"""Self-contained pages: style and script are inside, and nothing else may run."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import jinja2
from markupsafe import Markup

from bench.leaderboard.render import clean
from bench.runtime.files import replacing

STYLE: Final = Path(__file__).parent / "templates" / "report.css"
"""The style that all pages share."""


def fill(
    template: Path,
    *,
    styles: tuple[Path, ...],
    scripts: tuple[Path, ...],
    functions: dict[str, Callable[..., Any]],
    content: dict[str, Any],
    connect: str = "",
) -> str:
    """A template with its content, all values escaped.

    Args:
        template: a Jinja2 file; it is given `style`, `script`, `policy` and `clean` beside what
            follows.
        styles: CSS files, put into the page in this order.
        scripts: JavaScript files, put together into the page's one script.
        functions: that the template may call.
        content: its values.
        connect: scheme and host that the page may send to, as ``https://example.org``; it sends
            nothing anywhere by default.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template.parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(clean=clean, **functions)
    style = "".join(path.read_text(encoding="utf-8") for path in styles)
    script = "".join(path.read_text(encoding="utf-8") for path in scripts)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
        "img-src data:"
    ) + (f"; connect-src {connect}" if connect else "")
    return environment.get_template(template.name).render(
        style=Markup(style), script=Markup(script), policy=policy, **content
    )


def write(path: Path, text: str) -> Path:
    """Write a page in one step, and return its path.

    Raises:
        OSError: it cannot be written.
    """
    with replacing(path) as draft:
        draft.write_text(text, encoding="utf-8")
    return path
