"""A check, its result, and the report of all."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bench.plugins.guard import OutOfTimeError, guarded, limited
from bench.plugins.process_state import Snapshot
from bench.testing.subject import NotMade, Skip

if TYPE_CHECKING:
    from bench.testing.subject import Subject

LIMIT: Final = 120.0
"""Seconds that a check may take."""


@dataclass(frozen=True)
class Result:
    """The result of one check.

    Attributes:
        check: the check.
        status: "passed", "failed" or "skipped".
        got: what there was instead of what was expected, or why the check was skipped.
        made: whether the plugin could be made.
        ended: whether it ended by itself.
    """

    check: Check
    status: str
    got: str = ""
    made: bool = True
    ended: bool = True

    def __str__(self) -> str:
        if self.status != "failed":
            return f"{self.check.name}: {self.status}" + (f" ({self.got})" if self.got else "")
        return (
            f"{self.check.name}\n"
            f"  expected: {self.check.expects}\n"
            f"  got:      {self.got}\n"
            f"  fix:      {self.check.fix}"
        )

    def as_dict(self) -> dict[str, str]:
        """The same as plain values, for JSON."""
        return {
            "check": self.check.name,
            "status": self.status,
            "expected": self.check.expects,
            "got": self.got,
            "fix": self.check.fix,
        }


@dataclass(frozen=True)
class Check:
    """A requirement that plugins of some kinds must meet.

    Attributes:
        name: what it is called in reports.
        kinds: the kinds of plugin that it is for.
        expects: what is expected, in words.
        fix: what to do where it fails.
        look: says what there was instead, or None where all is well; raises :class:`Skip` where the
            check does not apply. Whatever else it raises is a failure.
    """

    name: str
    kinds: tuple[str, ...]
    expects: str
    fix: str
    look: Callable[[Subject], str | None]

    def run(self, subject: Subject) -> Result:
        """Look at a plugin; never raises for what is wrong with it."""
        who, state = f"{subject.kind} '{subject.name}'", Snapshot.now(generators=True)
        try:
            return self._run(subject, who)
        finally:
            state.restore()

    def _run(self, subject: Subject, who: str) -> Result:
        try:
            with limited(LIMIT), guarded(who):
                got = self.look(subject)
        except Skip as reason:
            return Result(self, "skipped", str(reason), made=not isinstance(reason, NotMade))
        except OutOfTimeError as error:
            return Result(self, "failed", described(error), ended=False)
        # A plugin may raise anything at all, exit, or never end.
        except Exception as error:
            return Result(self, "failed", described(error))
        return Result(self, "failed", got) if got else Result(self, "passed")


@dataclass(frozen=True)
class Report:
    """The results of all checks of one plugin."""

    kind: str
    name: str
    distribution: str
    results: tuple[Result, ...]

    @property
    def failures(self) -> tuple[Result, ...]:
        """The checks that failed."""
        return tuple(result for result in self.results if result.status == "failed")

    @property
    def not_made(self) -> str:
        """Why the plugin could not be made; empty where it could."""
        return next((result.got for result in self.results if not result.made), "")

    @property
    def ok(self) -> bool:
        """Whether the plugin could be made and no check failed."""
        return not self.failures and not self.not_made

    @property
    def summary(self) -> str:
        """The numbers of checks that passed, failed and were skipped."""
        count = [result.status for result in self.results].count
        text = f"{self.kind} '{self.name}' of {self.distribution}: {count('passed')} checks passed"
        text += f", {count('failed')} failed" if count("failed") else ""
        return text + (f", {count('skipped')} skipped" if count("skipped") else "")

    def __str__(self) -> str:
        return "\n\n".join([self.summary, *map(str, self.failures)])

    def as_dict(self) -> dict[str, Any]:
        """The same as plain values, for JSON."""
        return {
            "kind": self.kind,
            "name": self.name,
            "distribution": self.distribution,
            "ok": self.ok,
            "results": [result.as_dict() for result in self.results],
        }


def check(
    name: str, kinds: tuple[str, ...], *, expects: str, fix: str
) -> Callable[[Callable[[Subject], str | None]], Check]:
    """Make a function a check."""
    return lambda look: Check(name, kinds, expects, fix, look)


def described(error: BaseException) -> str:
    """An error in one line, with the place where it was raised."""
    text = "; ".join(line.strip() for line in str(error).splitlines() if line.strip())[:300]
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    return f"it raised {type(error).__name__}: {text}{place}"
