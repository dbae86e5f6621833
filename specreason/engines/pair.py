"""Loads a pair: two engines, checked against each other, and the fingerprint that names them."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import threading
from collections.abc import Callable, Collection, Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING

from specreason.engines.base import ModelPair, Role
from specreason.engines.fingerprint import fingerprint
from specreason.engines.judge import judge_suffix
from specreason.engines.machine.placement import place
from specreason.engines.machine.platform import Device, check_platform, set_defaults
from specreason.engines.models.generation import defaults_in
from specreason.engines.models.hub import local_folder
from specreason.engines.padded.write import ready_padded_drafter
from specreason.engines.start import start_engines
from specreason.engines.tokenizer import HFTokenizer, digit_ids, first_line
from specreason.engines.vllm.engine_args import check_engine_args, vllm_arguments
from specreason.engines.vllm.warm_up import Question, rounds_for, warm_up
from specreason.errors import EngineDead, InputError
from specreason.pairs import PairConfig

if TYPE_CHECKING:
    from specreason.engines.vllm.engine import VllmEngine

log = logging.getLogger(__name__)

Announce = Callable[[str], None]
# An engine's process may appear after the reason to end it.
KILL_EVERY_S = 0.25


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
    defaults = {role: defaults_in(folders[role]) for role in Role}
    placement = await asyncio.to_thread(place, local, device)
    padded = await asyncio.to_thread(ready_padded_drafter, config)
    templates = {role: tokenizers[role].chat_template for role in Role}
    leaving = threading.Event()
    # Beside loading: it reads the same files.
    naming = asyncio.create_task(
        asyncio.to_thread(
            fingerprint, config, folders, suffix, templates, padded=padded, given_up=leaving.is_set
        )
    )
    ending = asyncio.create_task(_end_start_without(naming, spare=multiprocessing.active_children()))
    try:
        try:
            engines = await start_engines(
                name, local, device, tokenizers, placement=placement, padded=padded, announce=announce
            )
        except EngineDead:
            if naming.done():
                await _named(name, naming)  # raises why the engines were ended, if they were
            raise
        finally:
            ending.cancel()
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
        num_devices=1 if device is Device.CPU else config.num_devices,
    )


async def close_pair(pair: ModelPair) -> None:
    """End both engines and their processes. Calls in flight fail with EngineDead."""
    await asyncio.gather(pair.drafter.close(), pair.base.close())


async def _named(name: str, naming: asyncio.Task[str]) -> str:
    try:
        return await naming
    except OSError as error:
        raise InputError(f"pair {name}: a model's files cannot be read: {first_line(error)}") from error


async def _end_start_without(naming: asyncio.Task[str], *, spare: Collection[BaseProcess]) -> None:
    """If `naming` fails, end the start at once: kill all child processes but `spare`, which were there before."""
    await asyncio.wait({naming})
    while naming.exception() is not None:
        for process in multiprocessing.active_children():
            if process not in spare:
                process.kill()
        await asyncio.sleep(KILL_EVERY_S)


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
            for role in Role
        )
    )


def _folders(name: str, config: PairConfig) -> dict[Role, Path]:
    """The folders of both models' files."""
    folders = {}
    for role in Role:
        try:
            folders[role] = local_folder(config.model(role))
        except InputError as error:
            raise InputError(f"pair {name}: {role}.model: {error}") from error
    return folders


def _from_folders(config: PairConfig, folders: Mapping[Role, Path]) -> PairConfig:
    """The same pair with the folders of its models in place of their ids."""
    models = {
        role.value: config.model(role).model_copy(update={"model": str(folders[role]), "revision": None})
        for role in Role
    }
    return config.model_copy(update=models)


def _load_tokenizers(config: PairConfig) -> dict[Role, HFTokenizer]:
    tokenizers = {}
    for role in Role:
        model = config.model(role)
        tokenizers[role] = HFTokenizer.load(
            model.model, revision=model.revision, chat_template=model.chat_template
        )
    return tokenizers
