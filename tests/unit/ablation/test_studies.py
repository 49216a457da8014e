"""Shipped ablations."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.ablation.matrix import expand
from bench.ablation.studies import load_study, study_names
from bench.errors import BenchError
from bench.plugins import installed
from bench.spec.suite import load_suite
from tests.helpers.command_line import Bench


@pytest.mark.parametrize("scale", ["paper", "small"])
def test_the_seed_papers_runs_are_as_its_script_has_them(scale: str) -> None:
    study = load_study("seed-paper", scale=scale)
    ablation = study.parts["as published"]
    suite = load_suite(ablation.suite)
    specs = expand(ablation, installed(), suite).specs
    assert [spec.loss.terms[0].weight for spec in specs] == [1, 5, 10]
    for spec in specs:
        assert (spec.separator.name, spec.gains.name) == ("hdemucs-ft", "cnn")
        places = {term.name: term.place for term in spec.loss.terms}
        # Of the others the stems are the default, which may be left out.
        assert places.pop("haaqi-net") == "stems"
        assert set(places.values()) <= {"stems", None}
        assert {t.name: t.weight for t in spec.loss.terms if t.name != "haaqi-net"} == {
            "mse": 1, "sdr": 0.3, "loudness": 2
        }  # fmt: skip
        [net] = [choice for choice in spec.losses if choice.name == "haaqi-net"]
        assert net.options.variant == "paper"
        [loudness] = [choice for choice in spec.losses if choice.name == "loudness"]
        assert loudness.options.form == "rms"
        training = spec.training
        assert (training.protocol, training.keep) == ("shared-gains", "last")
        assert training.validation_split == spec.split == "valid"
        if scale == "paper":
            assert (training.epochs, training.segments, training.batch) == (10, 50, 5)
            assert (training.segment_seconds, training.learning_rate) == (5.0, 1e-4)
    assert set(study.protocols) == {"shared-gains", "challenge"}


def test_the_corrected_part_has_the_official_task() -> None:
    ablation = load_study("seed-paper").parts["corrected"]
    for spec in expand(ablation, installed(), load_suite("demo")).specs:
        assert spec.gains.name == "cnn-residual"
        assert spec.training.protocol == "challenge"
        assert (spec.training.keep, spec.training.validation_split) == ("best", "")


def test_a_root_means_the_challenges_suite(tmp_path: Path) -> None:
    ablation = load_study("seed-paper", root=tmp_path).parts["untrained"]
    assert ablation.suite == "cadenza-icassp-2024"
    assert ablation.options["dataset.root"] == str(tmp_path)


def test_a_caller_may_change_how_much_and_not_what() -> None:
    values = {"epochs": 2, "limit": 3, "options": {"training.batch": 1}}
    for ablation in load_study("seed-paper", values=values).parts.values():
        assert ablation.options["training.epochs"] == "2"
        assert ablation.options["training.batch"] == "1"
        assert ablation.limit == 3
    with pytest.raises(BenchError, match="the study fixes its gains"):
        load_study("seed-paper", values={"gains": "fixed"})
    with pytest.raises(BenchError, match="no scale 'smal'"):
        load_study("seed-paper", scale="smal")
    with pytest.raises(BenchError, match="no shipped ablation 'sead'"):
        load_study("sead")


def test_the_command_lists_and_plans_them(
    bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench("ablate", "--list") == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in study_names())
    assert bench("ablate", "seed-paper", "--plan", "--out", tmp_path / "board") == 0
    planned = capsys.readouterr().out
    assert "protocol shared-gains" in planned
    assert "protocol challenge" in planned
    assert planned.count("hdemucs + none") >= 2
    assert not (tmp_path / "board").exists()
    assert bench("ablate", "--root", tmp_path) == 2
    assert "--root and --scale belong to a shipped ablation" in capsys.readouterr().err
