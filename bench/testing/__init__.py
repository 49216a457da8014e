"""The conformance kit: what a plugin of each kind must do, as checks that say how to fix it.

In the tests of a package of your own, where its plugin is installed::

    from bench.testing import conformance

    test_conformance = conformance("separator", "my-separator")

is one test for each check. :func:`check_plugin` does all of them at once, and
``bench plugins check my-separator`` does so from the command line. Sample audio, scenes and
listeners for tests of your own are pytest fixtures in :mod:`bench.testing.fixtures`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from unittest import SkipTest

from bench.plugins import Plugins, installed
from bench.testing.check import Check, Report, Result
from bench.testing.checks import checks_for
from bench.testing.subject import KINDS, Skip, Subject, find

__all__ = [
    "KINDS",
    "Check",
    "Report",
    "Result",
    "Skip",
    "Subject",
    "check_plugin",
    "checks_for",
    "conformance",
    "find",
    "run_checks",
]


def run_checks(subject: Subject) -> Report:
    """Every check of the subject's kind; none stops the others, but one that never ends."""
    results: list[Result] = []
    for check in checks_for(subject.kind):
        if all(result.ended for result in results):
            results.append(check.run(subject))
        else:
            results.append(Result(check, "skipped", "an earlier check did not finish"))
    return Report(subject.kind, subject.name, subject.distribution, tuple(results))


def check_plugin(
    kind: str,
    name: str,
    options: Mapping[str, Any] | None = None,
    *,
    plugins: Plugins | None = None,
) -> Report:
    """Check an installed plugin.

    Args:
        kind: one of :data:`KINDS`.
        name: of the plugin, or ``distribution/name``; of an observer, its entry point's.
        options: option values by name, where those that it has by default will not do.
        plugins: where to look for it; the installed ones by default.

    Raises:
        AssertionError: some checks failed; the message has each, with what was expected, what
            there was and how to fix it.
        BenchError: there is no such plugin or option.
        unittest.SkipTest: it could not be made, since what its spec says it needs is not here.
    """
    report = run_checks(find(plugins or installed(), kind, name, options))
    if report.failures:
        raise AssertionError(str(report))
    if report.not_made:
        raise SkipTest(report.not_made)
    return report


def conformance(
    kind: str, name: str, options: Mapping[str, Any] | None = None
) -> Callable[..., None]:
    """A pytest test with a case for each check, to be bound to a name that begins with ``test_``.

    Args:
        kind: as in :func:`check_plugin`.
        name: as in :func:`check_plugin`.
        options: as in :func:`check_plugin`.
    """
    import pytest

    subjects: list[Subject] = []

    @pytest.mark.parametrize("check", checks_for(kind), ids=lambda check: check.name)
    def test(check: Check) -> None:
        # Found when the first case runs: a plugin that is not there fails tests, not collection.
        if not subjects:
            subjects.append(find(installed(), kind, name, options))
        result = check.run(subjects[0])
        if result.status == "skipped":
            pytest.skip(result.got)
        assert result.status == "passed", str(result)

    return test
