"""Evaluate scenes: the work of each worker process, or of the only one."""

from __future__ import annotations

import json
import pickle
import platform
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor

from bench.api import Scene, SeparatorSpec
from bench.errors import BenchError
from bench.evaluation.estimate import rates, time_limit
from bench.evaluation.protocol import Excerpt, LastRemix, Reference, Remixes, render, separate
from bench.evaluation.scoring import Row, Scorer, Stopwatch, seconds_rows
from bench.evaluation.separations import Separations
from bench.plugins import Plugins, installed
from bench.plugins.guard import guarded, limited
from bench.runtime.causes import Cause, cause_of
from bench.runtime.machine import device, one_thread
from bench.runtime.memory import recycle
from bench.spec.defaults import DATA_ROOT
from bench.spec.identity import code_hash
from bench.spec.resolve import open_dataset
from bench.spec.run import RunSpec
from bench.system.system import System, build_system
from bench.system.weights import load_weights

if TYPE_CHECKING:
    from clarity.utils.audiogram import Listener

LONG: Final = 60.0
"""Seconds of a scene from which memory counts for more than time."""
WORTH_KEEPING: Final = 0.05
"""Seconds of separation per second of audio from which stems are worth a file."""


@dataclass(frozen=True)
class RunToScore:
    """A run whose system is ready: `weights` is the checkpoint of its training, if it trained."""

    run_id: str
    spec: RunSpec
    weights: Path | None = None


@dataclass(frozen=True)
class SceneJob:
    """One scene for a worker process.

    Attributes:
        scene: its id.
        pairs: run id -> listeners that the run is scored for.
        upcoming: scenes whose files are read ahead.
    """

    scene: str
    pairs: Mapping[str, Sequence[str]]
    upcoming: Sequence[str] = ()


def is_long(scene: Scene) -> bool:
    """Whether the scene is so long that memory counts for more than time."""
    return scene.frames >= LONG * scene.sample_rate


class Evaluator:
    """Scores scenes with several runs of one suite; each scene is read once for all of them.

    Args:
        runs: what to score.
        plugins: by default the installed ones.
        profile: whether rows include the seconds of each stage.
        strict: whether the first failure is raised, in place of failed rows.
        time_limit: seconds that one call of a plugin may take; 0 for any time, None for what suits
            the scene (:func:`bench.evaluation.estimate.time_limit`).
        fresh: whether no stems are used that were kept before.

    Raises:
        BenchError: a system or a metric cannot be made.
    """

    def __init__(
        self,
        runs: Sequence[RunToScore],
        plugins: Plugins | None = None,
        *,
        profile: bool = False,
        strict: bool = False,
        time_limit: float | None = None,
        fresh: bool = False,
    ) -> None:
        self.plugins = plugins or installed()
        self.strict = strict
        self.profile = profile
        self._time_limit = time_limit
        self._rates = rates() if time_limit is None else {}
        self.runs = {run.run_id: run for run in runs}
        first = runs[0].spec
        dataset = open_dataset(first, self.plugins)
        self.scenes: Mapping[str, Scene] = {s.id: s for s in dataset.scenes(first.split)}
        self.listeners: Mapping[str, Listener] = dataset.listeners(first.split)
        # Made at once: what cannot be made is the user's to know before the first scene.
        self._scorers = {
            r.run_id: Scorer(r.spec.metrics, self.plugins, strict=strict) for r in runs
        }
        self._systems = {run.run_id: self._system(run) for run in runs}
        self._separations = Separations(fresh=fresh)
        self._worth_keeping: dict[str, bool] = {}
        self._kept_as = {run.run_id: self._separator_identity(run.spec) for run in runs}

    def evaluate(
        self, scene_id: str, pairs: Mapping[str, Sequence[str]], *, long: bool | None = None
    ) -> dict[str, list[Row]]:
        """Rows by run id; `pairs` says which listeners of the scene each run is scored for.

        Whatever goes wrong becomes failed rows with the reason: it never raises for a scene, unless
        it is strict.
        One thread computes, so that scores do not depend on the number of workers. The process's
        allocator is set as suits the scene, which is `long` or not, by default by its length;
        ``recycle(False)`` sets it back.
        """
        with one_thread():
            return self._evaluate(self.scenes[scene_id], pairs, long)

    def _evaluate(
        self, scene: Scene, pairs: Mapping[str, Sequence[str]], long: bool | None
    ) -> dict[str, list[Row]]:
        watch = Stopwatch()
        try:
            recycle(not (is_long(scene) if long is None else long))
            with watch.stage("read"), guarded("dataset"):
                excerpt = Excerpt.read(scene)
        except Exception as error:
            return self.all_failed(scene.id, pairs, self._cause(error))
        length = scene.frames / scene.sample_rate
        rows: dict[str, list[Row]] = {}
        separated: dict[str, tuple[Tensor, Stopwatch]] = {}
        for run_id, listeners in pairs.items():
            # What a scene's listeners share counts with the first of them.
            shared = Stopwatch()
            shared.seconds.update(watch.seconds)
            try:
                with self._limited(run_id, length):
                    separated[run_id] = (self._separated(run_id, excerpt, shared), shared)
                rows[run_id] = []
            except Exception as error:
                rows[run_id] = self._all_failed(run_id, scene, listeners, self._cause(error))
        # What listeners share is kept from one to the next, but of a long scene, for the memory.
        clean = LastRemix()
        remixes = {run_id: Remixes(clean) for run_id in separated if not is_long(scene)}
        # Listener by listener, so that all systems share a listener's reference, prepared once.
        for name in scene.listeners:
            known: dict[str, dict[tuple[float, ...], Reference]] = {}
            for run_id, (stems, shared) in separated.items():
                if name in pairs[run_id]:
                    of_reference = self.runs[run_id].spec.reference_prescription
                    references = known.setdefault(json.dumps(of_reference.canonical()), {})
                    with self._limited(run_id, length):
                        shares = references, remixes.get(run_id, Remixes())
                        rows[run_id] += self._pair(run_id, excerpt, stems, name, shared, *shares)
                    separated[run_id] = (stems, Stopwatch())
        return rows

    def _limited(self, run_id: str, seconds: float) -> AbstractContextManager[None]:
        """The time that each call of a plugin may take in a scene of so many seconds."""
        allowed = self._time_limit
        if allowed is None:
            allowed = time_limit(self.runs[run_id].spec, seconds, self._rates)
        return limited(allowed)

    def _separated(self, run_id: str, excerpt: Excerpt, watch: Stopwatch) -> Tensor:
        """The stems of a run's separator: kept ones where there are any."""
        identity = self._kept_as[run_id]
        with watch.stage("separate"):
            if not identity:
                return separate(self._systems[run_id], excerpt)
            key = self._separations.key(identity, excerpt.mixture)
            stems = self._separations.get(key, excerpt.mixture.shape[-1])
            if stems is not None:
                return stems
            # Of this thread: what other work is on the machine must not count.
            start = time.thread_time()
            stems = separate(self._systems[run_id], excerpt)
            audio = excerpt.mixture.shape[-1] / excerpt.scene.sample_rate
            self._worth_keeping[run_id] = time.thread_time() - start > WORTH_KEEPING * audio
            if self._worth_keeping[run_id]:
                self._separations.put(key, stems)
            return stems

    def _pair(
        self,
        run_id: str,
        excerpt: Excerpt,
        stems: Tensor,
        name: str,
        watch: Stopwatch,
        references: dict[tuple[float, ...], Reference],
        remixes: Remixes,
    ) -> list[Row]:
        """Rows of one pair; `watch` holds the seconds that belong to it."""
        listener, protocol = self.listeners[name], self.runs[run_id].spec.protocol
        system = self._systems[run_id]
        try:
            rendering = render(
                system, excerpt, stems, listener, protocol,
                known=references, remixes=remixes, watch=watch,
            )  # fmt: skip
            rows = self._scorers[run_id].score(rendering, watch)
        except Exception as error:
            rows = self._all_failed(run_id, excerpt.scene, [name], self._cause(error))
        return rows + seconds_rows(excerpt.scene, listener, watch, self.profile)

    def keep_nothing(self) -> None:
        """Neither use nor keep stems on disk."""
        self._separations = Separations(limit=0)

    def keeps_stems(self, run_id: str) -> bool:
        """Whether the stems of the scenes so far should be kept for other systems."""
        return self._worth_keeping.get(run_id, False)

    def prefetch(self, scene_ids: Iterable[str]) -> None:
        """Ask the system to read scenes that will come soon, while this one is computed."""
        for scene_id in scene_ids:
            ahead = getattr(self.scenes[scene_id].audio, "prefetch", None)
            if ahead is not None:
                ahead()

    def all_failed(
        self, scene_id: str, pairs: Mapping[str, Sequence[str]], cause: Cause
    ) -> dict[str, list[Row]]:
        """Failed rows for a whole scene."""
        scene = self.scenes[scene_id]
        return {run: self._all_failed(run, scene, who, cause) for run, who in pairs.items()}

    def _all_failed(
        self, run_id: str, scene: Scene, listeners: Sequence[str], cause: Cause
    ) -> list[Row]:
        scorer = self._scorers[run_id]
        return [
            row for name in listeners for row in scorer.failed(scene, self.listeners[name], cause)
        ]

    def _cause(self, error: Exception) -> Cause:
        """Why a pair failed; raises the error again where the evaluator is strict."""
        if self.strict:
            raise error
        return cause_of(error)

    def _system(self, run: RunToScore) -> System:
        system = build_system(run.spec, self.plugins)
        if run.weights is not None:
            system.load_state(load_weights(run.weights))
        system.train(False)
        return system.to(device())

    def _separator_identity(self, spec: RunSpec) -> str:
        """All that stems depend on but the mixture; empty where they are not to be kept.

        Those of a separator that the run trained serve no other system, and an oracle's are read.
        """
        registered = self.plugins.get(SeparatorSpec, spec.separator.name)
        if registered.spec.trainable or registered.spec.reads_stems:
            return ""
        about = [
            spec.separator.canonical(), registered.version, registered.source, code_hash(),
            torch.__version__, torch.backends.cpu.get_cpu_capability(), str(device()),
        ]  # fmt: skip
        return json.dumps(about, sort_keys=True)


@dataclass(frozen=True)
class Expected:
    """What a run is made of, where the work was begun.

    Attributes:
        identity: its id by the code, plugins, files and data there.
        data: the fingerprints of the data.
        is_elsewhere: whether a worker may have other data under the same names.
    """

    identity: str
    data: Mapping[str, str]
    is_elsewhere: bool = False

    def check(self, spec: RunSpec, plugins: Plugins) -> None:
        """Compare with what is here.

        Raises:
            BenchError: something differs.
        """
        where = f"worker on {platform.node()}"
        if self.is_elsewhere:
            here = spec.fingerprints(open_dataset(spec, plugins))
            other = [split for split in self.data if here[split] != self.data[split]]
            if other:
                what = f"the data of split {', '.join(other)} differ from those of the caller"
                hint = f"Point ${DATA_ROOT} on that machine at the same data."
                raise BenchError(what, where=where, hint=hint)
        if spec.run_id(plugins, self.data) != self.identity:
            hint = "Was a plugin edited, or a file of its options changed, meanwhile? Start again."
            what = f"{spec.label}: its code or files differ from those of the caller"
            raise BenchError(what, where=where, hint=hint)


_evaluator: Evaluator | None = None
_refused: BenchError | None = None


def start(
    runs: Sequence[RunToScore],
    profile: bool = False,
    strict: bool = False,
    time_limit: float | None = None,
    fresh: bool = False,
    local: bytes = b"",
    expected: Mapping[str, Expected] | None = None,
) -> None:
    """Prepare this worker process.

    Args:
        runs: what will be scored.
        profile: as of :class:`Evaluator`.
        strict: as of :class:`Evaluator`.
        time_limit: as of :class:`Evaluator`.
        local: plugins of the caller's own code, pickled.
        expected: what the runs must be made of here, by run id.

    Raises:
        BenchError: a system, a metric or the data are not available.
    """
    global _evaluator, _refused
    plugins = installed().adding(pickle.loads(local)) if local else installed()
    try:
        for run in runs:
            if expected is not None:
                expected[run.run_id].check(run.spec, plugins)
    except BenchError as error:
        if expected and any(one.is_elsewhere for one in expected.values()):
            raise  # of a cluster, another worker may do it
        _refused = error  # told by each scene: a pool's process that does not start says nothing
        return
    _evaluator = Evaluator(
        runs, plugins, profile=profile, strict=strict, time_limit=time_limit, fresh=fresh
    )


def evaluate(job: SceneJob) -> dict[str, list[Row]]:
    """Evaluate one scene in this worker process.

    Raises:
        BenchError: the code, files or data differ here.
    """
    if _refused is not None:
        raise _refused
    assert _evaluator is not None
    _evaluator.prefetch(job.upcoming)
    return _evaluator.evaluate(job.scene, job.pairs)
