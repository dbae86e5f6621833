"""The helper process of `bounded`: `python -m specreason.grading.helper NAME FD CPU_S MEMORY_BYTES`.

It loads the grader called NAME, says so on the connection FD, and then answers each message on it until the other end
is closed. A grade is one JSON object; `is_fit` is false if no other answer should come here.
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

from specreason.grading.graders import Grader, load_grader
from specreason.grading.verdict import GIVEN_UP, Verdict

# Of ordinary kinds: they load what a grader loads late, and each parser fills its caches.
SAMPLES = (
    ("1/2", "0.5"),
    ("x^2+1", "1+x^2"),
    (r"\frac{\sqrt{3}}{2}", r"\frac{3}{2\sqrt{3}}"),
    ("(1, 2]", "x"),
)
LONGEST_LAYER, LONGEST_WHY = 100, 1_000  # characters
# A helper that has kept this share of its memory ends: what is left must do for any ordinary answer.
MOST_KEPT = 0.25


def main() -> None:
    name, fd, cpu_s, memory_bytes = sys.argv[1], *map(int, sys.argv[2:])
    connection = Connection(fd)
    _be_silent()
    try:
        grader = load_grader(name)
        for answer, gold in SAMPLES:
            grader(answer, gold)
    except Exception as error:
        _send(connection, {"error": f"{type(error).__name__}: {error}"[:LONGEST_WHY]})
        return
    before = _address_space()
    _limit_memory(before + memory_bytes)
    _send(connection, {"grader": grader.name})
    while True:
        try:
            answer, gold = json.loads(connection.recv_bytes())
        except EOFError:
            return
        _limit_time(cpu_s)
        grade = _grade(grader, answer, gold, memory_bytes)
        has_kept = _address_space() - before > MOST_KEPT * memory_bytes
        _send(connection, grade | {"is_fit": not has_kept and grade["layer"] != GIVEN_UP})


def _grade(grader: Grader, answer: str | None, gold: str, memory_bytes: int) -> dict[str, Any]:
    try:
        verdict = grader(answer, gold)
    except MemoryError:
        verdict = _none(f"it took more than {memory_bytes >> 20} MiB of memory")
    except RecursionError:
        verdict = _none("it is nested too deeply")
    except Exception as error:
        verdict = _none(f"the grader failed with {type(error).__name__}: {error}")
    return {
        "is_correct": bool(verdict.is_correct),
        "layer": str(verdict.layer)[:LONGEST_LAYER],
        "why": str(verdict.why)[:LONGEST_WHY],
        "given_up": verdict.is_given_up,
    }


def _none(why: str) -> Verdict:
    return Verdict(is_correct=False, layer=GIVEN_UP, why=why)


def _be_silent() -> None:
    """Write nothing anywhere: graders print and log what they cannot read, which is a user's text."""
    logging.disable(logging.CRITICAL)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):
        os.dup2(nothing, stream)


def _address_space() -> int:
    """Bytes of this process's address space; 0 where there is no /proc."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except FileNotFoundError:
        return 0


def _limit_memory(most: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        _lower(resource.RLIMIT_AS, most)


def _limit_time(seconds: int) -> None:
    """Let the kernel end this process by SIGXCPU once it has computed for `seconds` more, or up to one beyond."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _lower(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + 1 + seconds)


def _lower(limit: int, wanted: int) -> None:
    """Set the soft limit; a machine's own hard limit stays above it."""
    _, hard = resource.getrlimit(limit)
    resource.setrlimit(limit, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def _send(connection: Connection, message: dict[str, Any]) -> None:
    connection.send_bytes(json.dumps(message).encode())


if __name__ == "__main__":
    main()
