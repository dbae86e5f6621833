"""Exercises for the demo pair, at random: an endless stream from either side of the train / held-out split."""

import random
from collections.abc import Iterator

from specreason.grading.exercises import Exercise, Op, Verb

# The tens of a product are what the drafter gets wrong most, so this sets how hard exercises are.
MULTIPLY_SHARE = 0.1


def random_exercise(rng: random.Random, num_ops: int, multiply: float = MULTIPLY_SHARE) -> Exercise:
    return Exercise(rng.randrange(100), tuple(_random_op(rng, multiply) for _ in range(num_ops)))


def _random_op(rng: random.Random, multiply: float) -> Op:
    verb: Verb = "multiply" if rng.random() < multiply else rng.choice(("add", "subtract"))
    return Op(verb, rng.randint(2, 9))


def exercises(
    seed: int, *, held_out: bool, min_ops: int = 8, max_ops: int = 14, multiply: float = MULTIPLY_SHARE
) -> Iterator[Exercise]:
    """An endless, seeded stream of exercises from one side of the train / held-out split."""
    rng = random.Random(seed)
    while True:
        exercise = random_exercise(rng, rng.randint(min_ops, max_ops), multiply)
        if exercise.held_out == held_out:
            yield exercise
