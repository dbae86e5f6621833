"""The verdicts of the grader, and the layers that give them."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from specreason.boxes import extract_answer
from specreason.grading.grading import GRADER, grade
from tests.unit.grading.pairs import PAIRS

GIVEN = [
    json.loads(line)
    for line in (Path(__file__).parents[2] / "data" / "grading.jsonl").read_text().splitlines()
]


@pytest.mark.parametrize("case", GIVEN, ids=[case["id"] for case in GIVEN])
def test_the_cases_of_the_field_get_the_right_verdict(case: dict[str, Any]) -> None:
    answer = extract_answer(case["text"])
    assert answer == case.get("extracted", answer)
    assert grade(answer, str(case["gold"])).is_correct is case["is_correct"]


@pytest.mark.parametrize(
    ("gold", "answer", "is_correct"),
    [pytest.param(*pair, id=f"{kind}: {pair[1]} for {pair[0]}") for kind in PAIRS for pair in PAIRS[kind]],
)
def test_every_kind_of_answer_is_told_right_from_wrong(gold: str, answer: str, is_correct: bool) -> None:
    assert grade(answer, gold).is_correct is is_correct


@pytest.mark.parametrize("kind", PAIRS)
def test_a_gold_answer_equals_itself_and_a_box_around_it(kind: str) -> None:
    for gold, _, _ in PAIRS[kind]:
        assert grade(gold, gold).is_correct
        assert grade(gold.replace("$", ""), gold).is_correct
        assert grade(extract_answer(rf"\boxed{{{gold}}}"), gold).is_correct


@pytest.mark.parametrize(
    ("gold", "answer", "layer"),
    [
        ("east", r"\text{East}", "text"),
        ("C", "(C)", "choice"),
        ("9:30", "3:10", "time"),
        ("1203_4", "1203_5", "base"),
        ("0.5", r"\frac12", "number"),
        ("343 and 512", "512, 343", "list"),
        ("1 2", "2 1", "row"),
        ("(0, 7.5)", "0 < x < 7.5", "interval"),
        (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}1.0\\2\end{pmatrix}", "matrix"),
        ("x=1, y=2", "y=2, x=1", "equation"),
        (r"2\sqrt{113}", r"\sqrt{452}", "formula"),
        ("x", "x^{10^{10}}", "too large"),
    ],
)
def test_the_layer_that_decides_names_itself_and_says_why(gold: str, answer: str, layer: str) -> None:
    verdict = grade(answer, gold)
    assert verdict.layer == layer
    assert verdict.why


@pytest.mark.parametrize(
    ("gold", "answer", "is_correct"),
    [
        ("5+7=<<5+7=12>>12\n#### 12", "12", True),
        ("5+7=<<5+7=12>>12\n#### 12", "5", False),
        ("#### 1,200", "1200", True),
        (r"First \boxed{3}, so \boxed{4}.", "4", True),
        (r"First \boxed{3}, so \boxed{4}.", "3", False),
        ("['84']", "84", True),
        ("['84', '69']", "69, 84", True),
        ("['84', '69']", "84", False),
        ('["1,000", "2"]', "2 and 1000", True),
    ],
)
def test_a_whole_solution_or_a_list_stands_for_its_answer(gold: str, answer: str, is_correct: bool) -> None:
    assert grade(answer, gold).is_correct is is_correct


@pytest.mark.parametrize("gold", ["5", "", "east", r"\emptyset"])
def test_no_answer_is_wrong(gold: str) -> None:
    assert not grade(None, gold).is_correct


POISON = {
    "a tower": r"\frac{6^{6^{6^{6}}}-6}{10}",
    "a floor": r"\lfloor 2.5^{100000000000}\rfloor",
    "a binomial": r"\binom{3000000000}{1500000000}",
    "a factorial": "1000000000!",
    "factorials of factorials": "((((3!)!)!)!)!",
    "brackets": "(" * 4000 + "1" + ")" * 4000,
    "open brackets": "(1," * 2000,
    "braces": "x^{" * 300 + "2" + "}" * 300,
    "digits": "9" * 9000,
    "digits in a formula": "x+" + "9" * 5000,
    "an exponent": "x^{10^{10}}",
    "a power of a power": "(10^{9999})^{9999}",
    "scientific": "1e999999999",
    "scientific and small": "1e-999999999",
    "an exponential": "e^{e^{9999}}",
    "a list": "1," * 4000,
    "lists in lists": "(1,(2," * 900 + "3" + "))" * 900,
    "signs": r"\pm " * 500 + "3",
    "minus signs": "-" * 8000 + "3",
    "fonts in fonts": r"\text{" * 1500 + "a" + "}" * 1500,
    "spaces": "x" + " " * 9000 + "y",
    "an equation": "x = " * 2000 + "x",
    "an inequality": "x < " * 2000 + "x",
    "backslashes": "\\" * 9000,
    "matrices": r"\begin{pmatrix}" * 500,
    "characters": "\ue000" * 5000,
    "a long text": "a" * 20_000,
}


@pytest.mark.parametrize("text", POISON.values(), ids=POISON)
@pytest.mark.parametrize("other", ["5", "x + 1"])
def test_poison_is_judged_wrong_or_given_up_and_raises_nothing(text: str, other: str) -> None:
    for gold, answer in ((text, other), (other, text)):
        assert not grade(answer, gold).is_correct
    assert grade(text, text).is_correct


@pytest.mark.parametrize("text", ["x^{10^{10}}", "x!^{2000!}", "x^{6^{6^{6}}}", "9" * 20_000])
def test_what_is_too_large_says_that_it_was_given_up(text: str) -> None:
    verdict = grade(text, "x + 1")
    assert verdict.layer == "too large"
    assert verdict.is_given_up
    assert "given up" in verdict.why


def test_equal_texts_are_right_however_large_they_are() -> None:
    assert grade(r" 6^{6^{6^{6}}}", r"6^{6^{6^{6}}}").is_correct


def test_the_text_of_a_user_reaches_no_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        grade("forged \\frac{\nERROR", "x + \\sqrt{")
        grade("x + \\frac{", "x^2 + \\frac{1")
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_the_grader_names_its_version_and_that_of_its_library() -> None:
    assert "math-verify" in GRADER
