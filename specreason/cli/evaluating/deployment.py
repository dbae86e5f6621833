"""Where an evaluation runs: at an API that is there, or on a stack of its own whose data are kept.

A machine holds one pair at a time, so a stack of its own runs the worker of one pair after that of another.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from specreason.cli.connection import LONG_PATIENCE_S, connected
from specreason.cli.running import absolute, command_for, find_running
from specreason.cli.show.output import print_message
from specreason.client import Client
from specreason.errors import InvalidField, SpecReasonError
from specreason.settings import load_settings

if TYPE_CHECKING:
    from specreason.cli.local.stack import Stack

# How long an API that nobody named is looked for.
LOOK_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """The API's URL, and a client. `stack` is the one that this command has started; None: others run its parts."""

    url: str
    client: Client
    stack: Stack | None = None
    slots: int | None = None

    def check(self) -> None:
        """Raise EmbeddedServerError if a part of the command's own stack has ended by itself."""
        if self.stack is not None:
            self.stack.check()

    @contextmanager
    def serving(self, pair: str) -> Iterator[Deployment]:
        """Run a worker of the pair on the command's own stack until the end of the block."""
        if self.stack is None:
            yield self
            return
        from specreason.cli.local.stack import running_worker

        with running_worker(self.stack, pair=pair, slots=self.slots, announce=print_message) as stack:
            yield Deployment(url=self.url, client=self.client, stack=stack, slots=self.slots)
            print_message(f"Stopping the worker of '{pair}'")


def url_of_api(named: str | None, data_dir: Path | None) -> str | None:
    """The API to use: the one that the user named, that of `specreason up` on this folder, or one that answers.

    None: there is none. With a folder of the user's, only an `up` on this folder counts. Raises InvalidField for a
    folder beside an API that is named.
    """
    settings = load_settings()
    if named is not None or "api_url" in settings.model_fields_set:
        url = named or settings.api_url
        if data_dir is not None:
            reason = f"has no effect: {'--api' if named else 'SPECREASON_API_URL'} names the API at {url}"
            raise InvalidField("--data-dir", reason)
        return url
    if (running := find_running(absolute(data_dir))) is not None:
        return running.api_url
    if data_dir is None:
        with suppress(SpecReasonError), connected(None, patience_s=0.0, timeout_s=LOOK_S) as client:
            client.health()
            return settings.api_url
    return None


def hint(command: str, api_url: str | None, data_dir: Path | None) -> str:
    """A command to go on with, such that it finds what was run: at that API, or on the folder of an own stack."""
    if api_url is None:
        return f"with `{command_for('up', absolute(data_dir))}` running, `{command}`"
    is_found = api_url == load_settings().api_url
    return f"`{command}`" if is_found else f"`{command} --api {shlex.quote(api_url)}`"


def served_pairs(api_url: str) -> set[str]:
    """The pairs that live workers hold."""
    with connected(api_url) as client:
        return {worker.pair for worker in client.workers() if worker.alive}


@contextmanager
def opened(
    api_url: str | None, *, pairs: Sequence[str], data_dir: Path | None, slots: int | None
) -> Iterator[Deployment]:
    """Connect to the API, or start a stack whose API serves the block. `pairs` are those that it is to run.

    Raises InputError if this machine cannot run one of them, before anything is started.
    """
    if api_url is not None:
        with connected(api_url, patience_s=LONG_PATIENCE_S) as client:
            yield Deployment(url=api_url, client=client)
        return
    from specreason.cli.checks.preflight import check_before_start

    folder = absolute(data_dir)
    for pair in pairs:
        check_before_start(pair, folder)
    from specreason.cli.local.stack import running_api

    with (
        running_api(folder, pairs=pairs, port=0, slots=slots, announce=print_message) as stack,
        connected(stack.api_url, patience_s=LONG_PATIENCE_S) as client,
    ):
        yield Deployment(url=stack.api_url, client=client, stack=stack, slots=slots)
        print_message(f"Stopping everything; the data stay in {folder}")
