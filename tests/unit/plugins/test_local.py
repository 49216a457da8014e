"""Objects of the caller's own code in other processes."""

from __future__ import annotations

import pickle
import subprocess
import sys
import traceback
import types
from pathlib import Path

from torch import Tensor

from bench.api import SeparatorSpec
from bench.plugins.catalogue import Plugins
from bench.plugins.local import pickled, with_local

SCRIPT = """
class Mine:
    def separate(self, mixture):
        wrong = [1 / 0 for _ in range(2)]
        return wrong
"""


def local(path: Path) -> bytes:
    """What goes to other processes of a class in a script."""
    module = types.ModuleType("__main__")
    exec(compile(SCRIPT, str(path), "exec"), vars(module))
    _, plugin = with_local(Plugins([]), SeparatorSpec, vars(module)["Mine"]())
    text = pickled([plugin])
    assert text is not None
    return text


def test_a_failure_names_the_file_and_line_of_a_script(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(SCRIPT)
    [plugin] = pickle.loads(local(path))
    try:
        plugin.target()().separate(Tensor())
    except ZeroDivisionError as error:
        frames = traceback.extract_tb(error.__traceback__)[1:]
        assert {frame.filename for frame in frames} == {str(path)}
        assert frames[-1].lineno == 4
        assert "1 / 0" in (frames[-1].line or "")
    else:
        raise AssertionError("it does not fail")


def test_another_process_needs_no_file_of_it(tmp_path: Path) -> None:
    text = local(tmp_path / "gone.py")
    code = "import pickle, sys; print(pickle.load(sys.stdin.buffer)[0].spec.name)"
    done = subprocess.run([sys.executable, "-c", code], input=text, capture_output=True, check=True)
    assert done.stdout.split() == [b"mine"]
