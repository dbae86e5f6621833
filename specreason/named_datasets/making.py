"""`python -m specreason.named_datasets.making TASK NUMBER SEED` makes problems of a task of reasoning-gym.

It is a process of its own for three reasons. Some tasks go through sets of text, so that a seed gives the same problems
only under the same PYTHONHASHSEED, which a process must have from its start. Some draw from the random numbers of the
whole process. And some print.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
from typing import Any

# Under this PYTHONHASHSEED a seed gives the same problems everywhere.
HASH_SEED = "0"


def as_json(metadata: object) -> Any:
    """What a task says about a problem, with text in place of values and keys that JSON lacks."""
    if isinstance(metadata, dict):
        return {str(key): as_json(value) for key, value in metadata.items()}
    if isinstance(metadata, list | tuple):
        return [as_json(value) for value in metadata]
    try:
        json.dumps(metadata, allow_nan=False)
    except (TypeError, ValueError):
        return str(metadata)
    return metadata


def main() -> int:
    """Write the problems to the pipe, one JSON object a line."""
    import reasoning_gym

    parser = argparse.ArgumentParser(prog="specreason.named_datasets.making")
    parser.add_argument("task")
    parser.add_argument("number", type=int)
    parser.add_argument("seed", type=int)
    parser.add_argument("--rows-fd", type=int, required=True)
    arguments = parser.parse_args()
    dataset = reasoning_gym.create_dataset(arguments.task, size=arguments.number, seed=arguments.seed)
    with os.fdopen(arguments.rows_fd, "w", encoding="utf-8") as rows:
        for index in range(arguments.number):
            random.seed(f"{arguments.seed} {index}")
            item = dataset[index]
            row = {
                "problem": item["question"],
                "answer": item["answer"],
                "id": f"{arguments.task}-{index}",
                "task_metadata": as_json(item["metadata"]),
            }
            rows.write(f"{json.dumps(row)}\n")
            rows.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
