"""Objects of the caller's own code as plugins of one call: nothing is installed.

They are marked as local code: their distribution is ``local-`` with the beginning of a hash of the
source of their class and, of an instance, of its state.
"""

from __future__ import annotations

import hashlib
import inspect
import io
import logging
import pickle
import re
import types
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from bench.api import GainsSpec, PluginSpec, PrescriptionSpec, SeparatorSpec
from bench.errors import BenchError
from bench.plugins.catalogue import Plugins
from bench.plugins.registered import Registered, S_co

log = logging.getLogger(__name__)

LOCAL: Final = "local"
"""What the distribution of an object begins with."""
_METHODS: Final[dict[type[PluginSpec], str]] = {
    SeparatorSpec: "separate",
    GainsSpec: "gains",
    PrescriptionSpec: "amplify",
}
_SAID: Final = ("trained_on", "trainable", "reads_stems", "separates")
"""Fields of a spec that an object may say as attributes."""


@dataclass(frozen=True)
class LocalPlugin(Registered[S_co]):
    """An object, or a class to be made without arguments, as a plugin."""

    is_local: ClassVar[bool] = True
    thing: Any = None

    @property
    def source(self) -> str:
        """Empty: its version is a hash of the source of its class."""
        return ""

    def target(self) -> Any:
        """What makes the object."""
        return self.thing if inspect.isclass(self.thing) else lambda: self.thing


def with_local(
    plugins: Plugins, kind: type[PluginSpec], thing: Any
) -> tuple[Plugins, LocalPlugin[Any]]:
    """The plugins with an object of the caller's among them, and the object as a plugin.

    Args:
        plugins: the others.
        kind: the class of the kind's specs, as :class:`bench.api.SeparatorSpec`.
        thing: an instance or a class of the kind's protocol, or a module with one such class. What
            its attributes ``trained_on`` and ``trainable`` say counts as in a spec.

    Raises:
        BenchError: it lacks the method that its kind needs, or cannot be constructed or pickled.
    """
    method = _METHODS[kind]
    thing = _found(thing, method, kind.kind)
    cls = thing if inspect.isclass(thing) else type(thing)
    where = f"{kind.kind} {cls.__name__}"
    if not callable(getattr(thing, method, None)):
        raise BenchError(f"it has no method {method}()", where=where, hint="See bench.api.")
    said = {name: getattr(thing, name) for name in _SAID if _says(thing, name, kind)}
    name = re.sub(r"[^a-z0-9]+", "-", _words(cls.__name__).lower()).strip("-") or "object"
    spec = kind(
        name=name if name[0].isalpha() else f"my-{name}",
        target=f"{cls.__module__}:{cls.__qualname__}",
        summary=(inspect.getdoc(cls) or "local code").splitlines()[0],
        **said,
    )
    version = _version(thing, cls, where)
    plugin: LocalPlugin[Any] = LocalPlugin(spec, f"{LOCAL}-{version[:6]}", version, thing=thing)
    return plugins.adding([plugin]), plugin


def pickled(plugins: Sequence[Registered[Any]]) -> bytes | None:
    """Local plugins for other processes; None where they cannot be sent there, which is said."""
    try:
        text = _by_value(list(plugins))
    except Exception as error:
        names = ", ".join(plugin.spec.name for plugin in plugins)
        said = " ".join(str(error).split())[:200]
        log.warning(
            "%s cannot be sent to other processes, so this one works alone: %s: %s",
            names, type(error).__name__, said,
        )  # fmt: skip
        return None
    return text


def _by_value(things: list[Any]) -> bytes:
    """Pickle with the code itself: other processes import neither a notebook nor a script.

    Code keeps the name of its file, which cloudpickle leaves out, for a failure names its line.
    """
    import cloudpickle

    tables = cloudpickle.Pickler.dispatch_table

    def of_code(code: types.CodeType) -> tuple[Any, tuple[Any, ...]]:
        make, arguments = tables[types.CodeType](code)
        return make, tuple(code.co_filename if a == "<dynamic-code>" else a for a in arguments)

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
        dispatch_table = tables.new_child({types.CodeType: of_code})

    buffer = io.BytesIO()
    Pickler(buffer).dump(things)
    return buffer.getvalue()


def _found(thing: Any, method: str, kind: str) -> Any:
    """The object; of a module, its one class with the method."""
    if not isinstance(thing, types.ModuleType):
        return thing
    classes = [
        value
        for value in vars(thing).values()
        if inspect.isclass(value) and value.__module__ == thing.__name__ and hasattr(value, method)
    ]
    if len(classes) != 1:
        names = ", ".join(cls.__name__ for cls in classes) or "none"
        what = f"it has {len(classes)} classes with {method}()"
        raise BenchError(what, where=f"{kind} {thing.__name__}", hint=f"Give one of them: {names}.")
    return classes[0]


def _says(thing: Any, name: str, kind: type[PluginSpec]) -> bool:
    return name in kind.__dataclass_fields__ and isinstance(
        getattr(thing, name, None), tuple if name == "trained_on" else bool
    )


def _words(name: str) -> str:
    """``MySeparator`` as ``My-Separator``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name)


def _version(thing: Any, cls: type, where: str) -> str:
    """A hash of the source of the class, and of an instance's state."""
    digest = hashlib.sha256()
    for base in cls.__mro__:
        if base.__module__.partition(".")[0] not in ("builtins", "torch", "typing", "abc"):
            digest.update(_source(base))
    if not inspect.isclass(thing):
        digest.update(_state(thing, where))
    return digest.hexdigest()[:12]


def _source(cls: type) -> bytes:
    """The source of a class; of one typed into a shell, its compiled methods."""
    try:
        return inspect.getsource(cls).encode()
    except (OSError, TypeError):
        codes = (getattr(value, "__code__", None) for value in vars(cls).values())
        return b"".join(
            code.co_code + repr((code.co_names, code.co_consts)).encode() for code in codes if code
        )


def _state(thing: Any, where: str) -> bytes:
    """The state that distinguishes two instances of a class: tensors by value, the rest pickled."""
    values = dict(getattr(thing, "__dict__", {}))
    found = b""
    if hasattr(thing, "state_dict"):
        for name, tensor in thing.state_dict().items():
            found += name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes()
        values = {key: value for key, value in values.items() if not key.startswith("_")}
    try:
        return found + pickle.dumps(values)
    except Exception as error:
        hint = "Give its class, which makes it without arguments."
        raise BenchError(f"its state cannot be pickled: {error}", where=where, hint=hint) from None
