"""Grades the answers of succeeded jobs, in a process of its own, and in bounded processes below it.

The grader asks Postgres for work, not the queue, so that no grade can be lost. Batches take turns by the time that
their answers cost, so that one that is full of answers made to be slow delays the others by its own share only.
"""

from __future__ import annotations

import logging
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from uuid import UUID

from specreason.errors import InvalidField, StoreUnavailable
from specreason.evaluation.bounded import BoundedGrader, GraderUnusable
from specreason.logs import log_to_stderr
from specreason.settings import load_settings
from specreason.store.session import Database, connect
from specreason.store.trace.grades import (
    GIVEN_UP_AFTER,
    NewGrade,
    UngradedAnswer,
    batches_to_grade,
    give_back,
    insert_grades,
    take_answers,
)

log = logging.getLogger(__name__)

# Seconds between rounds that find nothing.
POLL_S = 0.5
# Seconds between tries while the database is away.
AWAY_S = 2.0
# The most answers of one turn, and the seconds after which a turn ends.
MOST_OF_A_TURN = 100
TURN_S = 1.0
# Seconds for which a grader that cannot be loaded here is left to other workers.
UNUSABLE_S = 60.0


class Turns:
    """Whose turn it is: the batch whose answers have cost the least time. A new one starts beside the least."""

    def __init__(self) -> None:
        self._spent_s: dict[UUID, float] = {}

    def next(self, waiting: Sequence[UUID]) -> UUID:
        known = [self._spent_s[batch_id] for batch_id in waiting if batch_id in self._spent_s]
        least = min(known, default=0.0)
        self._spent_s = {batch_id: self._spent_s.get(batch_id, least) for batch_id in waiting}
        return min(waiting, key=self._spent_s.__getitem__)

    def spent(self, batch_id: UUID, seconds: float) -> None:
        self._spent_s[batch_id] += seconds


class Graders(ExitStack):
    """The bounded processes of this grader, one for each grader that is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self._by_name: dict[str | None, BoundedGrader] = {}
        self._unusable_until: dict[str | None, float] = defaultdict(float)

    def grade(self, taken: UngradedAnswer) -> NewGrade | None:
        """The grade; None if this worker does not have the grader that is asked for."""
        if taken.num_attempts > GIVEN_UP_AFTER:
            return _grade(
                taken, taken.grader or "none", "given up: graders ended while they had it", given_up=True
            )
        if time.monotonic() < self._unusable_until[taken.grader]:
            return None
        try:
            if taken.grader not in self._by_name:
                self._by_name[taken.grader] = self.enter_context(BoundedGrader(taken.grader))
            found = self._by_name[taken.grader].grade(taken.answer, taken.gold)
        except (InvalidField, GraderUnusable) as error:
            log.error("%s", error)
            self._unusable_until[taken.grader] = time.monotonic() + UNUSABLE_S
            return None
        detail = f"{found.layer}: {found.why}"
        return _grade(taken, found.grader, detail, is_correct=found.is_correct, given_up=found.given_up)


def main() -> int:
    """Grade until killed; the supervisor starts and ends this process."""
    settings = load_settings()
    log_to_stderr(settings.log_level)
    database, turns = None, Turns()
    with Graders() as graders:
        while True:
            num_graded = 0
            try:
                database = database or connect(settings.database(), pool_size=1)
                num_graded = grade_pending(database, graders, turns)
            except StoreUnavailable as error:
                log.warning("%s", error)
                time.sleep(AWAY_S)
            if not num_graded:
                time.sleep(POLL_S)


def grade_pending(database: Database, graders: Graders, turns: Turns) -> int:
    """Grade answers of the batch whose turn it is, for one turn; return how many grades that gave."""
    waiting = batches_to_grade(database)
    if not waiting:
        return 0
    batch_id = turns.next(waiting)
    started = time.monotonic()
    taken = take_answers(database, batch_id, limit=MOST_OF_A_TURN)
    grades: list[NewGrade] = []
    left = list(taken)
    while left and (not grades or time.monotonic() < started + TURN_S):
        grade = graders.grade(left[0])
        if grade is None:
            break
        grades.append(grade)
        left.pop(0)
    num_graded = insert_grades(database, grades) if grades else 0
    if left:
        give_back(database, [each.job_id for each in left])
    # A batch whose answers others have, or cannot be graded here, lets the next one go first.
    turns.spent(batch_id, max(time.monotonic() - started, POLL_S if not grades else 0.0))
    return num_graded


def _grade(
    taken: UngradedAnswer, grader: str, detail: str, *, is_correct: bool = False, given_up: bool = False
) -> NewGrade:
    return NewGrade(
        job_id=taken.job_id,
        grader=grader,
        answer=taken.answer,
        gold=taken.gold,
        is_correct=is_correct,
        detail=detail,
        given_up=given_up,
        until=taken.until,
    )


if __name__ == "__main__":
    sys.exit(main())
