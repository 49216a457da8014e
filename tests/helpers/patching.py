"""Give the functions of imported modules the code of a changed source, without a new import."""

from __future__ import annotations

import gc
import inspect
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType

Functions = dict[tuple[str, str, int], list[FunctionType]]
"""By file, qualified name and first line."""


def functions_under(folder: Path) -> Functions:
    """The functions of modules of a folder that are imported, those inside wrappers included."""
    found: Functions = defaultdict(list)
    for thing in gc.get_objects():
        if type(thing) is FunctionType and thing.__code__.co_filename.startswith(str(folder)):
            found[_key(thing.__code__)].append(thing)
    return dict(found)


def patch(file: Path, before: str, after: str, functions: Functions) -> bool:
    """Replace the code of those functions of a file that a changed source changes.

    Returns:
        False where it is not enough, since something else is changed: it must be imported.
    """
    old, new = (compile(text, str(file), "exec", dont_inherit=True) for text in (before, after))
    try:
        pairs = list(_changed(old, new))
    except ValueError:
        return False
    found = [(function, code) for one, code in pairs for function in functions.get(_key(one), ())]
    if not found or not functions.get(_key(pairs[0][0])):
        return False
    for function, code in found:
        if function.__code__.co_freevars != code.co_freevars:
            return False
        function.__code__ = code
    return True


def _key(code: CodeType) -> tuple[str, str, int]:
    return code.co_filename, code.co_qualname, code.co_firstlineno


def _changed(old: CodeType, new: CodeType) -> Iterator[tuple[CodeType, CodeType]]:
    """The functions that differ, an outer one before those inside it.

    Raises:
        ValueError: something outside of functions differs, or they are not the same functions.
    """
    if old == new:
        return
    is_function = bool(old.co_flags & inspect.CO_OPTIMIZED)
    if is_function:
        yield old, new
    elif _alone(old) != _alone(new):
        raise ValueError(f"{old.co_qualname} differs")
    inside = [[c for c in code.co_consts if isinstance(c, CodeType)] for code in (old, new)]
    if len(inside[0]) != len(inside[1]) and not is_function:
        raise ValueError(f"{old.co_qualname} has other functions")
    for one, other in zip(*inside, strict=False):
        yield from _changed(one, other)


def _alone(code: CodeType) -> CodeType:
    """A code without those inside it, and without the columns at which they end."""
    own = (None if isinstance(c, CodeType) else c for c in code.co_consts)
    return code.replace(co_consts=tuple(own), co_linetable=b"")
