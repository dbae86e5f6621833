"""How often the grader errs on a dataset's gold answers: each against itself, and random pairs of different ones.

    python -m benchmarks.grading_errors math500.jsonl --pairs 20000

An answer is graded as a model writes it: without dollar signs. Every pair that counts as right is printed on stderr,
to be looked at: it is an error, or two spellings of one answer. Ends in one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import time
from pathlib import Path

from specreason.grading.cleaning import cleaned, folded
from specreason.grading.grading import GRADER, grade
from specreason.submission.gold import gold_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="JSONL")
    parser.add_argument("--answer", default="answer", help="the column of the gold answers")
    parser.add_argument("--pairs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rows = [json.loads(line) for line in arguments.file.read_text().splitlines() if line.strip()]
    golds = [gold for row in rows if (gold := gold_of(row[arguments.answer]).text) is not None]

    refused = [gold for gold in golds if not grade(re.sub(r"(?<!\\)\$", "", gold), gold).is_correct]
    for gold in refused:
        print(f"not equal to itself: {gold}", file=sys.stderr)

    different = sorted({folded(cleaned(gold)): gold for gold in golds}.values())
    draw = random.Random(arguments.seed)
    layers: dict[str, int] = {}
    accepted = 0
    start = time.perf_counter()
    for _ in range(arguments.pairs):
        answer, gold = draw.sample(different, 2)
        verdict = grade(answer, gold)
        layers[verdict.layer] = layers.get(verdict.layer, 0) + 1
        if verdict.is_correct:
            accepted += 1
            print(f"{answer}  for  {gold}  ({verdict.layer}: {verdict.why})", file=sys.stderr)
    seconds = time.perf_counter() - start
    print(
        json.dumps(
            {
                "grader": GRADER,
                "golds": len(golds),
                "equal_to_themselves": 1 - len(refused) / len(golds),
                "different_golds": len(different),
                "pairs": arguments.pairs,
                "counted_right": accepted,
                "grades_per_s": round(arguments.pairs / seconds),
                "layers": dict(sorted(layers.items())),
            }
        )
    )


if __name__ == "__main__":
    main()
