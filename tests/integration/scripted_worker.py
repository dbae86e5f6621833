"""`specreason worker` for the pair of `scripted_child`: a real supervisor, coordinator and grader, no models.

Run as `python -m tests.integration.scripted_worker`, with SPECREASON_* and PYTHONPATH in the environment.
"""

from __future__ import annotations

import sys

from specreason.config import load_pairs
from specreason.logs import log_to_stderr
from specreason.settings import load_settings
from specreason.store.session import connect
from worker.app import make_app
from worker.coordinator import Coordinator
from worker.supervisor import Supervisor


def main() -> int:
    settings = load_settings()
    log_to_stderr(settings.log_level)
    pairs = load_pairs(settings.pairs_file)
    database = connect(settings.database(), pool_size=4)
    coordinator = Coordinator(database, make_app(settings.broker()), settings)
    (pair,) = pairs
    supervisor = Supervisor(
        database, coordinator, settings, pair, None, child_module="tests.integration.scripted_child"
    )
    return supervisor.run()


if __name__ == "__main__":
    sys.exit(main())
