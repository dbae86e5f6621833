"""The paper's runs on the clock of a roofline: `python -m benchmarks.simulate [--jobs N]`. No GPU, no weights.

Conditions: the product's own step loop (`reasoning.loop.reason`) over two ScriptedEngines, whose calls take what
planning/roofline.py says for two A6000 at a tensor parallelism of two, in virtual time; one job in flight and no
overlap, as in the paper. The paper's figures and their places are in planning/paper.py.

- Taken from the paper: each pair's acceptance, and by how much its thinking is shorter than that of the base alone.
  From a public rerun of the paper's code: how long steps are, how scores spread, and how long AIME's chains are.
- Fitted: how long MATH500's and GPQA's chains are, to one latency each, and the token-level acceptance, 0.7 to 0.85.
- Predicted: every ratio of latencies, and AIME's seconds.

A predicted range runs over both paces of the roofline, both ends of what is fitted, and both ends of "fewer tokens",
which the paper does not tell by dataset. All four pairs have the same shapes; only acceptance and tokens tell them
apart. The last line of stdout is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import sys
import time

from benchmarks.simulated_figures import Row, Simulation


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=2, help="for each mean")
    arguments = parser.parse_args()
    started = time.perf_counter()
    simulation = Simulation(arguments.jobs)
    rows = print_main_results(list(simulation.main_results()))
    print("\n| figure | where | predicted (published) |\n| --- | --- | ---: |")
    for row in [*simulation.thresholds(), *simulation.large_base(), *simulation.clocks()]:
        print(f"| {row.figure} | {row.where} | {row} |", flush=True)
        rows.append(row)
    met = [row for row in rows if row.miss is None]
    one = [row for row in rows if row.is_one_number]
    one_met = sum(row.miss is None for row in one)
    print(
        f"\n{len(met)} of {len(rows)} figures meet; of those that the paper gives as one number, "
        f"{one_met} of {len(one)}."
    )
    result = {
        "figures": [
            {
                "figure": row.figure,
                "where": row.where,
                "predicted": [round(row.predicted.low, 3), round(row.predicted.high, 3)],
                "published": [round(row.published.low, 3), round(row.published.high, 3)],
                "meets": row.miss is None,
            }
            for row in rows
        ],
        "met": len(met),
        "of": len(rows),
        "one_number": {"met": one_met, "of": len(one)},
        "jobs": arguments.jobs,
        "wall_s": round(time.perf_counter() - started, 1),
        "cpu_s": round(time.process_time(), 1),
    }
    print(json.dumps(result))
    return 0


def print_main_results(rows: list[Row]) -> list[Row]:
    """Print one line for each pair and dataset, its figures side by side; return the rows."""
    figures = list(dict.fromkeys(row.figure for row in rows))
    print("predicted (published); misses are bold\n")
    print(f"| pair, dataset | {' | '.join(figures)} |\n| --- | {' | '.join('---:' for _ in figures)} |")
    for where in dict.fromkeys(row.where for row in rows):
        print(f"| {where} | {' | '.join(str(row) for row in rows if row.where == where)} |", flush=True)
    return rows


if __name__ == "__main__":
    sys.exit(main())
