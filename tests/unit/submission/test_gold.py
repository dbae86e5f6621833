"""The gold answer in what a dataset holds in its place."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specreason.submission.columns import DEFAULT_COLUMNS
from specreason.submission.gold import AFTER_HASHES, LAST_BOX, SAID_TO_BE_NONE, SEVERAL, gold_of
from specreason.submission.problem import problem_of
from specreason.submission.problem_remarks import ProblemRemarks
from tests.support.messages import names

GSM8K = (
    "It has $15 and gets $3: 15 + 3 = <<15+3=18>>18.\n18 - 4 + 8 - 2 = $<<18-4+8-2=20>>20\n#### 20",
    "It has $25 and gets $3: 25 + 3 = <<25+3=28>>28.\nIn the end it is 28.\n#### 28",
)


def listed(*texts: str) -> str:
    return json.dumps(list(texts), ensure_ascii=False)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0000001, "0.0000001"),
        (1e22, "10000000000000000000000"),
        (20.0, "20"),
        (-0.0, "0"),
        (0.1, "0.1"),
        (-2.50, "-2.5"),
        (1e300, "1" + "0" * 300),
        (2**63 - 1, "9223372036854775807"),
        (10**60 + 1, str(10**60 + 1)),
        (Decimal("1.50"), "1.5"),
        (Decimal("1E+3"), "1000"),
        (Decimal(12345678901234567890123), "12345678901234567890123"),
        ("1e-07", "0.0000001"),
        ("1E+22", "10000000000000000000000"),
        ("-2.5e1", "-25"),
        ("1,234", "1,234"),
        ("007", "007"),
        (True, "true"),
        (False, "false"),
    ],
)
def test_a_number_keeps_its_value_without_an_exponent(value: object, text: str) -> None:
    assert gold_of(value).text == text


@pytest.mark.parametrize("text", ["1e999999999", "1e401", "e-7", "2e", "1e2x", "0x1e5", "١e٢"])
def test_what_only_looks_like_a_number_stays_as_it_is(text: str) -> None:
    assert gold_of(text).text == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_text_of_any_float_reads_as_the_same_float(value: float) -> None:
    assert float(gold_of(value).text or "") == value


@pytest.mark.parametrize(
    "value", [None, math.nan, math.inf, Decimal("NaN"), "", " \n", "NaN", "null", "N/A", "None", "<NA>"]
)
def test_a_missing_value_is_none(value: object) -> None:
    assert gold_of(value).text is None


@pytest.mark.parametrize("text", ["none", "no solution", "Na", "nano", "null set", "infinity", "DNE"])
def test_words_that_may_be_an_answer_stay_one(text: str) -> None:
    assert gold_of(text).text == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (["84"], "84"),
        ([84], "84"),
        ([84.0], "84"),
        ([["84"]], "84"),
        ([[["a", "b"]]], listed("a", "b")),
        (["69", "84"], listed("69", "84")),
        ([69, 84.5], listed("69", "84.5")),
        ([True, "x"], listed("true", "x")),
        (["84", "84", None, ""], "84"),
        ([["a"], ["b"]], listed("a", "b")),
        ((1, 2), listed("1", "2")),
        ("['84']", "84"),
        ('["84"]', "84"),
        ("[84]", "84"),
        ("[84.0]", "84.0"),
        (" [ '84' , ] ", "84"),
        ("('84',)", "84"),
        ("{'84', '69'}", listed("84", "69")),
        ('["a", "b"]', listed("a", "b")),
        ("['a', \"it's\", 'x, y']", listed("a", "it's", "x, y")),
        ("['it\\'s']", "it's"),
        ("['84', 5, None]", listed("84", "5")),
        ("['69' '84']", listed("69", "84")),
        ("['69'\n '84']", listed("69", "84")),
        ("array(['84'], dtype=object)", "84"),
        ("np.array(['84'])", "84"),
        (r"['\\frac{1}{2}']", r"\frac{1}{2}"),
        (r'["\\frac{1}{2}", "\\pi"]', listed(r"\frac{1}{2}", r"\pi")),
        (
            r"['\frac{1}{2}', '\nu', '\theta', '\upsilon']",
            listed(r"\frac{1}{2}", r"\nu", r"\theta", r"\upsilon"),
        ),
        (r'["90\u00b0"]', "90°"),
        (r'["\ud83d\ude00"]', "😀"),
        (r"['\U0001f600']", "😀"),
        (r"['\Uffffffff']", r"\Uffffffff"),
        ("['(0, 1)']", "(0, 1)"),
        ("['[0, 1]']", "[0, 1]"),
        ("['a b']", "a b"),
    ],
)
def test_a_list_is_its_element_or_all_of_them(value: object, text: str) -> None:
    gold = gold_of(value)
    assert gold.text == text
    assert (gold.remark == SEVERAL) == text.startswith('["')


@pytest.mark.parametrize("value", [[], [None], ["", None], "[]", "[None]", "[nan]", "['']", [[]], [math.nan]])
def test_a_list_of_nothing_is_none(value: object) -> None:
    assert gold_of(value).text is None


@pytest.mark.parametrize(
    "text",
    [
        "[0, 1]",
        "[-2,7]",
        "(3,-4)",
        "(5)",
        "[0, 1)",
        "{1, 2}",
        "{5}",
        "[1, 2, 3]",
        "[x]",
        "[5a]",
        "[1/2]",
        "[0, \\infty)",
        "['a'",
        "'84'",
        "f'(x)",
        "['a'b']",
        "['a', x]",
        '{"a": 1}',
        "[['a', 'b']]",
        "{}",
        "[']",
        "\\left[0,1\\right]",
        "[" * 10_000 + "]" * 10_000,
        "['" + "\\" * 10_001 + "']",
    ],
)
def test_an_interval_a_point_and_a_set_stay_as_they_are(text: str) -> None:
    assert gold_of(text).text == text


@pytest.mark.parametrize(
    ("text", "gold", "remark"),
    [
        (GSM8K[0], "20", AFTER_HASHES),
        (GSM8K[1], "28", AFTER_HASHES),
        ("So it is 5. #### 5\n\n", "5", AFTER_HASHES),
        ("a #### 3 b\n####1,234", "1,234", AFTER_HASHES),
        ("So:\n#### \\boxed{7}", "7", AFTER_HASHES),
        ("We get $\\boxed{4}$, no: $\\boxed{\\frac{1}{2}}$.", "\\frac{1}{2}", LAST_BOX),
        ("Thus \\fbox{5}.", "5", LAST_BOX),
        ("\\boxed{5}", "5", LAST_BOX),
        ("#### Step 1\nAdd.\n#### Step 2\nIt is \\boxed{9}.", "9", LAST_BOX),
        (["Thus \\boxed{5}."], "5", LAST_BOX),
    ],
)
def test_the_end_of_a_solution_is_the_gold_answer_and_that_is_said(text: Any, gold: str, remark: str) -> None:
    found = gold_of(text)
    assert (found.text, found.remark) == (gold, remark)


@pytest.mark.parametrize(
    "text",
    [
        "#### Step 1\nAdd.\nIt is 9.",
        "##### 5",
        "5 ####",
        "####",
        "#### " + "so " * 100,
        "x \\boxed{5",
        "\\boxed{}",
        "write it into boxed",
    ],
)
def test_text_that_only_looks_like_a_solution_stays_as_it_is(text: str) -> None:
    assert gold_of(text).text == text.strip()


@pytest.mark.parametrize(
    "value", [{"text": "5"}, {}, [{"text": "5"}], [{"a": 1}, {"a": 2}], [[1, 2], [3, 4]]]
)
def test_what_holds_several_things_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"object|lists"):
        gold_of(value)


@given(st.text() | st.lists(st.text(), max_size=3).map(str) | st.lists(st.text(), max_size=3).map(json.dumps))
def test_the_gold_answer_of_a_gold_answer_is_itself(text: str) -> None:
    once = gold_of(text).text
    twice = None if once is None else gold_of(once).text
    assert twice is None or gold_of(twice).text == twice


@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1), min_size=1, max_size=4))
def test_a_list_of_texts_means_the_same_as_python_and_json_print_it(texts: list[str]) -> None:
    assert gold_of(str(texts)).text == gold_of(texts).text
    assert gold_of(json.dumps(texts)).text == gold_of(texts).text


def test_a_solution_stays_whole_beside_the_answer_that_was_taken_from_it() -> None:
    row = {"problem": "1 + 1?", "answer": GSM8K[0], "level": 1}
    problem = problem_of(row, DEFAULT_COLUMNS)
    assert (problem.answer, problem.source) == ("20", {"answer": GSM8K[0], "level": 1})
    plain = problem_of({"problem": "1 + 1?", "answer": ["2"]}, DEFAULT_COLUMNS)
    assert (plain.answer, plain.source) == ("2", {})


def test_a_solution_may_be_longer_than_an_answer() -> None:
    assert problem_of({"problem": "1?", "answer": "so " * 10_000 + "#### 5"}, DEFAULT_COLUMNS).answer == "5"


def test_how_answers_were_found_is_said_with_the_number_of_rows() -> None:
    remarks = ProblemRemarks()
    answers = [*GSM8K, "It is \\boxed{3}.", ["a", "b"], "N/A", [], "x " * 200, "plain", 5, None]
    for number, answer in enumerate(answers):
        row = {"problem": "1 + 1?", "answer": answer}
        remarks.read(row, DEFAULT_COLUMNS, problem_of(row, DEFAULT_COLUMNS), f"line {number}")
    hashes, box, several, none, prose = remarks.sentences()
    assert names(hashes, "2 problems", AFTER_HASHES)
    assert names(box, "1 problem", LAST_BOX)
    assert names(several, "1 problem", SEVERAL)
    assert names(none, "2 problems", SAID_TO_BE_NONE)
    assert names(prose, "1 problem", "long text")
