"""`python -m tests.gpu.proof`: what only a GPU can show, in ten minutes. Exit status 0 only if nothing is broken.

Each phase is one JSON line on stdout. A table follows with a verdict for each finding of docs/gpu.md, and a last JSON
line with the same verdicts.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from specreason.cli.show.output import data_console, print_message
from specreason.cli.show.tables import Column, print_table
from tests.gpu.machine import this_machine
from tests.gpu.run import Runner
from tests.gpu.scene import Phase, Result, Stage
from tests.gpu.stages import STAGES
from tests.gpu.verdicts import passed, verdicts

COLUMNS = (
    Column(heading="finding"),
    Column(heading="title", least=12),
    Column(heading="verdict"),
    Column(heading="why", least=20),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the chosen phases and print what they show."""
    parser = argparse.ArgumentParser(prog="tests.gpu.proof", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print no table")
    parser.add_argument(
        "--phase",
        action="append",
        choices=[name for stage in STAGES for name in (stage.name, *_names(stage))],
        help="a stage or one phase of it; may be given several times. Default: all",
        metavar="NAME",
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="for everything (default 10)")
    parser.add_argument("--logs", type=Path, help="a folder for logs; default: kept on failure only")
    given = parser.parse_args(arguments)
    started = time.monotonic()
    folder = given.logs or Path(tempfile.mkdtemp(prefix="specreason-proof-"))
    runner = Runner(
        machine=this_machine(),
        stages="tests.gpu.stages",
        folder=folder.resolve(),
        deadline=started + 60 * given.minutes,
    )
    results: list[Result] = []
    for stage in STAGES:
        if phases := _chosen(stage, given.phase):
            print_message(f"{stage.name}: {', '.join(phase.name for phase in phases)}")
            for result in runner.run(stage, phases):
                results.append(result)
                _print_line(result.to_json())
    given_verdicts = verdicts(results)
    if not given.json:
        print_table(
            data_console(),
            COLUMNS,
            [(each.finding, each.title, each.state, each.why) for each in given_verdicts],
        )
    is_passed = passed(results)
    _print_line(
        {
            "passed": is_passed,
            "seconds": round(time.monotonic() - started, 1),
            "verdicts": {each.finding: {"verdict": each.state, "why": each.why} for each in given_verdicts},
        }
    )
    if is_passed and given.logs is None:
        shutil.rmtree(folder)
    else:
        print_message(f"Logs: {folder}")
    return 0 if is_passed else 1


def _names(stage: Stage) -> list[str]:
    return [f"{stage.name}/{phase.name}" for phase in stage.phases]


def _chosen(stage: Stage, names: Sequence[str] | None) -> list[Phase]:
    """The phases of `stage` that are to run: those that are named, or all of a stage that is."""
    return [
        phase
        for phase, name in zip(stage.phases, _names(stage), strict=True)
        if names is None or name in names or stage.name in names
    ]


def _print_line(value: dict[str, Any]) -> None:
    sys.stdout.write(f"{json.dumps(value)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
