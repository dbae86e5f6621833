"""Where a drafter's rows lie in the vocabulary of its base, and which vocabularies do not go together."""

from __future__ import annotations

import pytest

from specreason.engines.padded.rows import Vocabulary, row_map
from specreason.errors import InputError
from tests.support.messages import naming

WORDS = {"a": 0, "b": 1, "ab": 2}


def vocabulary(added: dict[str, int], *, num_rows: int, words: dict[str, int] = WORDS) -> Vocabulary:
    return Vocabulary(ids=words | added, added=frozenset(added), num_rows=num_rows)


BASE = vocabulary({"<end>": 3, "<think>": 4, "</think>": 5}, num_rows=8)


def test_a_drafter_with_the_bases_ids_and_as_many_rows_needs_no_copy() -> None:
    assert row_map(BASE, BASE) is None


def test_added_tokens_that_only_the_base_has_need_no_copy_where_the_drafter_has_padding() -> None:
    assert row_map(BASE, vocabulary({"<end>": 3}, num_rows=8)) is None


@pytest.mark.parametrize("num_rows", [6, 7, 16])
def test_a_drafter_with_fewer_or_more_rows_gets_as_many_as_the_base(num_rows: int) -> None:
    rows = row_map(BASE, vocabulary({"<end>": 3, "<think>": 4, "</think>": 5}, num_rows=num_rows))
    assert rows is not None
    assert rows.num_rows == 8
    assert dict(rows.row_of) == {i: i for i in range(6)}


def test_an_added_token_that_both_have_keeps_its_meaning_under_the_bases_id() -> None:
    rows = row_map(BASE, vocabulary({"<think>": 3, "</think>": 4, "<end>": 5}, num_rows=6))
    assert rows is not None
    assert dict(rows.row_of) == {0: 0, 1: 1, 2: 2, 3: 5, 4: 3, 5: 4}
    assert rows.ordinary == (0, 1, 2)


def test_equal_sizes_do_not_hide_that_an_id_is_two_tokens() -> None:
    rows = row_map(BASE, vocabulary({"<think>": 3, "</think>": 4}, num_rows=8))
    assert rows is not None
    assert dict(rows.row_of) == {0: 0, 1: 1, 2: 2, 4: 3, 5: 4}


def test_a_token_that_one_of_them_lacks_is_never_proposed() -> None:
    rows = row_map(BASE, vocabulary({"<fim>": 3, "</think>": 5}, num_rows=6))
    assert rows is not None
    ids, proposed = BASE.ids, set(rows.row_of)
    assert {ids["<end>"], ids["<think>"]}.isdisjoint(proposed)
    assert 3 not in rows.row_of.values()


def test_a_token_beyond_the_rows_of_its_model_is_none() -> None:
    rows = row_map(BASE, vocabulary({"<end>": 3, "</think>": 7}, num_rows=4))
    assert rows is not None
    assert set(rows.row_of) == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("words", "facts"),
    [
        ({"a": 0, "b": 2, "ab": 1}, ("'b'", "token 1", "token 2", "2 of 3")),
        ({"a": 0, "b": 1}, ("'ab'", "token 2", "no token", "1 of 3")),
        (WORDS | {"abb": 3}, ("'abb'", "no token", "token 3", "1 of 4")),
    ],
)
@pytest.mark.parametrize("num_rows", [8, 16])
def test_models_that_cut_text_into_different_tokens_are_refused_whatever_their_sizes(
    words: dict[str, int], facts: tuple[str, ...], num_rows: int
) -> None:
    with pytest.raises(InputError, match=naming(*facts)):
        row_map(BASE, vocabulary({}, num_rows=num_rows, words=words))


def test_the_digest_of_the_rows_changes_with_any_of_them() -> None:
    others = [
        vocabulary({"<end>": 3, "<think>": 4}, num_rows=6),
        vocabulary({"<end>": 4, "<think>": 3}, num_rows=6),
        vocabulary({"<end>": 3}, num_rows=6),
    ]
    digests = {rows.digest for other in others if (rows := row_map(BASE, other)) is not None}
    assert len(digests) == len(others)
