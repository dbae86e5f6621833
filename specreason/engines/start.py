"""Starts the two engines of a pair, each in a process of its own."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from specreason.engines.base import Role
from specreason.engines.machine.cores import available_cores, split_cores
from specreason.engines.machine.leftovers import own_folder
from specreason.engines.machine.placement import Placement
from specreason.engines.machine.platform import Device
from specreason.engines.padded.drafter import PaddedDrafter
from specreason.engines.tokenizer import HFTokenizer, first_line
from specreason.errors import EngineDead, InputError
from specreason.pairs import PairConfig

if TYPE_CHECKING:
    from vllm.config import VllmConfig

    from specreason.engines.vllm.engine import VllmEngine

# On a GPU: what is wrong with the machine shows before the large model is read.
START_ORDER = (Role.DRAFTER, Role.BASE)


async def start_engines(
    name: str,
    config: PairConfig,
    device: Device,
    tokenizers: Mapping[Role, HFTokenizer],
    *,
    placement: Placement,
    announce: Callable[[str], None],
    padded: PaddedDrafter | None,
) -> dict[Role, VllmEngine]:
    """Start both engines: at once on the CPU, because imports take most of the time; in START_ORDER on a GPU, because
    each compares its share with the free memory.

    Raises InputError for a configuration that vLLM refuses, and EngineDead for the first engine that does not start:
    then none of them stays.
    """
    try:
        configs = await asyncio.to_thread(
            _configs, config, device, tokenizers, placement=placement, padded=padded
        )
    # A value of the wrong kind in engine_args may be any of these.
    except (ValueError, TypeError, AssertionError, OSError) as error:
        raise InputError(f"pair {name}: vLLM refuses its configuration: {_why(error)}") from error

    async def start(role: Role) -> VllmEngine:
        announce(f"Loading the {role} {config.model(role).model}")
        return await asyncio.to_thread(_start, configs[role], tokenizers[role])

    at_once: list[tuple[Role, ...]] = (
        [START_ORDER] if device is Device.CPU else [(role,) for role in START_ORDER]
    )
    engines: dict[Role, VllmEngine] = {}
    for roles in at_once:
        results = await asyncio.gather(*map(start, roles), return_exceptions=True)
        failures = {}
        for role, result in zip(roles, results, strict=True):
            if isinstance(result, BaseException):
                failures[role] = result
            else:
                engines[role] = result
        for role, failure in failures.items():
            await asyncio.gather(*(engine.close() for engine in engines.values()))
            raise EngineDead(
                f"pair {name}: the {role}'s engine did not start: {first_line(failure)}"
            ) from failure
    return engines


def _configs(
    config: PairConfig,
    device: Device,
    tokenizers: Mapping[Role, HFTokenizer],
    *,
    placement: Placement,
    padded: PaddedDrafter | None,
) -> dict[Role, VllmConfig]:
    from specreason.engines.vllm.setup import engine_config

    cores: dict[Role, list[int] | None] = dict.fromkeys(Role)
    if device is Device.CPU:
        ranks = (config.drafter.tensor_parallel_size, config.base.tensor_parallel_size)
        cores = dict(zip((Role.DRAFTER, Role.BASE), split_cores(available_cores(), ranks=ranks), strict=True))
    return {
        role: engine_config(
            role,
            config,
            cores=cores[role],
            share=placement.shares.get(role),
            draft_model=padded.folder if padded is not None else None,
            tokenizer_folder=_saved(role, tokenizers[role]),
        )
        for role in Role
    }


def _start(config: VllmConfig, tokenizer: HFTokenizer) -> VllmEngine:
    from specreason.engines.vllm.engine import VllmEngine

    return VllmEngine(config, tokenizer)


def _saved(role: Role, tokenizer: HFTokenizer) -> Path:
    """A folder with our tokenizer, for vLLM to find stop strings with.

    By itself it would load the class that the model names, and that of R1-Distill-Llama writes "\\n\\n" as "ĊĊ".
    """
    folder = Path(tempfile.mkdtemp(prefix=f"{role}-tokenizer-", dir=own_folder()))
    tokenizer.save(folder)
    return folder


def _why(error: Exception) -> str:
    """The reason in one line. The first line of a pydantic error only counts its errors."""
    return str(error.errors()[0]["msg"]) if isinstance(error, ValidationError) else first_line(error)
