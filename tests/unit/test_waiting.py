"""Waiting for batches while the API answers, is away, refuses, or is silent."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from uuid import UUID

import pytest

from specreason.client import Batch, deadline, waiting
from specreason.client.waiting import GRADES_S, OUTAGE_S, wait_for
from specreason.errors import LimitReached, NotFound, TimedOut, TransientError, Unreachable
from tests.support.client_batches import BATCH_ID, client_batch
from tests.support.messages import naming
from tests.support.virtual_time import FakeTime

OTHER_ID = UUID(int=7)
OPEN, ENDED = client_batch(num_running=2), client_batch(num_succeeded=2)
AWAY = Unreachable("connection refused")


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    fake = FakeTime()
    monkeypatch.setattr(waiting, "time", fake)
    monkeypatch.setattr(deadline, "time", fake)
    return fake


class Api:
    """Answers each poll with the next of these; the last one stays. `notes` holds what a display was told."""

    def __init__(self, answers: Sequence[Batch | Exception]) -> None:
        self._answers = list(answers)
        self.notes: list[object] = []

    def poll(self, _: UUID) -> Batch:
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def tell_outage(self, seconds: float, error: TransientError) -> None:
        self.notes.append((round(seconds, 1), str(error)))

    def wait(self, timeout_s: float | None = None, outage_s: float = OUTAGE_S) -> list[Batch]:
        def note(batch: Batch) -> None:
            self.notes.append(batch.num_ended)

        return wait_for(
            self.poll, [BATCH_ID], timeout_s, outage_s, on_progress=note, on_outage=self.tell_outage
        )


def test_an_outage_is_told_at_the_first_failed_read_and_the_wait_goes_on_behind_it(time: FakeTime) -> None:
    api = Api([OPEN, AWAY, AWAY, ENDED])
    assert api.wait() == [ENDED]
    assert api.notes == [0, (0.0, str(AWAY)), (0.2, str(AWAY)), 2]


def test_a_timeout_holds_while_the_api_is_away(time: FakeTime) -> None:
    api = Api([OPEN, AWAY])
    with pytest.raises(TimedOut, match=naming("20 s", "2 of 2 jobs", "not answered")):
        api.wait(20)
    assert time.now == pytest.approx(20)


def test_a_timeout_holds_if_the_api_never_answers(time: FakeTime) -> None:
    with pytest.raises(TimedOut, match=naming("not answered", "20 s")):
        Api([AWAY]).wait(20)
    assert time.now == pytest.approx(20)


def test_without_a_timeout_an_outage_has_an_end(time: FakeTime) -> None:
    with pytest.raises(Unreachable, match=naming(str(AWAY), "601 s")):
        Api([OPEN, AWAY]).wait()
    assert OUTAGE_S <= time.now < OUTAGE_S + 3


def test_an_outage_is_measured_from_its_own_beginning(time: FakeTime) -> None:
    outage = [AWAY] * 40
    assert Api([OPEN, *outage, OPEN, *outage, ENDED]).wait(outage_s=90) == [ENDED]
    assert time.now > 90


def test_a_server_that_names_a_pause_gets_it(time: FakeTime) -> None:
    api = Api([LimitReached("slow down", retry_after_s=30), ENDED])
    assert api.wait() == [ENDED]
    assert time.pauses == [30]


def test_what_the_api_refuses_for_good_ends_the_wait_at_once(time: FakeTime) -> None:
    with pytest.raises(NotFound):
        Api([OPEN, NotFound("no such batch")]).wait(20)


def test_grades_are_not_waited_for_longer_because_the_api_goes_away(time: FakeTime) -> None:
    ungraded = client_batch(num_succeeded=2, num_ungraded=2)
    assert Api([ungraded, AWAY]).wait() == [ungraded]
    assert time.now == pytest.approx(GRADES_S)


def test_a_batch_that_is_requeued_while_its_grades_are_waited_for_is_open_again(time: FakeTime) -> None:
    ungraded = client_batch(num_succeeded=2, num_ungraded=2)
    with pytest.raises(TimedOut, match=naming("2 of 2 jobs")):
        Api([ungraded, OPEN]).wait(100)


def test_a_read_that_stays_without_answer_is_told_while_it_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(waiting, "SILENCE_S", 0.01)
    is_told = threading.Event()

    def poll(_: UUID) -> Batch:
        assert is_told.wait(60)
        return ENDED

    def tell_outage(seconds: float, error: TransientError) -> None:
        is_told.set()

    assert wait_for(poll, [OTHER_ID], None, OUTAGE_S, on_progress=None, on_outage=tell_outage) == [ENDED]


def test_a_timeout_holds_for_a_read_that_never_ends() -> None:
    release = threading.Event()

    def poll(_: UUID) -> Batch:
        release.wait(600)
        return ENDED

    with pytest.raises(TimedOut):
        wait_for(poll, [OTHER_ID], 0.1, OUTAGE_S, on_progress=None, on_outage=None)
    release.set()
