"""Cards by the name that a user gives, and by what the driver says of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from specreason.errors import InputError
from specreason.planning.cards import DRIVER_GIB, cards_of, known_cards, parse_cards
from tests.support.messages import naming


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


@pytest.mark.parametrize(
    ("name", "known", "mib"),
    [
        ("NVIDIA RTX A6000", "a6000", 49_140),
        ("NVIDIA A100-SXM4-40GB", "a100-40", 40_960),
        ("NVIDIA A100 80GB PCIe", "a100-80", 81_920),
        ("NVIDIA L40S", "l40s", 46_068),
        ("NVIDIA GeForce RTX 4090", "rtx4090", 24_564),
        ("NVIDIA H100 80GB HBM3", "h100", 81_559),
        ("NVIDIA H200", "h200", 143_771),
        ("NVIDIA B200", "b200", 183_359),
    ],
)
def test_a_machines_cards_are_recognized_by_the_drivers_name_for_them(
    name: str, known: str, mib: int
) -> None:
    cards = cards_of([(name, mib, 14), (name, mib, 2048)], count=2)
    assert cards is not None
    assert (cards.card, cards.count, cards.used_gib) == (known_cards()[known], 2, 2.0)


def test_a_card_whose_ecc_takes_some_of_its_memory_has_less_to_plan_with() -> None:
    known = known_cards()["a6000"]
    cards = cards_of([("NVIDIA RTX A6000", 46_068, 14)], count=1)
    assert cards is not None
    assert cards.card.memory_gib == pytest.approx(46_068 / 1024 - known.driver_gib)
    assert cards.card == replace(known, memory_gib=cards.card.memory_gib)


def test_of_an_unknown_card_only_its_memory_is_known_less_what_the_driver_keeps() -> None:
    cards = cards_of([("NVIDIA RTX A6000", 49_140, 1), ("Some Future Card", 24_576, 1)], count=2)
    assert cards is not None
    assert (cards.card.name, cards.card.bandwidth_gb_s) == ("Some Future Card", None)
    assert cards.card.memory_gib == pytest.approx(24 - DRIVER_GIB)


def test_a_machine_without_a_card_has_no_cards() -> None:
    assert cards_of([], count=0) is None
