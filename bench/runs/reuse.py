"""Reuse a training of the board: that of a run which is trained alike and scored differently.

What a training brings depends neither on the reference protocol of the scores, nor on the split and
the number of pairs that are scored. So a system that is scored under two protocols trains once.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench.board.layout import BEST, LAST, checkpoint_folder, epochs_done, training_folder
from bench.runtime.files import replacing
from bench.spec.identity import code_hash

if TYPE_CHECKING:
    from bench.board.store import Board

_OF_SCORES: Final = ("protocol", "split", "limit")
"""The parts of a canonical spec that concern the scoring only."""


def training_form(canonical: Mapping[str, Any], data: Mapping[str, str]) -> dict[str, Any]:
    """What a training depends on.

    Args:
        canonical: of a run that trains, from :meth:`bench.spec.run.RunSpec.canonical`.
        data: the fingerprints of the splits that the run reads.

    Example:
        >>> scored = {"protocol": "challenge", "split": "valid", "gains": "cnn"}
        >>> training = {"split": "train", "validation_split": "", "protocol": "shared-gains"}
        >>> form = training_form({**scored, "training": training}, {"train": "a", "valid": "b"})
        >>> form["data"], form["training"]["protocol"], "split" in form
        ({'train': 'a'}, 'shared-gains', False)
    """
    training = dict(canonical["training"])
    training["protocol"] = training.get("protocol") or canonical["protocol"]
    read = [training["split"], training.get("validation_split") or ""]
    return {
        **{key: value for key, value in canonical.items() if key not in _OF_SCORES},
        # A board has them in the suite's order, the canonical form by name.
        "metrics": sorted(canonical.get("metrics", ()), key=lambda metric: str(metric["name"])),
        "training": training,
        "data": {split: data[split] for split in read if split in data},
    }


def reuse_training(run_id: str, identity: Mapping[str, Any], board: Board) -> str:
    """Copy the training of an equal run of the board, unless the run has begun its own.

    Args:
        run_id: of the run that is to be trained.
        identity: its own, from :meth:`bench.spec.run.RunSpec.identity`.
        board: that may have the training.

    Returns:
        The id of the run that trained; empty where there is none.
    """
    folder = checkpoint_folder(board.path, run_id)
    if (folder / LAST).exists():
        return ""
    wanted = json.loads(json.dumps(_form(identity["spec"], identity["data"], identity["plugins"])))
    for row in reversed(board.runs().to_dict("records")):
        other = str(row["run_id"])
        kept = checkpoint_folder(board.path, other)
        if other == run_id or not all((kept / name).is_file() for name in (BEST, LAST)):
            continue
        if _form_of(row) == wanted and epochs_done(board.path, other) >= int(row["epochs"]):
            _copy(kept, folder)
            _copy(training_folder(board.path, other), training_folder(board.path, run_id))
            return other
    return ""


def _form(
    spec: Mapping[str, Any], data: Mapping[str, str], plugins: Mapping[str, str]
) -> dict[str, Any]:
    return {**training_form(spec, data), "plugins": plugins, "code": code_hash()}


def _form_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """The form of a board's row; empty where the run trains nothing or other code made it."""
    try:
        names = ("spec_json", "dataset_fingerprint", "plugin_versions_json")
        spec, data, plugins = (json.loads(row[name] or "{}") for name in names)
    except (json.JSONDecodeError, TypeError):
        return {}
    if "training" not in spec or row["code_hash"] != code_hash():
        return {}
    return _form(spec, data, plugins)


def _copy(source: Path, target: Path) -> None:
    """Copy a folder's files; :data:`LAST`, which says that a training is there, comes last."""
    files = [path for path in source.iterdir() if path.is_file()]
    for path in sorted(files, key=lambda path: path.name == LAST):
        with replacing(target / path.name) as draft:
            shutil.copyfile(path, draft)
