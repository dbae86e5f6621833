"""`python -m tests.chaos`: progress on stderr, one JSON line on stdout, exit status 0 only if nothing went wrong."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from tests.chaos.profiles import PROFILES, SCRIPTED
from tests.chaos.run import ChaosRun, Options


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the monkey, the batches and their order")
    parser.add_argument("--duration", type=float, default=300.0, help="seconds with faults (default 300)")
    parser.add_argument("--jobs", type=int, help="default: in proportion to the duration, at least 300")
    parser.add_argument("--pair", choices=sorted(PROFILES), default=SCRIPTED.pair)
    parser.add_argument("--workers", type=int, help="default: 3 scripted, 1 demo")
    parser.add_argument("--gap", type=float, help="mean seconds between two faults")
    parser.add_argument("--drain", type=float, default=120.0, help="most seconds to wait for the last job")
    parser.add_argument(
        "--logs", type=Path, help="an empty folder for logs and data; default: kept on failure only"
    )
    given = parser.parse_args()
    profile = PROFILES[given.pair]
    folder = given.logs or Path(tempfile.mkdtemp(prefix="specreason-chaos-"))
    folder.mkdir(parents=True, exist_ok=True)
    options = Options(
        profile=profile,
        seed=given.seed,
        duration_s=given.duration,
        num_jobs=given.jobs or max(profile.least_jobs, round(profile.jobs_per_s * given.duration)),
        num_workers=given.workers or profile.num_workers,
        gap_s=given.gap or profile.gap_s,
        drain_s=given.drain,
        folder=folder.resolve(),
    )
    console = Console(stderr=True, soft_wrap=True)
    passed = False
    try:
        report = ChaosRun(options, console).run()
        passed = report.passed
        line = report.to_json()
    except (Exception, KeyboardInterrupt) as error:
        console.print_exception()
        line = json.dumps({"passed": False, "error": f"{type(error).__name__}: {error}"})
    if passed and given.logs is None:
        shutil.rmtree(folder)
    else:
        console.print(f"Logs: {folder}")
    sys.stdout.write(line + "\n")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
