"""Guarded calls of plugins: what a plugin does affects only its own results.

A plugin is a stranger's code in this process. Whatever of it is called is called inside
:func:`guarded`: it may neither change what it was given, nor end the program, nor take for ever;
what it prints goes to standard error, since standard output holds results; and what else it sets
in the process is set back (:mod:`bench.plugins.process_state`). So no plugin changes the row of
another.
"""

from __future__ import annotations

import contextlib
import faulthandler
import functools
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TextIO

from bench.errors import BenchError
from bench.plugins.process_state import Snapshot
from bench.runtime.executors import in_worker

if TYPE_CHECKING:
    from torch import Tensor

_leave: Final = os._exit
GRACE: Final = 10.0
"""Seconds after which a call that does not even notice that its time is up ends its process."""


class PluginFaultError(BenchError):
    """A plugin did something that it must not do."""


class ChangedInputError(PluginFaultError):
    """A plugin wrote into what it was given."""


class OutOfTimeError(PluginFaultError):
    """A call of a plugin that took too long."""


class _TimeUp(BaseException):
    """Raised inside a call whose time is up: no plugin's ``except Exception`` catches it."""


class _Exit(BaseException):
    """Raised instead of ending the process."""


class _Limit:
    """The time that each call may take: seconds, 0 for any."""

    seconds: float = 0.0


_limit = _Limit()
_calls = threading.local()


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Limit the time of each call of a plugin inside the block.

    A call that takes longer is interrupted. One that cannot be interrupted, as native code may be,
    ends its process, but only where that is a worker and nothing else.

    Args:
        seconds: 0 for any time.
    """
    before, _limit.seconds = _limit.seconds, seconds
    try:
        yield
    finally:
        _limit.seconds = before


@contextmanager
def guarded(who: str, **given: Tensor) -> Iterator[None]:
    """Call a plugin's code inside this block.

    Args:
        who: the plugin, as ``"metric 'haaqi'"``.
        **given: the signals that it is given, by what they are.

    Raises:
        ChangedInputError: it wrote into what it was given.
        OutOfTimeError: it took longer than :func:`limited` allows.
        PluginFaultError: it tried to end the program.
    """
    before, process = digests(given), os.getpid()
    # What a plugin calls of other plugins is part of the same call.
    inner = getattr(_calls, "depth", 0) > 0
    _calls.depth = getattr(_calls, "depth", 0) + 1
    try:
        with contextlib.nullcontext() if inner else _kept(), _clock(0 if inner else _limit.seconds):
            yield
    except _TimeUp:
        if inner:
            raise
        raise OutOfTimeError(
            f"it took longer than {_limit.seconds:g} s",
            where=who,
            hint="To allow more time: --time-limit SECONDS (0 for no limit).",
        ) from None
    except (SystemExit, _Exit) as end:
        kind = "SystemExit" if isinstance(end, SystemExit) else "os._exit"
        raise PluginFaultError(f"it tried to end the program ({kind}: {end})", where=who) from end
    finally:
        _calls.depth -= 1
        if os.getpid() != process:  # a fork that the plugin let go on: the work is not its own
            _leave(1)
    changed = [name for name, then in before.items() if digests({name: given[name]})[name] != then]
    if changed:
        raise ChangedInputError(
            f"it changed its input ({', '.join(changed)})",
            where=who,
            hint="Its author should work on a copy: x = x / x.std() instead of x /= x.std().",
        )


class Guarded:
    """An object of a plugin, each of whose methods and attributes is asked for in :func:`guarded`.

    Args:
        thing: the object.
        who: the plugin.
    """

    def __init__(self, thing: Any, who: str) -> None:
        self._thing, self._who = thing, who

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        with guarded(self._who):
            value = getattr(self._thing, name)
        if not callable(value):
            return value

        @functools.wraps(value)
        def call(*args: Any, **more: Any) -> Any:
            with guarded(self._who):
                return value(*args, **more)

        return call


def digests(given: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """The digests of signals, by name."""
    if not given:
        return {}
    from bench.plugins.digest import digest

    return {name: digest(signal) for name, signal in given.items()}


# --- the process -------------------------------------------------------------------------------


@contextmanager
def _kept() -> Iterator[None]:
    """The process's own state is after the block what it was before it."""
    if threading.current_thread() is not threading.main_thread():
        # Other threads share the process: to set its state back would disturb them.
        yield
        return
    with contextlib.ExitStack() as stack:
        stack.enter_context(_printing_to_standard_error())
        stack.enter_context(_no_exit())
        # In training the generators go on, since each step draws anew.
        torch = sys.modules.get("torch")
        learns = torch is not None and hasattr(torch, "get_rng_state") and torch.is_grad_enabled()
        stack.callback(Snapshot.now(generators=not learns).restore)
        yield


@contextmanager
def _printing_to_standard_error() -> Iterator[None]:
    """Python's standard output and the process's: native code writes to that one."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stdout.flush()
    kept = -1
    with contextlib.suppress(OSError):
        kept = os.dup(1)
        os.dup2(2, 1)
    try:
        with contextlib.redirect_stdout(_StandardError()):
            yield
    finally:
        if kept >= 0:
            os.dup2(kept, 1)
            os.close(kept)


class _StandardError:
    """Standard error, whatever it is at the time of writing."""

    def __getattr__(self, name: str) -> Any:
        stream: TextIO = sys.stderr
        return getattr(stream, name)


@contextmanager
def _no_exit() -> Iterator[None]:
    """``os._exit`` in this thread is an exception; other threads, and forks, may end themselves."""
    ending, here = os._exit, (os.getpid(), threading.get_ident())

    def raise_instead(status: int) -> Any:
        if (os.getpid(), threading.get_ident()) == here:
            raise _Exit(status)
        ending(status)

    os._exit = raise_instead
    try:
        yield
    finally:
        os._exit = ending


# --- its time ----------------------------------------------------------------------------------


@contextmanager
def _clock(seconds: float) -> Iterator[None]:
    """Raise :class:`_TimeUp` inside the block once its time is up, and again each second."""
    if not seconds:
        yield
        return
    if in_worker():
        faulthandler.dump_traceback_later(seconds + GRACE, exit=True, file=_nowhere())
    try:
        if threading.current_thread() is threading.main_thread():
            with _alarm(seconds):
                yield
        else:
            with _timer(seconds):
                yield
    finally:
        if in_worker():
            faulthandler.cancel_dump_traceback_later()


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    running = True

    def ring(number: int, frame: object) -> None:
        if running:
            raise _TimeUp

    handler = signal.signal(signal.SIGALRM, ring)
    begun = time.monotonic()
    left, interval = signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    try:
        yield
    finally:
        running = False
        # An alarm that somebody else had set rings when it would have rung.
        left = max(left - (time.monotonic() - begun), 1e-3) if left else 0.0
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, left, interval)


@contextmanager
def _timer(seconds: float) -> Iterator[None]:
    """The same in a thread that gets no signals: it is noticed between two lines of Python."""
    import ctypes

    thread = ctypes.c_ulong(threading.get_ident())
    done = threading.Event()

    def watch() -> None:
        if not done.wait(seconds):
            ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(_TimeUp))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _nowhere() -> TextIO:
    global _null
    if _null is None:
        _null = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    return _null


_null: TextIO | None = None
