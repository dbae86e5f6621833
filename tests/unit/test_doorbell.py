"""Which thread announces when many submit at the same time. Nothing is sent here."""

from __future__ import annotations

import pytest

from specreason import doorbell as module
from specreason.doorbell import Doorbell


@pytest.fixture
def doorbell() -> Doorbell:
    return Doorbell("redis://localhost:1/0")


def test_no_thread_announces_while_another_does_or_right_after_it(doorbell: Doorbell) -> None:
    with doorbell.may_announce() as first, doorbell.may_announce() as meanwhile:
        assert (first, meanwhile) == (True, False)
    with doorbell.may_announce() as right_after:
        assert not right_after


def test_after_a_pause_the_next_thread_may_announce(
    doorbell: Doorbell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAUSE_S", 0.0)
    for _ in range(2):
        with doorbell.may_announce() as allowed:
            assert allowed


def test_after_a_failure_another_thread_may_announce(
    doorbell: Doorbell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAUSE_S", 0.0)
    with pytest.raises(ZeroDivisionError), doorbell.may_announce():
        raise ZeroDivisionError
    with doorbell.may_announce() as allowed:
        assert allowed
