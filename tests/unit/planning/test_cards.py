"""Cards by name, and those that nvidia-smi shows."""

from __future__ import annotations

import pytest

from specreason.engines.machine.memory import cards_shown
from specreason.errors import InputError
from specreason.planning.cards import DRIVER_GIB, known_cards, parse_cards
from tests.support.messages import naming

A6000S = """0, GPU-aaaa1111, NVIDIA RTX A6000, 49140, 14
1, GPU-bbbb2222, NVIDIA RTX A6000, 49140, 2048
"""
UNEQUAL = "0, GPU-a, NVIDIA RTX A6000, 49140, 1\n1, GPU-b, Some Future Card, 24576, 1\n"


@pytest.mark.parametrize("text", ["a6000x2", "2xa6000", " A6000X2 "])
def test_cards_are_named_with_their_number_before_or_after(text: str) -> None:
    cards = parse_cards(text)
    assert (cards.card, cards.count) == (known_cards()["a6000"], 2)


@pytest.mark.parametrize("name", known_cards())
def test_every_card_is_known_by_its_name_alone_and_in_any_number(name: str) -> None:
    assert (parse_cards(name).card.name, parse_cards(name).count) == (name, 1)
    assert (parse_cards(f"{name}x4"), parse_cards(f"4x{name}").count) == (parse_cards(f"4x{name}"), 4)


def test_every_issued_card_is_there() -> None:
    wanted = {"a6000", "a100-40", "a100-80", "l40s", "rtx4090", "h100", "h200", "b200"}
    assert wanted <= known_cards().keys()


@pytest.mark.parametrize("text", ["h10", "0xh100", "2xh100x2", "", "x", "a6000 x 2"])
def test_what_is_no_card_is_refused_with_the_known_ones(text: str) -> None:
    with pytest.raises(InputError, match=naming("a6000", "h100", "b200", "a6000x2")):
        parse_cards(text)


def test_a_misspelt_card_is_answered_with_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'rtx4090'"):
        parse_cards("rtx4900")


def test_a_machines_cards_are_recognized_by_the_drivers_name_for_them() -> None:
    cards = cards_shown(A6000S, visible=None)
    assert cards is not None
    assert (cards.card, cards.count, cards.used_gib) == (known_cards()["a6000"], 2, 2.0)


def test_of_an_unknown_card_only_its_memory_is_known_less_what_the_driver_keeps() -> None:
    cards = cards_shown(UNEQUAL, visible=None)
    assert cards is not None
    assert (cards.card.name, cards.card.bandwidth_gb_s) == ("Some Future Card", None)
    assert cards.card.memory_gib == pytest.approx(24 - DRIVER_GIB)


@pytest.mark.parametrize(
    ("visible", "needed", "count", "used_gib"),
    [
        ("0", None, 1, 14 / 1024),
        ("1,0", 1, 2, 2.0),
        ("GPU-bbbb", None, 1, 2.0),
        (None, 1, 2, 14 / 1024),
    ],
)
def test_only_the_cards_that_the_process_sees_and_the_engines_use_decide(
    visible: str | None, needed: int | None, count: int, used_gib: float
) -> None:
    cards = cards_shown(A6000S, visible=visible, needed=needed)
    assert cards is not None
    assert (cards.count, cards.used_gib) == (count, used_gib)


@pytest.mark.parametrize("shown", ["", "No devices were found\n", "0, GPU-a, NVIDIA GB10, [N/A], [N/A]\n"])
def test_a_driver_that_shows_no_card_or_no_memory_leaves_the_cards_unknown(shown: str) -> None:
    assert cards_shown(shown, visible=None) is None
    assert cards_shown(A6000S, visible="") is None
