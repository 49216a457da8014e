"""Questions of a listening test: read from TOML, each mistake named."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.listening.blind import make_test
from bench.listening.questions import Question, read_questions
from tests.helpers.heard import heard, stored_runs

GOOD = """
[[questions]]
id = "age"
text = "How old are you?"
kind = "number"
low = 18
required = true

[[questions]]
id = "aids"
text = "Do you wear <b>hearing aids</b>?"
kind = "choice"
choices = ["never", "all day"]

[[questions]]
id = "words"
text = "Anything else?"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "questions.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_reading(tmp_path: Path) -> None:
    assert read_questions(write(tmp_path, GOOD)) == (
        Question("age", "How old are you?", "number", low=18, required=True),
        Question("aids", "Do you wear <b>hearing aids</b>?", "choice", ("never", "all day")),
        Question("words", "Anything else?"),
    )


def test_the_page_asks_them(tmp_path: Path) -> None:
    questions = read_questions(write(tmp_path, GOOD))
    made = make_test(
        tmp_path / "t", [heard()], stored_runs(), way="remix", questions=questions, seed=1
    )
    text = made.page.read_text(encoding="utf-8")
    assert 'name="age" type="number" step="any" min="18" required>' in text
    assert "Do you wear &lt;b&gt;hearing aids&lt;/b&gt;?" in text
    assert text.count('type="radio" name="aids"') == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a file of questions"),
        ("questions = []", "not a file of questions"),
        ('title = "x"\n' + GOOD, "not a file of questions"),
        ("questions = [3]", "question 1: it is not a table"),
        ('[[questions]]\ntext = "a"', "question 1: 'id' must be a string"),
        ('[[questions]]\nid = "a"', "question 1: 'text' must be a string"),
        ('[[questions]]\nid = "a b"\ntext = "c"', "'a b' is not a valid id"),
        ('[[questions]]\nid = "a"\ntext = " "', "its text is empty"),
        (
            '[[questions]]\nid = "a"\ntext = "b"\nkind = "numer"',
            "no kind 'numer'\nDid you mean 'number'",
        ),
        ('[[questions]]\nid = "a"\ntext = "b"\nkind = 3', "'kind' must be a string"),
        ('[[questions]]\nid = "a"\ntext = "b"\nkind = "choice"', "needs choices"),
        ('[[questions]]\nid = "a"\ntext = "b"\nchoices = ["c"]', "'text' has no choices"),
        (
            '[[questions]]\nid = "a"\ntext = "b"\nkind = "choice"\nchoices = ["c", "c"]',
            "distinct strings",
        ),
        (
            '[[questions]]\nid = "a"\ntext = "b"\nlow = 3',
            "low must be a number",
        ),
        (
            '[[questions]]\nid = "a"\ntext = "b"\nkind = "number"\nlow = 3\nhigh = 2',
            "low is above high",
        ),
        ('[[questions]]\nid = "a"\ntext = "b"\nkind = "number"\nlow = nan', "low must be a number"),
        ('[[questions]]\nid = "a"\ntext = "b"\nrequired = 1', "required must be true or false"),
        (
            '[[questions]]\nid = "a"\ntext = "b"\nrequred = true',
            "no 'requred'\nDid you mean 'required'",
        ),
        (GOOD + '[[questions]]\nid = "age"\ntext = "x"', "'age' occurs twice"),
    ],
)
def test_mistakes(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=message):
        read_questions(write(tmp_path, text))
