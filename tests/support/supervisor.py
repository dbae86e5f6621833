"""`specreason worker` with another child: what the kill tests and the chaos run start once per worker."""

from __future__ import annotations

import argparse
import logging
import sys

from specreason.config import get_pair, load_pairs
from specreason.errors import SpecReasonError
from specreason.logs import log_to_stderr
from specreason.settings import load_settings
from specreason.store.session import connect
from worker.app import make_app
from worker.leader import Leader
from worker.supervisor import Supervisor

EXIT_AWAY = 75  # Postgres does not answer: whoever started us tries again


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.support.supervisor")
    parser.add_argument("--pair", required=True)
    parser.add_argument("--child-module", required=True)
    arguments = parser.parse_args()
    settings = load_settings()
    log_to_stderr(settings.log_level)
    pairs = load_pairs(settings.pairs_file)
    get_pair(pairs, arguments.pair)
    try:
        database = connect(settings.database(), pool_size=4)
    except SpecReasonError as error:
        logging.getLogger(__name__).error("%s", error)
        return EXIT_AWAY
    leader = Leader(database, make_app(settings.broker()), settings)
    return Supervisor(
        database, leader, settings, arguments.pair, None, child_module=arguments.child_module
    ).run()


if __name__ == "__main__":
    sys.exit(main())
