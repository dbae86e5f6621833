"""The mean number of jobs in flight, as a job sees it."""

from __future__ import annotations

import pytest

from tests.support.virtual_time import FakeTime
from worker import isolation
from worker.isolation import SharedOrExclusive


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> FakeTime:
    time = FakeTime()
    monkeypatch.setattr(isolation, "time", time)
    return time


def test_the_mean_number_of_holders_counts_each_as_long_as_it_holds(time: FakeTime) -> None:
    lock = SharedOrExclusive()
    time.sleep(5)  # before the job
    with lock.shared():
        began = lock.holder_time()
        time.sleep(2)
        with lock.shared(), lock.shared():
            time.sleep(1)
        time.sleep(1)
        assert lock.holder_time().mean_since(began) == pytest.approx((2 * 1 + 1 * 3 + 1 * 1) / 4)


def test_a_job_that_has_the_worker_to_itself_is_one_in_flight(time: FakeTime) -> None:
    lock = SharedOrExclusive()
    with lock.exclusive(lambda: True) as is_alone:
        assert is_alone
        began = lock.holder_time()
        time.sleep(3)
        assert lock.holder_time().mean_since(began) == 1
