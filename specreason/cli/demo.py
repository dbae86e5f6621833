"""`specreason demo`: the bundled problems through the whole pipeline, once per scheme, and what came of it."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from specreason.cli.demo_report import print_queries, print_table, print_trace
from specreason.cli.stack import Stack, running_stack
from specreason.config import SchemeName
from specreason.errors import StoreUnavailable

PROBLEMS = Path(__file__).parent.parent / "demo" / "problems.jsonl"
SCHEMES = (SchemeName.BASE, SchemeName.DRAFTER, SchemeName.SPECREASON)
# Greedy decoding, so that the three schemes differ by nothing but the scheme.
CONFIG: dict[str, Any] = {"temperature": 0.0, "token_budget": 1024, "max_answer_tokens": 64}
POLL_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoReport:
    """The batch summaries of the three schemes, as the API gave them."""

    batches: dict[str, dict[str, Any]]

    @property
    def all_succeeded(self) -> bool:
        return all(batch["num_succeeded"] == batch["num_jobs"] for batch in self.batches.values())

    def speedup(self, scheme: str) -> float | None:
        """How many times faster a job is than with the base alone, from the mean latencies."""
        base, own = (self.batches[name]["mean_latency_s"] for name in ("base", scheme))
        return base / own if base and own else None

    def to_json(self) -> str:
        """The last line of `specreason demo --json`."""
        of_all = self.batches.values()
        return json.dumps(
            {
                "pass_at_1": {name: batch["pass_at_1"] for name, batch in self.batches.items()},
                "mean_latency_s": {name: batch["mean_latency_s"] for name, batch in self.batches.items()},
                "speedup": self.speedup("specreason"),
                "step_acceptance": self.batches["specreason"]["step_acceptance"],
                "jobs_total": sum(batch["num_jobs"] for batch in of_all),
                "jobs_succeeded": sum(batch["num_succeeded"] for batch in of_all),
            }
        )


def run_demo(data_dir: Path | None, *, num_problems: int, as_json: bool) -> DemoReport:
    """Start the stack, run the three batches one after the other, print what came of them, stop the stack."""
    progress_console = Console(stderr=True)
    with ExitStack() as cleanup:
        if data_dir is None:
            data_dir = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="specreason-demo-")))
        cleanup.enter_context(_http_errors())
        # One slot: a job runs alone, so that the schemes' latencies compare.
        stack = cleanup.enter_context(
            running_stack(data_dir, pair="demo", port=0, slots=1, announce=progress_console.print)
        )
        lines = PROBLEMS.read_text().splitlines()[:num_problems]
        report = DemoReport(batches=_run_batches(stack, lines, progress_console))
        if not as_json:
            console = Console()
            print_table(console, report.batches, {name: report.speedup(name) for name in report.batches})
            print_queries(console, stack.database, report.batches["specreason"]["batch_id"])
            print_trace(console, stack.api_url, report.batches["specreason"]["batch_id"])
    if as_json:
        print(report.to_json())  # noqa: T201 (the command's result)
    return report


def _run_batches(stack: Stack, lines: list[str], console: Console) -> dict[str, dict[str, Any]]:
    columns = (
        TextColumn("{task.description:<12}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("jobs"),
        TimeElapsedColumn(),
    )
    batches = {}
    with (
        httpx2.Client(base_url=stack.api_url, timeout=30, trust_env=False) as client,
        Progress(*columns, console=console) as progress,
    ):
        bars = {scheme: progress.add_task(scheme, total=len(lines), start=False) for scheme in SCHEMES}
        for scheme in SCHEMES:
            progress.start_task(bars[scheme])
            batch = _submit(client, scheme, lines)
            while not _settled(batch):
                time.sleep(POLL_S)
                stack.check()
                batch = _answer(client.get(f"/api/batches/{batch['batch_id']}"))
                progress.update(bars[scheme], completed=batch["num_jobs"] - _num_open(batch))
            batches[str(scheme)] = batch
    return batches


@contextmanager
def _http_errors() -> Iterator[None]:
    """An API that does not answer is an error of the servers, not of the program."""
    try:
        yield
    except httpx2.HTTPError as error:
        raise StoreUnavailable(f"the API does not answer: {error}") from error


def _submit(client: httpx2.Client, scheme: SchemeName, lines: list[str]) -> dict[str, Any]:
    form = {"name": f"demo {scheme}", "pair": "demo", "config": json.dumps(CONFIG | {"scheme": scheme})}
    return _answer(
        client.post("/api/batches", data=form, files={"file": ("problems.jsonl", "\n".join(lines))})
    )


def _answer(response: httpx2.Response) -> dict[str, Any]:
    if response.is_error:
        raise StoreUnavailable(f"the API answered {response.status_code}: {response.text}")
    answer: dict[str, Any] = response.json()
    return answer


def _num_open(batch: dict[str, Any]) -> int:
    return int(batch["num_queued"] + batch["num_running"])


def _settled(batch: dict[str, Any]) -> bool:
    """Every job has ended, and every answer has its grade."""
    return _num_open(batch) == 0 and batch["num_graded"] == batch["num_succeeded"]
