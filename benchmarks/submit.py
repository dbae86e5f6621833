"""How fast lines become queued jobs and jobs become result lines, and in what memory: `python -m benchmarks.submit`.

Conditions: an embedded Postgres with fsync on and an embedded Valkey, both its own; the API in a process of its own,
as `specreason api` runs it; no worker and no model. The file has lines of 1,100 bytes.

*Submitting*: from the first byte of the upload to /v1/files until the batch made of it is `in_progress`, that is until
every job is queued. *Native*: the same problems as a form to /api/batches, until its answer is there.

*Results*: the jobs are ended by SQL, with two steps and 600 characters of text each. From the first look at the batch
after that, through `finalizing`, until the last byte of the output file has come. *Native*: /api/batches/ID/results.

*Peak*: VmHWM of the API's process, MiB, over all of this.

The last line of stdout is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import httpx2
from openai import OpenAI
from sqlalchemy import text

from api.serve import listen
from benchmarks.own_servers import conditions, own_servers, vacuum
from specreason.children import spawn_module, stop
from specreason.embedded import Servers
from specreason.store.session import Database, connect

LINE_BYTES = 1100
POLL_S = 0.2
TIMEOUT_S = 600
TARGET_LINES_PER_S, TARGET_RSS_MB = 5000, 300
ENDPOINT = "/v1/chat/completions"

# A step of thinking and an answer for each job, as a base alone writes them.
STEPS = """
INSERT INTO step (job_id, index, fence, phase, decision, author, kept_tokens, spent_tokens, finish_reason,
    written_tokens, written_finish_reason, written_prompt_tokens, written_cached_tokens, written_ttft_s,
    written_latency_s)
SELECT job.id, index, 1, CASE index WHEN 0 THEN 'think' ELSE 'answer' END,
    CASE index WHEN 0 THEN 'base_only' ELSE 'answer' END, 'base', 100, 100, 'eos', 100, 'eos', 250, 0, 0.1, 1
FROM job CROSS JOIN generate_series(0, 1) AS index
"""
PAYLOADS = """
INSERT INTO step_payload (job_id, index, kept_text, kept_ids, written_text, written_ids)
SELECT job_id, index, repeat('So it is. ', 30), '{1}', '', '{1}' FROM step
"""
END = """
UPDATE job SET state = 'succeeded', stop_reason = 'answered', answer = '4', started_at = now(), finished_at = now(),
    num_steps = 2, num_drafted = 0, num_accepted = 0, think_tokens = 100, answer_tokens = 100, spent_tokens = 200,
    engine_s = 2, latency_s = 2
"""


@dataclass(frozen=True, slots=True)
class Api:
    """The API's process and where it answers."""

    url: str
    pid: int

    @property
    def peak_rss_mb(self) -> float:
        return peak_rss_mb(self.pid)


def peak_rss_mb(pid: int) -> float:
    """The largest memory that a process has had, MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    (kib,) = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return int(kib) / 1024


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lines", type=int, default=50_000)
    lines: int = parser.parse_args().lines
    with (
        tempfile.TemporaryDirectory() as folder,
        own_servers() as servers,
        running_api(servers, Path(folder)) as api,
        OpenAI(base_url=f"{api.url}/v1", api_key="none", timeout=TIMEOUT_S) as client,
    ):
        database = connect(servers.database_url, pool_size=1)
        print(", ".join(f"{name} {value}" for name, value in conditions(database).items()))
        idle = api.peak_rss_mb
        problems, requests = Path(folder) / "problems.jsonl", Path(folder) / "requests.jsonl"
        write_files(problems, requests, lines)
        print(f"{lines} lines, {requests.stat().st_size / 1e6:.1f} MB; the idle API has {idle:.0f} MiB")
        batch_id, submit_s = submit_openai(client, requests)
        print(f"submitted through /v1: {submit_s:.2f} s, {lines / submit_s:.0f} lines/s")
        native_id, native_s = submit_native(api, problems)
        print(f"submitted through /api: {native_s:.2f} s, {lines / native_s:.0f} lines/s")
        after_submit = api.peak_rss_mb
        end_jobs(database)
        result_s = read_openai(client, batch_id, lines)
        print(f"results through /v1: {result_s:.2f} s, {lines / result_s:.0f} lines/s")
        native_result_s = read_native(api, native_id, lines)
        print(f"results through /api: {native_result_s:.2f} s, {lines / native_result_s:.0f} lines/s")
        peak = api.peak_rss_mb
        database.dispose()
    print(f"peak of the API: {after_submit:.0f} MiB after submitting, {peak:.0f} MiB in the end")
    print(f"targets: {TARGET_LINES_PER_S} lines/s both ways, {TARGET_RSS_MB} MiB")
    result = {
        "lines": lines,
        "lines_per_s": round(lines / submit_s),
        "native_lines_per_s": round(lines / native_s),
        "result_lines_per_s": round(lines / result_s),
        "native_result_lines_per_s": round(lines / native_result_s),
        "idle_rss_mb": round(idle),
        "peak_rss_mb": round(peak),
    }
    print(json.dumps(result))
    return 0


@contextmanager
def running_api(servers: Servers, folder: Path) -> Iterator[Api]:
    """`specreason api` on a port of its own."""
    with listen("127.0.0.1", 0) as listener, (folder / "api.log").open("wb") as log:
        fd = listener.fileno()
        process = spawn_module(
            "specreason.cli.main",
            *("api", "--listen-fd", str(fd)),
            death_signal=signal.SIGTERM,
            environment={
                "SPECREASON_DATABASE_URL": servers.database_url,
                "SPECREASON_BROKER_URL": servers.broker_url,
                "SPECREASON_FILES_DIR": str(folder / "files"),
            },
            pass_fds=(fd,),
            output=log,
        )
        try:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            httpx2.get(f"{url}/api/health", timeout=TIMEOUT_S).raise_for_status()
            yield Api(url, process.pid)
        finally:
            stop(process, grace_s=10)


def write_files(problems: Path, requests: Path, lines: int) -> None:
    """The same problems as a dataset and as requests."""
    with problems.open("w") as dataset, requests.open("w") as wanted:
        for number in range(lines):
            padding = "x" * (LINE_BYTES - 180)
            problem = f"What is {number} + {number}? {padding}"
            dataset.write(json.dumps({"problem": problem, "answer": str(2 * number), "id": number}) + "\n")
            body = {"model": "demo", "messages": [{"role": "user", "content": problem}], "seed": number}
            line = {"custom_id": f"sum-{number}", "method": "POST", "url": ENDPOINT, "body": body}
            wanted.write(json.dumps(line) + "\n")


def submit_openai(client: OpenAI, requests: Path) -> tuple[str, float]:
    """The batch's id, and the time until its jobs are queued."""
    started = time.monotonic()
    source = client.files.create(file=requests, purpose="batch")
    batch = client.batches.create(input_file_id=source.id, endpoint=ENDPOINT, completion_window="24h")
    while batch.status == "validating":
        time.sleep(POLL_S)
        batch = client.batches.retrieve(batch.id)
    assert batch.status == "in_progress", batch.errors
    return batch.id, time.monotonic() - started


def submit_native(api: Api, problems: Path) -> tuple[UUID, float]:
    started = time.monotonic()
    with problems.open("rb") as content:
        answer = httpx2.post(f"{api.url}/api/batches", files={"file": content}, timeout=TIMEOUT_S)
    answer.raise_for_status()
    return UUID(answer.json()["batch_id"]), time.monotonic() - started


def end_jobs(database: Database) -> None:
    """As if workers had run them all."""
    with database.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))  # no check of foreign keys
        for statement in (STEPS, PAYLOADS, END):
            connection.execute(text(statement))
    vacuum(database, "job", "step", "step_payload")


def read_openai(client: OpenAI, batch_id: str, lines: int) -> float:
    started = time.monotonic()
    batch = client.batches.retrieve(batch_id)
    while batch.status == "finalizing":
        time.sleep(POLL_S)
        batch = client.batches.retrieve(batch_id)
    assert batch.output_file_id is not None, batch.status
    with client.files.with_streaming_response.content(batch.output_file_id) as answer:
        assert sum(chunk.count(b"\n") for chunk in answer.iter_bytes()) == lines
    return time.monotonic() - started


def read_native(api: Api, batch_id: UUID, lines: int) -> float:
    started = time.monotonic()
    url = f"{api.url}/api/batches/{batch_id}/results"
    with httpx2.stream("GET", url, timeout=TIMEOUT_S) as answer:
        assert sum(chunk.count(b"\n") for chunk in answer.iter_bytes()) == lines
    return time.monotonic() - started


if __name__ == "__main__":
    sys.exit(main())
