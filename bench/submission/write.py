"""Write the challenge files of a system."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.api import Dataset
from bench.errors import BenchError
from bench.runtime.progress import NO_PROGRESS, Progress

if TYPE_CHECKING:
    from bench.plugins import Plugins
    from bench.runs.restore import StoredRun

MANIFEST: Final = "submission.json"
"""Says which system wrote a folder, so that no other one goes on with it."""


def submit(
    run: StoredRun,
    out: Path,
    plugins: Plugins,
    dataset: Dataset,
    *,
    workers: int = 0,
    time_limit: float | None = None,
    progress: Progress = NO_PROGRESS,
) -> list[str]:
    """Write the challenge's files of a system into ``OUT/enhanced_signals``; what failed.

    Files that are there are kept: an interrupted call continues where it stopped.

    Args:
        run: the system; one that trains must be a trained run's.
        out: folder to write into.
        plugins: the installed plugins.
        dataset: what the run's spec names.
        workers: processes; 0 for one per core.
        time_limit: seconds that a plugin may take for a scene; 0 for any time, None for a generous
            default.
        progress: notified of each scene, in files.

    Raises:
        BenchError: the system is not trained, or the folder holds another one's files.
    """
    from bench.evaluation.runner import chosen_pairs
    from bench.runs.execute import get_files
    from bench.runtime.executors import run_jobs, with_workers
    from bench.runtime.machine import scoring_processes
    from bench.submission.scene import FOLDER, WriteJob, file_name, write_scene

    if run.spec.trains and run.weights is None:
        hint = f"Train it: bench run --separator {run.spec.separator.name} ..., then --run LABEL"
        raise BenchError(f"{run.spec.label} is not trained", hint=hint)
    get_files(run.spec, plugins)
    _check_manifest(out, run, plugins, dataset)
    folder = out / FOLDER
    jobs = []
    scenes = dataset.scenes(run.spec.split)
    for scene_id, names in chosen_pairs(scenes, run.spec.limit).items():
        missing = tuple(n for n in names if not (folder / file_name(scene_id, n)).is_file())
        if missing:
            jobs.append(WriteJob(run, scene_id, missing, folder, time_limit))
    failed = []
    with progress.stage("writing", sum(len(job.listeners) for job in jobs)) as step:
        apart = run.spec.has_strangers(plugins)
        for job, result in run_jobs(write_scene, jobs, workers or scoring_processes(), apart=apart):
            if isinstance(result, Exception):
                failed.append(f"{job.scene}: {' '.join(str(result).split())}")
            step(with_workers(job.scene), len(job.listeners))
    return sorted(failed)


def _check_manifest(out: Path, run: StoredRun, plugins: Plugins, dataset: Dataset) -> None:
    from bench.runtime.files import write_json

    identity = run.spec.identity(plugins, run.spec.fingerprints(dataset))
    manifest = json.loads(
        json.dumps({"label": run.label, "run": run.run_id, "identity": identity}, sort_keys=True)
    )
    path = out / MANIFEST
    try:
        if path.exists():
            if json.loads(path.read_text(encoding="utf-8")) != manifest:
                hint = "Give another folder, or remove this one."
                raise BenchError("it holds the files of another system", where=str(out), hint=hint)
        elif out.exists() and any(out.iterdir()):
            raise BenchError("it already exists and is not empty", where=str(out))
        else:
            write_json(path, manifest)
    except (OSError, ValueError) as error:
        raise BenchError(f"cannot be used: {error}", where=str(path)) from None
