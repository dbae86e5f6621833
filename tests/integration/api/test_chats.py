"""Problems that are chats: submitted, stored, shown and claimed as the same messages."""

from __future__ import annotations

import json
from uuid import UUID

import pytest
from fastapi.testclient import TestClient

from specreason.client.decoding import decode
from specreason.client.job_values import Job
from specreason.store.queue.jobs import claim
from specreason.store.queue.workers import NewWorker, register_worker
from specreason.store.read.query import read_only_query
from specreason.store.session import Database
from specreason.submission.chat import Message, messages_of, user_turn

QUESTION = "Two more?"
CHAT = [
    {"role": "system", "content": "Be brief.\n\\boxed{}"},
    {"role": "user", "content": "1 + 1 <|im_end|>?"},
    {"role": "assistant", "content": "<think>\nEasy.\n</think>\n\n2 😀"},
    {"role": "user", "content": QUESTION},
]
PLAIN = [{"role": "user", "content": " 1 + 1?\n"}]


def jobs_of(client: TestClient, batch_id: str) -> list[dict[str, object]]:
    data: list[dict[str, object]] = client.get(f"/api/batches/{batch_id}/jobs").json()["data"]
    return data


@pytest.mark.parametrize("as_file", [False, True])
def test_a_chat_is_stored_and_shown_with_its_last_turn_as_the_problem(
    client: TestClient, database: Database, as_file: bool
) -> None:
    rows = [{"problem": CHAT, "answer": "4"}, {"problem": PLAIN}, {"problem": "1 + 1?"}]
    if as_file:
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        answer = client.post("/api/batches", files={"file": ("p.jsonl", lines)})
    else:
        answer = client.post("/api/batches", json={"problems": rows})
    assert answer.status_code == 201
    chat, *plain = jobs_of(client, answer.json()["batch_id"])
    assert (chat["problem"], chat["messages"], chat["gold"]) == (QUESTION, CHAT, "4")
    assert [(job["problem"], job["messages"]) for job in plain] == [("1 + 1?", None)] * 2
    assert client.get(f"/api/jobs/{chat['job_id']}").json() == chat
    assert decode(Job, chat).messages == tuple(CHAT)
    rows_in_table = read_only_query(database, 'SELECT text, messages FROM problem ORDER BY "index"').rows
    assert rows_in_table == ((QUESTION, CHAT), ("1 + 1?", None), ("1 + 1?", None))


def test_a_claim_has_the_messages_of_its_chat_and_one_user_turn_of_a_plain_problem(
    client: TestClient, database: Database
) -> None:
    answer = client.post("/api/batches", json={"problems": [{"messages": CHAT}, {"problem": "1 + 1?"}]})
    worker_id = register_worker(
        database, NewWorker(pair="demo", pair_fingerprint="demo-1", host="here", pid=1, slots=2), lease_s=60
    )
    claims = [
        claim(database, UUID(str(job["job_id"])), worker_id=worker_id, pair_fingerprint="demo-1")
        for job in jobs_of(client, answer.json()["batch_id"])
    ]
    messages = [claimed.messages for claimed in claims if claimed is not None]
    assert messages == [messages_of(CHAT), user_turn("1 + 1?")]
    assert messages[0][0] == Message("system", "Be brief.\n\\boxed{}")


@pytest.mark.parametrize(
    ("problem", "field"),
    [
        ([*CHAT, {"role": "assistant", "content": "4"}], "[4].role"),
        ([{"role": "tool", "content": "4"}, *CHAT], "[0].role"),
        ([{"role": "user"}], "[0].content"),
        ([], ""),
    ],
)
def test_a_chat_that_cannot_be_run_is_refused_by_its_place_in_body_and_file_alike(
    client: TestClient, problem: list[dict[str, str]], field: str
) -> None:
    row = {"problem": problem}
    body = client.post("/api/batches", json={"problems": [row]})
    file = client.post("/api/batches", files={"file": ("p.jsonl", json.dumps(row) + "\n")})
    assert (body.status_code, file.status_code) == (422, 422)
    assert body.json()["field"] == f"problems[0].problem{field}"
    assert file.json()["field"] == f"line 1: problem{field}"
