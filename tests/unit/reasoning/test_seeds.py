"""Seeds: what they depend on, and what they do not."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from specreason.config import RunConfig
from specreason.engines.base import Role
from specreason.engines.scripted.engine import ScriptedEngine, scripted_pair
from specreason.reasoning.calls import step_call
from specreason.reasoning.schemes import plan_run
from specreason.reasoning.seeds import call_seed, noise_key
from specreason.reasoning.transcript import Transcript
from specreason.submission.chat import Message, user_turn

INT64 = 2**63 - 1


def seed_of_first_step(
    problem: str | tuple[Message, ...], *, prompt: str = "{problem}", **config: object
) -> int:
    """As the loop asks for it, of a pair with its own words around the problem."""
    messages = user_turn(problem) if isinstance(problem, str) else problem
    engine = ScriptedEngine(steps=["One.\n\n"])
    pair = replace(scripted_pair(drafter=engine, base=engine), prompt=prompt)
    transcript = Transcript(pair, messages)
    run = plan_run(RunConfig.model_validate(config), pair, transcript, seed=7, repeat=0)
    return step_call(run, transcript, Role.DRAFTER).seed


def test_problems_repeats_seeds_steps_and_roles_draw_independently_of_each_other() -> None:
    keys = {noise_key(*each) for each in product(("a", "b", "1/a"), (0, 1, 11), (0, 1, 11))}
    seeds = {call_seed(*each) for each in product(keys, (0, 1, 10), Role)}
    assert len(seeds) == 3 * 3 * 3 * 3 * 2


def test_two_problems_of_a_batch_share_no_noise_and_the_same_problem_again_has_the_same() -> None:
    assert seed_of_first_step("What is 2 + 2?") != seed_of_first_step("What is 2 + 3?")
    assert seed_of_first_step("What is 2 + 2?") == seed_of_first_step("What is 2 + 2?")


def test_every_message_of_a_chat_is_in_its_noise_and_a_chat_of_one_user_turn_has_that_of_the_problem() -> (
    None
):
    last = Message("user", "What is 2 + 2?")
    chats = [(Message(role, text), last) for role in ("system", "user", "assistant") for text in ("a", "b")]
    assert len({seed_of_first_step(each) for each in [*chats, (last,)]}) == 7
    assert seed_of_first_step((last,)) == seed_of_first_step("What is 2 + 2?")


def test_schemes_and_pairs_are_compared_under_the_same_noise() -> None:
    plain = seed_of_first_step("What is 2 + 2?")
    assert seed_of_first_step("What is 2 + 2?", scheme="drafter") == plain
    assert seed_of_first_step("What is 2 + 2?", prompt="Think. {problem}") == plain


def test_the_seeds_of_stored_jobs_stay_what_they_are() -> None:
    """A release that changes them lets a job that it resumes go on with other draws. Say so in the changelog."""
    key = noise_key("What is 2 + 2?", 7, 1)
    assert call_seed(key, 0, Role.DRAFTER) == 2_262_819_355_652_203_737
    assert call_seed(key, 12, Role.BASE) == 2_061_090_983_717_293_387


@given(problem=st.text(st.characters(codec="utf-8"), max_size=20), index=st.integers(0, 1000))
def test_a_seed_and_the_tokens_after_it_fit_into_64_bits(problem: str, index: int) -> None:
    seed = call_seed(noise_key(problem, 2**31 - 1, 1023), index, Role.BASE)
    assert seed >= 0
    assert seed + 2**31 <= INT64
