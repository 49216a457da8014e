"""The state of the process that a plugin may have changed, and its restoration.

Everything here is cheap to look at: it is done for each call of a plugin.
"""

from __future__ import annotations

import contextlib
import gc
import locale
import os
import random
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

_SIGNALS: Final = tuple(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGALRM", "SIGPIPE", "SIGCHLD")
    if hasattr(signal, name)
)
_SMALLEST: Final = 5e-324


@dataclass(frozen=True)
class Setting:
    """Something of the process: its name, what it is now, and how it is set."""

    name: str
    look: Callable[[], Any]
    set_to: Callable[[Any], Any]


@dataclass(frozen=True)
class Snapshot:
    """The state of the process at a time."""

    values: tuple[tuple[Setting, Any], ...]

    @classmethod
    def now(cls, *, generators: bool) -> Snapshot:
        """The present state.

        Args:
            generators: whether the generators of random numbers count.
        """
        return cls(tuple((setting, setting.look()) for setting in _settings(generators)))

    def changed(self) -> list[tuple[Setting, Any]]:
        """The settings that changed, with their former values."""
        return [(setting, value) for setting, value in self.values if setting.look() != value]

    def restore(self) -> None:
        """Set back what changed."""
        for setting, value in self.changed():
            setting.set_to(value)


def _settings(generators: bool) -> Iterator[Setting]:
    yield from _OF_THE_PROCESS
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    if numpy is not None and hasattr(numpy, "geterr"):
        yield Setting("numpy's errors", numpy.geterr, lambda errors: numpy.seterr(**errors))
    if torch is not None and hasattr(torch, "get_default_dtype"):
        yield from _of_torch(torch)
    if generators:
        yield Setting("random's generator", random.getstate, random.setstate)
        if numpy is not None and "numpy.random" in sys.modules:
            own = numpy.random
            look, set_to = partial(_legacy, own), partial(_set_legacy, own)
            yield Setting("numpy's global generator", look, set_to)
        if torch is not None and hasattr(torch, "get_rng_state"):
            look, set_to = partial(_drawn, torch), partial(_set_drawn, torch)
            yield Setting("torch's global generator", look, set_to)


def _of_torch(torch: Any) -> Iterator[Setting]:
    """Settings that change values, or where and how fast they are computed."""
    yield from (
        Setting("torch's default type", torch.get_default_dtype, torch.set_default_dtype),
        Setting(
            "torch's default device",
            torch.get_default_device,
            # Without one is faster than with the CPU as one.
            lambda place: torch.set_default_device(None if place.type == "cpu" else place),
        ),
        Setting("torch's gradients", torch.is_grad_enabled, torch.set_grad_enabled),
        Setting("torch's number of threads", torch.get_num_threads, torch.set_num_threads),
        Setting(
            "torch's matmul precision",
            torch.get_float32_matmul_precision,
            torch.set_float32_matmul_precision,
        ),
        Setting(
            "torch's anomaly detection", torch.is_anomaly_enabled, torch.autograd.set_detect_anomaly
        ),
        Setting(
            "torch's deterministic mode",
            torch.get_deterministic_debug_mode,
            torch.set_deterministic_debug_mode,
        ),
        Setting(
            "torch's autocast",
            lambda: torch.is_autocast_enabled("cpu"),
            lambda on: torch.set_autocast_enabled("cpu", on),
        ),
        Setting("the flushing of denormal numbers", _flushes, torch.set_flush_denormal),
    )
    mkldnn, cudnn = torch.backends.mkldnn, torch.backends.cudnn
    yield _switch("mkldnn", mkldnn, "enabled")
    for name in ("enabled", "benchmark", "deterministic", "allow_tf32"):
        yield _switch("cudnn", cudnn, name)


def _switch(library: str, owner: Any, name: str) -> Setting:
    look, set_to = partial(getattr, owner, name), partial(setattr, owner, name)
    return Setting(f"{library}.{name}", look, set_to)


def _flushes() -> bool:
    """Whether numbers that are too small for normal numbers count as 0."""
    return _SMALLEST * float(1) == 0.0


def _legacy(generator: Any) -> Any:
    name, keys, *rest = generator.get_state()
    return (name, keys.tobytes(), *rest)


def _set_legacy(generator: Any, state: Any) -> None:
    name, keys, *rest = state
    generator.set_state((name, sys.modules["numpy"].frombuffer(keys, "uint32"), *rest))


def _drawn(torch: Any) -> bytes:
    state: bytes = torch.get_rng_state().numpy().tobytes()
    return state


def _set_drawn(torch: Any, state: bytes) -> None:
    torch.set_rng_state(torch.frombuffer(bytearray(state), dtype=torch.uint8))


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _folder() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return ""


def _go_to(folder: str) -> None:
    with contextlib.suppress(OSError):
        os.chdir(folder)


def _set_variables(variables: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(variables)


def _handlers() -> dict[int, Any]:
    return {number: signal.getsignal(number) for number in _SIGNALS}


def _set_handlers(handlers: Mapping[int, Any]) -> None:
    for number, handler in handlers.items():
        # None is a handler that was not set by Python: it cannot be set again.
        if handler is not None and signal.getsignal(number) is not handler:
            signal.signal(number, handler)


def _locale() -> str:
    try:
        return locale.setlocale(locale.LC_ALL)
    except locale.Error:
        return ""


def _set_locale(place: str) -> None:
    with contextlib.suppress(locale.Error):
        locale.setlocale(locale.LC_ALL, place)


def _set_paths(paths: list[str]) -> None:
    # What was added may be needed for imports to come; of two modules the first one is taken.
    sys.path[:] = [*paths, *(path for path in sys.path if path not in paths)]


def _set_filters(filters: list[Any]) -> None:
    warnings.resetwarnings()  # which lets Python see that they changed
    warnings.filters[:] = filters  # type: ignore[index]


def _set_collection(on: bool) -> None:
    (gc.enable if on else gc.disable)()


_OF_THE_PROCESS: Final = (
    Setting("the working directory", _folder, _go_to),
    Setting("the umask", _umask, os.umask),
    Setting("environment variables", lambda: dict(os.environ), _set_variables),
    Setting("signal handlers", _handlers, _set_handlers),
    Setting("the locale", _locale, _set_locale),
    Setting("sys.path", lambda: list(sys.path), _set_paths),
    Setting("warning filters", lambda: list(warnings.filters), _set_filters),
    Setting("sys.stderr", lambda: sys.stderr, lambda stream: setattr(sys, "stderr", stream)),
    Setting("the recursion limit", sys.getrecursionlimit, sys.setrecursionlimit),
    Setting("garbage collection", gc.isenabled, _set_collection),
)
