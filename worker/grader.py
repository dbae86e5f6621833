"""Grades the answers of succeeded jobs, in a process of its own: math-verify interrupts the main thread it runs in.

The grader asks Postgres for work, not the queue, so that no grade can be lost.
"""

from __future__ import annotations

import logging
import sys
import time

from specreason.errors import StoreUnavailable
from specreason.evaluation.grading import GRADER, is_correct
from specreason.logs import log_to_stderr
from specreason.settings import load_settings
from specreason.store.session import Database, connect
from specreason.store.trace.grades import NewGrade, insert_grade, jobs_to_grade

log = logging.getLogger(__name__)

# Seconds between rounds that find fewer than BATCH_SIZE answers.
POLL_S = 0.5
# Seconds between tries while the database is away.
AWAY_S = 2.0
BATCH_SIZE = 100


def main() -> int:
    """Grade until killed; the supervisor starts and ends this process."""
    settings = load_settings()
    log_to_stderr(settings.log_level)
    database = None
    while True:
        num_graded = 0
        try:
            database = database or connect(settings.database(), pool_size=1)
            num_graded = grade_pending(database)
        except StoreUnavailable as error:
            log.warning("%s", error)
            time.sleep(AWAY_S)
        if num_graded < BATCH_SIZE:
            time.sleep(POLL_S)


def grade_pending(database: Database) -> int:
    """Grade at most BATCH_SIZE ungraded answers; return how many there were."""
    pending = jobs_to_grade(database, limit=BATCH_SIZE)
    for job in pending:
        correct = is_correct(job.answer, job.gold)
        new = NewGrade(job_id=job.job_id, grader=GRADER, answer=job.answer, is_correct=correct)
        # Every worker has a grader: another one may have graded the answer meanwhile.
        insert_grade(database, new, only_first=True)
    return len(pending)


if __name__ == "__main__":
    sys.exit(main())
