"""A process of a cluster's worker that does jobs, one at a time: it may die, the worker lives on.

A worker of a cluster runs threads; a job of ours wants a process: torch and the allocator are set
for the whole of it, a plugin may end it, and it must be gone when the work is called off. Its
parent writes pickled jobs to its standard input and reads pickled results from what was its
standard output.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from select import select
from typing import IO, Any, Final

from bench.runtime.executors import end_with

_LENGTH: Final = 8
_POLL: Final = 0.2
"""Seconds between two looks at whether a job is still wanted."""


class ChildDiedError(Exception):
    """The process ended before it gave a result; `code` is its exit code."""

    def __init__(self, code: int | None) -> None:
        super().__init__(code)
        self.code = code


class CalledOffError(Exception):
    """The job was not wanted any more: its process was ended."""


class Child:
    """A process that does jobs; begun at the first."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._begun = ""

    def do(
        self, key: str, begin: bytes, job: bytes, is_wanted: Callable[[], bool]
    ) -> tuple[bool, Any]:
        """Do a job, in a process that was begun with `begin`.

        Args:
            key: of `begin`: a process that was begun with another is replaced.
            begin: pickled, a function of one argument and one of none that is called first, or
                None.
            job: pickled.
            is_wanted: looked at now and then; where it says no, the process is ended.

        Returns:
            Whether it went well, and the result or what was raised.

        Raises:
            ChildDiedError: the process ended.
            CalledOffError: it was not wanted any more.
        """
        if self._begun != key:
            self.end()
        if self._process is None:
            # It imports what this process does, and nothing from its working directory (-P).
            paths = os.pathsep.join(path for path in sys.path if path)
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "bench.runtime.child", str(os.getpid())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=os.environ | {"PYTHONPATH": paths},
            )
            self._begun = key
            self._send(begin)
        self._send(job)
        found: tuple[bool, Any] = pickle.loads(self._receive(is_wanted))
        return found

    def end(self) -> None:
        """End the process, whatever it does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                with contextlib.suppress(OSError):
                    assert pipe is not None
                    pipe.close()
        self._process, self._begun = None, ""

    def _send(self, content: bytes) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it died: that shows when it is read from
            _write(self._process.stdin, content)

    def _receive(self, is_wanted: Callable[[], bool]) -> bytes:
        assert self._process is not None
        pipe = self._process.stdout
        assert pipe is not None
        while not select([pipe], [], [], _POLL)[0]:
            if not is_wanted():
                self.end()
                raise CalledOffError
        content = _read(pipe)
        if content is None:
            code = self._process.wait()
            self.end()
            raise ChildDiedError(code)
        return content


def _write(pipe: IO[bytes], content: bytes) -> None:
    pipe.write(len(content).to_bytes(_LENGTH, "big"))
    pipe.write(content)
    pipe.flush()


def _read(pipe: IO[bytes]) -> bytes | None:
    """What was written at once; None at the end."""
    length = pipe.read(_LENGTH)
    if len(length) < _LENGTH:
        return None
    content = pipe.read(int.from_bytes(length, "big"))
    return content if len(content) == int.from_bytes(length, "big") else None


def main(parent: int) -> None:
    """Do jobs until there are no more."""
    results = os.fdopen(os.dup(1), "wb")
    # Whatever is printed meanwhile is no result.
    os.dup2(2, 1)
    end_with(parent)
    begin = _read(sys.stdin.buffer)
    work: Callable[[Any], Any] | None = None
    while (job := _read(sys.stdin.buffer)) is not None:
        found: tuple[bool, Any]
        try:
            if work is None and begin is not None:
                wanted, start = pickle.loads(begin)
                if start is not None:
                    start()
                work = wanted
            assert work is not None
            found = (True, work(pickle.loads(job)))
        except Exception as error:
            found = (False, error)
        try:
            content = pickle.dumps(found)
            pickle.loads(content)
        except Exception as error:  # a result, or an error, that cannot travel
            content = pickle.dumps((False, RuntimeError(f"{found[1]!r} cannot be sent: {error}")))
        _write(results, content)


if __name__ == "__main__":
    main(int(sys.argv[1]))
