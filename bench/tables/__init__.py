"""One table in several formats: text, CSV, JSON, Markdown and LaTeX."""
