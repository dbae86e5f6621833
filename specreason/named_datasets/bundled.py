"""The dataset `demo`: the bundled problems, and behind them as many more of the kind as are asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from specreason.demo.exercises import exercises
from specreason.named_datasets.names import DEMO
from specreason.named_datasets.values import NamedProblems
from specreason.submission.problem import BUNDLED_PROBLEMS


def bundled() -> list[dict[str, Any]]:
    """The problems that come with the package."""
    return [json.loads(line) for line in BUNDLED_PROBLEMS.read_text(encoding="utf-8").splitlines()]


def demo_problems(limit: int | None, seed: int) -> NamedProblems:
    """The first `limit` problems; without a limit the bundled ones. No problem occurs twice.

    Those behind the bundled ones are random by `seed`. Like these they are of the part of all exercises on which the
    demo pair was not trained.
    """
    rows = bundled()
    if limit is None or limit <= len(rows):
        return NamedProblems(name=DEMO, rows=tuple(rows[:limit]))
    more = _more({row["problem"] for row in rows}, len(rows), seed)
    rows.extend(next(more) for _ in range(limit - len(rows)))
    return NamedProblems(name=DEMO, rows=tuple(rows), seed=seed)


def _more(known: set[str], num_known: int, seed: int) -> Iterator[dict[str, Any]]:
    """Endless problems that are not known yet, numbered behind the known ones."""
    number = num_known
    for exercise in exercises(seed, held_out=True):
        if exercise.text not in known:
            known.add(exercise.text)
            number += 1
            yield {"id": f"arithmetic-{number:02d}", "problem": exercise.text, "answer": exercise.answer}
