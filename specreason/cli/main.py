"""The `specreason` command. Each command is a thin shell around what it names.

stdout carries results, stderr progress and errors. Exit status: 0 done; 1 a defect of ours; 2 wrong input or
configuration; 3 done, but some jobs did not succeed; 7 a server cannot be started or reached; 130 Ctrl-C; 143 SIGTERM
before the command could handle it.
"""

from __future__ import annotations

import json
import signal
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from specreason import __version__
from specreason.cli.stack import default_data_dir
from specreason.errors import ConfigError, EmbeddedServerError, SpecReasonError, StoreUnavailable

EXIT_CONFIG = 2
EXIT_JOBS_FAILED = 3
EXIT_UNREACHABLE = 7
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143

app = typer.Typer(
    name="specreason",
    help="Run reasoning models over whole datasets, fast, with every step on record.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

PairName = Annotated[str, typer.Option("--pair", help="A pair of pairs.toml.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON line on stdout, errors included.")]


@app.command()
def demo(
    data_dir: Annotated[
        Path | None, typer.Option(help="Keep the data here. Default: a temporary folder, removed at the end.")
    ] = None,
    problems: Annotated[int, typer.Option(min=1, max=24, help="How many of the bundled problems.")] = 24,
    as_json: AsJson = False,
) -> None:
    """Run the bundled problems with the demo pair: the base alone, the drafter alone, then both together."""
    from specreason.cli.demo import run_demo

    report = run_demo(data_dir, num_problems=problems, as_json=as_json)
    raise typer.Exit(0 if report.all_succeeded else EXIT_JOBS_FAILED)


@app.command()
def up(
    data_dir: Annotated[Path | None, typer.Option(help="Where the data live.")] = None,
    pair: PairName = "demo",
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="The API's port; 0: any free one. Default: SPECREASON_API_PORT."),
    ] = None,
    slots: Annotated[
        int | None, typer.Option(min=1, max=32, help="Jobs in flight on the pair. Default: SPECREASON_SLOTS.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Start Postgres, Valkey, the API and one worker on this machine, and keep them until Ctrl-C."""
    from specreason.cli.up import run_up

    run_up(data_dir or default_data_dir(), pair=pair, port=port, slots=slots, as_json=as_json)


@app.command()
def api(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on. Default: SPECREASON_API_HOST.")
    ] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Default: SPECREASON_API_PORT.")] = None,
    listen_fd: Annotated[int | None, typer.Option(hidden=True, help="A socket that listens already.")] = None,
) -> None:
    """Serve the HTTP API. Needs SPECREASON_DATABASE_URL and SPECREASON_BROKER_URL."""
    from specreason.cli.services import serve_api

    serve_api(host, port, listen_fd)


@app.command()
def worker(
    pair: PairName = "demo",
    gpu: Annotated[
        str | None, typer.Option(help="GPUs for this worker, such as 0 or 0,1: sets CUDA_VISIBLE_DEVICES.")
    ] = None,
    slots: Annotated[int | None, typer.Option(min=1, max=256, help="Default: SPECREASON_SLOTS.")] = None,
) -> None:
    """Run one worker: it holds a pair and runs its jobs. Needs the same two URLs as the API."""
    from specreason.cli.services import run_worker

    raise typer.Exit(run_worker(pair, gpu, slots))


BatchOrJob = Annotated[UUID, typer.Argument(help="Id of a batch or of a job.")]
ApiUrl = Annotated[str | None, typer.Option("--api", help="Where the API is. Default: SPECREASON_API_URL.")]


@app.command()
def cancel(given_id: BatchOrJob, api: ApiUrl = None, as_json: AsJson = False) -> None:
    """End a job, or every job of a batch, that has not ended."""
    _act(api, given_id, "cancel", as_json=as_json)


@app.command()
def pause(
    batch_id: Annotated[UUID, typer.Argument(help="Id of a batch.")],
    api: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """Start no more jobs of a batch; those that run stop at their next step and lose nothing."""
    _act(api, batch_id, "pause", as_json=as_json)


@app.command()
def resume(
    batch_id: Annotated[UUID, typer.Argument(help="Id of a batch.")],
    api: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """Let a paused batch go on."""
    _act(api, batch_id, "resume", as_json=as_json)


@app.command()
def requeue(
    given_id: BatchOrJob,
    state: Annotated[
        list[str] | None,
        typer.Option(
            help="Of a batch, jobs in this state: failed, dead, cancelled, expired. Default: the first two."
        ),
    ] = None,
    api: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """Run jobs that did not succeed again, from their last step on."""
    _act(api, given_id, "requeue", {"states": state} if state else None, as_json=as_json)


@app.command()
def deadline(
    given_id: BatchOrJob,
    at: Annotated[
        datetime | None, typer.Argument(help="Local time, such as 2026-12-24T18:00:00; none: no deadline.")
    ] = None,
    api: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """Let what has not ended by then expire."""
    _act(
        api,
        given_id,
        "deadline",
        {"deadline_at": at.astimezone().isoformat() if at else None},
        as_json=as_json,
    )


def _act(
    api_url: str | None, given_id: UUID, action: str, body: dict[str, object] | None = None, *, as_json: bool
) -> None:
    from specreason.cli.controls import act, in_words
    from specreason.settings import load_settings

    summary = act(api_url or load_settings().api_url, given_id, action, body)
    typer.echo(json.dumps(summary) if as_json else in_words(summary))


@app.command()
def migrate(as_json: AsJson = False) -> None:
    """Bring the database at SPECREASON_DATABASE_URL to this version's schema."""
    from specreason.cli.services import run_migrate

    revision = run_migrate()
    typer.echo(json.dumps({"revision": revision}) if as_json else f"the schema is at revision {revision}")


@app.command()
def version(as_json: AsJson = False) -> None:
    """Print the version."""
    typer.echo(json.dumps({"version": __version__}) if as_json else __version__)


def main() -> None:
    """Entry point: an error that is not a defect of ours is one line and an exit status."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(EXIT_TERMINATED))
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except SpecReasonError as error:
        fail(error)


def fail(error: SpecReasonError) -> None:
    """Say what is wrong, on stderr, and as JSON on stdout where the user asked for JSON."""
    status = 1
    if isinstance(error, ConfigError):
        status = EXIT_CONFIG
    elif isinstance(error, StoreUnavailable | EmbeddedServerError):
        status = EXIT_UNREACHABLE
    typer.echo(f"specreason: {error}", err=True)
    if "--json" in sys.argv:
        typer.echo(json.dumps({"error": {"message": str(error), "exit_status": status}}))
    sys.exit(status)


if __name__ == "__main__":
    main()
