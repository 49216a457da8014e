"""Boards of earlier schema versions, read as if they were written today.

Version 1 called HAAQI light ``haaqi-net``, as a metric and, over the front end ``light``, as a
loss; in version 2 it is ``haaqi-light``, and ``haaqi-net`` is the published architecture alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import pyarrow as pa

_OLD: Final = "haaqi-net"
_NEW: Final = "haaqi-light"
_IN_TEXT: Final = re.compile(rf"(?<![\w.-]){re.escape(_OLD)}(?![\w.-])")
_RENAMED: Final = 2
"""The first version with the name of today."""


def upgraded(content: pa.Table, table: str, version: int, *, light: bool) -> pa.Table:
    """The content of a board's file as today's version has it.

    Args:
        content: with the columns of the schema.
        table: ``"runs"``, ``"scores"`` or ``"training"``; what was published is kept as it is.
        version: of the schema that the file was written with.
        light: whether the loss ``haaqi-net`` of the file's run was HAAQI light.
    """
    if version >= _RENAMED:
        return content
    if table == "runs":
        rows = [_run(row) for row in content.to_pylist()]
        return pa.Table.from_pylist(rows, schema=content.schema)
    if table == "scores":
        return _mapped(content, "metric", _metric)
    if table == "training":
        return _mapped(content, "name", lambda name: _logged(name, light))
    return content


def was_light(run: Mapping[str, Any]) -> bool:
    """Whether the loss ``haaqi-net`` of a run, if it had one, was HAAQI light."""
    losses = _losses(_spec(run))
    return bool(losses.get(_OLD, {}).get("front_end", "light") == "light")


def _mapped(content: pa.Table, column: str, rename: Callable[[str], str]) -> pa.Table:
    if column not in content.column_names:
        return content
    index = content.schema.get_field_index(column)
    field = content.schema.field(index)
    chunks = [
        pa.DictionaryArray.from_arrays(
            chunk.indices, pa.array([rename(name) for name in chunk.dictionary.to_pylist()])
        )
        for chunk in content.column(column).dictionary_encode().chunks
    ]
    # Two old names may have become one: a dictionary must not hold it twice.
    plain = pa.chunked_array(chunks, pa.dictionary(pa.int32(), pa.string())).cast(pa.string())
    return content.set_column(index, field, plain.dictionary_encode().cast(field.type))


def _run(row: Mapping[str, Any]) -> dict[str, Any]:
    new, spec = dict(row), _spec(row)
    if spec and spec.get("metrics"):
        spec["metrics"] = [{**one, "name": _metric(one["name"])} for one in spec["metrics"]]
    if was_light(row):
        for values in (new, spec):
            for key in ("loss", "label"):
                if values.get(key):
                    values[key] = _IN_TEXT.sub(_NEW, values[key])
        if spec.get("losses"):
            spec["losses"] = [_loss(one) for one in spec["losses"]]
    if spec:
        new["spec_json"] = json.dumps(spec, sort_keys=True)
    return new


def _spec(run: Mapping[str, Any]) -> dict[str, Any]:
    """The run's spec; empty where it cannot be read."""
    try:
        spec = json.loads(run.get("spec_json") or "{}")
        _losses(spec)
        return {**spec}
    except (json.JSONDecodeError, AttributeError, KeyError, TypeError):
        return {}


def _losses(spec: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {loss["name"]: loss.get("options") or {} for loss in spec.get("losses") or ()}


def _loss(loss: Mapping[str, Any]) -> dict[str, Any]:
    if loss["name"] != _OLD:
        return dict(loss)
    options = {k: v for k, v in (loss.get("options") or {}).items() if k != "front_end"}
    return {**loss, "name": _NEW, "options": options}


def _metric(name: str) -> str:
    return _NEW if name == _OLD else name


def _logged(name: str, light: bool) -> str:
    """A name such as ``valid/haaqi-net/mean`` or ``loss/haaqi-net@output``."""
    kind, slash, rest = name.partition("/")
    what = re.split(r"[/@]", rest, maxsplit=1)[0]
    if what != _OLD or (kind == "loss" and not light):
        return name
    return f"{kind}{slash}{_NEW}{rest.removeprefix(_OLD)}"
