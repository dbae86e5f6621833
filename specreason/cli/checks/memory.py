"""Checks that a pair fits: weights and both KV caches into the memory of this machine, or of its GPUs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from specreason.cli.checks.finding import Finding, fail, ok, warn
from specreason.cli.checks.gpus import seen_gpus
from specreason.cli.checks.machine import runs_on_gpus
from specreason.engines.machine.gpus import Gpu, cards_among
from specreason.engines.machine.memory import MEMINFO, free_memory, text_of
from specreason.engines.machine.placement import is_planned, shapes_of
from specreason.engines.models.hub import known_weights
from specreason.errors import DoesNotFit, EngineDead, InputError
from specreason.pairs import PairConfig
from specreason.planning.memory import MemoryPlan, least_on_the_cpu, rough_least_on_the_cpu
from specreason.planning.needs import GIB, ROLES
from specreason.planning.remedies import plan_or_remedies
from specreason.planning.shapes import ModelShape
from specreason.words import counted

SMALLER = "name a smaller pair with --pair, or lower kv_cache_memory_bytes in pairs.toml"
OTHER_PAIR = "`specreason plan --pair NAME` tells of other pairs, and with --gpu of other cards"


def check_memory(pair: PairConfig) -> Finding:
    """Compare what the pair needs with the free memory of this machine, or with the memory of its GPUs."""
    if runs_on_gpus():
        return _check_gpu_memory(pair)
    try:
        needed = needed_on_the_cpu(pair)
    except InputError as error:
        return warn("memory", str(error), "what it needs is known once its models are here")
    if needed is None:
        return warn(
            "memory", "the size of its models is not known", "set weights_gib of both models in pairs.toml"
        )
    return judge_memory(needed, free_memory(), total=_total_memory())


def needed_on_the_cpu(pair: PairConfig) -> int | None:
    """Return the least bytes of both engines, None if the size of a model is not known.

    Raises InputError if a KV cache is left to the plan, and the shape of a model is not known.
    """
    if is_planned(pair):
        return least_on_the_cpu(pair, shapes_of(pair))
    sizes = {role: size for role in ROLES if (size := known_weights(pair.model(role))) is not None}
    return rough_least_on_the_cpu(pair, sizes) if len(sizes) == len(ROLES) else None


def judge_memory(needed: int, free: int | None, *, total: int | None) -> Finding:
    """Compare `needed` bytes with those that are free; `total` tells whether freeing some could help."""
    text = f"the pair needs {needed / GIB:.1f} GiB"
    if free is None:
        return warn("memory", text, "how much is free is not known here")
    text = f"{text}, {free / GIB:.1f} GiB are free"
    if needed <= free:
        return ok("memory", text)
    could_fit = total is not None and needed < total
    return fail("memory", text, f"free some, {SMALLER}" if could_fit else SMALLER)


def judge_gpu_memory(pair: PairConfig, shapes: Mapping[str, ModelShape], gpus: Sequence[Gpu]) -> Finding:
    """Plan the pair for the GPUs as if nothing else used them: what does is a finding of its own.

    Where they do not tell their memory, only a pair that names both KV caches can start (see `place`).
    """
    cards = cards_among(gpus, needed=pair.num_devices)
    if cards is None:
        text = "nvidia-smi does not tell how much the GPUs have"
        if is_planned(pair):
            return fail("memory", text, "set kv_cache_memory_bytes of both models in pairs.toml")
        return warn("memory", text, "the worker's log will tell whether the KV caches of pairs.toml fit")
    try:
        return ok("memory", in_words(plan_or_remedies(pair, shapes, replace(cards, used_gib=0.0))))
    except DoesNotFit as error:
        return fail("memory", str(error), OTHER_PAIR)
    except InputError as error:
        return fail("memory", str(error), "correct pairs.toml")


def in_words(plan: MemoryPlan) -> str:
    """Return what a plan comes to, in one line."""
    parts = (("base", plan.base), ("drafter", plan.drafter))
    return (
        f"KV caches of {plan.kv_tokens:,} tokens, {counted(plan.slots, 'slot')}; on each GPU "
        + " and ".join(f"{share.total_gib:.1f} GiB for the {role}" for role, share in parts)
    )


def _check_gpu_memory(pair: PairConfig) -> Finding:
    try:
        return judge_gpu_memory(pair, shapes_of(pair), seen_gpus() or ())
    except InputError as error:
        return warn("memory", str(error), "the worker's log will tell")
    except EngineDead as error:
        return warn("memory", f"how much the GPUs have is not known: {error}", "nvidia-smi")


def _total_memory() -> int | None:
    total = re.search(r"^MemTotal: +(\d+)", text_of(MEMINFO) or "", re.MULTILINE)
    return None if total is None else 1024 * int(total[1])
