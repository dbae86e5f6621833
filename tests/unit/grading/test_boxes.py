"""Answers out of text: what counts as the box, and what it costs to find it."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from specreason.boxes import extract_answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"The answer is \boxed{42}.", "42"),
        (r"\boxed{1} no, \boxed{2}", "2"),
        (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\boxed{3} and then \boxed{4", "3"),
        (r"\boxed{3} or \boxed{\frac{1}{2}", "3"),
        (r"\boxed{\text{Evelyn}}", r"\text{Evelyn}"),
        (r"\boxed{", None),
        (r"\boxed{5", None),
        ("42", None),
        ("", None),
        ("boxed{5}", None),
    ],
)
def test_the_last_complete_box_is_the_answer(text: str, answer: str | None) -> None:
    assert extract_answer(text) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"$\boxed 5$", "5"),
        (r"\boxed {5}", "5"),
        ("\\boxed\n{5}", "5"),
        (r"\boxed5", "5"),
        (r"\boxed 42.", "42"),
        (r"\boxed -1.5", "-1.5"),
        (r"\boxed x$", "x"),
        (r"\boxed\frac{1}{2}", r"\frac{1}{2}"),
        (r"\boxed\text{yes}", r"\text{yes}"),
        (r"\fbox{5}", "5"),
        (r"\fbox {$5$}", "$5$"),
        (r"\\boxed{7}", "7"),
        (r"Use \boxed to mark it.", None),
        (r"\boxedup{5}", None),
    ],
)
def test_a_box_needs_no_braces_and_may_be_an_fbox(text: str, answer: str | None) -> None:
    assert extract_answer(text) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"\boxed{2}, \boxed{11} and \boxed{13}.", "2, 11, 13"),
        (r"$\boxed{2}$ and $\boxed{3}$", "2, 3"),
        (r"\boxed{2} \text{ or } \boxed{3}", "2, 3"),
        (r"\boxed{2}\quad\boxed{3}", "2, 3"),
        ("\\boxed{2}\n\\boxed{3}", "2, 3"),
        (r"\boxed{x=1} or \boxed{x=-1}", "x=1, x=-1"),
        (r"\boxed{5}, \boxed{5}", "5"),
        (r"\boxed{2}; so \boxed{3}", "3"),
        (r"\boxed{2} + \boxed{3}", "3"),
        (r"\boxed{2}. \boxed{3}", "3"),
        (r"\boxed{1} but \boxed{2}, \boxed{3}", "2, 3"),
        (r"\boxed{2} and \boxed{3} make \boxed{5}", "5"),
    ],
)
def test_boxes_side_by_side_are_one_answer(text: str, answer: str) -> None:
    assert extract_answer(text) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"\boxed{42}. (Written into \boxed{} as you asked.)", "42"),
        (r"\boxed{42} in \boxed{ }", "42"),
        (r"\boxed{42}, as in \boxed{...}", "42"),
        (r"\boxed{42}, as in \boxed{\ldots}", "42"),
        (r"\boxed{42} not \boxed{\text{}}", "42"),
        (r"\boxed{42} not \boxed{{}}", "42"),
        (r"Put it into \boxed{}.", None),
        (r"\boxed{42} but \boxed{0}", "0"),
    ],
)
def test_an_empty_box_is_talk_about_boxes(text: str, answer: str | None) -> None:
    assert extract_answer(text) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"\boxed{\left\{ x \right.}", r"\left\{ x \right."),
        (r"\boxed{a \} b}", r"a \} b"),
        (r"\boxed{1 \\{2}}", r"1 \\{2}"),
        (r"\boxed{\{}", r"\{"),
        (r"\boxed{3} \boxed{\{4\}", "3"),
    ],
)
def test_an_escaped_brace_is_text(text: str, answer: str) -> None:
    assert extract_answer(text) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (r"\boxed{\boxed{5}}", "5"),
        (r"\boxed{x = \boxed{5}}", "x = 5"),
        (r"\boxed{\fbox{a} + \boxed{b}}", "a + b"),
        (r"\boxed{ \boxed{5}", "5"),
    ],
)
def test_of_boxes_in_boxes_the_outermost_counts_without_the_marks_of_the_others(
    text: str, answer: str
) -> None:
    assert extract_answer(text) == answer


@pytest.mark.parametrize(
    "made",
    [
        lambda n: r"\boxed{" * n,
        lambda n: r"\boxed{" * n + "5" + "}" * n,
        lambda n: r"\boxed{1} " * n,
        lambda n: r"\boxed " * n,
        lambda n: r"\boxed{" + "{" * 7 * n,
        lambda n: "\\" * 7 * n + "box",
        lambda n: r"\boxed" + " " * 7 * n + "x",
        lambda n: r"\boxed{1}" + " and " * n + r"\boxed{2}",
    ],
)
def test_the_cost_of_a_text_is_in_proportion_to_its_length(made: Callable[[int], str]) -> None:
    few, many = _steps(made(200)), _steps(made(2000))
    assert many <= 12 * few


def _steps(text: str) -> int:
    """The lines of Python that run. What a regular expression does within one is not counted."""
    steps = 0

    def count(frame: object, event: str, argument: object) -> object:
        nonlocal steps
        steps += 1
        return count

    before = sys.gettrace()
    sys.settrace(count)  # type: ignore[arg-type]
    try:
        extract_answer(text)
    finally:
        sys.settrace(before)
    return steps


def test_a_million_characters_are_no_trouble() -> None:
    assert extract_answer(r"\boxed{" * 143_000) is None
