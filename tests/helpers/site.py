"""The documentation site, built as `make docs` builds it."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from tests.helpers.paths import ROOT

CAN_BE_BUILT = bool(importlib.util.find_spec("mkdocs") and importlib.util.find_spec("mkdocstrings"))


def build_site(folder: Path) -> Path:
    """The site in a folder; a warning is an error."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stderr
    return folder
