"""Runs the three batches of `specreason demo` on a stack of their own, and prints their figures."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from specreason.cli.connection import connected
from specreason.cli.local.services import Announce
from specreason.cli.local.stack import Stack, running_stack
from specreason.cli.show.demo import print_a_trace, print_figures, print_queries
from specreason.cli.show.output import data_console, print_json, print_message
from specreason.cli.waiting.drawing import draw_into
from specreason.cli.waiting.watching import display_of
from specreason.client import Batch, Client
from specreason.config import SchemeName
from specreason.errors import TransientError
from specreason.submission.problem import BUNDLED_PROBLEMS
from specreason.words import counted

SCHEMES = (SchemeName.BASE, SchemeName.DRAFTER, SchemeName.SPECREASON)
# Without a number of problems: what the three batches may take, in units of what one problem takes the base, and the
# fewest problems that tell anything.
WORTH_S = 100.0
ALL_SCHEMES = 1.7
FEWEST = 6
# Greedy decoding, so that the three schemes differ by nothing but the scheme.
CONFIG: dict[str, Any] = {"temperature": 0.0, "token_budget": 1024, "max_answer_tokens": 64}


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoReport:
    """The batches of the three schemes, by the scheme's name."""

    batches: dict[str, Batch]

    @property
    def all_succeeded(self) -> bool:
        return all(batch.num_succeeded == batch.num_jobs for batch in self.batches.values())

    def speedup(self, scheme: str) -> float | None:
        """Return how many times faster a job is than with the base alone, from the mean latencies."""
        base, own = (self.batches[name].mean_latency_s for name in ("base", scheme))
        return base / own if base and own else None

    def figures(self) -> dict[str, Any]:
        """Return what the last line of `specreason demo --json` holds."""
        of_all = self.batches.values()
        return {
            "pass_at_1": {name: batch.pass_at_1 for name, batch in self.batches.items()},
            "mean_latency_s": {name: batch.mean_latency_s for name, batch in self.batches.items()},
            "speedup": self.speedup("specreason"),
            "step_acceptance": self.batches["specreason"].step_acceptance,
            "jobs_total": sum(batch.num_jobs for batch in of_all),
            "jobs_succeeded": sum(batch.num_succeeded for batch in of_all),
        }


def run_demo(
    data_dir: Path | None, *, num_problems: int | None, report_dir: Path | None, as_json: bool
) -> DemoReport:
    """Start the stack, run the three batches one after the other, print and draw their figures, stop the stack."""
    with ExitStack() as cleanup:
        if data_dir is None:
            data_dir = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="specreason-demo-")))
        # One slot: a job runs alone, so that the schemes' latencies compare.
        stack = cleanup.enter_context(
            running_stack(data_dir, pair="demo", port=0, slots=1, announce=print_message)
        )
        lines = BUNDLED_PROBLEMS.read_text().splitlines()
        client = cleanup.enter_context(connected(stack.api_url))
        if num_problems is None:
            num_problems = how_many(stack, client, lines, print_message)
        lines = lines[:num_problems]
        report = DemoReport(batches=run_batches(stack, client, lines, print_message))
        if not as_json:
            console = data_console()
            print_figures(console, report.batches, {name: report.speedup(name) for name in report.batches})
            print_queries(console, stack.database, report.batches["specreason"].batch_id)
            print_a_trace(console, client, report.batches["specreason"].batch_id)
        page = None
        if report_dir is not None:
            page = draw_into(
                client.analysis.report([batch.batch_id for batch in report.batches.values()]), report_dir
            )
    if as_json:
        print_json(report.figures() | {"report": None if page is None else str(page)})
    elif page is not None:
        data_console().print(f"\nReport: {page}", soft_wrap=True, markup=False)
    return report


def how_many(stack: Stack, client: Client, lines: list[str], announce: Announce) -> int:
    """How many of the problems take about WORTH_S on this machine: the base tries one of them first."""
    tried = _run(lines[:1], SchemeName.BASE, "demo, to see how fast this machine is", stack, client)
    seconds = tried.mean_latency_s or 1.0
    affordable = max(FEWEST, int(WORTH_S / (seconds * ALL_SCHEMES)))
    if affordable < len(lines):
        announce(
            f"One problem took the base {seconds:.1f} s, so {affordable} of the {len(lines)} problems are run;"
            f" --problems {len(lines)} runs all"
        )
    return min(affordable, len(lines))


def run_batches(stack: Stack, client: Client, lines: list[str], announce: Announce) -> dict[str, Batch]:
    """Run the problems of the JSONL `lines` once per scheme; return the graded batches by scheme.

    Raises EmbeddedServerError if a part of the stack ends meanwhile.
    """
    batches = {}
    for number, scheme in enumerate(SCHEMES, 1):
        announce(f"Scheme {number} of {len(SCHEMES)}: {scheme}, {counted(len(lines), 'problem')}")
        batches[str(scheme)] = _run(lines, scheme, f"demo {scheme}", stack, client)
    return batches


def _run(lines: list[str], scheme: SchemeName, name: str, stack: Stack, client: Client) -> Batch:
    # A data directory that is used again gets new batches: the demo measures, so it runs.
    batch = client.submit(
        "\n".join(lines).encode(),
        name=name,
        config=CONFIG | {"scheme": str(scheme)},
        metadata={"dataset": "demo"},
        idempotency_key=str(uuid4()),
    )
    return _wait_for(batch, stack, client)


def _wait_for(batch: Batch, stack: Stack, client: Client) -> Batch:
    with display_of([batch]) as display:

        def show(latest: Batch) -> None:
            stack.check()
            display.show(latest)

        def tell_outage(seconds: float, error: TransientError) -> None:
            stack.check()
            display.tell_outage(seconds, error)

        return client.wait(batch.batch_id, on_progress=show, on_outage=tell_outage)
