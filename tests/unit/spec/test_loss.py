"""Loss expressions: what is read, its canonical form, and errors that point at the place."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.errors import BenchError
from bench.spec.loss import JOINT, LossExpression, Term, parse_terms

KNOWN = ("mse", "sdr", "loudness", "haaqi", "haaqi-light")


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("mse", [Term(1, "mse")]),
        ("  mse\t", [Term(1, "mse")]),
        ("mse+sdr", [Term(1, "mse"), Term(1, "sdr")]),
        ("1*mse", [Term(1, "mse")]),
        ("0.3*sdr + .5 * mse", [Term(0.3, "sdr"), Term(0.5, "mse")]),
        ("10.*haaqi-light", [Term(10, "haaqi-light")]),
        ("1e-3*mse + 2E+2*sdr", [Term(0.001, "mse"), Term(200, "sdr")]),
        (
            "mse@stems + haaqi-light @ output",
            [Term(1, "mse", "stems"), Term(1, "haaqi-light", "output")],
        ),
        ("mse@stems + mse@remix", [Term(1, "mse", "stems"), Term(1, "mse", "remix")]),
        ("mse + 0*sdr", [Term(1, "mse"), Term(0, "sdr")]),
        ("my-package/sdr", [Term(1, "my-package/sdr")]),
        (
            "joint",
            [Term(1, "mse"), Term(0.3, "sdr"), Term(2, "loudness"), Term(10, "haaqi-light")],
        ),
        (
            "0.5*joint + haaqi",
            [
                Term(0.5, "mse"),
                Term(0.15, "sdr"),
                Term(1, "loudness"),
                Term(5, "haaqi-light"),
                Term(1, "haaqi"),
            ],
        ),
    ],
)
def test_reading(text: str, terms: list[Term]) -> None:
    assert parse_terms(text, KNOWN) == tuple(terms)


def test_joint_is_the_seed_papers_objective() -> None:
    assert JOINT == "mse + 0.3*sdr + 2*loudness + 10*haaqi-light"


def test_a_plugin_may_be_called_joint() -> None:
    assert parse_terms("joint@output", (*KNOWN, "joint")) == (Term(1, "joint", "output"),)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("", r"expected the name of a loss, found the end \(column 1\)", "Write it as"),
        ("   ", "found the end", "Write it as"),
        ("mse +", r"found the end \(column 6\)", "Write it as"),
        ("+ mse", r"found '\+' \(column 1\)", "Write it as"),
        ("mse + + sdr", r"found '\+' \(column 7\)", "Write it as"),
        ("mse sdr", r"expected a '\+' between two terms, found 'sdr' \(column 5\)", "Write"),
        ("mse - sdr", r"found '-' \(column 5\)", "cannot be negative"),
        ("-1*mse", r"found '-' \(column 1\)", "Write"),
        ("2 mse", r"expected '\*' and the name of a loss, found 'mse' \(column 3\)", "Write"),
        ("2*", r"expected the name of a loss, found the end", "Write"),
        ("mse*2", r"found '\*' \(column 4\)", "Write"),
        ("1.2.3*mse", r"expected '\*' .* found '.3' \(column 4\)", "Write"),
        ("1e999*mse", "too large", "Write"),
        ("nan*mse", r"there is no loss 'nan'", "Known"),
        ("mse + 0.3*sdrr", r"there is no loss 'sdrr' \(column 11\)", "Did you mean 'sdr'"),
        ("MSE", "there is no loss 'MSE'", "Did you mean 'mse'"),
        ("jiont", "there is no loss 'jiont'", "Did you mean 'joint'"),
        ("mse-sdr", "there is no loss 'mse-sdr'", "Did you mean"),
        ("mse@", r"expected a place, found the end", "stems, remix or output"),
        ("mse@stem", r"expected a place, found 'stem' \(column 5\)", "stems, remix or output"),
        ("mse@stems@remix", r"found '@' \(column 10\)", "Write"),
        ("joint@output", "cannot be applied at one place", "Write"),
        ("mse + mse", "'mse' occurs twice", r"2\*mse"),
        ("joint + mse", "'mse' occurs twice", r"2\*mse"),
        ("0*mse + 0*sdr", "every weight is zero", "At least one"),
        ("mse; import os", "found ';'", "Write"),
        ("mse\nsdr", "found 'sdr'", "Write"),
        ("(mse)", r"found '\('", "Write"),
    ],
)
def test_errors_point_at_the_place(text: str, message: str, hint: str) -> None:
    with pytest.raises(BenchError, match=message) as error:
        LossExpression.parse(text, KNOWN)
    assert error.value.where == f"loss '{text}'"
    assert hint.replace("\\", "") in error.value.hint


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("sdr+mse", "mse + sdr"),
        ("1.0*mse+ 2.50*sdr", "mse + 2.5*sdr"),
        ("1e-9*mse", "1e-09*mse"),
        ("joint", "10*haaqi-light + 2*loudness + mse + 0.3*sdr"),
        ("haaqi@remix + haaqi@output", "haaqi@output + haaqi@remix"),
    ],
)
def test_the_canonical_form(text: str, canonical: str) -> None:
    assert str(LossExpression.parse(text, KNOWN)) == canonical


@given(
    st.lists(
        st.builds(
            Term,
            weight=st.floats(0, 1e12, allow_subnormal=False) | st.integers(0, 100).map(float),
            name=st.sampled_from(KNOWN),
            place=st.sampled_from([None, "stems", "remix", "output"]),
        ),
        min_size=1,
        unique_by=lambda term: term.label,
    ).filter(lambda terms: any(term.weight for term in terms))
)
def test_the_canonical_form_reads_back_as_itself(terms: list[Term]) -> None:
    text = str(LossExpression(tuple(terms)))
    again = LossExpression.parse(text, KNOWN)
    assert set(again.terms) == set(terms)
    assert str(again) == text


@given(st.text(alphabet="mse dr+*@.0123e-/joint", max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        expression = LossExpression.parse(text, KNOWN)
    except BenchError:
        return
    assert str(expression)


def test_importing_brings_no_torch() -> None:
    code = "import sys, bench.builtin.losses, bench.spec.loss; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
