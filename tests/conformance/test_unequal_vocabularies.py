"""Token-level speculation over vocabularies of unequal size, on real vLLM: the base drafts with a padded copy.

The base's own text comes from another implementation of the model, one token at a time.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from specreason.config import RunConfig, SchemeName
from specreason.engines.base import Limits, ModelPair, Role, Sampling
from specreason.pairs import PairConfig
from specreason.submission.chat import user_turn
from tests.conformance.conftest import serve
from tests.support.workers.undisturbed import undisturbed
from tests.support.workers.unequal import unequal_pair

# The first test pays for loading the pair.
pytestmark = pytest.mark.timeout(600)

OnLoop = Callable[[Any], Any]
# Continues token ids by so many tokens, each the likeliest one.
OwnText = Callable[[Sequence[int], int], tuple[int, ...]]

PROBLEMS = ("Start with 47. Add 8. What is the result?", "So 330, is it right?", "Wait, let me check.")
NUM_TOKENS = 60


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PairConfig]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(constants, "HF_HOME", str(tmp_path_factory.mktemp("cache")))
        yield unequal_pair(tmp_path_factory.mktemp("unequal-pair"))


@pytest.fixture(scope="module")
def pair(on_loop: OnLoop, config: PairConfig) -> Iterator[ModelPair]:
    yield from serve(on_loop, config)


@pytest.fixture(scope="module")
def own_text(config: PairConfig) -> OwnText:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torch
        from transformers import LlamaForCausalLM

        model = LlamaForCausalLM.from_pretrained(Path(config.base.model)).eval()

    def text(prompt_ids: Sequence[int], num_tokens: int) -> tuple[int, ...]:
        ids = list(prompt_ids)
        with torch.inference_mode():
            while len(ids) < len(prompt_ids) + num_tokens and ids[-1] != model.config.eos_token_id:
                ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
        return tuple(ids[len(prompt_ids) :])

    return text


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("scheme", [SchemeName.SPECDECODE, SchemeName.SPECREASON_DECODE])
def test_what_the_base_writes_with_token_level_drafts_is_its_own_greedy_text(
    pair: ModelPair, own_text: OwnText, on_loop: OnLoop, scheme: SchemeName, problem: str
) -> None:
    config = RunConfig(
        scheme=scheme,
        threshold=9,
        temperature=0,
        token_budget=NUM_TOKENS,
        max_step_tokens=20,
        max_same_steps=0,
        on_budget="stop",
    )
    steps = on_loop(undisturbed(pair, problem, config, seed=0, repeat=0))
    encode = pair.base.tokenizer.encode
    transcript = pair.base.tokenizer.render_prompt(user_turn(problem))
    for step in steps:
        if step.author is Role.BASE:
            assert step.kept_ids == own_text(transcript, len(step.kept_ids))
        # The drafter's ids are others: what it wrote reaches the base as text.
        kept = encode(step.kept_text) if step.author is Role.DRAFTER else step.kept_ids
        transcript = (*transcript, *kept)
    assert sum(len(step.kept_ids) for step in steps if step.author is Role.BASE) > 1


def test_the_base_keeps_much_of_what_the_copy_drafts_and_corrects_the_rest(
    pair: ModelPair, on_loop: OnLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy whose rows lay wrong would give the same text, and hardly a token would be kept."""
    # vLLM is imported with the settings that loading a pair makes.
    from specreason.engines.vllm.engine import Pulse

    tokens: Counter[str] = Counter()

    def record(self: Pulse, scheduler_stats: Any = None, *rest: object, **named: object) -> None:
        stats = getattr(scheduler_stats, "spec_decoding_stats", None)
        if stats is not None:
            tokens.update(drafted=stats.num_draft_tokens, kept=stats.num_accepted_tokens)

    monkeypatch.setattr(Pulse, "record", record)
    limits = Limits(max_tokens=NUM_TOKENS, delimiter=None, stop_at_think_end=False)
    for problem in PROBLEMS:
        prompt = pair.base.tokenizer.render_prompt(user_turn(problem))
        on_loop(pair.base.generate(prompt, limits=limits, sampling=Sampling(temperature=0), seed=0))
    assert tokens["drafted"] > tokens["kept"] > tokens["drafted"] / 3
