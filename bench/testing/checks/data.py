"""Checks of datasets and observers."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Final

import torch

from bench.api import STEMS, Dataset, RunInfo, Scene
from bench.board.schema import RUNS
from bench.errors import BenchError
from bench.hearing.audiograms import check_listener
from bench.plugins import OBSERVER, Observer
from bench.plugins.datasets import fault_of_scene
from bench.spec.resolve import make_run_spec
from bench.testing.check import check
from bench.testing.checks.calls import OWN_GENERATOR, UNCHANGED, changed, global_state
from bench.testing.checks.specs import heavy_imports
from bench.testing.subject import Subject

_PEEK: Final = 3
"""Scenes of a split whose audio is looked at: the first ones."""


def _scenes(subject: Subject) -> Iterator[tuple[Dataset, str, Sequence[Scene]]]:
    dataset: Dataset = subject.instance
    for split in dataset.splits:
        yield dataset, split, dataset.scenes(split)


@check(
    "splits",
    ("dataset",),
    expects="at least one split, each with scenes; a BenchError for a split that does not exist",
    fix="check the name of the split first, and raise bench.errors.BenchError",
)
def _splits(subject: Subject) -> str | None:
    dataset: Dataset = subject.instance
    if not dataset.splits:
        return "no split"
    empty = [split for _, split, scenes in _scenes(subject) if not len(scenes)]
    if empty:
        return f"no scene in split '{empty[0]}'"
    try:
        dataset.scenes("no-such-split")
    except BenchError:
        return None
    return "no BenchError for scenes('no-such-split')"


@check(
    "scenes",
    ("dataset",),
    expects="scenes with unique ids, a song, four requested gains in dB, and listeners of "
    "the split",
    fix="see bench.api.Scene; listeners(split) holds every listener that a scene names",
)
def _whole_scenes(subject: Subject) -> str | None:
    for dataset, split, scenes in _scenes(subject):
        known = dataset.listeners(split)
        ids = [scene.id for scene in scenes]
        if len(set(ids)) < len(ids):
            return f"two scenes of split '{split}' with one id"
        for scene in scenes:
            if fault := fault_of_scene(scene, known):
                return f"split '{split}': {fault}"
            if not scene.listeners or not scene.song:
                what = "song" if scene.listeners else "listener"
                return f"scene '{scene.id}' of '{split}' has no {what}"
        wrong = [name for name, who in known.items() if who.id != name]
        if wrong:
            return f"listener '{wrong[0]}', whose id is '{known[wrong[0]].id}'"
        for name, listener in known.items():
            try:
                check_listener(listener, where=f"listener '{name}'")
            except BenchError as error:
                return str(error)
    return None


@check(
    "audio",
    ("dataset",),
    expects="float32 (2, frames) for the mixture and each stem, finite, as long as scene.frames",
    fix="return torch.float32, channels first, full scale 1.0",
)
def _audio(subject: Subject) -> str | None:
    for _, _, scenes in _scenes(subject):
        for scene in scenes[:_PEEK]:
            for part in ("mixture", *STEMS):
                sound = scene.audio.read(part)
                if sound.dtype != torch.float32 or tuple(sound.shape) != (2, scene.frames):
                    return (
                        f"{part} of scene {scene.id}: {sound.dtype} {tuple(sound.shape)} where "
                        f"scene.frames is {scene.frames}"
                    )
                if not bool(torch.isfinite(sound).all()):
                    return f"{part} of scene {scene.id} has NaN or infinite samples"
    return None


@check(
    "excerpts",
    ("dataset",),
    expects="read(part, start, frames) gives those samples of read(part)",
    fix="frames is a number of samples, not where to stop",
)
def _excerpts(subject: Subject) -> str | None:
    for _, _, scenes in _scenes(subject):
        scene = scenes[0]
        start, frames = scene.frames // 3, min(1001, scene.frames // 3)
        for part in ("mixture", STEMS[0]):
            wanted = scene.audio.read(part)[:, start : start + frames]
            got = scene.audio.read(part, start, frames)
            if got.shape != wanted.shape or not torch.equal(got, wanted):
                return f"other samples for read('{part}', {start}, {frames}) of scene {scene.id}"
    return None


@check(
    "fingerprint",
    ("dataset",),
    expects="a fingerprint for each split, the same for another "
    "instance, and different for each split",
    fix="hash all that scores depend on: scenes, gains, listeners, and the audio or what makes it",
)
def _fingerprint(subject: Subject) -> str | None:
    other = subject.make() if subject.instance is not None else None
    seen: dict[str, str] = {}
    for dataset, split, _ in _scenes(subject):
        found = dataset.fingerprint(split)
        if not isinstance(found, str) or len(found) < 8:
            return f"{found!r} for split '{split}'"
        if other is not None and other.fingerprint(split) != found:
            return f"another one from another instance for split '{split}'"
        if found in seen:
            return f"the same one for the splits '{seen[found]}' and '{split}'"
        seen[found] = split
    return None


@check(
    "repeatable",
    ("dataset",),
    expects="the same scenes and bit for bit the same audio from another instance",
    fix="draw by seeds of your own that follow from names: bench.runtime.seeds.derive",
)
def _repeatable(subject: Subject) -> str | None:
    if subject.instance is None:
        return None
    other = subject.make(seed=1)
    for _, split, scenes in _scenes(subject):
        if list(other.scenes(split)) != list(scenes):
            return f"other scenes in split '{split}'"
        one, two = scenes[0].mixture(), other.scenes(split)[0].mixture()
        if not torch.equal(one, two) or not torch.equal(one, scenes[0].mixture()):
            return f"another mixture in split '{split}'"
    return None


@check(
    "global-state",
    ("dataset",),
    expects=UNCHANGED,
    fix=OWN_GENERATOR,
)
def _global_state(subject: Subject) -> str | None:
    assert subject.instance is not None
    before = global_state()
    dataset = subject.make()
    for split in dataset.splits:
        dataset.scenes(split)[0].mixture()
    return changed(before)


@check(
    "light-plan",
    ("dataset",),
    expects="splits, scenes and fingerprint without torch and similar imports: `bench "
    "plan` asks for them",
    fix="import torch inside the method that reads audio",
)
def _light_plan(subject: Subject) -> str | None:
    assert subject.instance is not None
    module, _, name = subject.registered.spec.target.partition(":")
    options = subject.options
    values = {} if options is None else vars(options)
    arguments = ", ".join(f"{key}={value!r}" for key, value in values.items())
    made = f"{name}()" if options is None else f"{name}({type(options).__qualname__}({arguments}))"
    imports = f"from {module} import {name}"
    if options is not None:
        imports += f"; from {type(options).__module__} import {type(options).__qualname__}"
    each = "[(len(made.scenes(split)), made.fingerprint(split)) for split in made.splits]"
    return heavy_imports(f"{imports}; made = {made}; {each}")


_ROW: Final = {
    "scene": "scene_1",
    "song": "Song",
    "genre": "",
    "listener": "L1",
    "pta_left": 30.0,
    "pta_right": 40.0,
    "metric": "haaqi",
    "part": "mean",
    "value": 0.5,
    "status": "ok",
    "reason": "",
}


@lru_cache(maxsize=1)
def _run_info() -> RunInfo:
    from bench.plugins import installed
    from bench.spec.suite import load_suite

    spec = make_run_spec(installed(), load_suite("demo"), separator="mixture", gains="fixed")
    return spec.info()


def _notified(subject: Subject, rows: dict[str, Any]) -> None:
    """Tell an observer of a whole run, in order."""
    assert isinstance(subject.plugin, Observer)
    arguments: dict[str, dict[str, Any]] = {
        "run_started": {"run_id": "r1", "spec": _run_info(), "total": 2},
        "epoch_finished": {"run_id": "r1", "epoch": 1, "row": rows["epoch"]},
        "scene_scored": {"run_id": "r1", "scene": "scene_1", "rows": rows["scores"]},
        "run_finished": {"run_id": "r1", "spec": _run_info(), "summary": rows["summary"]},
    }
    for hook, given in arguments.items():
        if hook in subject.plugin.hooks:
            function = getattr(subject.plugin.plugin, hook)
            code = function.__code__
            wanted = code.co_varnames[: code.co_argcount]
            function(**{name: given[name] for name in wanted if name in given})


def _rows() -> dict[str, Any]:
    failed = {**_ROW, "value": None, "status": "failed", "reason": "no score"}
    return {
        "epoch": {"epoch": 1, "loss": 0.5},
        "scores": [dict(_ROW), failed],
        "summary": {column.name: None for column in RUNS} | {"run_id": "r1", "status": "done"},
    }


@check(
    "notified",
    (OBSERVER,),
    expects="no exception when it is notified of a run, an epoch, a scene with a failed score "
    "(its value is None), and the end",
    fix="a failed row has value None and a reason; a hook cannot rely on another being called",
)
def _notified_whole(subject: Subject) -> str | None:
    _notified(subject, _rows())
    return None


@check(
    "inputs-untouched",
    (OBSERVER,),
    expects="rows and summary unchanged: the board is given the same ones",
    fix="copy before changing: row = dict(row)",
)
def _inputs_untouched(subject: Subject) -> str | None:
    rows = _rows()
    before = copy.deepcopy(rows)
    _notified(subject, rows)
    return None if rows == before else "what it received had changed after the call"


@check(
    "global-state",
    (OBSERVER,),
    expects=UNCHANGED,
    fix=OWN_GENERATOR,
)
def _observer_state(subject: Subject) -> str | None:
    before = global_state()
    _notified(subject, _rows())
    return changed(before)


CHECKS: Final = (
    _splits,
    _whole_scenes,
    _audio,
    _excerpts,
    _fingerprint,
    _repeatable,
    _global_state,
    _light_plan,
    _notified_whole,
    _inputs_untouched,
    _observer_state,
)
