"""Grades the answers of succeeded jobs, in a process of its own, with a bounded helper for each grader.

It asks Postgres for work, not the queue, so that no grade can be lost. Owners take turns, and the batches of an owner,
by the time that their answers cost: a batch whose answers are made to be slow delays the others by one turn at most.
"""

from __future__ import annotations

import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from types import TracebackType
from typing import Self

from specreason.errors import GraderUnusable, InvalidField, StoreUnavailable
from specreason.grading.bounded import BoundedGrader
from specreason.grading.graders import LAYERS, installed_graders
from specreason.grading.verdict import GIVEN_UP
from specreason.logs import log_to_stderr
from specreason.settings import load_settings
from specreason.store.session import Database, connect
from specreason.store.trace.grades import (
    LEASE_S,
    MOST_MARKS,
    NewGrade,
    UngradedAnswer,
    WaitingBatch,
    batches_to_grade,
    give_back,
    insert_grades,
    take_answers,
)

log = logging.getLogger(__name__)

# Seconds between rounds that grade nothing.
POLL_S = 0.5
# Seconds between tries while the database is away.
AWAY_S = 2.0
# A turn ends after so many answers, or with the first one that ends after so many seconds.
MOST_PER_TURN = 100
TURN_S = 1.0
# Seconds for which answers are left to other workers, once their grader could not be loaded here.
UNUSABLE_S = 60.0


def main() -> int:
    """Grade until SIGTERM. The supervisor starts and ends this process."""
    settings = load_settings()
    log_to_stderr(settings.log_level, settings.log_format)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    database, turns = None, Turns()
    with Graders() as graders:
        while not stopping.is_set():
            num_graded = 0
            try:
                database = database or connect(settings.database(), pool_size=1)
                num_graded = grade_pending(database, graders, turns, stopping.is_set)
            except StoreUnavailable as error:
                log.warning("%s", error)
                stopping.wait(AWAY_S)
            if not num_graded:
                stopping.wait(POLL_S)
    return 0


def grade_pending(
    database: Database,
    graders: Graders,
    turns: Turns,
    must_stop: Callable[[], bool] = lambda: False,
) -> int:
    """Grade answers of the batch whose turn it is; return how many. Answers that are left go back at once."""
    usable = graders.usable()
    waiting = batches_to_grade(database, graders=usable)
    if not waiting:
        return 0
    batch = turns.next(waiting)
    started = time.monotonic()
    taken = take_answers(database, batch.batch_id, graders=usable, limit=MOST_PER_TURN)
    grades: list[tuple[UngradedAnswer, NewGrade]] = []
    for answer in taken:
        grade = graders.grade(answer)
        if grade is not None:
            grades.append((answer, grade))
        if grade is None or time.monotonic() > started + TURN_S or must_stop():
            break
    num_graded = _stored(database, grades, until=started + LEASE_S) if grades else 0
    if left := taken[len(grades) :]:
        give_back(database, left)
    # Whoever had nothing to do here lets the others go first, too.
    turns.spent(batch, time.monotonic() - started if grades else TURN_S)
    return num_graded


def _stored(database: Database, grades: Sequence[tuple[UngradedAnswer, NewGrade]], *, until: float) -> int:
    """Store the grades; return how many. While Postgres is away, try until the answers are free for others again.

    Grades that are dropped would leave marks, as if the answers had ended this process.
    """
    while True:
        try:
            return insert_grades(database, grades)
        except StoreUnavailable as error:
            if time.monotonic() + AWAY_S > until:
                raise
            log.warning("grades are not stored yet: %s", error)
        time.sleep(AWAY_S)


class Graders:
    """The graders that this process has been asked for, each with a helper."""

    def __init__(self) -> None:
        self._by_name: dict[str | None, BoundedGrader] = {}
        self._unusable_until: dict[str | None, float] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for grader in self._by_name.values():
            grader.close()

    def usable(self) -> tuple[str, ...]:
        """The names of installed graders besides the project's own, without those that could not be loaded."""
        return tuple(name for name in installed_graders() if name != LAYERS and not self._is_unusable(name))

    def grade(self, answer: UngradedAnswer) -> NewGrade | None:
        """The grade; None if the grader that is asked for cannot be used here."""
        name = answer.grader
        if answer.num_marks >= MOST_MARKS:
            why = f"{GIVEN_UP}: {answer.num_marks} grader processes ended while they had it"
            return NewGrade(grader=name or LAYERS, is_correct=False, detail=why, given_up=True)
        if self._is_unusable(name):
            return None
        try:
            if name not in self._by_name:
                self._by_name[name] = BoundedGrader(name)
            found = self._by_name[name].grade(answer.answer, answer.gold)
        except (InvalidField, GraderUnusable) as error:
            log.error("%s; its answers wait for another worker, or for this one in %g s", error, UNUSABLE_S)
            self._unusable_until[name] = time.monotonic() + UNUSABLE_S
            return None
        return NewGrade(
            grader=found.grader,
            is_correct=found.is_correct,
            detail=f"{found.layer}: {found.why}",
            given_up=found.given_up,
        )

    def _is_unusable(self, name: str | None) -> bool:
        return time.monotonic() < self._unusable_until.get(name, 0.0)


class Turns:
    """Whose turn it is: the owner whose answers have cost the least time, and of that owner the batch likewise.

    Who is new begins beside whoever has cost the least, not before everybody.
    """

    def __init__(self) -> None:
        self._owners: dict[Hashable, float] = {}
        self._batches: dict[Hashable, float] = {}

    def next(self, waiting: Sequence[WaitingBatch]) -> WaitingBatch:
        """The batch of these whose turn it is. Those that do not wait any more are forgotten."""
        self._owners = _spent_s(self._owners, [batch.owner for batch in waiting])
        self._batches = _spent_s(self._batches, [batch.batch_id for batch in waiting])
        return min(waiting, key=lambda batch: (self._owners[batch.owner], self._batches[batch.batch_id]))

    def spent(self, batch: WaitingBatch, seconds: float) -> None:
        self._owners[batch.owner] += seconds
        self._batches[batch.batch_id] += seconds


def _spent_s(before: dict[Hashable, float], waiting: Sequence[Hashable]) -> dict[Hashable, float]:
    least = min((before[each] for each in waiting if each in before), default=0.0)
    return {each: before.get(each, least) for each in waiting}


if __name__ == "__main__":
    sys.exit(main())
