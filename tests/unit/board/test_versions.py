"""Boards of earlier schema versions."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from bench.board import schema
from bench.board.layout import epoch_file
from bench.board.store import Board


def spec_of(**options: str) -> dict[str, Any]:
    return {
        "loss": "10*haaqi-net@output + mse",
        "losses": [{"name": "haaqi-net", "options": options}, {"name": "mse", "options": {}}],
        "metrics": [{"name": "haaqi", "options": {}}, {"name": "haaqi-net", "options": {}}],
    }


def older(folder: Path, spec: dict[str, Any] | str) -> Board:
    """A board as version 1 wrote it."""
    board = Board(folder)
    board.write_run(
        {
            "run_id": "r1",
            "status": "done",
            "created": datetime(2024, 5, 1, tzinfo=UTC),
            "suite": "demo",
            "split": "valid",
            "protocol": "challenge",
            "loss": "10*haaqi-net@output + mse",
            "label": "a + cnn (10*haaqi-net@output+mse)",
            "spec_json": spec if isinstance(spec, str) else json.dumps(spec),
        }
    )
    rows = [
        {"listener": "L1", "metric": name, "part": "mean", "value": 0.5, "status": "ok"}
        for name in ("haaqi", "haaqi-net", "my-haaqi-net")
    ]
    board.append_scores("r1", "s1", rows)
    board.append_epoch(
        "r1",
        {"epoch": 1, "loss/haaqi-net@output": 0.4, "loss/mse": 0.1, "valid/haaqi-net/mean": 0.6},
    )
    for path in folder.rglob("*.parquet"):
        table = pq.ParquetFile(path).read()
        pq.write_table(table.replace_schema_metadata({schema.VERSION_KEY: b"1"}), path)
    return Board(folder)


@pytest.mark.parametrize("options", [{"front_end": "light", "variant": "paper"}, {}])
def test_the_bundled_predictor_has_the_name_of_today(
    tmp_path: Path, options: dict[str, str]
) -> None:
    board = older(tmp_path, spec_of(**options))
    run = board.run("r1")
    assert run is not None
    assert run["label"] == "a + cnn (10*haaqi-light@output+mse)"
    assert run["loss"] == "10*haaqi-light@output + mse"
    spec = json.loads(run["spec_json"])
    assert spec["loss"] == run["loss"]
    assert [metric["name"] for metric in spec["metrics"]] == ["haaqi", "haaqi-light"]
    kept = {k: v for k, v in options.items() if k != "front_end"}
    assert spec["losses"][0] == {"name": "haaqi-light", "options": kept}
    assert list(board.scores("r1").metric) == ["haaqi", "haaqi-light", "my-haaqi-net"]
    assert len(board.scores("r1", metric="haaqi-light")) == 1
    assert set(board.training("r1").name) == {
        *("loss/haaqi-light@output", "loss/mse", "valid/haaqi-light/mean")
    }
    assert board.damaged == {}


def test_the_published_architecture_keeps_its_name_in_the_loss(tmp_path: Path) -> None:
    board = older(tmp_path, spec_of(front_end="beats", weights="w.pt"))
    run = board.run("r1")
    assert run is not None
    assert (run["loss"], run["label"]) == (
        "10*haaqi-net@output + mse",
        "a + cnn (10*haaqi-net@output+mse)",
    )
    assert json.loads(run["spec_json"])["losses"][0]["name"] == "haaqi-net"
    # The metric of that name was always the bundled one.
    assert list(board.scores("r1").metric) == ["haaqi", "haaqi-light", "my-haaqi-net"]
    assert set(board.training("r1").name) == {
        *("loss/haaqi-net@output", "loss/mse", "valid/haaqi-light/mean")
    }


@pytest.mark.parametrize("text", ["", "no JSON", "[1]", '{"losses": [1]}', '{"losses": 3}'])
def test_a_spec_that_cannot_be_read_damages_nothing(tmp_path: Path, text: str) -> None:
    board = older(tmp_path, text)
    run = board.run("r1")
    assert run is not None
    assert (run["spec_json"], run["loss"]) == (text, "10*haaqi-light@output + mse")
    assert board.damaged == {}


def test_what_is_written_today_is_read_as_it_is(tmp_path: Path) -> None:
    board = Board(tmp_path)
    board.append_epoch("r1", {"epoch": 1, "loss/haaqi-net": 0.4, "valid/haaqi-net/mean": 0.6})
    assert set(board.training("r1").name) == {"loss/haaqi-net", "valid/haaqi-net/mean"}


def test_parts_of_both_versions_are_brought_together(tmp_path: Path) -> None:
    board = older(tmp_path, spec_of())
    row = {"listener": "L1", "metric": "haaqi-light", "part": "mean", "value": 0.7, "status": "ok"}
    board.append_scores("r1", "s2", [row])
    board.consolidate("r1")
    assert len(Board(tmp_path).scores("r1", metric="haaqi-light")) == 2


def test_a_missing_run_row_costs_no_log(tmp_path: Path) -> None:
    board = older(tmp_path, spec_of())
    (tmp_path / "runs" / "run_id=r1.parquet").unlink()
    assert epoch_file(tmp_path, "r1", 1).exists()
    assert "loss/haaqi-light@output" in set(board.training("r1").name)
