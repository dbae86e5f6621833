"""A batch through API, queue, worker, vLLM and Postgres, and what is left when processes are killed."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest
from kombu import Connection

from specreason.cli.local.stack import Stack
from specreason.engines.machine.placement import shapes_of
from specreason.pairs import load_pairs
from specreason.planning.memory import plan_on_the_cpu
from specreason.planning.needs import GIB
from specreason.store.read.query import read_only_query
from specreason.submission.problem import BUNDLED_PROBLEMS
from tests.acceptance.serving.conftest import User
from tests.support.messages import names
from tests.support.workers.processes import alive, descendants, wait_for

SHORT: dict[str, Any] = {"temperature": 0, "token_budget": 120, "max_answer_tokens": 16}
VERDICT = ("score", "digit_probs", "non_digit_mass", "verify_latency_s", "threshold")
# The first test loads a pair, and one loads it again; on a busy machine that takes minutes.
pytestmark = pytest.mark.timeout(900)
DRAFT = ("draft_text", "draft_tokens", "draft_latency_s", "draft_ttft_s")


def some_problems(number: int) -> list[dict[str, Any]]:
    return [json.loads(line) for line in BUNDLED_PROBLEMS.read_text().splitlines()[:number]]


@pytest.mark.parametrize("scheme", ["base", "drafter", "specreason"])
def test_every_job_of_a_batch_ends_with_gap_free_steps_that_add_up(user: User, scheme: str) -> None:
    jobs = user.wait_until_ended(user.submit(some_problems(3), scheme=scheme, **SHORT))
    assert [job["state"] for job in jobs] == ["succeeded"] * 3
    for job in jobs:
        steps = user.steps(job["job_id"])
        assert [step["index"] for step in steps] == list(range(len(steps)))
        for phase in ("think", "answer"):
            tokens = sum(step["kept_tokens"] for step in steps if step["phase"] == phase)
            assert tokens == job[f"{phase}_tokens"]
        assert job["think_tokens"] <= SHORT["token_budget"]
        assert job["kept_tokens"] <= job["spent_tokens"]
        assert job["inserted_tokens"] == sum(step["inserted_tokens"] for step in steps)
        assert job["pair_fingerprint"]


def test_a_drafted_step_has_draft_ten_probabilities_and_timings_and_no_other_step_has(user: User) -> None:
    (job,) = user.wait_until_ended(
        user.submit(some_problems(1), scheme="specreason", first_steps_on_base=1, **SHORT)
    )
    steps = user.steps(job["job_id"])
    drafted = [step for step in steps if step["decision"] in ("accepted", "rejected", "rejected_no_digit")]
    assert drafted
    for step in drafted:
        assert step["phase"] == "think"
        assert all(step[name] is not None for name in DRAFT)
        assert len(step["digit_probs"]) == 10
        assert sum(step["digit_probs"]) + step["non_digit_mass"] == pytest.approx(1, abs=1e-3)
        assert step["verify_latency_s"] > 0
    others = [step for step in steps if step not in drafted]
    assert {"first_steps_on_base", "answer"} <= {step["decision"] for step in others}
    assert all(step[name] is None for step in others for name in (*DRAFT, *VERDICT))


def test_a_verification_prefills_the_step_and_less_than_two_blocks_but_never_the_transcript(
    user: User,
) -> None:
    (job,) = user.wait_until_ended(user.submit(some_problems(1), scheme="specreason", **SHORT))
    steps = [step for step in user.steps(job["job_id"]) if step["score"] is not None][1:]
    assert steps
    for step in steps:
        prefilled = step["verify_prompt_tokens"] - step["verify_cached_tokens"]
        assert prefilled <= step["draft_tokens"] + 2 * 32


def test_the_same_seed_gives_the_same_thoughts_again(user: User) -> None:
    sampled = SHORT | {"temperature": 0.8, "seed": 7}
    texts = []
    for _ in range(2):
        (job,) = user.wait_until_ended(user.submit(some_problems(1), scheme="drafter", **sampled))
        texts.append([step["kept_text"] for step in user.steps(job["job_id"])])
    assert texts[0] == texts[1]


def test_a_problem_longer_than_the_context_fails_with_the_limit_and_the_others_succeed(user: User) -> None:
    problems = [{"problem": "Add 1. " * 3000, "answer": "1"}, *some_problems(1)]
    jobs = user.wait_until_ended(user.submit(problems, scheme="base", **SHORT))
    assert [job["state"] for job in jobs] == ["failed", "succeeded"]
    assert names(jobs[0]["error"], 2048)


def test_text_of_any_language_comes_back_as_it_was_written(user: User) -> None:
    problem = "Ω ∑ 日本語 🙂 \\frac{1}{2} <script>"
    (job,) = user.wait_until_ended(user.submit([{"problem": problem}], scheme="specreason", **SHORT))
    assert job["state"] == "succeeded"
    assert job["problem"] == problem
    assert job["is_correct"] is None


def test_the_engines_of_the_demo_pair_take_no_more_memory_than_their_plan_and_more_than_half(
    user: User, stack: Stack
) -> None:
    user.wait_until_ended(user.submit(some_problems(4), scheme="specreason", **SHORT))
    # The other descendant is multiprocessing's tracker of resources, which is small.
    peaks = sorted(map(peak_gib, descendants(live_child(stack))))[-2:]
    pair = load_pairs()["demo"]
    plan = plan_on_the_cpu(pair, shapes_of(pair), 64 * GIB)
    planned = sorted(share.total_gib for share in (plan.drafter, plan.base))
    for peak, share in zip(peaks, planned, strict=True):
        assert share / 2 < peak < share


def test_a_killed_child_leaves_no_engine_and_its_jobs_go_on_where_they_stood(
    user: User, stack: Stack
) -> None:
    batch_id = user.submit(some_problems(4) * 3, scheme="specreason", **SHORT | {"token_budget": 1024})
    wait_for(lambda: any(len(user.steps(job["job_id"])) >= 3 for job in user.jobs(batch_id)))
    child = live_child(stack)
    family = descendants(child)
    assert len(family) >= 2  # the two engines at least
    os.kill(child, signal.SIGKILL)
    wait_for(lambda: not any(map(alive, family)))
    jobs = user.wait_until_ended(batch_id)
    assert {job["state"] for job in jobs} == {"succeeded"}
    resumed = [job for job in jobs if job["resumed"]]
    assert resumed
    for job in resumed:
        steps = user.steps(job["job_id"])
        assert [step["index"] for step in steps] == list(range(len(steps)))
        assert len({step["fence"] for step in steps}) == 2  # rows of both claims: nothing was done anew
    assert user.get(f"batches/{batch_id}")["num_timed"] == len(jobs) - len(resumed)


def test_a_flushed_broker_loses_no_queued_job(user: User, stack: Stack) -> None:
    batch_id = user.submit(some_problems(12), scheme="base", **SHORT)
    with Connection(stack.broker_url) as connection:
        connection.default_channel.client.flushall()
    assert user.get(f"batches/{batch_id}")["num_queued"] > 0
    assert {job["state"] for job in user.wait_until_ended(batch_id)} == {"succeeded"}


def peak_gib(pid: int) -> float:
    """The most memory that the process has held."""
    (kib,) = re.findall(r"^VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(kib) * 1024 / GIB


def live_child(stack: Stack) -> int:
    answer = read_only_query(
        stack.database, "SELECT pid FROM worker WHERE stopped_at IS NULL ORDER BY id DESC LIMIT 1"
    )
    pid: int = answer.rows[0][0]
    return pid
