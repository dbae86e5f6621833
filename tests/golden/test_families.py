"""The pairs of the hub, by their families: templates, judge suffixes, digits, and two tokenizers in one pair."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from specreason.config import RunConfig
from specreason.engines.base import ModelPair, Role
from specreason.engines.judge import OPENING, QUESTION, judge_suffix
from specreason.engines.tokenizer import HFTokenizer
from specreason.errors import InputError
from specreason.reasoning.loop import reason
from specreason.reasoning.schemes import plan_run
from specreason.reasoning.scoring import Judge
from specreason.reasoning.steps import Decision, ListSink, StepRecord, Trace
from specreason.reasoning.transcript import Transcript
from specreason.submission.chat import user_turn
from tests.golden.families import FAMILY_OF, write_model
from tests.golden.scene import (
    DRAFT,
    GOLDEN,
    KEPT,
    PAIRS,
    PROBLEM,
    asked_to_score,
    golden_texts,
    kept_steps,
    scripted,
    tokenizer_of,
)

QWQ, SKYWORK, LLAMA = "qwq-32b_r1-1_5b", "skywork-32b_r1-1_5b", "r1-70b_r1-1_5b"
QWEN3 = "qwen3-1_7b_0_6b"
each_pair = pytest.mark.parametrize("name", PAIRS)
whether_the_template_opens_it_or_not = pytest.mark.parametrize("opens_thinking", [True, False])


async def run_loop(pair: ModelPair, resume_from: Sequence[StepRecord] = (), **config: object) -> Trace:
    transcript = Transcript(pair, user_turn(PROBLEM), resume_from)
    run = plan_run(RunConfig(**config), pair, transcript, seed=0, repeat=0)
    return await reason(run, transcript, ListSink())


async def test_every_model_of_the_packaged_pairs_is_asked_what_its_golden_file_says() -> None:
    written = {path.name: path.read_text(encoding="utf-8") for path in GOLDEN.glob("*.txt")}
    assert await golden_texts() == written


@each_pair
@whether_the_template_opens_it_or_not
@pytest.mark.parametrize("role", Role)
def test_a_prompt_ends_inside_an_open_think_exactly_once(name: str, opens_thinking: bool, role: Role) -> None:
    tokenizer = scripted(PAIRS[name], opens_thinking=opens_thinking).engine(role).tokenizer
    prompt = tokenizer.decode(tokenizer.render_prompt(user_turn(PROBLEM)))
    assert prompt.endswith("<think>\n")
    assert prompt.count("<think>") == 1


@each_pair
@whether_the_template_opens_it_or_not
@pytest.mark.parametrize("draft", [DRAFT, "So it is 93.\n</think>"])
async def test_the_judge_reads_every_step_although_the_template_drops_what_is_thought(
    name: str, opens_thinking: bool, draft: str
) -> None:
    pair = scripted(PAIRS[name], opens_thinking=opens_thinking)
    steps = "".join(text for _, text in KEPT) + draft
    asked = await asked_to_score(PAIRS[name], draft=draft, opens_thinking=opens_thinking)
    assert asked.endswith(steps + pair.judge_suffix)
    templated = pair.base.tokenizer.conversation(
        ("user", PROBLEM), ("assistant", f"<think>\n{steps}</think>"), ("user", "How good?")
    )
    assert KEPT[0][1] not in templated


@each_pair
@whether_the_template_opens_it_or_not
def test_the_question_for_a_score_ends_the_turn_and_begins_the_next_as_the_template_does(
    name: str, opens_thinking: bool
) -> None:
    pair = scripted(PAIRS[name], opens_thinking=opens_thinking)
    templated = pair.base.tokenizer.conversation(
        ("user", PROBLEM), ("assistant", "Words."), ("user", "How good?")
    )
    turn_end, answer_begins = templated.partition("Words.")[2].split("How good?")
    answer_begins = answer_begins.removesuffix("<think>\n")
    assert pair.judge_suffix == f"{turn_end}{QUESTION}{answer_begins}<think>\n{OPENING}"


@each_pair
def test_after_the_judge_suffix_each_digit_is_exactly_one_token(name: str) -> None:
    pair = scripted(PAIRS[name])
    ids = Judge.of(pair.base.tokenizer, pair.judge_suffix).digit_ids
    assert [pair.base.tokenizer.decode([i]) for i in ids] == list("0123456789")


@pytest.mark.parametrize(
    ("name", "token", "decision"),
    [(LLAMA, "85", Decision.REJECTED_NO_DIGIT), (QWQ, "8", Decision.ACCEPTED)],
)
async def test_a_base_that_says_85_in_one_token_has_given_no_score_and_the_step_is_written_again(
    name: str, token: str, decision: Decision
) -> None:
    pair = scripted(
        PAIRS[name],
        drafter={"steps": ["One.\n\n", "Two.\n\n", "</think>"]},
        base={"steps": ["1.\n\n", "2.\n\n", "</think>"], "answer": "93", "score": lambda prompt: 85},
    )
    trace = await run_loop(pair, threshold=0)
    assert [step.decision for step in trace.steps] == [decision] * 3 + [Decision.ANSWER]
    verdict = trace.steps[0].verdict
    assert verdict is not None
    assert pair.base.tokenizer.decode([verdict.token_id]) == token
    assert verdict.digit == (None if decision is Decision.REJECTED_NO_DIGIT else 8)
    assert trace.steps[0].kept_text == ("1.\n\n" if verdict.digit is None else "One.\n\n")


@pytest.mark.parametrize(
    ("name", "shared"),
    [(QWQ, False), ("qwq-32b_zr1-1_5b", False), (SKYWORK, True), (LLAMA, False), (QWEN3, True)],
)
def test_unequal_vocabularies_are_known_as_such(name: str, shared: bool) -> None:
    assert scripted(PAIRS[name]).shares_vocabulary is shared


@pytest.mark.parametrize("name", [QWQ, LLAMA])
@pytest.mark.parametrize(("author", "reader"), [(Role.DRAFTER, Role.BASE), (Role.BASE, Role.DRAFTER)])
def test_between_two_tokenizers_each_step_crosses_by_its_own_text(
    name: str, author: Role, reader: Role
) -> None:
    pair = scripted(PAIRS[name])
    # The first step was cut inside a number. Steps stay steps: the reader must not merge the two.
    texts = ["It is 8", "5 of 100.\n\n", "So 93.\n</think>"]
    written, read = (pair.engine(role).tokenizer for role in (author, reader))
    transcript = Transcript(pair, user_turn(PROBLEM), kept_steps(pair, [(author, text) for text in texts]))
    for tokenizer, role in ((written, author), (read, reader)):
        steps = [token for text in texts for token in tokenizer.encode(text)]
        asked = tokenizer.render_prompt(user_turn(pair.prompt.replace("{problem}", PROBLEM)))
        assert transcript.ids(role) == (*asked, *steps)
    assert transcript.ids(reader)[-1:] == read.encode("</think>")
    assert written.encode(texts[-1]) != read.encode(texts[-1])


@pytest.mark.parametrize("name", [QWQ, LLAMA])
async def test_a_run_over_two_tokenizers_resumed_after_any_step_reads_the_same_to_both_models(
    name: str,
) -> None:
    def pair() -> ModelPair:
        drafted = ["First, 85 + 15 is 100.\n\n", "Then 100 - 7.\n\n", "It is 93.\n\n", "Done.</think>"]
        written = [text.replace(".", "!") for text in drafted]
        return scripted(
            PAIRS[name],
            drafter={"steps": drafted},
            base={"steps": written, "answer": "93", "scores": (9, 0, None, 9)},
        )

    whole = await run_loop(pair())
    assert [step.author for step in whole.steps[:3]] == [Role.DRAFTER, Role.BASE, Role.BASE]
    expected = Transcript(pair(), user_turn(PROBLEM), whole.steps)
    for cut in range(len(whole.steps)):
        resumed = await run_loop(pair(), whole.steps[:cut])
        transcript = Transcript(pair(), user_turn(PROBLEM), resumed.steps)
        assert {role: transcript.ids(role) for role in Role} == {role: expected.ids(role) for role in Role}


@pytest.mark.parametrize("model", FAMILY_OF)
def test_a_tokenizer_is_what_its_file_says_whatever_class_the_model_names(model: str) -> None:
    tokenizer = tokenizer_of(model)
    text = "Step one: add 85 and 15,\n\nwhich gives  100."
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert len(tokenizer.encode("85")) == (1 if FAMILY_OF[model].max_digits == 3 else 2)


def test_a_model_without_a_tokenizer_file_is_refused_by_the_files_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"tokenizer\.json"):
        HFTokenizer.load(str(tmp_path))


def test_a_template_that_leaves_out_earlier_turns_needs_a_judge_suffix_in_the_pair(tmp_path: Path) -> None:
    config = PAIRS[QWQ]
    write_model(FAMILY_OF[config.base.model], tmp_path, opens_thinking=True)
    tokenizer = HFTokenizer.load(str(tmp_path), chat_template="{{ messages[-1].content }}<think>")
    with pytest.raises(InputError, match="judge_suffix"):
        judge_suffix(config, tokenizer)
    assert judge_suffix(config.model_copy(update={"judge_suffix": "Score: "}), tokenizer) == "Score: "
