"""Suite files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.spec.suite import (
    Suite,
    TrainingSettings,
    load_suite,
    parse_suite,
    parse_training,
)


def test_unknown_suite_and_bad_suite_files(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="Did you mean 'demo'"):
        load_suite("demmo")
    with pytest.raises(BenchError, match=r"cannot be read"):
        load_suite(str(tmp_path / "none.toml"))
    bad = tmp_path / "bad.toml"
    bad.write_text("name = ", encoding="utf-8")
    with pytest.raises(BenchError, match="malformed TOML"):
        load_suite(str(bad))
    bad.write_text('name = "x"\n[dataset]\nname = "demo"\n', encoding="utf-8")
    with pytest.raises(BenchError, match="'split' is missing"):
        load_suite(str(bad))


def suite_with(contrasts: dict[str, object]) -> Suite:
    return parse_suite(
        {
            "name": "x",
            "dataset": {"name": "demo"},
            "evaluation": {"split": "valid", "metrics": ["haaqi"]},
            "contrasts": contrasts,
        },
        where="x.toml",
    )


def test_a_suite_names_its_contrasts() -> None:
    assert suite_with({}).contrasts == ()
    pairs = [["a + fixed", "b + fixed"], ["a + cnn", "a + fixed"]]
    assert suite_with({"pairs": pairs}).contrasts == tuple(map(tuple, pairs))


@pytest.mark.parametrize(
    ("contrasts", "message"),
    [
        ({"pair": []}, r"\[contrasts\] has no 'pair'"),
        ({"pairs": [["a + fixed"]]}, "is not a pair of labels"),
        ({"pairs": [["a", 1]]}, "is not a pair of labels"),
        ({"pairs": ["ab"]}, "is not a pair of labels"),
    ],
)
def test_wrong_contrasts(contrasts: dict[str, object], message: str) -> None:
    with pytest.raises(BenchError, match=message):
        suite_with(contrasts)


def test_the_reference_is_amplified_by_nalr_where_a_suite_says_nothing() -> None:
    assert suite_with({}).reference_prescription == "nalr"


WHOLE = """
name = "x"
[dataset]
name = "demo"
[evaluation]
split = "valid"
metrics = ["haaqi"]
"""


def baseline(separator: str, more: str) -> str:
    return f'[[baselines]]\nseparator = "{separator}"\ngains = "fixed"\n{more}\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[ranking]\nexcluded = "unknown"', "'ranking.excluded' must be a list of strings"),
        ('[ranking]\nexclude = ["unknown"]', r"\[ranking\] has the unknown key 'exclude'"),
        ("[ranking]\nexcluded = [1]", "'ranking.excluded' must be a list of strings"),
        ('[ranking]\nexcluded = ["private", "unkown"]', "'unkown' bars nothing\nWrite 'unknown'"),
        ('[ranking.corpora]\ntrain = "musdb18-train"', "'ranking.corpora.train' must be a list"),
        ('[ranking]\ncorpora = ["a"]', "'ranking.corpora' must be a table"),
        ('[defaults]\nperscription = "nalr"', r"\[defaults\] has the unknown key 'perscription'"),
        ("[defaults]\nloss = 3", "'defaults.loss' must be a string"),
        ('[[baselines]]\nseparator = "mixture"', "'gains' is missing"),
        ('[[baselines]]\nseparator = "mixture"\ngains = 1', "'baselines.gains' must be a string"),
        ('[[baselines]]\nsep = "a"\ngains = "fixed"', "unknown key 'sep'"),
        ('[contrasts]\npairs = "a"', "must be a list"),
        ("[training]\nclip_norm = nan", "clip_norm"),
        (
            baseline("hdemucs", 'options.weights = "musdb"') + baseline("hdemucs", "options = {}"),
            r"two \[\[baselines\]\] of 'hdemucs' differ in 'options'",
        ),
        (
            baseline("hdemucs", 'published = "A"') + baseline("hdemucs", 'published = "B"'),
            "of 'hdemucs' differ in 'published'",
        ),
        (
            baseline("mixture", 'protocol = "challenge"') + baseline("mixture", ""),
            r"of 'mixture \+ fixed' differ in 'protocol'",
        ),
        ("[training]\nlearning_rate = inf", "learning_rate"),
        ("[training]\nepochs = true", "epochs"),
        ("[trainings]\nepochs = 1", "Did you mean 'training'"),
    ],
)
def test_a_wrong_suite_is_one_line_with_the_place(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "x.toml"
    path.write_text(WHOLE + text, encoding="utf-8")
    with pytest.raises(BenchError, match=message) as caught:
        load_suite(str(path))
    assert str(path) in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('name = "x"', 'name = "x"\nbaselines = ["mixture"]'), "'baselines' must be tables"),
        (('metrics = ["haaqi"]', 'metrics = "haaqi"'), "'evaluation.metrics' must be a list"),
        (('metrics = ["haaqi"]', "metrics = []"), "'evaluation.metrics' names no metric"),
        (('metrics = ["haaqi"]', 'metrics = ["sdr", "sdr"]'), "names 'sdr' twice"),
        (('name = "x"', 'name = "../x"'), "cannot be the name of a folder"),
        (('name = "x"', "name = 3"), "'name' must be a string"),
        (('name = "x"', 'name = ""'), "it is empty"),
        (("[dataset]\n", '[dataset]\nname = "a"\n[more]\n'), "unknown key 'more'"),
        (('split = "valid"', 'splits = ["valid"]'), "unknown key 'splits'"),
    ],
)
def test_other_wrong_parts(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    path = tmp_path / "x.toml"
    path.write_text(WHOLE.replace(*change), encoding="utf-8")
    with pytest.raises(BenchError, match=message):
        load_suite(str(path))


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text(WHOLE, encoding="utf-8-sig")
    assert load_suite(str(path)).name == "x"


def test_the_settings_of_a_training_are_the_seed_papers_by_default() -> None:
    """Ten epochs of 50 segments of 5 s, five at a time, by Adam at 1e-4."""
    settings = TrainingSettings()
    assert (settings.epochs, settings.segments, settings.batch) == (10, 50, 5)
    assert settings.segment_seconds == 5.0
    assert settings.learning_rate == settings.gains_learning_rate == 1e-4
    assert (settings.accumulate, settings.patience, settings.clip_norm) == (1, 0, 5.0)
    assert (settings.recompute, settings.guard_stops) == (False, False)
    assert (settings.keep, settings.precision) == ("best", "float32")


@pytest.mark.parametrize(
    ("setting", "right", "wrong"),
    [
        ("epochs", ("0", "1000000"), ("-1", "1000001")),
        ("segments", ("1", "10000000"), ("0", "10000001")),
        ("batch", ("1", "100000"), ("0", "100001")),
        ("accumulate", ("1", "100000"), ("0", "100001")),
        ("segment_seconds", ("0.1", "3600"), ("0.09", "3601")),
        ("learning_rate", ("1e-30", "100"), ("0", "-1", "101")),
        ("gains_learning_rate", ("1e-30", "100"), ("0", "101")),
        ("prescription_learning_rate", ("1e-30", "100"), ("0", "101")),
        ("clip_norm", ("0", "1e9"), ("-0.1", "2e9")),
        ("validation_songs", ("0", "1000000"), ("-1", "1000001")),
        ("validation_pairs", ("0", "1000000"), ("-1", "1000001")),
        ("validation_seconds", ("0.4", "3600"), ("0.39", "3601")),
        ("patience", ("0", "1000000"), ("-1", "1000001")),
    ],
)
def test_bounds_of_the_settings_of_a_training(
    setting: str, right: tuple[str, ...], wrong: tuple[str, ...]
) -> None:
    for text in right:
        found = parse_training({setting: text}, TrainingSettings(), where="x")
        assert getattr(found, setting) == float(text)
    for text in wrong:
        with pytest.raises(BenchError, match=setting):
            parse_training({setting: text}, TrainingSettings(), where="x")


@pytest.mark.parametrize("value", ["0", "-1", "inf", "nan", "true", '"80"'])
def test_a_hearing_loss_that_is_none(tmp_path: Path, value: str) -> None:
    path = tmp_path / "x.toml"
    path.write_text(WHOLE + f"[ranking]\nhearing_loss_below = {value}", encoding="utf-8")
    with pytest.raises(BenchError, match=r"\[ranking\] hearing_loss_below is"):
        load_suite(str(path))


@pytest.mark.parametrize("value", ["80", "0.5"])
def test_a_hearing_loss_below_which_pairs_count(tmp_path: Path, value: str) -> None:
    path = tmp_path / "x.toml"
    path.write_text(WHOLE + f"[ranking]\nhearing_loss_below = {value}", encoding="utf-8")
    suite = load_suite(str(path))
    assert suite.hearing_loss_below == suite.rules.hearing_loss_below == float(value)
    assert suite_with({}).hearing_loss_below is None


def test_training_data_that_bar_a_row() -> None:
    suite = replace(
        suite_with({}), excluded=("private",), corpora={"valid": ("musdb18-train",), "eval": ("x",)}
    )
    names = ["musdb18-train", "private", "open", "x"]
    assert suite.barred(names, "valid") == ["musdb18-train", "private"]
    assert suite.barred(names, "eval") == ["private", "x"]
    assert suite.barred(names, "train") == ["private"]


def test_baselines_of_one_protocol_alone() -> None:
    own, other = ("mixture", "fixed"), ("oracle", "none")
    suite = replace(
        suite_with({}), baselines=(own, other), baseline_protocols={other: "shared-gains"}
    )
    assert suite.baselines_under("challenge") == (own,)
    assert suite.baselines_under("shared-gains") == (own, other)


def test_all_that_a_suite_may_say(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text(
        """
name = "x"
summary = "a suite"
[dataset]
name = "cadenza"
root = "/songs"
[evaluation]
split = "eval"
protocol = "shared-gains"
reference_prescription = "nalr-fit"
metrics = ["sdr", "haaqi"]
[defaults]
prescription = "nalr-limiter"
loss = "mse"
[training]
epochs = 3
[[baselines]]
separator = "mixture"
gains = "fixed"
published = "do nothing"
[[baselines]]
separator = "oracle"
gains = "none"
protocol = "challenge"
options = {size = 3}
[ranking]
baseline = "mixture + fixed"
excluded = ["private"]
""",
        encoding="utf-8",
    )
    suite = load_suite(str(path))
    assert (suite.name, suite.summary) == ("x", "a suite")
    assert (suite.dataset, suite.dataset_options) == ("cadenza", {"root": "/songs"})
    assert (suite.split, suite.protocol, suite.metrics) == (
        "eval",
        "shared-gains",
        ("sdr", "haaqi"),
    )
    assert (suite.prescription, suite.reference_prescription) == ("nalr-limiter", "nalr-fit")
    assert (suite.loss, suite.training.epochs) == ("mse", 3)
    assert suite.baselines == (("mixture", "fixed"), ("oracle", "none"))
    assert suite.baseline_protocols == {("oracle", "none"): "challenge"}
    assert suite.baseline_options == {"oracle": {"size": 3}}
    assert suite.published == {"mixture": "do nothing"}
    assert (suite.baseline, suite.excluded) == ("mixture + fixed", ("private",))
    assert suite_with({}).protocol == "challenge"
    assert suite_with({}).training == TrainingSettings()
    path.write_text(path.read_text().replace('protocol = "challenge"', 'protocol = "x"'))
    with pytest.raises(BenchError, match="there is no protocol 'x'"):
        load_suite(str(path))
