"""Who announces what was submitted, where many submit at once. Nothing is sent here."""

from __future__ import annotations

import pytest

from specreason import doorbell as module
from specreason.doorbell import Doorbell


@pytest.fixture
def doorbell() -> Doorbell:
    return Doorbell("redis://localhost:1/0")


def test_nobody_announces_while_another_does_or_right_after_it(doorbell: Doorbell) -> None:
    with doorbell.turn() as first, doorbell.turn() as meanwhile:
        assert (first, meanwhile) == (True, False)
    with doorbell.turn() as right_after:
        assert not right_after


def test_after_a_pause_the_next_one_has_its_turn(doorbell: Doorbell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE_S", 0.0)
    for _ in range(2):
        with doorbell.turn() as is_ours:
            assert is_ours


def test_a_turn_that_failed_is_given_back(doorbell: Doorbell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAUSE_S", 0.0)
    with pytest.raises(ZeroDivisionError), doorbell.turn():
        raise ZeroDivisionError
    with doorbell.turn() as is_ours:
        assert is_ours
