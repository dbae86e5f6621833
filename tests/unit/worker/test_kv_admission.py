"""Admission by KV cache: few long jobs or many short ones."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from specreason.engines.base import ModelPair, Role
from specreason.engines.scripted import ScriptedEngine, scripted_pair
from specreason.reasoning.transcript import Transcript
from worker.kv_admission import KvAdmission

CAPACITY = 1000


@pytest.fixture
def admission() -> KvAdmission:
    return KvAdmission(a_pair())


def a_pair(kv_tokens: int = CAPACITY) -> ModelPair:
    return scripted_pair(
        drafter=ScriptedEngine(max_model_len=1000),
        base=ScriptedEngine(kv_tokens=kv_tokens, max_model_len=1000),
    )


def transcript_of(num_tokens: int) -> Transcript:
    pair = a_pair()
    empty = Transcript(pair, "").num_tokens(Role.BASE)
    return Transcript(pair, "x" * (num_tokens - empty))


def run_through(admission: KvAdmission, num_tokens: int) -> None:
    """A job that comes to so many tokens."""
    with admission.reserve() as reservation:
        reservation.hold(transcript_of(num_tokens))
        reservation.completed()


def most_inside(admission: KvAdmission, *, threads: int) -> int:
    """How many of so many newcomers are let in before one of them leaves."""
    inside, leave = threading.Semaphore(0), threading.Event()

    def job() -> None:
        with admission.reserve() as reservation:
            reservation.hold(transcript_of(50))
            inside.release()
            leave.wait(10)

    with ThreadPoolExecutor(threads) as pool:
        for _ in range(threads):
            pool.submit(job)
        number = 0
        while inside.acquire(timeout=1):
            number += 1
        leave.set()
    return number


def test_until_a_job_has_ended_each_is_thought_to_take_a_quarter_of_its_context(
    admission: KvAdmission,
) -> None:
    assert most_inside(admission, threads=8) == 4


def test_a_job_that_was_stopped_half_way_teaches_nothing(admission: KvAdmission) -> None:
    with admission.reserve() as reservation:
        reservation.hold(transcript_of(60))
    assert most_inside(admission, threads=8) == 4


def test_jobs_as_long_as_those_before_enter_as_long_as_they_will_fit(admission: KvAdmission) -> None:
    for _ in range(40):
        run_through(admission, 300)
    assert most_inside(admission, threads=8) == 3


def test_a_job_longer_than_usual_takes_the_tokens_that_it_has_come_to(admission: KvAdmission) -> None:
    for _ in range(40):
        run_through(admission, 300)
    with admission.reserve() as reservation:
        reservation.hold(transcript_of(650))
        assert most_inside(admission, threads=4) == 1


def test_a_job_of_a_whole_context_leaves_the_rest_of_the_cache_to_others() -> None:
    admission = KvAdmission(a_pair(2 * CAPACITY))
    for _ in range(64):
        run_through(admission, 100)
    with admission.reserve() as long:
        long.hold(transcript_of(1000))
        assert most_inside(admission, threads=16) == 9  # of 100 tokens and a little, from the guess at first


def test_a_job_that_cannot_fit_still_runs_alone(admission: KvAdmission) -> None:
    for _ in range(40):
        run_through(admission, 5000)
    assert most_inside(admission, threads=3) == 1


def test_a_waiting_job_enters_when_another_leaves(admission: KvAdmission) -> None:
    for _ in range(40):
        run_through(admission, 900)
    entered = threading.Event()

    def second() -> None:
        with admission.reserve():
            entered.set()

    with admission.reserve():
        waiting = threading.Thread(target=second)
        waiting.start()
        assert not entered.wait(0.2)
    assert entered.wait(2)
    waiting.join()
