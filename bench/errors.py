"""The one error class that a user sees: what is wrong, where, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence


class BenchError(Exception):
    """A mistake in the user's input; shown in one or two lines, exit code 2.

    Args:
        what: what is wrong, in plain words, without a final full stop.
        where: the file, option, plugin or scene that it is about.
        hint: what to do next, best a command to type.
    """

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        self.what = what
        self.where = where
        self.hint = hint
        super().__init__(what, where, hint)

    def __str__(self) -> str:
        first = printable(f"{self.where}: {self.what}" if self.where else self.what)
        # A hint may be a list of several lines, which are ours.
        return "\n".join([first, *map(printable, self.hint.split("\n"))]) if self.hint else first

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.what, self.where, self.hint)


class NoValueError(Exception):
    """Raised by a metric whose definition gives this rendering no value.

    It is kept as a missing score with this reason, and is no failure of the run.
    """


def _rebuild(cls: type[BenchError], what: str, where: str, hint: str) -> BenchError:
    return cls(what, where=where, hint=hint)


def printable(text: str) -> str:
    r"""A text in one line, whatever a file's name or a user's input brings into it.

    Example:
        >>> print(printable("gain\nx\x1b[2J"))
        gain\nx\x1b[2J
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def first_few(names: Sequence[str], most: int = 5, between: str = ", ") -> str:
    """The first names of a list, and how many more there are.

    Example:
        >>> first_few(["a", "b", "c"], 2)
        'a, b and 1 more'
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return between.join(names[:most]) + more


def suggest(name: str, known: list[str] | tuple[str, ...]) -> str:
    """Suggest the closest known name in a sentence, or list what is known.

    Example:
        >>> suggest("hdemuks", ["hdemucs", "oracle"])
        "Did you mean 'hdemucs'?"
        >>> suggest("Oracle ", ["hdemucs", "oracle"])
        "Did you mean 'oracle'?"
        >>> suggest("xyz", ["hdemucs", "oracle"])
        'Known: hdemucs, oracle'
    """
    import difflib

    folded = {one.casefold(): one for one in reversed(known)}
    close = difflib.get_close_matches(name.strip().casefold(), folded, n=1, cutoff=0.5)
    if close:
        return f"Did you mean '{folded[close[0]]}'?"
    return "Known: " + ", ".join(sorted(known)) if known else ""
