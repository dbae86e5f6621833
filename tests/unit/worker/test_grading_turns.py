"""Whose answers a grader takes next: owners in turn, and the batches of each, by the time that they cost."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

from specreason.store.trace.grades import WaitingBatch
from worker.grader import Turns


def batch(number: int, owner: str | None) -> WaitingBatch:
    return WaitingBatch(batch_id=UUID(int=number), owner=owner)


def turns_of(waiting: list[WaitingBatch], costs: dict[int, float], rounds: int) -> Counter[int]:
    """How often each batch had its turn, where one of it costs `costs` seconds."""
    turns = Turns()
    taken: Counter[int] = Counter()
    for _ in range(rounds):
        chosen = turns.next(waiting)
        taken[chosen.batch_id.int] += 1
        turns.spent(chosen, costs[chosen.batch_id.int])
    return taken


def test_a_batch_of_slow_answers_gets_no_more_time_than_another() -> None:
    taken = turns_of([batch(1, "ann"), batch(2, "bob")], {1: 3.0, 2: 1.0}, 40)
    assert taken == {1: 10, 2: 30}


def test_an_owner_of_many_batches_gets_no_more_time_than_one_of_a_single_batch() -> None:
    many = [batch(number, "ann") for number in range(1, 11)]
    taken = turns_of([*many, batch(11, "bob")], dict.fromkeys(range(1, 12), 1.0), 40)
    assert taken[11] == 20
    assert {taken[number] for number in range(1, 11)} == {2}


def test_batches_without_an_owner_share_one_turn() -> None:
    taken = turns_of([batch(1, None), batch(2, None), batch(3, "ann")], dict.fromkeys((1, 2, 3), 1.0), 40)
    assert taken == {1: 10, 2: 10, 3: 20}


def test_a_new_batch_starts_beside_the_others_and_not_with_their_past() -> None:
    turns = Turns()
    old, new = batch(1, "ann"), batch(2, "bob")
    for _ in range(100):
        turns.spent(turns.next([old]), 1.0)
    order = []
    for _ in range(6):
        chosen = turns.next([old, new])
        order.append(chosen.batch_id.int)
        turns.spent(chosen, 1.0)
    assert order == [1, 2, 1, 2, 1, 2]


def test_who_waits_no_more_is_forgotten() -> None:
    turns = Turns()
    one, other = batch(1, "ann"), batch(2, "bob")
    turns.spent(turns.next([one]), 5.0)
    assert turns.next([other]) == other
    assert turns.next([one, other]) in (one, other)
    turns.spent(other, 1.0)
    assert turns.next([one, other]) == one
