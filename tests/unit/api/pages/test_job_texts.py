"""Texts of models in pieces: formulas, and marks where a draft and the base's text differ."""

from __future__ import annotations

import pytest

from api.pages.job.texts import LEAST_ALIKE, MOST_WORDS, clipped, compared, pieces


def formulas(text: str) -> list[str]:
    return [piece.text for piece in pieces(text) if piece.is_maths]


def marked(found: tuple[object, ...]) -> list[str]:
    return [piece.text.strip() for piece in found if piece.is_marked]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("so $x^2 = 4$, hence", ["$x^2 = 4$"]),
        ("$$\na + b\n$$ and $c$", ["$$\na + b\n$$", "$c$"]),
        (r"\(a\) or \[b\]", [r"\(a\)", r"\[b\]"]),
        (r"\boxed{\frac{1}{2}}.", [r"\boxed{\frac{1}{2}}"]),
        (r"$\boxed{4}$", [r"$\boxed{4}$"]),
        ("it costs $5 and $7 more", []),
        ("from $5 to 10$2", []),
        (r"\$3 and \$4", []),
        ("$ x $ and $", []),
        (r"\(never closed", []),
        ("two\n$\nlines$", []),
    ],
)
def test_formulas_are_what_stands_between_their_marks(text: str, found: list[str]) -> None:
    assert formulas(text) == found
    assert "".join(piece.text for piece in pieces(text)) == text


@pytest.mark.parametrize("mark", ["$", "$$", "\\[", "\\(", "\\boxed{", "{", "\\", "$a "])
def test_a_text_full_of_opening_marks_is_read_whole(mark: str) -> None:
    text = mark * 30_000
    assert "".join(piece.text for piece in pieces(text)) == text


def test_only_the_words_that_differ_are_marked() -> None:
    draft, written = compared("So 2 + 2 is 5, I think.\n", "So 2 + 2 is 4, I know.\n")
    assert (marked(draft), marked(written)) == (["5", "think"], ["4", "know"])
    assert "".join(piece.text for piece in draft) == "So 2 + 2 is 5, I think.\n"
    assert "".join(piece.text for piece in written) == "So 2 + 2 is 4, I know.\n"


def test_a_formula_is_marked_as_a_whole() -> None:
    draft, written = compared(r"Thus we get $x = \frac{1}{2}$ now.", r"Thus we get $x = \frac{1}{3}$ now.")
    assert marked(draft) == [r"$x = \frac{1}{2}$"]
    assert all(piece.is_maths for piece in written if piece.is_marked)


def test_equal_texts_have_no_mark() -> None:
    assert compared("the same words", "the same words") == (pieces("the same words"),) * 2


def test_texts_with_little_in_common_are_not_marked() -> None:
    draft, written = compared("one two three four five six", "alpha beta gamma two delta epsilon")
    assert LEAST_ALIKE > 1 / 6
    assert not marked(draft)
    assert not marked(written)


def test_long_texts_are_marked_if_they_differ_in_few_words_only() -> None:
    long = " ".join(f"w{i}" for i in range(10 * MOST_WORDS))
    draft, written = compared(f"{long} left {long}", f"{long} right {long}")
    assert (marked(draft), marked(written)) == (["left"], ["right"])
    other = " ".join(f"v{i}" for i in range(10 * MOST_WORDS))
    assert not marked(compared(f"a {long}", f"a {other}")[0])


def test_a_clipped_text_says_how_much_is_missing() -> None:
    assert clipped("abcdef", 4) == ("abcd", 2)
    assert clipped("abc", 4) == ("abc", 0)
