"""Run configurations and pairs: a refusal names the field, the pair or the file."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from specreason.config import RunConfig, every_knob
from specreason.errors import InputError, InvalidField
from specreason.pairs import get_pair, load_pairs
from specreason.validation import first_invalid_field
from tests.support.messages import names, naming


@pytest.mark.parametrize(
    "wrong",
    [
        {"threshold": 9.5},
        {"threshold": -1},
        {"threshold": True},
        {"seed": False},
        {"token_budget": 0},
        {"scheme": "specreason2"},
        {"first_steps_on_base": -1},
        {"temperature": 3},
        {"top_p": 0},
        {"top_k": -1},
        {"top_k": True},
        {"drafter_top_k": 2**31},
        {"min_p": 1.5},
        {"drafter_min_p": -0.1},
        {"repeats": 0},
        {"first_repeat": -1},
        {"delimiter": ""},
        {"on_budget": "shrug"},
        {"no_such_knob": 1},
    ],
)
def test_a_knob_out_of_range_or_unknown_is_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        RunConfig.model_validate(wrong)
    assert first_invalid_field(caught.value).field == next(iter(wrong))


def test_equal_configurations_have_equal_hashes_and_any_knob_changes_the_hash() -> None:
    assert RunConfig(threshold=7).hash() == RunConfig.model_validate({"threshold": 7.0}).hash()
    assert len({RunConfig().hash(), RunConfig(seed=1).hash(), RunConfig(temperature=0).hash()}) == 3


def test_a_batch_that_begins_with_repeat_0_has_the_hash_of_a_version_that_knew_no_other() -> None:
    older = RunConfig().model_dump_json(exclude={"first_repeat"})
    assert RunConfig().hash() == hashlib.sha256(older.encode()).hexdigest()
    assert RunConfig(first_repeat=4).hash() != RunConfig().hash()


def test_repeats_are_numbered_from_the_first_one() -> None:
    assert RunConfig(repeats=4, first_repeat=4).numbers_of_repeats == range(4, 8)
    assert every_knob({"repeats": 3})["first_repeat"] == 0


PAPER = {
    ("Qwen/QwQ-32B", "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B"),
    ("Qwen/QwQ-32B", "Zyphra/ZR1-1.5B"),
    ("Skywork/Skywork-OR1-32B-Preview", "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B"),
    ("Skywork/Skywork-OR1-32B-Preview", "Zyphra/ZR1-1.5B"),
    ("deepseek-ai/DeepSeek-R1-Distill-Llama-70B", "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B"),
}


def test_the_packaged_pairs_are_the_demo_pair_twice_one_for_the_cpu_and_others_for_gpus() -> None:
    pairs = load_pairs()
    demo = [pair for name, pair in pairs.items() if name in {"demo", "demo-decode"}]
    assert all(Path(pair.base.model).is_dir() for pair in demo)
    assert {name for name, pair in pairs.items() if pair.cards is None} == {
        "demo",
        "demo-decode",
        "qwen3-1_7b_0_6b",
    }


@pytest.mark.parametrize("cards", ["papers", "h200"])
def test_the_papers_five_pairs_are_there_on_its_cards_and_on_one_large_card(cards: str) -> None:
    on = {"a6000x2", "a100-80x4"} if cards == "papers" else {cards}
    models = {(pair.base.model, pair.drafter.model) for pair in load_pairs().values() if pair.cards in on}
    assert models >= PAPER


@pytest.mark.parametrize("cards", ["a6000", "a6000x2", "h100", "h200"])
def test_token_level_speculation_has_a_pair_of_the_paper_on_each_kind_of_cards(cards: str) -> None:
    pairs = {name: pair for name, pair in load_pairs().items() if pair.cards == cards and pair.speculation}
    assert pairs
    for name, pair in pairs.items():
        assert "-decode" in name
        assert (pair.base.model.removesuffix("-AWQ"), pair.drafter.model) in PAPER


def test_the_logits_that_judge_are_float32_on_gpus_and_the_models_own_on_a_cpu() -> None:
    for name, pair in load_pairs().items():
        expected = "auto" if pair.cards is None else "float32"
        assert (pair.base.head_dtype, pair.drafter.head_dtype) == (expected, "auto"), name


def test_an_unknown_pair_is_refused_with_the_names_that_exist() -> None:
    with pytest.raises(InvalidField, match=naming("'x'", "demo")):
        get_pair(load_pairs(), "x")


def test_a_pairs_file_that_is_not_there_is_named() -> None:
    with pytest.raises(InputError, match=r"nowhere\.toml"):
        load_pairs(Path("nowhere.toml"))


def test_an_error_in_a_field_says_what_was_given() -> None:
    with pytest.raises(ValidationError) as caught:
        RunConfig.model_validate({"token_budget": -5})
    error = first_invalid_field(caught.value, prefix="config.")
    assert isinstance(error, InvalidField)
    assert names(str(error), "config.token_budget:", 1, -5)
