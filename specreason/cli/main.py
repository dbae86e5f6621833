"""The `specreason` command. Modules beside this one hold the commands, `exits.py` how they end, the rooms the rest.

A command imports what is slow to load (the store, servers, datasets, checks) inside itself, so that help, completion
and the commands that only ask the API start quickly.
"""

from __future__ import annotations

import errno
import json
import signal
import sys
from collections.abc import Sequence
from functools import cache
from typing import Annotated, cast

import typer
import typer.main
from typer.core import TyperGroup
from typer.exceptions import TyperException

from specreason import __version__
from specreason.cli import (
    api,
    ask,
    batch,
    database,
    datasets,
    demo,
    doctor,
    down,
    grade,
    job,
    keys,
    plan,
    prune,
    status,
    submit,
    up,
    webhook,
    worker,
    workers,
)
from specreason.cli.analysis import export, importing, judge
from specreason.cli.analysis.compare import compare
from specreason.cli.analysis.figures import figures
from specreason.cli.analysis.report import report as draw_report
from specreason.cli.analysis.search import search
from specreason.cli.eval import run_eval
from specreason.cli.exits import (
    EXIT_HELP,
    EXIT_INTERRUPTED,
    EXIT_PIPE_CLOSED,
    EXIT_TERMINATED,
    EXIT_UNREACHABLE,
    hang_up,
    report,
    report_error,
    wants_json,
)
from specreason.cli.live import top
from specreason.cli.options import AsJson, Commands
from specreason.cli.rewards.prm import prm
from specreason.cli.show.encoding import discard_stdout, prepare_streams
from specreason.cli.show.mistakes import mistake
from specreason.errors import SpecReasonError

app = typer.Typer(
    name="specreason",
    cls=Commands,
    help="Run reasoning models over whole datasets, fast, with every step on record.",
    epilog=EXIT_HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
batch.app.command()(figures)
app.add_typer(batch.app, name="batch")
app.add_typer(job.app, name="job")
app.add_typer(database.app, name="db")
app.add_typer(keys.app, name="keys")
app.add_typer(webhook.app, name="webhook")
app.command()(export.export)
app.command("import")(importing.import_)
app.command()(demo.demo)
app.command()(up.up)
app.command()(status.status)
app.command()(down.down)
app.command()(ask.ask)
app.command()(submit.submit)
app.command("eval")(run_eval)
app.command()(datasets.datasets)
app.command()(grade.grade)
app.command()(compare)
app.command()(judge.judge)
app.command("report")(draw_report)
app.command()(prm)
app.command()(search)
app.command()(prune.prune)
app.command()(workers.workers)
app.command()(top.top)
app.command()(doctor.doctor)
app.command()(plan.plan)
app.command()(api.api)
app.command()(worker.worker)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"specreason {__version__}")
        raise typer.Exit


@app.callback()
def specreason(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Options that need no command."""


@app.command()
def version(as_json: AsJson = False) -> None:
    """Print the version."""
    typer.echo(json.dumps({"version": __version__}) if as_json else __version__)


@cache
def root() -> TyperGroup:
    """The command with all commands in it. Typer takes a tenth of a second to build it."""
    return cast(TyperGroup, typer.main.get_command(app))


def run(arguments: Sequence[str]) -> int:
    """Run one command line; return its exit status. Only an internal error leaves as an exception."""
    as_json = wants_json(arguments)
    try:
        status = root()(args=list(arguments), prog_name="specreason", standalone_mode=False) or 0
    except TyperException as error:
        return _usage(error, arguments, as_json=as_json)
    except SpecReasonError as error:
        return report_error(error, as_json=as_json)
    except SystemExit as leaving:
        # Typer and rich end so when the reader of a pipe has gone.
        if isinstance(leaving.__context__, BrokenPipeError):
            return EXIT_PIPE_CLOSED
        raise
    # Typer returns this status after Ctrl-C.
    if status == EXIT_INTERRUPTED:
        return report("interrupted", EXIT_INTERRUPTED, as_json=as_json)
    return int(status)


def _usage(error: TyperException, arguments: Sequence[str], *, as_json: bool) -> int:
    """Report an invalid command line; return the exit status. One without a command gets the help."""
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        typer.echo(error.format_message(), err=True)
        return error.exit_code
    hint = f" (see {context.command_path} --help)" if context is not None else ""
    option, reason = mistake(error, arguments, root())
    message = reason if option is None else f"{option}: {reason}"
    return report(f"{message}{hint}", error.exit_code, field=option, as_json=as_json)


def main() -> None:
    """Entry point of the installed command."""
    prepare_streams()
    if sys.stdout is None:
        sys.exit(report("standard output is closed; >/dev/null discards it", EXIT_PIPE_CLOSED, as_json=False))
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(EXIT_TERMINATED))
    # `nohup` has it ignored already, and is left to have its way.
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        signal.signal(signal.SIGHUP, hang_up)
    sys.exit(_run_to_the_last_byte(sys.argv[1:]))


def _run_to_the_last_byte(arguments: Sequence[str]) -> int:
    """Run one command line and write out what it printed; return its exit status."""
    try:
        status = run(arguments)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        discard_stdout()
        return EXIT_PIPE_CLOSED
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        discard_stdout()
        return report(f"output cannot be written: {error.strerror}", EXIT_UNREACHABLE, as_json=False)


if __name__ == "__main__":
    main()
