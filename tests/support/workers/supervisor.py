"""`specreason worker` with another child: what the kill tests and the chaos run start once per worker."""

from __future__ import annotations

import argparse
import logging
import sys

from specreason.errors import SpecReasonError
from worker.serve import run_worker

EXIT_AWAY = 75  # Postgres does not answer: the parent tries again


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.support.workers.supervisor")
    parser.add_argument("--pair", required=True)
    parser.add_argument("--child-module", required=True)
    arguments = parser.parse_args()
    try:
        return run_worker(arguments.pair, None, child_module=arguments.child_module)
    except SpecReasonError as error:
        logging.getLogger(__name__).error("%s", error)
        return EXIT_AWAY


if __name__ == "__main__":
    sys.exit(main())
