"""The problems of a batch, gone through twice and never all in memory: here to be checked, then to be stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from specreason.errors import InvalidField
from specreason.submission.chat import Message
from specreason.submission.problem import Problem
from specreason.submission.text import check_text


@dataclass(frozen=True, slots=True, kw_only=True)
class NewProblem:
    """One problem as the user gave it; `text` is its last user turn, and `messages` are None if that is all.

    `source` holds the user's other keys; `seed` goes before the configuration's.
    """

    text: str
    messages: tuple[Message, ...] | None = None
    answer: str | None = None
    problem_id: str | None = None
    source: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None

    @classmethod
    def of(cls, problem: Problem) -> Self:
        return cls(
            text=problem.problem,
            messages=problem.messages,
            answer=problem.answer,
            problem_id=problem.id,
            source=problem.source,
        )


@dataclass(frozen=True, slots=True, eq=False)
class CheckedProblems:
    """`count` valid problems. `source` gives the same ones each time that it is iterated over."""

    source: Iterable[NewProblem]
    count: int

    def __iter__(self) -> Iterator[NewProblem]:
        return iter(self.source)


def check(problems: Iterable[NewProblem]) -> CheckedProblems:
    """Read the problems to their end. Not inside a transaction: it may take longer than one may be idle.

    Raises InvalidField where there are none, and for text that cannot be stored.
    """
    count = 0
    for index, problem in enumerate(problems):
        count += 1
        for name in ("text", "answer", "problem_id"):
            try:
                check_text(getattr(problem, name) or "")
            except ValueError as error:
                raise InvalidField(f"problems[{index}].{name}", str(error)) from None
        for place, message in enumerate(problem.messages or ()):
            try:
                check_text(message.content)
            except ValueError as error:
                raise InvalidField(f"problems[{index}].messages[{place}].content", str(error)) from None
    if not count:
        raise InvalidField("problems", "the batch has none")
    return CheckedProblems(problems, count)
