"""What keeps a unit test quick and alike on every machine: no process, no network, no model library, no sleep."""

from __future__ import annotations

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

HEAVY = ("torch", "transformers", "vllm")
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
    """A unit test did what belongs into tests/integration."""

    def __init__(self, what: str) -> None:
        super().__init__(f"a test under tests/unit {what}; such tests live in tests/integration")


class _NoHeavyModules:
    """The first finder of imports while the block runs."""

    def find_spec(self, name: str, *_: object) -> None:
        if name in HEAVY:
            raise DoesIO(f"imports {name}")


@contextmanager
def no_io() -> Iterator[None]:
    """While the block runs, everything that is listed above raises DoesIO."""
    with pytest.MonkeyPatch.context() as patch:
        for owner, name, what in FORBIDDEN:
            patch.setattr(owner, name, _refusal(what))
        for name in [name for name in sys.modules if name.partition(".")[0] in HEAVY]:
            patch.delitem(sys.modules, name)
        patch.setattr(sys, "meta_path", [_NoHeavyModules(), *sys.meta_path])
        yield


def _refusal(what: str) -> Callable[..., NoReturn]:
    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise DoesIO(what)

    return refuse
