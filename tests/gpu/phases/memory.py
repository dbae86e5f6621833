"""What a loaded pair takes of each card, beside what the planner said."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path

from specreason.planning.memory import plan_memory
from tests.gpu.machine import used_gib
from tests.gpu.scene import Facts, Scene

# vLLM's own lines, each from one device of one engine.
WEIGHTS = re.compile(r"pid=(\d+).*Model loading took ([\d.]+) GiB")
GRAPHS = re.compile(r"pid=(\d+).*Graph capturing finished in .* took ([\d.]+) GiB")


async def memory(scene: Scene) -> Facts:
    """Plan and truth in GiB per device. `used` is of the fullest card, other processes included."""
    assert scene.config is not None
    assert scene.shaped is not None
    facts: dict[str, object] = {
        "logged": {"weights": _logged(scene.log, WEIGHTS), "graphs": _logged(scene.log, GRAPHS)}
    }
    if scene.machine.cards is None:
        return facts
    plan = plan_memory(scene.config, scene.shaped.shapes, scene.machine.cards)
    planned = {"base": asdict(plan.base), "drafter": asdict(plan.drafter)}
    return facts | {
        "card_gib": scene.machine.cards.card.memory_gib,
        "planned": planned,
        "planned_gib": round(plan.base.total_gib + plan.drafter.total_gib, 2),
        "used_gib": {"before": scene.machine.cards.used_gib, "after": used_gib()},
        "kv_tokens": plan.kv_tokens,
    }


def _logged(log: Path, pattern: re.Pattern[str]) -> dict[str, list[float]]:
    """The numbers in the lines that match, by process."""
    found: dict[str, list[float]] = defaultdict(list)
    for pid, gib in pattern.findall(log.read_text(errors="replace")):
        found[pid].append(float(gib))
    return dict(found)
