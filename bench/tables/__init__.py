"""One table in several formats: text, CSV, JSON, Markdown and LaTeX."""

from typing import Final

FORMATS: Final = ("table", "csv", "json", "markdown", "latex")
