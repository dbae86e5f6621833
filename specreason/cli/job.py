"""`specreason job`: single jobs, each one repeat of one problem, and their traces."""

from __future__ import annotations

from typing import Annotated

import typer

from specreason.cli.connection import connected
from specreason.cli.options import (
    ApiUrl,
    AsJson,
    Commands,
    DeadlineAt,
    GpuHourPrice,
    JobRef,
    price_or_setting,
)
from specreason.cli.show import controls
from specreason.cli.show.costs import job_cost
from specreason.cli.show.jobs import print_attempts, print_job
from specreason.cli.show.output import data_console, print_answer, print_json, print_list_as_json
from specreason.cli.show.trace import print_trace
from specreason.client import Job, job_ref
from specreason.client.decoding import to_json

app = typer.Typer(
    cls=Commands, help="Look at single jobs and their traces, and control them.", no_args_is_help=True
)


@app.command()
def show(ref: JobRef, price: GpuHourPrice = None, api: ApiUrl = None, as_json: AsJson = False) -> None:
    """Show a job: its problem, its state, and its cost."""
    gpu_hour_price = price_or_setting(price)
    with connected(api) as client:
        job = client.job(client.find_job(ref))
        if as_json:
            print_json(to_json(job) | {"cost": job_cost(job, gpu_hour_price)})
        else:
            print_job(client.batch(job.batch_id), job, gpu_hour_price)


@app.command()
def steps(
    ref: JobRef,
    full: Annotated[
        bool, typer.Option("--full", help="Print whole texts, not only their beginnings.")
    ] = False,
    api: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """Show a job's trace: each step with its draft, score, decision, tokens and time."""
    with connected(api) as client:
        job_id = client.find_job(ref)
        found = client.steps(job_id)
        if as_json:
            print_list_as_json(found)
        else:
            job = client.job(job_id)
            name = job_ref(job, client.batch(job.batch_id))
            print_trace(data_console(), name, job, found, full=full)


@app.command()
def attempts(ref: JobRef, api: ApiUrl = None, as_json: AsJson = False) -> None:
    """List the attempts at a job, and how each ended."""
    with connected(api) as client:
        found = list(client.attempts(client.find_job(ref)))
    if as_json:
        print_list_as_json(found)
    else:
        print_attempts(found)


@app.command()
def cancel(ref: JobRef, api: ApiUrl = None, as_json: AsJson = False) -> None:
    """End a job that has not ended."""
    with connected(api) as client:
        job = client.cancel_job(client.find_job(ref))
    _say(job, ref, controls.job_cancelled(job), as_json=as_json)


@app.command()
def requeue(ref: JobRef, api: ApiUrl = None, as_json: AsJson = False) -> None:
    """Run a job that did not succeed again. It continues after its last step."""
    with connected(api) as client:
        job = client.requeue_job(client.find_job(ref))
    _say(job, ref, controls.job_requeued(job), as_json=as_json)


@app.command()
def deadline(ref: JobRef, at: DeadlineAt = None, api: ApiUrl = None, as_json: AsJson = False) -> None:
    """Set when the job expires if it has not ended."""
    with connected(api) as client:
        job = client.job_deadline(client.find_job(ref), at)
    _say(job, ref, controls.job_due(job, at), as_json=as_json)


def _say(job: Job, ref: str, what: str, *, as_json: bool) -> None:
    print_answer(job, f"job {ref}: {what}", as_json=as_json)
