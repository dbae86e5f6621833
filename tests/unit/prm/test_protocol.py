"""The text that a process reward model reads, and the tokens at which it answers."""

from __future__ import annotations

import pytest

from specreason.prm.protocol import Encoded, marked, places_of, words_of


def test_the_problem_and_its_numbered_steps_stand_in_one_text_each_with_a_tag() -> None:
    text = marked(" What is 2 + 2?\n", ["2 + 2 = 4.", "So\nit is 4."])
    assert text.text == "What is 2 + 2? Step 1: 2 + 2 = 4. ки\nStep 2: So\nit is 4. ки"
    assert [text.text[tag : tag + 2] for tag in text.tags] == ["ки", "ки"]


def test_a_tag_in_a_step_is_not_among_the_tags() -> None:
    text = marked("ки?", ["ки ки", "no"])
    assert text.text.count("ки") == 5
    assert [text.text[: tag + 2].count("ки") for tag in text.tags] == [4, 5]


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("So 2 + 2 = 4.\n\n", "So 2 + 2 = 4."),
        ("That is all.\n</think>\n\n", "That is all."),
        ("<think>\nFirst", "First"),
        ("\n\n</think>", ""),
    ],
)
def test_a_step_is_read_without_the_ends_of_thinking(step: str, words: str) -> None:
    assert words_of(step) == words


def test_a_place_is_the_token_that_covers_the_tag_with_or_without_the_space_before_it() -> None:
    spans = [(0, 0), (0, 3), (3, 6), (6, 9), (10, 12)]
    assert places_of([4, 10], [1, 8, 7, 8, 7], spans, tag_id=7) == [2, 4]


@pytest.mark.parametrize("ids", [[1, 8, 9, 8, 7], [1, 7, 8, 7, 8]])
def test_a_tag_that_became_another_token_is_an_error(ids: list[int]) -> None:
    with pytest.raises(ValueError, match="tag"):
        places_of([4, 10], ids, [(0, 0), (0, 3), (3, 6), (6, 9), (10, 12)], tag_id=7)


def test_a_tag_between_two_tokens_is_an_error() -> None:
    with pytest.raises(ValueError, match="tag"):
        places_of([4], [7, 7], [(0, 3), (6, 9)], tag_id=7)


def test_the_beginning_of_a_sequence_ends_at_its_last_place() -> None:
    whole = Encoded((5, 6, 7, 8, 7, 9), (2, 4))
    assert whole.up_to(1) == Encoded((5, 6, 7), (2,))
    assert whole.up_to(2) == Encoded((5, 6, 7, 8, 7), (2, 4))
    assert whole.up_to(0) == Encoded((), ())
