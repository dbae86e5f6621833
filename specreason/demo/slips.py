"""Wrong steps of every kind a small drafter writes, for the judge to learn from."""

import random

from specreason.demo.exercises import random_exercise
from specreason.grading.exercises import (
    MAX_OPS,
    VERBS,
    WORDS,
    Exercise,
    Op,
    SolutionState,
    closing,
    correction,
    full_step,
    right_steps,
    terse_step,
)


def corrupt(
    exercise: Exercise, state: SolutionState, rng: random.Random, *, keeps_thinking: bool = False
) -> str:
    """A wrong step for this place; `keeps_thinking` leaves out those that end the thinking or are no step at all."""
    values, i, num = exercise.values, state.done, len(exercise.ops)
    if not keeps_thinking and rng.random() < 0.08:
        return _garble(rng.choice(right_steps(exercise, state)), rng)
    if i == num:
        return _wrong_end(exercise, rng)
    if not keeps_thinking and rng.random() < 0.08:
        return closing(rng.choice((values[i], values[-1], rng.randrange(100))))
    op, left, label = exercise.ops[i], values[i], i
    result: int | None = None
    if state.slipped:
        if rng.random() < 0.7:
            return _went_on(exercise, state, rng)
        write = correction
    else:
        write = terse_step if rng.random() < 0.15 else full_step
        if rng.random() < 0.04:
            write = correction
    kind = rng.random()
    if kind < 0.4:
        result = _near(op(left), rng)
    elif kind < 0.52:
        op = Op(rng.choice([v for v in VERBS if v != op.verb]), op.operand)
    elif kind < 0.62:
        op = Op(op.verb, rng.choice([d for d in range(2, 10) if d != op.operand]))
    elif kind < 0.72:
        left = rng.choice((_near(left, rng), values[max(0, i - 1)], exercise.start, rng.randrange(100)))
    elif kind < 0.84:
        other = rng.choice([j for j in (i - 1, i + 1, rng.randrange(num)) if 0 <= j < num])
        op = exercise.ops[other]
        label = other if rng.random() < 0.6 else label
    elif kind < 0.92:
        label = rng.choice([j for j in (i - 1, i + 1, i + 2) if 0 <= j < MAX_OPS])
    else:
        op = random_exercise(rng, 1).ops[0]
        label, left = rng.randrange(num), rng.choice(values)
    text = write(label, left, op, op(left) if result is None else result)
    return _near_text(text, exercise, state, rng) if text in right_steps(exercise, state) else text


def _near(value: int, rng: random.Random) -> int:
    """A two-digit value that differs in one digit, or in both."""
    tens, units = divmod(value, 10)
    which = rng.random()
    if which < 0.7:
        units = (units + rng.choice((1, 2, 3, 4, 5, 6, 7, 8, 9))) % 10
    if which >= 0.5:
        tens = (tens + rng.choice((1, 9, 1, 9, 2, 3, 5, 7, 8))) % 10
    return 10 * tens + units


def _near_text(text: str, exercise: Exercise, state: SolutionState, rng: random.Random) -> str:
    i = state.done
    op, left = exercise.ops[i], exercise.values[i]
    return full_step(i, left, op, (op(left) + rng.randint(1, 99)) % 100)


def _went_on(exercise: Exercise, state: SolutionState, rng: random.Random) -> str:
    """After a slip: the next step from the wrong value, or the right step without the correction."""
    i, num = state.done, len(exercise.ops)
    label = rng.choice((i, i + 1, i + 1, i + 1, i + 2))
    label = min(label, num - 1)
    op = exercise.ops[label]
    left = exercise.values[i] if label == i else rng.randrange(100)
    write = terse_step if rng.random() < 0.15 else full_step
    return write(label, left, op, op(left))


def _wrong_end(exercise: Exercise, rng: random.Random) -> str:
    """Where the closing step is due: a wrong result, or yet another operation."""
    last, num = exercise.values[-1], len(exercise.ops)
    if rng.random() < 0.5:
        return closing(_near(last, rng))
    op = rng.choice((exercise.ops[-1], exercise.ops[0], random_exercise(rng, 1).ops[0]))
    label = rng.choice((min(num, MAX_OPS - 1), num - 1, rng.randrange(num)))
    return full_step(label, last, op, op(last))


def _garble(text: str, rng: random.Random) -> str:
    words = text.strip().split(" ")
    how = rng.random()
    if how < 0.35:
        rng.shuffle(words)
    elif how < 0.65:
        del words[rng.randrange(len(words))]
    elif how < 0.85:
        stray = rng.choice((*WORDS.values(), "Step", "Keep", "two", "so", "7:", "the"))
        words.insert(rng.randrange(len(words)), stray)
    else:
        words = words[: rng.randrange(1, len(words))]
    return " ".join(words) + ("" if how > 0.95 else "\n\n")
