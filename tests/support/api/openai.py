"""The API on scripted pairs, asked by the unmodified `openai` SDK, and what such a client does in a test."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import FastAPI
from openai import OpenAI
from openai.types import Batch

from specreason.store.session import Database
from tests.support.api.live import serving
from tests.support.api.openai_builders import ENDPOINT
from tests.support.store.sql import scalar
from tests.support.workers.processes import wait_for


@contextmanager
def sdk_of(app: FastAPI) -> Iterator[OpenAI]:
    """A client that tries nothing again, and a real server while the block runs."""
    with serving(app) as url, OpenAI(base_url=f"{url}/v1", api_key="x", max_retries=0) as openai:
        yield openai


def create(openai: OpenAI, content: bytes, **asked: Any) -> Batch:
    file_id = openai.files.create(file=("sums.jsonl", content), purpose="batch").id
    wanted = {"endpoint": ENDPOINT, "completion_window": "24h", **asked}
    return openai.batches.create(input_file_id=file_id, **wanted)


def reaches(openai: OpenAI, batch_id: str, *words: str) -> Batch:
    wait_for(lambda: openai.batches.retrieve(batch_id).status in words)
    return openai.batches.retrieve(batch_id)


def lines_of(openai: OpenAI, file_id: str | None) -> list[dict[str, Any]]:
    assert file_id is not None
    return [json.loads(each) for each in openai.files.content(file_id).text.splitlines()]


def num_jobs(database: Database) -> object:
    return scalar(database, "SELECT count(*) FROM job")
