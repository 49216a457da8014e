"""The process of a cluster's worker: it begins, it may die or idle, and gives answers."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from bench.runtime.child import DONE, RAISED, REFUSED, Child, ChildDiedError
from tests.helpers import work


@pytest.fixture
def process() -> Iterator[Child]:
    found = Child()
    yield found
    found.end()


def ask(process: Child, function: Any, job: Any, *first: Any, key: str = "one") -> tuple[str, Any]:
    begin, content = pickle.dumps((function, list(first))), pickle.dumps(job)
    answer = process.do(key, begin, content, lambda: True)
    assert answer.seconds >= 0
    return answer.kind, pickle.loads(answer.value)


def test_a_job_is_done_in_a_process_that_stays_for_the_next(process: Child) -> None:
    kind, (result, pid) = ask(process, work.square, 3)
    assert (kind, result) == (DONE, 9)
    assert pid != os.getpid()
    assert ask(process, work.square, 4) == (DONE, (16, pid))
    assert ask(process, work.square, 4, key="two")[1][1] != pid


def test_what_a_job_raises_and_what_cannot_begin_are_different_answers(process: Child) -> None:
    kind, error = ask(process, work.square, -1)
    assert (kind, str(error)) == (RAISED, "-1 is negative")
    process.end()
    kind, error = ask(process, work.square, 1, work.refuse)
    assert (kind, str(error)) == (REFUSED, "not here")


def test_a_death_is_told_and_the_next_job_has_another_process(process: Child) -> None:
    with pytest.raises(ChildDiedError) as death:
        ask(process, work.die, 3)
    assert death.value.code == 7
    assert ask(process, work.die, 2) == (DONE, -2)


def test_one_that_ended_of_idleness_is_replaced_and_is_no_death(process: Child) -> None:
    _, (_, first) = ask(process, work.square, 1)
    own: Any = process._process
    own.stdin.close()
    assert own.wait(20) == 0
    assert ask(process, work.square, 1)[1][1] != first


def test_a_process_without_a_job_ends_after_a_while() -> None:
    reading, writing = os.pipe()
    begin = pickle.dumps((work.square, []))
    os.write(writing, len(begin).to_bytes(8, "big") + begin)
    code = f"from bench.runtime import child; child.main({os.getpid()}, idle=0.2)"
    done = subprocess.run([sys.executable, "-c", code], stdin=reading, timeout=60, check=False)
    os.close(reading)
    os.close(writing)
    assert done.returncode == 0


def test_a_job_that_reads_its_standard_input_takes_no_other_job(process: Child) -> None:
    assert ask(process, work.read_input, 1) == (DONE, "")
    assert ask(process, work.read_input, 2) == (DONE, "")
