"""How many answers a second one grader grades: `python -m benchmarks.grading [--answers N]`.

Conditions: the project's own grader in its helper process, as `worker.grader` and `specreason grade` run it, without a
database; one answer at a time, so that one core is busy. The ordinary answers are of the kinds in KINDS, in turn, half
of them right, each another one. In the poisoned run every hundredth answer or gold answer is one of POISONS, which ask
for more time, memory or depth than there is.

`grades_per_s` and `worst_s` are of the poisoned run, `ordinary_per_s` of the other. `peak_rss_mb` is the most resident
memory of any helper. `given_up` counts answers without a verdict. The last line of stdout is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from specreason.grading.bounded import BoundedGrader

TARGET_PER_S = 200
KINDS = (
    ("{n}", "{n}"),
    ("{n}.0", "{n}"),
    (r"\frac{{{n}}}{{7}}", "{n}/7"),
    (r"\text{{east {n}}}", "East {n}"),
    (r"\{{1, {n}\}}", r"\{{{n}, 1\}}"),
    ("(C)", r"\textbf{{(C)}}\ {n}"),
    (r"{n}\%", "{n}%"),
    (r"\sqrt{{{n}}}", r"{n}^{{1/2}}"),
    (r"(-\infty, {n}]", "x <= {n}"),
    (r"{n},\!000", "{n}000"),
)
POISONS = (
    r"\lfloor 2.5^{100000000000}\rfloor",
    r"\binom{3000000000}{1500000000}",
    r"\frac{6^{6^{6^{6}}}-6}{10}",
    r"x^{2^{3^{4^{5}}}}+1",
    r"\sum_{n=1}^{10^{12}} \frac{1}{n^3}",
    r"\prod_{k=1}^{99999999} \sin(k)",
    r"(10^{9})!",
    "(" * 5000 + "x" + ")" * 5000,
    "7" * 20_000,
    "7" * 6021 + "x",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Figures of one run. Times are wall seconds."""

    per_s: float
    worst_s: float
    num_given_up: int
    num_wrong: int


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--answers", type=int, default=2000, help="answers of each run")
    count = parser.parse_args().answers
    with BoundedGrader() as grader:
        grader.grade("1", "1")  # the helper has started
        ordinary = measure(grader, list(answers(count)))
        poisoned = measure(grader, list(poison(answers(count))))
    print(f"ordinary answers: {ordinary.per_s:.0f}/s, the slowest {ordinary.worst_s:.3f} s", file=sys.stderr)
    figures = {
        "cores": len(os.sched_getaffinity(0)),
        "machine": platform.machine(),
        "answers": count,
        "ordinary_per_s": round(ordinary.per_s, 1),
        "ordinary_worst_s": round(ordinary.worst_s, 3),
        "ordinary_misjudged": ordinary.num_wrong,
        "grades_per_s": round(poisoned.per_s, 1),
        "worst_s": round(poisoned.worst_s, 3),
        "given_up": poisoned.num_given_up,
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024,
        "target_per_s": TARGET_PER_S,
    }
    print(json.dumps(figures))
    return 0 if ordinary.per_s >= TARGET_PER_S else 1


def answers(count: int) -> Iterator[tuple[str, str, bool | None]]:
    """Answers with their gold answers, and whether they are right; None where that is not known."""
    for place in range(count):
        gold, answer = KINDS[place // 2 % len(KINDS)]
        is_right = place % 2 == 0
        number = 1001 + place
        given = answer.format(n=number if is_right else number + 1)
        wanted = gold.format(n=number)
        if gold == "(C)" and not is_right:
            given = given.replace("C", "B")
        yield given, wanted, is_right


def poison(rows: Iterator[tuple[str, str, bool | None]]) -> Iterator[tuple[str, str, bool | None]]:
    """The same with a poison in every hundredth row, as the gold answer and as the answer in turn."""
    for place, row in enumerate(rows):
        number, rest = divmod(place, 100)
        bad = POISONS[number // 2 % len(POISONS)]
        yield row if rest else ("123", bad, None) if number % 2 else (bad, "123", None)


def measure(grader: BoundedGrader, rows: Sequence[tuple[str, str, bool | None]]) -> Run:
    began = time.perf_counter()
    worst_s, num_given_up, num_wrong = 0.0, 0, 0
    for answer, gold, is_right in rows:
        started = time.perf_counter()
        grade = grader.grade(answer, gold)
        worst_s = max(worst_s, time.perf_counter() - started)
        num_given_up += grade.given_up
        if is_right is not None and grade.is_correct != is_right:
            num_wrong += 1
            print(f"misjudged: {answer!r} against {gold!r}: {grade.layer}: {grade.why}", file=sys.stderr)
    return Run(
        per_s=len(rows) / (time.perf_counter() - began),
        worst_s=worst_s,
        num_given_up=num_given_up,
        num_wrong=num_wrong,
    )


if __name__ == "__main__":
    sys.exit(main())
