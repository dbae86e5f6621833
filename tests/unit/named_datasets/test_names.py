"""What is a name, and what is said of a word that is none."""

from __future__ import annotations

import re

import pytest

from specreason.errors import InvalidField
from specreason.named_datasets.names import Name, is_like_a_name, names, parsed
from specreason.named_datasets.pins import pins
from tests.support.messages import names as has_all

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_every_pin_has_a_whole_commit_and_a_whole_hash() -> None:
    for name, pin in pins().items():
        assert re.fullmatch("[0-9a-f]{40}", pin.revision), name
        assert re.fullmatch("[0-9a-f]{64}", pin.sha256), name
        assert pin.num_problems > 0


@pytest.mark.parametrize("name", [*pins(), "demo"])
def test_a_name_is_itself(name: str) -> None:
    assert parsed(name) == Name(dataset=name)
    assert str(parsed(name)) == name


def test_a_revision_is_read_and_is_no_part_of_the_remembered_name() -> None:
    name = parsed(f"gsm8k@{COMMIT}")
    assert name == Name(dataset="gsm8k", revision=COMMIT)
    assert str(name) == "gsm8k"


def test_a_task_of_the_gym_is_part_of_the_remembered_name() -> None:
    assert str(parsed("reasoning-gym:chain_sum")) == "reasoning-gym:chain_sum"


def test_a_misspelt_name_is_answered_with_the_near_one_and_all_names() -> None:
    with pytest.raises(InvalidField) as raised:
        parsed("math500")
    assert has_all(str(raised.value), "did you mean 'math-500'", *names())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("reasoning-gym", "which task"),
        ("reasoning-gym:", "which task"),
        ("gsm8k:algebra", "':algebra'"),
        ("demo@" + COMMIT, "leave out '@"),
        ("gsm8k@main", "40 hexadecimal digits"),
        ("gsm8k@", "40 hexadecimal digits"),
    ],
)
def test_a_name_with_too_much_or_too_little_is_refused_with_what_to_write(given: str, said: str) -> None:
    with pytest.raises(InvalidField, match=re.escape(said)):
        parsed(given)


@pytest.mark.parametrize(
    "text", ["gsm8k", "reasoning-gym:chain_sum", "gsm8k@main", "sums", f"math-500@{COMMIT}"]
)
def test_a_word_may_be_a_name(text: str) -> None:
    assert is_like_a_name(text)


@pytest.mark.parametrize("text", ["-", "sums.jsonl", "./gsm8k", "data/gsm8k", "", "/dev/stdin", "a b"])
def test_a_path_is_never_a_name(text: str) -> None:
    assert not is_like_a_name(text)
