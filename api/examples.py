"""An example of each request body. The page `/docs` sends it as it is when a user presses Execute."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from specreason.submission.problem import BUNDLED_PROBLEMS

JSON, FORM = "application/json", "multipart/form-data"
NUM_PROBLEMS = 2


def examples() -> Mapping[str, Mapping[str, Any]]:
    """An example for each content type of each operation that has a body, by the operation's id.

    Two ids cannot be known here: that of an OpenAI batch's file, which `openai_upload_file` answers, and that of a
    reward's job.
    """
    lines = BUNDLED_PROBLEMS.read_text(encoding="utf-8").splitlines()[:NUM_PROBLEMS]
    problems = [json.loads(line) for line in lines]
    content = "".join(f"{line}\n" for line in lines)
    # Short and greedy, so that the demo pair has answers within seconds.
    config = {"scheme": "specreason", "threshold": 7, "temperature": 0, "token_budget": 1024}
    metadata = {"purpose": "a first try"}
    grid = {"scheme": ["base", "specreason"]}
    batch = {"name": "first try", "pair": "demo", "config": config, "metadata": metadata}
    sweep = batch | {"name": "base or both", "grid": grid}
    deadline = {"deadline_at": "2099-12-31T23:59:59Z"}
    return {
        "submit_batch": {JSON: batch | {"problems": problems}, FORM: _form(batch) | {"file": content}},
        "submit_grid": {JSON: sweep | {"problems": problems}, FORM: _form(sweep) | {"file": content}},
        "set_batch_deadline": {JSON: deadline},
        "set_batch_priority": {JSON: {"priority": 5}},
        "requeue_batch": {JSON: {"states": ["failed", "dead"]}},
        "regrade_batch": {
            JSON: {"answers": [{"id": 0, "answer": "4"}], "grader": "layers"},
            FORM: {"file": '{"id": 0, "answer": "4"}\n', "grader": "layers"},
        },
        "store_rewards": {
            JSON: {
                "prm": "my-prm",
                "revision": "1",
                "rewards": [
                    {"job_id": "00000000-0000-7000-8000-000000000000", "step_index": 0, "score": 0.9}
                ],
            }
        },
        "set_job_deadline": {JSON: deadline},
        "add_webhook": {JSON: {"url": "https://hooks.example/specreason"}},
        "prune": {JSON: {"older_than_s": 30 * 86_400, "dry_run": True}},
        "openai_create_chat_completion": {
            JSON: {
                "model": "demo",
                "messages": [{"role": "user", "content": problems[0]["problem"]}],
                "temperature": 0,
                "max_tokens": 1536,
                "specreason": {"scheme": "specreason", "threshold": 7},
            }
        },
        "openai_upload_file": {FORM: {"purpose": "batch", "file": _request_lines(problems)}},
        "openai_create_batch": {
            JSON: {
                "input_file_id": f"file-{'0' * 32}",
                "endpoint": "/v1/chat/completions",
                "completion_window": "24h",
                "metadata": metadata,
            }
        },
    }


def _form(options: Mapping[str, Any]) -> dict[str, str]:
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in options.items()}


def _request_lines(problems: list[dict[str, Any]]) -> str:
    """The problems as the lines of an OpenAI batch file."""
    lines = (
        {
            "custom_id": problem["id"],
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {"model": "demo", "messages": [{"role": "user", "content": problem["problem"]}]},
        }
        for problem in problems
    )
    return "".join(f"{json.dumps(line)}\n" for line in lines)
