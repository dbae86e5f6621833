"""Who announces what was submitted, where many submit at once. Nothing is sent here."""

from __future__ import annotations

import pytest

from api import publisher as module
from api.publisher import Publisher


@pytest.fixture
def publisher() -> Publisher:
    return Publisher("redis://localhost:1/0")


def test_nobody_announces_while_another_does_or_right_after_him(publisher: Publisher) -> None:
    with publisher.turn() as first, publisher.turn() as meanwhile:
        assert (first, meanwhile) == (True, False)
    with publisher.turn() as right_after:
        assert not right_after


def test_after_a_pause_the_next_one_has_his_turn(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAUSE_S", 0.0)
    for _ in range(2):
        with publisher.turn() as is_ours:
            assert is_ours


def test_a_turn_that_failed_is_given_back(publisher: Publisher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE_S", 0.0)
    with pytest.raises(ZeroDivisionError), publisher.turn():
        raise ZeroDivisionError
    with publisher.turn() as is_ours:
        assert is_ours
