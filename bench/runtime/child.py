"""A process in which a cluster's worker runs jobs one at a time, so that the worker survives it.

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
import time
from collections.abc import Callable
from select import select
from typing import IO, Any, Final, NamedTuple

from bench.runtime.executors import begin_worker

_LENGTH: Final = 8
_POLL: Final = 0.2
"""Seconds between two looks at whether a job is still wanted."""
IDLE: Final = 60.0
"""Seconds without a job after which the process ends, and gives its memory back."""

DONE: Final = "done"
RAISED: Final = "raised"
REFUSED: Final = "refused"


class Answer(NamedTuple):
    """The outcome of a job.

    Attributes:
        kind: DONE, RAISED, or REFUSED where the process could not begin.
        value: the result, or what was raised, pickled: the worker has no use for it.
        seconds: that the job took.
    """

    kind: str
    value: bytes
    seconds: float = 0.0


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

    def do(self, key: str, begin: bytes, job: bytes, is_wanted: Callable[[], bool]) -> Answer:
        """Do a job, in a process that was begun with `begin`.

        Args:
            key: of `begin`: a process that was begun with another is replaced.
            begin: pickled, a function of one argument, and functions of none that are called first.
            job: pickled.
            is_wanted: looked at now and then; where it says no, the process is ended.

        Raises:
            ChildDiedError: the process ended.
            CalledOffError: it was not wanted any more.
        """
        # One that ended while it had nothing to do is no death.
        if self._begun != key or (self._process is not None and self._process.poll() is not None):
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
        answer: Answer = pickle.loads(self._receive(is_wanted))
        return answer

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
    length = _exactly(pipe, _LENGTH)
    return None if length is None else _exactly(pipe, int.from_bytes(length, "big"))


def _exactly(pipe: IO[bytes], count: int) -> bytes | None:
    """So many bytes; None where the pipe ends before."""
    content = bytearray()
    while len(content) < count:
        more = pipe.read(count - len(content))
        if not more:
            return None
        content += more
    return bytes(content)


def main(parent: int, idle: float = IDLE) -> None:
    """Do jobs until there are no more, or none for `idle` seconds."""
    results = os.fdopen(os.dup(1), "wb")
    # Whatever is printed meanwhile is no result.
    os.dup2(2, 1)
    begin_worker(parent)
    jobs = os.fdopen(os.dup(0), "rb", buffering=0)
    with open(os.devnull, "rb") as nothing:  # a plugin that reads finds an end
        os.dup2(nothing.fileno(), 0)
    begin = _read(jobs) or b""
    work: Callable[[Any], Any] | None = None
    while select([jobs], [], [], idle)[0] and (job := _read(jobs)) is not None:
        try:
            if work is None:
                wanted, first = pickle.loads(begin)
                for function in first:
                    function()
                work = wanted
            answer = _answer(work, job)
        except Exception as error:
            answer = _sendable(Answer(REFUSED, b""), error)
        _write(results, pickle.dumps(answer))


def _answer(work: Callable[[Any], Any], job: bytes) -> Answer:
    start = time.perf_counter()
    try:
        kind, value = DONE, work(pickle.loads(job))
    except Exception as error:
        kind, value = RAISED, error
    seconds = time.perf_counter() - start
    return _sendable(Answer(kind, b"", seconds), value)


def _sendable(answer: Answer, value: Any) -> Answer:
    try:
        content = pickle.dumps(value)
        pickle.loads(content)
    except Exception as error:  # a result, or an error, that cannot travel
        told = RuntimeError(f"{value!r} cannot be sent: {error}")
        kind = RAISED if answer.kind == DONE else answer.kind
        return answer._replace(kind=kind, value=pickle.dumps(told))
    return answer._replace(value=content)


if __name__ == "__main__":
    # By its name, so that what is pickled here is of the module that the worker knows.
    from bench.runtime import child

    child.main(int(sys.argv[1]))
