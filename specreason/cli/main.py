"""The `specreason` command. Each command is a thin shell around what it names; `exits.py` says how they end."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from typer.exceptions import TyperException

from specreason import __version__
from specreason.cli import batch, database, doctor, job, keys, submit, workers
from specreason.cli.exits import (
    EXIT_HELP,
    EXIT_INTERRUPTED,
    EXIT_PIPE_CLOSED,
    EXIT_SOME_FAILED,
    EXIT_TERMINATED,
    report,
    report_error,
    wants_json,
)
from specreason.cli.options import AsJson, PairName
from specreason.errors import SpecReasonError

app = typer.Typer(
    name="specreason",
    help="Run reasoning models over whole datasets, fast, with every step on record.",
    epilog=EXIT_HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(batch.app, name="batch")
app.add_typer(job.app, name="job")
app.add_typer(database.app, name="db")
app.add_typer(keys.app, name="keys")
app.command()(submit.submit)
app.command()(workers.workers)
app.command()(doctor.doctor)


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
    raise typer.Exit(0 if report.all_succeeded else EXIT_SOME_FAILED)


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
    from specreason.cli.local.stack import default_data_dir
    from specreason.cli.up import run_up

    run_up(data_dir or default_data_dir(), pair=pair, port=port, slots=slots, as_json=as_json)


@app.command()
def api(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on. Default: SPECREASON_API_HOST.")
    ] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Default: SPECREASON_API_PORT.")] = None,
    listen_fd: Annotated[int | None, typer.Option(hidden=True, help="A socket that listens already.")] = None,
    as_json: AsJson = False,
) -> None:
    """Serve the HTTP API. Needs SPECREASON_DATABASE_URL and SPECREASON_BROKER_URL."""
    from specreason.cli.local.services import serve_api

    serve_api(host, port, listen_fd, as_json=as_json)


@app.command()
def worker(
    pair: PairName = "demo",
    gpu: Annotated[
        str | None, typer.Option(help="GPUs for this worker, such as 0 or 0,1: sets CUDA_VISIBLE_DEVICES.")
    ] = None,
    slots: Annotated[int | None, typer.Option(min=1, max=256, help="Default: SPECREASON_SLOTS.")] = None,
    as_json: AsJson = False,
) -> None:
    """Run one worker: it holds a pair and runs its jobs. Needs the same two URLs as the API."""
    from specreason.cli.local.services import run_worker

    raise typer.Exit(run_worker(pair, gpu, slots, as_json=as_json))


@app.command()
def version(as_json: AsJson = False) -> None:
    """Print the version."""
    typer.echo(json.dumps({"version": __version__}) if as_json else __version__)


def run(arguments: Sequence[str]) -> int:
    """Run one command line; its exit status. Only a defect of ours leaves as an exception."""
    as_json = wants_json(arguments)
    try:
        status = app(args=list(arguments), prog_name="specreason", standalone_mode=False) or 0
    except TyperException as error:
        return _usage(error, as_json=as_json)
    except SpecReasonError as error:
        return report_error(error, as_json=as_json)
    except SystemExit as leaving:  # what Typer and rich make of a pipe that nobody reads any more
        if isinstance(leaving.__context__, BrokenPipeError):
            return EXIT_PIPE_CLOSED
        raise
    if status == EXIT_INTERRUPTED:  # what Typer makes of Ctrl-C
        return report("interrupted", EXIT_INTERRUPTED, as_json=as_json)
    return int(status)


def _usage(error: TyperException, *, as_json: bool) -> int:
    """A command line that cannot be read. One without a command asks for help."""
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        typer.echo(error.format_message(), err=True)
        return error.exit_code
    hint = f" (see {context.command_path} --help)" if context is not None else ""
    return report(f"{error.format_message()}{hint}", error.exit_code, as_json=as_json)


def main() -> None:
    """Entry point of the installed command."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(EXIT_TERMINATED))
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
