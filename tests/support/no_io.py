"""Forbids unit tests what would make them slow or different on other machines. They may read the repository's files."""

from __future__ import annotations

import asyncio
import multiprocessing.process
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import psycopg
import pytest

from tests.support.virtual_time import VirtualTimeLoop

HEAVY = ("torch", "transformers", "vllm")
_sleep = asyncio.sleep
FORBIDDEN: tuple[tuple[object, str, str], ...] = (
    (subprocess.Popen, "__init__", "starts a process"),
    (multiprocessing.process.BaseProcess, "start", "starts a process"),
    (os, "fork", "starts a process"),
    (os, "posix_spawn", "starts a process"),
    (os, "system", "starts a process"),
    (socket.socket, "connect", "opens a socket"),
    (socket.socket, "connect_ex", "opens a socket"),
    (socket.socket, "bind", "opens a socket"),
    (psycopg, "connect", "opens a database"),
    (psycopg.Connection, "connect", "opens a database"),
    (time, "sleep", "sleeps"),
)


class DoesIO(AssertionError):
    """A unit test did something that belongs in tests/integration."""

    def __init__(self, what: str) -> None:
        super().__init__(f"a test under tests/unit {what}; such tests live in tests/integration")


class _NoHeavyModules:
    """The first finder of imports while the block runs."""

    def find_spec(self, name: str, *_: object) -> None:
        if name in HEAVY:
            raise DoesIO(f"imports {name}")


@contextmanager
def no_io() -> Iterator[None]:
    """Until the end of the block, every call of FORBIDDEN, a sleep in real time and a heavy import raise DoesIO."""
    with pytest.MonkeyPatch.context() as patch:
        for owner, name, what in FORBIDDEN:
            patch.setattr(owner, name, _refusal(what))
        patch.setattr(asyncio, "sleep", _sleep_in_virtual_time)
        for name in [name for name in sys.modules if name.partition(".")[0] in HEAVY]:
            patch.delitem(sys.modules, name)
        patch.setattr(sys, "meta_path", [_NoHeavyModules(), *sys.meta_path])
        yield


async def _sleep_in_virtual_time(delay: float, result: Any = None) -> Any:
    """The sleep of asyncio. Raises DoesIO on a loop with a real clock; a delay of 0 only lets other tasks run."""
    if delay > 0 and not isinstance(asyncio.get_running_loop(), VirtualTimeLoop):
        raise DoesIO("sleeps")
    return await _sleep(delay, result)


def _refusal(what: str) -> Callable[..., NoReturn]:
    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise DoesIO(what)

    return refuse
