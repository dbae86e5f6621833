"""Admission by KV room: few long jobs or many short ones."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from specreason.engines.base import ModelPair, Role
from specreason.engines.scripted.engine import ScriptedEngine, scripted_pair
from specreason.reasoning.transcript import Transcript
from specreason.submission.chat import user_turn
from worker.kv_admission import KvAdmission

CAPACITY = 1000


@pytest.fixture
def room() -> KvAdmission:
    return KvAdmission(a_pair())


def a_pair(kv_tokens: int = CAPACITY) -> ModelPair:
    return scripted_pair(
        drafter=ScriptedEngine(max_model_len=1000),
        base=ScriptedEngine(kv_tokens=kv_tokens, max_model_len=1000),
    )


def transcript_of(num_tokens: int) -> Transcript:
    pair = a_pair()
    empty = Transcript(pair, user_turn("")).num_tokens(Role.BASE)
    return Transcript(pair, user_turn("x" * (num_tokens - empty)))


def run_through(room: KvAdmission, num_tokens: int) -> None:
    """A job that comes to so many tokens."""
    with room.reserve() as reservation:
        reservation.hold(transcript_of(num_tokens))
        reservation.completed()


class Full(Exception):
    """A job would have to wait."""


class NoWaiting(threading.Condition):
    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        if not predicate():
            raise Full
        return True


class Watched(threading.Condition):
    """`waits` is set when somebody has to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.waits = threading.Event()

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.set()
        return super().wait(timeout)


def most_inside(room: KvAdmission) -> int:
    """How many newcomers are let in before one of them leaves."""
    room._changed = NoWaiting()
    with ExitStack() as inside:
        for number in range(100):
            try:
                inside.enter_context(room.reserve()).hold(transcript_of(50))
            except Full:
                return number
    raise AssertionError("no job has to wait")


def test_until_a_job_has_ended_each_is_thought_to_take_a_quarter_of_its_context(room: KvAdmission) -> None:
    assert most_inside(room) == 4


def test_a_job_that_was_stopped_half_way_teaches_nothing(room: KvAdmission) -> None:
    with room.reserve() as reservation:
        reservation.hold(transcript_of(60))
    assert most_inside(room) == 4


def test_jobs_as_long_as_those_before_enter_as_long_as_they_will_fit(room: KvAdmission) -> None:
    for _ in range(40):
        run_through(room, 300)
    assert most_inside(room) == 3


def test_a_job_longer_than_usual_takes_the_room_that_it_has_come_to(room: KvAdmission) -> None:
    for _ in range(40):
        run_through(room, 300)
    with room.reserve() as reservation:
        reservation.hold(transcript_of(650))
        assert most_inside(room) == 1


def test_a_job_of_a_whole_context_leaves_the_rest_of_the_cache_to_others() -> None:
    room = KvAdmission(a_pair(2 * CAPACITY))
    for _ in range(64):
        run_through(room, 100)
    with room.reserve() as long:
        long.hold(transcript_of(1000))
        assert most_inside(room) == 9  # of 100 tokens and a little, from the guess at first


def test_a_job_that_cannot_fit_still_runs_alone(room: KvAdmission) -> None:
    for _ in range(40):
        run_through(room, 5000)
    assert most_inside(room) == 1


def test_a_job_that_waits_enters_when_another_leaves(room: KvAdmission) -> None:
    room._changed = changed = Watched()
    for _ in range(40):
        run_through(room, 900)
    entered = threading.Event()

    def second() -> None:
        with room.reserve():
            entered.set()

    with room.reserve():
        waiting = threading.Thread(target=second)
        waiting.start()
        assert changed.waits.wait(30)
        assert not entered.is_set()
    waiting.join(30)
    assert entered.is_set()
