"""Suite files."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.spec.suite import Suite, load_suite, parse_suite


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
        ({"pairs": [["a + fixed"]]}, "is no contrast of two labels"),
        ({"pairs": [["a", 1]]}, "is no contrast of two labels"),
        ({"pairs": ["ab"]}, "is no contrast of two labels"),
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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[ranking]\nexcluded = "unknown"', "'ranking.excluded' must be a list of texts"),
        ('[ranking]\nexclude = ["unknown"]', r"\[ranking\] has the unknown key 'exclude'"),
        ("[ranking]\nexcluded = [1]", "'ranking.excluded' must be a list of texts"),
        ('[ranking.corpora]\ntrain = "musdb18-train"', "'ranking.corpora.train' must be a list"),
        ('[ranking]\ncorpora = ["a"]', "'ranking.corpora' must be a table"),
        ('[defaults]\nperscription = "nalr"', r"\[defaults\] has the unknown key 'perscription'"),
        ("[defaults]\nloss = 3", "'defaults.loss' must be a text"),
        ('[[baselines]]\nseparator = "mixture"', "'gains' is missing"),
        ('[[baselines]]\nseparator = "mixture"\ngains = 1', "'baselines.gains' must be a text"),
        ('[[baselines]]\nsep = "a"\ngains = "fixed"', "unknown key 'sep'"),
        ('[contrasts]\npairs = "a"', "must be a list"),
        ("[training]\nclip_norm = nan", "clip_norm"),
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
        (('name = "x"', 'name = "../x"'), "names no folder"),
        (('name = "x"', "name = 3"), "'name' must be a text"),
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
