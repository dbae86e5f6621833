"""The packaged pairs over small tokenizers, a transcript with two kept steps, and what the models are then asked."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from specreason.engines.base import ModelPair, Role
from specreason.engines.judge import judge_suffix
from specreason.engines.scripted.engine import ScriptedEngine
from specreason.engines.tokenizer import HFTokenizer
from specreason.pairs import PairConfig, load_pairs
from specreason.reasoning.scoring import Judge, score_step
from specreason.reasoning.steps import Decision, Phase, StepRecord
from specreason.reasoning.transcript import Transcript
from specreason.submission.chat import user_turn
from tests.golden.families import FAMILY_OF, Family, write_model

HUB_PAIRS = {name: config for name, config in load_pairs().items() if not name.startswith("demo")}
GOLDEN = Path(__file__).parent
PROBLEM = "What is 85 + 15 - 7?"
KEPT = ((Role.DRAFTER, "First, 85 + 15 = 100.\n\n"), (Role.BASE, "Then 100 - 7 = 93.\n\n"))
DRAFT = "So the answer is 93.\n\n"


def traits(model: str) -> tuple[Family, str]:
    """What decides a model's prompts: its family, and who publishes it. Sizes and quantizations have the same."""
    return FAMILY_OF[model], model.partition("/")[0]


# The first pair of each two traits: other sizes and other cards change no prompt.
PAIRS = {
    name: HUB_PAIRS[name]
    for name in {
        (traits(config.base.model), traits(config.drafter.model)): name
        for name, config in reversed(HUB_PAIRS.items())
    }.values()
}


class FamilyTokenizer(HFTokenizer):
    """With the end of sequence, which a ScriptedEngine writes, and the chat template for any conversation."""

    @property
    def eos_id(self) -> int:
        return self._hf.eos_token_id

    def conversation(self, *turns: tuple[str, str]) -> str:
        """Turns of role and text, by the template alone, up to where the next one begins."""
        messages = [{"role": role, "content": content} for role, content in turns]
        return self._hf.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)


def tokenizer_of(model: str, *, opens_thinking: bool = True) -> FamilyTokenizer:
    """Loaded from a folder, as a deployment loads it."""
    return _tokenizer_of(FAMILY_OF[model], opens_thinking)


@cache
def _tokenizer_of(family: Family, opens_thinking: bool) -> FamilyTokenizer:
    with TemporaryDirectory() as folder:
        write_model(family, Path(folder), opens_thinking=opens_thinking)
        return FamilyTokenizer.load(folder)


def scripted(config: PairConfig, *, opens_thinking: bool = True, **scripts: dict[str, object]) -> ModelPair:
    """The pair of `config`, put together as `load_pair` does it; `scripts` say what each role's engine says."""
    tokenizers = {
        role: tokenizer_of(config.model(role).model, opens_thinking=opens_thinking) for role in Role
    }
    suffix = judge_suffix(config, tokenizers[Role.BASE])
    engines = {
        role: ScriptedEngine(tokenizer=tokenizers[role], judge_suffix=suffix, **scripts.get(role, {}))
        for role in Role
    }
    return ModelPair(
        name="golden",
        fingerprint="golden",
        drafter=engines[Role.DRAFTER],
        base=engines[Role.BASE],
        judge_suffix=suffix,
        prompt=config.prompt,
        threshold=config.threshold,
    )


def kept_steps(pair: ModelPair, kept: Iterable[tuple[Role, str]] = KEPT) -> list[StepRecord]:
    """What was kept, by whom, as the loop records it."""
    return [
        StepRecord(
            index=index,
            phase=Phase.THINK,
            decision=Decision.ACCEPTED if author is Role.DRAFTER else Decision.REJECTED,
            author=author,
            kept_ids=pair.engine(author).tokenizer.encode(text),
            kept_text=text,
        )
        for index, (author, text) in enumerate(kept)
    ]


def asked_to_continue(pair: ModelPair, role: Role) -> str:
    ids = Transcript(pair, user_turn(PROBLEM), kept_steps(pair)).ids(role)
    return pair.engine(role).tokenizer.decode(ids)


async def asked_to_score(config: PairConfig, *, draft: str = DRAFT, opens_thinking: bool = True) -> str:
    """The prompt that reaches the base's engine."""
    asked: list[str] = []
    pair = scripted(config, opens_thinking=opens_thinking, base={"score": asked.append})
    judge = Judge.of(pair.base.tokenizer, pair.judge_suffix)
    draft_ids = pair.drafter.tokenizer.encode(draft)
    await score_step(pair, judge, Transcript(pair, user_turn(PROBLEM), kept_steps(pair)), draft_ids)
    return asked[0]


async def golden_texts() -> dict[str, str]:
    """File name to what should stand in it, for each model of the pairs; `▮` is where the model goes on."""
    texts = {}
    for name, config in PAIRS.items():
        pair = scripted(config)
        base, drafter = re.split(r"(?<=b)_", name, maxsplit=1)
        texts[f"{drafter}.txt"] = f"--- asked to continue\n{asked_to_continue(pair, Role.DRAFTER)}▮\n"
        texts[f"{base}.txt"] = (
            f"--- asked to continue\n{asked_to_continue(pair, Role.BASE)}▮\n"
            f"--- asked to score\n{await asked_to_score(config)}▮\n"
        )
    return texts
