"""Jobs done by the workers of a Dask cluster, which is a real one on this machine."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from bench.errors import BenchError
from bench.runtime.cluster import Cluster, connect
from bench.runtime.executors import (
    Work,
    WorkerDiedError,
    executor,
    is_local,
    run_jobs,
    using,
    with_workers,
)
from tests.helpers import work

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
    ) as local:
        yield local


@pytest.fixture
def dask(cluster: Any) -> Iterator[Cluster]:
    with distributed.Client(cluster) as client:
        found = Cluster(client)
        with using(found):
            yield found


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]
    except OSError:
        return False


def test_each_job_has_its_result_and_an_exception_is_one(dask: Cluster) -> None:
    assert executor() is dask
    assert not is_local()
    assert dask.workers(7) == 2
    found = dict(run_jobs(work.square, [3, -1, 0, 2]))
    assert {job: found[job][0] for job in (3, 0, 2)} == {3: 9, 0: 0, 2: 4}
    assert str(found[-1]) == "-1 is negative"
    assert os.getpid() not in {found[job][1] for job in (3, 0, 2)}


def test_equal_jobs_are_done_each(dask: Cluster) -> None:
    assert [result[0] for _, result in run_jobs(work.square, [2, 2, 2])] == [4, 4, 4]


def test_nothing_to_do_asks_nobody(dask: Cluster) -> None:
    assert list(run_jobs(work.square, [])) == []


def test_each_process_is_started_once_and_anew_for_other_work(dask: Cluster) -> None:
    for text in ("one", "two"):
        start = partial(work.note_start, text)
        seen = [result for _, result in run_jobs(work.started, [1, 2, 3, 4], start=start)]
        assert {texts for _, texts in seen} == {(text,)}


def test_a_job_that_ends_three_processes_is_one_result(dask: Cluster) -> None:
    before = set(dask.client.scheduler_info()["workers"])
    found = dict(run_jobs(work.die, [1, 2, 3, 4, 5]))
    assert {job: found[job] for job in (1, 2, 4, 5)} == {1: -1, 2: -2, 4: -4, 5: -5}
    assert isinstance(found[3], WorkerDiedError)
    assert "ended 3 processes" in str(found[3])
    assert "exit code 7" in str(found[3])
    # The workers themselves, which others may use, live on.
    assert set(dask.client.scheduler_info()["workers"]) == before


def test_a_job_that_ended_its_process_once_is_done(dask: Cluster, tmp_path: Path) -> None:
    jobs = [(str(tmp_path), number) for number in range(4)]
    assert sorted(result for _, result in run_jobs(work.die_once, jobs)) == [-3, -2, -1, 0]


def test_what_a_worker_that_is_killed_had_is_done_by_another(dask: Cluster, tmp_path: Path) -> None:
    jobs = [(str(tmp_path), number) for number in range(6)]
    found = sorted(result for _, result in run_jobs(work.kill_parent, jobs))
    assert found == [-5, -4, -3, -2, -1, 0]


def test_what_is_printed_and_what_cannot_travel_breaks_nothing(dask: Cluster) -> None:
    ((_, (pid, _)),) = run_jobs(work.show_process, [1])
    assert pid != os.getpid()
    ((_, error),) = run_jobs(work.raise_unpicklable, [1])
    assert "cannot be sent" in str(error)


@pytest.mark.parametrize("how", ["broken off", "connection lost"])
def test_what_is_called_off_ends(cluster: Any, tmp_path: Path, how: str) -> None:
    client = distributed.Client(cluster)
    jobs = Cluster(client).run(Work(work.wait_long), [str(tmp_path)] * 2)

    def first() -> None:
        with pytest.raises(BaseException):  # noqa: B017
            next(jobs)

    thread = threading.Thread(target=first, daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while len(list(tmp_path.iterdir())) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    pids = [int(path.name) for path in tmp_path.iterdir()]
    assert all(map(alive, pids))
    if how == "broken off":
        client.cancel(list(_futures(client)))
    client.close()
    while any(map(alive, pids)):
        assert time.monotonic() < deadline, "a process goes on"
        time.sleep(0.1)


def _futures(client: Any) -> Iterator[Any]:
    for key in list(client.futures):
        yield distributed.Future(key, client)


def test_the_scheduler_has_few_jobs_at_a_time(dask: Cluster) -> None:
    jobs = run_jobs(work.square, list(range(60)))
    most = 0
    for _ in jobs:
        most = max(most, len(dask.client.futures))
    assert most <= 2 * 2 + 1


def test_a_check_that_fails_everywhere_ends_the_work(cluster: Any) -> None:
    with distributed.Client(cluster) as client, using(Cluster(client, partial(work.square, -1))):
        jobs = run_jobs(work.square, [1, 2, 3])
        with pytest.raises(ValueError, match="-1 is negative"):
            list(jobs)


def test_no_scheduler_is_an_error_with_the_next_command(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="no such scheduler file"):
        connect(str(tmp_path / "none.json"))


def test_short_jobs_go_several_at_a_time_and_cost_little(dask: Cluster) -> None:
    list(run_jobs(work.square, list(range(20))))
    asked = 0
    submit = dask.client.submit

    def counting(*arguments: Any, **how: Any) -> Any:
        nonlocal asked
        asked += 1
        return submit(*arguments, **how)

    dask.client.submit = counting
    try:
        found = [result[0] for _, result in run_jobs(work.square, list(range(1000)))]
    finally:
        del dask.client.submit
    assert sorted(found) == [number**2 for number in range(1000)]
    assert asked < 150


def test_a_worker_that_cannot_begin_gets_no_work_and_the_others_do_it(
    dask: Cluster, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pids = dask.client.run(os.getpid)
    bad = next(iter(pids))
    (tmp_path / f"not-{pids[bad]}").touch()
    start = partial(work.refuse_where, str(tmp_path))
    found = dict(run_jobs(work.started, list(range(12)), start=start))
    assert not [result for result in found.values() if isinstance(result, Exception)]
    assert bad in caplog.text
    assert "gets no work: not here" in caplog.text
    for pid in pids.values():
        (tmp_path / f"not-{pid}").touch()
    for _ in range(2):
        with pytest.raises(ValueError, match="not here"):
            list(run_jobs(work.started, [1, 2], start=start))


def test_a_batch_whose_worker_dies_is_done_by_others(dask: Cluster, tmp_path: Path) -> None:
    list(run_jobs(work.square, [1] * 10))
    jobs = [(str(tmp_path), number) for number in range(200)]
    found = sorted(result for _, result in run_jobs(work.kill_parent, jobs))
    assert found == [-number for number in reversed(range(200))]


def test_a_note_tells_how_many_workers_there_are(dask: Cluster) -> None:

    dask.client.wait_for_workers(2)  # one may have been killed before
    time.sleep(2.1)
    assert with_workers("scene 1") == "scene 1, 2 workers"
