"""The words of a search: which texts have them, and which part of a text is shown."""

from __future__ import annotations

import pytest

from specreason.errors import InvalidField
from specreason.store.analysis.search_terms import LONGEST, Query, parse_query, snippet_of
from tests.support.messages import naming


def hit(words: str, text: str) -> list[str]:
    """The parts of the text that are marked."""
    return [text[low:high] for low, high in parse_query(words).hits(text)]


@pytest.mark.parametrize(
    ("words", "text", "marked"),
    [
        ("wait", "Wait, so we wait.", ["Wait", "wait"]),
        ("one", "money", []),
        ("one", "one1 and 1one", ["one", "one"]),
        ("fact*", "Factors, a factor and satisfaction", ["Fact", "fact"]),
        ('"so x"', "and so\n  x = 2", ["so\n  x"]),
        ("3.1", "3.14 and 3.1", ["3.1"]),
        ("12", "12x, 120 and 312", ["12"]),
        ("x^2", "2x^2 + x^20", ["x^2"]),
        (r"\frac{1}{2}", r"\frac{1}{2}x, \frac{1}{3}", [r"\frac{1}{2}"]),
        ("frac", r"\frac{1}{2}", ["frac"]),
        ("2+2", "so 2+2 = 4", ["2+2"]),
        ("100%", "100% of a_b", ["100%"]),
        ("a_b", "100% of a_b, not axb", ["a_b"]),
        ("(a|b)*", "(a|b)* and aab", ["(a|b)*"]),
        ('"-5"', "x = -5", ["-5"]),
        ("等于", "所以等于四", ["等于"]),
    ],
)
def test_a_word_is_found_as_it_is_written(words: str, text: str, marked: list[str]) -> None:
    assert hit(words, text) == marked


def terms(query: Query) -> list[list[tuple[str, bool]]]:
    return [[(term.like, term.is_excluded) for term in terms] for terms in query.alternatives]


@pytest.mark.parametrize(
    ("words", "read"),
    [
        ("so wait", [[("%so%", False), ("%wait%", False)]]),
        ("so OR wait -hmm", [[("%so%", False)], [("%wait%", False), ("%hmm%", True)]]),
        ('wait -"so far', [[("%wait%", False), ("%so%far%", True)]]),
        ("or or", [[("%or%", False), ("%or%", False)]]),
        ("OR so OR", [[("%so%", False)]]),
        ('a\\b 5% ""', [[("%a\\\\b%", False), ("%5\\%%", False)]]),
    ],
)
def test_words_are_read_as_in_a_web_search(words: str, read: list[list[tuple[str, bool]]]) -> None:
    assert terms(parse_query(words)) == read


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("", "names no word"),
        ("  ", "names no word"),
        ('""', "names no word"),
        ("OR", "names no word"),
        ("-so", "must not stand there"),
        ("so OR -wait", "must not stand there"),
        ("a " * 21, "20 words"),
    ],
)
def test_words_that_ask_for_nothing_are_refused(words: str, says: str) -> None:
    with pytest.raises(InvalidField, match=naming("q", says)):
        parse_query(words)


def test_a_snippet_is_one_line_around_the_first_hit_with_all_hits_in_it() -> None:
    text = "before " * 30 + "\n\nso we wait\nand wait " + "after " * 60 + "wait"
    snippet = snippet_of(text, parse_query("wait"))
    assert [snippet.text[low:high] for low, high in snippet.hits] == ["wait", "wait"]
    assert snippet.text.startswith("… before before")
    assert " so we wait and wait after" in snippet.text
    assert snippet.text.endswith("after …")
    assert len(snippet.text) <= LONGEST + 4


def test_a_short_text_is_shown_whole_and_a_long_hit_too() -> None:
    assert snippet_of("so\n 2 + 2 = 4.\n\n", parse_query("4")).text == "so 2 + 2 = 4."
    long = "x" * 300
    snippet = snippet_of(f"a {long} b", parse_query(long))
    assert snippet.text == f"a {long} …"
    assert snippet.hits == ((2, 302),)
