"""Two-digit arithmetic exercises, the problems of the demo pair: how they are read, solved and graded step by step.

An exercise names a start value and up to fifteen labelled operations. Every value has two digits: only the last two
digits of a result are kept, and a negative result counts back from 100. The same rules that write a solution also
grade any other step, so the labels that train the judge, and the truth that it is measured by, need no model.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, cast

LABELS = "ABCDEFGHIJKLMNO"
MAX_OPS = len(LABELS)
# One exercise in this many is never trained on, chosen by its text.
HELD_OUT_SHARE = 16

Verb = Literal["add", "subtract", "multiply"]
VERBS: tuple[Verb, ...] = ("add", "subtract", "multiply")
WORDS: dict[Verb, str] = {"add": "plus", "subtract": "minus", "multiply": "times"}

_EQUATION = r"(\d\d) (plus|minus|times) (\d)"
_FULL = re.compile(rf"Step ([A-O]): {_EQUATION} is (\d\d)\.\n\n")
_TERSE = re.compile(rf"([A-O]): {_EQUATION} = (\d\d)\.\n\n")
_WAIT = re.compile(rf"Wait, step ([A-O]) should be: {_EQUATION} is (\d\d)\.\n\n")
_EXERCISE = re.compile(
    r"Start with (\d\d)\.((?: [A-O]: (?:add|subtract|multiply by) \d\.)+)"
    r" Keep two digits at every step\. What is the result\?"
)
_SENTENCE = re.compile(r".*?\n\n|.+", re.DOTALL)
_OP = re.compile(r" ([A-O]): (add|subtract|multiply by) (\d)\.")
_CLOSE = re.compile(r"That was the last step, so the result is (\d\d)\.\n</think>")


@dataclass(frozen=True, slots=True)
class Op:
    """One labelled operation: a verb and a one-digit operand."""

    verb: Verb
    operand: int

    def __call__(self, value: int) -> int:
        if self.verb == "add":
            return (value + self.operand) % 100
        if self.verb == "subtract":
            return (value - self.operand) % 100
        return (value * self.operand) % 100

    def phrase(self) -> str:
        return f"{self.verb}{' by' if self.verb == 'multiply' else ''} {self.operand}"


@dataclass(frozen=True, slots=True)
class Exercise:
    """A start value and the operations to apply to it, in order."""

    start: int
    ops: tuple[Op, ...]

    @property
    def text(self) -> str:
        ops = " ".join(f"{label}: {op.phrase()}." for label, op in zip(LABELS, self.ops, strict=False))
        return f"Start with {self.start:02d}. {ops} Keep two digits at every step. What is the result?"

    @property
    def values(self) -> tuple[int, ...]:
        """The start value and the right value after each operation."""
        values = [self.start]
        for op in self.ops:
            values.append(op(values[-1]))
        return tuple(values)

    @property
    def answer(self) -> str:
        return f"{self.values[-1]:02d}"

    @property
    def held_out(self) -> bool:
        return zlib.crc32(self.text.encode()) % HELD_OUT_SHARE == 0


def exercise_of(text: str) -> Exercise | None:
    """The exercise whose text this is; None for any other problem."""
    found = _EXERCISE.fullmatch(text)
    if found is None:
        return None
    ops = [
        Op(cast("Verb", verb.removesuffix(" by")), int(operand)) for _, verb, operand in _OP.findall(found[2])
    ]
    exercise = Exercise(int(found[1]), tuple(ops))
    return exercise if len(ops) <= MAX_OPS and exercise.text == text else None


@dataclass(frozen=True, slots=True)
class SolutionState:
    """How far a transcript has come: operations done rightly, and whether a slip waits for its correction."""

    done: int = 0
    slipped: bool = False


@dataclass(frozen=True, slots=True)
class StepGrade:
    """The score 0-9 a step deserves, and in one word why."""

    score: int
    kind: str

    @property
    def right(self) -> bool:
        return self.score >= 8


def equation(value: int, op: Op) -> str:
    return f"{value:02d} {WORDS[op.verb]} {op.operand}"


def full_step(index: int, value: int, op: Op, result: int) -> str:
    return f"Step {LABELS[index]}: {equation(value, op)} is {result:02d}.\n\n"


def terse_step(index: int, value: int, op: Op, result: int) -> str:
    return f"{LABELS[index]}: {equation(value, op)} = {result:02d}.\n\n"


def correction(index: int, value: int, op: Op, result: int) -> str:
    return f"Wait, step {LABELS[index]} should be: {equation(value, op)} is {result:02d}.\n\n"


def closing(value: int) -> str:
    return f"That was the last step, so the result is {value:02d}.\n</think>"


def answer_text(value: int) -> str:
    return f"\n\nThe answer is \\boxed{{{value:02d}}}."


def right_steps(exercise: Exercise, state: SolutionState) -> tuple[str, ...]:
    """The texts that are right here, the preferred one first."""
    values, i = exercise.values, state.done
    if i == len(exercise.ops):
        return (closing(values[i]),)
    parts = (i, values[i], exercise.ops[i], values[i + 1])
    if state.slipped:
        return (correction(*parts),)
    return (full_step(*parts), terse_step(*parts))


def grade_step(exercise: Exercise, state: SolutionState, text: str) -> StepGrade:
    """Score a step by the rubric of the pair: 9 right and full, 8 right but terse, and down to 0 for garbled text."""
    values, i = exercise.values, state.done
    over = i == len(exercise.ops)
    if close := _CLOSE.fullmatch(text):
        if not over or state.slipped:
            return StepGrade(1, "early_close")
        return _grade_digits(int(close[1]), values[i], StepGrade(9, "right"))
    wait, full, terse = _WAIT.fullmatch(text), _FULL.fullmatch(text), _TERSE.fullmatch(text)
    match = wait or full or terse
    if match is None:
        return StepGrade(0, "garbled")
    if out_of_place := _out_of_place(state, over=over, corrects=wait is not None):
        return out_of_place
    label, left, word, operand, result = match.groups()
    op = exercise.ops[i]
    if (label, int(left), word, int(operand)) != (LABELS[i], values[i], WORDS[op.verb], op.operand):
        return StepGrade(2, "wrong_operation")
    return _grade_digits(
        int(result), values[i + 1], StepGrade(8, "terse") if terse else StepGrade(9, "right")
    )


def _out_of_place(state: SolutionState, *, over: bool, corrects: bool) -> StepGrade | None:
    """The grade of a step of a kind that is wrong here, whatever it says; None if its kind is right."""
    if over:
        return StepGrade(1, "not_closing")
    if state.slipped and not corrects:
        return StepGrade(3, "went_on")
    return StepGrade(2, "false_alarm") if corrects and not state.slipped else None


def _grade_digits(found: int, wanted: int, right: StepGrade) -> StepGrade:
    wrong = (found // 10 != wanted // 10) + (found % 10 != wanted % 10)
    return (right, StepGrade(6, "one_digit"), StepGrade(4, "two_digits"))[wrong]


def advance(state: SolutionState, grade: StepGrade) -> SolutionState:
    """The state after a step was kept. A closing step has no state after it."""
    return SolutionState(state.done + 1) if grade.right else SolutionState(state.done, slipped=True)


def grade_drafts(exercise: Exercise, steps: Iterable[tuple[str | None, str]]) -> list[StepGrade | None]:
    """Grade each draft of a trace in the context that it was written in; None for a step without one.

    `steps` are those of thought, in order: the text of the draft, and the kept text. A step may hold several sentences,
    as where short ones are merged: its grade is that of the first wrong one, or of the last one if all are right.
    """
    grades: list[StepGrade | None] = []
    state = SolutionState()
    for draft, kept in steps:
        grades.append(None if draft is None else _grade_text(exercise, state, draft)[0])
        state = _grade_text(exercise, state, kept)[1]
    return grades


def _grade_text(exercise: Exercise, state: SolutionState, text: str) -> tuple[StepGrade, SolutionState]:
    """The grade of one or more sentences, and the state after them."""
    worst: StepGrade | None = None
    for sentence in _SENTENCE.findall(text) or [text]:
        grade = grade_step(exercise, state, sentence)
        if worst is None or worst.right:
            worst = grade
        if "</think>" in sentence:  # no state follows
            break
        state = advance(state, grade)
    assert worst is not None
    return worst, state
