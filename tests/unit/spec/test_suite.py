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
