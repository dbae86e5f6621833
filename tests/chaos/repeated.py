"""Steps that were computed more than once, from the engines' own log: what the faults cost."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from specreason.store.session import Database, transaction

WRITERS = text(
    """
    SELECT substring(problem.text FROM '\\d+')::int AS number, step.index AS step_index, worker.pid
    FROM step JOIN job ON job.id = step.job_id JOIN problem ON problem.id = job.problem_id
    JOIN attempt ON attempt.job_id = step.job_id AND attempt.fence = step.fence
    JOIN worker ON worker.id = attempt.worker_id
    JOIN batch ON batch.id = job.batch_id AND NOT (batch.config ->> 'overlap')::boolean
    """
)
LINE = re.compile(r"^\S+ (\d+) (\d+) (\d+)$", re.MULTILINE)


@dataclass(slots=True)
class _Stretch:
    """Steps of one job that one process began one after the other: a claim, or several without a repeat."""

    last: int
    num_in_vain: int = 0


def repeated_steps(database: Database, log: Path) -> dict[str, int]:
    """Steps begun whose result was not kept. `max` of them in one stretch: a crash costs at most two.

    They are the one that awaits its commit and the one in progress. Of jobs without overlap: with it, drafts are begun
    in vain at every rejection.
    """
    with transaction(database) as connection:
        writers = {(row.number, row.step_index): row.pid for row in connection.execute(WRITERS)}
    kept: set[tuple[int, int]] = set()
    numbers = {number for number, _ in writers}
    stretches: dict[tuple[int, int], list[_Stretch]] = defaultdict(list)
    # The last start by the process that stored the step is the one that was kept.
    for pid, number, index in reversed([tuple(map(int, found)) for found in LINE.findall(log.read_text())]):
        if number not in numbers:
            continue
        mine = stretches[pid, number]
        if not mine or mine[-1].last != index + 1:
            mine.append(_Stretch(last=index))
        mine[-1].last = index
        if writers.get((number, index)) == pid and (number, index) not in kept:
            kept.add((number, index))
        else:
            mine[-1].num_in_vain += 1
    costs = [each.num_in_vain for mine in stretches.values() for each in mine if each.num_in_vain]
    return {"total": sum(costs), "max": max(costs, default=0), "interruptions": len(costs)}
