"""`specreason job`: single jobs, each one repeat of one problem, and their traces."""

from __future__ import annotations

from typing import Annotated

import typer

from specreason.cli.connection import connected
from specreason.cli.options import ApiUrl, AsJson, Commands, DeadlineAt, JobId
from specreason.cli.show.jobs import print_attempts, print_job
from specreason.cli.show.output import data_console, print_answer, print_json, print_list_as_json
from specreason.cli.show.trace import print_trace
from specreason.client import Job

app = typer.Typer(
    cls=Commands, help="Look at single jobs and their traces, and control them.", no_args_is_help=True
)


@app.command()
def show(job_id: JobId, api: ApiUrl = None, as_json: AsJson = False) -> None:
    """Show a job: its problem, its state, and its cost."""
    with connected(api) as client:
        job = client.job(job_id)
    if as_json:
        print_json(job)
    else:
        print_job(job)


@app.command()
def steps(
    job_id: JobId,
    full: Annotated[
        bool, typer.Option("--full", help="Print whole texts, not only their beginnings.")
    ] = False,
    api: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """Show a job's trace: each step with its draft, score, decision, tokens and time."""
    with connected(api) as client:
        found = client.steps(job_id)
        if as_json:
            print_list_as_json(found)
        else:
            print_trace(data_console(), client.job(job_id), found, full=full)


@app.command()
def attempts(job_id: JobId, api: ApiUrl = None, as_json: AsJson = False) -> None:
    """List the attempts at a job, and how each ended."""
    with connected(api) as client:
        found = list(client.attempts(job_id))
    if as_json:
        print_list_as_json(found)
    else:
        print_attempts(found)


@app.command()
def cancel(job_id: JobId, api: ApiUrl = None, as_json: AsJson = False) -> None:
    """End a job that has not ended."""
    with connected(api) as client:
        _say(client.cancel_job(job_id), as_json=as_json)


@app.command()
def requeue(job_id: JobId, api: ApiUrl = None, as_json: AsJson = False) -> None:
    """Run a job that did not succeed again. It continues after its last step."""
    with connected(api) as client:
        _say(client.requeue_job(job_id), as_json=as_json)


@app.command()
def deadline(job_id: JobId, at: DeadlineAt = None, api: ApiUrl = None, as_json: AsJson = False) -> None:
    """Set when the job expires if it has not ended."""
    with connected(api) as client:
        _say(client.job_deadline(job_id, at), as_json=as_json)


def _say(job: Job, *, as_json: bool) -> None:
    print_answer(job, f"job {job.job_id}: {job.state}", as_json=as_json)
