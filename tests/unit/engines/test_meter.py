"""The meter: every instant in which a pair works is shared out once, equally among the calls in flight."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from specreason.engines.meter import LEAST_HISTORY, DeviceTime, Meter, MeteredCall


@dataclass(slots=True)
class Clock:
    """Shows the time that it was last set to."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_call_alone_uses_all_of_its_time_and_the_first_token_parts_it() -> None:
    clock = Clock()
    with Meter(clock).call() as call:
        clock.now += 4
        call.first_token_after(1.5)
    assert call.device == DeviceTime(prefill_s=1.5, decode_s=2.5)


def test_two_calls_share_the_time_that_they_have_in_common() -> None:
    clock = Clock()
    meter = Meter(clock)
    with meter.call() as first:
        clock.now += 2
        with meter.call() as second:
            clock.now += 6
            second.first_token_after(2)
        clock.now += 1
        first.first_token_after(4)
    assert second.device == DeviceTime(prefill_s=1, decode_s=2)
    # Two seconds alone and half of two for the prompt; half of the other four and one second alone after that.
    assert first.device == DeviceTime(prefill_s=3, decode_s=3)


def test_an_aborted_call_has_used_what_it_used_and_all_of_it_counts_as_decode() -> None:
    clock = Clock()
    call = Meter(clock).call()

    def abort() -> None:
        with call:
            clock.now += 3
            raise TimeoutError

    with pytest.raises(TimeoutError):
        abort()
    assert call.device == DeviceTime(decode_s=3)
    assert Meter(clock).call().device.total_s == 0


def test_a_first_token_that_is_reported_late_or_early_stays_within_its_call() -> None:
    clock = Clock()
    for reported, prefill_s in ((9.0, 2.0), (-1.0, 0.0)):
        with Meter(clock).call() as call:
            clock.now += 2
            call.first_token_after(reported)
        assert (call.device.prefill_s, call.device.total_s) == (prefill_s, 2)


# Each entry: how long after the one before a call starts, how long it takes, and when in it the first token comes.
schedules = st.lists(
    st.tuples(st.integers(0, 20), st.integers(0, 50), st.floats(0, 1)), min_size=1, max_size=12
)


@settings(max_examples=60, deadline=None)
@given(schedule=schedules)
def test_the_shares_add_up_to_the_time_in_which_something_was_in_flight(
    schedule: Sequence[tuple[int, int, float]],
) -> None:
    starts = list(itertools.accumulate(after for after, _, _ in schedule))
    spans = [(start, start + length) for start, (_, length, _) in zip(starts, schedule, strict=True)]
    firsts = [length * part for _, length, part in schedule]
    used = metered(spans, firsts)
    busy = sum(
        any(start <= second < end for start, end in spans) for second in range(max(end for _, end in spans))
    )
    assert sum(each.total_s for each in used) == pytest.approx(busy)
    for (start, end), first, found in zip(spans, firsts, used, strict=True):
        assert found.prefill_s == pytest.approx(share(spans, start, start + first), abs=1e-9)
        assert found.decode_s == pytest.approx(share(spans, start + first, end), abs=1e-9)


def metered(spans: Sequence[tuple[int, int]], firsts: Sequence[float]) -> list[DeviceTime]:
    """What a meter says of calls in flight at these times."""
    clock = Clock()
    meter = Meter(clock)
    calls = [meter.call() for _ in spans]
    # At one moment calls start before others end.
    moments = sorted(
        [(start, 0, number) for number, (start, _) in enumerate(spans)]
        + [(end, 1, number) for number, (_, end) in enumerate(spans)]
    )
    for moment, ends, number in moments:
        clock.now = 100.0 + moment
        if ends:
            calls[number].first_token_after(firsts[number])
            calls[number].__exit__(None, None, None)
        else:
            calls[number].__enter__()
    return [call.device for call in calls]


def share(spans: Sequence[tuple[int, int]], start: float, end: float) -> float:
    """The integral of 1 / calls in flight, second by second."""
    total = 0.0
    for second in range(int(start), int(end) + 1):
        in_flight = sum(a <= second < b for a, b in spans)
        overlap = min(end, second + 1) - max(start, second)
        if in_flight and overlap > 0:
            total += overlap / in_flight
    return total


def test_a_pair_that_is_never_idle_is_metered_in_bounded_memory() -> None:
    clock = Clock()
    meter = Meter(clock)
    calls: list[MeteredCall] = []
    total_s = 0.0
    for _ in range(6 * LEAST_HISTORY):
        calls.append(meter.call().__enter__())
        clock.now += 1
        if len(calls) > 8:
            oldest = calls.pop(0)
            oldest.first_token_after(1)
            oldest.__exit__(None, None, None)
            total_s += oldest.device.total_s
    assert total_s == pytest.approx(clock.now - 100, abs=9)
    assert len(meter._history) <= 2 * LEAST_HISTORY


def test_calls_of_many_threads_are_shared_out_without_loss() -> None:
    ticks = itertools.count()
    meter = Meter(lambda: float(next(ticks)))
    calls: list[MeteredCall] = []

    def work() -> None:
        for _ in range(300):
            with meter.call() as call:
                call.first_token_after(1)
            calls.append(call)

    with meter.call() as whole:
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    # Something was in flight from the first look at the clock to the last.
    assert sum(call.device.total_s for call in (*calls, whole)) == pytest.approx(next(ticks) - 1)
