"""The `specreason` command. Modules beside this one hold the commands, `exits.py` how they end, the rooms the rest.

A command imports what is slow to load (the store, servers, datasets, checks) inside itself, so that help, completion
and the commands that only ask the API start quickly.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.exceptions import TyperException

from specreason import __version__
from specreason.cli import batch, database, demo, doctor, job, keys, submit, up, workers
from specreason.cli.exits import (
    EXIT_HELP,
    EXIT_INTERRUPTED,
    EXIT_PIPE_CLOSED,
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
app.command()(demo.demo)
app.command()(up.up)
app.command()(submit.submit)
app.command()(workers.workers)
app.command()(doctor.doctor)


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
