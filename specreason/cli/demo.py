"""`specreason demo`: the bundled problems through the whole pipeline, once per scheme, and what came of it."""

from __future__ import annotations

import json
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from specreason.cli.connection import connected
from specreason.cli.local.stack import Stack, running_stack
from specreason.cli.show.demo import print_a_trace, print_queries, print_table
from specreason.client import Batch, Client
from specreason.config import SchemeName

PROBLEMS = Path(__file__).parent.parent / "demo" / "problems.jsonl"
SCHEMES = (SchemeName.BASE, SchemeName.DRAFTER, SchemeName.SPECREASON)
# Greedy decoding, so that the three schemes differ by nothing but the scheme.
CONFIG: dict[str, Any] = {"temperature": 0.0, "token_budget": 1024, "max_answer_tokens": 64}
POLL_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoReport:
    """The batches of the three schemes."""

    batches: dict[str, Batch]

    @property
    def all_succeeded(self) -> bool:
        return all(batch.num_succeeded == batch.num_jobs for batch in self.batches.values())

    def speedup(self, scheme: str) -> float | None:
        """How many times faster a job is than with the base alone, from the mean latencies."""
        base, own = (self.batches[name].mean_latency_s for name in ("base", scheme))
        return base / own if base and own else None

    def to_json(self) -> str:
        """The last line of `specreason demo --json`."""
        of_all = self.batches.values()
        return json.dumps(
            {
                "pass_at_1": {name: batch.pass_at_1 for name, batch in self.batches.items()},
                "mean_latency_s": {name: batch.mean_latency_s for name, batch in self.batches.items()},
                "speedup": self.speedup("specreason"),
                "step_acceptance": self.batches["specreason"].step_acceptance,
                "jobs_total": sum(batch.num_jobs for batch in of_all),
                "jobs_succeeded": sum(batch.num_succeeded for batch in of_all),
            }
        )


def run_demo(data_dir: Path | None, *, num_problems: int, as_json: bool) -> DemoReport:
    """Start the stack, run the three batches one after the other, print what came of them, stop the stack."""
    progress_console = Console(stderr=True)
    with ExitStack() as cleanup:
        if data_dir is None:
            data_dir = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="specreason-demo-")))
        # One slot: a job runs alone, so that the schemes' latencies compare.
        stack = cleanup.enter_context(
            running_stack(data_dir, pair="demo", port=0, slots=1, announce=progress_console.print)
        )
        lines = PROBLEMS.read_text().splitlines()[:num_problems]
        client = cleanup.enter_context(connected(stack.api_url))
        report = DemoReport(batches=_run_batches(stack, client, lines, progress_console))
        if not as_json:
            console = Console()
            print_table(console, report.batches, {name: report.speedup(name) for name in report.batches})
            print_queries(console, stack.database, report.batches["specreason"].batch_id)
            print_a_trace(console, client, report.batches["specreason"].batch_id)
    if as_json:
        print(report.to_json())  # noqa: T201 (the command's result)
    return report


def _run_batches(stack: Stack, client: Client, lines: list[str], console: Console) -> dict[str, Batch]:
    columns = (
        TextColumn("{task.description:<12}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("jobs"),
        TimeElapsedColumn(),
    )
    batches = {}
    with Progress(*columns, console=console) as progress:
        bars = {scheme: progress.add_task(scheme, total=len(lines), start=False) for scheme in SCHEMES}
        for scheme in SCHEMES:

            def show(batch: Batch, bar: TaskID = bars[scheme]) -> None:
                stack.check()
                progress.update(bar, completed=batch.num_ended)

            progress.start_task(bars[scheme])
            config = CONFIG | {"scheme": str(scheme)}
            # A data directory that is used again gets new batches: the demo measures, so it runs.
            batch = client.submit(
                "\n".join(lines).encode(),
                name=f"demo {scheme}",
                config=config,
                idempotency_key=str(uuid4()),
            )
            batches[str(scheme)] = client.wait(batch.batch_id, on_progress=show)
    return batches
