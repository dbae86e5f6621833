"""Loads a pair: two engines, checked against each other, and the fingerprint that names them."""

from __future__ import annotations

import asyncio
import logging
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from specreason.engines.base import ModelPair, Role
from specreason.engines.fingerprint import ROLES, fingerprint
from specreason.engines.judge import judge_suffix
from specreason.engines.machine.cores import available_cores, split_cores
from specreason.engines.machine.leftovers import own_folder
from specreason.engines.machine.placement import Placement, place
from specreason.engines.machine.platform import Device, check_platform, set_defaults
from specreason.engines.models.generation import defaults_in
from specreason.engines.models.hub import local_folder
from specreason.engines.padded.drafter import PaddedDrafter
from specreason.engines.padded.write import ready_padded_drafter
from specreason.engines.tokenizer import HFTokenizer, digit_ids, first_line
from specreason.engines.vllm.engine_args import check_engine_args, vllm_arguments
from specreason.engines.vllm.warm_up import Question, rounds_for, warm_up
from specreason.errors import EngineDead, InputError
from specreason.pairs import PairConfig

if TYPE_CHECKING:
    from vllm.config import VllmConfig

    from specreason.engines.vllm.engine import VllmEngine

log = logging.getLogger(__name__)

Announce = Callable[[str], None]


async def load_pair(name: str, config: PairConfig, announce: Announce = log.info) -> ModelPair:
    """Start both engines and wait until they serve: seconds for a small pair, minutes for a large one.

    The models' files must be here: this asks no hub. `announce` gets a line for each stage. Raises InputError for a
    mistake that the user can correct, EngineDead if an engine does not start. After an error no process stays behind.
    """
    device = check_platform()
    set_defaults(device, speculates=config.speculation is not None)
    check_engine_args(name, config, known=vllm_arguments(), device=device)
    folders = _folders(name, config)
    local = _from_folders(config, folders)
    tokenizers = await asyncio.to_thread(_load_tokenizers, local)
    suffix = judge_suffix(config, tokenizers[Role.BASE])
    digits = digit_ids(tokenizers[Role.BASE], suffix)
    defaults = {role: defaults_in(folders[role]) for role in ROLES}
    placement = await asyncio.to_thread(place, local, device)
    padded = await asyncio.to_thread(ready_padded_drafter, config)
    templates = {role: tokenizers[role].chat_template for role in ROLES}
    leaving = threading.Event()
    # Beside loading: it reads the same files.
    naming = asyncio.create_task(
        asyncio.to_thread(
            fingerprint, config, folders, suffix, templates, padded=padded, given_up=leaving.is_set
        )
    )
    try:
        engines = await _start_engines(
            name, local, device, tokenizers, placement=placement, padded=padded, announce=announce
        )
        try:
            if not naming.done():
                announce("Hashing the rest of the weights")
            identity = await _named(name, naming)
            question = Question(suffix=tokenizers[Role.BASE].encode(suffix), digits=digits)
            await _warm_up(config, engines, device, question, announce)
        except BaseException:
            await asyncio.gather(*(engine.close() for engine in engines.values()))
            raise
    finally:
        leaving.set()
        await asyncio.gather(naming, return_exceptions=True)
    return ModelPair(
        name=name,
        fingerprint=identity,
        drafter=engines[Role.DRAFTER],
        base=engines[Role.BASE],
        judge_suffix=suffix,
        prompt=config.prompt,
        threshold=config.threshold,
        base_speculates=config.speculation is not None,
        generation_defaults=defaults,
        slots=placement.slots,
    )


async def close_pair(pair: ModelPair) -> None:
    """End both engines and their processes. Calls in flight fail with EngineDead."""
    await asyncio.gather(pair.drafter.close(), pair.base.close())


async def _named(name: str, naming: asyncio.Task[str]) -> str:
    try:
        return await naming
    except OSError as error:
        raise InputError(f"pair {name}: a model's files cannot be read: {first_line(error)}") from error


async def _warm_up(
    config: PairConfig,
    engines: Mapping[Role, VllmEngine],
    device: Device,
    question: Question,
    announce: Announce,
) -> None:
    """Warm both engines at once. The base alone is asked for scores."""
    await asyncio.gather(
        *(
            warm_up(
                role,
                engines[role],
                rounds_for(device, config.model(role).max_num_seqs),
                announce,
                question=question if role is Role.BASE else None,
            )
            for role in ROLES
        )
    )


def _folders(name: str, config: PairConfig) -> dict[Role, Path]:
    """The folders of both models' files."""
    folders = {}
    for role in ROLES:
        try:
            folders[role] = local_folder(config.model(role))
        except InputError as error:
            raise InputError(f"pair {name}: {role}.model: {error}") from error
    return folders


def _from_folders(config: PairConfig, folders: Mapping[Role, Path]) -> PairConfig:
    """The same pair with the folders of its models in place of their ids."""
    models = {
        role.value: config.model(role).model_copy(update={"model": str(folders[role]), "revision": None})
        for role in ROLES
    }
    return config.model_copy(update=models)


async def _start_engines(
    name: str,
    config: PairConfig,
    device: Device,
    tokenizers: dict[Role, HFTokenizer],
    *,
    placement: Placement,
    announce: Announce,
    padded: PaddedDrafter | None,
) -> dict[Role, VllmEngine]:
    """Start both engines: at once on the CPU, because imports take most of the time; one after the other on a GPU,
    because each compares its share with the free memory."""
    cores: dict[Role, list[int] | None] = dict.fromkeys(ROLES)
    if device is Device.CPU:
        ranks = (config.drafter.tensor_parallel_size, config.base.tensor_parallel_size)
        cores = dict(zip(ROLES, split_cores(available_cores(), ranks=ranks), strict=True))

    def configure() -> dict[Role, VllmConfig]:
        from specreason.engines.vllm.setup import engine_config

        draft_model = padded.folder if padded is not None else None
        return {
            role: engine_config(
                role,
                config,
                cores=cores[role],
                share=placement.shares.get(role),
                draft_model=draft_model,
                tokenizer_folder=_saved(role, tokenizers[role]),
            )
            for role in ROLES
        }

    def start(role: Role, engine_config: VllmConfig) -> VllmEngine:
        from specreason.engines.vllm.engine import VllmEngine

        return VllmEngine(engine_config, tokenizers[role])

    try:
        configs = await asyncio.to_thread(configure)
    # A value of the wrong kind in engine_args may be any of these.
    except (ValueError, TypeError, AssertionError, OSError) as error:
        raise InputError(f"pair {name}: vLLM refuses its configuration: {_why(error)}") from error
    limit = asyncio.Semaphore(2 if device is Device.CPU else 1)

    async def start_within_limit(role: Role) -> VllmEngine:
        async with limit:
            announce(f"Loading the {role} {config.model(role).model}")
            return await asyncio.to_thread(start, role, configs[role])

    results = await asyncio.gather(*map(start_within_limit, ROLES), return_exceptions=True)
    engines, failures = {}, {}
    for role, result in zip(ROLES, results, strict=True):
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


def _load_tokenizers(config: PairConfig) -> dict[Role, HFTokenizer]:
    tokenizers = {}
    for role in ROLES:
        model = config.model(role)
        tokenizers[role] = HFTokenizer.load(
            model.model, revision=model.revision, chat_template=model.chat_template
        )
    return tokenizers


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
