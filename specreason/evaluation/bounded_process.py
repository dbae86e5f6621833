"""The process in which `bounded` runs a grader: `python -m specreason.evaluation.bounded_process NAME FD`.

It answers each message on the connection, until the connection is closed.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from specreason.evaluation.bounded import CPU_S, MEMORY_BYTES
from specreason.evaluation.graders import Grader, load_grader

# What people do write: with these each part of a grader is loaded before the limits are set.
_SAMPLES = (("1/2", "0.5"), ("x^2+1", "1+x^2"), ("\\sqrt{2}", "\\sqrt[4]{4}"))


def main() -> None:
    name, fd = sys.argv[1:]
    connection = Connection(int(fd))
    # Graders log what they cannot read, which is a user's text; and nobody reads their stdout.
    logging.disable(logging.CRITICAL)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):
        os.dup2(nothing, stream)
    try:
        grader = load_grader(name)
        for answer, gold in _SAMPLES:
            grader(answer, gold)
    except BaseException as error:
        _send(connection, {"error": f"{type(error).__name__}: {error}"[:1000]})
        raise
    _limit_memory()
    _send(connection, {"grader": grader.name})
    while True:
        try:
            answer, gold = json.loads(connection.recv_bytes())
        except EOFError:
            return
        _limit_time()
        _send(connection, _judge(grader, answer, gold))


def _judge(grader: Grader, answer: str | None, gold: str) -> dict[str, Any]:
    try:
        verdict = grader(answer, gold)
    except MemoryError:
        return _given_up(f"the grader needed more than {MEMORY_BYTES >> 20} MiB of memory")
    except RecursionError:
        return _given_up("the answer is nested too deeply")
    except Exception as error:
        return _given_up(f"the grader failed: {type(error).__name__}")
    return {"is_correct": verdict.is_correct, "layer": verdict.layer[:100], "why": verdict.why[:1000]}


def _given_up(why: str) -> dict[str, Any]:
    return {"is_correct": False, "layer": "given up", "why": why, "given_up": True}


def _limit_memory() -> None:
    """From here on the address space may grow by MEMORY_BYTES."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY_BYTES, hard))


def _limit_time() -> None:
    """The kernel ends this process by SIGXCPU once it has computed for CPU_S seconds more."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + 1 + CPU_S, hard))


def _send(connection: Connection, message: dict[str, Any]) -> None:
    connection.send_bytes(json.dumps(message).encode())


if __name__ == "__main__":
    main()
